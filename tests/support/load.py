"""Many requests over keep-alive connections from one thread, and what became of each.

Not a benchmark: it exists to tell losses apart. A request is
  answered     status is set
  refused      the connection could not be opened: nothing was sent
  unanswered   it was sent, and the connection ended before the whole answer: a loss
  timeout      it was sent, and no whole answer came in time: a loss
A connection that ends while no request is under way is no loss; a new one is opened.
"""
import errno
import selectors
import socket
import time
from collections import Counter

REFUSED = (errno.ECONNREFUSED, errno.ENOENT)


class Outcome:
    __slots__ = ("index", "status", "version", "pod", "cookie", "length", "failure", "started",
                 "seconds", "is_reused", "is_last")

    def __init__(self, index, started, is_reused):
        self.index, self.started, self.is_reused = index, started, is_reused
        self.status = self.length = self.seconds = None
        self.version = self.pod = self.cookie = self.failure = None
        self.is_last = False  # the answer said Connection: close

    def __repr__(self):
        return f"<{self.index}: {self.status or self.failure} {self.version} {self.pod}>"


def field(head, name):
    """The value of a header in a raw head, name in lower case with CRLF before and colon after."""
    at = head.lower().find(name)
    if at < 0:
        return None
    start = at + len(name)
    end = head.find(b"\r\n", start)
    return head[start:end if end >= 0 else None].strip().decode("latin-1")


