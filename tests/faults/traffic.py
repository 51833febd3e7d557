"""Every kind of traffic once, in steps, through one proxy; what each side saw is held against the other.

A step says what it asks for; asks are kept and checked when all is quiet: whole and once at the right upstream, a copy at
the mirror, nothing outside the grammar.
"""
import hashlib
import json
import os
import socket
import threading
import time

from support.proxy import Proxy
from support.recorder import Answer, Recorder, answer

from .control import Control
from .peer import Hit, Peer, Wrong, ask, send, take

GAUGES = ("turnout_client_connections", "turnout_requests_in_flight", "turnout_upstream_in_flight", "turnout_mirror_queued",
          "turnout_mirror_in_flight", "turnout_mirror_memory_bytes")
BIG = 600000
IDLE_S = 0.5


def body_of(target, content=b""):
    """What the upstream answers: nobody else's answer has these bytes."""
    seed = hashlib.sha256(target.encode() + b"\n" + content).hexdigest().encode()
    if "/big/" in target:
        return seed * (BIG // len(seed))
    return b"<%s %d %s>" % (target.encode(), len(content), seed)


def chunked(body, size):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


VARYING = ("codes", "decisions", "applied_at", "since", "shadowed_since", "endpoint")


def without_counts(value):
    """JSON without what counts and what tells the time."""
    if isinstance(value, dict):
        return {k: without_counts(v) for k, v in value.items() if k not in VARYING}
    if isinstance(value, list):
        return [without_counts(v) for v in value]
    return 0 if value is None or isinstance(value, (int, float)) and not isinstance(value, bool) else value


def differences(expected, shape, where=""):
    """Where two shapes are not the same, as texts."""
    if isinstance(expected, dict) and isinstance(shape, dict):
        pairs = [(f"{where}.{k}", expected.get(k, "nothing"), shape.get(k, "nothing")) for k in {**expected, **shape}]
    elif isinstance(expected, list) and isinstance(shape, list) and len(expected) == len(shape):
        pairs = [(f"{where}[{i}]", e, s) for i, (e, s) in enumerate(zip(expected, shape))]
    elif isinstance(expected, set) and isinstance(shape, set):
        return [f"without {', '.join(sorted(expected - shape)[:3])}"] if expected - shape else []
    else:
        return [] if expected == shape else [f"{where}: {str(shape)[:200]} instead of {str(expected)[:200]}"]
    return [text for at, e, s in pairs for text in differences(e, s, at)]


def shape_of(path, body):
    """What has to be the same each time: of metrics, the names and labels there are."""
    if path == "/metrics":
        return {line.rpartition(" ")[0] for line in body.decode().splitlines()}
    return without_counts(json.loads(body)) if body.startswith(b"{") else body


class Upstream(Recorder):
    """Answers by the first word of the target: echo, big, chunked, drop, early, slow, empty, up."""

    def __init__(self):
        self.here = threading.local()
        self.dropped = set()
        super().__init__(script=self.say, on_head=self.expect)

    def _serve(self, sock, number):
        self.here.sock = sock
        super()._serve(sock, number)

    def _tunnel(self, sock):
        """What is behind the 101 comes back."""
        while True:
            data = sock.recv(65536)
            if not data:
                sock.shutdown(socket.SHUT_WR)
                return super()._tunnel(sock)
            sock.sendall(data)

    def expect(self, request):
        if request.all("expect"):
            self.here.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def say(self, request):
        word, body = request.target.split("/")[1], body_of(request.target, request.body)
        if word == "drop" and request.target not in self.dropped:
            self.dropped.add(request.target)
            return Answer(end="close")
        if word == "chunked":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 17)
        if word == "early":
            return b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + answer(200, body)
        if word == "slow":
            return Answer(0.02, answer(200, body))
        if word == "empty":
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        if word == "up":
            return b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        if request.method == "HEAD":
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        return answer(200, body)


class Asked:
    """One request of a step: what became of it, and what the upstreams may have seen of it."""

    def __init__(self, method, target, content):
        self.method, self.target, self.content = method, target, content
        self.is_right = False


