"""Updates from build 1 to build 2 of real counters behind a real proxy, under steady traffic: no request fails."""
import http.server
import json
import os
import random
import signal
import threading
import time

import pytest
from line import eventually, health, rule
from support.http1 import Connection
from support.engine import Engine, Visitors, counter_command
from support.ports import free_port
from support.proxy import Proxy

REPLICAS = 3


@pytest.fixture
def start_service(tmp_path):
    """start_service(rule fields, engine fields) -> proxy, engine: blue serves build 1, all up."""
    started = []

    def start(more=None, **engine):
        ports = {v: [free_port() for _ in range(REPLICAS)] for v in ("blue", "green")}
        health_of = {**health("200ms"), "up_after": 1, "down_after": 2}
        proxy = Proxy(tmp_path / "proxy", {
            "versions": {v: {"endpoints": [f"127.0.0.1:{p}" for p in ports[v]], "health": health_of} for v in ports},
            "rules": [rule({"blue": 1}, stable="blue", **(more or {}))],
            "store": {"file": "./turnout.store"},
            "log": {"access": "off"},
            "limits": {"stop_grace": "1s"},
        }, name="p").start()
        started.append(proxy)
        fleet = Engine(tmp_path / "engine", proxy.admin, ports, engine.pop("replicas", REPLICAS), **engine)
        started.append(fleet)
        fleet.start().wait_serving()
        return proxy, fleet

    yield start
    for process in reversed(started):
        if isinstance(process, Engine):
            process.stop_all()
        else:
            assert process.stop(timeout=30) == 0, process.output()[-3000:]


def serving(status):
    """The builds of what gets traffic, and where."""
    return {(v["name"], i["build"]) for v in status["versions"] if v["share_ppm"] for i in v["instances"]}


# name, flags, what is serving at the end, does a person promote
WAYS = [
    ("rolling", [], "blue", False),
    ("rolling", ["--max-surge", "1"], "green", False),
    ("ramped", [], "green", False),
    ("best-effort", ["--max-unavailable", "50%"], "blue", False),
    ("blue-green", ["--keep", "0s"], "green", False),
    ("canary", ["--steps", "5,50,100", "--after-requests", "20"], "green", False),
    ("ab", ["--header", "X-Version=green"], "green", True),
    ("shadow", ["--percent", "50", "--accept-shadow-data"], "green", True),
]


@pytest.mark.parametrize("name, flags, where, is_promoted", WAYS, ids=[" ".join([w[0], *w[1][:1]]) for w in WAYS])
def test_no_request_fails(start_service, name, flags, where, is_promoted):
    proxy, fleet = start_service()
    with Visitors(proxy.address) as visitors:
        time.sleep(0.3)
        fleet.update(name, "--to", "2", *flags)
        if is_promoted:
            fleet.wait_for_status(lambda s: s["update"]["wait"] and s["update"]["wait"]["person"])
            assert "2" not in visitors.builds(), "seen before a person promoted"
            fleet.update("promote")
        out = fleet.update("status", "-w", "--timeout", "40s")
        time.sleep(0.3)
    assert visitors.failed() == []
    assert len(visitors.results) > 200
    status = fleet.status()
    assert status["update"]["course"] == "done", out
    assert serving(status) == {(where, "2")}
    builds = visitors.builds()
    assert builds[0] == "1" and builds[-1] == "2"
    # A copy counts a visit, too.
    assert fleet.visits("blue") + fleet.visits("green") >= len(builds)
    assert fleet.visits(where) > 0
    other = next(v for v in status["versions"] if v["name"] != where)
    assert other["instances"] == []


def test_recreate_announces_its_gap(start_service):
    proxy, fleet = start_service()
    with Visitors(proxy.address) as visitors:
        time.sleep(0.3)
        fleet.update("recreate", "--to", "2", "--wait", "--timeout", "40s")
        time.sleep(0.3)
    assert {r[1] for r in visitors.failed()} <= {503}
    assert visitors.retry_after[False] == 0 and visitors.retry_after[True] > 0
    builds = visitors.builds()
    assert builds == sorted(builds), "two builds served at the same time"
    assert set(builds) == {"1", "2"}