class Lane:
    """One connection of the load, reopened when it ends."""

    def __init__(self, load):
        self.load = load
        self.socket = None
        self.buffer = b""
        self.request = None  # (index, bytes) to be sent
        self.outcome = None  # of the one that was sent
        self.is_connecting = False
        self.since = 0.0  # connecting, or waiting to try again
        self.refused_since = None
        self.answered = 0  # on this connection

    def open(self):
        """False when nobody listens any more."""
        self.socket = socket.socket(socket.AF_INET)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        try:
            if self.load.source:
                self.socket.bind((self.load.source, 0))
            error = self.socket.connect_ex(self.load.address)
        except OSError as failure:
            error = failure.errno
        if error not in (0, errno.EINPROGRESS):
            self.socket.close()
            self.socket = None
            return self.on_unopened(error)
        self.buffer, self.answered = b"", 0
        self.is_connecting, self.since = error != 0, time.monotonic()
        self.load.selector.register(self.socket, selectors.EVENT_WRITE if error else selectors.EVENT_READ, self)
        return True if error else self.send()

    def on_connected(self):
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.drop()
            return self.on_unopened(error)
        self.is_connecting = False
        self.load.selector.modify(self.socket, selectors.EVENT_READ, self)
        return self.send()

    def on_unopened(self, error):
        now = time.monotonic()
        self.refused_since = self.refused_since or now
        if error in REFUSED and self.load.is_patient and now - self.refused_since < self.load.timeout:
            self.load.refused += 1
            self.since = now
            self.load.later.append(self)
            return True
        self.outcome = Outcome(self.request[0], time.monotonic(), False)
        self.request = None
        self.fail("refused" if error in REFUSED else "unreachable")
        return False

    def drop(self):
        self.is_connecting = False
        if self.socket is not None:
            self.load.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None

    def next(self):
        """Sends the next request; False when there is none, or nobody listens any more."""
        self.request = self.load.take()
        if self.request is None:
            self.drop()
            return False
        if self.load.is_fresh:
            self.drop()
        return self.open() if self.socket is None else self.send()

    def send(self):
        (index, data), self.request = self.request, None
        self.refused_since = None
        self.outcome = Outcome(index, time.monotonic(), self.answered > 0)
        try:
            sent = self.socket.send(data)
            while sent < len(data):  # heads are small: rare
                self.load.wait_writable(self.socket)
                sent += self.socket.send(data[sent:])
        except OSError:
            self.fail("unanswered")
            return self.next()
        return True

    def fail(self, failure):
        outcome, self.outcome = self.outcome, None
        outcome.failure, outcome.seconds = failure, time.monotonic() - outcome.started
        self.drop()
        self.load.finish(outcome)

    def on_ready(self):
        """False when this lane has nothing more to do."""
        return self.on_connected() if self.is_connecting else self.on_readable()

    def on_readable(self):
        try:
            data = self.socket.recv(262144)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            if self.outcome is not None:
                self.fail("unanswered")
            else:
                self.drop()
            return self.next()
        self.buffer += data
        if self.outcome is None or not self.is_whole():
            return True
        is_last = self.outcome.is_last
        self.answered += 1
        outcome, self.outcome = self.outcome, None
        outcome.seconds = time.monotonic() - outcome.started
        if is_last:
            self.drop()
        self.load.finish(outcome)
        return self.next()

    def is_whole(self):
        """Takes one answer from the buffer when all of it is there."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.buffer[:end + 2]
        length = field(head, b"\r\ncontent-length:")
        if length is not None:
            body = int(length)
            total = end + 4 + body
            if len(self.buffer) < total:
                return False
        else:  # chunked: the small answers of these tests end in one piece
            stop = self.buffer.find(b"0\r\n\r\n", end + 4)
            if stop < 0:
                return False
            body, total = stop - end - 4, stop + 5
        outcome = self.outcome
        outcome.status, outcome.length = int(head[9:12]), body
        outcome.version = field(head, b"\r\nx-version:")
        outcome.pod = field(head, b"\r\nx-served-by:")
        outcome.cookie = field(head, b"\r\nset-cookie:")
        outcome.is_last = (field(head, b"\r\nconnection:") or "").lower() == "close"
        self.buffer = self.buffer[total:]
        return True


class Load:
    """requests: bytes each, or an endless iterator of them together with `seconds`. fresh: one request per
    connection. patient: whoever is refused tries again, with the same request, until somebody listens."""

    def __init__(self, address, requests, connections=16, seconds=None, fresh=False, source=None,
                 timeout=10.0, rate=None, on_tick=None, patient=False):
        self.address, self.source = address, source
        self.requests = enumerate(requests)
        self.connections, self.is_fresh, self.timeout = connections, fresh, timeout
        self.seconds, self.rate, self.on_tick = seconds, rate, on_tick
        self.is_patient, self.refused, self.later = patient, 0, []
        self.outcomes = []
        self.is_ended = False

    def take(self):
        """(index, bytes), or None at the end."""
        if self.is_ended or (self.seconds and time.monotonic() - self.begun > self.seconds):
            return None
        return next(self.requests, None)

    def finish(self, outcome):
        self.outcomes.append(outcome)

    @staticmethod
    def wait_writable(sock):
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            selector.select(10)

    def try_again(self, now):
        """Those who gave up."""
        ready = [lane for lane in self.later if now - lane.since > 0.01]
        self.later = [lane for lane in self.later if lane not in ready]
        return {lane for lane in ready if not lane.open()}

    def is_in_time(self, lane, now):
        """False when it ran out of time, and has nothing more to do."""
        if lane.outcome and now - lane.outcome.started > self.timeout:
            lane.fail("timeout")
            return lane.next()
        if lane.is_connecting and now - lane.since > self.timeout:
            lane.drop()
            return lane.on_unopened(errno.ETIMEDOUT)
        return True

    def run(self):
        """Sends them all; the outcomes in the order in which they ended."""
        self.begun = time.monotonic()
        with selectors.DefaultSelector() as self.selector:
            lanes = [Lane(self) for _ in range(self.connections)]
            busy = {lane for lane in lanes if lane.next()}
            looked = self.begun
            while busy:
                for key, _ in self.selector.select(0.05 if not self.later else 0.005):
                    if not key.data.on_ready():
                        busy.discard(key.data)
                now = time.monotonic()
                if self.rate:  # a brake, not a metronome
                    ahead = len(self.outcomes) / self.rate - (now - self.begun)
                    if ahead > 0:
                        time.sleep(min(ahead, 0.05))
                busy -= self.try_again(now)
                if now - looked > 0.05:
                    looked = now
                    if self.on_tick:
                        self.on_tick(now - self.begun)
                    busy = {lane for lane in busy if self.is_in_time(lane, now)}
            for lane in lanes:
                lane.drop()
        return self.outcomes


def get_request(path="/", host="turnout.test", **headers):
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def run(address, requests, **options):
    return Load(address, requests, **options).run()


def versions(outcomes):
    """Answered with 200, by version."""
    return Counter(o.version for o in outcomes if o.status == 200)


def pods(outcomes):
    return Counter(o.pod for o in outcomes if o.status == 200)


def losses(outcomes):
    """Sent and not answered, or answered with an error."""
    return [o for o in outcomes if o.failure in ("unanswered", "timeout", "unreachable")
            or (o.status is not None and o.status != 200)]
