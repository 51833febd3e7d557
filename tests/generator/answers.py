"""The other side: services whose answers are mutated, and what a strict reader makes of them.

A case is one to three requests on one connection; what each is answered depends on the seed, the number of the case and
the place only. The client may get what the model reads, an error of the proxy's own, or something that breaks off.
"""
import random
import re
import sys
from pathlib import Path

from . import cases
from .client import Client, Wrong, read_answers
from .model import Broken, Unfinished, read_chunks, read_fields, values

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")  # what is no text in the reason is replaced
TARGET = re.compile(r"/h/(\d+)/(\d+)")
KEEP, CLOSE, RESET = "keep", "close", "reset"
OWN = {400, 408, 502, 503, 504}

VALID = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nX: y\r\n\r\nno",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n005;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-T: y\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nConnection: X-Drop, keep-alive\r\nX-Drop: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 500 \r\nContent-Length: 3\r\nX:\t\xe4 \r\n\r\nabc",
]
UNTIL_CLOSE = [b"HTTP/1.1 200 OK\r\n\r\nhello until the end", b"HTTP/1.0 200 OK\r\n\r\nhello", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"]


def read_one(data, at, is_closed, method):
    """(status, body, end) of the final answer at this place."""
    while True:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            raise Unfinished
        lines = data[at:end].split(b"\r\n")
        match = STATUS_LINE.fullmatch(lines[0])
        if not match:
            raise Broken(lines[0])
        minor, status = int(match.group(1)), int(match.group(2))
        fields = read_fields(lines[1:])
        lengths, codings = values(fields, b"content-length"), values(fields, b"transfer-encoding")
        at = end + 4
        if status == 101 or (status < 200 and (lengths or codings)):
            raise Broken("interim")
        if status >= 200:
            break
    if codings and (lengths or len(codings) > 1 or codings[0].lower() != b"chunked" or minor == 0):
        raise Broken("framing")
    sizes = {p.strip(b" \t") for v in lengths for p in v.split(b",")}
    if any(not re.fullmatch(rb"[0-9]+", s) for s in sizes) or len({int(s) for s in sizes}) > 1:
        raise Broken("length")
    if method == "HEAD" or status in (204, 304):
        return status, b"", at
    if codings:
        body, at = read_chunks(data, at)
        return status, body, at
    if sizes:
        size = int(sizes.pop())
        if at + size > len(data):
            raise Unfinished
        return status, data[at:at + size], at + size
    if not is_closed:
        raise Unfinished
    return status, data[at:], len(data)


class Said:
    """What a service says to one request: data at once, then how it ends. expected: (status, body) or None."""

    def __init__(self, data, end, is_valid, method):
        self.data, self.end, self.is_valid = data, end, is_valid
        try:
            self.expected = read_one(data, 0, end == CLOSE, method)[:2]
        except (Broken, Unfinished):
            self.expected = None


class Answers:
    def __init__(self, seed):
        from test_hostile_upstreams import BEHIND, BROKEN, REFUSED, STAGES
        self.seed = seed
        self.asked = set()  # (case, place) of the requests that the service has seen
        hostile = [*REFUSED.values(), *BROKEN.values(), *(b[0] + b[1] for b in BEHIND.values()), *(s[0] for s in STAGES.values())]
        self.hostile = [h for h in hostile if h and len(h) <= 20000]

    def methods(self, number):
        rng = random.Random(f"{self.seed}:methods:{number}")
        return [rng.choice(("GET", "GET", "HEAD", "POST", "PUT")) for _ in range(rng.choice((1, 1, 2, 3)))]

    def said(self, number, place):
        rng = random.Random(f"{self.seed}:answer:{number}:{place}")
        method = self.methods(number)[place]
        draw = rng.random()
        if draw < 0.35:
            is_until_close = rng.random() < 0.2
            data = rng.choice(UNTIL_CLOSE if is_until_close else VALID)
            return Said(data, CLOSE if is_until_close else KEEP, not is_until_close or method != "HEAD", method)
        data = rng.choice(self.hostile) if draw < 0.5 else rng.choice(VALID + UNTIL_CLOSE)
        for _ in range(rng.choice((0, 1, 1, 2, 3)) if draw < 0.5 else rng.choice((1, 1, 2, 4))):
            data = rng.choice(cases.MUTATIONS)(data, rng)
        return Said(data, rng.choice((KEEP, CLOSE, CLOSE, RESET)), False, method)

    def case(self, number):
        lines = []
        for place, method in enumerate(self.methods(number)):
            body = b"body" if method in ("POST", "PUT") else b""
            length = b"Content-Length: 4\r\n" if body else b""
            lines.append(b"%s /h/%d/%d HTTP/1.1\r\nHost: a\r\n%s\r\n%s" % (method.encode(), number, place, length, body))
        return cases.Case(number, "answered", [b"".join(lines)])

    def answer(self, request):
        """(pieces, end) for the upstream."""
        match = TARGET.fullmatch(request.target)
        number, place = int(match.group(1)), int(match.group(2))
        self.asked.add((number, place))
        said = self.said(number, place)
        return [said.data], said.end


class Hostile(Client):
    """Holds what the client got against what the model reads of the service's bytes."""

    def judge(self):
        case, answers_of = self.case, self.run.generator
        data = b"".join(self.received)
        methods = answers_of.methods(case.number)
        try:
            answers, rest = read_answers(data, methods, interim=range(100, 200)), None
        except Wrong as wrong:
            answers, rest = self.whole_ones(data, methods), str(wrong)
            if not re.match(r"an answer breaks|an answer in chunks breaks|\d+ of \d+ bytes|chunk size b''|no CRLF after a chunk: b''", rest):
                raise
        self.run.count_hostile(answers, rest)
        for place, answer in enumerate(answers):
            said = answers_of.said(case.number, place)
            if answer.get(b"connection") not in (None, b"close") or answer.get(b"transfer-encoding") not in (None, b"chunked"):
                raise Wrong(f"a field of one hop: {answer.fields}")
            if answer.status in OWN and answer.get(b"content-type") == b"text/plain; charset=utf-8":
                # A request with a body that went to a pooled connection which the service was closing is not sent
                # again (RFC 9110 9.2.2): told as 502, and never seen.
                is_lost = methods[place] in ("POST", "PUT") and (case.number, place) not in answers_of.asked
                if said.is_valid and answers_of.said(case.number, place).end == KEEP and place == 0 and not is_lost:
                    raise Wrong(f"{answer} to {said.data!r}")
                continue
            if said.expected != (answer.status, answer.body):
                raise Wrong(f"answer {place} is {answer.status} {answer.body!r}; {said.expected} was said: {said.data!r}, then {said.end}")
        if not answers and rest is None and not self.is_reset and data == b"" and answers_of.said(case.number, 0).is_valid:
            raise Wrong("no answer to the first request, which was answered well")

    @staticmethod
    def whole_ones(data, methods):
        """The answers before the one that breaks off."""
        for end in sorted((m.start() for m in re.finditer(rb"HTTP/1\.1 ", data)), reverse=True):
            try:
                return read_answers(data[:end], methods, interim=range(100, 200))
            except Wrong:
                continue
        return []
