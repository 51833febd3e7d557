"""max_requests: never one too many, whoever waits is served in turn or told 503, nobody is forgotten."""
import threading
import time

from line import config, eventually, rule, versions
from support import load
from support.http1 import Connection, get
from support.recorder import Answer, answer


class Gate:
    """A script whose answers wait until let go; knows how many were inside at once."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.free = threading.Event()

    def __call__(self, request):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        if self.seconds:
            time.sleep(self.seconds)
        else:
            self.free.wait(20)
        with self.lock:
            self.inside -= 1
        return Answer(answer(headers={"X-Version": "blue"}))


def limited(recorders, max_requests, **version):
    entry = versions(blue=[r.address for r in recorders])
    entry["blue"].update(max_requests=max_requests, **version)
    return entry


def test_never_more_than_max_requests_over_all_loops(start_recorder, start_proxy):
    """64 connections on two loops, room for 3 at each of two endpoints: every request is served."""
    for balance in ("round_robin", "least_requests"):
        gates = [Gate(0.002), Gate(0.002)]
        recorders = [start_recorder(gate) for gate in gates]
        proxy = start_proxy({"versions": limited(recorders, 3, balance=balance), "rules": [rule({"blue": 1})],
                             "threads": 2, "limits": {"queue_timeout": "20s", "stop_grace": "1s"}})
        outcomes = load.run(proxy.address, [load.get_request()] * 1500, connections=64)
        assert load.losses(outcomes) == []
        assert {o.status for o in outcomes} == {200}
        assert [gate.most for gate in gates] == [3, 3]
        metrics = proxy.metrics()
        assert metrics.sum("turnout_upstream_queue_waits_total", version="blue") > 500
        assert metrics.sum("turnout_upstream_queue_timeouts_total") == 0
        assert metrics.sum("turnout_upstream_queued") == 0


def test_room_made_on_another_loop_is_taken_within_a_moment(start_recorder, start_proxy):
    """One place, many loops: whoever waits elsewhere is woken, and does not wait for a poll."""
    gate = Gate(0.001)
    recorder = start_recorder(gate)
    proxy = start_proxy({"versions": limited([recorder], 1), "rules": [rule({"blue": 1})],
                         "threads": 4, "limits": {"queue_timeout": "20s", "stop_grace": "1s"}})
    started = time.monotonic()
    outcomes = load.run(proxy.address, [load.get_request()] * 600, connections=16)
    seconds = time.monotonic() - started
    assert load.losses(outcomes) == [] and {o.status for o in outcomes} == {200}
    assert gate.most == 1
    # Were each handed over by the poll of 100 ms only, 600 would take a minute.
    assert seconds < 30, seconds


def test_queue_times_out_overflows_and_forgets_who_left(start_recorder, start_proxy):
    gate = Gate()
    recorder = start_recorder(gate)
    proxy = start_proxy({"versions": limited([recorder], 1), "rules": [rule({"blue": 1})], "threads": 1,
                         "limits": {"queue": 2, "queue_timeout": "1500ms", "stop_grace": "1s"}})

    def queued():
        return proxy.metrics().sum("turnout_upstream_queued", version="blue")

    with Connection(proxy.address) as first, Connection(proxy.address) as second, \
            Connection(proxy.address) as third:
        first.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: gate.inside == 1)
        second.send(b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
        third.send(b"GET /third HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: queued() == 2)
        over = get(proxy.address, "/over")
        assert over.status == 503 and int(over.get("retry-after")) >= 1
        third.close()
        eventually(lambda: queued() == 1)
        late = second.read()
        assert late.status == 503 and int(late.get("retry-after")) >= 1
        gate.free.set()
        assert first.read().status == 200
    eventually(lambda: queued() == 0)
    metrics = proxy.metrics()
    assert metrics.sum("turnout_upstream_queue_full_total") == 1
    assert metrics.sum("turnout_upstream_queue_timeouts_total") == 1
    assert metrics.sum("turnout_upstream_queue_waits_total") == 2
    assert [r.target for r in recorder.requests] == ["/first"]
    lines = eventually(lambda: lines if len(lines := proxy.access_log()) == 4 else None)
    ends = {line["path"]: line["end"] for line in lines}
    assert (ends["/over"], ends["/second"], ends["/third"]) == ("overloaded", "queue_timeout", "client_left")


def test_slow_start_holds_back_who_has_just_come(start_fleet, start_proxy):
    fleet = start_fleet(blue=3)
    settings = config(fleet, rule({"blue": 1}), threads=2)
    settings["versions"]["blue"]["slow_start"] = "6s"
    proxy = start_proxy(settings)

    def pods():
        outcomes = load.run(proxy.address, [load.get_request("/count")] * 600, connections=4)
        assert load.losses(outcomes) == []
        return [load.pods(outcomes)[f"app-blue-{i}"] for i in range(3)]

    # All came at once: nobody is held back.
    assert all(abs(n - 200) <= 30 for n in pods())
    time.sleep(6)
    assert all(abs(n - 200) <= 2 for n in pods())
    fleet["blue"][1].kill()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="blue") == 2)
    fleet["blue"][1].start()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="blue") == 3)
    # 29 of 600 in the first moment, 103 after two seconds.
    held_back = pods()
    assert 5 <= held_back[1] <= 110 and abs(held_back[0] - held_back[2]) <= 60, held_back
    time.sleep(6)
    assert all(abs(n - 200) <= 2 for n in pods())


def test_spilled_users_are_counted(start_fleet, start_proxy):
    fleet = start_fleet(blue=3)
    proxy = start_proxy(config(fleet, rule({"blue": 1}, sticky={"by": "header:X-User", "scope": "endpoint"})))

    def pods():
        requests = [load.get_request("/count", x_user=f"u{i}") for i in range(60)]
        return {o.index: o.pod for o in load.run(proxy.address, requests)}

    before = pods()
    assert proxy.metrics().sum("turnout_spilled_total") == 0
    fleet["blue"][1].kill()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="blue") == 2)
    after = pods()
    gone = [user for user, pod in before.items() if pod == "app-blue-1"]
    assert gone and all(after[u] != "app-blue-1" for u in gone)
    assert {u: p for u, p in after.items() if u not in gone} == {u: p for u, p in before.items() if u not in gone}
    assert proxy.metrics().sum("turnout_spilled_total", rule="main", version="blue") == len(gone)
