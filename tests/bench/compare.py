"""Measures Turnout beside its peers in one run: the same service behind all, the same client, in turn.

The proxies are pinned to one processor and the client and the service to another. What a request costs is the CPU time of
all threads of the proxy (/proc/PID/task/*/schedstat, which utime + stime are rounded from) over the requests answered,
between the end of the warm-up and the last answer. Everything is bounded by counts.
"""
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import cases, counting, figures
from bench.peers import PEERS, TurnoutSilent, TurnoutTelling, version_of
from bench.tools import Backend, WarmClient, run_client
from support.process import Failed

SLOW = ("envoy", "traefik", "caddy")  # fewer requests: their CPU time is long enough to be exact


@dataclass
class Scenario:
    name: str
    case: str
    title: str
    requests: int = 8000
    connections: int = 16
    client: dict = field(default_factory=dict)
    idle: int = 0


SCENARIOS = [
    Scenario("plain", "plain", "plain route"),
    Scenario("split", "split", "90/10 split"),
    Scenario("split-1", "split", "90/10 split, 1 connection", requests=2000, connections=1),
    Scenario("split-64", "split", "90/10 split, 64 connections", connections=64),
    Scenario("fresh", "split", "90/10 split, new connection per request", requests=1500, client={"fresh": True}),
    Scenario("idle", "split", "90/10 split beside 1,000 idle connections", idle=1000),
    Scenario("sticky", "sticky", "sticky 90/10 split"),
    Scenario("ab", "ab", "A/B by header"),
    Scenario("mirror", "mirror", "mirror 100 %", requests=5000),
    Scenario("download", "plain", "1 MiB answers", requests=200, connections=4, client={"path": "/1048576"}),
    Scenario("upload", "plain", "1 MiB requests", requests=200, connections=4, client={"body": 1048576}),
]
POSTS = (1024, 4096, 16384, 65536, 262144)
LATENCY = ("floor", "turnout", "nginx", "haproxy")


@dataclass
class Plan:
    """How much is measured."""
    passes: int = 10
    share: float = 1.0  # of the requests of each scenario
    open_seconds: float = 3.0
    posts: int = 80
    idle: int = 1000
    names: tuple = tuple(PEERS)
    scenarios: tuple = tuple(s.name for s in SCENARIOS)
    is_counting: bool = True
    processors: tuple = (0, 1)  # of the client and the service; of the proxy

    def requests(self, scenario, name):
        slower = 0.4 if name in SLOW else 1
        return max(50, int(scenario.requests * self.share * slower))


def say(text):
    print(text, file=sys.stderr, flush=True)


