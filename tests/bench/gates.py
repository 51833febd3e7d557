#!/usr/bin/env python3
"""Gates on what a request costs, by what can be counted and does not depend on who else uses the machine.

System calls (strace), instructions in user space (callgrind), allocations (a preloaded library), memory of an idle
connection and at the start (/proc). One data loop, access log off, metrics and statistics on; connections are open and
warm before anything is counted. The limits and their reasons are in limits.json; a better figure tightens one by hand.

  tests/bench/gates.py                 all of them; exit 1 if one is exceeded. TURNOUT_BUILD=build/release for what is shipped
  tests/bench/gates.py calls memory    only these kinds: calls instructions allocations memory
  tests/bench/gates.py --json FILE     and what was found, as JSON
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import cases, counting  # noqa: E402
from bench.tools import Backend, WarmClient, run_client, tool  # noqa: E402
from support.proxy import Proxy  # noqa: E402

LIMITS = json.loads((Path(__file__).parent / "limits.json").read_text())
REQUESTS, WARM, PREPARING = 4000, 400, 1000


class Gates:
    def __init__(self, folder, backend):
        self.folder, self.backend = Path(folder), backend
        self.found, self.exceeded = {}, []

    def report(self, name, figure, note=""):
        """Holds a figure to its limit."""
        limit, goal = LIMITS[name]["limit"], LIMITS[name].get("goal")
        is_good = figure <= limit
        note = note or (f"goal {goal:,}" if goal is not None and figure > goal else "")
        self.found[name] = {"figure": figure, "limit": limit, "is_good": is_good, "note": note}
        if not is_good:
            self.exceeded.append(name)
        shown = f"{figure:,.3f}".rstrip("0").rstrip(".")
        print(f"{'ok  ' if is_good else 'OVER'} {name:28} {shown:>12}  limit {limit:,}{'  ' if note else ''}{note}", flush=True)

    def proxy(self, case, name, argv=None, env=None, **top):
        """A running proxy; argv wraps its command line."""
        proxy = Proxy(self.folder / f"{name}-{case}", cases.config(case, self.backend, **top))
        if argv:
            proxy.argv = argv(proxy.argv)
        proxy.env = env
        return proxy.launch().wait_ready(60)

    def measured(self, proxy, case, around, connections=16, requests=REQUESTS, lockstep=True, **options):
        """around(run) counts what happens while run() sends the requests. Checks that they went where they should."""
        # More at once than will be needed, so that not one connection to the service is opened later.
        run_client(proxy.address[1], connections=3 * connections, requests=PREPARING, **cases.CLIENT[case])
        before = self.backend.counts()
        with WarmClient(proxy.address[1], connections=connections, warm=WARM, requests=requests, lockstep=lockstep,
                        **cases.CLIENT[case], **options) as client:
            result = around(client.measure)
        counts = self.backend.counts()
        arrived = {v: counts[v] - before[v] for v in counts}
        check_arrived(case, arrived, requests + WARM)
        return result

    def calls(self):
        steady, notes = 0, []
        for case in cases.CLIENT:
            worst = 0
            for connections in (1, 16):
                proxy = self.proxy(case, f"calls{connections}")
                counts = self.measured(proxy, case, lambda run: counting.system_calls([proxy.pid], proxy.folder, run), connections)
                proxy.stop(20)
                worst = max(worst, sum(n for name, n in counts.items() if name in counting.DATA) / REQUESTS)
                found = {name: n for name, n in counts.items() if name in counting.STEADY}
                steady += sum(found.values())
                notes += [f"{case}, {connections} connections: {found}"] if found else []
            self.report(f"data calls, {case}", worst)
        self.report("steady calls", steady, "; ".join(notes))

    def instructions(self):
        for case in cases.CLIENT:
            dumps = self.folder / f"instructions-{case}" / "callgrind.out"
            proxy = self.proxy(case, "instructions", lambda argv: counting.under_callgrind(argv, dumps.parent)[0])
            total = self.measured(proxy, case, lambda run: counting.instructions(proxy.pid, dumps, run), requests=2000)
            proxy.stop(60)
            self.report(f"instructions, {case}", round(total / 2000))
        plain, mirrored = (self.found[f"instructions, {c}"]["figure"] for c in ("plain", "mirror"))
        self.report("mirror to plain", mirrored / plain)

    def allocations(self):
        others = 0
        for case in cases.CLIENT:
            allocations = counting.Allocations(self.folder / f"allocations-{case}", tool("allocations.so"))
            proxy = self.proxy(case, "allocations", env=allocations.env)

            def between(run):
                before = allocations.calls()
                run()
                after = allocations.calls()
                return {thread: after[thread] - before.get(thread, 0) for thread in after}

            by_thread = self.measured(proxy, case, between)
            loop = data_loop(proxy.pid)
            assert loop in by_thread, "the data loop never allocated, not at its start either: nothing was counted"
            in_loop = by_thread.pop(loop)
            proxy.stop(20)
            others = max(others, sum(by_thread.values()))
            self.report(f"allocations, {case}", in_loop / REQUESTS)
        self.report("allocations, other threads", others / REQUESTS)

    def memory(self):
        proxy = self.proxy("plain", "memory")
        self.report("memory at start", counting.memory(proxy.pid)["Rss"])
        # The first connections warm up what all share: the difference between many and few is what one costs.
        few, more = 500, 2000
        with WarmClient(proxy.address[1], connections=few, serial=True):
            before = counting.memory(proxy.pid)["Anonymous"]
            with WarmClient(proxy.address[1], connections=more, serial=True):
                after = counting.memory(proxy.pid)["Anonymous"]
        proxy.stop(20)
        self.report("idle connection", (after - before) / more)


def data_loop(pid):
    """The thread id of the only data loop: the busiest one behind us."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return max((int((task / "schedstat").read_text().split()[0]), int(task.name)) for task in tasks)[1]


def check_arrived(case, arrived, requests):
    """A gate on work that was not done is none."""
    wanted = {"plain": (requests, 0, 0), "split": (requests * 9 // 10, requests // 10, 0), "ab": (requests // 2, requests // 2, 0),
              "mirror": (requests, 0, requests)}.get(case)
    got = tuple(arrived[v] for v in ("blue", "green", "shadow"))
    if sum(got[:2]) != requests or wanted and any(abs(w - g) > max(2, requests / 100) for w, g in zip(wanted, got)):
        if not (case == "ab" and got[1] == 0 and requests):  # one connection alone has no odd one
            raise SystemExit(f"bench: {case}: {got} requests arrived at blue, green, shadow; {wanted or requests} should have")


def main():
    kinds = ("calls", "instructions", "allocations", "memory")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=" ".join(kinds))
    parser.add_argument("--json")
    options = parser.parse_args()
    unknown = [kind for kind in options.kinds if kind not in kinds]
    if unknown:
        parser.error(f"there is no kind {unknown[0]}: {' '.join(kinds)}")
    counting.need("strace", "valgrind", "callgrind_control")
    with tempfile.TemporaryDirectory() as folder:
        backend = Backend(folder).start()
        gates = Gates(folder, backend)
        for kind in options.kinds or kinds:
            getattr(gates, kind)()
        backend.stop()
    if options.json:
        Path(options.json).write_text(json.dumps(gates.found, indent=2) + "\n")
    print(f"bench: {'FAILED: ' + ', '.join(gates.exceeded) if gates.exceeded else 'passed'}: "
          f"{len(gates.found)} gates on calls, instructions, allocations and memory")
    return 1 if gates.exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
