"""What a request costs as things grow: endpoints, rules, connections, sizes. Instructions and system calls; CPU time as an extra.

Turnout alone, one loop, callgrind and strace; each point is three proxies (one counted by each, one bare). What must be flat
has a limit on its growth for each doubling, by a line through the points; what cannot be flat says what one more costs.
"""
import json
import resource
import tempfile
from pathlib import Path

from bench import cases, charts, counting, figures
from bench.compare import say
from bench.tools import Backend, WarmClient, run_client
from support.process import Failed
from support.proxy import Proxy

REQUESTS = 2000
BALANCES = ("round_robin", "least_requests", "hash")


class Point:
    """One configuration and one load; `warm` is the client's run before anything is counted."""

    def __init__(self, config, warm, client, requests=REQUESTS):
        self.config, self.warm, self.client, self.requests = config, warm, client, requests


def config(endpoints, rules=None, balance="round_robin"):
    """All endpoints in one version."""
    return {
        "versions": {"blue": {"endpoints": endpoints, "health": cases.HEALTH, "max_requests": 100000, "balance": balance}},
        "rules": rules or [{"name": "main", "weights": {"blue": 1}}],
        "threads": 1, "log": {"access": "off"},
        "limits": {"stop_grace": "1s", "keep_alive": "1h", "upstream_idle": "30m", "upstream_idle_connections": 1000,
                   "connections": 12000},
    }


def endpoint_points(backend, balance):
    lockstep = {"connections": 16, "lockstep": True, "warm": 64}
    for count in (1, 10, 100, 1000):
        # Everybody is called a few times before, so that all connections are there.
        yield count, Point(config(backend.addresses(0, count), balance=balance), {"connections": 48, "requests": 6 * count + 1000}, lockstep)


def rule_points(backend):
    lockstep = {"connections": 16, "lockstep": True, "warm": 64, "field": f"{cases.AB_FIELD}-none"}
    for count in (2, 10, 30, 100):
        rules = [{"name": f"r{i}", "match": [{"headers": [{"name": "X-Version", "value": f"v{i}"}]}], "weights": {"blue": 1}}
                 for i in range(count - 1)]
        rules.append({"name": "main", "weights": {"blue": 1}})
        yield count, Point(config(backend.addresses(0), rules), {"connections": 48, "requests": 1000}, lockstep)


def connection_points(backend, most):
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for count in (10, 100, 1000, 10000):
        if count > most or count + 1000 > descriptors:
            say(f"bench: {count:,} connections are left out" + ("" if count > most else f": only {descriptors:,} descriptors are allowed"))
            continue
        # At most 16 at once, each request on the connection that has been idle longest.
        client = {"connections": count, "serial": True, "lockstep": True, "active": min(16, count)}
        yield count, Point(config(backend.addresses(0)), {"connections": 48, "requests": 1000}, client)


