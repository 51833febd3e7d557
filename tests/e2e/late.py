"""Requests that reach a version after a verb returned that was to stop them: judged by what the version itself recorded."""
import threading
import time

import pytest

from line import eventually, rule, versions
from support import load
from support.http1 import Connection


# With it no record of the store fits into what is left of a page.
LONG_RULE = rule({"blue": 1}, name="long", match=[{"path": f"/{i}{'x' * 1000}"} for i in range(5)])


@pytest.fixture
def pair(start_recorder, start_proxy):
    """pair(RULES, **config) -> proxy, stable's recorder, candidate's recorder."""
    def start(*rules, disk=None, **more):
        blue, green = start_recorder(), start_recorder()
        settings = {"versions": versions(blue=[blue.address], green=[green.address]), "rules": list(rules), **more}
        return start_proxy(settings, prefix=disk.prefix if disk else ()), blue, green
    return start


class Steady:
    """Load on a thread until it is told to stop; each request says when it was sent."""

    def __init__(self, proxy, connections=32):
        self.stopped = False
        self.load = load.Load(proxy.address, self._requests(), connections=connections)
        self.thread = threading.Thread(target=self.load.run, daemon=True)
        self.thread.start()

    def _requests(self):
        while not self.stopped:
            yield load.get_request(f"/?sent={time.monotonic_ns()}")

    def stop(self):
        self.stopped = True
        self.thread.join(30)
        return self.load.outcomes


def sent_ns(request):
    return int(request.target.rpartition("sent=")[2])


def count_late(proxy, green, arguments=("abort",), requests=1500):
    """Load of half a second, the verb, as much again: (requests before and after, candidate's requests sent after)."""
    halves = [Connection(proxy.address) for _ in range(32)]
    for half in halves:
        half.send(b"GET /half?sent=0 HTTP/1.1\r\nHost: a\r\n")
    steady = Steady(proxy)
    eventually(lambda: len(steady.load.outcomes) > requests)
    done = proxy.verb(*arguments, check=False)
    returned = time.monotonic_ns()
    before = len(steady.load.outcomes)
    answers = []
    for half in halves:  # completed after the verb returned
        half.send(b"\r\n")
        answers.append(half.read())
        half.close()
    eventually(lambda: len(steady.load.outcomes) > before + requests)
    outcomes = steady.stop()
    assert load.losses(outcomes) == []
    assert all(a.status == 200 for a in answers)
    late = [r for r in green.requests if sent_ns(r) > returned or r.target.startswith("/half")]
    return done, len(outcomes), late
