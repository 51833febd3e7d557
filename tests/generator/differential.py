"""The same inputs to Turnout, nginx, HAProxy and Apache: who refuses, who forwards, and who forwards what is no request.

What all the others refuse and Turnout forwards is a failure; every difference is a line of the table.
"""
import collections
import random
import re
import selectors
import socket
import time

from support.proxy import Proxy
from support.strict import Reader, Violation

from . import cases, others, seeds

FORWARDED, REFUSED, SILENT, ANSWERED = "forwarded", "refused", "silent", "answered"
IDLE_S = 0.04  # after an answer: is there another one?
PATIENCE_S = 0.5  # without any answer
LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d+)", re.I)


class Service:
    """Answers whatever looks like a request, once a connection; keeps apart what is outside the normal form."""

    def __init__(self, selector):
        self.selector = selector
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.dirty = collections.Counter()
        self.examples = {}
        selector.register(self.listener, selectors.EVENT_READ, self)

    def on_event(self, _):
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, Served(self, sock))

    def look(self, data):
        """Normal form, but for what proxies may say about the connection itself."""
        reader = Reader()
        reader.feed(re.sub(rb"\r\nConnection: (?:close|keep-alive)(?=\r\n)", b"", data, flags=re.I))
        try:
            while reader.take():
                pass
        except Violation as violation:
            kind = re.sub(r"\bb'.*|[0-9]+", "…", str(violation))
            self.dirty[kind] += 1
            self.examples.setdefault(kind, str(violation))


class Served:
    def __init__(self, service, sock):
        self.service, self.socket, self.data, self.is_answered = service, sock, b"", False

    def is_whole(self):
        head, mark, body = self.data.partition(b"\r\n\r\n")
        if not mark:
            return False
        if re.search(rb"\ntransfer-encoding:", head, re.I):
            return body.endswith(b"0\r\n\r\n")
        length = LENGTH.search(head)
        return not length or len(body) >= int(length.group(1))

    def on_event(self, _):
        try:
            data = self.socket.recv(262144)
        except OSError:
            data = b""
        self.data += data
        if not self.is_answered and self.is_whole():
            self.is_answered = True
            head = self.data.startswith(b"HEAD ")
            try:
                self.socket.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Forwarded: 1\r\nConnection: close\r\n\r\n" + (b"" if head else b"ok"))
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        if not data:
            if self.data and b" /readyz " not in self.data:
                self.service.look(self.data)
            self.service.selector.unregister(self.socket)
            self.socket.close()


