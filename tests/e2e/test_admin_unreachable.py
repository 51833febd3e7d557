"""Nothing of the admin interface answers on the data port; and the interface itself is as strict with broken, slow and large requests
as the data port is."""
import json
import socket
import time

import pytest
from line import eventually, rule, versions
from support.admin import AdminConnection, bearer, make_token, tcp_admin
from support.http1 import BadAnswer, Connection
from support.proxy import Proxy
from support.recorder import Recorder, answer
from test_http_rows import CLOSED, NOTHING, ROWS

CHANGE = json.dumps({"weights": {"green": 1}}).encode()


@pytest.fixture(scope="module", params=["unix", "tcp"])
def proxy(request, tmp_path_factory):
    """A proxy whose main rule has something that an abort would change. Its services say "from the service"."""
    folder = tmp_path_factory.mktemp(request.param)
    service = Recorder(lambda request: answer(200, b"from the service"))
    token = make_token(folder, "ci", "operate")
    started = Proxy(folder, {
        **(tcp_admin() if request.param == "tcp" else {}),
        "versions": versions(blue=[service.address], green=[service.address]),
        "rules": [rule({"blue": 90, "green": 10})], "limits": {"stop_grace": "1s"}}).start()
    started.fields = bearer(token) if request.param == "tcp" else {}
    started.token = token
    yield started
    assert started.stop(timeout=30) == 0
    service.close()


def status(proxy):
    with AdminConnection(proxy.admin, proxy.fields) as admin:
        return json.loads(admin.ask("GET", "/v1/status").body)


def revision(proxy):
    return status(proxy)["revision"]


# --- the data port -----------------------------------------------------------------------------------

PATHS = ["/v1/status", "/v1/rules", "/v1/weights", "/v1/events", "/v1/history", "//v1/status", "/./v1/status", "/v1/../v1/status",
         "/%76%31/status", "/v1%2fstatus", "/..%2fv1/status", "/v1/status?x=1", "/v1/status#x", "/V1/STATUS", "/metrics", "/status", "/readyz",
         "/%2e%2e/v1/status", "/v1/status%00", "/v1;/status", "\\v1\\status"]


def targets(proxy):
    admin = proxy.admin.removeprefix("http://") if proxy.admin.startswith("http") else "localhost"
    yield from PATHS
    for authority in (admin, "localhost", "127.0.0.1", proxy.metrics_address, f"unix:{proxy.folder}/turnout.sock", "[::1]"):
        yield from (f"http://{authority}{path}" for path in ("/v1/status", "/v1/weights", "/metrics", ""))
    yield f"{proxy.admin}/v1/status"
    yield f"unix://{proxy.folder}/turnout.sock:/v1/status"
    yield f"file://{proxy.folder}/turnout.sock"


def hosts(proxy):
    return [proxy.admin.removeprefix("http://"), proxy.metrics_address, "localhost", "turnout", "", f"unix:{proxy.folder}/turnout.sock"]


def is_innocent(said):
    """From the service, or a refusal of the data port: nothing that admin or metrics would say."""
    return (said.body in (b"from the service", b"ok") or said.status >= 400) and not any(
        word in said.body for word in (b'"revision"', b'"versions"', b"turnout_", b"ready\n", b'"rules"'))


def ask_raw(proxy, text, body=b""):
    with Connection(proxy.address) as client:
        client.send(text.encode("latin-1") + body)
        try:
            return client.read(text.split()[0])
        except BadAnswer as bad:
            assert not bad.partial
            return None  # closed without a word


