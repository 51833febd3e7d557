"""Answers of a mirror held against those that users get: what differs is found, named and counted; what always differs is
no alarm; and nothing of it reaches a user."""
import gzip
import itertools
import json
import time
import zlib

import pytest
from line import eventually, rule, versions
from support import recorder
from support.http1 import Connection, get_admin
from test_mirror import assert_adds_up, figures

numbers = itertools.count()


def document(request, **more):
    """As services answer: with a clock and an id in every answer."""
    return {"id": next(numbers), "now": time.time(), "path": request.target, "items": [{"sku": 1, "price": 10}], **more}


def as_json(value, status=200, **headers):
    return recorder.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def script(make):
    return lambda request: make(request)


def mirrored(compare, **more):
    return rule({"blue": 1}, mirror=[{"to": "green", "compare": compare, **more}])


def results(metrics, name="turnout_compare_total"):
    words = ("same", "status", "headers", "body", "unanswered", "skipped")
    return {word: int(metrics.sum(name, result=word)) for word in words if metrics.sum(name, result=word)}


def compared(proxy):
    """Metrics once every answered copy has its result."""
    def probe():
        metrics = proxy.metrics()
        have = figures(metrics)
        busy = have["queued"] + have["in_flight"] + metrics.sum("turnout_compare_waiting")
        done = sum(results(metrics).values())
        return metrics if busy == 0 and done == have["answered"] + have["failed"] else None
    return eventually(probe)


def report(proxy, *arguments):
    return json.loads(proxy.verb("mirror", "report", "-o", "json", *arguments))["mirrors"][0]


def fields(entry):
    """{(group, path): (kind, count, noise)}"""
    return {(group["name"], field["path"]): (field["kind"], field["count"], field["noise"])
            for group in entry["compare"]["groups"] for field in group["fields"]}


@pytest.fixture
def start_pair(start_recorder, start_proxy):
    """start_pair(blue, green, rule): a proxy before scripted services; two of blue."""
    def start(blue, green, a_rule, **more):
        upstreams = [start_recorder(script=blue), start_recorder(script=blue), start_recorder(script=green)]
        proxy = start_proxy({"versions": versions(blue=[u.address for u in upstreams[:2]], green=[upstreams[2].address]),
                             "rules": [a_rule], **more})
        return proxy, upstreams
    return start


def send(proxy, requests, expect=200):
    with Connection(proxy.address) as connection:
        for path in requests:
            assert connection.request("GET", path).status == expect


def test_a_planted_difference_is_found_named_and_counted(start_pair):
    """One JSON field of one group, behind a baseline: clocks and ids in every answer raise no alarm."""
    def green(request):
        answer = document(request)
        if request.target.startswith("/users/") and int(request.target[7:]) % 10 == 0:
            answer["items"][0]["price"] = 11
        return as_json(answer)

    groups = [{"name": "user", "path": "^/users/[^/]+$"}, {"name": "order", "path": "^/orders/"}]
    proxy, upstreams = start_pair(lambda r: as_json(document(r)), green,
                                  mirrored({"groups": groups}, baseline={"percent": "10%", "side_effect_free": True}),
                                  threads=2)
    for part in range(8):  # connections on both loops
        send(proxy, [f"/{'users' if i % 2 else 'orders'}/{i // 2}" for i in range(part * 50, part * 50 + 50)])
    compared(proxy)
    entry = report(proxy)
    assert entry["compare"]["results"] == {"same": 380, "status": 0, "headers": 0, "body": 20, "unanswered": 0, "skipped": 0}
    assert fields(entry) == {
        ("user", "/items/*/price"): ("value", 20, False),
        ("user", "/id"): ("value", 200, True), ("user", "/now"): ("value", 200, True),
        ("order", "/id"): ("value", 200, True), ("order", "/now"): ("value", 200, True)}
    assert entry["compare"]["failing"] == 0.05
    assert entry["compare"]["baseline"] == {"compared": 40, "skipped": 0}
    # the baseline went to the other endpoint of the same version, marked
    marked = [r for u in upstreams[:2] for r in u.requests if r.get("turnout-shadow") == "1"]
    assert len(marked) == 40 and len(upstreams[2].requests) == 400
    table = proxy.verb("mirror", "report", "--since", "10m")
    assert "user   /items/*/price  value    20 (10.00%)  real" in table, table
    failed = proxy.verb("mirror", "report", "--fail-over", "1%", check=False)
    assert failed.returncode == 1 and "main to green: 5.00% of the requests differed" in failed.stderr
    assert proxy.verb("mirror", "report", "--fail-over", "5%", check=False).returncode == 0


