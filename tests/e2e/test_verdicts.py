"""Verdicts and goals as people and machines see them: /v1/share, /status, /metrics and `turnout get` say the same."""
import json
import urllib.request

import pytest

from line import cookie_of, rule, versions
from support import load
from support.recorder import answer


class Service:
    """Fails every n-th request but for /thanks, which it answers with `thanks`."""

    def __init__(self, start_recorder, every=0, thanks=200):
        self.every, self.thanks, self.count = every, thanks, 0
        self.recorder = start_recorder(script=self.reply)

    def reply(self, request):
        if request.target.startswith("/thanks"):
            return answer(self.thanks)
        self.count += 1
        return answer(500 if self.every and self.count % self.every == 0 else 200)


@pytest.fixture
def pair(start_recorder, start_proxy):
    def start(blue, green, *rules, **more):
        return start_proxy({"versions": versions(blue=[blue.recorder.address], green=[green.recorder.address]),
                            "rules": list(rules), "threads": 2, **more})
    return start


def findings(proxy, name="main"):
    share = json.loads(proxy.verb("get", "-o", "json"))["share"]
    entry = next(r for r in share["rules"] if r["name"] == name)
    return {v["name"]: v["finding"] for v in entry["versions"]}, entry["split"]


def verdict_of(proxy, version="green"):
    metrics = proxy.metrics()
    words = [w for w in ("better", "same", "worse", "inconclusive")
             if metrics.sum("turnout_verdict", rule="main", version=version, verdict=w) == 1]
    return words


def test_worse_by_request_everywhere(start_recorder, pair):
    proxy = pair(Service(start_recorder, 50), Service(start_recorder, 5), rule({"blue": 3, "green": 1}))
    load.run(proxy.address, [load.get_request()] * 40)
    found, split = findings(proxy)
    assert found["green"]["verdict"] == "inconclusive" and "too few" in found["green"]["why"]
    assert found["blue"]["verdict"] is None and found["blue"]["why"] == "this is stable"
    load.run(proxy.address, [load.get_request()] * 3960)
    found, split = findings(proxy)
    green, blue = found["green"], found["blue"]
    assert green["verdict"] == "worse" and green["unit"] == "request" and green["users"] is None
    assert green["requests"] + blue["requests"] == 4000 and abs(green["requests"] - 1000) <= 1
    assert green["errors"] == green["requests"] // 5 and blue["errors"] == blue["requests"] // 50
    for one in (green, blue):
        share = one["error_share"]
        assert 0 <= share["low"] < share["value"] < share["high"] <= 1
        assert abs(share["value"] - one["errors"] / one["requests"]) < 1e-9
        assert 0 < one["p50_ms"] <= one["p90_ms"] <= one["p99_ms"]
    assert 0 < green["difference"]["low"] < 0.18 < green["difference"]["high"]
    assert green["sample"] > 1000 and green["margin"] == pytest.approx(0.2 * blue["error_share"]["value"])
    assert split == {"mismatch": False, "test": "slots", "bias": None}
    assert verdict_of(proxy) == ["worse"] and verdict_of(proxy, "blue") == []
    assert proxy.metrics().sum("turnout_split_mismatch", rule="main") == 0
    with urllib.request.urlopen(f"http://{proxy.metrics_address}/status", timeout=5) as told:
        entry = json.load(told)["rules"][0]
    assert {f["version"]: f["verdict"] for f in entry["findings"]} == {"blue": None, "green": "worse"}
    table = proxy.verb("get")
    assert "worse, by request" in table and "ERROR SHARE" in table and "P90" in table


def test_alike_is_same_within_the_margin(start_recorder, pair):
    proxy = pair(Service(start_recorder), Service(start_recorder), rule({"blue": 1, "green": 1}))
    load.run(proxy.address, [load.get_request()] * 12000)
    found, _ = findings(proxy)
    assert found["green"]["verdict"] in ("same", "inconclusive")
    assert found["green"]["margin"] == 0.001
    assert found["green"]["difference"]["high"] < 0.003


def test_new_weights_begin_anew_and_other_changes_go_on(start_recorder, pair):
    proxy = pair(Service(start_recorder), Service(start_recorder), rule({"blue": 1, "green": 1}))
    load.run(proxy.address, [load.get_request()] * 200)
    proxy.verb("set", "mirror", "green=10%")
    assert findings(proxy)[0]["green"]["requests"] == 100
    proxy.verb("set", "share", "green=30%")
    assert findings(proxy)[0]["green"]["requests"] == 0


