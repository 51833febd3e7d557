"""One HTTP/1.1 connection as a client has it: raw bytes out, whole answers in.

Nothing is mended on the way: what is sent is what the caller wrote, and an answer that breaks the
grammar raises BadAnswer.
"""
import re
import socket

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([^\r\n\0]*)$")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*$")


class BadAnswer(Exception):
    """Bytes that are no HTTP/1.1 answer, or one that broke off; .partial is what came."""

    def __init__(self, text, partial=b""):
        super().__init__(f"{text}: {partial[:200]!r}")
        self.partial = partial


class Answer:
    """status, headers (list of (lower-case name, value)), body, trailers, interim (list of Answer)."""

    def __init__(self, status, minor, headers):
        self.status, self.minor, self.headers = status, minor, headers
        self.body = b""
        self.trailers = []
        self.interim = []

    def get(self, name, default=None):
        """The only value of a header; several are an error."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else default

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:80]!r}>"


def parse_fields(lines):
    fields = []
    for line in lines:
        match = FIELD.match(line)
        if not match:
            raise BadAnswer("no header line", line)
        fields.append((match.group(1).decode().lower(), match.group(2).decode("latin-1")))
    return fields


class Connection:
    def __init__(self, address, timeout=10.0, source=None):
        self.socket = socket.create_connection(address, timeout, source_address=source)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.is_eof = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends it with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        """False at the end of the stream."""
        try:
            data = self.socket.recv(262144)
        except ConnectionResetError:
            data = b""
        self.received += data
        self.is_eof = self.is_eof or not data
        return bool(data)

    def _until(self, mark):
        while mark not in self.received:
            if not self._more():
                raise BadAnswer("the connection ended", self.received)
        data, self.received = self.received.split(mark, 1)
        return data

    def _exactly(self, count):
        pieces, have = [self.received], len(self.received)
        while have < count:
            try:
                data = self.socket.recv(262144)
            except ConnectionResetError:
                data = b""
            if not data:
                self.is_eof = True
                raise BadAnswer(f"{have} of {count} bytes, then the end", b"".join(pieces))
            pieces.append(data)
            have += len(data)
        whole = b"".join(pieces)
        self.received = whole[count:]
        return whole[:count]

    def _head(self):
        lines = self._until(b"\r\n\r\n").split(b"\r\n")
        match = STATUS_LINE.match(lines[0])
        if not match:
            raise BadAnswer("no status line", lines[0])
        return Answer(int(match.group(2)), int(match.group(1)), parse_fields(lines[1:]))

    def _chunked(self, answer):
        pieces = []
        while True:
            size = self._until(b"\r\n")
            if not re.fullmatch(rb"[0-9a-fA-F]+", size):
                raise BadAnswer("no chunk size", size)
            if int(size, 16) == 0:
                break
            pieces.append(self._exactly(int(size, 16)))
            if self._exactly(2) != b"\r\n":
                raise BadAnswer("no CRLF after a chunk")
        while True:
            line = self._until(b"\r\n")
            if not line:
                break
            answer.trailers += parse_fields([line])
        return b"".join(pieces)

    def read(self, method="GET"):
        """The next final answer, with its interim ones."""
        interim = []
        while True:
            answer = self._head()
            if answer.status >= 200 or answer.status == 101:
                break
            interim.append(answer)
        answer.interim = interim
        length, coding = answer.get("content-length"), answer.get("transfer-encoding")
        assert length is None or coding is None, "Content-Length and Transfer-Encoding"
        if method == "HEAD" or answer.status in (101, 204, 304):
            return answer
        if method == "CONNECT" and answer.status < 300:
            return answer
        if coding is not None:
            if coding.lower() != "chunked":
                raise BadAnswer("a transfer coding other than chunked", coding.encode())
            answer.body = self._chunked(answer)
        elif length is not None:
            if not re.fullmatch(r"0|[1-9][0-9]*", length):
                raise BadAnswer("a length that is no number", length.encode())
            answer.body = self._exactly(int(length))
        else:
            while self._more():
                pass
            answer.body, self.received = self.received, b""
        return answer

    def request(self, method="GET", path="/", headers=(), body=None, host="turnout.test"):
        """Sends one request in normal form and reads its answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in dict(headers).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
        return self.read(method)

    def is_closed(self, within=2.0):
        """True when the other side ends the connection within that time without sending more."""
        if self.received:
            return False
        self.socket.settimeout(within)
        try:
            return not self._more()
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(10.0)


def get(address, path="/", **headers):
    """One GET over a connection of its own. Headers: x_version="green" is X-Version."""
    with Connection(address) as connection:
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return connection.request("GET", path, named)


def get_admin(address, path, method="GET"):
    """The same of "HOST:PORT" on the metrics port, which answers to its own name only."""
    host, _, port = address.rpartition(":")
    with Connection((host, int(port))) as connection:
        return connection.request(method, path, host=address)
