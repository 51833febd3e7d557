"""openapi.yaml held against the real answers: schemathesis makes requests of it, good ones and bad ones, and checks every answer: status,
type, schema, headers, no 5xx. It comes from PyPI, into a folder outside the tree: scripts/setup --tests."""
import os
import re
import subprocess
from pathlib import Path

import pytest
from line import rule, versions
from support.admin import AdminConnection, bearer, make_token, tcp_admin
from support.places import ROOT
from support.proxy import Proxy

PROGRAM = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnout" / "python" / "bin" / "schemathesis"
PAGE = ROOT / "proxy" / "admin" / "openapi.yaml"
SECONDS = 35 # at most; a quiet machine needs about half


@pytest.fixture
def proxy(tmp_path, start_recorder):
    folder = tmp_path / "p"
    folder.mkdir()
    tokens = [make_token(folder, "reader", "read"), make_token(folder, "writer", "operate")]
    blue, green = start_recorder(), start_recorder()
    started = Proxy(folder, {
        **tcp_admin(), "store": {"file": "./turnout.store"}, "limits": {"stop_grace": "1s"},
        "versions": versions(blue=[blue.address], green=[green.address]),
        "rules": [rule({"blue": 90, "green": 10}, mirror=[{"to": "green", "compare": {}, "keep_pairs": 5}])]})
    started.reader, started.writer = tokens
    yield started.start()
    assert started.stop(timeout=30) == 0, started.output()[-3000:]


@pytest.mark.skipif(not PROGRAM.exists(), reason="schemathesis is not installed (scripts/setup --tests)")
def test_answers_fit_the_page(proxy, tmp_path, is_long):
    """/v1/events never ends by itself (test_watch holds it), and /v1/takeover is for another process on the Unix socket
    (test_takeover). The cap of connections is not what is asked here."""
    done = subprocess.run(
        [PROGRAM, "--config-file", ROOT / "tests" / "support" / "schemathesis.toml", "run", PAGE, "--url", proxy.admin,
         "-H", f"Authorization: Bearer {proxy.writer}", "--seed", "1", "--max-examples", "30" if is_long else "4",
         "--max-time", "600" if is_long else str(SECONDS), "--phases", "coverage,fuzzing", "--checks", "all", "--exclude-path", "/v1/events",
         "--exclude-path", "/v1/takeover",
         "--suppress-health-check", "all", "--no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    count = re.search(r"(\d+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(count.group(1)) > 100 and "Tested: 19" in done.stdout, done.stdout[-3000:]
    # Whatever was asked: the proxy knows what its rules are, and answers.
    with AdminConnection(proxy.admin, bearer(proxy.writer)) as admin:
        assert admin.ask("GET", "/v1/status").status == 200


def operations():
    """(method, path, role) as the page has them."""
    path = method = None
    for line in PAGE.read_text().partition("\npaths:\n")[2].partition("\ncomponents:\n")[0].splitlines():
        if found := re.match(r"  (/\S+):$", line):
            path = found.group(1)
        elif found := re.match(r"    (get|put|post):", line):
            method = found.group(1).upper()
        elif found := re.match(r"      security: \[\{\}, \{token: \[(\w+)\]\}\]", line):
            yield method, path, found.group(1)


def test_roles_and_refusals_are_those_of_the_page(proxy):
    every = list(operations())
    assert len(every) == 21
    for method, path, role in every:
        with AdminConnection(proxy.admin) as admin:
            assert admin.ask(method, path).status == 401, path
        with AdminConnection(proxy.admin, bearer(proxy.reader)) as admin:
            if path != "/v1/events":
                assert (admin.ask(method, path).status == 403) == (role == "operate"), (method, path)
        with AdminConnection(proxy.admin, bearer(proxy.writer)) as admin:
            if method != "GET":
                assert admin.ask(method, path, {"Content-Type": "text/plain"}, b"x").status == 415, path
        with AdminConnection(proxy.admin, bearer(proxy.writer)) as admin:
            assert admin.ask(method, path, {"Origin": "http://evil.example"}).status == 403, path
        with AdminConnection(proxy.admin, bearer(proxy.writer)) as admin:
            assert admin.ask(method, path, {"Host": "evil.example"}).status == 421, path


def test_refusals_quote_any_text(proxy):
    """A name is cut to fit into the sentence: in the middle of a character, too. A flag beside a YAML body is one or the other."""
    with AdminConnection(proxy.admin, bearer(proxy.writer)) as admin:
        answer = admin.ask("GET", "/v1/history?" + "x" * 30 + "%F0%9F%9A%A6=1")
        assert answer.status == 422 and b"unknown parameter" in answer.body
        for flag, status in (("true", 400), ("false", 400), ("maybe", 422)):
            answer = admin.ask("PUT", f"/v1/rules?take_over={flag}", {"Content-Type": "application/yaml", "If-Match": "0"}, b"[]")
            assert answer.status == status, answer.body
