"""What the tests of counter share: a process of it, connections to it, and its file.

Nothing here knows the proxy. Standard library only; every process started is ended by its own pid.
"""

import json
import os
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("TURNOUT_BIN", ROOT / "build" / "dev" / "bin"))
COUNTER = BINARIES / "counter"
START_SECONDS = 10
STOP_SECONDS = 40


def clean_environment(**extra):
    """The environment without any COUNTER_ variable of whoever runs the tests."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COUNTER_")}
    environment.update(extra)
    return environment


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Connection:
    """One keep-alive connection that shows what it sends and reads no further than one answer."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        data = self.socket.recv(262144)
        if not data:
            raise EOFError(f"closed after {self.buffer[:200]!r}")
        self.buffer += data

    def _read(self, count):
        while len(self.buffer) < count:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _read_until(self, end):
        while end not in self.buffer:
            self._fill()
        data, _, self.buffer = self.buffer.partition(end)
        return data

    def _read_chunked(self):
        body = []
        while True:
            size = int(self._read_until(b"\r\n"), 16)
            body.append(self._read(size))
            assert self._read(2) == b"\r\n"
            if size == 0:
                return b"".join(body)

    def receive(self, method="GET"):
        head = self._read_until(b"\r\n\r\n").decode()
        lines = head.split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if status == 100:
            return self.receive(method)
        if method == "HEAD" or status == 204:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._read_chunked()
        elif "content-length" in headers:
            body = self._read(int(headers["content-length"]))
        else:
            body = self.read_to_end()
        return Answer(status, headers, body)

    def read_to_end(self):
        try:
            while True:
                self._fill()
        except EOFError:
            data, self.buffer = self.buffer, b""
            return data

    def request(self, method, target, headers=(), body=None):
        lines = [f"{method} {target} HTTP/1.1", "Host: counter.test"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self.receive(method)

    def is_closed(self, seconds):
        """Whether the other side closes (cleanly or not) within the time, sending nothing more."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True


class Counter:
    """A running counter. `prefix`: words before the program, for example unshare."""

    def __init__(self, data, *options, version="blue", name="app-blue-0", environment=None, prefix=(), port=0):
        self.data = pathlib.Path(data)
        command = [*prefix, str(COUNTER), "--listen", f"127.0.0.1:{port}", "--version", version, "--name", name,
                   "--data", str(data), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=clean_environment(**(environment or {})))
        self.faults_port = None
        self.port = self._read_port("listening on")
        if "--faults-listen" in options:
            self.faults_port = self._read_port("faults on")

    def _read_port(self, words):
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        match = re.fullmatch(rf"counter: {words} 127\.0\.0\.1:(\d+)\n", line)
        if match is None:
            self.process.kill()
            raise RuntimeError(f"counter said {line!r} and {self.process.stderr.read()!r}")
        return int(match.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    @property
    def pid(self):
        return self.process.pid

    def connect(self, **options):
        return Connection(self.port, **options)

    def request(self, method="GET", target="/", headers=(), body=None):
        with self.connect() as connection:
            return connection.request(method, target, headers, body)

    def visit(self):
        answer = self.request(headers=[("Accept", "application/json")])
        assert answer.status == 200, answer.text
        return answer.json["visits"]

    def count(self):
        return self.request(target="/count", headers=[("Accept", "application/json")]).json["visits"]

    def transfer(self, transfer_id, visits):
        return self.request("POST", "/import", body=json.dumps({"transfer": transfer_id, "visits": visits}).encode())

    def set_faults(self, **fields):
        with Connection(self.faults_port) as connection:
            answer = connection.request("PUT", "/", body=json.dumps(fields).encode())
        assert answer.status == 200, answer.text
        return answer.json

    def metric(self, name):
        for line in self.request(target="/metrics").text.splitlines():
            if line.startswith(name + " "):
                return int(line.split(" ")[1])
        raise KeyError(name)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        """kill -9: nothing is finished."""
        self.process.kill()
        self.process.communicate()

    def stop(self):
        """SIGTERM; returns (exit code, standard error)."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        _, errors = self.process.communicate(timeout=STOP_SECONDS)
        return self.process.returncode, errors


def run_counter(*options, environment=None, **more):
    """A start that is expected to end by itself."""
    return subprocess.run([str(COUNTER), *options], env=clean_environment(**(environment or {})),
                          capture_output=True, text=True, timeout=START_SECONDS, **more)


def refuse_data(data, **more):
    """Starts a counter on a data folder that it must refuse; returns what it says."""
    result = run_counter("--listen", "127.0.0.1:0", "--version", "blue", "--data", str(data), **more)
    assert result.returncode == 1, result
    assert result.stdout == ""
    assert result.stderr.startswith("counter: ") and result.stderr.count("\n") == 1
    return result.stderr


def read_visits(data):
    content = (pathlib.Path(data) / "visits.bin").read_bytes()
    assert len(content) == 8, content
    return int.from_bytes(content, "little")


def transfer_line(transfer_id, amount, before, after):
    """A line of transfers.log, made without the program's own code."""
    text = f"1 {transfer_id} {amount} {before} {after}".encode()
    return text + b" %08x\n" % zlib.crc32(text)


class Crowd:
    """Many keep-alive connections that visit as fast as they are answered, in one thread."""

    VISIT = b"GET / HTTP/1.1\r\nHost: counter.test\r\nAccept: application/json\r\n\r\n"

    def __init__(self, port, connections):
        self.sent = 0
        self.numbers = []  # the visits answered
        self.failed = []
        self._buffers = {}
        self._selector = selectors.DefaultSelector()
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._buffers[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)

    def close(self):
        for connection in list(self._buffers):
            self._drop(connection)
        self._selector.close()

    def _drop(self, connection):
        del self._buffers[connection]
        self._selector.unregister(connection)
        connection.close()

    def _visit(self, connection):
        try:
            connection.sendall(self.VISIT)
            self.sent += 1
        except ConnectionError:
            self._drop(connection)

    def _take(self, connection):
        """True when an answer is whole."""
        try:
            data = connection.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self._drop(connection)
            return False
        buffer = self._buffers[connection] + data
        head, _, body = buffer.partition(b"\r\n\r\n")
        if not body.endswith(b"}\n"):
            self._buffers[connection] = buffer
            return False
        self._buffers[connection] = b""
        if b" 200 " in head.split(b"\r\n", 1)[0]:
            self.numbers.append(json.loads(body)["visits"])
        else:
            self.failed.append(head)
        if b"\nconnection: close" in head.lower():
            self._drop(connection)
        return True

    def run(self, visits, on_answer=None, seconds=30):
        """Sends so many visits in all; ends when all are answered or every connection is gone.
        on_answer is called with the number of answers so far."""
        until = time.monotonic() + seconds
        for connection in list(self._buffers):
            self._visit(connection)
        while self._buffers and len(self.numbers) + len(self.failed) < visits:
            assert time.monotonic() < until, "no answer in time"
            for key, _ in self._selector.select(1):
                if not self._take(key.fileobj):
                    continue
                if on_answer is not None:
                    on_answer(len(self.numbers))
                if self.sent < visits and key.fileobj in self._buffers:
                    self._visit(key.fileobj)
