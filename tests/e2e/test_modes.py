"""Drain, cut, undrain, promote: who is reached from when on, and what becomes of what is open."""
import json
import socket
import threading
import time
from collections import Counter

from late import LONG_RULE, count_late, pair  # noqa: F401
from line import config, cookie_of, eventually, rule, versions
from support import load
from support.http1 import BadAnswer, Connection, get, get_admin
from support.recorder import Answer, answer
from support.small_disk import SmallDisk

KEY = "0123456789abcdef" * 4
TESTERS = rule({"green": 1}, name="testers", match=[{"headers": [{"name": "X-Version", "value": "green"}]}])


def ask(proxy, count=100, path="/count", **headers):
    outcomes = load.run(proxy.address, [load.get_request(path, **headers)] * count)
    assert all(o.failure is None for o in outcomes)
    return outcomes


def who(proxy, count=100, **headers):
    return load.versions(ask(proxy, count, **headers))


def mode_of(proxy, version, endpoint=None):
    status = json.loads(get_admin(proxy.metrics_address, "/status").body)
    found = next(v for v in status["versions"] if v["name"] == version)
    return (found if endpoint is None else found["endpoints"][endpoint])["mode"]


def session(tmp_path, **more):
    (tmp_path / "keys").write_text(KEY + "\n")
    return {"by": "cookie", "name": "turnout", "affinity": "session", "key_file": str(tmp_path / "keys"), **more}


# --- cut ----------------------------------------------------------------------------------------------

def test_nobody_reaches_a_cut_version(pair):  # noqa: F811
    proxy, _, green = pair(TESTERS, rule({"blue": 1, "green": 1}, mirror=[{"to": "green", "percent": "50%"}]), threads=2)
    done, count, late = count_late(proxy, green, ("cut", "green"))
    assert done.returncode == 0 and "cut" in done.stdout, done
    assert count > 3000 and len(green.requests) > 500
    assert late == []
    before = len(green.requests)
    assert all(o.status == 200 for o in ask(proxy, x_version="green"))
    assert len(green.requests) == before


def test_nobody_reaches_a_cut_version_with_a_full_disk(pair, tmp_path):  # noqa: F811
    disk = SmallDisk(tmp_path / "disk")
    proxy, _, green = pair(LONG_RULE, rule({"blue": 1, "green": 1}), disk=disk, threads=2,
                           store={"file": str(disk.folder / "turnout.store")})
    disk.fill(proxy.pid)
    done, _, late = count_late(proxy, green, ("cut", "green"))
    assert late == []
    assert done.returncode == 0 and "applied, NOT durable: " in done.stderr
    drained = proxy.verb("drain", "blue", "--timeout", "1h", check=False)
    assert drained.returncode == 0 and "applied, NOT durable: " in drained.stderr
    assert proxy.metrics().sum("turnout_store_durable") == 0
    undrained = proxy.verb("undrain", "green", check=False)
    assert undrained.returncode == 1 and "nothing was changed" in undrained.stderr
    disk.empty(proxy.pid)
    eventually(lambda: proxy.metrics().sum("turnout_store_durable") == 1)
    lines = (disk.seen_by(proxy.pid) / "turnout.store").read_text().splitlines()
    records = [json.loads(line.split(" ", 1)[1]) for line in lines]
    assert [r["what"] for r in records[-2:]] == ["cut", "drain"]
    assert {n: m["mode"] for n, m in records[-1]["modes"].items()} == {"green": "cut", "blue": "draining"}


def test_cut_share_goes_to_the_others_in_proportion(start_recorder, start_proxy):
    def named(name):
        return start_recorder(lambda _: answer(headers={"X-Version": name}))
    recorders = {name: named(name) for name in ("blue", "green", "red")}
    proxy = start_proxy({"versions": versions(**{n: [r.address] for n, r in recorders.items()}),
                         "rules": [rule({"blue": 50, "green": 30, "red": 20})], "threads": 2})
    assert abs(who(proxy, 1000)["green"] - 300) <= 2
    proxy.verb("cut", "blue")
    got = who(proxy, 1000)
    assert got["blue"] == 0 and abs(got["green"] - 600) <= 4 and abs(got["red"] - 400) <= 4
    proxy.verb("cut", "green")
    assert who(proxy, 50) == {"red": 50}
    told = proxy.verb("cut", "red")
    assert "refused (503)" in told
    refused = ask(proxy, 20)
    assert all(o.status == 503 for o in refused)
    answered = get(proxy.address, "/")
    assert answered.status == 503 and answered.get("retry-after")
    for version in ("red", "green", "blue"):
        proxy.verb("undrain", version)
    got = who(proxy, 1000)
    assert abs(got["blue"] - 500) <= 4 and abs(got["green"] - 300) <= 4


