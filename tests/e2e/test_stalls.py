"""Bodies of 1 KiB to 16 MiB, sized and chunked, never stall, whichever way they go.

A proxy that sends a body in pieces of its own and waits in between for an acknowledgement that the other
side delays shows it as 40 ms and more, on every request or on some. So: single requests on one connection,
through the proxy and directly, alternating, so that other load hits both; and where more than a fifth of them
look stalled the same series again, for a stall is there again, and other load seldom.
"""
import re
import socket
import statistics
import time

import pytest
from line import config, rule, versions
from support.places import build_folder
from support.recorder import Answer, Recorder

KIB, MIB = 1 << 10, 1 << 20
CHUNKED = -1  # how much is to come is told at the end
STALL = 0.030  # delayed acknowledgements take 40 ms, some of it while the client pauses
PAUSE = 0.002
# Size -> how often. Around 16 and 64 KiB is where buffers of proxies end.
RUNS = {KIB: 15, 4 * KIB: 15, 16 * KIB: 25, 16 * KIB + 1: 15, 64 * KIB: 25, 64 * KIB + 1: 15, 256 * KIB: 15, MIB: 11, 4 * MIB: 7, 16 * MIB: 5}
RUNS_LONG = {size: count * 8 for size, count in RUNS.items()}


def request(size, framing):
    """The pieces that a client hands to its socket, one after the other."""
    head = "POST /echo-size HTTP/1.1\r\nHost: a\r\n"
    if framing == "sized":
        return [f"{head}Content-Length: {size}\r\n\r\n".encode() + b"x" * size]
    if framing == "head, then body":
        return [f"{head}Content-Length: {size}\r\n\r\n".encode(), b"x" * size]
    if framing == "with pauses":  # what is sent on small must not wait for what was sent before
        part = max(1, size // 3)
        return [f"{head}Content-Length: {size}\r\n\r\n".encode(), PAUSE, b"x" * part, PAUSE, b"x" * part, PAUSE, b"x" * (size - 2 * part)]
    pieces = [f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()]
    for start in range(0, size, 16384):
        count = min(16384, size - start)
        pieces.append(b"%x\r\n%s\r\n" % (count, b"x" * count))
    return [*pieces, b"0\r\n\r\n"]


class Line:
    """One connection, without Nagle's algorithm as HTTP clients have it: what waits is not the client."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def time(self, pieces):
        """Seconds from the first byte of the request to the last one of the answer."""
        started = time.perf_counter()
        for piece in pieces:
            if piece is PAUSE:
                time.sleep(PAUSE)
            else:
                self.socket.sendall(piece)
        answer = bytearray()
        left = None
        while left is None or left != 0:
            data = self.socket.recv(1 << 18)
            assert data, bytes(answer[:200])
            if left is None:
                answer += data
                left = self.rest_of(answer)
            elif left == CHUNKED:
                answer = answer[-8:] + data
                left = 0 if answer.endswith(b"\r\n0\r\n\r\n") else CHUNKED
            else:
                left -= len(data)
        assert left == 0
        return time.perf_counter() - started

    @staticmethod
    def rest_of(answer):
        """How many bytes are to come; None while the head is incomplete."""
        end = answer.find(b"\r\n\r\n")
        if end < 0:
            return None
        assert answer.startswith(b"HTTP/1.1 200 "), bytes(answer)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)\r\n", answer)
        if length:
            return int(length.group(1)) - (len(answer) - end - 4)
        return 0 if answer.endswith(b"\r\n0\r\n\r\n") else CHUNKED


def measure(kind, requests, direct, proxied):
    """requests: (size, count, pieces). Fails where requests are a stall slower than without the proxy."""
    table, stalled = [], []
    for size, count, pieces in requests:
        for _ in range(2):
            times = [(direct.time(pieces), proxied.time(pieces)) for _ in range(count)]
            slow = sum(through >= without + STALL and through >= 3 * without for without, through in times)  # not only busy
            (p50, p50_through), (most, most_through) = ([1000 * f(t[i] for t in times) for i in (0, 1)] for f in (statistics.median, max))
            table.append(f"{kind:22} {size:9} bytes  direct p50 {p50:7.2f} max {most:7.2f} ms  "
                         f"proxy p50 {p50_through:7.2f} max {most_through:7.2f} ms  {slow:3} of {count} stalled")
            if slow <= count // 5:
                break
        else:
            stalled.append(size)
    report = build_folder() / "stalls.txt"
    others = [line for line in report.read_text().splitlines() if not line.startswith(f"{kind:22} ")] if report.exists() else []
    report.write_text("\n".join(others + table) + "\n")
    assert stalled == [], "\n".join(table)


@pytest.mark.timing
@pytest.mark.long
@pytest.mark.parametrize("framing", ["sized", "head, then body", "with pauses", "chunked"])
def test_posts_do_not_stall(framing, start_fleet, start_proxy, is_long):
    fleet = start_fleet(blue=1)
    host, port = fleet["blue"][0].address.split(":")
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    requests = [(size, count, request(size, framing)) for size, count in (RUNS_LONG if is_long else RUNS).items()]
    measure(f"POST {framing}", requests, Line((host, int(port))), Line(proxy.address))


def answer(request):
    """What /FRAMING/SIZE asks for, in the pieces that a service hands to its socket."""
    _, framing, size = request.target.split("/")
    size = int(size)
    head = b"HTTP/1.1 200 OK\r\n"
    if framing == "chunked":
        chunks = (b"%x\r\n%s\r\n" % (n, b"x" * n) for n in (min(16384, size - at) for at in range(0, size, 16384)))
        return Answer(head + b"Transfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n")
    head += b"Content-Length: %d\r\n\r\n" % size
    body = b"x" * size
    if framing == "sized":
        return Answer(head + body)
    part = max(1, size // 3)
    return Answer(head, PAUSE, body[:part], PAUSE, body[part:2 * part], PAUSE, body[2 * part:])


@pytest.mark.timing
@pytest.mark.long
@pytest.mark.parametrize("framing", ["sized", "pauses", "chunked"])
def test_answers_do_not_stall(framing, start_recorder, start_proxy, is_long):
    recorder, beside = start_recorder(answer), Recorder(answer)
    proxy = start_proxy({"versions": versions(blue=[recorder.address]), "rules": [rule({"blue": 1})]})
    requests = [(size, count, [f"GET /{framing}/{size} HTTP/1.1\r\nHost: a\r\n\r\n".encode()])
                for size, count in (RUNS_LONG if is_long else RUNS).items()]
    measure(f"answer {framing}", requests, Line(("127.0.0.1", beside.port)), Line(proxy.address))
    beside.close()
