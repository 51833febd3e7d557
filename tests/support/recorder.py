"""A recording upstream: keeps every byte, holds every request to the normal form, answers by script.

The oracle of http.md: whatever a client sends, each byte sequence that reaches an upstream parses under the strict
grammar of support/strict.py. A request that does not is kept in `violations`, and the connection is closed. Requests on
the `health` path are kept apart in `probes`. check_conserved() holds the access log of a proxy against what its recorders
saw: every request that was answered was seen once, retries aside.
"""
import select
import socket
import threading

from .strict import Reader, Request, Violation

__all__ = ["Answer", "Recorder", "Request", "Violation", "answer", "check_conserved"]

class Answer:
    """What a script returns for full control: bytes in pieces, pauses in seconds, then keep or end.
    end: "keep", "close", "reset", "silence" (until the other side
    gives up), "stall" (the same without reading), or what is called with the connection and then
    closes it. A callable piece is called."""

    def __init__(self, *pieces, end="keep"):
        self.pieces, self.end = pieces, end


def answer(status=200, body=b"ok", headers=()):
    """Bytes of a plain answer."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}"]
    lines += [f"{n}: {v}" for n, v in dict(headers).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Ended(Exception):
    """The connection is over for us."""


class Recorder:
    """script(request) -> bytes, Answer, or None for a plain 200. on_head(request) may answer before
    the body is read (same return values; None: read the body)."""

    def __init__(self, script=None, on_head=None, health="/readyz"):
        self.script, self.on_head, self.health = script, on_head, health
        self.requests, self.probes, self.violations, self.partial = [], [], [], []
        self.tunnelled = b""
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
        reader = Reader()
        try:
            while self._read(reader, sock):
                while self._exchange(reader, sock, number):
                    pass
        except Violation as violation:
            begun = bytes(reader.request.raw) if reader.request else b""
            with self.lock:
                self.violations.append((str(violation), begun + bytes(reader.buffer)))
        except Ended:
            pass
        except OSError:
            self._keep_partial(reader)
        finally:
            with self.lock:
                self.sockets.discard(sock)
            sock.close()

    def _keep_partial(self, reader):
        try:
            partial = reader.finish()
        except Violation as violation:
            with self.lock:
                self.violations.append((str(violation), bytes(reader.buffer)))
            return
        if partial is not None and not getattr(partial, "is_early", False):
            with self.lock:
                self.partial.append(partial)

    def _read(self, reader, sock):
        data = sock.recv(262144)
        if not data:
            self._keep_partial(reader)
            return False
        reader.feed(data)
        return True

    def _exchange(self, reader, sock, number):
        """Goes on by one step; False when more bytes are needed."""
        event = reader.take()
        if event is None:
            return False
        what, request = event
        request.connection = number
        is_probe = request.target == self.health
        if what == "head":
            reply = self.on_head(request) if self.on_head and not is_probe else None
            if reply is None:
                return True
            request.is_early = True
            with self.lock:
                self.requests.append(request)
            self._reply(sock, reply)
            return True
        if request.is_early:
            return True  # the body, after the answer
        with self.lock:
            (self.probes if is_probe else self.requests).append(request)
        reply = self.script(request) if self.script and not is_probe else None
        self._reply(sock, reply if reply is not None else answer())
        return True

    def _tunnel(self, sock):
        """After a 101 the bytes are no HTTP any more."""
        while True:
            data = sock.recv(262144)
            if not data:
                raise Ended
            with self.lock:
                self.tunnelled += data

    @staticmethod
    def _stall(sock):
        """Reads nothing until the other side has ended."""
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        poll.poll(30000)
        raise Ended

    def _reply(self, sock, reply):
        if isinstance(reply, bytes):
            reply = Answer(reply)
        for piece in reply.pieces:
            if isinstance(piece, bytes):
                sock.sendall(piece)
            elif callable(piece):
                piece()
            else:
                threading.Event().wait(piece)
        if callable(reply.end):
            reply.end(sock)
            raise Ended
        if reply.end == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if reply.end == "stall":
            self._stall(sock)
        if reply.end == "silence":
            self._tunnel(sock)  # until the other side gives up
        if reply.end != "keep":
            raise Ended
        if reply.pieces and isinstance(reply.pieces[0], bytes) and reply.pieces[0].startswith(b"HTTP/1.1 101"):
            self._tunnel(sock)


def log_of(proxy, addresses):
    """(lines of the access log that concern these endpoints, do they all) """
    versions = proxy.config["versions"]
    lines = []
    for line in proxy.access_log():
        version, _, index = (line.get("endpoint") or "").rpartition("/")
        if not version:
            continue
        endpoints = versions.get(version, {}).get("endpoints", [])
        if not index.isdigit() or int(index) >= len(endpoints):
            return [], False  # of a configuration that is no more
        if endpoints[int(index)] in addresses:
            lines.append(line)
    return lines, True


def check_conserved(proxies, recorders):
    """Answered = seen + allowed retries, for proxies that have ended. Says what is wrong, or None.

    An answer that was passed on whole belongs to a request that a recorder saw whole; what a recorder saw was answered, or
    failed and says so, or was a retry. Copies for mirrors are not counted."""
    addresses = {r.address for r in recorders}
    answered = failed = retries = 0
    for proxy in proxies:
        log = proxy.config.get("log", {})
        if proxy.was_killed or log.get("access") != "stdout" or log.get("format") != "json":
            return None
        lines, is_whole = log_of(proxy, addresses)
        if not is_whole:
            return None
        for line in lines:
            retries += line.get("retries", 0)
            is_answered = line.get("end") == "ok" and line.get("upstream_ms", line.get("upstream_us")) is not None
            answered, failed = answered + is_answered, failed + (not is_answered)
    seen = sum(1 for r in recorders for q in r.requests if not q.all("turnout-shadow"))
    if answered <= seen <= answered + failed + retries:
        return None
    return f"the upstreams saw {seen} requests; {answered} were answered, {failed} failed, {retries} retries"