def test_cut_endpoint_and_back(start_fleet, start_proxy):
    fleet = start_fleet(blue=3)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2))
    assert len(load.pods(ask(proxy, 60))) == 3
    proxy.verb("cut", "blue/1")
    assert mode_of(proxy, "blue", 1) == "cut" and mode_of(proxy, "blue") == "active"
    pods = load.pods(ask(proxy, 60))
    assert not any(p.endswith("-1") for p in pods)
    assert len(pods) == 2 and all(abs(count - 30) <= 2 for count in pods.values())  # each of two loops takes its own turns
    assert "cut" in proxy.verb("get")
    proxy.verb("undrain", "blue/1")
    assert len(load.pods(ask(proxy, 60))) == 3


def test_cut_lets_what_is_open_finish_or_ends_it(start_recorder, start_proxy):
    gate = threading.Event()
    blue = start_recorder()
    green = start_recorder(lambda _: Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", gate.wait, b"cd"))
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [rule({"green": 1}, stable="blue")]})

    def begin():
        before = len(green.requests)
        connection = Connection(proxy.address)
        connection.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: len(green.requests) > before)
        return connection

    stays, ends = begin(), begin()
    proxy.verb("cut", "green")
    gate.set()
    assert stays.read().body == b"abcd" and ends.read().body == b"abcd"
    proxy.verb("undrain", "green")
    gate.clear()
    first, second = begin(), begin()
    told = proxy.verb("cut", "green", "--abort-open")
    assert "2 open exchanges were ended" in told
    for connection in (first, second):
        try:
            assert connection.read().status != 200
        except BadAnswer:
            pass  # broken off: visible to the client
    gate.set()
    assert "0 open exchanges were ended" in proxy.verb("cut", "green", "--abort-open")


def test_cut_and_drain_of_who_waits_for_room(start_recorder, start_proxy):
    """A request that waits has not been sent yet: never after a cut, and then it is told; a drain serves it."""
    gate = threading.Event()
    green, blue = start_recorder(lambda _: (gate.wait(20), Answer(answer()))[1]), start_recorder()
    both = versions(blue=[blue.address], green=[green.address])
    both["green"]["max_requests"] = 1
    proxy = start_proxy({"versions": both, "rules": [rule({"green": 1}, stable="blue", guard={"max_error_rate": "1%", "min_requests": 1})],
                         "threads": 2, "limits": {"queue_timeout": "1h", "stop_grace": "1s"}})

    def send(path, queued):
        connection = Connection(proxy.address)
        connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        eventually(lambda: len(green.requests) > 0 and proxy.metrics().sum("turnout_upstream_queued") == queued)
        return connection

    first = send("/first", 0)
    waiting = [send(f"/cut{i}", i + 1) for i in range(3)]
    proxy.verb("cut", "green")
    for connection in waiting:
        refused = connection.read()
        assert refused.status == 503 and int(refused.get("retry-after")) >= 1
    gate.set()
    assert first.read().status == 200  # what is open finishes
    assert [r.target for r in green.requests] == ["/first"]
    assert get(proxy.address, "/").status == 200 and len(blue.requests) == 1
    lines = eventually(lambda: lines if len(lines := proxy.access_log()) == 5 else None)
    ends = {line["path"]: line["end"] for line in lines}
    assert ends == {"/first": "ok", "/cut0": "cut", "/cut1": "cut", "/cut2": "cut", "/": "ok"}
    gate.clear()
    proxy.verb("undrain", "green")
    assert json.loads(proxy.verb("get", "-o", "json"))["rules"][0]["weights"] == {"green": 1}  # nobody's error: the guard stays quiet
    first = send("/open", 0)
    eventually(lambda: len(green.requests) == 2)
    waiting = send("/waits", 1)
    proxy.verb("drain", "green", "--timeout", "1h")
    gate.set()
    assert first.read().status == 200 and waiting.read().status == 200
    assert [r.target for r in green.requests] == ["/first", "/open", "/waits"]


