"""One client of a proxy under faults: it tells an answer that is right from one that visibly failed.

A fault may cost one request: an answer 5xx that the proxy made, or a connection that ended early with a part of the right
answer. Everything else is Wrong: another's bytes, a body that looks whole and is not, another status, silence.
"""
import re
import socket

from support.http1 import BadAnswer, Connection

PATIENCE_S = 8.0
ENDED = ("the connection ended", "bytes, then the end")
OURS = (500, 502, 503)  # not 504, 408: no fault may cost a whole deadline


class Wrong(AssertionError):
    """Something that no fault excuses."""


class Hit(Exception):
    """A request that failed as it may."""


class Peer(Connection):
    """A connection that keeps all it received."""

    def __init__(self, address, timeout=PATIENCE_S, receive_buffer=None):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.received, self.is_eof, self.raw = b"", False, b""
        self.socket = Tap(self.socket, self)

    def rest_of(self, size):
        """What came since the raw bytes were size long."""
        return self.raw[size:]


class Tap:
    """A socket whose received bytes are kept in owner.raw."""

    def __init__(self, sock, owner):
        self.sock, self.owner = sock, owner

    def recv(self, size):
        data = self.sock.recv(size)
        self.owner.raw += data
        return data

    def __getattr__(self, name):
        return getattr(self.sock, name)


def dechunked(data):
    """The bytes of whole and broken chunks, as far as they go; does it end as it should?"""
    body = b""
    while True:
        match = re.match(rb"([0-9a-fA-F]+)\r\n", data)
        if not match:
            return body, False
        size = int(match.group(1), 16)
        if size == 0:
            return body, b"\r\n\r\n" in data[match.end() - 2:]
        body += data[match.end():match.end() + size]
        data = data[match.end() + size + 2:]


def broken_off(raw, status, body, ours=OURS):
    """Wrong unless these bytes are the begin of that answer, or of an answer of the proxy's own."""
    while True:
        head, mark, rest = raw.partition(b"\r\n\r\n")
        if not mark:
            return
        match = re.match(rb"HTTP/1\.1 (\d\d\d) ", head)
        if not match:
            raise Wrong(f"no status line: {head[:200]!r}")
        if int(match.group(1)) >= 200 or match.group(1) == b"101":
            break
        raw = rest
    code = int(match.group(1))
    if code in ours:
        return
    if code != status:
        raise Wrong(f"status {code} instead of {status}, then the end")
    is_whole = False
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        rest, is_whole = dechunked(rest)
    if not (body or b"").startswith(rest) or is_whole and rest != body:
        raise Wrong(f"a part of another body: {rest[:200]!r} instead of {(body or b'')[:200]!r}")


def judge(answer, status, body, ours=OURS):
    """Hit for an answer that the proxy made because something failed."""
    if answer.status == status and (body is None or answer.body == body):
        return answer
    if answer.status in ours and status not in ours:
        raise Hit(f"{answer.status} {answer.body[:100]!r}")
    raise Wrong(f"{answer!r} ({len(answer.body)} bytes) instead of {status} {(body or b'')[:80]!r} ({len(body or b'')} bytes)")


def take(peer, method, status, body, since=None, ours=OURS):
    """The next answer of that connection, which has to be this one."""
    since = len(peer.raw) - len(peer.received) if since is None else since
    try:
        answer = peer.read(method)
    except BadAnswer as bad:
        if not any(text in str(bad) for text in ENDED):
            raise Wrong(str(bad)) from None
        broken_off(peer.rest_of(since), status, body, ours)
        raise Hit("broken off") from None
    except TimeoutError:
        raise Wrong(f"no answer in {PATIENCE_S} s; {peer.rest_of(since)[:200]!r}") from None
    except AssertionError as wrong:
        raise Wrong(str(wrong)) from None
    return judge(answer, status, body, ours)


def ask(peer, method, target, status=200, body=None, headers=(), content=None):
    """One request in one piece, and its answer."""
    lines = [f"{method} {target} HTTP/1.1", "Host: turnout.test", *headers]
    if content is not None:
        lines.append(f"Content-Length: {len(content)}")
    send(peer, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (content or b""))
    return take(peer, method, status, body)


def send(peer, data):
    """A connection that is gone shows when its answer is read: an early one must not be lost."""
    try:
        peer.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    except TimeoutError:
        raise Wrong(f"not one byte was taken in {PATIENCE_S} s") from None
