"""Shares: exact, sticky, nobody moved back; which pods are met; what never counts."""
import re
from collections import Counter

from line import config, cookie_of, eventually, rule
from support import load
from support.http1 import Connection, get


def test_ten_thousand_over_sixteen_connections_are_exact(start_fleet, start_proxy):
    fleet = start_fleet(blue=2, green=2)
    proxy = start_proxy(config(fleet, rule({"blue": 90, "green": 10}), threads=2))
    outcomes = load.run(proxy.address, [load.get_request()] * 10000, connections=16)
    assert load.losses(outcomes) == []
    got = load.versions(outcomes)
    assert abs(got["green"] - 1000) <= 1 and got["blue"] + got["green"] == 10000
    assert fleet.visits("green") == got["green"] and fleet.visits("blue") == got["blue"]
    metrics = proxy.metrics()
    assert metrics.sum("turnout_requests_total", rule="main", version="green") == got["green"]
    assert metrics.sum("turnout_requests_total", code="200") == 10000


def test_shares_are_exact_with_one_request_per_connection(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 999, "green": 1}), threads=2))
    outcomes = load.run(proxy.address, [load.get_request("/count")] * 2000, connections=4, fresh=True)
    assert load.losses(outcomes) == []
    assert abs(load.versions(outcomes)["green"] - 2) <= 1


def test_no_asset_of_a_page_is_favoured(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 90, "green": 10}), threads=2))
    pages, assets = 1000, 10
    requests = [load.get_request(f"/count?asset={i % assets}") for i in range(pages * assets)]
    outcomes = load.run(proxy.address, requests, connections=1)
    green = Counter(o.index % assets for o in outcomes if o.version == "green")
    assert abs(sum(green.values()) - pages) <= 1
    # Binomial with p 0.1: 100 +- 9.5. A page in step with the slots would give 1000 and nine times 0.
    assert all(50 <= green[asset] <= 150 for asset in range(assets)), green


def test_newcomers_are_dealt_exactly_and_stay(start_fleet, start_proxy):
    fleet = start_fleet(blue=2, green=2)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2))
    proxy.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", "10%")
    count = 1000

    first = {o.index: o for o in load.run(proxy.address, [load.get_request("/count")] * count)}
    assert abs(load.versions(first.values())["green"] - 100) <= 1
    jars = [cookie_of(first[i]) for i in range(count)]
    assert all(jars) and len(set(jars)) == count

    def again():
        requests = [load.get_request("/count", cookie=jar) for jar in jars]
        outcomes = load.run(proxy.address, requests)
        assert load.losses(outcomes) == []
        return {o.index: o.version for o in outcomes}

    at_10 = again()
    assert at_10 == {i: first[i].version for i in range(count)}

    proxy.verb("set", "share", "green=20%")
    at_20 = again()
    moved_back = [i for i in range(count) if at_10[i] == "green" and at_20[i] != "green"]
    assert moved_back == []
    assert abs(sum(1 for v in at_20.values() if v == "green") - 200) <= 50  # a hash decides: 4 sigma

    proxy.verb("set", "share", "green=10%")
    assert again() == at_10


def test_cookie_is_private_and_http_only(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50},
                                           sticky={"by": "cookie", "name": "tn"})))
    answer = get(proxy.address, "/count")
    cookie = answer.get("set-cookie")
    assert re.match(r"tn=[^;]+", cookie)
    attributes = {a.strip().lower() for a in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes and "secure" not in attributes
    # What the service said stays when it is stricter.
    assert answer.get("cache-control") in ("no-store", "private", "private, no-store", "no-store, private")
    again = get(proxy.address, "/count", cookie=cookie.split(";")[0])
    assert again.all("set-cookie") == []


def test_forged_cookie_is_a_newcomer(start_fleet, start_proxy, tmp_path):
    keys = tmp_path / "cookie.keys"
    keys.write_text("a-key-of-at-least-thirty-two-characters-0123456789\n")
    keys.chmod(0o600)
    fleet = start_fleet(blue=1, green=1)
    sticky = {"by": "cookie", "name": "tn", "key_file": str(keys)}
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, sticky=sticky)))
    good = get(proxy.address, "/count").get("set-cookie").split(";")[0]
    assert get(proxy.address, "/count", cookie=good).all("set-cookie") == []
    last = "A" if good[-1] != "A" else "B"
    for bad in (good[:-1] + last, "tn=", "tn=abc", good + "A", f"tn={'A' * 4096}"):
        assert len(get(proxy.address, "/count", cookie=bad).all("set-cookie")) == 1, bad


def test_eight_single_requests_meet_at_least_three_pods(start_fleet, start_proxy):
    fleet = start_fleet(blue=4)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2))
    pods = [get(proxy.address, "/count").get("x-served-by") for _ in range(8)]
    assert len(set(pods)) >= 3, pods


def test_load_is_spread_evenly_over_pods(start_fleet, start_proxy):
    fleet = start_fleet(blue=4)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2))
    outcomes = load.run(proxy.address, [load.get_request("/count")] * 1000, connections=8)
    pods = load.pods(outcomes)
    assert len(pods) == 4 and max(pods.values()) - min(pods.values()) <= 2, pods


