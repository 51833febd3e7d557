"""Mirrors: exact, marked, discarded, and never in the primary's way."""
import json
import statistics
import threading
import time

import pytest
from line import config, eventually, rule, settled, versions
from support import load, recorder
from support.http1 import Connection, get

SUM = "turnout_mirror_{}_total"


def figures(metrics, to="green"):
    names = ("selected", "sent", "answered", "dropped", "failed")
    have = {name: metrics.sum(SUM.format(name), to=to) for name in names}
    have["queued"] = metrics.sum("turnout_mirror_queued", to=to)
    have["in_flight"] = metrics.sum("turnout_mirror_in_flight", to=to)
    return have


def assert_adds_up(metrics):
    have = figures(metrics)
    assert have["selected"] == have["sent"] + have["dropped"] + have["queued"], have
    assert have["sent"] == have["answered"] + have["failed"] + have["in_flight"], have


def mirrored_rule(percent=100, **more):
    return rule({"blue": 1}, mirror=[{"to": "green", "percent": percent, **more}])


@pytest.mark.timing
def test_hanging_mirror_does_not_delay_the_next_request(start_fleet, start_recorder, start_proxy):
    release = threading.Event()
    hang = start_recorder(script=lambda request: release.wait(30) and None)
    fleet = start_fleet(blue=2)
    proxy = start_proxy({"versions": versions(blue=fleet.addresses("blue"), green=[hang.address]),
                         "rules": [mirrored_rule()]})
    second_and_third = []
    try:
        for _ in range(9):
            with Connection(proxy.address) as connection:
                for number in range(3):
                    began = time.perf_counter()
                    assert connection.request("GET", "/count").status == 200
                    if number > 0:
                        second_and_third.append(time.perf_counter() - began)
        assert_adds_up(proxy.metrics())
        assert figures(proxy.metrics())["selected"] == 27
    finally:
        release.set()
    assert statistics.median(second_and_third) < 0.005, second_and_third
    assert sorted(second_and_third)[-3] < 0.05, second_and_third  # a stall would hit them all


@pytest.mark.parametrize("percent, count", [(100, 1000), (25, 4000)])
def test_copies_are_exact_and_counted_on_both_sides(start_fleet, start_proxy, percent, count):
    fleet = start_fleet(blue=2, green=2)
    proxy = start_proxy(config(fleet, mirrored_rule(percent), threads=2))
    outcomes = load.run(proxy.address, [load.get_request()] * count, connections=8, rate=3000)
    assert load.versions(outcomes) == {"blue": count} and load.losses(outcomes) == []
    metrics = settled(proxy)
    have = figures(metrics)
    wanted = count * percent // 100
    assert abs(have["selected"] - wanted) <= (0 if percent == 100 else 1), have
    assert have["answered"] == have["selected"] and have["dropped"] == have["failed"] == 0, have
    assert_adds_up(metrics)
    assert fleet.visits("blue") == count and fleet.visits("green") == have["answered"]


def test_copy_is_the_request_marked_and_joined_by_its_id(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored_rule(drop_headers=["Authorization"])]})
    with Connection(proxy.address) as connection:
        answer = connection.request("GET", "/a?b=c", {"Authorization": "secret", "X-Kept": "yes"})
        assert answer.status == 200 and answer.body == b"ok"
        eventually(lambda: green.requests)
        connection.request("POST", "/post", {}, b"not mirrored")
        connection.request("HEAD", "/head")
    eventually(lambda: len(green.requests) == 2)
    assert [r.method for r in green.requests] == ["GET", "HEAD"]
    original, copy = blue.requests[0], green.requests[0]
    assert copy.target == original.target == "/a?b=c"
    assert copy.get("turnout-shadow") == "1" and original.get("turnout-shadow") is None
    assert copy.get("x-request-id") == original.get("x-request-id")
    assert copy.get("host") == original.get("host") == "turnout.test"
    assert copy.get("authorization") is None and original.get("authorization") == "secret"
    assert copy.get("x-kept") == "yes"


