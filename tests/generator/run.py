"""Plays cases against one proxy, many at once, and keeps what went wrong."""
import collections
import os
import re
import selectors
import shutil
import tempfile
import time
from pathlib import Path

from support.metrics import scrape
from support.proxy import Proxy

from . import cases
from .client import Client
from .upstream import Upstream

GAUGES = ("turnout_client_connections", "turnout_requests_in_flight", "turnout_upstream_in_flight", "turnout_mirror_queued",
          "turnout_mirror_in_flight", "turnout_mirror_memory_bytes")
REQUEST_ID = re.compile(rb"\r\nX-Request-Id: [0-9a-f]{32}(?=\r\n)")


class Failure:
    def __init__(self, case, text):
        self.case, self.text = case, text

    def __str__(self):
        return f"{self.case!r}\n  {self.text}\n  pieces: {self.case.pieces if len(self.case.data) < 3000 else len(self.case.data)}"


class Run:
    """Cases by number. The proxy and its upstreams live as long as the run."""

    def __init__(self, generator, folder=None, connections=64, patience_s=6.0, mirror=True, client=Client):
        self.client = client
        self.generator, self.connections, self.patience_s = generator, connections, patience_s
        self.is_own_folder = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="turnout-generator-"))
        self.selector = selectors.DefaultSelector()
        is_hostile = client is not Client
        self.blue, self.green = Upstream(self.selector, generator if is_hostile else None), Upstream(self.selector)
        rule = {"name": "main", "weights": {"blue": 1}, "max_body": "1MiB"}
        if is_hostile:
            rule["timeouts"] = {"connect": "1s", "first_byte": "1s", "idle": "1s"}
        if mirror:
            rule["mirror"] = [{"to": "green", "percent": 100, "methods": ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]}]
        versions = {"blue": self.blue, "green": self.green} if mirror else {"blue": self.blue}
        health = {"path": "/readyz", "interval": "1h", "timeout": "10s"}
        self.proxy = Proxy(self.folder, {
            "versions": {n: {"endpoints": [u.address], "health": health} for n, u in versions.items()},
            "rules": [rule], "threads": 1, "log": {"access": "off"}, "limits": {"stop_grace": "1s"},
        })
        self.timers = collections.deque()
        self.active = set()
        self.failures, self.twins, self.allowed = [], {}, collections.Counter()
        self.forwarded = collections.Counter()  # what blue answered, to hold the mirror to it
        self.statuses, self.kinds = collections.Counter(), collections.Counter()
        self.stricter = 0

    # --- what a client needs ---

    @property
    def address(self):
        return self.proxy.address

    def later(self, seconds, call):
        self.timers.append((time.monotonic() + seconds, call))  # one length for all: sorted by itself

    def ended(self, client, wrong):
        self.active.discard(client)
        case = client.case
        self.kinds[case.kind] += 1
        if case.end == cases.GONE:
            for e in case.expected:
                self.allowed[(e.method, e.target, e.body)] += 1
        if wrong:
            self.failures.append(Failure(case, wrong))

    def count(self, case, answers):
        for answer in answers:
            self.statuses[answer.status] += 1
        if any(a.status >= 400 for a in answers[:len(case.expected)]):
            self.stricter += 1

    def count_hostile(self, answers, rest):
        for answer in answers:
            self.statuses[answer.status] += 1
        if rest:
            self.statuses["broken off"] += 1

    def compare(self, case, request):
        """All cuts of one request have to look the same upstream."""
        self.forwarded[(request.method, request.target, request.body)] += 1
        if case.twin is None:
            return
        head = REQUEST_ID.sub(b"", request.raw).replace(b"%07d" % case.number, b"@")
        first = self.twins.setdefault(case.twin, (case.number, head))
        if head != first[1]:
            self.failures.append(Failure(case, f"looks different upstream than case {first[0]}:\n  {head!r}\n  {first[1]!r}"))

    # --- the run ---

    def start(self):
        self.proxy.launch()
        deadline = time.monotonic() + 15
        while "listening on" not in self.proxy.output() or self.blue.serial == 0 and not self.is_up():
            self.turn(0.02)
            if time.monotonic() > deadline or not self.proxy.is_running():
                raise RuntimeError(self.proxy.output()[-2000:])
        self.settle(0.1)
        self.base_rss, self.base_descriptors = self.rss(), self.descriptors()
        return self

    def is_up(self):
        """Every endpoint was probed once it accepts and no probe is under way."""
        self.probed = getattr(self, "probed", 0) or (self.blue.bytes_seen and time.monotonic())
        return self.probed and time.monotonic() - self.probed > 0.1

    def turn(self, wait):
        if self.timers:
            wait = max(0.0, min(wait, self.timers[0][0] - time.monotonic()))
        for key, mask in self.selector.select(wait):
            if key.fileobj.fileno() >= 0:
                key.data.on_event(mask)
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            self.timers.popleft()[1]()

    def play(self, numbers, on_progress=None, failures_max=20):
        """False when there is no use in going on."""
        numbers = iter(numbers)
        is_more, looked = True, time.monotonic()
        while (is_more or self.active) and len(self.failures) < failures_max:
            while is_more and len(self.active) < self.connections:
                number = next(numbers, None)
                is_more = number is not None
                if is_more:
                    client = self.client.__new__(self.client)
                    self.active.add(client)
                    client.__init__(self, self.generator.case(number))
            self.turn(0.05)
            now = time.monotonic()
            if now - looked > 0.5:
                looked = now
                for client in [c for c in self.active if now - c.started > self.patience_s]:
                    client.give_up()
                if not self.proxy.is_running():
                    self.failures.append(Failure(self.generator.case(0), f"the proxy ended:\n{self.proxy.output()[-4000:]}"))
                    return False
                if on_progress:
                    on_progress(self)
        return len(self.failures) < failures_max

    def settle(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.turn(0.02)

    def rss(self):
        status = Path(f"/proc/{self.proxy.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def descriptors(self):
        """But those opened at first use and kept for life: libuv's reserve of each loop, and the memory watch."""
        folder = f"/proc/{self.proxy.pid}/fd"
        return sum(self.is_passing(f"{folder}/{name}") for name in os.listdir(folder))

    @staticmethod
    def is_passing(link):
        try:
            name = os.readlink(link)
        except FileNotFoundError:  # closed meanwhile
            return False
        return name != "/dev/null" and not name.endswith("/statm")

    def finish(self):
        """The checks over all cases; the text of each that failed, with the single ones."""
        said = [str(f) for f in self.failures]
        if self.proxy.is_running():
            self.settle(0.3)
            for name, upstream in (("upstream", self.blue), ("mirror", self.green)):
                said += [f"{name}: outside the normal form: {text}\n  {raw!r}" for text, raw in upstream.violations[:20]]
            said += self.unanswered() + self.mirrored()
            said += self.leaked()
            self.end_rss = self.rss()
            self.proxy.signal(15)
            until = time.monotonic() + 10
            while self.proxy.is_running() and time.monotonic() < until:
                self.turn(0.05)
            try:
                code = self.proxy.stop(20)
                said += [f"the proxy ended with {code}: {self.proxy.output()[-3000:]}"] if code else []
            except Exception as problem:  # a sanitizer's report, or it did not end
                said.append(str(problem))
        self.selector.close()
        if self.is_own_folder and not said:
            shutil.rmtree(self.folder, ignore_errors=True)
        return said

    def unanswered(self):
        """Conservation: whole requests that the upstream saw are those that were answered, but for clients that left."""
        said = []
        for serial, request in self.blue.unclaimed.items():
            key = (request.method, request.target, request.body)
            if self.allowed[key] > 0:
                self.allowed[key] -= 1
                self.forwarded[key] += 1
            else:
                said.append(f"nobody got the answer to {request!r} ({serial}): {request.raw!r} {request.body[:100]!r}")
        return said[:20]

    def mirrored(self):
        said = []
        for request in self.green.unclaimed.values():
            key = (request.method, request.target, request.body)
            if self.forwarded[key] <= 0:
                said.append(f"mirrored, but never answered by the primary, or twice: {request!r} {request.raw!r} {request.body[:100]!r}")
            self.forwarded[key] -= 1
        return said[:20]

    def leaked(self):
        """No client connection is left, no request under way, no descriptor but those of idle upstream connections."""
        until = time.monotonic() + 8  # an answer's tail may linger for 2 s, a copy may be under way
        while True:
            self.settle(0.1)
            metrics = scrape(self.proxy.metrics_address)
            idle = metrics.sum("turnout_upstream_connections_idle")
            left = {name: metrics.sum(name) for name in GAUGES}
            left["upstream connections that are not idle"] = metrics.sum("turnout_upstream_connections") - idle
            left["descriptors"] = self.descriptors() - self.base_descriptors - self.blue.open - self.green.open
            left = {name: value for name, value in left.items() if value}
            if not left:
                return []
            if time.monotonic() > until:
                return [f"left over at the end: {left}"]

    def summary(self):
        return (f"{sum(self.kinds.values())} cases ({', '.join(f'{k} {n}' for k, n in sorted(self.kinds.items()))}); "
                f"upstream saw {self.blue.serial} requests and {self.blue.partial} beginnings, the mirror {self.green.serial}; "
                f"answers {dict(sorted(self.statuses.items(), key=str))}; stricter than the RFC asks in {self.stricter}; "
                f"memory {self.base_rss} -> {getattr(self, 'end_rss', 0)} KiB; {len(self.failures)} failures")
