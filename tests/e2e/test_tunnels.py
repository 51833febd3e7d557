"""Tunnels (after a 101): half-closed either way, bounded in time and memory, counted, and closed with the proxy."""
import json
import queue
import signal
import socket
import threading
import time

import pytest
from line import eventually, rule, versions
from support.http1 import Connection, get_admin
from support.recorder import Answer

ASK = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n"
MIB = 1 << 20


class Line:
    """Recorders that agree to every upgrade, and a proxy before them: open() gives both ends of a tunnel."""

    def __init__(self, start_recorder, start_proxy, names=("blue",), limits=None, **more):
        self.services, self.over = queue.Queue(), threading.Event()
        self.recorders = {name: start_recorder(lambda request: Answer(SWITCH, end=self.serve)) for name in names}
        self.proxy = start_proxy({
            "versions": versions(**{name: [r.address] for name, r in self.recorders.items()}), "threads": 1,
            "rules": [rule({name: 1}, name=name, match=[{"path": f"/{name}"}]) for name in names[1:]] + [rule({names[0]: 1}, **more)],
            "limits": {"stop_grace": "1s", **(limits or {})}})

    def serve(self, sock):
        self.services.put(sock)
        self.over.wait(60)

    def open(self, path="/chat"):
        client = Connection(self.proxy.address)
        client.send(ASK.replace(b"/chat", path.encode()))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        service = self.services.get(timeout=10)
        for sock in (client.socket, service):
            sock.settimeout(20)
        return client.socket, service

    def tunnels(self, **labels):
        return self.proxy.metrics().sum("turnout_tunnels", **labels)

    def endpoints(self):
        return {version["name"]: version["endpoints"][0] for version in json.loads(get_admin(self.proxy.metrics_address, "/status").body)["versions"]}


@pytest.fixture
def line(start_recorder, start_proxy):
    lines = []

    def make(**options):
        lines.append(Line(start_recorder, start_proxy, **options))
        return lines[-1]

    yield make
    for one in lines:
        one.over.set()


def read_to_the_end(sock):
    data = bytearray()
    while piece := sock.recv(1 << 18):
        data += piece
    return bytes(data)