def test_bodies_are_mirrored_when_the_method_is_named(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored_rule(methods=["POST"])]})
    body = bytes(range(256)) * 100
    with Connection(proxy.address) as connection:
        assert connection.request("POST", "/x", {"Expect": "100-continue"}, body).status == 200
    eventually(lambda: green.requests)
    assert green.requests[0].body == blue.requests[0].body == body
    assert green.requests[0].get("expect") is None
    assert_adds_up(settled(proxy))


def test_large_body_is_mirrored_whole_to_a_shadow_that_keeps_up(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored_rule(methods=["POST"])]})
    piece = bytes(range(256)) * 256
    with Connection(proxy.address) as connection:
        connection.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % (80 * len(piece)))  # 5 MiB
        for _ in range(80):
            connection.send(piece)
            time.sleep(0.005)  # as fast as a shadow written in Python can read beside us
        assert connection.read("POST").status == 200
    metrics = settled(proxy)
    assert figures(metrics)["answered"] == 1, figures(metrics)
    assert green.requests[0].body == blue.requests[0].body == piece * 80
    assert_adds_up(metrics)


@pytest.mark.parametrize("fault", ["dead", "resets", "garbage", "error", "huge"])
def test_faults_of_the_mirror_never_reach_the_primary(start_fleet, start_recorder, start_proxy, fault):
    answers = {
        "resets": lambda request: recorder.Answer(end="reset"),
        "garbage": lambda request: recorder.Answer(b"\0\1\2 garbage\r\n\r\n", end="close"),
        "error": lambda request: recorder.answer(500, b"no"),
        "huge": lambda request: recorder.answer(200, b"x" * 3_000_000),
        "dead": None,
    }
    broken = start_recorder(script=answers[fault])
    fleet = start_fleet(blue=2)
    proxy = start_proxy({"versions": versions(blue=fleet.addresses("blue"), green=[broken.address]),
                         "rules": [mirrored_rule()]})
    if fault == "dead":
        broken.close()
    outcomes = load.run(proxy.address, [load.get_request()] * 200, connections=4)
    assert load.versions(outcomes) == {"blue": 200} and load.losses(outcomes) == []
    metrics = settled(proxy)
    have = figures(metrics)
    assert have["selected"] == 200 and fleet.visits("blue") == 200
    assert_adds_up(metrics)
    if fault == "error":
        assert have["answered"] == 200
    elif fault != "huge":
        assert have["dropped"] + have["failed"] == 200, have
        assert metrics.sum("turnout_requests_total", code="200") == 200


def test_budget_of_a_hanging_mirror_is_bounded(start_fleet, start_recorder, start_proxy):
    release = threading.Event()
    hang = start_recorder(script=lambda request: release.wait(30) and None)
    fleet = start_fleet(blue=2)
    proxy = start_proxy({"versions": versions(blue=fleet.addresses("blue"), green=[hang.address]),
                         "rules": [mirrored_rule()],
                         "limits": {"mirror_in_flight": 20, "stop_grace": "1s"}})
    try:
        outcomes = load.run(proxy.address, [load.get_request("/count")] * 500, connections=8)
        assert load.losses(outcomes) == []
        metrics = proxy.metrics()
        have = figures(metrics)
        assert have["selected"] == 500 and have["sent"] <= 20
        assert metrics.sum(SUM.format("dropped"), reason="in_flight") >= 480
        assert_adds_up(metrics)
    finally:
        release.set()


def test_requests_answered_by_the_mirrors_version_are_not_copied(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    both = rule({"blue": 50, "green": 50}, mirror=[{"to": "green", "percent": 100}])
    proxy = start_proxy(config(fleet, both))
    outcomes = load.run(proxy.address, [load.get_request()] * 200, connections=2)
    assert load.versions(outcomes) == {"blue": 100, "green": 100}
    assert figures(settled(proxy))["selected"] == 100
    assert fleet.visits("green") == 200


def test_mirror_lines_of_the_log_join_by_request_id(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, mirrored_rule()))
    assert get(proxy.address, "/count", x_request_id="join-me-1").status == 200
    settled(proxy)

    def joined():
        lines = [line for line in proxy.access_log() if line["request_id"] == "join-me-1"]
        return lines if len(lines) == 2 else None

    copy, original = sorted(eventually(joined), key=lambda line: not line.get("mirror", False))
    assert copy["version"] == "green" and copy["mirror"] is True and copy["end"] == "answered"
    assert original["version"] == "blue" and "mirror" not in original
    assert original["status"] == copy["status"] == 200 and original["path"] == "/count"