class Try:
    """One input to one proxy."""

    def __init__(self, selector, address, data):
        self.selector, self.data, self.received = selector, data, b""
        self.is_ended = False
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.until = time.monotonic() + PATIENCE_S
        selector.register(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def on_event(self, mask):
        if mask & selectors.EVENT_WRITE:
            try:
                self.data = self.data[self.socket.send(self.data):]
            except BlockingIOError:
                pass
            except OSError:
                self.data = b""
            if not self.data:
                self.selector.modify(self.socket, selectors.EVENT_READ, self)
        if mask & selectors.EVENT_READ:
            try:
                data = self.socket.recv(262144)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.received += data
            self.until = time.monotonic() + IDLE_S
            if not data:
                self.end()

    def end(self):
        self.is_ended = True
        self.selector.unregister(self.socket)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def verdict(self):
        """(word, status of the first final answer or 0)"""
        statuses = [int(s) for s in re.findall(rb"(?:^|\n|ok)HTTP/1\.[01] ([1-5][0-9][0-9])", self.received)]
        final = next((s for s in statuses if s >= 200), 0)
        if b"\nX-Forwarded: 1\r\n" in self.received or b"\nx-forwarded: 1\r\n" in self.received:
            return FORWARDED, final
        if not self.received:
            return SILENT, 0
        return (REFUSED if final >= 400 else ANSWERED), final  # OPTIONS may be answered by a proxy itself


class Differential:
    def __init__(self, folder, names=tuple(others.COMMANDS)):
        self.selector = selectors.DefaultSelector()
        self.names = ("turnout", *names)
        self.services = {name: Service(self.selector) for name in self.names}
        self.processes = {name: others.Other(name, folder, self.services[name].port) for name in names}
        self.processes["turnout"] = Proxy(folder / "turnout", {
            "versions": {"blue": {"endpoints": [f"127.0.0.1:{self.services['turnout'].port}"], "health": {"interval": "1h"}}},
            "rules": [{"name": "main", "weights": {"blue": 1}}], "log": {"access": "off"}, "limits": {"stop_grace": "1s"}})
        self.results = []  # (input, {name: (word, status)})

    def start(self):
        for process in self.processes.values():
            process.launch()
        deadline = time.monotonic() + 10
        while "listening on" not in self.processes["turnout"].output():
            self.turn(0.02)
            if time.monotonic() > deadline:
                raise RuntimeError(self.processes["turnout"].output())
        for name, process in self.processes.items():
            if name != "turnout":
                process.wait_ready()
        self.spend(0.3)  # the first probe
        return self

    def turn(self, wait):
        for key, mask in self.selector.select(wait):
            if key.fileobj.fileno() >= 0:
                key.data.on_event(mask)

    def spend(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.turn(0.02)

    def play(self, inputs, at_once=12):
        inputs = iter(inputs)
        active, is_more = [], True
        while is_more or active:
            while is_more and len(active) < at_once:
                data = next(inputs, None)
                is_more = data is not None
                if is_more:
                    active.append((data, {n: Try(self.selector, self.processes[n].address, data) for n in self.names}))
            self.turn(0.01)
            now = time.monotonic()
            for entry in list(active):
                for attempt in entry[1].values():
                    if not attempt.is_ended and now > attempt.until:
                        attempt.end()
                if all(a.is_ended for a in entry[1].values()):
                    active.remove(entry)
                    self.results.append((entry[0], {n: a.verdict() for n, a in entry[1].items()}))

    def stop(self):
        """Turnout's exit code."""
        self.spend(0.3)
        turnout = self.processes["turnout"]
        turnout.signal(15)
        until = time.monotonic() + 10
        while turnout.is_running() and time.monotonic() < until:
            self.turn(0.02)
        for name in self.names[1:]:
            self.processes[name].kill()  # how they end is not what is looked at
        self.selector.close()
        return turnout.stop(10)

    def failures(self):
        """What all others refuse and we forward; and everything that we forwarded outside the normal form."""
        said = [f"all others refuse, Turnout forwards: {data!r} {verdicts}" for data, verdicts in self.results
                if verdicts["turnout"][0] == FORWARDED and all(v[0] in (REFUSED, SILENT) for n, v in verdicts.items() if n != "turnout")]
        said += [f"Turnout forwarded outside the normal form: {e}" for e in self.services["turnout"].examples.values()]
        return said

    def table(self, limit=60):
        """Text: figures of each proxy, then each kind of difference with one example."""
        lines = [f"{len(self.results)} inputs", "", f"{'':10}{'forwarded':>10}{'answered':>10}{'refused':>10}{'silent':>10}{'outside the normal form':>26}"]
        for name in self.names:
            words = collections.Counter(v[name][0] for _, v in self.results)
            lines.append(f"{name:10}{words[FORWARDED]:10}{words[ANSWERED]:10}{words[REFUSED]:10}{words[SILENT]:10}{sum(self.services[name].dirty.values()):26}")
        kinds = collections.defaultdict(list)
        for data, verdicts in self.results:
            if len({v[0] for v in verdicts.values()}) > 1:
                kinds[tuple(v[0] == FORWARDED for v in verdicts.values())].append((data, verdicts))
        lines += ["", "differences (status of the first answer; * forwarded):"]
        for _, found in sorted(kinds.items(), key=lambda k: -len(k[1])):
            data, verdicts = min(found, key=lambda f: len(f[0]))
            says = "  ".join(f"{n} {status or '-'}{'*' if word == FORWARDED else ' '}" for n, (word, status) in verdicts.items())
            lines.append(f"{len(found):6}  {says}  for example {data[:160]!r}")
        for name in self.names:
            for kind, count in self.services[name].dirty.most_common(limit):
                lines.append(f"{name} outside the normal form, {count} times: {self.services[name].examples[kind][:200]}")
        return "\n".join(lines)


def inputs(seed, count):
    """The table of bad inputs, each nasty field on a request with and without a body, each word in each place, then mutations."""
    small, large = seeds.broken()
    number = 0
    generator = cases.Generator(seed)

    def fixed():
        yield from seeds.VALID
        yield from small
        yield from (d for d in large if len(d) < 100000)
        for field in seeds.FIELDS:
            for base in (b"GET /@ HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", b"POST /@ HTTP/1.1\r\n%s\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                         b"POST /@ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n%s\r\n\r\n5\r\nhello\r\n0\r\n\r\n"):
                yield base % field
        for word in seeds.WORDS:
            for base in (b"GET /@%s HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /@ HTTP/1.1\r\nHost: a%s\r\n\r\n", b"GET /@ HTTP/1.1\r\nHost: a\r\nX: y%s\r\n\r\n",
                         b"GET /@ HTTP/1.1\r\nHost: a\r\nX%s: y\r\n\r\n", b"POST /@ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5%s\r\nhello\r\n0\r\n\r\n"):
                yield base % word

    for data in fixed():
        number += 1
        yield cases.Generator.numbered(data, number)
    rng = random.Random(f"differential:{seed}")
    while number < count:
        number += 1
        data, _ = generator.base(number, rng)
        for _ in range(rng.choice((1, 1, 2))):
            data = rng.choice(cases.MUTATIONS)(data, rng)
        if data:
            yield data[:100000]
