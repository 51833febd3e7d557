"""What a connection costs in memory: a request of N bytes at most 16 KiB + 4 N, whoever has sent whatever part of it; an idle
connection next to nothing; a side that is stuck its buffer and one read.

Many connections are brought into the same state, and what the process holds grows by so much for each. It holds some pages
more than it uses (the allocator's, the kernel's): with hundreds of connections that is below SLACK for each.
"""
import contextlib
import socket
import time

import pytest
from line import eventually, rule, versions
from support.recorder import Answer, answer

KIB = 1 << 10
COUNT = 300
SLACK = 4 * KIB
READ = 64 * KIB  # of one event, beyond what a buffer may hold
SIDE = 64 * KIB + READ
# A sanitizer keeps what was freed, and books of its own: these figures are of the program alone.
pytestmark = pytest.mark.timing


@pytest.fixture
def line(start_recorder, start_proxy):
    recorder = start_recorder(lambda request: answer(body=b"x" * 4096 * KIB) if request.target == "/big" else None,
                              on_head=lambda request: Answer(end="stall") if request.target == "/stuck" else None)
    blue = versions(blue=[recorder.address])
    blue["blue"].update({"max_requests": 10 * COUNT, "health": {"path": "/readyz", "interval": "1h", "timeout": "5s"}})
    limits = {"stop_grace": "0s", "memory": "off", "head_timeout": "60s", "body_grace": "60s", "interim_responses": 0}
    proxy = start_proxy({"versions": blue, "rules": [rule({"blue": 1})], "threads": 1, "limits": limits, "log": {"access": "off"}})
    with contextlib.closing(Crowd(proxy)) as crowd:
        crowd.open(3, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", answers=1)  # whatever is made once, is made
        crowd.close()
        eventually(lambda: proxy.metrics().sum("turnout_client_connections") == 0)
        yield crowd
    proxy.kill()  # what is stuck has deadlines that nobody waits for here


class Crowd:
    """Connections in the same state."""

    def __init__(self, proxy):
        self.proxy, self.sockets = proxy, []

    def used(self):
        """Once nothing moves any more."""
        def settled():
            before = self.proxy.metrics().sum("turnout_memory_used_bytes")
            time.sleep(0.3)
            after = self.proxy.metrics().sum("turnout_memory_used_bytes")
            return after if abs(after - before) < 64 * KIB else None
        return eventually(settled, timeout=30)

    def open(self, count, data, answers=0, buffer=None):
        for _ in range(count):
            sock = socket.socket()
            self.sockets.append(sock)
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            sock.settimeout(10)
            sock.connect(self.proxy.address)
            if answers == 0:
                sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                left = memoryview(data)
                while left:
                    left = left[sock.send(left):]
            got = b""
            while got.count(b"\r\n\r\nok") < answers:
                got += sock.recv(65536)

    def cost(self, data, **options):
        """Bytes for each of COUNT connections that have sent this."""
        before = self.used()
        self.open(COUNT, data, **options)
        eventually(lambda: self.proxy.metrics().sum("turnout_client_connections") >= COUNT)
        cost = (self.used() - before) / COUNT
        print(f"{cost:9.0f} bytes each")
        return cost

    def close(self):
        for sock in self.sockets:
            sock.close()
        self.sockets = []


def test_an_idle_connection_owns_no_buffer(line):
    assert line.cost(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", answers=1) <= 2 * KIB + SLACK


def test_a_connection_that_says_nothing_owns_no_buffer(line):
    assert line.cost(b"") <= 2 * KIB + SLACK


@pytest.mark.parametrize("size", [100, 1000, 8000, 16000, 30000])
def test_half_a_head(line, size):
    start = b"GET / HTTP/1.1\r\nHost: a\r\n"
    fields = b"".join(b"X-%04d: " % i + b"v" * 392 + b"\r\n" for i in range(80))
    assert line.cost((start + fields)[:size]) <= 16 * KIB + 4 * size + SLACK


def test_a_head_as_one_field(line):
    assert line.cost(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"v" * 32000) <= 16 * KIB + 4 * 32000 + SLACK


@pytest.mark.parametrize("size", [10, 1000, 20000, 60000])
def test_a_body_that_the_service_does_not_take(line, size):
    head = b"POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"
    assert line.cost(head + b"b" * size) <= 16 * KIB + 4 * (len(head) + size) + SLACK


def test_a_body_without_an_end_costs_its_side(line):
    head = b"POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n"
    assert line.cost(head + b"b" * 8_000_000) <= 16 * KIB + SIDE + SLACK


def test_chunks_of_one_byte(line):
    head = b"POST /stuck HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"1\r\nx\r\n" * 3000
    assert line.cost(head + chunks) <= 16 * KIB + 4 * (len(head) + len(chunks)) + SLACK


def test_a_chunk_extension_without_an_end(line):
    data = b"POST /stuck HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=" + b"y" * 4000
    assert line.cost(data) <= 16 * KIB + 4 * len(data) + SLACK


def test_trailers_without_an_end(line):
    data = b"POST /stuck HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + b"X: trailer\r\n" * 600
    assert line.cost(data) <= 16 * KIB + 4 * len(data) + SLACK


def test_requests_behind_one_that_waits(line):
    first = b"POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    behind = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100
    assert line.cost(first + behind) <= 16 * KIB + 4 * (len(first) + len(behind)) + SLACK


def test_requests_without_an_end_cost_their_side(line):
    first = b"POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    assert line.cost(first + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 200_000) <= 16 * KIB + SIDE + SLACK


def test_an_answer_that_nobody_takes_costs_its_side(line):
    assert line.cost(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n", buffer=4096) <= 16 * KIB + SIDE + SLACK


def test_answers_that_nobody_takes_cost_one_side(line):
    assert line.cost(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n" * 20, buffer=4096) <= 16 * KIB + SIDE + SLACK