def test_requests_that_are_not_mirrored_are_counted_by_reason(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored_rule(percent=50, max_body="10")]})
    with Connection(proxy.address) as connection:
        for _ in range(10):
            connection.request("GET", "/")
        connection.request("POST", "/", {}, b"x")
        connection.request("GET", "/", {}, b"x" * 11)
    metrics = settled(proxy)
    passed = {reason: metrics.sum(SUM.format("passed_over"), to="green", reason=reason)
              for reason in ("not_sampled", "method", "size")}
    assert passed == {"not_sampled": 5, "method": 1, "size": 1}
    assert figures(metrics)["selected"] + metrics.sum(SUM.format("passed_over")) == 12


def test_several_mirrors_each_get_their_share(start_recorder, start_proxy):
    blue, green, red = start_recorder(), start_recorder(), start_recorder(script=lambda request: recorder.answer(500))
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address], red=[red.address]),
                         "rules": [rule({"blue": 1}, mirror=[{"to": "green", "percent": 50, "methods": ["GET", "POST"]},
                                                            {"to": "red", "methods": ["POST"]}])]})
    body = b"0123456789" * 5000
    with Connection(proxy.address) as connection:
        for number in range(40):
            answer = connection.request(*("GET", "/"), {}) if number % 2 else connection.request("POST", "/", {}, body)
            assert answer.status == 200
    metrics = settled(proxy)
    assert figures(metrics, "green")["answered"] == 20 and figures(metrics, "red")["answered"] == 20
    assert_adds_up(metrics)
    assert {r.method for r in red.requests} == {"POST"} and all(r.body == body for r in red.requests)


def test_whole_users_are_mirrored_when_sampled_by_key(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored_rule(percent=30, sample="key") | {"sticky": {"by": "header:X-User"}}]})
    with Connection(proxy.address) as connection:
        for _ in range(3):
            for user in range(100):
                connection.request("GET", "/", {"X-User": str(user)})
    settled(proxy)
    seen = {}
    for request in green.requests:
        seen[request.get("x-user")] = seen.get(request.get("x-user"), 0) + 1
    assert set(seen.values()) == {3}  # all of a user's requests, or none
    assert 12 <= len(seen) <= 50


def test_copy_ends_with_a_client_that_leaves_before_its_request_is_complete(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored_rule(methods=["POST"])]})
    with Connection(proxy.address) as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nhalf")
        eventually(lambda: figures(proxy.metrics())["in_flight"] == 1)
    metrics = settled(proxy)
    assert metrics.sum(SUM.format("failed"), reason="client_left") == 1
    assert_adds_up(metrics)
    assert green.requests == []


def test_copy_outlives_the_client_once_its_request_is_complete(start_recorder, start_proxy):
    release = threading.Event()
    blue = start_recorder()
    green = start_recorder(script=lambda request: release.wait(30) and None)
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored_rule()]})
    try:
        with Connection(proxy.address) as connection:
            assert connection.request("GET", "/").status == 200
        eventually(lambda: figures(proxy.metrics())["in_flight"] == 1)
    finally:
        release.set()
    assert figures(settled(proxy))["answered"] == 1


def test_shadow_data_is_told_and_remembered(start_fleet, start_proxy):
    proxy = start_proxy(config(start_fleet(blue=1, green=1), rule({"blue": 1}),
                               store={"file": "./turnout.store"}))

    def since(name):
        status = json.loads(proxy.verb("get", "-o", "json"))["status"]
        return next(v["shadowed_since"] for v in status["versions"] if v["name"] == name)

    get(proxy.address, "/")
    proxy.verb("set", "mirror", "green=100%")
    assert since("green") is None
    get(proxy.address, "/")
    told = eventually(lambda: since("green"))
    assert since("blue") is None
    for verb in ("get", "status"):
        assert f"green: shadowed since {told}" in proxy.verb(verb)
    proxy.verb("set", "mirror", "green=off")
    proxy.kill()
    proxy.start()
    assert since("green") == told
