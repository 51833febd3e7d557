"""Stickiness from outside: keys that rotate, attributes of the cookie, caches, sessions at weight 0, replicas, users of one pod."""
import pytest
from line import config, eventually, rule, versions
from support import load
from support.http1 import Connection, get
from support.recorder import answer

OLD = "an-old-key-of-at-least-thirty-two-characters-01\n"
NEW = "a-new-key-of-at-least-thirty-two-characters-002\n"


def pair(cookie):
    return cookie.split(";")[0]


def ask(proxy, cookie=None, **headers):
    return get(proxy.address, "/count", **({"cookie": cookie} if cookie else {}), **headers)


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "cookie.keys"
    path.write_text(OLD)
    path.chmod(0o600)
    return path


def welcome(proxy, count):
    """{cookie: version} of that many newcomers."""
    met = {}
    for _ in range(count):
        first = ask(proxy)
        met[pair(first.get("set-cookie"))] = first.get("x-version")
    assert len(met) == count
    return met


@pytest.mark.parametrize("affinity", ["user", "session"])
def test_keys_rotate_and_nobody_notices(start_fleet, start_proxy, keys, affinity):
    fleet = start_fleet(blue=1, green=1)
    sticky = {"by": "cookie", "key_file": str(keys), "affinity": affinity}
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, sticky=sticky)))
    met = welcome(proxy, 30)
    forgetful = dict(list(met.items())[:5])  # they don't come while both keys are there
    keys.write_text(NEW + OLD)
    proxy.verb("reload")
    renewed = {}
    for cookie, version in met.items():
        if cookie in forgetful:
            continue
        again = ask(proxy, cookie)
        assert again.get("x-version") == version
        assert len(again.all("set-cookie")) == 1  # signed anew
        renewed[pair(again.get("set-cookie"))] = version
    assert not set(renewed) & set(met)
    keys.write_text(NEW)
    proxy.verb("reload")
    for cookie, version in renewed.items():
        again = ask(proxy, cookie)
        assert again.get("x-version") == version and again.all("set-cookie") == []
    for cookie in forgetful:
        assert len(ask(proxy, cookie).all("set-cookie")) == 1  # nobody vouches for it: a newcomer


def test_replicas_with_the_same_keys_answer_alike(start_fleet, start_proxy, keys):
    fleet = start_fleet(blue=1, green=1)
    sticky = {"by": "cookie", "key_file": str(keys), "seed": "spring"}
    one, other = (start_proxy(config(fleet, rule({"blue": 70, "green": 30}, sticky=sticky))) for _ in range(2))
    met = welcome(one, 40)
    assert set(met.values()) == {"blue", "green"}
    for cookie, version in met.items():
        again = ask(other, cookie)
        assert again.get("x-version") == version and again.all("set-cookie") == []


def test_session_stays_at_weight_0_and_over_a_restart(start_fleet, start_proxy, keys):
    fleet = start_fleet(blue=1, green=1)
    sticky = {"by": "cookie", "key_file": str(keys), "affinity": "session"}
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, sticky=sticky)))
    met = welcome(proxy, 40)
    assert sorted(met.values()).count("green") == 20
    for weights in ("blue=1,green=0", "blue=1,green=999", "blue=50,green=50", "blue=1,green=0"):
        proxy.verb("set", "weights", weights)
        for cookie, version in met.items():
            again = ask(proxy, cookie)
            assert again.get("x-version") == version and again.all("set-cookie") == [], weights
    assert {ask(proxy).get("x-version") for _ in range(10)} == {"blue"}
    assert proxy.stop(20) == 0
    proxy.start()
    for cookie, version in met.items():
        assert ask(proxy, cookie).get("x-version") == version


def attributes(cookie):
    return [part.strip() for part in cookie.split(";")[1:]]


def test_attributes_of_the_cookie(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    sticky = {"by": "cookie", "name": "shop", "max_age": "90s"}
    trusting = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, sticky=sticky), trusted_proxies=["127.0.0.0/8"]))
    strict = start_proxy(config(fleet, rule({"blue": 50, "green": 50}, sticky=sticky)))
    always = ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=90"]
    assert ask(trusting).get("set-cookie").startswith("shop=")
    assert attributes(ask(trusting).get("set-cookie")) == always
    assert attributes(ask(trusting, x_forwarded_proto="https").get("set-cookie")) == [*always, "Secure"]
    assert attributes(ask(trusting, x_forwarded_proto="http").get("set-cookie")) == always
    # Anybody can write that field: only a trusted proxy is believed.
    assert attributes(ask(strict, x_forwarded_proto="https").get("set-cookie")) == always


def test_shared_caches_never_keep_somebody_s_cookie(start_recorder, start_proxy):
    cases = {
        "/none": (None, {"private"}),
        "/public": ("public, max-age=600, s-maxage=900", {"private", "max-age=600"}),
        "/stricter": ("no-store", {"no-store"}),
        "/field": ('private="x-a", max-age=5', {"private", "max-age=5"}),
        "/already": ("private, max-age=7", {"private", "max-age=7"}),
    }

    def script(request):
        said = cases[request.target][0]
        return answer(headers={"Cache-Control": said} if said else {})

    proxy = start_proxy({"versions": versions(blue=[start_recorder(script).address], green=[start_recorder(script).address]),
                         "rules": [rule({"blue": 50, "green": 50}, sticky={"by": "cookie"})]})
    for path, (said, wanted) in cases.items():
        first = get(proxy.address, path)
        told = {d.strip() for d in first.get("cache-control").split(",")}
        assert len(first.all("set-cookie")) == 1 and len(first.all("cache-control")) == 1
        assert told == wanted, path
        again = get(proxy.address, path, cookie=pair(first.get("set-cookie")))
        assert again.all("set-cookie") == [] and again.get("cache-control") == said  # nothing of ours in it: as it came


def test_users_of_a_pod_that_is_gone_fail_or_spill_and_come_back(start_fleet, start_proxy):
    fleet = start_fleet(blue=3)
    sticky = {"by": "header:X-User", "scope": "endpoint", "on_missing": "fail"}
    proxy = start_proxy(config(fleet, rule({"blue": 1}, sticky=sticky)))

    def outcomes():
        requests = [load.get_request("/count", x_user=f"u{i}") for i in range(60)]
        return {o.index: (o.status, o.pod) for o in load.run(proxy.address, requests)}

    before = outcomes()
    fleet["blue"][1].kill()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="blue") == 2)
    for user, (status, pod) in outcomes().items():
        assert (status, pod) == (503, None) if before[user][1] == "app-blue-1" else (status, pod) == before[user], user
    gone = next(u for u, (_, pod) in before.items() if pod == "app-blue-1")
    with Connection(proxy.address) as connection:
        refused = connection.request("GET", "/count", {"X-User": f"u{gone}"})
    assert refused.status == 503 and int(refused.get("retry-after")) >= 1
    assert proxy.metrics().sum("turnout_spilled_total") == 0
    fleet["blue"][1].start()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="blue") == 3)
    assert outcomes() == before