def test_probes_are_never_counted(start_fleet, start_proxy):
    fleet = start_fleet(blue=2, green=2)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    for counter in fleet:
        address = ("127.0.0.1", counter.port)

        def probes():
            text = get(address, "/metrics").body.decode()
            return sum(int(n) for n in re.findall(r'route="/readyz",code="200"\} (\d+)', text))
        seen = probes()
        assert eventually(lambda: probes() >= seen + 2)
    assert fleet.visits() == 0
    assert get(proxy.address).status == 200
    assert fleet.visits() == 1


def test_client_address_and_header_stick(start_fleet, start_proxy):
    fleet = start_fleet(blue=2, green=2)
    for by in ("client_ip", "header:X-User"):
        proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, sticky={"by": by})))
        met = {}
        for _ in range(3):
            for user in range(40):
                source = (f"127.0.0.{user + 2}", 0) if by == "client_ip" else None
                headers = {} if by == "client_ip" else {"X-User": f"user-{user}"}
                with Connection(proxy.address, source=source) as connection:
                    answer = connection.request("GET", "/count", headers)
                assert answer.all("set-cookie") == []
                met.setdefault(user, set()).add(answer.get("x-version"))
        assert all(len(v) == 1 for v in met.values()), met
        assert {next(iter(v)) for v in met.values()} == {"blue", "green"}


def test_header_users_only_move_towards_the_growing_version(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 90, "green": 10}, sticky={"by": "header:X-User"})))

    def versions():
        requests = [load.get_request("/count", x_user=f"u{i}") for i in range(1000)]
        return {o.index: o.version for o in load.run(proxy.address, requests)}

    before = versions()
    assert 60 <= sum(v == "green" for v in before.values()) <= 140
    proxy.verb("set", "weights", "blue=60,green=40")
    after = versions()
    assert [i for i in before if before[i] == "green" and after[i] == "blue"] == []
    assert 330 <= sum(v == "green" for v in after.values()) <= 470


def test_endpoint_scope_keeps_the_pod_and_its_ordinal(start_fleet, start_proxy):
    fleet = start_fleet(blue=4, green=4)
    sticky = {"by": "header:X-User", "scope": "endpoint"}
    proxy = start_proxy(config(fleet, rule({"blue": 1}, sticky=sticky)))

    def pods():
        requests = [load.get_request("/count", x_user=f"u{i % 100}") for i in range(300)]
        met = {}
        for outcome in load.run(proxy.address, requests):
            met.setdefault(outcome.index % 100, set()).add(outcome.pod)
        assert all(len(v) == 1 for v in met.values()), met
        return {user: next(iter(v)) for user, v in met.items()}

    blue = pods()
    assert set(blue.values()) == {f"app-blue-{i}" for i in range(4)}
    proxy.verb("set", "weights", "green=1")
    green = pods()
    assert green == {user: pod.replace("blue", "green") for user, pod in blue.items()}


def test_ab_goes_by_header_or_cookie_and_nothing_else(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    testers = {"name": "testers", "weights": {"green": 1}, "match": [
        {"headers": [{"name": "X-Version", "value": "green"}]},
        {"cookies": [{"name": "beta", "value": "1"}]},
    ]}
    proxy = start_proxy(config(fleet, testers, rule({"blue": 1})))
    cases = [
        ("X-Version: green", "green"), ("x-version:   green  ", "green"), ("Cookie: a=b; beta=1", "green"),
        ("X-Version: blue", "blue"), ("X-Version: greenish", "blue"), ("X-Version: GREEN", "blue"),
        ("X-Version: green\r\nX-Version: green", "blue"), ("X-Version: blue, green", "blue"),
        ("X_Version: green", "blue"), ("Cookie: beta=10", "blue"), ("Cookie: xbeta=1", "blue"),
        ("X-Other: 1", "blue"),
    ]
    with Connection(proxy.address) as connection:
        for lines, wanted in cases:
            connection.send(f"GET /count HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode())
            assert connection.read().get("x-version") == wanted, lines


def test_no_endpoint_up_is_503_with_retry_after(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50})))
    fleet["green"][0].kill()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="green") == 0)
    answers = [get(proxy.address, "/count") for _ in range(20)]
    refused = [a for a in answers if a.status == 503]
    assert len(refused) == 10 and all(int(a.get("retry-after")) >= 1 for a in refused)
    assert all(a.get("x-version") == "blue" for a in answers if a.status == 200)
    fleet["green"][0].start()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="green") == 1)
    assert all(get(proxy.address, "/count").status == 200 for _ in range(10))


def test_failover_gives_the_share_to_the_others(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, on_unhealthy="failover")))
    fleet["green"][0].kill()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="green") == 0)
    outcomes = load.run(proxy.address, [load.get_request("/count")] * 100, connections=2)
    assert load.versions(outcomes) == {"blue": 100}
    assert proxy.metrics().sum("turnout_failed_over_total") == 50
    fleet["green"][0].start()
