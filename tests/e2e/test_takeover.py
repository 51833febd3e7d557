"""`turnout serve --takeover`: a new process takes the place of the running one, and nobody notices: no request is refused,
reset or lost, what was changed meanwhile is in force in both, and a new process that fails is as if it had never been."""
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from line import config, eventually, rule
from support import load
from support.http1 import Connection, get, get_admin
from support.ports import free_port
from support.proxy import Proxy
from test_lossless import Beside, changed


@pytest.fixture
def take_over():
    """take_over(proxy) -> the new process; ended with the test, and the replaced ones have ended clean."""
    others = []

    def run(proxy, *options):
        others.append(proxy)
        new = proxy.take_over(*options)
        others.append(new)
        return new

    yield run
    for process in dict.fromkeys(others):
        if not process.was_killed:
            assert process.stop(30) == 0, process.output()[-3000:]


def version_of(connection, path="/version"):
    answer = connection.request("GET", path)
    assert answer.status == 200
    return json.loads(answer.body)["version"] if answer.body.startswith(b"{") else re.search(rb"blue|green", answer.body)[0].decode()


def revision(proxy):
    return proxy.api("/v1/rules")["revision"]


# --- nothing is lost ----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("kind", ["keep-alive", "one request per connection"])
def test_reloads_and_takeovers_lose_nothing(kind, start_fleet, start_proxy, take_over, is_long):
    """20 reloads and 5 takeovers while 100,000 requests are sent (in short: 4 and 3 of 10,000). Each takeover has another
    number of loops, and comes with another configuration."""
    reloads, takeovers, count = (20, 5, 100000) if is_long else (4, 3, 10000)
    fleet = start_fleet(blue=3, green=2)
    proxy = start_proxy({**changed(fleet, 0), "threads": 2})
    is_fresh = kind != "keep-alive"
    requests = itertools.cycle([load.get_request(), load.get_request(connection="close") if is_fresh else load.get_request()])
    beside = Beside(proxy.address, itertools.islice(requests, count), fresh=is_fresh, timeout=20)
    beside.start()
    events = reloads + takeovers
    for number in range(1, events + 1):
        beside.wait_for(number * count // (events + 1))
        proxy.config.update(changed(fleet, number))
        if number % (events // takeovers) == 0:
            proxy.config["threads"] = 1 + number % 3
            proxy.write()
            proxy = take_over(proxy)
        else:
            proxy.write()
            proxy.reload()
            proxy.wait_for("reload: done")
    outcomes = beside.finish(120)
    losses = load.losses(outcomes) + [o for o in outcomes if o.failure]
    print(f"{kind}: {len(outcomes)} requests sent, {len(losses)} failed; {reloads} reloads, {takeovers} takeovers")
    assert losses == [], f"{len(losses)} of {len(outcomes)}: {losses[:5]}"
    assert len(outcomes) == count and fleet.visits() == count  # none refused, each answered and counted once


def test_listeners_that_change_with_a_takeover(start_fleet, start_proxy, take_over):
    """One address stays, one goes, one comes; metrics move."""
    fleet = start_fleet(blue=1)
    stays, goes, comes = (f"127.0.0.1:{free_port()}" for _ in range(3))
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2, listen=[stays, goes]))
    place = {name: (name.split(":")[0], int(name.split(":")[1])) for name in (stays, goes, comes)}
    beside = [Beside(place[name], itertools.repeat(load.get_request()), seconds=2, fresh=True) for name in (stays, goes)]
    for one in beside:
        one.start()
    beside[0].wait_for(200)
    old_metrics = proxy.metrics_address
    proxy.config.update(listen=[stays, comes], metrics=f"127.0.0.1:{free_port()}")
    proxy.write()
    new = take_over(proxy)
    assert get(place[comes], "/count").status == 200
    kept, gone = (one.finish(20) for one in beside)
    assert load.losses(kept) == [] and not [o for o in kept if o.failure]
    assert load.losses(gone) == [] and {o.failure for o in gone} == {None, "refused"}
    assert fleet.visits() == len([o for o in kept + gone if o.status == 200])
    assert get_admin(new.metrics_address, "/readyz").status == 200
    proxy.wait(10)
    with pytest.raises(ConnectionRefusedError):
        get_admin(old_metrics, "/readyz")


