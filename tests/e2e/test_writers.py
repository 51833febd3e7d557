"""Many who change rules at once: a strict order of revisions, no change lost, and every loop has switched when a verb returns."""
import http.client
import json
import os
import socket
import subprocess
import threading

from line import config, eventually, rule
from support import load
from support.places import binary

WRITERS = 50
EACH = 6  # changes of each writer
WHOLE = 1_000_000


class Admin:
    """A connection of its own to the admin interface."""

    def __init__(self, proxy):
        self.connection = http.client.HTTPConnection("localhost", timeout=30)
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.settimeout(30)
        self.connection.sock.connect(proxy.admin.removeprefix("unix:"))

    def ask(self, method, path, body=None, if_revision=None):
        fields = {"Content-Type": "application/json"} if body is not None else {}
        if if_revision is not None:
            fields["If-Match"] = f'"{if_revision}"'
        self.connection.request(method, path, None if body is None else json.dumps(body), fields)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


class Client:
    """A connection of its own through the proxy: it stays on its loop."""

    def __init__(self, proxy):
        self.connection = http.client.HTTPConnection(*proxy.address, timeout=30)

    def get(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()


def at_once(count, work):
    """work(0) ... work(count - 1), all at the same time; the first failure is raised."""
    failures = []
    start = threading.Barrier(count)

    def run(number):
        try:
            start.wait(30)
            work(number)
        except BaseException as failure:  # noqa: B902
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


def find(rules, name):
    return next((r for r in rules if r["name"] == name), None)


def shares(weights):
    return {version: weight * WHOLE / sum(weights.values()) for version, weight in weights.items()}


def count_up(proxy, told):
    """One more for green, as often as EACH says, each from what was there: a change that another one overtook is refused."""
    admin, client = Admin(proxy), Client(proxy)
    refused = 0
    for _ in range(EACH):
        seen = 0
        while True:
            _, before = admin.ask("GET", "/v1/rules")
            assert before["revision"] > seen, "after a 412 the other change must be there"
            weights = dict(find(before["rules"], "counted")["weights"])
            weights["green"] += 1
            status, answer = admin.ask("PUT", "/v1/weights", {"rule": "counted", "weights": weights},
                                       if_revision=before["revision"])
            if status == 200:
                break
            assert status == 412, answer
            seen = before["revision"]
            refused += 1
        assert answer["revision"] == before["revision"] + 1
        told.append(answer)
        client.get(f"/count?after={answer['revision']}")
    return refused


def set_share(proxy, told, number):
    """The share of one of three versions; the others are scaled, in the server, from what they have then."""
    admin, client = Admin(proxy), Client(proxy)
    for turn in range(EACH):
        version = ("blue", "green", "red")[(number + turn) % 3]
        ppm = 100_000 + 1_000 * number + 100 * turn
        status, answer = admin.ask("PUT", "/v1/share", {"rule": "main", "share": {version: ppm}})
        assert status == 200, answer
        told.append({**answer, "asked": (version, ppm)})
        client.get(f"/count?after={answer['revision']}")


def test_50_writers_lose_nothing_and_every_loop_has_switched(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1, red=1)
    counted = rule({"blue": 1000, "green": 1}, name="counted", match=[{"path": "/counted"}])
    main = rule({"blue": 500_000, "green": 300_000, "red": 200_000})
    proxy = start_proxy(config(fleet, counted, main, store={"file": "./store"}, threads=2))
    told, refused = [], []

    def work(number):
        if number % 2:
            set_share(proxy, told, number)
        else:
            refused.append(count_up(proxy, told))

    at_once(WRITERS, work)

    # A strict order: every revision was told to exactly one writer, none is missing.
    told.sort(key=lambda answer: answer["revision"])
    assert [answer["revision"] for answer in told] == list(range(2, 2 + WRITERS * EACH))
    assert all(answer["changed"] and answer["durable"] for answer in told)
    assert sum(refused) > 0, "nobody met another: this proves nothing"

    # Nothing is lost: each change began with what the one before it left, and is all that it changed.
    present = {"counted": {"blue": 1000, "green": 1}, "main": dict(main["weights"])}
    for answer in told:
        before, after = answer["before"], answer["after"]
        assert [r["name"] for r in before] == [r["name"] for r in after] == [answer["rule"]]
        assert before[0]["weights"] == present[answer["rule"]], answer["revision"]
        weights = present[answer["rule"]] = after[0]["weights"]
        if answer["rule"] == "main":
            version, ppm = answer["asked"]
            old, new = shares(before[0]["weights"]), shares(weights)
            assert new[version] == ppm
            scale = (WHOLE - ppm) / (WHOLE - old[version])
            assert all(abs(new[v] - old[v] * scale) <= 1 for v in old if v != version)
    assert present["counted"] == {"blue": 1000, "green": 1 + (WRITERS + 1) // 2 * EACH}
    rules = proxy.api("/v1/rules")
    assert {r["name"]: r["weights"] for r in rules["rules"]} == present
    assert rules["revision"] == told[-1]["revision"]

    # Whoever asked after a verb had returned got its revision or a later one, on whatever loop.
    def lines():
        found = [entry for entry in proxy.access_log() if "after=" in entry["path"]]
        return found if len(found) == WRITERS * EACH else None

    loops = set()
    for entry in eventually(lines):
        assert entry["revision"] >= int(entry["path"].split("after=")[1]), entry
        loops.add(entry["request_id"][:16])  # made ids begin with their loop's number
    assert len(loops) == 2


def test_next_line_of_every_loop_has_the_revision_of_the_verb(start_fleet, start_proxy):
    """One change after the other through the verb; right after each, one request on every one of many connections."""
    proxy = start_proxy(config(start_fleet(blue=1, green=1), rule({"blue": 1}), threads=2))
    clients = [Client(proxy) for _ in range(24)]
    revisions = []
    for i in range(5):
        done = proxy.verb("set", "weights", f"blue={i + 1},green=1") if i % 2 else proxy.verb("route", "all", "green")
        revisions.append(int(done.split()[1]))
        for client in clients:
            client.get(f"/count?step={i}")
    assert revisions == [2, 3, 4, 5, 6]

    def lines():
        found = [entry for entry in proxy.access_log() if "step=" in entry["path"]]
        return found if len(found) == 5 * len(clients) else None

    seen = set()
    for entry in eventually(lines):
        step = int(entry["path"].split("step=")[1])
        assert entry["revision"] == revisions[step], entry
        seen.add((entry["request_id"][:16], step))
    assert len(seen) == 2 * 5  # both loops, each time


def test_verbs_at_once_are_exit_3_or_done(start_fleet, start_proxy):
    """The program itself: of ten that name the same revision one changes it, nine are told that they are late."""
    proxy = start_proxy(config(start_fleet(blue=1, green=1), rule({"blue": 9, "green": 1})))
    environment = {**os.environ, "TURNOUT_ADMIN": proxy.admin}
    children = [subprocess.Popen([binary("turnout"), "set", "weights", f"blue=9,green={i + 2}", "--if-revision", "1"],
                                 env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for i in range(10)]
    texts = [child.communicate(timeout=30) for child in children]
    assert sorted(child.returncode for child in children) == [0] + [3] * 9
    winner = next(i for i, child in enumerate(children) if child.returncode == 0)
    assert find(proxy.api("/v1/rules")["rules"], "main")["weights"] == {"blue": 9, "green": winner + 2}
    assert all("revision" in err for i, (_, err) in enumerate(texts) if i != winner)
    assert load.losses(load.run(proxy.address, [load.get_request("/count")] * 10)) == []