def noise(size, seed):
    """Bytes of which no two places look alike."""
    return b"".join(b"%x-%x " % (seed, i) for i in range(size // 8 + 1))[:size]


@pytest.mark.parametrize("first", ["client", "service"])
def test_half_of_a_tunnel_closes_behind_its_last_byte(first, line):
    one = line()
    client, service = one.open()
    ender, other = (client, service) if first == "client" else (service, client)
    data = noise(8 * MIB, 1)
    sender = threading.Thread(target=lambda: (ender.sendall(data), ender.shutdown(socket.SHUT_WR)))
    sender.start()
    assert read_to_the_end(other) == data
    sender.join()
    # The other half is open for as long as it likes: it is one tunnel still.
    answer = noise(8 * MIB, 2)
    assert one.tunnels(version="blue") == 1
    sender = threading.Thread(target=lambda: (other.sendall(answer), other.shutdown(socket.SHUT_WR)))
    sender.start()
    assert read_to_the_end(ender) == answer
    sender.join()
    eventually(lambda: one.tunnels() == 0)
    entry = eventually(lambda: [e for e in one.proxy.access_log() if e["status"] == 101])[0]
    assert entry["end"] == "ok"


def test_what_a_slow_service_has_not_read_is_delivered_behind_both_ends(line):
    one = line()
    client, service = one.open()
    data = noise(24 * MIB, 3)
    sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
    service.shutdown(socket.SHUT_WR)  # has said all, and goes on reading, slowly
    assert client.recv(1) == b""
    sender.start()
    time.sleep(0.3)
    assert read_to_the_end(service) == data
    sender.join()
    eventually(lambda: one.tunnels() == 0)


def test_a_side_that_does_not_read_stops_the_other(line):
    """The proxy holds what its buffers take, and asks for no more."""
    one = line()
    client, service = one.open()
    service.setblocking(False)
    sent = 0
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < 1:
        try:
            sent += service.send(b"x" * 65536)
            idle_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.02)
    assert sent < 32 * MIB  # the kernel's buffers of two connections, and ours
    with open(f"/proc/{one.proxy.pid}/status", encoding="ascii") as status:
        resident = next(int(entry.split()[1]) for entry in status if entry.startswith("VmRSS"))
    assert resident < 512 * 1024  # sanitizers included
    client.close()


def test_silent_tunnels_end_whoever_spoke_last(line):
    one = line(timeouts={"idle": "400ms"})
    client, service = one.open()
    for speaker, listener in ((client, service), (service, client)) * 2:
        time.sleep(0.25)  # two of these are longer than the limit
        speaker.sendall(b"x")
        assert listener.recv(1) == b"x"
    assert read_to_the_end(client) == b"" and read_to_the_end(service) == b""
    entry = eventually(lambda: [e for e in one.proxy.access_log() if e["status"] == 101])[0]
    assert entry["end"] == "idle_timeout" and (entry["bytes_in"], entry["bytes_out"]) == (2, 2)


def test_tunnels_are_counted_and_told(line):
    one = line(names=("blue", "green"))
    pairs = [one.open() for _ in range(3)] + [one.open("/green")]
    metrics = one.proxy.metrics()
    assert metrics.sum("turnout_tunnels", version="blue") == 3
    assert metrics.sum("turnout_tunnels", version="green") == 1
    assert metrics.sum("turnout_tunnels_opened_total") == 4
    assert metrics.sum("turnout_requests_in_flight") == 4
    assert metrics.sum("turnout_upstream_in_flight") == 4
    # The request is answered, and its latency is not the tunnel's life.
    assert metrics.sum("turnout_requests_total", code="101") == 4
    assert metrics.sum("turnout_request_duration_seconds_count") == 4
    assert {name: (e["tunnels"], e["in_flight"]) for name, e in one.endpoints().items()} == {"blue": (3, 3), "green": (1, 1)}
    assert "Open tunnels: blue 3, green 1\n" in one.proxy.verb("get")
    for client, service in pairs:
        service.shutdown(socket.SHUT_WR)
        client.close()
    metrics = eventually(lambda: (m := one.proxy.metrics()).sum("turnout_tunnels") == 0 and m)
    assert metrics.sum("turnout_tunnels_opened_total") == 4
    assert metrics.sum("turnout_requests_total", code="101") == 4
    assert metrics.sum("turnout_requests_in_flight") == metrics.sum("turnout_upstream_in_flight") == 0
    assert "Open tunnels" not in one.proxy.verb("get")


def test_tunnel_survives_reloads_and_does_not_keep_old_rules(line):
    one = line(names=("blue", "green"))
    client, service = one.open()
    for share in range(1, 6):
        one.proxy.config["rules"][-1] = rule({"blue": 100 - share, "green": share})
        one.proxy.write()
        one.proxy.reload()
        eventually(lambda revision=share + 1: one.proxy.metrics().sum("turnout_rules_revision") == revision)
        client.sendall(b"ping")
        assert service.recv(4) == b"ping"
    service.sendall(b"pong")
    assert client.recv(4) == b"pong"
    client.close()
    service.close()
    # Decided by the first revision, whatever came after.
    entry = eventually(lambda: [e for e in one.proxy.access_log() if e["status"] == 101])[0]
    assert entry["revision"] == 1 and entry["version"] == "blue"
    one.over.set()


def test_stop_leaves_tunnels_open_until_its_grace_and_ends_well(line):
    one = line(limits={"stop_grace": "1500ms"})
    tunnels = [one.open() for _ in range(20)]
    one.proxy.signal(signal.SIGTERM)
    began = time.monotonic()
    time.sleep(0.5)
    for client, service in tunnels:
        client.sendall(b"ping")
        assert service.recv(4) == b"ping"
    for client, service in tunnels:
        assert read_to_the_end(client) == b"" and read_to_the_end(service) == b""
    assert 1 < time.monotonic() - began < 10
    assert one.proxy.stop(10) == 0
    assert [e["end"] for e in one.proxy.access_log() if e["status"] == 101] == ["stopped"] * 20