def test_what_is_open_ends_in_peace(start_fleet, start_proxy, take_over):
    """A slow answer, an idle connection and its next request, all with the process that was replaced."""
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), limits={"stop_grace": "5s"}))
    with Connection(proxy.address) as idle, Connection(proxy.address) as slow:
        assert idle.request("GET", "/count").status == 200
        fleet["blue"][0].faults(latency_ms=700)
        slow.send(load.get_request())
        time.sleep(0.2)
        new = take_over(proxy)
        assert proxy.is_running()
        answer = slow.read()
        assert answer.status == 200 and answer.get("connection").lower() == "close" and slow.is_closed()
        fleet["blue"][0].faults(latency_ms=0)
        time.sleep(0.3)
        answer = idle.request("GET", "/count")
        assert answer.status == 200 and answer.get("connection").lower() == "close"
    assert proxy.wait(3) == 0
    assert get(new.address, "/count").status == 200


def test_shares_go_on(start_fleet, start_proxy, take_over):
    """99/1 over three processes: what each deals is exact, and the sum is off by less than two for each."""
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 99, "green": 1}), threads=2))
    outcomes = []
    for part in range(3):
        outcomes += load.run(proxy.address, [load.get_request("/count")] * 1000, connections=8)
        if part < 2:
            proxy = take_over(proxy)
    dealt = load.versions(outcomes)
    assert abs(dealt["green"] - 30) <= 3, dealt


def test_health_is_known_from_the_start(start_fleet, start_proxy, take_over):
    """An endpoint that was down is down in the new process, which did not wait for a probe of it."""
    fleet = start_fleet(blue=2)
    fleet["blue"][1].kill()
    settings = config(fleet, rule({"blue": 1}))
    settings["versions"]["blue"]["health"] = {"path": "/readyz", "interval": "30s", "timeout": "30s"}
    proxy = start_proxy(settings)
    new = take_over(proxy)
    status = new.api("/v1/status")["versions"][0]
    assert status["healthy"] == 1 and len(status["endpoints"]) == 2, status
    outcomes = load.run(new.address, [load.get_request("/count")] * 50, connections=4)
    assert load.losses(outcomes) == [] and {o.status for o in outcomes} == {200}


# --- what is changed meanwhile ------------------------------------------------------------------------------------------


def test_changes_during_takeovers_are_in_both(start_fleet, start_proxy, take_over):
    """Two writers go on while three processes replace each other: each change that was answered is there, once, in order."""
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 90, "green": 10}), store={"file": "./s"}, threads=2))
    answered = []
    is_over = threading.Event()
    failures = []

    def write(seed):
        random_ = random.Random(seed)
        while not is_over.is_set():
            share = random_.randrange(1, 99)
            done = proxy.verb("set", "weights", f"blue={100 - share},green={share}", check=False)
            if done.returncode:
                failures.append(done.stderr)
            else:
                answered.append((int(re.search(r"revision (\d+)", done.stdout)[1]), share))

    writers = [threading.Thread(target=write, args=(n,)) for n in range(2)]
    for writer in writers:
        writer.start()
    current = proxy
    try:
        for _ in range(3):
            before = len(answered)
            eventually(lambda: len(answered) >= before + 10)
            current = take_over(current)
        before = len(answered)
        eventually(lambda: len(answered) >= before + 10)
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
    assert failures == []
    changed_ = dict(answered)
    assert len(changed_) == len([r for r, _ in set(answered)])  # no revision was given twice
    last = max(changed_)
    assert revision(current) == last
    assert current.api("/v1/rules")["rules"][0]["weights"]["green"] == changed_[last]
    records = [json.loads(line.split(" ", 1)[1]) for line in (proxy.folder / "s").read_text().splitlines()]
    weights = {r["revision"]: r["rules"][0]["weights"]["green"] for r in records}
    assert all(weights[r] == share for r, share in changed_.items() if r in weights)
    assert set(changed_) <= set(weights)


def test_change_in_the_new_process_is_in_force_in_the_old_one(start_fleet, start_proxy, take_over):
    """A keep-alive connection is still the old process's, and its next request obeys what the new one was told."""
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 0, "green": 100}, stable="blue"), limits={"stop_grace": "20s"}))
    with Connection(proxy.address) as first, Connection(proxy.address) as second, Connection(proxy.address) as third:
        for connection in (first, second, third):
            assert version_of(connection) == "green"
        new = take_over(proxy)
        proxy.wait_for("has taken over")
        answer = first.request("GET", "/version")
        assert b"green" in answer.body and answer.get("connection").lower() == "close"
        new.verb("abort")
        answer = second.request("GET", "/version")
        assert b"blue" in answer.body and answer.get("connection").lower() == "close"
        new.verb("set", "weights", "blue=0,green=1")
        new.verb("cut", "green")
        assert b"blue" in third.request("GET", "/version").body
    assert proxy.wait(10) == 0
    lines = [line for line in proxy.access_log() if "path" in line]
    assert sorted(line["revision"] for line in lines)[-3:] == [1, 2, 4], lines