# --- match rules --------------------------------------------------------------------------------------

def test_cut_is_stronger_than_match_rules_and_explain_says_so(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, TESTERS, rule({"blue": 1})))
    assert who(proxy, 10, x_version="green") == {"green": 10}
    told = proxy.verb("cut", "green", "--dry-run")
    assert "go on to the rules below" in told
    assert who(proxy, 10, x_version="green") == {"green": 10}
    proxy.verb("cut", "green")
    assert who(proxy, 10, x_version="green") == {"blue": 10}
    told = proxy.verb("explain", "-H", "X-Version: green")
    assert told.startswith("blue,") and "version green is cut" in told and "rule testers: none of its versions" in told


# --- drain --------------------------------------------------------------------------------------------

def test_drain_keeps_sessions_until_its_time_is_over_then_they_are_bound_anew(start_fleet, start_proxy, tmp_path):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1, "green": 1}, sticky=session(tmp_path))))
    users = {o.index: o for o in ask(proxy, 100)}
    bound = {cookie_of(o): o.version for o in users.values()}
    assert Counter(bound.values())["green"] == 50

    def again(cookies):
        outcomes = load.run(proxy.address, [load.get_request("/count", cookie=c) for c in cookies])
        assert load.losses(outcomes) == []
        return {list(cookies)[o.index]: o for o in outcomes}

    proxy.verb("drain", "green", "--timeout", "3s")
    assert {c: o.version for c, o in again(bound).items()} == bound  # whoever is bound stays
    assert who(proxy, 50) == {"blue": 50}  # nobody new
    eventually(lambda: mode_of(proxy, "green") == "cut")
    moved = again(bound)
    assert {o.version for o in moved.values()} == {"blue"}
    renewed = {cookie_of(o) or c: "blue" for c, o in moved.items()}
    assert sum(o.cookie is not None for o in moved.values()) == 50  # those of green, and they alone
    proxy.verb("undrain", "green")
    assert {c: o.version for c, o in again(renewed).items()} == renewed  # they are bound to blue for good
    assert who(proxy, 50)["green"] == 25


