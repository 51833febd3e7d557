"""Broken requests, row by row of the table of bad inputs (numbers as there), against the real proxy.

Each case says what the client may see, whether its connection ends, and what the upstream may have
seen. The recorder in front of both versions holds everything that was forwarded to the strict
grammar, and the mirror of a refused request must see nothing.
"""
import socket
import time

import pytest
from line import eventually, rule, versions
from support import recorder
from support.http1 import BadAnswer, Connection

CLOSED, OPEN, EITHER = "closed", "open", "either"
NOTHING, HEAD_ONLY, ONE = "nothing", "head only", "one"


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """One proxy for all rows: blue answers, green gets a copy of everything that may be copied."""
    from support.proxy import Proxy
    blue, green = recorder.Recorder(), recorder.Recorder()
    mirror = [{"to": "green", "percent": 100, "methods": ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"]}]
    proxy = Proxy(tmp_path_factory.mktemp("rows"), {
        "versions": versions(blue=[blue.address], green=[green.address]),
        "rules": [rule({"blue": 1}, mirror=mirror, max_body="1MiB")],
        "limits": {"stop_grace": "1s"},
    }).start()
    proxy.blue, proxy.green = blue, green
    yield proxy
    assert proxy.stop(30) == 0
    blue.close()
    green.close()
    assert blue.violations == [] and green.violations == []
    assert recorder.check_conserved([proxy], [blue, green]) is None


def http(lines, body=b"", first="POST /r HTTP/1.1", host="Host: a"):
    """A request from header lines. Latin-1, so that any byte can be written."""
    lines = [lines] if isinstance(lines, str) else list(lines)
    head = [first, *([host] if host else []), *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body, *more):
    return http(["Transfer-Encoding: chunked", *more], body)


CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
GET = "GET /r HTTP/1.1"

# (row, name, bytes, statuses, connection, what the upstream may have seen)
ROWS = [
    (1, "cl and te", http(["Content-Length: 5", "Transfer-Encoding: chunked"], CHUNKS), {400}, CLOSED, NOTHING),
    (1, "te and cl", http(["Transfer-Encoding: chunked", "Content-Length: 5"], CHUNKS), {400}, CLOSED, NOTHING),
    (2, "two different cl", http(["Content-Length: 5", "Content-Length: 6"], b"hello!"), {400}, CLOSED, NOTHING),
    (2, "cl list", http("Content-Length: 5, 6", b"hello!"), {400}, CLOSED, NOTHING),
    (3, "two same cl", http(["Content-Length: 5", "Content-Length: 5"], b"hello"), {400, 200}, EITHER, EITHER),
    (3, "cl list of same", http("Content-Length: 5, 5", b"hello"), {400, 200}, EITHER, EITHER),
    *[(4, f"cl {value!r}", http(f"Content-Length: {value}", b"hello"), {400, 413}, CLOSED, NOTHING)
      for value in ("+5", "-0", "0x10", "1_0", "5 5", "", "99999999999999999999", "5,", ";5", "5.0")],
    *[(5, f"cl {value}", http(f"Content-Length: {value}", body), {200, 400}, EITHER, EITHER)
      for value, body in (("005", b"hello"), ("00", b""))],
    *[(6, f"te {value}", http(f"Transfer-Encoding: {value}", CHUNKS), {400, 501}, CLOSED, NOTHING)
      for value in ("xchunked", "identity", "gzip, chunked", "chunked, identity", "chunked;x=1", "chunkedx")],
    *[(7, f"te {value}", http(f"Transfer-Encoding: {value}", CHUNKS), {400, 501}, CLOSED, NOTHING)
      for value in (",chunked", "chunked,", "chunked, chunked")],
    (7, "two te", http(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], CHUNKS), {400, 501}, CLOSED, NOTHING),
    *[(8, f"te {value!r}", http(value, CHUNKS), {400, 501}, CLOSED, NOTHING)
      for value in ("Transfer-Encoding: \x0bchunked", "Transfer-Encoding: \x0cchunked", "Transfer-Encoding: chunked\x00",
                    "Transfer-Encoding: \xa0chunked", "Transfer-Encoding : chunked")],
    (8, "leading blank before the first header", b"POST /r HTTP/1.1\r\n Host: a\r\nContent-Length: 0\r\n\r\n", {400}, CLOSED, NOTHING),
    (9, "te empty and cl", http(["Transfer-Encoding:", "Content-Length: 5"], b"hello"), {400}, CLOSED, NOTHING),
    (9, "te empty", http("Transfer-Encoding:", CHUNKS), {400, 501}, CLOSED, NOTHING),
    (10, "te on 1.0", http("Transfer-Encoding: chunked", CHUNKS, "POST /r HTTP/1.0"), {400}, CLOSED, NOTHING),
    *[(11, f"chunk size {size!r}", chunked(size + b"\r\nhello\r\n0\r\n\r\n"), {400}, CLOSED, HEAD_ONLY)
      for size in (b"0x5", b"-1", b"+5", b"5_0", b" 5", b"", b"ZZ")],
    (12, "chunk size of 17 digits", chunked(b"1" * 17 + b"\r\nhello"), {400, 413}, CLOSED, HEAD_ONLY),
    (12, "chunk size of 16 digits", chunked(b"f" * 16 + b"\r\nhello"), {400, 413}, CLOSED, HEAD_ONLY),
    (12, "chunk size above the body limit", chunked(b"fffffff\r\n" + b"x" * (1 << 20) + b"y"), {400, 413}, CLOSED, HEAD_ONLY),
    (13, "data longer than the chunk", chunked(b"3\r\nhello\r\n0\r\n\r\n"), {400}, CLOSED, HEAD_ONLY),
    (13, "no crlf after the data", chunked(b"5\r\nhello0\r\n\r\n"), {400}, CLOSED, HEAD_ONLY),
    *[(14, f"chunk extension with {byte!r}", chunked(b"5;a=" + byte + b"b\r\nhello\r\n0\r\n\r\n"), {400}, CLOSED, HEAD_ONLY)
      for byte in (b"\0", b"\r", b"\n")],
    (14, "a legal chunk extension", chunked(b'5;a=b;c="d"\r\nhello\r\n0;z\r\n\r\n'), {200}, OPEN, ONE),
    (15, "one chunk extension of 64 KiB", chunked(b"5;a=" + b"b" * 65536 + b"\r\nhello\r\n0\r\n\r\n"), {400, 413}, CLOSED, HEAD_ONLY),
    (15, "4 KiB of extension per byte", chunked(b"".join(b"1;" + b"x" * 4096 + b"\r\na\r\n" for _ in range(100)) + b"0\r\n\r\n"),
     {400, 413}, CLOSED, HEAD_ONLY),
    *[(16, f"trailer {name}", chunked(b"5\r\nhello\r\n0\r\n" + name + b": 5\r\n\r\n"), {200, 400}, EITHER, EITHER)
      for name in (b"Content-Length", b"Transfer-Encoding")],
    *[(16, f"trailer {name}", chunked(b"5\r\nhello\r\n0\r\n" + name + b": green\r\n\r\n"), {200}, OPEN, ONE)
      for name in (b"Host", b"Authorization", b"X-Version", b"Connection")],
    (16, "10,000 trailers", chunked(b"5\r\nhello\r\n0\r\n" + b"a: b\r\n" * 10000 + b"\r\n"), {400, 413, 431}, CLOSED, HEAD_ONLY),
    (17, "bare lf after the request line", b"GET /r HTTP/1.1\nHost: a\r\n\r\n", {400}, CLOSED, NOTHING),
    (17, "bare lf after a header", b"GET /r HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", {400}, CLOSED, NOTHING),
    (17, "bare lf at the end of the head", b"GET /r HTTP/1.1\r\nHost: a\r\n\n", {400}, CLOSED, NOTHING),
    (18, "bare cr in a value", http("X: a\rb", first=GET), {400}, CLOSED, NOTHING),
    (18, "cr lf cr x", b"GET /r HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", {400}, CLOSED, NOTHING),
    *[(19, f"{byte!r} in a value", http(f"X: a{byte}b", first=GET), {400}, CLOSED, NOTHING) for byte in ("\0", "\1", "\x1f", "\x7f")],
    (20, "empty header name", http(": x", first=GET), {400}, CLOSED, NOTHING),
    *[(20, f"name {name!r}", http(f"{name}: x", first=GET), {400}, CLOSED, NOTHING) for name in ("a b", "a(b", "a\x80", 'a"')],
    (20, "no colon", http("nocolon", first=GET), {400}, CLOSED, NOTHING),
    (21, "folded line", http(["X: a", " b"], first=GET), {400}, CLOSED, NOTHING),
    (22, "no host", http([], first=GET, host=None), {400}, CLOSED, NOTHING),
    *[(22, f"host {host!r}", http([], first=GET, host=host), {400}, CLOSED, NOTHING)
      for host in ("Host:", "Host: a\r\nHost: a", "Host: a\r\nHost: b", "Host: u@a", "Host: a/b", "Host: a,b", "Host: a b", "Host: a:x")],
    (23, "another authority than host", http([], first="GET http://other/ HTTP/1.1"), {200, 400}, EITHER, EITHER),
    (23, "an address of the cloud", http([], first="GET http://169.254.169.254/latest HTTP/1.1"), {200, 400}, EITHER, EITHER),
    (24, "connect", http([], first="CONNECT a:80 HTTP/1.1"), {405, 501}, CLOSED, NOTHING),
    (24, "connect without port", http([], first="CONNECT a HTTP/1.1"), {400, 405, 501}, CLOSED, NOTHING),
    (24, "trace", http([], first="TRACE / HTTP/1.1"), {405}, EITHER, NOTHING),
    *[(25, f"target {target!r}", http([], first=f"GET {target} HTTP/1.1"), {400}, CLOSED, NOTHING)
      for target in ("*", "/a#b", "/\xe4", "/a\x01", "/a\0b", "noslash", "/a b", "http://u@a/", "http://", "//\x7f")],
    *[(26, first, first.encode() + b"\r\nHost: a\r\n\r\n", {400, 505}, CLOSED, NOTHING)
      for first in ("GET /r", "GET /r HTTP/0.9", "GET /r HTTP/2.0", "GET /r HTTP/1.2", "GET /r HTTP/11", "GET /r http/1.1",
                    "GET /r RTSP/1.0", "DESCRIBE /r RTSP/1.0", "SOURCE /r ICE/1.0", "GET  /r HTTP/1.1", "GET /r  HTTP/1.1",
                    " GET /r HTTP/1.1", "GET /r HTTP/1.1 ")],
    (26, "0.9 with bare lf, headers and body", b"GET /x\nHost: a\r\nContent-Length: 5\r\n\r\nhello", {400, 505}, CLOSED, NOTHING),
    (26, "h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", {400, 505}, CLOSED, NOTHING),
    (26, "tls client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)) * 8, {400, 505}, CLOSED, NOTHING),
    (27, "url of 64 KiB", http([], first="GET /" + "a" * 65536 + " HTTP/1.1"), {414}, CLOSED, NOTHING),
    (27, "a header of 64 KiB", http("X: " + "a" * 65536, first=GET), {431}, CLOSED, NOTHING),
    (27, "10,000 headers", http([f"X{i}: y" for i in range(10000)], first=GET), {431}, CLOSED, NOTHING),
    (27, "101 headers", http([f"X{i}: y" for i in range(100)], first=GET), {431}, CLOSED, NOTHING),
    (27, "100 headers", http([f"X{i}: y" for i in range(99)], first=GET), {200}, OPEN, ONE),
    (28, "cl above the body limit", http("Content-Length: 1048577", b"x"), {413}, CLOSED, NOTHING),
    (28, "chunks above the body limit", chunked((b"10000\r\n" + b"x" * 65536 + b"\r\n") * 17 + b"0\r\n\r\n"),
     {413}, CLOSED, HEAD_ONLY),
    (29, "unknown expectation", http(["Expect: 200-maybe", "Content-Length: 0"]), {417}, EITHER, NOTHING),
    (0, "unknown method", http([], first="FOO / HTTP/1.1"), {501, 405, 400}, CLOSED, NOTHING),
    (0, "duplicate length and coding in odd case", http(["CONTENT-LENGTH: 5", "tRANSFER-eNCODING: chunked"], CHUNKS), {400}, CLOSED, NOTHING),
    (0, "plain request", http([], first=GET), {200}, OPEN, ONE),
    (0, "http/1.0 without host", http([], first="GET /r HTTP/1.0", host=None), {200, 400}, CLOSED, EITHER),
]


def exchange(connection, data):
    """The answer's status: 0 when the connection ended without one."""
    try:
        connection.send(data)
    except OSError:
        pass  # it refused while we were still sending: the answer may be there all the same
    try:
        return connection.read().status
    except BadAnswer as problem:
        assert problem.partial == b"", problem
        return 0


@pytest.mark.parametrize("number", range(len(ROWS)),
                         ids=[f"{row}-{name[:40]}".encode("ascii", "replace").decode() for row, name, *_ in ROWS])
def test_row(line, number):
    row, _, data, statuses, connection_end, seen = ROWS[number]
    path = f"/r{number}"  # of this row alone, so that what others left behind is not taken for it
    data = data.replace(b" /r", b" " + path.encode(), 1)
    with Connection(line.address) as connection:
        status = exchange(connection, data)
        assert status in statuses, f"{status}, not one of {statuses}"
        is_refused = status >= 400
        if connection_end == CLOSED or (connection_end == EITHER and is_refused and row != 24 and row != 29):
            assert connection.is_closed(3), "the connection stayed open"
        elif connection_end == OPEN:
            assert connection.request("GET", "/after").status == 200
    whole = [r for r in line.blue.requests if r.target == path]
    begun = [r for r in line.blue.partial if getattr(r, "target", None) == path]
    if is_refused:
        assert whole == [], "a refused request reached the upstream whole"
        assert begun == [] or seen == HEAD_ONLY, "a request was forwarded whose head should have been refused"
        # What was refused is never mirrored as a whole request.
        assert [r for r in line.green.requests if r.target == path] == []
    elif seen == ONE:
        assert len(whole) == 1


def test_row_5_lengths_go_on_in_canonical_digits(line):
    with Connection(line.address) as connection:
        if exchange(connection, http("Content-Length: 005", b"hello")) == 200:
            assert line.blue.requests[-1].get("content-length") == "5"
            assert line.blue.requests[-1].body == b"hello"


def test_row_14_and_16_extensions_and_trailers_are_dropped(line):
    with Connection(line.address) as connection:
        connection.send(chunked(b'5;a="b"\r\nhello\r\n0\r\nX-Trailer: secret\r\nHost: other\r\n\r\n'))
        assert connection.read().status == 200
    request = line.blue.requests[-1]
    assert request.body == b"hello" and b"secret" not in request.raw and request.get("host") == "a"


def test_row_23_host_is_that_of_the_target(line):
    with Connection(line.address) as connection:
        status = exchange(connection, http([], first="GET http://other:81/x?y HTTP/1.1"))
    if status == 200:
        assert line.blue.requests[-1].target == "/x?y"
        assert line.blue.requests[-1].get("host") == "other:81"


def test_row_29_final_answer_before_the_body(start_recorder, start_proxy):
    upstream = start_recorder(on_head=lambda r: recorder.Answer(recorder.answer(403, b"no"), end="close")
                              if r.target == "/refuse" else None)
    proxy = start_proxy({"versions": versions(blue=[upstream.address]), "rules": [rule({"blue": 1})]})
    with Connection(proxy.address) as connection:
        connection.send(b"POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        answer = connection.read()
        assert answer.status == 403 and answer.body == b"no"
        # The body is still owed: either the connection ends, or it is taken before the next request.
        if not connection.is_closed(0.2):
            connection.send(b"hello")
            assert connection.request("GET", "/next").status == 200
    with Connection(proxy.address) as connection:
        connection.send(b"POST /ok HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        time.sleep(0.1)
        connection.send(b"hello")
        answer = connection.read()
        assert answer.status == 200
    assert [r.body for r in upstream.requests if r.target == "/ok"] == [b"hello"]


def test_row_30_upgrade_that_is_not_taken_stays_http(line):
    seen = len(line.blue.requests)
    with Connection(line.address) as connection:
        connection.send(b"GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                        b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.read().status == 200
        assert connection.read().status == 200
    assert [r.target for r in line.blue.requests[seen:]] == ["/up", "/second"]


def test_row_30_unsolicited_101_is_502(start_recorder, start_proxy):
    upstream = start_recorder(script=lambda r: recorder.Answer(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw"))
    proxy = start_proxy({"versions": versions(blue=[upstream.address]), "rules": [rule({"blue": 1})]})
    with Connection(proxy.address) as connection:
        assert connection.request("GET", "/").status == 502


def test_row_31_connection_cannot_name_what_we_add_or_need(line):
    with Connection(line.address) as connection:
        connection.send(b"POST /named HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Hop: 1\r\n"
                        b"Connection: X-Forwarded-For, X-Request-Id, Host, Content-Length, X-Hop\r\n\r\nhello")
        assert connection.read().status == 200
    request = line.blue.requests[-1]
    assert request.get("host") == "a" and request.body == b"hello" and request.get("x-hop") is None
    assert request.get("x-forwarded-for") == "127.0.0.1" and request.get("x-request-id")


def test_row_33_pipelined_requests_are_answered_in_order(line):
    with Connection(line.address) as connection:
        connection.send(b"".join(http([], first=f"GET /p{i} HTTP/1.1") for i in range(100)))
        assert [connection.read().status for _ in range(100)] == [200] * 100
    assert [r.target for r in line.blue.requests[-100:]] == [f"/p{i}" for i in range(100)]
    with Connection(line.address) as connection:
        connection.send(http("Content-Length: 5", b"hello") + http("Transfer-Encoding: xchunked", CHUNKS))
        assert connection.read().status == 200
        assert connection.read().status in (400, 501)
        assert connection.is_closed()


def test_one_byte_per_segment_is_the_same_request(line):
    data = chunked(b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\n")
    with Connection(line.address) as connection:
        for at in range(len(data)):
            connection.send(data[at:at + 1])
        assert connection.read().status == 200
    assert line.blue.requests[-1].body == b"hello world"


def test_broken_bodies_abort_the_upstream_and_are_never_complete(line):
    """Row 11 to 13: after what was forwarded no last chunk comes, and the connection is not reused."""
    with Connection(line.address) as connection:
        connection.send(http("Transfer-Encoding: chunked", b"5\r\nhello\r\n", "POST /broken HTTP/1.1"))
        time.sleep(0.1)
        connection.send(b"ZZ\r\n")
        assert connection.read().status == 400
        assert connection.is_closed()
    eventually(lambda: any(getattr(p, "target", None) == "/broken" for p in line.blue.partial))
    assert all(r.target != "/broken" for r in line.blue.requests)


def test_client_that_sends_nothing_costs_nothing(line):
    idle = [socket.create_connection(line.address) for _ in range(50)]
    with Connection(line.address) as connection:
        assert connection.request("GET", "/while-others-wait").status == 200
    for sock in idle:
        sock.close()