class Taker:
    """A process that asks to take over, and then says nothing more."""

    def __init__(self, proxy, protocol=1):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(proxy.admin.removeprefix("unix:"))
        body = json.dumps({"protocol": protocol, "pid": os.getpid(), "version": "9.9"})
        self.socket.sendall(f"POST /v1/takeover HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.text = b""

    def read_until(self, mark):
        while mark not in self.text:
            more = self.socket.recv(65536)
            assert more, self.text
            self.text += more
        return self.text

    def close(self):
        self.socket.close()


def test_abort_does_not_wait_for_a_takeover(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}), store={"file": "./s"}))
    taker = Taker(proxy)
    taker.read_until(b'"state"')
    assert "revision 2" in proxy.verb("abort", timeout=5)
    assert b"a change that cannot wait came first" in taker.read_until(b'"cancel"')
    taker.close()
    assert set(load.versions(load.run(proxy.address, [load.get_request("/count")] * 20, connections=2))) == {"blue"}


def test_other_changes_wait_and_are_made_if_it_fails(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 50, "green": 50}), store={"file": "./s"}))
    taker = Taker(proxy)
    taker.read_until(b'"state"')
    done = []
    writer = threading.Thread(target=lambda: done.append(proxy.verb("set", "share", "green=10%")))
    writer.start()
    time.sleep(0.3)
    assert not done and get(proxy.address, "/count").status == 200
    second = Taker(proxy)
    assert b"is taking over already" in second.read_until(b"}")
    second.close()
    taker.close()
    writer.join(10)
    assert "revision 2" in done[0]
    proxy.wait_for("it ended before it was ready; nothing was changed")


def test_other_protocol_is_refused(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    taker = Taker(proxy, protocol=99)
    text = taker.read_until(b"}").decode()
    assert text.startswith("HTTP/1.1 409 ")
    assert "hands over by protocol 1, and 9.9 asks for 99: stop the one and start the other" in text
    taker.close()
    proxy.verb("get")


# --- one that fails -----------------------------------------------------------------------------------------------------


def fails(proxy, *options, code=1):
    new = proxy.successor(*options).launch()
    assert new.wait(15) == code, new.output()
    return new.output()


def test_failing_takeovers_change_nothing(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1, "green": 0}), store={"file": "./s"}, threads=2))
    good = proxy.config_path.read_text()
    proxy.verb("set", "weights", "green=1,blue=0")
    beside = Beside(proxy.address, itertools.repeat(load.get_request("/count")), seconds=8, fresh=True)
    beside.start()
    proxy.write(good + "\nwat: 1\n")
    assert "unknown key 'wat'" in fails(proxy)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = f"127.0.0.1:{taken.getsockname()[1]}"
        proxy.write(good.replace(proxy.metrics_address, wrong))
        assert f"metrics {wrong}: the port is taken" in fails(proxy)
        proxy.config["listen"].append(wrong)
        proxy.write()
        assert f"cannot listen on {wrong}: Address already in use" in fails(proxy)
        proxy.config["listen"].pop()
    proxy.write(good)
    assert "nothing to take over" in fails(proxy, "--admin", f"unix:{proxy.folder}/no.sock")
    assert proxy.verb("serve", "-c", proxy.config_path, "--admin", "unix:./x", check=False).returncode == 2
    outcomes = beside.finish(30)
    assert load.losses(outcomes) == [] and {o.status for o in outcomes} == {200}
    assert set(load.versions(outcomes)) == {"green"}
    assert "revision 3" in proxy.verb("set", "weights", "green=1,blue=1")


