"""Reload, stop, crash: not one request that was sent fails.

A stop ends with the process; the next one is started when it is gone, and takes the same port. In between connections
are refused, which every client knows what to do about: nothing was sent. What counts as lost: a request that was sent,
on a connection that was accepted, and got no whole answer, or an answer that is not the service's.
"""
import itertools
import random
import signal
import threading
import time

import pytest
from line import config, eventually, rule, versions
from support import load
from support.http1 import Connection, get, get_admin


def test_stop_refuses_new_connections_and_nothing_else(start_fleet, start_proxy):
    fleet = start_fleet(blue=2, green=2)
    proxy = start_proxy(config(fleet, rule({"blue": 90, "green": 10}), threads=2))
    told = []

    def on_tick(now):
        if now >= 2 and not told:
            told.append(now)
            proxy.signal(signal.SIGTERM)

    outcomes = load.run(proxy.address, itertools.repeat(load.get_request()), connections=16, seconds=10, on_tick=on_tick)
    assert proxy.stop(30) == 0
    losses = load.losses(outcomes)
    assert losses == [], f"{len(losses)} of {len(outcomes)}: {losses[:5]}"
    assert {o.failure for o in outcomes} == {None, "refused"}
    answered = [o for o in outcomes if o.status == 200]
    assert len(answered) > 1000 and fleet.visits() == len(answered)


def changed(fleet, i):
    """The i-th configuration: other versions, rules and limits than the one before."""
    a, b, c = fleet.addresses("blue")
    green = fleet.addresses("green")
    # Endpoints leave, come back, change places; and all of a version's are replaced at once.
    blues = [[a, b, c], [b, c], [a], [c, b], [a, c]]
    share = 10 + 10 * (i % 5)
    rules = [rule({"blue": 100 - share, "green": share}, timeouts={"idle": f"{30 + i}s"})]
    if i % 3 == 2:
        rules.insert(0, rule({"green": 1}, name=f"testers-{i % 2}", match=[{"headers": [{"name": "X-Tester", "value": "yes"}]}]))
    return {"versions": versions(blue=blues[i % len(blues)], green=green if i % 2 else green[:1]), "rules": rules,
            "limits": {"keep_alive": f"{30 + i}s", "upstream_idle": f"{2 + i % 3}s", "upstream_idle_connections": 1 + i % 20,
                       "upstream_requests": 50 + i, "side_buffer": f"{16 + i}KiB", "stop_grace": "10s"}}


class Beside(threading.Thread):
    """A load in a thread of its own, so that events can be conducted by the main one: the children of a thread that ends
    are ended with it."""

    def __init__(self, *arguments, **options):
        super().__init__(daemon=True)
        self.load = load.Load(*arguments, **options)
        self.failure = None

    def run(self):
        try:
            self.load.run()
        except BaseException as failure:
            self.failure = failure

    def wait_for(self, count):
        """Until so many requests have ended."""
        while len(self.load.outcomes) < count and self.is_alive():
            time.sleep(0.002)

    def finish(self, timeout):
        self.join(timeout)
        assert not self.is_alive() and self.failure is None, self.failure
        return self.load.outcomes


