"""The normal form that every request to an upstream has, read byte by byte (RFC 9112, strictly).

Written apart from lib/http and from its C oracle, so that none can share a mistake with another. One
Host; Content-Length or Transfer-Encoding: chunked, never both; canonical digits; no control byte, no
bare CR or LF; no chunk extension, no trailer; no field of one hop.
"""
import re

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") (/[\x21\x24-\x3b\x3d\x40-\x5b\x5d-\x7e]*(?:\?[\x21\x24-\x3b\x3d\x3f-\x7e]*)?|\*) HTTP/1\.1")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ ]?((?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?)?)")
HOST = re.compile(rb"(?!\.|[^:]*\.\.)[A-Za-z0-9._-]+(?::[0-9]{0,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{0,5})?")
PROTOCOL = re.compile(TOKEN + rb"(?:/" + TOKEN + rb")?")
LENGTH = re.compile(rb"0|[1-9][0-9]{0,15}")
CHUNK_SIZE = re.compile(rb"0|[1-9a-fA-F][0-9a-fA-F]{0,13}")
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"http2-settings",
              b"proxy-authenticate", b"proxy-authorization"}
# What a service behind CGI's rules takes for framing.
ALIASES = {b"content_length", b"transfer_encoding"}
HEAD_MAX = 70000
# Of the proxy's own probes, which open a connection for each.
PROBE_AGENT = b"turnout-health"


class Violation(Exception):
    """Bytes outside the normal form."""


class Request:
    """One request as it came: method, target, headers (lower-case names), body, raw head."""

    __slots__ = ("method", "target", "headers", "raw", "connection", "body", "is_chunked", "length", "is_early")

    def __init__(self, method, target, headers, raw):
        self.method, self.target, self.headers, self.raw = method, target, headers, raw
        self.connection = None
        self.body = b""
        self.is_chunked, self.length = False, 0
        self.is_early = False  # answered before its body was read

    def all(self, name):
        name = name.lower()
        return [v for n, v in self.headers if n == name]

    def get(self, name, default=None):
        values = self.all(name)
        assert len(values) <= 1, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else default

    def __repr__(self):
        return f"<{self.method} {self.target} {len(self.body)} bytes>"


def one(fields, name):
    """The only value of that name or None; Violation when there are more."""
    values = [v for n, v in fields if n == name]
    if len(values) > 1:
        raise Violation(f"{name.decode()} is there {len(values)} times: {values}")
    return values[0] if values else None


def check_hops(fields):
    connection, upgrades = one(fields, b"connection"), [v for n, v in fields if n == b"upgrade"]
    if connection is not None and connection.lower() == b"upgrade" and upgrades:
        protocols = [p.strip(b" \t") for p in b",".join(upgrades).split(b",")]
        if not any(protocols) or any(p and not PROTOCOL.fullmatch(p) or p.lower().startswith(b"h2c") for p in protocols):
            raise Violation(f"Upgrade: {upgrades!r}")
    elif upgrades or connection is not None and (connection != b"close" or one(fields, b"user-agent") != PROBE_AGENT):
        raise Violation(f"Connection: {connection!r}, Upgrade: {upgrades!r}")
    for name, value in fields:
        if name in HOP_BY_HOP and name not in (b"connection", b"upgrade"):
            raise Violation(f"field of one hop: {name.decode()}: {value!r}")
        if name in ALIASES:
            raise Violation(f"alias of framing: {name.decode()}: {value!r}")


