"""Reload, stop, crash: not one request that was sent fails."""
import itertools
import random
import signal
import threading
import time

import pytest
from line import config, eventually, rule
from support import load
from support.http1 import Connection, get, get_admin


def steady_load(fleet, proxy, seconds, rate=2000):
    """Keep-alive load; a SIGHUP each second (each with other weights), SIGTERM at the end."""
    signals = []

    def on_tick(now):
        if now >= len(signals) + 1 and now < seconds:
            signals.append(now)
            share = 10 + 10 * (len(signals) % 5)
            proxy.config["rules"] = [rule({"blue": 100 - share, "green": share})]
            proxy.write()
            proxy.reload()
        elif now >= seconds and signals[-1:] != ["TERM"]:
            signals.append("TERM")
            proxy.signal(signal.SIGTERM)

    outcomes = load.run(proxy.address, itertools.repeat(load.get_request()), connections=16,
                        seconds=seconds + 5, rate=rate, on_tick=on_tick)
    return outcomes, signals


@pytest.mark.long
def test_reload_each_second_and_stop_lose_nothing(start_fleet, start_proxy, is_long):
    fleet = start_fleet(blue=2, green=2)
    proxy = start_proxy(config(fleet, rule({"blue": 90, "green": 10}), threads=2))
    outcomes, signals = steady_load(fleet, proxy, 30 if is_long else 10)
    assert signals[-1] == "TERM" and len(signals) >= (29 if is_long else 9)
    assert proxy.stop(30) == 0
    losses = load.losses(outcomes)
    assert losses == [], f"{len(losses)} of {len(outcomes)}: {losses[:5]}"
    # After the stop new connections are refused, and nothing else.
    assert {o.failure for o in outcomes} == {None, "refused"}
    answered = [o for o in outcomes if o.status == 200]
    assert len(answered) > (20000 if is_long else 7000)
    assert fleet.visits() == len(answered)
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
