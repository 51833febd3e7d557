"""Bodies of 0 to 16 MiB, sized and chunked, both ways, byte for byte; HEAD, 1.0, interim answers."""
import itertools
import random
import threading

import pytest
from line import config, rule, versions
from support import recorder
from support.http1 import BadAnswer, Connection

MIB = 1 << 20
SIZES = [0, 1, 4095, 4096, 65535, 65536, 65537, MIB, 16 * MIB]


def content(size):
    return random.Random(size).randbytes(size)


def in_chunks(body, size=61681):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def echo(request):
    """The request's body back, framed as the target says."""
    if request.target == "/chunked":
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + in_chunks(request.body, 40000)
    if request.target == "/close":
        return recorder.Answer(b"HTTP/1.1 200 OK\r\n\r\n" + request.body, end="close")
    return recorder.answer(200, request.body)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    from support.proxy import Proxy
    blue = recorder.Recorder(script=echo)
    proxy = Proxy(tmp_path_factory.mktemp("bodies"), {
        "versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})],
        "limits": {"stop_grace": "1s"}}).start()
    proxy.blue = blue
    yield proxy
    assert proxy.stop(30) == 0
    blue.close()
    assert blue.violations == []
    assert recorder.check_conserved([proxy], [blue]) is None


def send_while_reading(connection, data):
    """Sends from another thread: an echo answers before it has read everything we have."""
    sender = threading.Thread(target=connection.send, args=(data,), daemon=True)
    sender.start()
    answer = connection.read()
    sender.join(20)
    return answer


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["sized", "chunked"])
def test_request_and_answer_are_byte_identical(line, size, is_chunked):
    body = content(size)
    framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % size
    data = framing + b"\r\n\r\n" + (in_chunks(body) if is_chunked else body)
    with Connection(line.address, timeout=30) as connection:
        for target in (b"/sized", b"/chunked"):
            answer = send_while_reading(connection, b"POST " + target + b" HTTP/1.1\r\nHost: a\r\n" + data)
            assert answer.status == 200
            assert line.blue.requests[-1].body == body
            assert answer.body == body
            if target == b"/sized":
                assert answer.get("content-length") == str(size)


@pytest.mark.parametrize("size", [0, 100000, 16 * MIB])
def test_answer_that_ends_with_its_connection_is_framed_anew(line, size):
    body = content(size)
    with Connection(line.address, timeout=30) as connection:
        answer = send_while_reading(connection, b"POST /close HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + body)
        assert answer.status == 200 and answer.body == body
        assert answer.get("transfer-encoding") == "chunked"
        assert connection.request("GET", "/sized").status == 200


def test_client_of_http_1_0_gets_no_chunks(line):
    with Connection(line.address) as connection:
        connection.send(b"POST /chunked HTTP/1.0\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + content(70000))
        answer = connection.read()
        assert answer.get("transfer-encoding") is None and answer.body == content(70000)
        assert connection.is_closed()


def test_head_has_no_body_and_keeps_the_connection(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    with Connection(proxy.address) as connection:
        assert connection.request("HEAD", "/").body == b""
        assert connection.request("GET", "/count").status == 200
    assert fleet.visits() == 0


def test_counters_own_check_sums(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    import json
    import zlib
    body = content(3 * MIB)
    with Connection(proxy.address) as connection:
        said = json.loads(connection.request("POST", "/echo-size", {}, body).body)
        assert said["bytes"] == len(body) and int(said["crc32"], 16) == zlib.crc32(body)
        plain = connection.request("GET", "/bytes/1000000").body
        assert len(plain) == 1000000
        assert connection.request("GET", "/bytes/1000000?chunked=1").body == plain


def test_answer_that_breaks_off_never_looks_complete(start_recorder, start_proxy):
    broken = {
        "/sized": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500,
        "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" + b"x" * 100,
        "/garbage": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n",
    }
    blue = start_recorder(script=lambda r: recorder.Answer(broken[r.target], 0.05, end="close"))
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})]})
    for target in broken:
        with Connection(proxy.address) as connection:
            try:
                status = connection.request("GET", target).status
            except BadAnswer:
                continue
            # Told before anything went to the client: then it may be an error of ours, nothing else.
            assert status == 502 and target == "/garbage"