class Comparison:
    def __init__(self, folder, plan):
        self.folder, self.plan = Path(folder), plan
        self.ours, self.theirs = plan.processors
        self.backend = Backend(folder, processor=self.ours).start()
        self.results = {"cpu": {}, "posts": {}, "open": {}, "idle": {}, "start": {}, "calls": {}, "instructions": {}, "versions": {},
                        "telling": {}, "missing": {}}
        self.names = []
        for name in plan.names:
            if PEERS[name].is_there():
                self.names.append(name)
                self.results["versions"][name] = version_of(name)
            else:
                self.miss(name, "is not installed (scripts/setup --bench)")

    def miss(self, name, why):
        say(f"bench: {name}: {why}")
        self.results["missing"].setdefault(name, str(why)[:300])

    def targets(self, stack, case, names, classes=PEERS):
        """Those of them that can do the case, running."""
        running = {}
        for name in names:
            if case not in classes[name].cases:
                continue
            try:
                target = classes[name](self.folder, case, self.backend, self.theirs).start()
            except Failed as failure:
                self.miss(name, failure)
                continue
            stack.callback(target.end)
            running[name] = target
        return running

    def sample(self, target, requests, connections, **client):
        """One measurement of one target."""
        with WarmClient(target.port, processor=self.ours, connections=connections, warm=max(2 * connections, requests // 20),
                        requests=requests, **client) as warm:
            pids = target.pids()
            before, ticks = sum(map(counting.cpu_ns, pids)), [counting.cpu_ticks(pid) for pid in pids]
            result = warm.measure()
            after, ticks_after = sum(map(counting.cpu_ns, pids)), [counting.cpu_ticks(pid) for pid in pids]
        user, system = (sum(t[i] for t in ticks_after) - sum(t[i] for t in ticks) for i in (0, 1))
        return {"cpu_us": (after - before) / 1000 / requests, "user_ticks": user, "system_ticks": system,
                "rps": requests / result["seconds"], "p50_us": result["latency_ns"]["p50"] / 1000,
                "p99_us": result["latency_ns"]["p99"] / 1000}

    def in_turn(self, running, passes, measure):
        """{name: [sample of each pass, None where it failed]}; measure(name, target)."""
        samples = {name: [None] * passes for name in running}
        for number in range(passes):
            for name in figures.order(running, number):
                try:
                    samples[name][number] = measure(name, running[name])
                except Failed as failure:
                    self.miss(name, failure)
        return samples

    def run_scenarios(self):
        wanted = [s for s in SCENARIOS if s.name in self.plan.scenarios]
        for case in dict.fromkeys(s.case for s in wanted):
            with ExitStack() as stack:
                running = self.targets(stack, case, self.names)
                for name, target in running.items():
                    if case == "plain":
                        self.results["start"][name] = sum(counting.memory(pid)["Rss"] for pid in target.pids())
                for scenario in (s for s in wanted if s.case == case):
                    self.run_scenario(scenario, running)
                if case == "plain" and self.plan.posts:
                    self.run_posts(running)
                if case == "split" and self.plan.open_seconds:
                    self.run_open({n: t for n, t in running.items() if n in LATENCY})

    def run_scenario(self, scenario, running):
        options = {**cases.CLIENT[scenario.case], **scenario.client}
        with ExitStack() as stack:
            if scenario.idle:
                for name, target in running.items():
                    self.hold_idle(stack, name, target)
            began = time.monotonic()
            samples = self.in_turn(running, self.plan.passes, lambda name, target: self.sample(
                target, self.plan.requests(scenario, name), scenario.connections, **options))
        self.results["cpu"][scenario.name] = samples
        shown = "  ".join(f"{name} {figures.median([s['cpu_us'] for s in of if s]):.1f}" for name, of in samples.items() if any(of))
        say(f"bench: {scenario.title}: us of CPU: {shown}  ({time.monotonic() - began:.0f} s)")

    def hold_idle(self, stack, name, target):
        """Idle connections that stay open until the stack ends."""
        try:
            stack.enter_context(WarmClient(target.port, processor=self.ours, connections=self.plan.idle, serial=True))
        except Failed as failure:
            self.miss(name, failure)

    def run_idle_memory(self):
        """Bytes that an idle connection costs, in a process that has served nobody else and so has nothing to reuse."""
        for name in self.names:
            with ExitStack() as stack:
                for target in self.targets(stack, "split", [name]).values():
                    self.hold_idle(stack, name, target)
                    few = sum(counting.memory(pid)["Anonymous"] for pid in target.pids())
                    for _ in range(2):
                        self.hold_idle(stack, name, target)
                    many = sum(counting.memory(pid)["Anonymous"] for pid in target.pids())
                    self.results["idle"][name] = (many - few) / (2 * self.plan.idle)

    def run_posts(self, running):
        """POSTs of several sizes, one at a time: whether bytes wait for anything but the network."""
        for size in POSTS:
            samples = self.in_turn(running, self.plan.passes, lambda name, target: self.sample(
                target, max(10, self.plan.posts // (4 if size > 100000 else 1)), 1, body=size))
            self.results["posts"][str(size)] = {n: [s and {"p50_us": s["p50_us"], "p99_us": s["p99_us"]} for s in of]
                                               for n, of in samples.items()}
        say("bench: POSTs of 1 KiB to 256 KiB, one at a time: done")

    def run_open(self, running):
        """Latency at 30 % of what the slowest of those in question can do; direct is without any proxy."""
        if not running:
            return
        saturation = min(figures.median([self.sample(t, self.plan.requests(SCENARIOS[1], n), 64)["rps"] for _ in range(3)])
                         for n, t in running.items())
        rate = int(0.3 * saturation)
        seconds = self.plan.open_seconds

        class Direct:
            port = self.backend.ports[0]

        def measure(_, target):
            result = run_client(target.port, processor=self.ours, connections=256, rate=rate, warm=rate // 5,
                                requests=int(rate * seconds))
            return {"p50_us": result["latency_ns"]["p50"] / 1000, "p99_us": result["latency_ns"]["p99"] / 1000,
                    "late_p50_us": result["late_ns"]["p50"] / 1000}

        samples = self.in_turn({"direct": Direct, **running}, self.plan.passes, measure)
        self.results["open"] = {"rate": rate, "saturation": saturation, "samples": samples}
        say(f"bench: open loop at {rate} requests a second: done")

    def run_telling(self):
        """What log and metrics cost."""
        classes = {"turnout-off": TurnoutSilent, "turnout-on": TurnoutTelling}
        requests = max(50, int(8000 * self.plan.share))
        with ExitStack() as stack:
            running = self.targets(stack, "split", list(classes), classes)

            def measure(name, target):
                sample = self.sample(target, requests, 16)
                if name == "turnout-on":
                    with urllib.request.urlopen(f"http://{target.proxy.metrics_address}/metrics", timeout=10) as answer:
                        answer.read()
                return sample

            self.results["telling"] = self.in_turn(running, self.plan.passes, measure)

    def run_counts(self):
        """System calls and instructions, which are the same on a busy machine."""
        requests = 2000
        for case in ("split", "mirror"):
            with ExitStack() as stack:
                for name, target in self.targets(stack, case, self.names).items():
                    try:
                        self.prepare(target, case)
                        with WarmClient(target.port, connections=16, warm=400, requests=requests, lockstep=True) as client:
                            calls = counting.system_calls(target.pids(), self.folder, client.measure)
                    except Failed as failure:
                        self.miss(name, failure)
                        continue
                    data = sum(n for call, n in calls.items() if call in counting.DATA) / requests
                    self.results["calls"].setdefault(case, {})[name] = {
                        "data": data, "all": sum(calls.values()) / requests,
                        "by_call": {call: round(n / requests, 3) for call, n in calls.items() if n >= requests / 100}}
        for case in ("split", "mirror"):
            for name in ("turnout", "nginx", "haproxy"):
                if name in self.names and case in PEERS[name].cases:
                    try:
                        self.results["instructions"].setdefault(case, {})[name] = self.instructions(name, case)
                    except Failed as failure:
                        self.miss(name, failure)
        say("bench: system calls and instructions: done")

    def prepare(self, target, case):
        run_client(target.port, connections=48, requests=1000, **cases.CLIENT[case])

    def instructions(self, name, case, requests=2000):
        folder = self.folder / f"callgrind-{name}-{case}"
        folder.mkdir(parents=True, exist_ok=True)
        dumps = folder / "callgrind.out"
        target = PEERS[name](folder, case, self.backend, wrap=lambda argv: counting.under_callgrind(argv, folder)[0])
        try:
            target.start(90)
            self.prepare(target, case)
            with WarmClient(target.port, connections=16, warm=400, requests=requests, lockstep=True, **cases.CLIENT[case]) as client:
                return counting.instructions(target.pid, dumps, client.measure) / requests
        finally:
            target.end()


def compare(plan):
    """All of it; what report.py reads."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        comparison = Comparison(folder, plan)
        stages = [comparison.run_scenarios, comparison.run_telling, comparison.run_idle_memory]
        stages += [comparison.run_counts] if plan.is_counting else []
        try:
            for stage in stages:
                try:
                    stage()
                except (Failed, OSError, subprocess.SubprocessError) as failure:
                    # Minutes of measurements are worth more than one part of them.
                    comparison.miss(stage.__name__.removeprefix("run_"), failure)
        finally:
            comparison.backend.kill()
    comparison.results["passes"] = plan.passes
    comparison.results["seconds"] = round(time.monotonic() - began)
    return comparison.results