def read_head(raw):
    """Request of a whole head, the empty line included."""
    lines = raw[:-4].split(b"\r\n")
    match = REQUEST_LINE.fullmatch(lines[0])
    if not match:
        raise Violation(f"request line {lines[0]!r}")
    method, target = match.groups()
    if method in (b"CONNECT", b"TRACE", b"PRI", b"SOURCE") or (target == b"*" and method != b"OPTIONS"):
        raise Violation(f"request line {lines[0]!r}")
    fields = []
    for line in lines[1:]:
        field = FIELD.fullmatch(line)
        if not field:
            raise Violation(f"header line {line!r}")
        fields.append((field.group(1).lower(), field.group(2)))
    host = one(fields, b"host")
    if host is None or not HOST.fullmatch(host):
        raise Violation(f"Host: {host!r}")
    length, coding = one(fields, b"content-length"), one(fields, b"transfer-encoding")
    if length is not None and coding is not None:
        raise Violation(f"Content-Length {length!r} and Transfer-Encoding {coding!r}")
    if length is not None and not LENGTH.fullmatch(length):
        raise Violation(f"Content-Length {length!r}")
    if coding not in (None, b"chunked"):
        raise Violation(f"Transfer-Encoding {coding!r}")
    check_hops(fields)
    expect = one(fields, b"expect")
    if expect is not None and (expect.lower() != b"100-continue" or (coding is None and length in (None, b"0"))):
        raise Violation(f"Expect: {expect!r}")
    request = Request(method.decode(), target.decode(), [(n.decode(), v.decode("latin-1")) for n, v in fields], raw)
    request.is_chunked, request.length = coding is not None, int(length or 0)
    return request


HEAD, SIZED, SIZE, DATA, AFTER_DATA, LAST = range(6)


class Reader:
    """Bytes of one connection in, requests out: feed(), then take() until it gives None."""

    def __init__(self):
        self.buffer = bytearray()
        self.raw = bytearray()  # of the request under way, head included
        self.state, self.left = HEAD, 0
        self.request, self.pieces = None, []

    def feed(self, data):
        self.buffer += data

    def _cut(self, count):
        piece = bytes(self.buffer[:count])
        del self.buffer[:count]
        return piece

    def _line(self):
        """A line of chunked framing without its end, or None while it is not whole."""
        end = self.buffer.find(b"\n")
        if end < 0:
            if len(self.buffer) > 16 or re.search(rb"[^0-9a-fA-F\r]|\r.", self.buffer, re.S):
                raise Violation(f"in chunked framing: {bytes(self.buffer[:40])!r}")
            return None
        line = self._cut(end + 1)
        if line[-2:] != b"\r\n":
            raise Violation(f"line of chunked framing: {line!r}")
        return line[:-2]

    def _end(self):
        request, self.request = self.request, None
        request.body, self.pieces = b"".join(self.pieces), []
        self.state = HEAD
        return ("end", request)

    def take(self):
        """("head", request), later ("end", the same with its body), or None: more bytes are needed."""
        while True:
            if self.state == HEAD:
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    if len(self.buffer) > HEAD_MAX:
                        raise Violation(f"no end of a head in {HEAD_MAX} bytes")
                    return None
                self.request = read_head(self._cut(end + 4))
                self.state = SIZE if self.request.is_chunked else SIZED
                self.left = self.request.length
                return ("head", self.request)
            if self.state == SIZED:
                if self.left == 0:
                    return self._end()
                if not self.buffer:
                    return None
                piece = self._cut(self.left)
                self.left -= len(piece)
                self.pieces.append(piece)
            elif self.state == SIZE:
                line = self._line()
                if line is None:
                    return None
                if not CHUNK_SIZE.fullmatch(line):
                    raise Violation(f"chunk size {line!r}")
                self.left = int(line, 16)
                self.state = DATA if self.left else LAST
            elif self.state == DATA:
                if not self.buffer:
                    return None
                piece = self._cut(self.left)
                self.left -= len(piece)
                self.pieces.append(piece)
                if self.left == 0:
                    self.state = AFTER_DATA
            else:  # CRLF after the data of a chunk, or after the last chunk (no trailers)
                if len(self.buffer) < 2:
                    if self.buffer and self.buffer != b"\r":
                        raise Violation(f"after a chunk: {bytes(self.buffer)!r}")
                    return None
                if self.buffer[:2] != b"\r\n":
                    raise Violation(f"{'trailers' if self.state == LAST else 'after a chunk'}: {bytes(self.buffer[:40])!r}")
                del self.buffer[:2]
                if self.state == LAST:
                    return self._end()
                self.state = SIZE

    def finish(self):
        """The connection ended: what is left of a request without its end, or None. A part of a head has to be
        the beginning of a strict one too."""
        if self.request is not None:
            self.request.body = b"".join(self.pieces)
            return self.request
        if self.buffer:
            rest = bytes(self.buffer)
            if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]|[^\r]\n|^\n", rest, re.S):
                raise Violation(f"beginning of a head: {rest[:200]!r}")
            return rest
        return None