def test_no_false_alarm_without_a_difference(start_pair):
    proxy, _ = start_pair(lambda r: as_json(document(r)), lambda r: as_json(document(r)),
                          mirrored({}, baseline={"percent": "20%", "side_effect_free": True}))
    send(proxy, ["/a", "/b"] * 100)
    compared(proxy)
    assert report(proxy)["compare"]["results"]["same"] == 200
    done = proxy.verb("mirror", "report", "--fail-over", "0.1%", check=False)
    assert done.returncode == 0 and done.stderr == ""


def test_configured_comparison(start_pair):
    def green(request):
        answer = document(request)
        answer["items"] = [{"sku": 2, "price": 5}, {"sku": 1, "price": 10.004}]
        answer["log"] = "at 09:00:00"
        return as_json(answer)

    def blue(request):
        return as_json(document(request, items=[{"sku": 1, "price": 10}, {"sku": 2, "price": 5}], log="at 08:00:00"))

    compare = {"ignore": ["/id", "/now"], "unordered": ["/items"], "tolerance": {"/items/*/price": 0.01},
               "normalize": ["timestamps"]}
    proxy, _ = start_pair(blue, green, mirrored(compare))
    send(proxy, ["/"] * 20)
    assert results(compared(proxy)) == {"same": 20}
    del compare["tolerance"]  # at run time; counting begins anew
    path = proxy.folder / "rules.json"
    path.write_text(json.dumps([mirrored(compare)]))
    proxy.verb("set", "rules", "-f", path)
    proxy.verb("set", "mirror", "green=50%")  # keeps how it is compared
    send(proxy, ["/"] * 20)
    assert results(compared(proxy)) == {"same": 20, "body": 10}
    assert fields(report(proxy)) == {(None, "/items/*/price"): ("value", 10, False)}
    rules = json.loads(proxy.verb("get", "-o", "json"))["rules"]
    assert rules[0]["mirror"][0] == {"to": "green", "percent": "50%", "compare": compare}



def kept(proxy):
    """What the first mirror keeps, by the verb."""
    return json.loads(proxy.verb("mirror", "report", "--pairs", "-o", "json"))["mirrors"][0]


def test_pairs_are_kept_only_where_the_mirror_says_so(start_pair):
    """Both answers of the last pairs that differ, and of no others; a change of the rule forgets them."""
    def green(request):
        return as_json({"path": request.target, "price": 11 if "bad" in request.target else 10})

    proxy, _ = start_pair(lambda r: as_json({"path": r.target, "price": 10}), green, mirrored({}))
    send(proxy, ["/bad/0", "/good"])
    assert results(compared(proxy)) == {"same": 1, "body": 1}
    assert kept(proxy)["pairs"] == [] and kept(proxy)["keep_pairs"] == 0
    assert "nothing is kept" in proxy.verb("mirror", "report", "--pairs")

    path = proxy.folder / "rules.json"
    path.write_text(json.dumps([mirrored({}, keep_pairs=3)]))
    proxy.verb("set", "rules", "-f", path)
    for number in range(1, 6):
        send(proxy, [f"/bad/{number}", "/good"])
        eventually(lambda: results(proxy.metrics()) == {"same": 1 + number, "body": 1 + number})
    entry = kept(proxy)
    assert [pair["path"] for pair in entry["pairs"]] == ["/bad/5", "/bad/4", "/bad/3"]  # the newer push out the oldest
    newest = entry["pairs"][0]
    assert newest["fields"] == [{"kind": "value", "path": "/price", "noise": False}] and newest["result"] == "body"
    assert json.loads(newest["primary"]["body"]) == {"path": "/bad/5", "price": 10}
    assert json.loads(newest["shadow"]["body"]) == {"path": "/bad/5", "price": 11}
    assert newest["primary"]["status"] == 200 and newest["primary"]["headers"]["Content-Type"] == "application/json"
    table = proxy.verb("mirror", "report", "--pairs")
    assert '"price": 11' in table and "/bad/5" in table and "/bad/2" not in table
    metrics = proxy.metrics()
    assert metrics.sum("turnout_mirror_pair_bytes") >= entry["bytes"] > 0  # each loop has its own last three
    assert metrics.sum("turnout_mirror_memory_bytes") == 0
    proxy.verb("set", "mirror", "green=50%")  # keeps what is kept
    assert len(kept(proxy)["pairs"]) == 3

    # not on the listener that is for reading
    assert get_admin(proxy.metrics_address, "/v1/mirror-pairs").status == 404
    path.write_text(json.dumps([rule({"blue": 1})]))  # without the mirror its pairs go
    proxy.verb("set", "rules", "-f", path)
    eventually(lambda: proxy.metrics().sum("turnout_mirror_pair_bytes") == 0)