def test_no_path_host_or_form_reaches_it(proxy):
    before = revision(proxy)
    told = "".join(f"{name}: {value}\r\n" for name, value in proxy.fields.items())
    count = 0
    for target in targets(proxy):
        for method, body in (("GET", b""), ("PUT", CHANGE), ("POST", b"{}")):
            for host in hosts(proxy) if method == "GET" else hosts(proxy)[:1]:
                length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
                said = ask_raw(proxy, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{told}{length}\r\n", body)
                assert said is None or is_innocent(said), (method, target, host, said)
                count += 1
    assert count > 300
    assert revision(proxy) == before


def test_no_tunnel_leads_to_it(proxy):
    before = revision(proxy)
    places = [proxy.admin.removeprefix("http://"), proxy.metrics_address, f"{proxy.folder}/turnout.sock", "localhost:80"]
    for place in places:
        said = ask_raw(proxy, f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\nGET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert said is None or (said.status in (400, 405) and is_innocent(said)), (place, said)
        for protocol in ("websocket", "h2c", "turnout", "HTTP/1.1"):
            said = ask_raw(proxy, f"GET /v1/events HTTP/1.1\r\nHost: {place}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n"
                                  "HTTP2-Settings: AAMAAABkAAQAAP__\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            assert said is None or is_innocent(said), (place, protocol, said)
    said = ask_raw(proxy, "GET /v1/status HTTP/1.1\r\nHost: a\r\nTurnout-Admin: 1\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n"
                          "X-Original-URL: /v1/status\r\nX-Rewrite-URL: /v1/rules\r\n\r\n")
    assert said.body == b"from the service"
    assert revision(proxy) == before


def test_a_body_with_a_request_in_it_reaches_only_the_service(proxy):
    before = revision(proxy)
    inner = f"PUT /v1/weights HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(CHANGE)}\r\n\r\n".encode() + CHANGE
    for fields in (f"Content-Length: {len(inner)}\r\n", f"Content-Length: {len(inner)}\r\nContent-Type: application/http\r\n"):
        assert ask_raw(proxy, f"POST / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n", inner).body == b"from the service"
    assert revision(proxy) == before


# --- as strict as the data port ----------------------------------------------------------------------

REFUSED = [row for row in ROWS if row[4] == CLOSED and row[5] == NOTHING and min(row[3]) >= 400]


def for_admin(proxy, sent):
    """The same, asking for an abort: had it been taken for a good request, the rules would be others."""
    told = "".join(f"\r\n{name}: {value}" for name, value in proxy.fields.items()).encode()
    return sent.replace(b" /r ", b" /v1/abort ").replace(b"\r\nHost: a\r\n", b"\r\nHost: localhost" + told + b"\r\n")


def test_broken_requests_are_refused_row_by_row(proxy):
    assert len(REFUSED) > 40
    before = revision(proxy)
    for number, name, sent, statuses, *_ in REFUSED:
        with AdminConnection(proxy.admin) as admin:
            try:
                admin.send(for_admin(proxy, sent))
                admin.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has heard enough
            try:
                said = admin.read()
            except BadAnswer as bad:
                assert not bad.partial, (number, name)
                continue
            assert said.status >= 400, (number, name, said)
            assert admin.is_closed(), (number, name)
    assert revision(proxy) == before


def ask(proxy, method, path, body, kind="application/json"):
    with AdminConnection(proxy.admin, proxy.fields) as admin:
        return admin.ask(method, path, {"Content-Type": kind}, body)


@pytest.mark.parametrize("depth", [100, 2000, 200000])
def test_deep_bodies(proxy, depth):
    before = revision(proxy)
    nested = "[" * depth + "]" * depth
    for body in (f'{{"weights":{nested}}}', f'{{"rules":{nested}}}', f'{{"rules":[{{"name":"a","match":{nested}}}]}}',
                 '{"a":' * depth + "1" + "}" * depth, "[" * depth):
        assert ask(proxy, "PUT", "/v1/weights", body.encode()).status in (400, 413, 422)
        assert ask(proxy, "PUT", "/v1/rules", body.encode()).status in (400, 413, 422)
    assert ask(proxy, "PUT", "/v1/rules", nested.encode(), "application/yaml").status in (400, 422)
    assert ask(proxy, "PUT", "/v1/rules", b"- " * depth + b"a", "application/yaml").status in (400, 422)
    assert revision(proxy) == before


def test_large_and_strange_bodies(proxy):
    before = revision(proxy)
    for body, expected in ((b" " * (1024 * 1024 + 1), {413}), (b'{"weights":{"blue":1e999}}', {400, 422}), (b'{"weights":{"blue":-1}}', {422}),
                           (b'{"weights":{"blue":99999999999999999999}}', {400, 422}), (b'{"weights":{"blue":1},"weights":{"green":1}}', {400}),
                           (b'{"weights":{"bl\\u0000ue":1}}', {400, 422}), (b'\xff\xfe{}', {400}), (b'{"reason":"\\ud800"}', {400}),
                           (b'{"weights":{"blue":1},"reason":"' + b"x" * 2000 + b'"}', {422}), (b'null', {400}),
                           (json.dumps({"weights": {f"v{i}": 1 for i in range(50000)}}).encode(), {422})):
        said = ask(proxy, "PUT", "/v1/weights", body)
        assert said.status in expected, (body[:60], said)
        assert len(said.body) < 4096
    assert revision(proxy) == before


def test_get_changes_nothing(proxy):
    before = revision(proxy)
    with AdminConnection(proxy.admin, proxy.fields) as admin:
        for path in ("/v1/weights", "/v1/abort", "/v1/promote", "/v1/undo", "/v1/reload", "/v1/mode", "/v1/route", "/v1/mirror"):
            said = admin.ask("GET", path)
            assert said.status == 405 and said.get("allow") in ("PUT", "POST"), path
            assert admin.ask("HEAD", path).status == 405
    for method in ("DELETE", "OPTIONS", "PATCH", "TRACE"):
        with AdminConnection(proxy.admin, proxy.fields) as admin:
            said = admin.ask(method, "/v1/rules")
            assert said.status == 405 and said.get("allow"), method
    assert revision(proxy) == before


# --- who takes all there is --------------------------------------------------------------------------

def test_idle_and_unfinished_connections_lock_nobody_out(proxy):
    strangers = [AdminConnection(proxy.admin) for _ in range(100)]
    for i, stranger in enumerate(strangers):
        try:
            stranger.send(b"GET /v1/sta" if i % 2 else b"")
        except OSError:
            pass  # closed already, to make room
    try:
        started = time.monotonic()
        assert "revision" in proxy.verb("get", token=proxy.token)
        assert proxy.verb("abort", "--dry-run", token=proxy.token) is not None
        assert time.monotonic() - started < 5
    finally:
        for stranger in strangers:
            stranger.close()


def resident(proxy):
    with open(f"/proc/{proxy.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


@pytest.mark.timing  # of memory; a sanitizer keeps what was freed
def test_readers_that_never_read_cost_little(proxy):
    """Each has one answer under way, whatever it asked for meanwhile."""
    told = "".join(f"{name}: {value}\r\n" for name, value in proxy.fields.items())
    request = f"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n{told}\r\n".encode()
    before = resident(proxy)
    readers = [AdminConnection(proxy.admin) for _ in range(40)]
    try:
        for reader in readers:
            reader.socket.setblocking(False)
            try:
                while reader.socket.send(request * 100):
                    pass
            except OSError:
                pass  # full
        assert "revision" in proxy.verb("get", token=proxy.token)
        assert resident(proxy) - before < 24 * 1024
    finally:
        for reader in readers:
            reader.close()
    eventually(lambda: revision(proxy) >= 1)