@pytest.mark.long
def test_killed_at_any_moment(start_fleet, start_proxy, take_over, is_long):
    """kill -9 of the new process, at moments from its start to long after it took over. As long as it has not said that it
    listens, the old one goes on; nobody is refused or loses an answer either way."""
    rounds = 200 if is_long else 40
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1, "green": 1}), store={"file": "./s"}, threads=2))
    began = time.monotonic()
    fails_at = proxy.successor().launch().wait_ready()
    whole = time.monotonic() - began  # from start to takeover, on this machine, now
    proxy.wait(10)
    current, went_on = fails_at, 0
    expected = 1
    try:
        for number in range(rounds):
            new = current.successor()
            new.err_path = new.err_path.with_name(f"k{number}.err")
            new.launch()
            time.sleep(whole * 1.1 * number / rounds)
            new.child.kill()
            new.child.wait()
            if "listening on" in new.output():
                current.was_told = True
                eventually(lambda: not current.is_running(), 15)  # it heard of it, and has ended
                current = proxy.start()  # as a service manager does
                continue
            went_on += 1
            assert get(current.address, "/count").status == 200
            expected = revision(current) + 1
            share = 1 + number % 50
            assert f"revision {expected}" in current.verb("set", "weights", f"blue={share},green={100 - share}")
    finally:
        assert current.stop(20) == 0
    print(f"{rounds} kills: {went_on} before it listened, {rounds - went_on} after")
    assert went_on >= rounds // 5


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_only_ourselves_and_root_may_take_over(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        proxy = start_proxy(config(fleet, rule({"blue": 1}), admin=f"unix:{folder}/admin.sock"))
        os.chmod(f"{folder}/admin.sock", 0o666)
        script = ("import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);"
                  "s.sendall(b'POST /v1/takeover HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 0\\r\\n"
                  "Connection: close\\r\\n\\r\\n');print(s.makefile().read())")
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", script,
                               f"{folder}/admin.sock"], capture_output=True, text=True, timeout=20)
        assert done.stdout.startswith("HTTP/1.1 403 ") and "of the same user, or of root" in done.stdout, done
        proxy.verb("get")


# --- with a service manager ---------------------------------------------------------------------------------------------


def test_a_service_manager_is_told(start_fleet, tmp_path, start_proxy):
    """READY, then by SIGUSR2 a successor: the old one names it as the main process, the new one says that it is ready."""
    fleet = start_fleet(blue=1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        proxy = Proxy(tmp_path / "p", config(fleet, rule({"blue": 1}), limits={"stop_grace": "1s"}))
        proxy.env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        proxy.start()
        told = manager.recv(1000).decode()
        assert told == f"READY=1\nMAINPID={proxy.pid}\n"
        proxy.signal(signal.SIGUSR2)
        messages = {manager.recv(1000).decode() for _ in range(2)}
        successor = int(re.search(r"SIGUSR2: .* is process (\d+)", proxy.output())[1])
        try:
            assert messages == {f"MAINPID={successor}\n", f"READY=1\nMAINPID={successor}\n"}
            proxy.was_told = True
            assert proxy.wait(10) == 0
            assert get(proxy.address, "/count").status == 200
        finally:
            os.kill(successor, signal.SIGTERM)
        assert manager.recv(1000).decode() == "STOPPING=1\n"
        eventually(lambda: not os.path.exists(proxy.admin.removeprefix("unix:")))


# --- a story ------------------------------------------------------------------------------------------------------------


def test_fridays_abort(start_fleet, start_proxy, take_over):
    """Friday: a canary is aborted. Saturday the machine restarts, on Monday somebody mends another rule of the file and
    reloads, on Tuesday a new binary takes over. The abort is still what counts, and history says why."""
    fleet = start_fleet(blue=1, green=1)
    canary = rule({"blue": 90, "green": 10})
    testers = rule({"green": 1}, name="testers", match=[{"headers": [{"name": "X-Tester", "value": "yes"}]}], stable="blue")
    proxy = start_proxy(config(fleet, testers, canary, store={"file": "./turnout.store"}, threads=2))

    def green():
        return load.versions(load.run(proxy.address, [load.get_request("/count")] * 200, connections=4))["green"]

    assert green() == 20
    proxy.verb("abort", "--rule", "main", "--reason", "errors after the Friday release")
    friday = revision(proxy)
    assert green() == 0

    assert proxy.stop(20) == 0  # Saturday
    proxy.start()
    assert revision(proxy) == friday and green() == 0

    testers["match"][0]["headers"][0]["value"] = "on"  # Monday
    proxy.write()
    told = proxy.verb("reload")
    assert "testers" in told
    assert revision(proxy) == friday + 1 and green() == 0
    assert b"green" in get(proxy.address, "/version", **{"X-Tester": "on"}).body

    proxy = take_over(proxy)  # Tuesday
    assert revision(proxy) == friday + 1 and green() == 0
    assert b"green" in get(proxy.address, "/version", **{"X-Tester": "on"}).body
    assert "errors after the Friday release" in proxy.verb("history")
    canary["weights"] = {"blue": 80, "green": 20}  # the next try is somebody's decision: the rule's own text
    proxy.write()
    proxy.verb("reload")
    assert green() == 40
