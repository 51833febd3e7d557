"""Services that answer what they must not: the client gets 502 or 504, or a body that visibly breaks off, never a fake end;
and whoever comes next gets the answer to his own request, never the rest of another.

Each answer is sent at once and byte by byte. Whatever must not reach anybody says POISON.
"""
import socket
import threading
import time

import pytest
from line import eventually, rule, versions
from support import recorder
from support.http1 import BadAnswer, Connection

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 5\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
POISON = OK + b"Content-Length: 6\r\n\r\nPOISON"
ABORTED = "aborted"  # the answer begins and breaks off, or there is none at all
TIMEOUTS = {"connect": "500ms", "first_byte": "400ms", "idle": "400ms"}


def head(*lines, first=b"HTTP/1.1 200 OK"):
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n"


def flood(count, line=b"X%d: y\r\n"):
    return b"".join(line % i if b"%" in line else line for i in range(count))


# name -> (bytes, how the service goes on, what the client may see)
REFUSED = {
    # framing that contradicts itself, or that two readers would read in two ways
    "length and coding": head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n" + POISON,
    "coding and length": head(b"Transfer-Encoding: chunked", b"Content-Length: 15") + b"5\r\nhello\r\n0\r\n\r\n" + POISON,
    "lengths that differ": head(b"Content-Length: 5", b"Content-Length: 6") + b"hello!",
    "lengths that are equal": head(b"Content-Length: 5", b"Content-Length: 5") + b"hello",
    "lengths in a list": head(b"Content-Length: 5, 6") + b"hello!",
    "negative length": head(b"Content-Length: -5"),
    "length with a sign": head(b"Content-Length: +5") + b"hello",
    "length in hex": head(b"Content-Length: 0x5") + b"hello",
    "empty length": head(b"Content-Length:") + b"hello",
    "length beyond 64 bits": head(b"Content-Length: 18446744073709551621") + b"hello",
    "gzip, chunked": head(b"Transfer-Encoding: gzip, chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    "coding identity": head(b"Transfer-Encoding: identity") + b"hello",
    "empty coding": head(b"Transfer-Encoding:") + b"hello",
    "chunked twice": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "coding in HTTP/1.0": head(b"Transfer-Encoding: chunked", first=b"HTTP/1.0 200 OK") + b"0\r\n\r\n",
    "coding with a vertical tab": head(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "length of an interim answer": head(b"Content-Length: 44", first=b"HTTP/1.1 103 Early Hints") + POISON,
    "coding of an interim answer": head(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 102 Processing") + b"0\r\n\r\n" + POISON,
    # bytes
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "bare line feed after a field": b"HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello",
    "bare carriage return": head(b"X: a\rContent-Length: 0", b"Content-Length: 5") + b"hello",
    "carriage return before the end": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\r\n\r\nhello",
    "NUL in a value": head(b"X: a\0b", b"Content-Length: 0"),
    "control byte in a value": head(b"X: a\x01b", b"Content-Length: 0"),
    "NUL in a name": head(b"X\0: a", b"Content-Length: 0"),
    "folded line": head(b"X: a", b" b", b"Content-Length: 0"),
    "space before the colon": head(b"Content-Length : 5") + b"hello",
    "no colon": head(b"nocolon", b"Content-Length: 0"),
    "empty name": head(b": x", b"Content-Length: 0"),
    "space before the first field": head(b" X: a", b"Content-Length: 0"),
    # status lines
    "HTTP/2.0": head(b"Content-Length: 0", first=b"HTTP/2.0 200 OK"),
    "HTTP/0.9": b"<html>POISON</html>\r\n\r\n",
    "http in small letters": head(b"Content-Length: 0", first=b"http/1.1 200 OK"),
    "RTSP": head(b"Content-Length: 0", first=b"RTSP/1.0 200 OK"),
    "ICY": head(b"Content-Length: 0", first=b"ICY 200 OK"),
    "status 99": head(b"Content-Length: 0", first=b"HTTP/1.1 099 OK"),
    "status 600": head(b"Content-Length: 0", first=b"HTTP/1.1 600 OK"),
    "status of four digits": head(b"Content-Length: 0", first=b"HTTP/1.1 2000 OK"),
    "status of two digits": head(b"Content-Length: 0", first=b"HTTP/1.1 20 OK"),
    "no status": head(b"Content-Length: 0", first=b"HTTP/1.1 OK"),
    "two spaces": head(b"Content-Length: 0", first=b"HTTP/1.1  200 OK"),
    "empty line first": b"\r\n" + SIZED + b"hello",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "garbage": bytes(range(256)) * 4,
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "101 that nobody asked for": head(b"Connection: Upgrade", b"Upgrade: x", first=b"HTTP/1.1 101 Switching Protocols") + b"POISON",
    # sizes
    "a megabyte of one field": OK + b"X: " + b"y" * (1 << 20) + b"\r\nContent-Length: 0\r\n\r\n",
    "a megabyte of fields": OK + flood(100000) + b"Content-Length: 0\r\n\r\n",
    "a megabyte of status line": b"HTTP/1.1 200 " + b"y" * (1 << 20) + b"\r\n\r\n",
    "a megabyte of zeros": b"\0" * (1 << 20),
    "a megabyte of empty lines": b"\r\n" * (1 << 19),
    "101 fields": OK + flood(101) + b"\r\n",
    # interim answers
    "2,000 interim answers": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 2000 + SIZED + b"hello",
    "2,000 times 100": b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + SIZED + b"hello",
    "nine interim answers": b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + SIZED + b"hello",
}

# The head was fine: what follows is not.
BROKEN = {
    "chunk size that is none": CHUNKED + b"5\r\nhello\r\nZZ\r\nPOISON",
    "negative chunk size": CHUNKED + b"5\r\nhello\r\n-1\r\n\r\n",
    "empty chunk size": CHUNKED + b"5\r\nhello\r\n\r\n\r\n",
    "chunk size in 0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size of 17 digits": CHUNKED + b"5\r\nhello\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk size with a line feed": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "data longer than the chunk": CHUNKED + b"3\r\nhello\r\n0\r\n\r\n",
    "no line end after a chunk": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "NUL in an extension": CHUNKED + b"5;a=\0\r\nhello\r\n0\r\n\r\n",
    "flood of extensions": CHUNKED + b"5;a=" + b"b" * 70000 + b"\r\nhello\r\n0\r\n\r\n",
    "extension on each byte": CHUNKED + (b"1;" + b"x" * 500 + b"\r\na\r\n") * 100 + b"0\r\n\r\n",
    "flood of trailers": CHUNKED + b"5\r\nhello\r\n0\r\n" + flood(10000) + b"\r\n",
    "length as a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "trailer without a colon": CHUNKED + b"5\r\nhello\r\n0\r\nPOISON\r\n\r\n",
}

# An answer, and something behind it that belongs to nobody: (answer, what is behind it, method, status, body)
BEHIND = {
    "a byte": (SIZED + b"hello", b"X", "GET", 200, b"hello"),
    "a second answer": (SIZED + b"hello", POISON, "GET", 200, b"hello"),
    "many answers": (SIZED + b"hello", POISON * 1000, "GET", 200, b"hello"),
    "a second answer behind chunks": (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", POISON, "GET", 200, b"hello"),
    "a body of a HEAD": (OK + b"Content-Length: 44\r\n\r\n", POISON, "HEAD", 200, b""),
    "chunks of a HEAD": (CHUNKED, b"6\r\nPOISON\r\n0\r\n\r\n", "HEAD", 200, b""),
    "a body of a 204": (head(first=b"HTTP/1.1 204 No Content"), POISON, "GET", 204, b""),
    "a body of a 204 with length": (head(b"Content-Length: 44", first=b"HTTP/1.1 204 No Content"), POISON, "GET", 204, b""),
    "chunks of a 204": (head(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 204 No Content"), b"6\r\nPOISON\r\n0\r\n\r\n", "GET", 204, b""),
    "a body of a 304": (head(b"Content-Length: 44", first=b"HTTP/1.1 304 Not Modified"), POISON, "GET", 304, b""),
    "an answer behind one of no length": (head(b"Content-Length: 0"), POISON, "GET", 200, b""),
    "an interim answer": (SIZED + b"hello", b"HTTP/1.1 100 Continue\r\n\r\n", "GET", 200, b"hello"),
}

# Where a service may stop: what it has sent so far, and what the client sees when it goes silent.
STAGES = {
    "nothing": (b"", 504),
    "half a status line": (b"HTTP/1.1 20", 504),
    "half a head": (OK + b"Content-Le", 504),
    "a head without its end": (OK + b"Content-Length: 5\r\n", 504),
    "an interim answer": (b"HTTP/1.1 103 Early Hints\r\n\r\n", 504),
    "a head": (SIZED, ABORTED),
    "half a body": (SIZED + b"he", ABORTED),
    "a head of chunks": (CHUNKED, ABORTED),
    "half a chunk size": (CHUNKED + b"5", ABORTED),
    "half a chunk": (CHUNKED + b"5\r\nhe", ABORTED),
    "a chunk": (CHUNKED + b"5\r\nhello\r\n", ABORTED),
    "the last chunk": (CHUNKED + b"5\r\nhello\r\n0\r\n", ABORTED),
    "a trailer": (CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n", ABORTED),
}


class Service:
    """What the upstream says to each target; anything else gets its own target back."""

    def __init__(self):
        self.answers = {}

    def __call__(self, request):
        return self.answers.get(request.target) or recorder.answer(200, request.target.encode())


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    from support.proxy import Proxy
    service = Service()
    blue = recorder.Recorder(script=service)
    proxy = Proxy(tmp_path_factory.mktemp("hostile"), {
        "versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1}, timeouts=TIMEOUTS)],
        "limits": {"stop_grace": "1s"}, "threads": 1,
    }).start()
    proxy.blue, proxy.service = blue, service
    yield proxy
    assert proxy.stop(30) == 0
    blue.close()
    assert blue.violations == []
    assert recorder.check_conserved([proxy], [blue]) is None
    assert b"POISON" not in blue.tunnelled


_number = iter(range(1 << 30))


def say(line, *pieces, end="keep"):
    """A target that is answered so."""
    target = f"/hostile/{next(_number)}"
    line.service.answers[target] = recorder.Answer(*pieces, end=end)
    return target


def in_pieces(data, is_whole):
    if is_whole or len(data) > 600:
        return [data]
    return [data[i:i + 1] for i in range(len(data))]


def the_next_are_well(line, connection=None):
    """What others ask for comes back: on the same connection, if it lives, and on new ones."""
    def ask(somebody):
        target = f"/next/{next(_number)}"
        answer = somebody.request("POST" if next(_number) % 2 else "GET", target)
        assert (answer.status, answer.body) == (200, target.encode())

    if connection is not None and not connection.is_eof:
        ask(connection)
    for _ in range(2):
        with Connection(line.address) as another:
            ask(another)
            ask(another)


def outcome(connection, target, method="GET", version="1.1"):
    """Status of a whole answer, or ABORTED; never a byte of POISON."""
    connection.send(f"{method} {target} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
    try:
        answer = connection.read(method)
    except BadAnswer as broken:
        assert b"POISON" not in broken.partial
        connection.is_eof = True
        return ABORTED
    assert b"POISON" not in answer.body
    if answer.status >= 500 and answer.get("connection") == "close":
        connection.is_eof = True
    assert len(answer.interim) <= 8
    return answer.status


@pytest.fixture(params=[True, False], ids=["at once", "byte by byte"])
def is_whole(request):
    return request.param


@pytest.mark.parametrize("name", REFUSED)
def test_answer_that_is_none_is_502(line, name, is_whole):
    target = say(line, *in_pieces(REFUSED[name], is_whole))
    with Connection(line.address) as connection:
        assert outcome(connection, target) == 502
        the_next_are_well(line, connection)


@pytest.mark.parametrize("name", BROKEN)
def test_body_that_breaks_the_grammar_breaks_off(line, name, is_whole):
    target = say(line, *in_pieces(BROKEN[name], is_whole))
    with Connection(line.address) as connection:
        seen = outcome(connection, target)
        # Nothing is out yet when it comes in one piece; else that depends on what was read together.
        assert seen == 502 or (seen == ABORTED and (not is_whole or len(BROKEN[name]) > 600))
        the_next_are_well(line, connection)


@pytest.mark.parametrize("name", BEHIND)
def test_bytes_behind_an_answer_reach_nobody(line, name, is_whole):
    data, behind, method, status, body = BEHIND[name]
    # What comes when the next request is on its way already could not be told from its answer: it comes with the last byte.
    target = say(line, *([data + behind] if is_whole else [*in_pieces(data[:-1], False), data[-1:] + behind]))
    with Connection(line.address) as connection:
        connection.send(f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        answer = connection.read(method)
        assert (answer.status, answer.body) == (status, body)
        the_next_are_well(line, connection)


@pytest.mark.parametrize("name", ["a second answer", "a byte", "an interim answer"])
def test_bytes_that_come_later_reach_nobody(line, name):
    """The connection is idle in the pool by then, and leaves it."""
    data, behind, *_ = BEHIND[name]
    said = threading.Event()
    target = say(line, data, 0.1, behind, said.set)
    with Connection(line.address) as connection:
        assert connection.request("GET", target).body == b"hello"
        assert said.wait(5)
        time.sleep(0.05)
        the_next_are_well(line, connection)


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("name", STAGES)
def test_end_at_each_stage_is_never_a_whole_answer(line, name, end):
    data, seen = STAGES[name]
    target = say(line, *([data] if data else []), 0.02, end=end)
    with Connection(line.address) as connection:
        assert outcome(connection, target) == (502 if seen == 504 else ABORTED)
        the_next_are_well(line, connection)


@pytest.mark.parametrize("name", STAGES)
def test_silence_at_each_stage_has_an_end(line, name):
    data, seen = STAGES[name]
    target = say(line, *([data] if data else []), end="silence")
    began = time.monotonic()
    with Connection(line.address) as connection:
        assert outcome(connection, target) == seen
        assert 0.3 < time.monotonic() - began < 3
        the_next_are_well(line, connection)


@pytest.mark.parametrize("stage", ["a head", "half a body", "a head of chunks", "half a chunk", "a chunk", "the last chunk"])
@pytest.mark.parametrize("end", ["close", "reset", "silence"])
def test_client_of_http_1_0_sees_a_reset_where_a_close_would_look_whole(line, stage, end):
    """Chunks become an answer that ends with the connection: only a reset says that it is not all."""
    target = say(line, STAGES[stage][0], 0.02, end=end)
    with Connection(line.address) as connection:
        connection.send(f"GET {target} HTTP/1.0\r\nHost: a\r\n\r\n".encode())
        received, is_reset = b"", False
        try:
            while data := connection.socket.recv(65536):
                received += data
        except ConnectionResetError:
            is_reset = True
        assert is_reset or b"Content-Length: 5\r\n" in received or received == b""
    the_next_are_well(line)


@pytest.mark.parametrize("end", ["reset", "silence"])
def test_answer_until_close_that_is_reset_is_not_whole(line, end):
    target = say(line, OK + b"\r\nhello", 0.05, end=end)
    with Connection(line.address) as connection:
        assert outcome(connection, target) == ABORTED
        the_next_are_well(line, connection)


def test_interim_answers_alone_are_no_answer(line):
    target = say(line, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3, 0.02, end="close")
    with Connection(line.address) as connection:
        assert outcome(connection, target) == 502
        the_next_are_well(line, connection)


def test_answer_before_the_body_was_read(start_recorder, start_proxy):
    """It is passed on, and neither connection is used for anything else while the body is on its way."""
    blue = start_recorder(on_head=lambda r: recorder.Answer(recorder.answer(413, b"no"), end="close") if r.target == "/early" else None)
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})], "threads": 1})
    for _ in range(20):
        with Connection(proxy.address) as connection:
            connection.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
            answer = connection.read()
            assert (answer.status, answer.body) in ((413, b"no"), (502, answer.body))
        with Connection(proxy.address) as connection:
            assert connection.request("POST", "/next", {}, b"hello").body == b"ok"
    assert {r.target for r in blue.requests} == {"/early", "/next"}


def test_service_that_does_not_read_the_body_ends_in_504(line):
    """The body fills all buffers on the way; the client is told, or at least not left hanging."""
    target = f"/hostile/{next(_number)}"
    line.blue.on_head = lambda r: recorder.Answer(end="stall") if r.target == target else None
    began = time.monotonic()
    with Connection(line.address) as connection:
        connection.socket.settimeout(5)
        connection.send(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n".encode())
        try:
            for _ in range(1500):
                connection.send(b"x" * 65536)
        except OSError:
            pass
        try:
            assert connection.read().status == 504
        except BadAnswer:
            pass  # a reset overtook it: we were still sending
    assert time.monotonic() - began < 5
    line.blue.on_head = None
    the_next_are_well(line)


def test_drops_of_an_answer_pass_but_not_for_ever(start_recorder, start_proxy):
    """A byte at a time keeps `idle` away; `total` is for that."""
    drops = [piece for byte in b"hello" for piece in (bytes([byte]), 0.1)]
    blue = start_recorder(script=lambda r: recorder.Answer(SIZED, *drops))
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [
        rule({"blue": 1}, name="short", match=[{"path": "/short"}], timeouts={**TIMEOUTS, "total": "250ms"}),
        rule({"blue": 1}, timeouts=TIMEOUTS)]})
    with Connection(proxy.address) as connection:
        assert connection.request("GET", "/long").body == b"hello"
        with pytest.raises(BadAnswer):
            connection.request("GET", "/short")


def test_nothing_is_left_of_all_that(line):
    def left():
        metrics = line.metrics()
        gauges = ("turnout_client_connections", "turnout_requests_in_flight", "turnout_upstream_in_flight")
        busy = metrics.sum("turnout_upstream_connections") - metrics.sum("turnout_upstream_connections_idle")
        return [metrics.sum(name) for name in gauges] + [busy]
    eventually(lambda: left() == [0, 0, 0, 0])