@pytest.mark.long
@pytest.mark.parametrize("kind", ["keep-alive", "one request per connection"])
def test_reloads_and_stops_lose_nothing(kind, start_fleet, start_proxy, is_long):
    """20 reloads and 20 stops, by turns, while 100,000 requests are sent (in short: 5 and 5 of 10,000)."""
    rounds, count = (20, 100000) if is_long else (5, 10000)
    fleet = start_fleet(blue=3, green=2)
    proxy = start_proxy({**changed(fleet, 0), "threads": 2})
    is_fresh = kind != "keep-alive"
    # Of those with a connection each, every other one says so, and the proxy closes first.
    requests = itertools.cycle([load.get_request(), load.get_request(connection="close") if is_fresh else load.get_request()])
    beside = Beside(proxy.address, itertools.islice(requests, count), fresh=is_fresh, patient=True, timeout=20)
    beside.start()
    for number in range(1, rounds + 1):
        beside.wait_for((2 * number - 1) * count // (2 * rounds + 1))
        proxy.config.update(changed(fleet, number))
        proxy.write()
        proxy.reload()
        proxy.wait_for("reload: done")
        beside.wait_for(2 * number * count // (2 * rounds + 1))
        proxy.signal(signal.SIGTERM)
        assert proxy.wait(30) == 0
        proxy.start()
    outcomes = beside.finish(60)
    losses = load.losses(outcomes)
    print(f"{kind}: {len(outcomes)} requests sent, {len(losses)} failed; {rounds} reloads, {rounds} stops")
    assert losses == [], f"{len(losses)} of {len(outcomes)}: {losses[:5]}"
    assert len(outcomes) == count and fleet.visits() == count  # each was answered, and counted once
    assert set(load.versions(outcomes)) == {"blue", "green"}


def test_answers_under_way_finish_when_it_stops(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    fleet["blue"][0].faults(latency_ms=700)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), limits={"stop_grace": "5s"}))
    with Connection(proxy.address) as connection:
        connection.send(load.get_request())
        time.sleep(0.2)
        proxy.signal(signal.SIGTERM)
        answer = connection.read()
        assert answer.status == 200 and answer.get("connection").lower() == "close"
        assert connection.is_closed()
    with pytest.raises(ConnectionRefusedError):
        get(proxy.address)
    assert proxy.stop(10) == 0 and fleet.visits() == 1


def test_idle_connection_is_served_once_more_after_the_stop_began(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), limits={"stop_grace": "5s"}))
    with Connection(proxy.address) as connection:
        assert connection.request("GET", "/count").status == 200
        proxy.signal(signal.SIGTERM)
        time.sleep(0.3)
        answer = connection.request("GET", "/count")
        assert answer.status == 200 and answer.get("connection").lower() == "close"
    assert proxy.stop(10) == 0


def test_grace_ends_what_stays_idle(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), limits={"stop_grace": "500ms"}))
    with Connection(proxy.address) as connection:
        assert connection.request("GET", "/count").status == 200
        began = time.monotonic()
        proxy.signal(signal.SIGTERM)
        assert connection.is_closed(5)
        assert 0.3 < time.monotonic() - began < 3
    assert proxy.stop(10) == 0


def test_readyz_says_so_before_the_listeners_close(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), limits={"stop_delay": "1s", "stop_grace": "1s"}))
    assert get_admin(proxy.metrics_address, "/readyz").status == 200
    proxy.signal(signal.SIGTERM)
    eventually(lambda: get_admin(proxy.metrics_address, "/readyz").status == 503)
    assert get(proxy.address, "/count").status == 200
    assert proxy.stop(10) == 0


def test_killed_counter_keeps_every_answered_visit(start_fleet, start_proxy):
    """kill -9 of the only counter while visits pour in: the file holds at least every answered one."""
    fleet = start_fleet(blue=1)
    counter = fleet["blue"][0]
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    answered = 0
    for round_number in range(20):
        killer = threading.Timer(random.Random(round_number).uniform(0.02, 0.3), counter.kill)
        killer.start()
        outcomes = load.run(proxy.address, [load.get_request()] * 2000, connections=8, seconds=5)
        killer.join()
        counter.kill()
        answered += load.versions(outcomes)["blue"]
        assert counter.visits() >= answered
        assert counter.visits() <= answered + 8 * (round_number + 1)  # what was under way, no more
        counter.start()
        eventually(lambda: get(proxy.address, "/count").status == 200)
        answered = counter.visits()


def test_second_signal_ends_at_once(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    fleet["blue"][0].faults(latency_ms=5000)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), limits={"stop_grace": "20s"}))
    with Connection(proxy.address) as connection:
        connection.send(load.get_request("/count"))
        time.sleep(0.2)
        began = time.monotonic()
        proxy.signal(signal.SIGTERM)
        time.sleep(0.2)
        proxy.signal(signal.SIGTERM)
        proxy.wait(3)
        assert time.monotonic() - began < 3
    proxy.was_killed = True  # a forced end may have any code