def test_abort_returns_to_the_starting_build(start_service):
    proxy, fleet = start_service()
    with Visitors(proxy.address) as visitors:
        fleet.update("canary", "--to", "2", "--steps", "50,100", "--for", "10m")
        fleet.wait_for_status(lambda s: any(v["share_ppm"] == 500000 for v in s["versions"]))
        eventually(lambda: "2" in visitors.builds())
        out = fleet.update("abort", "--reason", "errors at checkout")
        late = len(visitors.results) + 4  # those on their way
        time.sleep(0.5)
        done = fleet.update("status", "-w", "--timeout", "30s", check=False)
    assert "errors at checkout" in out.splitlines()[0]
    assert done.returncode == 1 and "aborted" in done.stdout.splitlines()[-1]
    assert visitors.failed() == []
    assert "2" not in [r[2] for r in visitors.results[late:]]
    assert serving(fleet.status()) == {("blue", "1")}
    assert fleet.status()["ended"][-1]["result"] == "returned"


def test_abort_at_the_proxy_is_the_engines_own(start_service):
    proxy, fleet = start_service()
    fleet.update("canary", "--to", "2", "--steps", "50,100", "--for", "10m")
    fleet.wait_for_status(lambda s: any(v["share_ppm"] == 500000 for v in s["versions"]))
    fleet.kill()
    proxy.verb("abort", "--reason", "a person")
    fleet.start()
    status = fleet.wait_for_status(lambda s: s["update"]["course"] == "returned")
    assert serving(status) == {("blue", "1")}
    assert "taken back" in status["sentence"]
    assert not [a for a in fleet.actions() if a["action"].startswith("share")]


def test_a_bad_build_goes_back_by_itself(start_service):
    builds = {"1": {"command": list(map(str, counter_command("1")))}, "2": {"command": ["/bin/false"]}}
    proxy, fleet = start_service(builds=builds)
    with Visitors(proxy.address) as visitors:
        done = fleet.update("blue-green", "--to", "2", "--progress", "2s", "--wait", "--timeout", "30s", check=False)
    assert done.returncode == 1
    assert "no progress" in done.stdout.splitlines()[-1]
    assert visitors.failed() == []
    assert set(visitors.builds()) == {"1"}


def test_an_engine_killed_at_any_moment_goes_on(start_service, is_long):
    """kill -9 at random moments: it ends as asked, no orphan, no build mixed where none was promised."""
    proxy, fleet = start_service()
    seed = random.randrange(10**6)
    random.seed(seed)
    rounds = 200 if is_long else 20
    ways = [["rolling"], ["blue-green", "--keep", "0s"], ["ramped"], ["recreate"], ["best-effort"]]
    target = "2"
    with Visitors(proxy.address, count=2, pause=0.01) as visitors:
        for number in range(rounds):
            way = ways[number % len(ways)]
            fleet.update(*way, "--to", target)
            deadline = time.monotonic() + random.uniform(0.0, 1.2)
            while time.monotonic() < deadline and fleet.is_running():
                time.sleep(0.005)
            os.kill(fleet.pid, signal.SIGKILL)
            fleet.child.wait()
            fleet.start()
            status = fleet.wait_for_status(lambda s: s["update"]["course"] in ("done", "returned"), 40)
            assert status["update"]["course"] == "done", f"seed {seed}: {status['sentence']}"
            version = next(iter(serving(status)))[0]
            assert serving(status) == {(version, target)}, f"seed {seed}, {way}: {status}"
            assert len(fleet.processes()) == REPLICAS, f"seed {seed}, {way}"
            target = "1" if target == "2" else "2"
    assert {r[1] for r in visitors.failed()} <= {503}, f"seed {seed}"


BAD = {"1": {"command": list(map(str, counter_command("1")))},
       "2": {"command": list(map(str, counter_command("2", "--faults-listen", "127.0.0.1:0", "--faults", "error_rate=50")))}}


def test_a_bad_canary_goes_back_before_200_users_saw_it(start_service):
    proxy, fleet = start_service(builds=BAD)
    with Visitors(proxy.address, count=6, pause=0.001, is_new_each_time=True) as visitors:
        time.sleep(0.3)
        fleet.update("canary", "--to", "2", "--steps", "5,50,100")
        done = fleet.update("status", "-w", "--timeout", "60s", check=False)
    assert done.returncode == 1
    sentence = done.stdout.splitlines()[-1]
    assert "aborted" in sentence and "worse: 5xx" in sentence, sentence
    assert 0 < len(visitors.failed()) < 200, sentence
    assert serving(fleet.status()) == {("blue", "1")}