def body_points(backend):
    for size in (1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 24, 100 << 20):
        requests = max(4, min(1000, (200 << 20) // size))
        client = {"connections": 4, "warm": 4, "path": f"/{size}"}
        yield size, Point(config(backend.addresses(0)), {"connections": 4, "requests": 8}, client, requests)


def run_point(folder, point, wrap=None, around=None):
    """around(proxy, measure) while the requests run; what it gives."""
    proxy = Proxy(folder, point.config)
    proxy.argv = wrap(proxy.argv) if wrap else proxy.argv
    proxy.launch().wait_ready(90)
    try:
        run_client(proxy.address[1], timeout=300, **point.warm)
        with WarmClient(proxy.address[1], timeout=300, requests=point.requests, **point.client) as client:
            return around(proxy, client.measure)
    finally:
        proxy.stop(90)


def measure_point(folder, point):
    """{"instructions", "data_calls", "cpu_us", "rss"}, each for one request."""
    folder = Path(folder)
    dumps = folder / "callgrind" / "callgrind.out"
    found = {"instructions": run_point(folder / "callgrind", point, lambda argv: counting.under_callgrind(argv, dumps.parent)[0],
                                       lambda proxy, run: counting.instructions(proxy.pid, dumps, run)) / point.requests}
    calls = run_point(folder / "strace", point, around=lambda proxy, run: counting.system_calls([proxy.pid], proxy.folder, run))
    found["data_calls"] = sum(n for name, n in calls.items() if name in counting.DATA) / point.requests
    found["steady_calls"] = sum(n for name, n in calls.items() if name in counting.STEADY) / point.requests

    def bare(proxy, run):
        times = []
        before = counting.cpu_ns(proxy.pid)
        run()
        times.append((counting.cpu_ns(proxy.pid) - before) / 1000 / point.requests)
        return times[0], counting.memory(proxy.pid)["Rss"]

    found["cpu_us"], found["rss"] = run_point(folder / "bare", point, around=bare)
    return found


def measure(folder, is_quick):
    backend = Backend(folder, ports=1000).start()
    series = {f"endpoints, {b}": endpoint_points(backend, b) for b in (BALANCES[:1] if is_quick else BALANCES)}
    series |= {"rules": rule_points(backend), "connections": connection_points(backend, 1000 if is_quick else 10000), "bodies": body_points(backend)}
    results = {}
    try:
        for name, points in series.items():
            for x, point in points:
                with tempfile.TemporaryDirectory(dir=folder) as scratch:
                    try:
                        results.setdefault(name, {})[str(x)] = measure_point(scratch, point)
                    except Failed as failure:
                        say(f"bench: {name} {x}: {failure}")
                        continue
                got = results[name][str(x)]
                say(f"bench: {name} {x:,}: {got['instructions']:,.0f} instructions, {got['data_calls']:.2f} data calls, {got['cpu_us']:.1f} us")
    finally:
        backend.kill()
    return results


def curve(results, name, key="instructions"):
    return [(int(x), of[key]) for x, of in results.get(name, {}).items()]


def growth(results, name, key="instructions"):
    """Per cent more for each doubling."""
    points = curve(results, name, key)
    return figures.slope([x for x, _ in points], [y for _, y in points])


def per_more(results, name, key="instructions"):
    """What one more costs, between the first and the last point."""
    points = curve(results, name, key)
    return (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])


# name: (most growth for each doubling in per cent, or None where it cannot be flat; what to say)
FLAT = {
    "endpoints, round_robin": (1.0, "the next in turn is found without a look at the others"),
    "endpoints, least_requests": (None, "every endpoint is looked at"),
    "endpoints, hash": (None, "every endpoint is hashed with the key, so that nobody moves when one comes or goes"),
    "rules": (None, "rules are tried from the top, and this request is of the last one"),
    "connections": (1.0, "an idle connection costs a request nothing"),
}


def markdown(results):
    text = ["# What a request costs as things grow", "",
            "Turnout alone, one loop, access log off. Instructions in user space (callgrind) and data system calls (strace) of one request; "
            "CPU time of one short run, which on a busy machine says little.", ""]
    for name in results:
        is_body = name == "bodies"
        text += [f"## {name.capitalize()}", "",
                 "| | instructions | data calls | other calls | CPU µs | resident MB |" + (" instructions per KiB | data calls per MiB | CPU µs per MiB |" if is_body else ""),
                 "| ---: |" + " ---: |" * (8 if is_body else 5)]
        for x, of in results[name].items():
            cells = [f"{of['instructions']:,.0f}", f"{of['data_calls']:,.2f}", f"{of['steady_calls']:,.2f}", figures.significant(of["cpu_us"]), f"{of['rss'] / 1e6:.1f}"]
            if is_body:
                cells += [figures.significant(of["instructions"] / (int(x) / 1024)), figures.significant(of["data_calls"] / (int(x) / 1048576)),
                          figures.significant(of["cpu_us"] / (int(x) / 1048576))]
            text.append(f"| {int(x):,} | " + " | ".join(cells) + " |")
        if name in FLAT:
            limit, why = FLAT[name]
            grown = f"{growth(results, name):+.2f} % for each doubling; {per_more(results, name):+.2f} instructions for each one more: {why}."
            text += ["", grown + ("" if limit is None else f" Limit {limit:g} %: {'kept' if growth(results, name) <= limit else '**exceeded**'}.")]
        text.append("")
    return "\n".join(text)


def write(folder, results):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scale.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "scale.md").write_text(markdown(results))
    of_all = {name: curve(results, name) for name in results if name != "bodies"}
    if of_all:
        (folder / "scale.svg").write_text(charts.lines("Instructions of a request, as things grow", of_all, "how many of them", "instructions"))
    if "bodies" in results:
        per_mib = {"data calls": [(x, y / (x / 1048576)) for x, y in curve(results, "bodies", "data_calls")],
                   "CPU µs": [(x, y / (x / 1048576)) for x, y in curve(results, "bodies", "cpu_us")]}
        (folder / "bodies.svg").write_text(charts.lines("An answer's cost per MiB, by its size", per_mib, "bytes", "per MiB", is_log_y=True))


def main(folder, is_quick):
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as scratch:
        results = measure(scratch, is_quick)
    write(folder, results)
    print(markdown(results))
    exceeded = [name for name, (limit, _) in FLAT.items() if limit is not None and name in results and growth(results, name) > limit]
    for name in exceeded:
        say(f"bench: {name}: {growth(results, name):.2f} % for each doubling, at most {FLAT[name][0]}")
    say(f"bench: {folder}/scale.md is written")
    return 1 if exceeded else 0
