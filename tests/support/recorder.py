"""A recording upstream: keeps every byte, holds every request to the normal form, answers by script.

The oracle of http.md: whatever a client sends, each byte sequence that reaches an upstream parses
under the strict grammar of RFC 9112. A request that does not is kept in `violations`, and the
connection is closed. Requests on `health` paths are kept apart in `probes`.
"""
import re
import socket
import threading

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x22\x24-\x7e]+) HTTP/1\.1$")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ ]?((?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?)?)$")
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
              "proxy-authenticate", "proxy-authorization"}


class Violation(Exception):
    pass


class Request:
    """One request as it came: method, target, headers (lower-case names), body, trailers, raw."""

    def __init__(self, method, target, headers, raw, connection):
        self.method, self.target, self.headers = method, target, headers
        self.raw, self.connection = raw, connection
        self.body = b""
        self.is_chunked = False

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        assert len(values) <= 1, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else default

    def __repr__(self):
        return f"<{self.method} {self.target} {len(self.body)} bytes>"


class Answer:
    """What a script returns for full control: bytes in pieces, pauses in seconds, then keep or end.
    end: "keep", "close" or "reset"."""

    def __init__(self, *pieces, end="keep"):
        self.pieces, self.end = pieces, end


def answer(status=200, body=b"ok", headers=()):
    """Bytes of a plain answer."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}"]
    lines += [f"{n}: {v}" for n, v in dict(headers).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Upstream:
    """Reads one connection in strict form."""

    def __init__(self, sock):
        self.socket, self.received, self.raw = sock, b"", b""

    def _more(self):
        data = self.socket.recv(262144)
        if not data:
            raise EOFError
        self.received += data

    def until(self, mark, limit=1 << 20):
        while mark not in self.received:
            if len(self.received) > limit:
                raise Violation(f"no {mark!r} in {limit} bytes")
            self._more()
        data, self.received = self.received.split(mark, 1)
        self.raw += data + mark
        return data

    def exactly(self, count):
        while len(self.received) < count:
            self._more()
        data, self.received = self.received[:count], self.received[count:]
        return data

    def head(self, connection):
        self.raw = b""
        lines = self.until(b"\r\n\r\n").split(b"\r\n")
        match = REQUEST_LINE.match(lines[0])
        if not match:
            raise Violation(f"request line {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            field = FIELD.match(line)
            if not field:
                raise Violation(f"header line {line!r}")
            headers.append((field.group(1).decode().lower(), field.group(2).decode("latin-1")))
        request = Request(match.group(1).decode(), match.group(2).decode(), headers, self.raw,
                          connection)
        self.check(request)
        return request

    @staticmethod
    def check(request):
        if len(request.all("host")) != 1:
            raise Violation(f"Host {request.all('host')}")
        lengths, codings = request.all("content-length"), request.all("transfer-encoding")
        if len(lengths) + len(codings) > 1:
            raise Violation(f"framing {lengths} {codings}")
        if lengths and not re.fullmatch(r"0|[1-9][0-9]*", lengths[0]):
            raise Violation(f"Content-Length {lengths[0]!r}")
        if codings and codings[0] != "chunked":
            raise Violation(f"Transfer-Encoding {codings[0]!r}")
        is_upgrade = any(v.lower() == "upgrade" for v in request.all("connection"))
        for name, value in request.headers:
            if name in HOP_BY_HOP and not (is_upgrade and name in ("connection", "upgrade")):
                if not (name == "connection" and value.lower() in ("close", "keep-alive")):
                    raise Violation(f"hop-by-hop field {name}: {value}")

    def body(self, request):
        length = request.get("content-length")
        if length is not None:
            request.body = self.exactly(int(length))
            return
        if request.get("transfer-encoding") is None:
            return
        request.is_chunked = True
        pieces = []
        while True:
            size = self.until(b"\r\n")
            if not re.fullmatch(rb"0|[1-9a-fA-F][0-9a-fA-F]*", size):
                raise Violation(f"chunk size {size!r}")
            if size == b"0":
                break
            pieces.append(self.exactly(int(size, 16)))
            if self.exactly(2) != b"\r\n":
                raise Violation("no CRLF after a chunk")
        request.body = b"".join(pieces)
        if self.exactly(2) != b"\r\n":
            raise Violation("trailers")


class Recorder:
    """script(request) -> bytes, Answer, or None for a plain 200. on_head(request) may answer before
    the body is read (same return values; None: read the body)."""

    def __init__(self, script=None, on_head=None, health="/readyz"):
        self.script, self.on_head, self.health = script, on_head, health
        self.requests, self.probes, self.violations, self.partial = [], [], [], []
        self.connections = 0
        self.lock = threading.Lock()
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves a waiting accept() to take one more
        except OSError:
            return  # closed before
        self.listener.close()
        with self.lock:
            for sock in self.sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                number = self.connections
                self.sockets.add(sock)
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        upstream = Upstream(sock)
        try:
            while self._exchange(upstream, sock, number):
                pass
        except Violation as violation:
            with self.lock:
                self.violations.append((str(violation), upstream.raw + upstream.received))
        except (EOFError, OSError):
            with self.lock:
                if upstream.received:
                    self.partial.append(upstream.received)
        finally:
            with self.lock:
                self.sockets.discard(sock)
            sock.close()

    def _exchange(self, upstream, sock, number):
        request = upstream.head(number)
        is_probe = request.target == self.health
        reply = self.on_head(request) if self.on_head and not is_probe else None
        if reply is None:
            try:
                upstream.body(request)
            except (EOFError, OSError):
                with self.lock:
                    self.partial.append(request)
                upstream.received = b""
                raise
            with self.lock:
                (self.probes if is_probe else self.requests).append(request)
            if not is_probe and self.script:
                reply = self.script(request)
        else:
            with self.lock:
                self.requests.append(request)
        return self._reply(sock, reply if reply is not None else answer())

    @staticmethod
    def _reply(sock, reply):
        if isinstance(reply, bytes):
            reply = Answer(reply)
        for piece in reply.pieces:
            if isinstance(piece, bytes):
                sock.sendall(piece)
            else:
                threading.Event().wait(piece)
        if reply.end == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return reply.end == "keep"
