"""The upstreams of generated cases: hold every byte to the normal form, number every request, answer in varied framing."""
import selectors
import socket

from support.strict import Reader, Violation


def body_of(serial):
    return (b"%d," % serial) * (serial % 7)


def answer(serial, method):
    """(pieces, does the connection end after them)"""
    body = body_of(serial)
    kind = serial % 16
    name = b"X-Serial: %d\r\n" % serial
    if kind == 1:
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:5], body[5:]) if p) + b"0\r\n\r\n"
        return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + name + b"\r\n", b"" if method == "HEAD" else chunks], False
    if kind == 2:
        if method == "HEAD":  # has no body that could end with the connection
            return [b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + name + b"\r\n"], True
        return [b"HTTP/1.1 200 OK\r\n" + name + b"\r\n" + body], True
    if kind == 3:
        return [b"HTTP/1.1 204 No Content\r\n" + name + b"\r\n"], False
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body) + name
    if kind == 4:
        head = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + head
    if kind == 5:
        head += b"Connection: close\r\n"
    data = head + b"\r\n" + (b"" if method == "HEAD" else body)
    if kind == 6:
        return [data[:20], data[20:]], False
    return [data], kind == 5


class Connection:
    def __init__(self, upstream, sock):
        self.upstream, self.socket = upstream, sock
        self.reader, self.out = Reader(), b""
        self.is_ending = False

    def on_event(self, mask):
        if mask & selectors.EVENT_WRITE:
            self.flush()
        if mask & selectors.EVENT_READ:
            self.read()

    def read(self):
        try:
            data = self.socket.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            if data:
                self.upstream.bytes_seen += len(data)
                self.reader.feed(data)
                self.requests()
            else:
                if self.reader.finish() is not None:
                    self.upstream.partial += 1
                self.close()
        except Violation as violation:
            self.upstream.violations.append((str(violation), bytes(self.reader.request.raw if self.reader.request else b"") + bytes(self.reader.buffer)))
            self.close()

    def requests(self):
        while not self.is_ending:
            event = self.reader.take()
            if event is None:
                return
            what, request = event
            if what == "end":
                if request.target == "/readyz" and request.get("user-agent") == "turnout-health":
                    self.send([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"], True)
                elif self.upstream.answers:
                    self.upstream.serial += 1
                    pieces, end = self.upstream.answers.answer(request)
                    self.send(pieces, end != "keep", end == "reset")
                else:
                    self.send(*answer(self.upstream.seen(request), request.method))

    def send(self, pieces, is_end, is_reset=False):
        self.is_ending = is_end
        if is_reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.out += b"".join(pieces)
        self.flush()

    def flush(self):
        try:
            self.out = self.out[self.socket.send(self.out):]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self.out:
            self.upstream.selector.modify(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
        elif self.is_ending:
            self.close()

    def close(self):
        if self.socket.fileno() >= 0:
            self.upstream.selector.unregister(self.socket)
            self.socket.close()
            self.upstream.open -= 1


class Upstream:
    """seen: serial -> request, until somebody got its answer."""

    def __init__(self, selector, answers=None):
        self.selector, self.answers = selector, answers
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.violations, self.unclaimed = [], {}
        self.serial = self.partial = self.open = self.bytes_seen = 0
        selector.register(self.listener, selectors.EVENT_READ, self)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def seen(self, request):
        self.serial += 1
        self.unclaimed[self.serial] = request
        return self.serial

    def on_event(self, _):
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open += 1
            self.selector.register(sock, selectors.EVENT_READ, Connection(self, sock))
