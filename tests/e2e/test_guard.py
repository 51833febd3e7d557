"""Guard: the proxy aborts by itself, in time, with the figures, whatever load and disk do; and leaves alone what is alike."""
import json
import time

import pytest

from late import Steady, sent_ns
from line import eventually, rule, versions
from support import load
from support.recorder import answer
from support.small_disk import SmallDisk


class Service:
    """A recorder that fails every n-th request: failing 1 is each, 0 none. `failed` counts."""

    def __init__(self, start_recorder, every=0):
        self.every, self.count, self.failed = every, 0, 0
        self.recorder = start_recorder(script=self.reply)

    def reply(self, request):
        self.count += 1
        if not self.every or self.count % self.every:
            return answer(200)
        self.failed += 1
        return answer(500)


@pytest.fixture
def guarded(start_recorder, start_proxy):
    """guarded(GUARD, **config) -> proxy, blue, green; a canary of 5 % by the verb."""
    def start(guard, share="5%", blue=0, green=0, route=("--per-request",), disk=None, rules=(), **more):
        services = Service(start_recorder, blue), Service(start_recorder, green)
        addresses = [s.recorder.address for s in services]
        settings = {"versions": versions(blue=addresses[:1], green=addresses[1:]), "threads": 2,
                    "rules": [*rules, rule({"blue": 1}, stable="blue", guard=guard)], **more}
        proxy = start_proxy(settings, prefix=disk.prefix if disk else ())
        proxy.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", share, *route)
        return proxy, *services
    return start


def lost(outcomes):
    return [o for o in outcomes if o.status not in (200, 500)]


def aborted(proxy):
    return "abort by guard" in proxy.output()


def wait_for_abort(proxy, steady, more=1500):
    """Load until the guard has aborted and as much again: outcomes, and when the abort was seen."""
    eventually(lambda: aborted(proxy), timeout=20)
    seen = time.monotonic_ns()
    before = len(steady.load.outcomes)
    eventually(lambda: len(steady.load.outcomes) > before + more)
    return steady.stop(), seen


def test_planted_errors_are_aborted_before_200_failed(guarded):
    proxy, _, green = guarded({"max_error_rate": "5%"}, green=2)
    outcomes, seen = wait_for_abort(proxy, Steady(proxy))
    assert lost(outcomes) == []
    assert 3 <= green.failed < 200 and len([o for o in outcomes if o.status == 500]) == green.failed
    assert [r for r in green.recorder.requests if sent_ns(r) > seen] == []
    told = next(line for line in proxy.output().splitlines() if "abort by guard" in line)
    assert "green: " in told and "requests failed" in told and "max_error_rate 5%" in told, told
    rules = json.loads(proxy.verb("get", "-o", "json"))["rules"]
    assert rules[-1]["weights"] == {"blue": 1} and rules[-1]["guard"] == {"max_error_rate": "5%"}


def test_planted_errors_with_a_full_disk(guarded, tmp_path):
    disk = SmallDisk(tmp_path / "disk")
    long = rule({"blue": 1}, name="long", match=[{"path": f"/{i}{'x' * 1000}"} for i in range(5)])
    proxy, _, green = guarded({"max_error_rate": "5%"}, disk=disk, rules=[long],
                              store={"file": str(disk.folder / "turnout.store")})
    disk.fill(proxy.pid)
    steady = Steady(proxy)
    green.every = 1
    outcomes, seen = wait_for_abort(proxy, steady)
    assert lost(outcomes) == [] and green.failed < 200
    assert [r for r in green.recorder.requests if sent_ns(r) > seen] == []
    assert proxy.metrics().sum("turnout_store_durable") == 0
    disk.empty(proxy.pid)
    eventually(lambda: proxy.metrics().sum("turnout_store_durable") == 1)
    last = (disk.seen_by(proxy.pid) / "turnout.store").read_text().splitlines()[-1]
    record = json.loads(last.split(" ", 1)[1])
    assert record["what"] == "abort" and record["author"] == "guard" and "requests failed" in record["reason"], record


def test_errors_that_begin_late_are_not_hidden_by_what_was_good(guarded):
    proxy, _, green = guarded({"max_error_rate": "5%", "min_requests": 20}, share="50%")
    steady = Steady(proxy)
    eventually(lambda: green.count > 4000, timeout=30)
    assert not aborted(proxy)
    green.every = 2
    wait_for_abort(proxy, steady, 100)
    assert green.failed < 200
    assert "of the latest" in proxy.output()


def test_failures_in_a_row(guarded):
    proxy, _, green = guarded({"consecutive_failures": 7}, share="50%", green=2)
    steady = Steady(proxy, connections=1)
    eventually(lambda: green.failed > 200)
    assert not aborted(proxy)
    green.every = 1
    failed = green.failed
    wait_for_abort(proxy, steady, 100)
    assert green.failed - failed < 200
    assert "green: 7 requests in a row failed" in proxy.output()


@pytest.mark.parametrize("route", [("--per-request",), ()])
def test_worse_than_stable(guarded, route):
    proxy, blue, green = guarded({"worse": "abort"}, share="20%", blue=50, green=3, route=route)
    outcomes, _ = wait_for_abort(proxy, Steady(proxy), 100)
    assert green.failed < 200
    told = proxy.output()
    assert "green is worse than blue: " in told and ("by user" if not route else "by request") in told
    assert lost(outcomes) == [] and blue.failed > 0


def test_alike_versions_and_a_failing_stable_are_left_alone(guarded):
    proxy, blue, green = guarded({"worse": "abort", "max_error_rate": "20%", "consecutive_failures": 20},
                                 share="30%", blue=10, green=10)
    steady = Steady(proxy)
    eventually(lambda: green.count > 1500, timeout=30)
    blue.every = 1  # stable's own failures are no reason to take traffic off the candidate
    eventually(lambda: blue.failed > 1500, timeout=30)
    steady.stop()
    assert not aborted(proxy)


def test_upstream_that_is_gone_counts_as_failed(guarded):
    proxy, _, green = guarded({"max_error_rate": "10%"}, share="50%")
    steady = Steady(proxy, connections=4)
    eventually(lambda: green.count > 200)
    green.recorder.close()
    wait_for_abort(proxy, steady, 100)


def test_guard_trips_again_after_new_weights(guarded):
    proxy, _, green = guarded({"max_error_rate": "5%"}, share="50%", green=1)
    steady = Steady(proxy)
    eventually(lambda: proxy.output().count("abort by guard") == 1, timeout=20)
    proxy.verb("set", "share", "green=10%")
    eventually(lambda: proxy.output().count("abort by guard") == 2, timeout=20)
    steady.stop()
    assert green.failed < 400


def test_match_rule_without_stable_is_switched_off(start_recorder, start_proxy):
    blue, green = Service(start_recorder), Service(start_recorder, 1)
    by_header = [{"headers": [{"name": "X-Version", "value": "green"}]}]
    proxy = start_proxy({"versions": versions(blue=[blue.recorder.address], green=[green.recorder.address]),
                         "rules": [rule({"green": 1}, name="testers", match=by_header, guard={"consecutive_failures": 5}),
                                   rule({"blue": 1})]})
    load.run(proxy.address, [load.get_request(x_version="green")] * 20, connections=1)
    eventually(lambda: aborted(proxy))
    failed = green.failed
    outcomes = load.run(proxy.address, [load.get_request(x_version="green")] * 50)
    assert load.losses(outcomes) == [] and green.failed == failed
