"""How a strict reader of RFC 9112 understands what a client sent: the third opinion beside the proxy and the upstream.

Where the RFC leaves a choice this model accepts, so that the proxy may be stricter but never more lenient: each
request that reached an upstream must be the one that the model has in its place.
"""
import re

from support.strict import HOST, TOKEN

REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?)?)[ \t]*")
ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)([/?].*)?")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")


class Expected:
    """A request that may be forwarded: what the upstream has to see of it."""

    __slots__ = ("method", "target", "host", "body", "end", "minor")

    def __init__(self, method, target, host, body, end, minor):
        self.method, self.target, self.host, self.body, self.end, self.minor = method, target, host, body, end, minor

    def __repr__(self):
        return f"<{self.method} {self.target} host {self.host} {len(self.body)} bytes>"


class Broken(Exception):
    """No request any more, whatever follows."""


class Unfinished(Exception):
    """More bytes would be needed."""


def read_fields(lines):
    fields = []
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match:
            raise Broken(line)
        fields.append((match.group(1).lower(), match.group(2)))
    return fields


def values(fields, name):
    return [v for n, v in fields if n == name]


def read_framing(fields, minor):
    """(length, is chunked)"""
    lengths, codings = values(fields, b"content-length"), values(fields, b"transfer-encoding")
    if codings:
        if lengths or len(codings) > 1 or codings[0].lower() != b"chunked" or minor == 0:
            raise Broken("framing")
        return 0, True
    if not lengths:
        return 0, False
    parts = {int(p) if re.fullmatch(rb"[0-9]+", p.strip(b" \t")) else None for v in lengths for p in v.split(b",")}
    if len(parts) != 1 or None in parts:
        raise Broken("Content-Length")
    return parts.pop(), False


def read_target(method, target, hosts, minor):
    """(target in origin-form, host)"""
    if len(hosts) > 1 or (not hosts and minor == 1) or (hosts and not HOST.fullmatch(hosts[0])):
        raise Broken("Host")
    host = hosts[0] if hosts else None
    if b"#" in target:
        raise Broken("fragment")
    if target.startswith(b"/"):
        return target, host
    if target == b"*" and method == b"OPTIONS":
        return target, host
    absolute = ABSOLUTE.fullmatch(target)
    if not absolute or not HOST.fullmatch(absolute.group(1)) or b"_" in absolute.group(1):
        raise Broken("target")
    rest = absolute.group(2) or b""
    if not rest:
        rest = b"*" if method == b"OPTIONS" else b"/"
    elif rest.startswith(b"?"):
        rest = b"/" + rest
    return rest, absolute.group(1)


def read_chunks(data, at):
    pieces = []
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            raise Unfinished
        match = CHUNK_LINE.fullmatch(data, at, end)
        if not match:
            raise Broken("chunk")
        size, at = int(match.group(1), 16), end + 2
        if size == 0:
            break
        if at + size + 2 > len(data):
            raise Unfinished
        pieces.append(data[at:at + size])
        at += size + 2
        if data[at - 2:at] != b"\r\n":
            raise Broken("after a chunk")
    while True:  # trailers, which go nowhere
        end = data.find(b"\r\n", at)
        if end < 0:
            raise Unfinished
        line, at = data[at:end], end + 2
        if not line:
            return b"".join(pieces), at
        read_fields([line])


def read_request(data, at):
    """(Expected, is the connection open for more)"""
    while data[at:at + 2] == b"\r\n":
        at += 2
    if len(data) - at < len(PREFACE) and PREFACE.startswith(data[at:]):
        raise Unfinished  # may be waited for
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        raise Unfinished
    lines = data[at:end].split(b"\r\n")
    match = REQUEST_LINE.fullmatch(lines[0])
    if not match:
        raise Broken("request line")
    method, target, minor = match.group(1), match.group(2), int(match.group(3))
    if method in (b"CONNECT", b"TRACE", b"PRI"):
        raise Broken("method")
    fields = read_fields(lines[1:])
    length, is_chunked = read_framing(fields, minor)
    target, host = read_target(method, target, values(fields, b"host"), minor)
    end += 4
    if is_chunked:
        body, end = read_chunks(data, end)
    else:
        if end + length > len(data):
            raise Unfinished
        body, end = data[end:end + length], end + length
    options = {o.strip(b" \t").lower() for v in values(fields, b"connection") for o in v.split(b",")}
    is_open = b"close" not in options and (minor == 1 or b"keep-alive" in options)
    return Expected(method.decode(), target.decode("latin-1"), host and host.decode("latin-1"), body, end, minor), is_open


def read(data):
    """(list of Expected, "open", "closed", "broken" or "unfinished") of all that a client sends on one connection."""
    requests, at = [], 0
    while at < len(data):
        try:
            request, is_open = read_request(data, at)
        except Broken:
            return requests, "broken"
        except Unfinished:
            return requests, "unfinished"
        requests.append(request)
        at = request.end
        if not is_open:
            return requests, "closed"
    return requests, "open"