ANSWERS = {  # blue, green -> the result, the field
    "status": (lambda r: as_json({}), lambda r: as_json({}, 500), "status", "200 -> 500"),
    "header": (lambda r: as_json({}), lambda r: recorder.answer(200, b"{}", {"Content-Type": "text/html"}), "headers",
               "Content-Type"),
    "text": (lambda r: recorder.answer(200, b"a"), lambda r: recorder.answer(200, b"b"), "body", ""),
    "missing": (lambda r: as_json({"a": 1}), lambda r: as_json({}), "body", "/a"),
    "gzip": (lambda r: recorder.answer(200, gzip.compress(b'{"a":1}'), {"Content-Encoding": "gzip"}),
             lambda r: recorder.answer(200, zlib.compress(b'{"a":2}'), {"Content-Encoding": "deflate"}), "body", "/a"),
    "gzip and plain": (lambda r: recorder.answer(200, gzip.compress(b'{"a":1}'), {"Content-Encoding": "gzip"}),
                       lambda r: recorder.answer(200, b'{"a": 1.0}'), "same", None),
    "brotli": (lambda r: recorder.answer(200, b"\x01", {"Content-Encoding": "br"}),
               lambda r: recorder.answer(200, b"\x02", {"Content-Encoding": "br"}), "skipped", None),
    "large": (lambda r: recorder.answer(200, b"x" * 3_000_000), lambda r: recorder.answer(200, b"x" * 3_000_000), "same", None),
    "large and other": (lambda r: recorder.answer(200, b"x" * 3_000_000), lambda r: recorder.answer(200, b"x" * 2_999_999 + b"y"),
                        "body", ""),
    "large JSON": (lambda r: as_json(["x"] * 50_000), lambda r: as_json(["y"] * 50_000), "skipped", None),
    "no answer": (lambda r: as_json({}), lambda r: recorder.Answer(end="close"), "unanswered", None),
    "half an answer": (lambda r: as_json({}), lambda r: recorder.Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", end="close"),
                       "unanswered", None),
    "until close": (lambda r: recorder.Answer(b"HTTP/1.1 200 OK\r\n\r\n{\"a\":1}", end="close"),
                    lambda r: recorder.answer(200, b'{"a":1}'), "same", None),
    "bomb": (lambda r: as_json({}), lambda r: recorder.answer(200, gzip.compress(b" " * 50_000_000), {
        "Content-Encoding": "gzip", "Content-Type": "application/json"}), "skipped", None),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_results(start_pair, name):
    blue, green, result, path = ANSWERS[name]
    proxy, _ = start_pair(script(blue), script(green), mirrored({}))
    send(proxy, ["/"] * 5)
    metrics = compared(proxy)
    assert results(metrics) == {result: 5}
    assert_adds_up(metrics)
    assert metrics.sum("turnout_mirror_memory_bytes") == 0
    entry = report(proxy)
    assert entry["compare"]["results"][result] == 5
    assert [p for _, p in fields(entry)] == ([path] if path is not None else [])


def test_users_answer_that_is_not_the_services_is_not_compared(start_recorder, start_proxy):
    blue = start_recorder(script=lambda r: recorder.Answer(b"nonsense\r\n\r\n", end="close"))
    green = start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [mirrored({})], "limits": {"ejection_failures": 0, "stop_grace": "1s"}})
    send(proxy, ["/"] * 3, expect=502)
    assert results(compared(proxy)) == {"skipped": 3}
    assert report(proxy)["compare"]["skipped"]["primary"] == 3


def test_comparison_within_its_memory(start_pair):
    """Nothing is kept of bodies for which there is no memory: told, and the user's answer is whole."""
    body = b"[" + b"1," * 20_000 + b"1]"
    proxy, _ = start_pair(lambda r: recorder.answer(200, body), lambda r: recorder.answer(200, body[:-1] + b" ]"),
                          mirrored({}), limits={"mirror_memory": "30KiB", "stop_grace": "1s"})
    with Connection(proxy.address) as connection:
        for _ in range(5):
            assert connection.request("GET", "/").body == body
    metrics = compared(proxy)
    assert set(results(metrics)) == {"skipped"}
    assert report(proxy)["compare"]["skipped"]["memory"] == 5
    assert metrics.sum("turnout_mirror_memory_bytes") == 0