def test_hostile_answers_are_502_and_never_poison_the_next(start_recorder, start_proxy):
    hostile = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(10000)) + b"\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
        b"\0\1\2\3 garbage\r\n\r\n",
    ]
    blue = start_recorder(script=lambda r: recorder.Answer(hostile[int(r.target[1:])]) if r.target[1:].isdigit() else None)
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})]})
    with Connection(proxy.address) as connection:
        for number in range(len(hostile)):
            answer = connection.request("GET", f"/{number}")
            assert answer.status == 502, (hostile[number][:60], answer)
            assert connection.request("GET", "/fine").body == b"ok"


def test_second_answer_of_an_upstream_is_never_given_to_anybody(start_recorder, start_proxy):
    blue = start_recorder(script=lambda r: recorder.answer(200, b"first") + recorder.answer(200, b"poison")
                          if r.target == "/two" else None)
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})], "threads": 1})
    with Connection(proxy.address) as connection:
        assert connection.request("GET", "/two").body == b"first"
        for _ in range(5):
            assert connection.request("GET", "/next").body == b"ok"


def test_interim_answers_are_relayed_up_to_a_limit(start_recorder, start_proxy):
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    blue = start_recorder(script=lambda r: hint * int(r.target[1:]) + recorder.answer(200, b"done"))
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})]})
    with Connection(proxy.address) as connection:
        answer = connection.request("GET", "/3")
        assert [i.status for i in answer.interim] == [103] * 3 and answer.body == b"done"
        answer = connection.request("GET", "/2000")
        assert len(answer.interim) <= 8 and answer.status == 502


@pytest.mark.parametrize("pause", [0, 0.0005, 0.002])
@pytest.mark.parametrize("every", [1, 2, 8])
def test_dead_reused_connections_cost_no_request(every, pause, start_recorder, start_proxy):
    """Answers end their connection without saying so, soon after: the idle-close race. Retries have a budget of a fifth
    of the requests; where each reused connection died, they would not do."""
    numbers = itertools.count(1)

    def script(_):
        if next(numbers) % every:
            return recorder.answer(200, b"ok")
        return recorder.Answer(recorder.answer(200, b"ok"), pause, end="close")

    blue = start_recorder(script=script)
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})], "threads": 1})
    with Connection(proxy.address) as connection:
        for _ in range(400):
            assert connection.request("GET", "/").status == 200
    assert len(blue.requests) == 400


def test_requests_that_may_not_be_repeated_meet_fresh_connections(start_recorder, start_proxy):
    """Once reused connections were seen to die, POSTs are sent on none of them."""
    blue = start_recorder(script=lambda r: recorder.Answer(recorder.answer(200, b"ok"), 0.002, end="close"))
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})], "threads": 1})
    with Connection(proxy.address) as connection:
        while not proxy.metrics().sum("turnout_retries_total", reason="reused"):
            assert connection.request("GET", "/").status == 200
        seen = len(blue.requests)
        for _ in range(100):
            assert connection.request("POST", "/", body=b"once").status == 200
    assert len(blue.requests) == seen + 100


def test_slow_reader_pauses_the_upstream(start_proxy, start_recorder):
    """16 MiB to a client that does not read: the proxy holds little of it."""
    body = content(16 * MIB)
    blue = start_recorder(script=lambda r: recorder.answer(200, body))
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})]})

    def resident():
        with open(f"/proc/{proxy.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    before = resident()
    connections = [Connection(proxy.address, timeout=30) for _ in range(8)]
    for connection in connections:
        connection.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
    threading.Event().wait(0.5)
    assert resident() - before < 16 * 1024, "KiB more than before"
    for connection in connections:
        assert connection.read().body == body
        connection.close()