class Traffic:
    """A proxy, its upstreams, and the steps. run() plays all of them once."""

    def __init__(self, folder, interval="1h", **config):
        self.blue, self.green, self.narrow = self.upstreams = [Upstream() for _ in range(3)]
        self.folder = folder
        self.control = Control(folder)
        health = {"path": "/readyz", "interval": interval, "timeout": interval if interval != "1h" else "10s"}
        versions = {"blue": {"endpoints": [self.blue.address], "health": health},
                    "green": {"endpoints": [self.green.address], "health": health},
                    "narrow": {"endpoints": [self.narrow.address], "health": health, "max_requests": 1}}
        timeouts = {"connect": "5s", "first_byte": "5s", "idle": "5s"}
        rules = [
            {"name": "mirrored", "match": [{"path": {"regex": "^/[a-z]+/m/"}}], "weights": {"blue": 1}, "timeouts": timeouts,
             "mirror": [{"to": "green", "percent": 100, "methods": ["GET", "POST"]}]},
            {"name": "sticky", "match": [{"path": {"regex": "^/[a-z]+/s/"}}], "weights": {"blue": 1}, "timeouts": timeouts,
             "sticky": {"by": "cookie"}},
            {"name": "queued", "match": [{"path": {"prefix": "/slow/"}}], "weights": {"narrow": 1}, "timeouts": timeouts},
            {"name": "main", "weights": {"blue": 1}, "timeouts": timeouts}]
        self.proxy = Proxy(folder, {
            "versions": versions, "rules": rules, "threads": 1,
            "limits": {"stop_grace": "1s", "upstream_idle": f"{int(IDLE_S * 1000)}ms", "head_timeout": "5s", "queue_timeout": "5s",
                       "ejection_failures": 0},
            **config})
        port = Proxy(folder, {}, name="other").address[1]
        self.proxy.config["listen"].append({"address": f"127.0.0.1:{port}", "proxy_protocol": True})
        self.behind = ("127.0.0.1", port)
        self.proxy.write()
        self.proxy.env = self.control.environment(os.environ)
        self.serial, self.shapes = 0, {}
        self.may_mirror = False  # some of what no rule above says
        self.asked, self.hits = [], []

    def start(self):
        self.proxy.launch().wait_for("listening on")
        self.step_told()
        return self

    def close(self):
        for upstream in self.upstreams:
            upstream.close()

    # --- one request of a step ---

    def target(self, word, where="x"):
        self.serial += 1
        return f"/{word}/{where}/{self.serial}"

    def expect(self, method, target, content=b""):
        """Notes a request; its right answer."""
        self.asked.append(Asked(method, target, content))
        return b"" if method == "HEAD" or "/empty/" in target else body_of(target, content)

    def ask(self, peer, method="GET", word="echo", where="x", content=None, headers=()):
        target = self.target(word, where)
        body = self.expect(method, target, content or b"")
        asked = self.asked[-1]
        got = ask(peer, method, target, 204 if word == "empty" else 200, body, headers, content)
        asked.is_right = True
        return got

    def peer(self, *arguments, **options):
        return Peer(self.proxy.address, *arguments, **options)

    # --- the steps ---

    def step_keep_alive(self):
        with self.peer() as peer:
            self.ask(peer)
            self.ask(peer, word="chunked")
            self.ask(peer, word="early")
            self.ask(peer, "HEAD")
            self.ask(peer, word="empty")

    def step_pipeline(self):
        with self.peer() as peer:
            targets = [self.target("echo"), self.target("chunked")]
            bodies = [self.expect("GET", t) for t in targets]
            both = self.asked[-2:]
            send(peer, b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % t.encode() for t in targets))
            for asked, body in zip(both, bodies):
                take(peer, "GET", 200, body)
                asked.is_right = True

    def step_post(self):
        with self.peer() as peer:
            self.ask(peer, "POST", content=b"small")
            self.ask(peer, "POST", content=b"x" * 400000)

    def step_post_chunked(self):
        with self.peer() as peer:
            target, content = self.target("echo"), b"0123456789" * 3000
            body = self.expect("POST", target, content)
            asked = self.asked[-1]
            send(peer, b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % target.encode())
            data = chunked(content, 7000)
            for at in range(0, len(data), 9000):
                send(peer, data[at:at + 9000])
            take(peer, "POST", 200, body)
            asked.is_right = True

    def step_expect_continue(self):
        with self.peer() as peer:
            target, content = self.target("echo"), b"after the 100"
            body = self.expect("POST", target, content)
            asked = self.asked[-1]
            send(peer, b"POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (target.encode(), len(content)))
            try:
                while b"100 Continue\r\n\r\n" not in peer.received and peer._more():
                    pass
            except TimeoutError:
                raise Wrong("neither a 100 nor an answer") from None
            send(peer, content)
            take(peer, "POST", 200, body, since=0)
            asked.is_right = True

    def step_retry(self):
        with self.peer() as peer:
            self.ask(peer)
            self.ask(peer, word="drop")

    def step_mirror(self):
        with self.peer() as peer:
            self.ask(peer, "POST", where="m", content=b"y" * 5000)
            self.ask(peer, where="m")

    def step_sticky(self):
        with self.peer() as peer:
            cookie = self.ask(peer, where="s").get("set-cookie")
            self.ask(peer, where="s", headers=[f"Cookie: {cookie.split(';')[0]}"])

    def step_tunnel(self):
        with self.peer() as peer:
            target = self.target("up")
            asked = self.expect("GET", target) and self.asked[-1]
            send(peer, b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n" % target.encode())
            take(peer, "GET", 101, b"")
            sent = b""
            for size in (10, 3000, 100000):
                piece = b"%d|" % self.serial * size
                sent += piece
                send(peer, piece)
                if not self.returns(peer, sent):
                    raise Hit("the tunnel ended")
            try:
                peer.socket.shutdown(socket.SHUT_WR)
                while peer._more():
                    pass
            except TimeoutError:
                raise Wrong("a tunnel without an end") from None
            except OSError:
                pass
            if peer.received != sent:
                raise Wrong("more came out of the tunnel than went in")
            asked.is_right = True

    @staticmethod
    def returns(peer, sent):
        """Everything came back; False when the tunnel ended before."""
        try:
            while len(peer.received) < len(sent):
                if not peer._more():
                    break
        except TimeoutError:
            raise Wrong(f"the tunnel is silent after {len(peer.received)} of {len(sent)} bytes") from None
        if not sent.startswith(peer.received):
            raise Wrong("other bytes came out of the tunnel")
        return len(peer.received) == len(sent)

    def step_slow_reader(self):
        with self.peer(receive_buffer=16384) as peer:
            target = self.target("big")
            body = self.expect("GET", target)
            asked = self.asked[-1]
            send(peer, b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
            time.sleep(0.01)
            take(peer, "GET", 200, body)
            asked.is_right = True

    def step_client_goes(self):
        peer = self.peer()
        target = self.target("echo")
        self.expect("POST", target, b"z" * 9)
        send(peer, b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\nzzz" % target.encode())
        time.sleep(0.002)
        peer.reset()

    def step_old_client(self):
        with self.peer() as peer:
            target = self.target("chunked")
            body = self.expect("GET", target)
            asked = self.asked[-1]
            send(peer, b"GET %s HTTP/1.0\r\nHost: a\r\n\r\n" % target.encode())
            since = len(peer.raw)
            got = take(peer, "GET", 200, None)
            if got.body != body:  # ended by the connection's end: it cannot be told from a whole one
                if not body.startswith(got.body):
                    raise Wrong(f"another body for HTTP/1.0: {got.body[:100]!r} of {peer.rest_of(since)[:100]!r}")
                raise Hit("broken off")
            asked.is_right = True

    def step_bad_request(self):
        with self.peer() as peer:
            send(peer, b"GET /echo/bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            take(peer, "GET", 400, None)

    def step_proxy_header(self):
        with Peer(self.behind) as peer:
            send(peer, b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\n")
            self.ask(peer)

    def step_crowd(self):
        """Two at an endpoint that takes one at a time: the second waits or is refused."""
        with self.peer() as one, self.peer() as other:
            targets = [self.target("slow"), self.target("slow")]
            bodies = [self.expect("GET", t) for t in targets]
            both, hits = self.asked[-2:], []
            for peer, target in zip((one, other), targets):
                send(peer, b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
                time.sleep(0.002)
            for peer, body, asked in zip((one, other), bodies, both):
                try:
                    take(peer, "GET", 200, body)
                    asked.is_right = True
                except Hit as hit:
                    if "too many requests" not in str(hit):
                        hits.append(hit)
            if len(hits) > 1:
                raise Wrong(f"one fault, two requests: {hits}")
            if hits:
                raise hits[0]

    def step_told(self):
        """What is told about the process: whole, as it was told before, or an error."""
        host, _, port = self.proxy.metrics_address.rpartition(":")
        for path in ("/metrics", "/status", "/readyz"):
            with Peer((host, int(port))) as peer:
                self.told(peer, path, f"{host}:{port}")
        with Peer(str(self.proxy.folder / "turnout.sock")) as peer:
            for path in ("/v1/rules", "/v1/status", "/v1/share", "/v1/explain?path=/echo/m/1&header=X-A:%20b&cookie=c%3Dd"):
                self.told(peer, path, "localhost")

    def told(self, peer, path, host):
        send(peer, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        body = take(peer, "GET", 200, None).body
        try:
            shape = shape_of(path, body)
        except ValueError as error:
            raise Wrong(f"{path} is told as {body[:500]!r}: {error}") from None
        expected = self.shapes.setdefault(path, shape)
        if isinstance(shape, set) and expected <= shape:
            self.shapes[path] = shape  # counters that are told once there is something to count
        elif shape != expected:
            raise Wrong(f"{path} tells {'; '.join(differences(expected, shape)[:5])}")

    def step_probe(self):
        """Until each upstream has been probed twice; one that a fault holds back comes with the next turn."""
        before = [len(u.probes) for u in self.upstreams]
        deadline = time.monotonic() + 8
        while any(len(u.probes) < b + 2 for u, b in zip(self.upstreams, before)):
            if time.monotonic() > deadline:
                raise Wrong("no probes come any more")
            time.sleep(0.005)

    def step_trust(self):
        """Until idle connections are used again: each that died at it makes the proxy wary (proxy/upstream/wary.h)."""
        with self.peer() as peer:
            for _ in range(3000):
                self.ask(peer)
                if len(self.blue.requests) > 2 and len({request.connection for request in self.blue.requests[-3:]}) == 1:
                    return
        raise Wrong("idle connections are not used again")

    def step_after(self):
        """What has to be right after each fault."""
        with self.peer() as peer:
            self.ask(peer)
            self.ask(peer, "POST", content=b"after")
            self.ask(peer, word="chunked")

    STEPS = ("keep_alive", "pipeline", "post", "post_chunked", "expect_continue", "retry", "mirror", "sticky", "tunnel", "slow_reader",
             "client_goes", "old_client", "bad_request", "proxy_header", "crowd", "told")

    # --- all of it ---

    def run(self, steps=STEPS):
        """Plays the steps; what failed as it may, as texts."""
        self.asked, self.hits = [], []
        for name in steps:
            try:
                getattr(self, f"step_{name}")()
            except Hit as hit:
                self.hits.append(f"{name}: {hit}")
            except Wrong as wrong:
                raise Wrong(f"step {name}: {wrong}") from None
            except ConnectionRefusedError:
                raise Wrong(f"step {name}: nobody accepts connections") from None
            except ConnectionError as error:
                self.hits.append(f"{name}: {error}")
        return self.hits

    def check(self, is_faulty):
        """When all is quiet: what the upstreams saw is what was asked for."""
        self.quiet()
        violations = [v for u in self.upstreams for v in u.violations]
        if violations:
            raise Wrong(f"outside the grammar: {violations[:2]}")
        if len(self.hits) > is_faulty:
            raise Wrong(f"{len(self.hits)} requests failed for {int(is_faulty)} fault: {self.hits}")
        for asked in self.asked:
            self.check_asked(asked, is_faulty)
        for recorder in self.upstreams:
            with recorder.lock:
                recorder.requests.clear()
                recorder.partial.clear()
            recorder.dropped.clear()

    def check_asked(self, asked, is_faulty):
        found = [r for u in self.upstreams for r in u.requests if r.target == asked.target]
        seen = [r for r in found if not r.all("turnout-shadow")]
        copies = [r for r in found if r.all("turnout-shadow")]
        begun = sum(1 for u in self.upstreams for r in u.partial if r.target == asked.target and not r.all("turnout-shadow"))
        for request in seen + copies:
            if request.body != asked.content or request.method != asked.method:
                raise Wrong(f"{request!r} arrived for {asked.method} {asked.target} with {len(asked.content)} bytes")
        least = 1 if asked.is_right else 0
        most = 2 if asked.method != "POST" and is_faulty or "/drop/" in asked.target else 1
        if "/drop/" in asked.target and asked.is_right:
            least = 2
        if not least <= len(seen) <= most + ("/drop/" in asked.target and is_faulty):
            raise Wrong(f"{asked.method} {asked.target} arrived {len(seen)} times")
        if asked.method == "POST" and len(seen) + begun > 1:
            raise Wrong(f"{asked.method} {asked.target} was sent twice: {len(seen)} times whole, {begun} begun")
        is_mirrored = "/m/" in asked.target
        if len(copies) > (is_mirrored or self.may_mirror) or is_mirrored and not is_faulty and not copies:
            raise Wrong(f"{asked.target}: {len(copies)} copies")

    def metrics(self):
        """A fault that hit nobody before may still close the next connection (EMFILE without a connection)."""
        try:
            return self.proxy.metrics()
        except ConnectionError:
            return self.proxy.metrics()

    def quiet(self, timeout=10.0):
        """Waits until nothing is under way, which has to come."""
        deadline = time.monotonic() + timeout
        while True:
            metrics = self.metrics()
            busy = {name: metrics.sum(name) for name in GAUGES if metrics.sum(name) != 0}
            if not busy:
                return
            if time.monotonic() > deadline:
                raise Wrong(f"not quiet: {busy}")
            time.sleep(0.003)