def test_several_mirrors_are_compared_each_in_its_way(start_recorder, start_proxy):
    blue = start_recorder(script=lambda r: as_json({"a": 1, "b": 1}))
    green = start_recorder(script=lambda r: as_json({"a": 2, "b": 1}))
    red = start_recorder(script=lambda r: as_json({"a": 2, "b": 2}))
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address], red=[red.address]),
                         "rules": [rule({"blue": 1}, mirror=[{"to": "green", "compare": {"ignore": ["/a"]}},
                                                            {"to": "red", "compare": {"ignore": ["/a"]}}])]})
    send(proxy, ["/"] * 10)
    eventually(lambda: sum(results(proxy.metrics()).values()) == 20)
    entries = json.loads(proxy.verb("mirror", "report", "-o", "json"))["mirrors"]
    assert [e["compare"]["results"]["same"] for e in entries] == [10, 0]
    assert fields(entries[1]) == {(None, "/b"): ("value", 10, False)}


def test_baseline_only_where_it_may(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    a_rule = mirrored({}, methods=["GET", "HEAD", "POST"],
                      baseline={"percent": "100%", "paths": ["^/ok"], "side_effect_free": True})
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]), "rules": [a_rule]})
    with Connection(proxy.address) as connection:
        connection.request("GET", "/ok/1")
        connection.request("HEAD", "/ok/2")
        connection.request("GET", "/other")
        connection.request("POST", "/ok/3", {}, b"x")
        connection.request("GET", "/ok/4", {}, b"a body")
    metrics = compared(proxy)
    marked = sorted(r.target for r in blue.requests if r.get("turnout-shadow") == "1")
    assert marked == ["/ok/1", "/ok/2"]  # to the only endpoint that there is
    assert results(metrics, "turnout_compare_baseline_total") == {"same": 2}
    assert metrics.sum("turnout_mirror_selected_total") == 5  # a baseline is no mirror's copy
    status = json.loads(proxy.verb("get", "-o", "json"))["status"]
    assert [v["shadowed_since"] is None for v in status["versions"]] == [True, False]


def test_report_of_a_mirror_that_does_not_compare(start_pair):
    proxy, _ = start_pair(None, None, rule({"blue": 1}, mirror=[{"to": "green", "percent": "50%"}]))
    send(proxy, ["/"] * 10)
    table = proxy.verb("mirror", "report")
    assert "10 of the rule; 5 mirrored (50.00%), 5 not: not_sampled 5" in table
    assert "nothing: the mirror has no 'compare'" in table
    failed = proxy.verb("mirror", "report", "--fail-over", "1%", check=False)
    assert failed.returncode == 1 and "no mirror has 'compare'" in failed.stderr


def test_hostile_names_of_fields_do_not_reach_the_terminal(start_pair):
    green = {f"\x1b[31m{i}\u009b2J": "x" for i in range(100)}
    proxy, _ = start_pair(lambda r: as_json({}), lambda r: as_json(green), mirrored({}))
    send(proxy, ["/"] * 3)
    compared(proxy)
    table = proxy.verb("mirror", "report")
    assert "\x1b" not in table and "\u009b" not in table
    assert "/?[31m" in table
    assert len(fields(report(proxy))) <= 48


def test_load_while_everything_is_compared(start_pair):
    """Counters add up in every scrape, and nothing is left when it is over."""
    from support import load

    proxy, _ = start_pair(lambda r: as_json(document(r)), lambda r: as_json(document(r, extra=1)), mirrored({}), threads=2)
    scrapes = []
    outcomes = load.run(proxy.address, [load.get_request("/x")] * 1500, connections=16,
                        on_tick=lambda seconds: scrapes.append(proxy.metrics()))
    assert load.losses(outcomes) == []
    metrics = compared(proxy)
    for scrape in [*scrapes, metrics]:
        assert_adds_up(scrape)
        have = figures(scrape)
        total = sum(results(scrape).values()) + scrape.sum("turnout_compare_waiting")
        assert total <= have["answered"] + have["failed"]
    assert sum(results(metrics).values()) == 1500 and set(results(metrics)) <= {"body", "skipped"}
    assert metrics.sum("turnout_mirror_memory_bytes") == 0