def test_users_and_goals_of_a_sticky_rule(start_recorder, pair):
    goals = [{"name": "order", "match": {"path": "/thanks", "method": "GET"}}, {"name": "gone", "match": {"path": "/thanks"}, "status": "4xx"}]
    proxy = pair(Service(start_recorder, 10), Service(start_recorder, 10, thanks=404),
                 rule({"blue": 1, "green": 1}, sticky={"by": "cookie"}, goals=goals))
    first = load.run(proxy.address, [load.get_request()] * 1000)
    cookies = [cookie_of(o) for o in first]
    assert all(cookies)
    # every fourth user orders, some of them thrice: users count once
    load.run(proxy.address, [load.get_request("/thanks", cookie=c) for c in cookies[::4] for _ in range(3)])
    load.run(proxy.address, [load.get_request(cookie=c) for c in cookies])
    found, split = findings(proxy)
    blue, green = found["blue"], found["green"]
    assert blue["unit"] == green["unit"] == "user"
    assert abs(blue["users"] - 500) <= 12 and abs(green["users"] - 500) <= 12
    order, gone = green["goals"]
    assert order["count"] == 0 and gone["count"] > 90 and gone["unit"] == "user"
    assert blue["goals"][0]["requests"] == 3 * (250 - gone["requests"] // 3)
    assert abs(blue["goals"][0]["count"] - blue["goals"][0]["requests"] / 3) <= 4
    assert blue["goals"][0]["of"] == blue["users"]
    assert order["verdict"] == "worse" and gone["verdict"] == "better"  # by users who got there
    assert split == {"mismatch": False, "test": "keys", "bias": None}
    metrics = proxy.metrics()
    assert metrics.sum("turnout_goal_total", version="blue", goal="order") == blue["goals"][0]["requests"]
    assert metrics.sum("turnout_goal_total", version="green", goal="gone") == gone["requests"]
    table = proxy.verb("get")
    assert "REACHED BY" in table and "order" in table and "by user" in table


def test_one_heavy_user_is_no_verdict(start_recorder, pair):
    blue, green = Service(start_recorder), Service(start_recorder)
    proxy = pair(blue, green, rule({"blue": 1, "green": 1}, sticky={"by": "header:X-User"}))
    load.run(proxy.address, [load.get_request(x_user=str(n)) for n in range(1000)])

    def is_of_green(user):
        before = green.count
        load.run(proxy.address, [load.get_request(x_user=user)])
        return green.count > before

    heavy = next(str(n) for n in range(2000, 2100) if is_of_green(str(n)))
    green.every = 1
    load.run(proxy.address, [load.get_request(x_user=heavy)] * 1500)
    found, split = findings(proxy)
    assert found["green"]["errors"] >= 1500 and found["green"]["error_share"]["value"] > 0.5
    assert found["green"]["verdict"] == "inconclusive"
    assert split["test"] == "users" and split["mismatch"] is False


def test_groups_that_choose_themselves_get_no_verdict(start_recorder, pair):
    by_header = [{"headers": [{"name": "X-Version", "value": "green"}]}]
    proxy = pair(Service(start_recorder), Service(start_recorder, 2),
                 rule({"green": 1}, name="testers", stable="blue", match=by_header), rule({"blue": 1}))
    load.run(proxy.address, [load.get_request(x_version="green")] * 400)
    found, split = findings(proxy, "testers")
    assert found["green"]["verdict"] is None and "chosen by match" in found["green"]["why"]
    assert found["green"]["errors"] == 200 and split["bias"] is not None and split["mismatch"] is None
    assert "chosen by match" in proxy.verb("get")


def test_what_clients_did_is_not_charged(start_recorder, pair):
    """A client that leaves before there is an answer, or asks for what nobody may have, says nothing about a version."""
    proxy = pair(Service(start_recorder), Service(start_recorder), rule({"blue": 1, "green": 1}, max_body="1KiB"))
    body = b"x" * 2000
    outcomes = load.run(proxy.address, [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + body] * 20, fresh=True)
    assert {o.status for o in outcomes} == {413}
    found, _ = findings(proxy)
    assert found["blue"]["requests"] == found["green"]["requests"] == 0


def test_split_is_not_judged_where_a_version_was_cut(start_recorder, pair):
    proxy = pair(Service(start_recorder), Service(start_recorder), rule({"blue": 1, "green": 1}))
    load.run(proxy.address, [load.get_request()] * 100)
    assert findings(proxy)[1]["mismatch"] is False
    proxy.verb("cut", "green")
    load.run(proxy.address, [load.get_request()] * 100)
    assert findings(proxy)[1]["mismatch"] is None
    assert "turnout_split_mismatch{" not in proxy.metrics().text
