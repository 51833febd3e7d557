"""One case being played: sends the pieces, reads until the end, says what is wrong with what came back."""
import re
import selectors
import socket
import time

from . import cases
from .upstream import body_of

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?((?:[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?)?)")
OWN = {400, 405, 413, 414, 417, 431, 501, 505, 508}
PIECE_GAP_S = 0.002


class Wrong(Exception):
    """What the client got breaks a promise."""


class Answer:
    __slots__ = ("status", "fields", "body")

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def get(self, name):
        found = [v for n, v in self.fields if n == name]
        if len(found) > 1:
            raise Wrong(f"{name.decode()} is there {len(found)} times in an answer")
        return found[0] if found else None

    def __repr__(self):
        return f"<{self.status} {self.body[:60]!r}>"


def read_chunked(data, at):
    pieces = []
    while True:
        end = data.find(b"\r\n", at)
        if end < 0 or not re.fullmatch(rb"[0-9a-f]+", data[at:end]):
            raise Wrong(f"chunk size {data[at:at + 30]!r}")
        size, at = int(data[at:end], 16), end + 2
        if size and at + size + 2 > len(data):
            raise Wrong("an answer in chunks breaks off")
        pieces.append(data[at:at + size])
        at += size
        if data[at:at + 2] != b"\r\n":
            raise Wrong(f"no CRLF after a chunk: {data[at:at + 30]!r}")
        at += 2
        if size == 0:
            return b"".join(pieces), at


def read_answers(data, methods, is_last_head=False, interim=(103,)):
    """All answers in the bytes of a connection that has ended; interim ones are left out. is_last_head: what comes after
    the methods may be an answer to a HEAD whose body is broken."""
    answers, at = [], 0
    while at < len(data):
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            raise Wrong(f"an answer breaks off: {data[at:at + 100]!r}")
        lines = data[at:end].split(b"\r\n")
        match = STATUS_LINE.fullmatch(lines[0])
        if not match:
            raise Wrong(f"status line {lines[0]!r}")
        fields = []
        for line in lines[1:]:
            field = FIELD.fullmatch(line)
            if not field:
                raise Wrong(f"header line of an answer {line!r}")
            fields.append((field.group(1).lower(), field.group(2)))
        answer, at = Answer(int(match.group(1)), fields, b""), end + 4
        if answer.status < 200:
            if answer.status not in interim:
                raise Wrong(f"interim answer {answer.status}")
            continue
        length, coding = answer.get(b"content-length"), answer.get(b"transfer-encoding")
        if length is not None and coding is not None:
            raise Wrong("both framings in an answer")
        is_head = len(answers) < len(methods) and methods[len(answers)] == "HEAD"
        if is_head and answer.status >= 400 and length is not None and len(data) - at == int(length):
            is_head = False  # refused before its method counted: the connection ends with this answer
        if is_head or answer.status in (204, 304) or (answer.status >= 400 and at == len(data) and is_last_head):
            pass
        elif coding is not None:
            answer.body, at = read_chunked(data, at)
        elif length is not None:
            if at + int(length) > len(data):
                raise Wrong(f"{len(data) - at} of {int(length)} bytes of a body")
            answer.body, at = data[at:at + int(length)], at + int(length)
        else:
            answer.body, at = data[at:], len(data)
        answers.append(answer)
    return answers


class Client:
    """on_end(client) is called once, with .wrong None or the text of what is wrong."""

    def __init__(self, run, case):
        self.run, self.case = run, case
        self.left = list(case.pieces)
        self.out = b""
        self.received = []
        self.is_gone = self.is_reset = self.is_ended = False
        self.started = time.monotonic()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(run.address)  # loopback: at once, or the backlog is full
        self.socket.setblocking(False)
        run.selector.register(self.socket, selectors.EVENT_READ, self)
        self.next_piece()

    def on_event(self, mask):
        if mask & selectors.EVENT_WRITE:
            self.flush()
        if mask & selectors.EVENT_READ and not self.is_ended:
            self.read()

    def next_piece(self):
        if not self.is_ended and not self.is_gone:
            self.out += self.left.pop(0)
            self.flush()

    def flush(self):
        try:
            self.out = self.out[self.socket.send(self.out):]
        except BlockingIOError:
            pass
        except OSError:  # it refused while we were sending: the answer may be there all the same
            self.out, self.left = b"", []
            self.listen(selectors.EVENT_READ)
            self.is_gone = True
            return
        if self.out:
            self.listen(selectors.EVENT_READ | selectors.EVENT_WRITE)
            return
        self.listen(selectors.EVENT_READ)
        if self.left:
            self.run.later(PIECE_GAP_S, self.next_piece)
        elif self.case.end == cases.GONE:
            self.reset()
        elif self.case.end == cases.HALF or self.case.verdict != "closed":
            if self.case.number % 2:
                self.half_close()
            else:
                self.run.later(PIECE_GAP_S, self.half_close)

    def listen(self, mask):
        if self.run.selector.get_key(self.socket).events != mask:
            self.run.selector.modify(self.socket, mask, self)

    def half_close(self):
        if self.is_ended:
            return
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side was faster

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.end(None)

    def read(self):
        try:
            data = self.socket.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data, self.is_reset = b"", True
        if data:
            self.received.append(data)
            return
        try:
            self.judge()
        except Wrong as wrong:
            self.end(str(wrong))
        else:
            self.end(None)

    def give_up(self):
        self.end(f"nothing happened for too long; received {b''.join(self.received)[-300:]!r}")

    def end(self, wrong):
        self.is_ended = True
        self.run.selector.unregister(self.socket)
        self.socket.close()
        self.run.ended(self, wrong)

    def judge(self):
        case = self.case
        answers = read_answers(b"".join(self.received), [e.method for e in case.expected], b"HEAD /" in case.data)
        for place, answer in enumerate(answers):
            serial = answer.get(b"x-serial")
            if serial is None:
                self.judge_own(answer, place, place == len(answers) - 1)
            else:
                self.judge_forwarded(answer, int(serial), place)
        self.run.count(case, answers)
        if answers and len(answers) <= len(case.expected) and case.expected[len(answers) - 1].minor == 0:
            return  # an answer of unknown length ends the connection of a client of 1.0
        forwarded = sum(1 for a in answers if a.get(b"x-serial") is not None)
        if case.is_valid and forwarded != len(case.expected):
            raise Wrong(f"{forwarded} of {len(case.expected)} valid requests were answered by the upstream: {answers}")
        if len(answers) < len(case.expected) and not any(a.get(b"x-serial") is None for a in answers):
            raise Wrong(f"{len(answers)} answers to {len(case.expected)} requests, and none says why{' (reset)' if self.is_reset else ''}")
        if case.verdict == "broken" and len(answers) <= len(case.expected) and not any(a.status >= 400 for a in answers):
            raise Wrong("no answer to what is no request" + (" (reset)" if self.is_reset else ""))

    def judge_own(self, answer, place, is_last):
        if answer.status == 204 and self.is_options(place, is_last):
            return  # Max-Forwards: 0
        if answer.status not in OWN:
            raise Wrong(f"{answer} while the upstream was well")
        for name in (b"content-length", b"content-type", b"date"):
            if answer.get(name) is None:
                raise Wrong(f"{answer} has no {name.decode()}")
        if answer.status in (400, 414, 431, 505) and not (is_last and answer.get(b"connection") == b"close"):
            raise Wrong(f"{answer} does not end the connection")

    def is_options(self, place, is_last):
        """Its head is enough to answer it: the body that never came was for nobody."""
        if place < len(self.case.expected):
            return self.case.expected[place].method == "OPTIONS"
        return is_last and place == len(self.case.expected) and self.case.verdict == "unfinished" and b"OPTIONS " in self.case.data

    def judge_forwarded(self, answer, serial, place):
        request = self.run.blue.unclaimed.pop(serial, None)
        if request is None:
            raise Wrong(f"answer {serial} was given before, or to a request that never was")
        if answer.body and answer.body != body_of(serial):
            raise Wrong(f"the body of answer {serial} is {answer.body[:80]!r}")
        if place >= len(self.case.expected):
            raise Wrong(f"forwarded what is no request: {request.raw!r} {request.body[:100]!r}")
        expected = self.case.expected[place]
        host = expected.host if expected.host is not None else self.run.blue.address
        if (request.method, request.target, request.get("host"), request.body) != (expected.method, expected.target, host, expected.body):
            raise Wrong(f"the upstream saw {request!r} host {request.get('host')}, body {request.body[:80]!r} "
                        f"where {expected!r}, body {expected.body[:80]!r} was sent")
        if len(request.all("via")) < 1 or len(request.all("x-forwarded-for")) != 1 or len(request.all("x-request-id")) != 1:
            raise Wrong(f"a field of ours is missing or doubled: {request.raw!r}")
        self.run.compare(self.case, request)
