"""More than the proxy can take: connections, descriptors, memory. New work is refused with 503 and Retry-After, what runs goes
on, nothing spins, and afterwards everything is as before.
"""
import contextlib
import os
import resource
import socket
import time

import pytest
from line import eventually, rule, versions
from support.recorder import Answer, answer

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
MIB = 1 << 20


def config_for(recorder, limits=None, **more):
    """Probed at the start only: nothing else comes and goes."""
    blue = versions(blue=[recorder.address])
    blue["blue"]["health"] = {"path": "/readyz", "interval": "1h", "timeout": "5s"}
    return {"versions": blue, "rules": [rule({"blue": 1})], "threads": 1,
            "limits": {"stop_grace": "1s", **(limits or {})}, **more}


def connect(proxy, buffer=None):
    sock = socket.socket()
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(10)
    sock.connect(proxy.address)
    return sock


def ask(sock, request=GET):
    """(status, the whole head) of the answer to one request with a small answer; (None, ...) at the end."""
    sock.sendall(request)
    return read_answer(sock)


def read_answer(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        got = sock.recv(65536)
        if not got:
            return None, data
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += sock.recv(65536)
    return int(head[9:12]), head


def cpu_seconds(proxy):
    with open(f"/proc/{proxy.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(proxy):
    return len(os.listdir(f"/proc/{proxy.pid}/fd"))


def take_descriptors(proxy):
    """Not one is left from here on; gives the limits to go back to. A limit is of numbers, not of how many are open."""
    def settled():
        before = set(os.listdir(f"/proc/{proxy.pid}/fd"))
        time.sleep(1.2)  # a scrape's connection lingers
        return before if before == set(os.listdir(f"/proc/{proxy.pid}/fd")) else None

    taken = {int(name) for name in eventually(settled)}
    free = next(number for number in range(len(taken) + 1) if number not in taken)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (free, hard))


@pytest.fixture
def close_all():
    with contextlib.ExitStack() as stack:
        yield lambda sock: stack.enter_context(sock)


def started_with(start_proxy, config, descriptors_max):
    """The hard limit of descriptors is inherited: ours comes down for the moment of the start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    proxy = start_proxy(config)
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (descriptors_max, hard))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    return proxy


def test_connections_over_the_cap_are_told_and_counted(start_recorder, start_proxy, close_all):
    recorder = start_recorder()
    proxy = start_proxy(config_for(recorder, {"connections": 20}))
    inside = [close_all(connect(proxy)) for _ in range(20)]
    for sock in inside:
        assert ask(sock)[0] == 200
    for _ in range(5):
        outside = close_all(connect(proxy))
        status, head = ask(outside)
        assert status == 503 and b"\r\nretry-after: " in head.lower() and b"\r\nconnection: close" in head.lower()
        assert outside.recv(1) == b""
    assert all(ask(sock)[0] == 200 for sock in inside)
    metrics = proxy.metrics()
    assert metrics.sum("turnout_client_refused_total") == 5
    inside[0].close()
    eventually(lambda: proxy.metrics().sum("turnout_client_connections") < 20)
    assert ask(close_all(connect(proxy)))[0] == 200


def test_the_cap_follows_a_reload(start_recorder, start_proxy, close_all):
    recorder = start_recorder()
    proxy = start_proxy(config_for(recorder, {"connections": 2}))
    for _ in range(2):
        assert ask(close_all(connect(proxy)))[0] == 200
    assert ask(close_all(connect(proxy)))[0] == 503
    proxy.config["limits"]["connections"] = 5
    proxy.write()
    proxy.verb("reload")
    assert ask(close_all(connect(proxy)))[0] == 200


def test_the_cap_comes_from_the_descriptors(start_recorder, start_proxy, close_all):
    """80 descriptors: half are held back, and each client may need one to a service."""
    recorder = start_recorder()
    proxy = started_with(start_proxy, config_for(recorder), 80)
    proxy.verb("reload")
    proxy.config["limits"]["keep_alive"] = "50s"  # the cap is computed anew with each snapshot
    proxy.write()
    proxy.verb("reload")
    inside = [close_all(connect(proxy)) for _ in range(20)]
    assert [ask(sock)[0] for sock in inside] == [200] * 20
    assert ask(close_all(connect(proxy)))[0] == 503
    assert descriptors(proxy) < 80


def test_without_descriptors_nothing_spins_and_all_recovers(start_recorder, start_proxy, close_all):
    recorder = start_recorder()
    proxy = start_proxy(config_for(recorder))
    inside = [close_all(connect(proxy)) for _ in range(3)]
    assert all(ask(sock)[0] == 200 for sock in inside)
    eventually(lambda: proxy.metrics().sum("turnout_upstream_connections") == 0)  # the pool's are closed after 4 s
    was = take_descriptors(proxy)
    waiting = [close_all(connect(proxy)) for _ in range(5)]
    for sock in waiting:
        sock.sendall(GET)
    began, cpu = time.monotonic(), cpu_seconds(proxy)
    # Whoever is in is told that there is no connection for his request, and kept.
    status, head = ask(inside[0])
    assert status == 503 and b"\r\nretry-after: " in head.lower()
    time.sleep(1.5)
    assert cpu_seconds(proxy) - cpu < 0.3 * (time.monotonic() - began)
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, was)
    for sock in waiting:
        answered = read_answer(sock)
        assert answered[0] == 200, answered
    assert ask(inside[0])[0] == 200
    assert 5 <= proxy.metrics().sum("turnout_accept_failures_total") <= 40


def test_idle_upstream_connections_make_room(start_recorder, start_proxy, close_all):
    """No descriptor is left but those of idle connections to the service: they are given up for whoever comes."""
    recorder = start_recorder(lambda request: Answer(0.3, answer()))
    proxy = start_proxy(config_for(recorder, {"upstream_idle": "60s", "keep_alive": "60s"}))
    inside = [close_all(connect(proxy)) for _ in range(6)]
    for sock in inside:
        sock.sendall(GET)
    assert [read_answer(sock)[0] for sock in inside] == [200] * 6
    assert proxy.metrics().sum("turnout_upstream_connections_idle") == 6
    was = take_descriptors(proxy)
    fresh = [close_all(connect(proxy)) for _ in range(2)]
    assert [ask(sock)[0] for sock in fresh] == [200, 200]
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, was)
    assert proxy.metrics().sum("turnout_upstream_connections_idle") < 6


def test_a_storm_of_connections_is_answered_to_the_last(start_recorder, start_proxy, close_all):
    recorder = start_recorder()
    proxy = start_proxy(config_for(recorder, {"connections": 200}))
    storm = [close_all(connect(proxy)) for _ in range(400)]
    for sock in storm:
        with contextlib.suppress(OSError):
            sock.sendall(GET)
    statuses = []
    for sock in storm:
        try:
            statuses.append(read_answer(sock)[0])
        except OSError:
            statuses.append(None)  # more than can be told a word: closed at once
    assert statuses.count(200) == 200
    assert statuses.count(503) >= 64
    assert proxy.metrics().sum("turnout_client_refused_total") == 200


@pytest.mark.timing  # a sanitizer's own memory is more than that of the proxy
def test_at_the_memory_limit_new_work_is_refused_and_what_runs_finishes(start_recorder, start_proxy, close_all):
    body = b"x" * (24 * MIB)
    recorder = start_recorder(lambda request: answer(body=body) if request.target == "/big" else None)
    proxy = start_proxy(config_for(recorder, {"memory": "64MiB", "side_buffer": "16MiB"}))
    idle = close_all(connect(proxy))
    assert ask(idle)[0] == 200
    running = [close_all(connect(proxy, buffer=65536)) for _ in range(5)]
    for sock in running:
        sock.sendall(GET.replace(b"/ ", b"/big "))

    def is_full():
        metrics = proxy.metrics()
        return metrics.sum("turnout_memory_used_bytes") >= metrics.sum("turnout_memory_limit_bytes") == 64 * MIB

    eventually(is_full)
    eventually(lambda: ask(idle)[0] == 503, timeout=2)
    status, head = ask(idle)
    assert status == 503 and b"\r\nretry-after: " in head.lower()
    fresh = close_all(connect(proxy))
    assert ask(fresh)[0] == 503
    assert proxy.metrics().sum("turnout_memory_refused_total") >= 3
    for sock in running:
        left = len(body)
        data = sock.recv(65536)
        left -= len(data.partition(b"\r\n\r\n")[2])
        while left > 0:
            got = sock.recv(MIB)
            assert got, left
            left -= len(got)
    eventually(lambda: ask(idle)[0] == 200)
    assert ask(close_all(connect(proxy)))[0] == 200
    assert "new requests are refused" in proxy.output() and "requests are taken again" in proxy.output()


def test_the_memory_limit_follows_a_reload(start_recorder, start_proxy):
    recorder = start_recorder()
    proxy = start_proxy(config_for(recorder, {"memory": "512MiB"}))
    assert proxy.metrics().sum("turnout_memory_limit_bytes") == 512 * MIB
    proxy.config["limits"]["memory"] = "off"
    proxy.write()
    proxy.verb("reload")
    assert proxy.metrics().sum("turnout_memory_limit_bytes") == 0
