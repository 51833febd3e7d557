"""POSTs of 1 KiB to 16 MiB, sized and chunked, never stall.

A proxy that sends a body in pieces of its own and waits in between for an acknowledgement that the other
side delays shows it as 40 ms and more on every single request. So: medians of single requests on one
connection, through the proxy and directly, alternating, so that other load hits both.
"""
import socket
import statistics
import time

import pytest
from line import config, rule
from support.places import build_folder

KIB, MIB = 1 << 10, 1 << 20
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
        started = time.perf_counter()
        for piece in pieces:
            if piece is PAUSE:
                time.sleep(PAUSE)
            else:
                self.socket.sendall(piece)
        answer = b""
        while not answer.endswith(b"}\n") and not answer.endswith(b"}"):
            data = self.socket.recv(65536)
            assert data, answer
            answer += data
        took = time.perf_counter() - started
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return took


@pytest.mark.timing
@pytest.mark.long
@pytest.mark.parametrize("framing", ["sized", "head, then body", "with pauses", "chunked"])
def test_posts_do_not_stall(framing, start_fleet, start_proxy, is_long):
    fleet = start_fleet(blue=1)
    host, port = fleet["blue"][0].address.split(":")
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    direct, proxied = Line((host, int(port))), Line(proxy.address)
    table, stalled = [], []
    for size, count in (RUNS_LONG if is_long else RUNS).items():
        pieces = request(size, framing)
        times = [(direct.time(pieces), proxied.time(pieces)) for _ in range(count)]
        without, through = (statistics.median(t[i] for t in times) for i in (0, 1))
        slow = sum(t[1] >= t[0] + STALL for t in times)
        table.append(f"{framing:16} {size:9} bytes  direct p50 {1000 * without:7.2f} ms  proxy p50 {1000 * through:7.2f} ms"
                     f"  {slow:3} of {count} at least 30 ms slower")
        if through - without >= STALL and through >= 2 * without:
            stalled.append(size)
    report = build_folder() / "stalls.txt"
    others = [line for line in report.read_text().splitlines() if not line.startswith(f"{framing:16}")] if report.exists() else []
    report.write_text("\n".join(others + table) + "\n")
    assert stalled == [], "\n".join(table)