def test_a_lost_engine_is_noticed_by_the_proxy(start_service):
    proxy, fleet = start_service(lease="2s")
    fleet.update("canary", "--to", "2", "--steps", "5,100", "--for", "10m")
    fleet.wait_for_status(lambda s: any(v["share_ppm"] == 50000 for v in s["versions"]))
    assert proxy.api("/v1/lease")["leases"][0]["owner"] == "update 1"
    time.sleep(3)  # renewed
    assert proxy.api("/v1/rules")["rules"][0]["weights"]["green"] > 0
    for body, status in (({"owner": "update 2", "ttl_ms": 0}, 409), ({"rule": "none"}, 422), ({"ttl_ms": -1}, 422),
                         ({"on_lost": "keep"}, 422), ({"owner": ""}, 422)):
        wanted = {"rule": "main", "owner": "update 1", "on_lost": "hold", "ttl_ms": 0, **body}
        with pytest.raises(AssertionError, match=f"PUT /v1/lease: {status}"):
            proxy.api("/v1/lease", "PUT", wanted)
    fleet.kill()
    eventually(lambda: not proxy.api("/v1/rules")["rules"][0]["weights"].get("green"), timeout=10)
    fleet.start()
    status = fleet.wait_for_status(lambda s: s["update"]["course"] == "returned")
    assert "taken back" in status["sentence"]
    assert not [a for a in fleet.actions() if a["action"].startswith("share")]


# --- hooks and data -----------------------------------------------------------------------------------

@pytest.fixture
def listener():
    """A webhook that answers what `answers` says per path (a list is used up, its last stays), and remembers."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append((self.path, body))
            answers = server.answers.get(self.path, [200])
            self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answers = [], {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_hooks_are_asked_in_their_order(start_service, listener):
    hooks = {name: f"{listener.url}/{name}" for name in ("before", "step", "after", "notify")}
    listener.answers = {"/before": [503, 200]}
    _, fleet = start_service(hooks=hooks)
    fleet.update("blue-green", "--to", "2", "--keep", "0s", "--test", f"{listener.url}/test", "--wait", "--timeout", "40s")
    eventually(lambda: "/after" in [p for p, _ in listener.asked])
    paths = [p for p, _ in listener.asked if p != "/notify"]
    assert paths[:2] == ["/before", "/before"], "503: asked again"
    assert paths.index("/test") > paths.index("/step") and paths.count("/test") == 1
    body = dict(listener.asked)["/test"]
    assert body["update"] == 1 and body["from"] == "blue" and body["to_build"] == "2"
    assert body["transfer"] == "counter-update-1" and body["text"].startswith("update 1 blue-green build 1→2: ")
    assert [b["hook"] for p, b in listener.asked if p == "/notify"][0] == "started"


def test_a_failed_test_goes_back(start_service, listener):
    listener.answers = {"/test": [500]}
    hooks = {"rollback": {"url": f"{listener.url}/rollback"}}
    proxy, fleet = start_service(hooks=hooks)
    with Visitors(proxy.address) as visitors:
        done = fleet.update("blue-green", "--to", "2", "--test", f"{listener.url}/test", "--wait", "--timeout", "40s", check=False)
    assert done.returncode == 1 and "test failed" in done.stdout.splitlines()[-1]
    assert set(visitors.builds()) == {"1"} and visitors.failed() == []
    assert "/rollback" in [p for p, _ in listener.asked]


HANDOVER = """
import json, sys, urllib.request
asked = json.load(sys.stdin)
if sys.argv[1] == "commit":
    for old, new in zip(asked["from_ports"], asked["to_ports"]):
        count = urllib.request.Request(f"http://127.0.0.1:{old}/count", headers={"Accept": "application/json"})
        visits = json.load(urllib.request.urlopen(count))["visits"]
        body = json.dumps({"transfer": f"{asked['transfer']}-{old}", "visits": visits}).encode()
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{new}/import", body, {"Content-Type": "application/json"}))
"""


def test_a_handover_moves_the_visits(start_service, tmp_path):
    script = tmp_path / "handover.py"
    script.write_text(HANDOVER)
    builds = {b: {"command": list(map(str, counter_command(b, "--allow-import")))} for b in ("1", "2")}
    hooks = {name: {"command": ["/usr/bin/python3", str(script), name]} for name in ("prepare", "commit")}
    proxy, fleet = start_service(builds=builds, hooks=hooks, state="handover", replicas=1)
    seen = []
    with Connection(proxy.address) as connection:
        def visit():
            answer = connection.request("GET", "/", {"Accept": "application/json"})
            seen.append((answer.status, json.loads(answer.body)["visits"] if answer.status == 200 else None))
        for _ in range(20):
            visit()
        fleet.update("blue-green", "--to", "2", "--keep", "0s")
        while fleet.status()["update"]["course"] == "forward":
            visit()
        visit()
    assert {status for status, _ in seen} <= {200, 503}
    numbers = [n for status, n in seen if status == 200]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers), "the visitor's number fell"
    assert serving(fleet.status()) == {("green", "2")}
    assert numbers[-1] == fleet.visits("green") > 20
