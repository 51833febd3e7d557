"""An admin interface that says what a test tells it to: for screens and messages of the verbs.

Not for what the verbs do to a real proxy (test_verbs_real.py). It listens on a Unix socket, records
each request, and answers each "METHOD /path" by a document, by (status, document), or by raw bytes
that are sent as they are. Run as a program it serves the documents below, to look at screens by hand:

  tests/e2e/fake_admin.py /tmp/fake.sock & turnout get --admin unix:/tmp/fake.sock
"""
import copy
import json
import socket
import sys
import threading
from datetime import datetime, timedelta, timezone
from http.client import responses
from urllib.parse import parse_qs, urlsplit


def ago(seconds):
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.123Z")


def endpoints(base, states):
    """states: None for an endpoint that is up, else why it is down."""
    return [{"index": i, "address": f"127.0.0.1:{base + i}", "up": why is None, "probed": True,
             "mode": "active", "in_flight": 0, **({"detail": why} if why else {})}
            for i, why in enumerate(states)]


def version(name, build, base, states=(None, None)):
    points = endpoints(base, states)
    return {"name": name, "build": build, "mode": "active", "healthy": sum(p["up"] for p in points),
            "endpoints": points}


def share_of(name, weight, target_ppm, requests, **more):
    return {"name": name, "weight": weight, "target_ppm": target_ppm, "requests": requests,
            "achieved_ppm": None, "bound": 1.0, "errors": 0, "failed_over": 0, "p50_ms": 1.2,
            "p99_ms": 14.0, **more}


STATUS = {"name": "turnout", "version": "0.1.0", "pid": 4711, "uptime_s": 11100, "state": "running",
          "revision": 7, "applied_at": ago(740), "durable": True, "loops": 2,
          "versions": [version("blue", "1", 5001), version("green", "2", 5101)]}

SHARE = {"revision": 7, "rules": [
    {"name": "testers", "stable": None, "sticky": None, "since": ago(7400),
     "versions": [share_of("green", 1, 1000000, 12)], "mirrors": []},
    {"name": "main", "stable": "blue", "sticky": None, "since": ago(740),
     "versions": [share_of("blue", 9, 900000, 9000, errors=3),
                  share_of("green", 1, 100000, 1000, p99_ms=1250.0)],
     "mirrors": []}]}

RULES = {"revision": 7, "rules": [
    {"name": "testers", "match": [{"headers": [{"name": "X-Version", "value": "green"}]},
                                  {"cookies": [{"name": "beta", "value": "1"}]}],
     "weights": {"green": 1}},
    {"name": "main", "stable": "blue", "weights": {"blue": 9, "green": 1}}]}

EXPLAIN = {"revision": 7, "rule": "main", "version": "green", "build": "2",
           "endpoint": {"index": 1, "address": "127.0.0.1:5102"}, "reason": "slot", "mirrors": [],
           "steps": ["rule testers: no match: header X-Version is absent",
                     "rule main: matches everything"]}


def change(before, after, revision=8, **more):
    return {"revision": revision, "changed": True, "dry_run": False, "durable": True, "rule": "main",
            "before": before, "after": after, "notes": [], **more}


def problem(status, detail, errors=None):
    document = {"type": "about:blank", "title": responses[status], "status": status, "detail": detail}
    if errors:
        document["errors"] = errors
    return status, document


class Request:
    def __init__(self, head, body):
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.protocol = line.split(" ")
        self.path = urlsplit(self.target).path
        self.query = parse_qs(urlsplit(self.target).query)
        self.fields = {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class FakeAdmin:
    def __init__(self, path):
        self.path, self.requests = str(path), []
        self.answers = {"GET /v1/status": copy.deepcopy(STATUS), "GET /v1/share": copy.deepcopy(SHARE),
                        "GET /v1/rules": copy.deepcopy(RULES), "GET /v1/explain": copy.deepcopy(EXPLAIN)}
        # Ages are told from now, not from when this module was read.
        self.answers["GET /v1/status"]["applied_at"] = ago(740)
        for rule, seconds in zip(self.answers["GET /v1/share"]["rules"], (7400, 740)):
            rule["since"] = ago(seconds)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.serve(connection)
                except OSError:
                    pass  # the verb left

    def serve(self, connection):
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                return
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        request = Request(head, body)
        while len(request.body) < int(request.fields.get("content-length", 0)):
            request.body += connection.recv(65536)
        self.requests.append(request)
        answer = self.answers.get(f"{request.method} {request.path}", problem(404, "no such resource"))
        connection.sendall(self.encode(answer(request) if callable(answer) else answer))

    @staticmethod
    def encode(answer):
        if isinstance(answer, bytes):
            return answer
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        kind = "problem+json" if status >= 400 else "json"
        body = json.dumps(document).encode()
        return (f"HTTP/1.1 {status} {responses[status]}\r\nContent-Type: application/{kind}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body

    @property
    def last(self):
        return self.requests[-1]


if __name__ == "__main__":
    fake = FakeAdmin(sys.argv[1])
    fake.answers["PUT /v1/share"] = change([RULES["rules"][1]], [
        {**RULES["rules"][1], "weights": {"blue": 800000, "green": 200000}}])
    fake.thread.join()