def test_drain_survives_kill_and_ends_in_time(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    settings = config(fleet, rule({"blue": 1, "green": 1}), store={"file": "./turnout.store"})
    proxy = start_proxy(settings, name="drained")
    begun = time.monotonic()
    proxy.verb("drain", "green", "--timeout", "3s")
    proxy.verb("cut", "blue/0")
    proxy.kill()
    again = start_proxy(settings, name="drained")
    assert mode_of(again, "green") == "draining" and mode_of(again, "blue", 0) == "cut"
    eventually(lambda: mode_of(again, "green") == "cut")
    assert time.monotonic() - begun > 2.9
    assert again.metrics().sum("turnout_rules_revision") == 4
    again.verb("reload")
    assert mode_of(again, "green") == "cut" and mode_of(again, "blue", 0) == "cut"
    again.kill()
    last = start_proxy(settings, name="drained")
    assert mode_of(last, "green") == "cut"


def test_drain_ends_tunnels_when_its_time_is_over(start_recorder, start_proxy):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"
    green, blue = start_recorder(lambda request: switch if request.target == "/chat" else answer()), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [rule({"green": 1}, stable="blue")]})
    client = Connection(proxy.address)
    client.send(b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n")
    assert client.socket.recv(100).startswith(b"HTTP/1.1 101 ")
    proxy.verb("drain", "green", "--timeout", "1s")
    client.send(b"still here")
    eventually(lambda: green.tunnelled == b"still here")
    assert get(proxy.address, "/").status == 200 and len(blue.requests) == 1
    client.socket.settimeout(10)
    try:
        assert client.socket.recv(100) == b""
    except (ConnectionResetError, socket.timeout) as error:
        assert not isinstance(error, socket.timeout), "the tunnel is still open"


# --- promote ------------------------------------------------------------------------------------------

def test_promote_by_default_by_name_and_refused(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    proxy.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", "10%")
    dry = proxy.verb("promote", "--dry-run")
    assert "dry run" in dry and "green" in dry
    told = proxy.verb("promote", "--reason", "good", "--author", "ann", "--if-revision", "2")
    assert "revision 3" in told and "stable" in told
    assert who(proxy, 50) == {"green": 50}
    assert proxy.verb("abort", check=False).returncode == 0  # back to stable: that is green now
    assert who(proxy, 50) == {"green": 50}
    again = proxy.verb("promote", check=False)
    assert again.returncode == 1 and "say which one" in again.stderr
    proxy.verb("cut", "blue")
    cut = proxy.verb("promote", "blue", check=False)
    assert cut.returncode == 1 and "undrain it first" in cut.stderr
    stale = proxy.verb("promote", "blue", "--if-revision", "1", check=False)
    assert stale.returncode == 3


def test_promote_of_shadow_data_is_asked_for(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    settings = config(fleet, rule({"blue": 1}), store={"file": "./turnout.store"})
    proxy = start_proxy(settings, name="promoted")
    proxy.verb("route", "shadow", "--stable", "blue", "--canary", "green", "--percent", "100")
    ask(proxy, 20, path="/")
    eventually(lambda: "shadowed since" in proxy.verb("get"))
    since = json.loads(proxy.verb("get", "-o", "json"))["status"]["versions"][1]["shadowed_since"]
    for dry in ([], ["--dry-run"]):
        refused = proxy.verb("promote", "green", *dry, check=False)
        assert refused.returncode == 1 and f"mirrored requests since {since}" in refused.stderr
        assert "--accept-shadow-data" in refused.stderr and "reset its disks" in refused.stderr
    told = proxy.verb("promote", "green", "--accept-shadow-data", "--dry-run")
    assert "its data counts as its own" in told and "shadowed since" in proxy.verb("get")
    told = proxy.verb("promote", "green", "--accept-shadow-data")
    assert "mirrored to green" in told and "its data counts as its own" in told
    assert who(proxy, 20) == {"green": 20}
    assert "shadowed since" not in proxy.verb("get")
    proxy.kill()
    again = start_proxy(settings, name="promoted")
    assert "shadowed since" not in again.verb("get")  # recorded
    assert again.verb("promote", "green", check=False).returncode == 0


# --- failover -----------------------------------------------------------------------------------------

def test_failover_of_sticky_users_is_charged_to_who_failed(start_recorder, start_proxy):
    def named(name):
        return start_recorder(lambda _: answer(headers={"X-Version": name}))
    recorders = {name: named(name) for name in ("blue", "green", "red")}
    proxy = start_proxy({"versions": versions(**{n: [r.address] for n, r in recorders.items()}),
                         "rules": [rule({"blue": 1, "green": 1, "red": 1}, on_unhealthy="failover",
                                        sticky={"by": "header:X-User"})]})
    users = [f"user-{i}" for i in range(300)]

    def homes():
        outcomes = load.run(proxy.address, [load.get_request(x_user=u) for u in users])
        assert load.losses(outcomes) == []
        return {users[o.index]: o.version for o in outcomes}

    before = homes()
    green = {u for u, v in before.items() if v == "green"}
    recorders["green"].close()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="green") == 0)
    base = proxy.metrics()
    during, later = homes(), homes()
    assert during == later  # each user stays where he went
    assert {u for u in users if during[u] != before[u]} == green  # nobody else moved
    moved = Counter(during[u] for u in green)
    assert min(moved["blue"], moved["red"]) > len(green) / 4  # to both: each key has its own order
    metrics = proxy.metrics()
    for to in ("blue", "red"):
        counted = metrics.sum("turnout_failed_over_total", **{"rule": "main", "from": "green", "to": to})
        assert counted - base.sum("turnout_failed_over_total", **{"rule": "main", "from": "green", "to": to}) == 2 * moved[to]
    share = json.loads(proxy.verb("get", "-o", "json"))["share"]["rules"][0]["versions"]
    of_green = next(v for v in share if v["name"] == "green")
    assert of_green["requests"] == 3 * len(green) and of_green["failed_over"] == 2 * len(green)
