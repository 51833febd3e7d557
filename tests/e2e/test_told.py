"""What the proxy tells: access log, metrics, status, explain; and what is not to be reached."""
import json
import urllib.request

from line import config, eventually, rule
from support import load
from support.http1 import Connection, get, get_admin


def test_access_log_has_one_line_per_request(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50})))
    with Connection(proxy.address) as connection:
        for number in range(10):
            connection.request("GET", f"/count?n={number}", {"X-Request-Id": f"id-{number}"})
        connection.send(b"GET /r HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert connection.read().status == 400
    lines = eventually(lambda: proxy.access_log() if len(proxy.access_log()) >= 11 else None)
    assert len(lines) == 11
    good = {line["request_id"]: line for line in lines if line["status"] == 200}
    assert set(good) == {f"id-{n}" for n in range(10)}
    for number in range(10):
        line = good[f"id-{number}"]
        assert line["path"] == f"/count?n={number}" and line["method"] == "GET" and line["client"] == "127.0.0.1"
        assert line["rule"] == "main" and line["version"] in ("blue", "green") and line["end"] == "ok"
        assert line["bytes_out"] > 0 and line["duration_us"] > 0 and line["upstream_us"] > 0
        assert line["revision"] >= 1 and line["reason"] and line["retries"] == 0
    assert [line["status"] for line in lines if line["status"] != 200] == [400]


def test_request_id_is_made_when_there_is_none(start_recorder, start_proxy):
    from line import versions
    blue = start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})], "threads": 2})
    for _ in range(16):  # connections, so that each loop has some of them
        get(proxy.address)
    ids = [r.get("x-request-id") for r in blue.requests]
    assert len(set(ids)) == 16
    eventually(lambda: {line["request_id"] for line in proxy.access_log()} == set(ids))


def test_metrics_of_a_known_load(start_fleet, start_proxy):
    fleet = start_fleet(blue=2, green=2)
    proxy = start_proxy(config(fleet, rule({"blue": 75, "green": 25}), threads=2))
    load.run(proxy.address, [load.get_request("/count")] * 400, connections=4)
    metrics = proxy.metrics()
    assert metrics.sum("turnout_requests_total", rule="main", version="blue", code="200") == 300
    assert metrics.sum("turnout_requests_total", rule="main", version="green", code="200") == 100
    assert metrics.sum("turnout_share_target_ratio", rule="main", version="green") == 0.25
    assert metrics.sum("turnout_request_duration_seconds_count", rule="main") == 400
    assert metrics.sum("turnout_decisions_total", rule="main") == 400
    assert metrics.sum("turnout_endpoint_up") == 4
    assert metrics.sum("turnout_rules_revision") >= 1
    assert metrics.sum("turnout_build_info") == 1
    assert metrics.sum("turnout_requests_in_flight") == 0


def test_metrics_port_is_read_only_and_data_port_has_no_admin(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    for path in ("/metrics", "/healthz", "/readyz", "/status"):
        assert get_admin(proxy.metrics_address, path).status == 200, path
        assert get_admin(proxy.metrics_address, path, "POST").status == 405, path
    assert get_admin(proxy.metrics_address, "/v1/rules").status == 404
    assert get(proxy.address, "/v1/rules").get("x-served-by") == "app-blue-0"  # an ordinary path of the service
    with urllib.request.urlopen(f"http://{proxy.metrics_address}/status", timeout=5) as answer:
        assert json.load(answer)["revision"] >= 1


def test_explain_says_the_same_as_the_next_request(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    sticky = {"by": "header:X-User"}
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, sticky=sticky)))
    for user in range(10):
        said = proxy.verb("explain", "-H", f"X-User: {user}", "/count")
        with Connection(proxy.address) as connection:
            met = connection.request("GET", "/count", {"X-User": str(user)}).get("x-version")
        other = "green" if met == "blue" else "blue"
        assert met in said and said.splitlines()[0].count(other) == 0, said
    assert fleet.visits() == 0


def test_explain_takes_no_slot(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50})))
    for _ in range(20):
        proxy.verb("explain", "/")
    outcomes = load.run(proxy.address, [load.get_request("/count")] * 100, connections=1)
    assert load.versions(outcomes) == {"blue": 50, "green": 50}
    assert proxy.metrics().sum("turnout_decisions_total") == 100
