"""`get -w`: the page in a terminal, the lines elsewhere, and what it says when the proxy goes and comes."""
import json
import os
import re
import signal
import socket
import subprocess
import termios
import threading
import time

import pytest

from fake_admin import FakeAdmin
from line import config, eventually, rule
from support import load
from support.places import binary
from support.terminal import Terminal


@pytest.fixture
def line(start_fleet, start_proxy):
    return start_proxy(config(start_fleet(blue=2, green=1), rule({"blue": 90, "green": 10}), store={"file": "./s"}))


@pytest.fixture
def watch():
    terminals = []

    def start(*arguments, rows=30, columns=120, admin, **environment):
        env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        env.update(TURNOUT_ADMIN=admin, TZ="UTC", **environment)
        terminals.append(Terminal([binary("turnout"), "get", "-w", *arguments], rows, columns, env=env))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def send(proxy, count):
    assert load.losses(load.run(proxy.address, [load.get_request("/count")] * count, connections=2)) == []


def stream(proxy, last_id=None):
    """A connection that follows /v1/events, read as far as its head."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(proxy.admin.removeprefix("unix:"))
    field = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
    connection.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(1)
        if not piece:
            break
        received += piece
    return connection, received


def events(connection):
    """Yields (name, id, data) until the stream ends."""
    buffer = b""
    while True:
        while b"\n\n" in buffer:
            event, buffer = buffer.split(b"\n\n", 1)
            fields = dict(row.split(b": ", 1) for row in event.split(b"\n") if not row.startswith(b":"))
            if b"data" in fields:
                yield fields[b"event"].decode(), fields.get(b"id", b"").decode(), json.loads(fields[b"data"])
        piece = connection.recv(65536)
        if not piece:
            return
        buffer += piece


# --- the page --------------------------------------------------------------------------------------

def test_page_shows_shares_rates_verdict_and_what_happens(line, watch):
    terminal = watch(admin=line.admin)
    terminal.sees("REQ/S")
    screen = terminal.screen
    assert screen.is_second and not screen.has_cursor
    send(line, 500)
    row = terminal.until(lambda s: next((r for r in s.lines() if "green" in r and "50" in r.split()), None))
    assert re.search(r"10%  +10\.00%  ±0\.20%  +\d+(\.\d)?  +50  +0  ", row), row
    assert re.search(r"\d ms +\d+(\.\d)? ms  (inconclusive|same)  1/1$", row), row
    line.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", "20%",
              "--author", "ann", "--reason", "a second step")
    terminal.sees("revision 2: route (main) by ann: a second step")
    terminal.until(lambda s: re.search(r"green +20%", s.text))
    line.verb("set", "mirror", "green=50%")
    terminal.sees("MIRROR OF")
    line.verb("cut", "green")
    terminal.sees("cut (green cut)")
    line.verb("undrain", "green")
    line.verb("set", "share", "green=5%", "--ttl", "30m")
    terminal.until(lambda s: re.search(r"blue, stable +95% .* (29|30) min$", s.text, re.M))
    assert "REVERTS IN" in terminal.screen.text and "goes back by itself at" in terminal.screen.text


def test_page_goes_over_the_one_before_without_erasing_it_first(line, watch):
    terminal = watch("--interval", "250ms", admin=line.admin)
    terminal.until(lambda s: s.drawings >= 4)
    drawings = terminal.bytes.split(b"\033[?2026h")[2:]
    assert len(drawings) >= 2
    for drawing in drawings:
        assert drawing.startswith(b"\033[H") and b"\033[2J" not in drawing
        # what is below the page is erased once it is there
        assert drawing.count(b"\033[J") <= 1 and b"\033[J" not in drawing.split(b"REQ/S")[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_the_terminal_as_it_was_and_the_last_page_on_it(line, watch, number):
    terminal = watch(admin=line.admin)
    terminal.sees("REQ/S")
    assert not termios.tcgetattr(terminal.slave)[3] & termios.ECHO
    if number == signal.SIGINT:
        terminal.type("\x03")
    else:
        terminal.child.send_signal(number)
    assert terminal.wait() == -number
    screen = terminal.screen
    assert not screen.is_second and screen.has_cursor and screen.wraps
    assert termios.tcgetattr(terminal.slave) == terminal.modes
    assert screen.text.startswith("revision 1, ") and screen.text.count("REQ/S") == 1


def test_q_ends_it_and_other_keys_do_nothing(line, watch):
    terminal = watch(admin=line.admin)
    terminal.sees("REQ/S")
    terminal.type("xyz\n\033[A")
    drawn = terminal.screen.drawings
    terminal.until(lambda s: s.drawings > drawn + 1)
    assert "xyz" not in terminal.screen.text
    terminal.type("q")
    assert terminal.wait() == 0
    assert not terminal.screen.is_second and terminal.screen.has_cursor


def test_stop_gives_the_terminal_back_and_continue_takes_it_again(line):
    """Ctrl-Z and fg, in a shell that knows jobs."""
    terminal = Terminal(["dash", "-i"], env={"PATH": os.environ["PATH"], "PS1": "shell$ ", "TURNOUT_ADMIN": line.admin})
    try:
        terminal.sees("shell$")
        terminal.type(f"{binary('turnout')} get -w\n")
        terminal.until(lambda s: s.is_second and "REQ/S" in s.text)
        terminal.type("\x1a")
        terminal.until(lambda s: not s.is_second and "Stopped" in s.text)
        assert terminal.screen.has_cursor and termios.tcgetattr(terminal.slave)[3] & termios.ECHO
        line.verb("set", "share", "green=30%")
        terminal.type("fg\n")
        terminal.until(lambda s: s.is_second and re.search(r"green +30%", s.text))
        assert not terminal.screen.has_cursor
        terminal.type("\x03")
        terminal.until(lambda s: not s.is_second and s.has_cursor)
        terminal.type("echo code $?\n")
        terminal.until(lambda s: re.search(r"code 130$", s.text, re.M))
    finally:
        terminal.close()


def test_page_follows_the_size_of_the_terminal(line, watch):
    send(line, 100)
    terminal = watch(admin=line.admin, columns=120)
    terminal.sees("BOUND")
    terminal.resize(30, 60)
    # the least important columns go, and no line is longer than the terminal (the screen fails on that)
    terminal.until(lambda s: "BOUND" not in s.text and re.search(r"ASKED .*UP$", s.text, re.M))
    terminal.resize(4, 60)
    terminal.until(lambda s: re.search(r"\.\.\. \d+ more lines$", s.text))
    terminal.resize(30, 120)
    terminal.sees("BOUND")
    terminal.resize(10, 7)  # nobody can read that, but nothing breaks
    terminal.until(lambda s: s.lines()[0] == "revisio")
    assert terminal.child.poll() is None


def test_wide_and_combining_characters_are_cut_between_places(line, watch):
    line.verb("set", "share", "green=30%", "--reason", "中文e\u0301" * 20)
    terminal = watch(admin=line.admin, columns=50)
    terminal.sees("ASKED")
    line.verb("set", "share", "green=31%", "--reason", "中文e\u0301" * 20)
    row = terminal.until(lambda s: next((r for r in s.lines() if "revision 3" in r), None))
    assert "中文e\u0301中" in row


def test_no_color_means_no_colour(line, watch):
    colourful = watch(admin=line.admin)
    colourful.sees("REQ/S")
    plain = watch(admin=line.admin, NO_COLOR="1")
    plain.sees("REQ/S")
    assert colourful.screen.colours > 0 and plain.screen.colours == 0


def test_nothing_that_a_reason_says_moves_the_cursor(line, watch):
    terminal = watch(admin=line.admin)
    terminal.sees("REQ/S")
    line.verb("set", "share", "green=30%", "--reason", "a\033[2J\x9b\u009b2Jb\rc")
    terminal.sees("revision 2: share")  # the screen fails on what it does not know
    assert "a?[2J" in terminal.screen.text


# --- elsewhere than in a terminal ------------------------------------------------------------------

class Lines:
    def __init__(self, proxy, *arguments):
        self.child = subprocess.Popen([binary("turnout"), "get", "-w", *arguments], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True,
                                      env={**os.environ, "TURNOUT_ADMIN": proxy.admin})
        self.watchdog = threading.Timer(20, self.child.kill)  # a line that never comes must not hang the tests
        self.watchdog.start()

    def until(self, text):
        """The line that has the text."""
        for row in self.child.stdout:
            if text in row:
                return row.rstrip("\n")
        raise AssertionError(f"it ended without '{text}': {self.child.stderr.read()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watchdog.cancel()
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait(timeout=5)
        self.child.stdout.close()
        self.child.stderr.close()


def test_lines_one_for_each_version_and_one_for_each_change(line):
    with Lines(line, "--interval", "1h") as lines:
        first = lines.until("green")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  main  green  asked 10%  got -  requests 0( \(0\.0/s\))?  errors 0  "
                            r"p50 -  p99 -(  inconclusive)?  up 1/1", first), first
        send(line, 100)
        line.verb("set", "share", "green=30%", "--author", "ann", "--reason", "more")
        assert re.fullmatch(r"\S+Z  revision 2: share \(main\) by ann: more", lines.until("revision"))
        lines.until("asked 30%")  # a change is shown at once, whatever the interval is
        lines.child.send_signal(signal.SIGTERM)
        assert lines.child.wait(timeout=5) == -signal.SIGTERM


def test_lines_end_when_the_reader_is_gone(line):
    with Lines(line, "--interval", "1h") as lines:
        lines.until("main")
        lines.child.stdout.close()
        assert lines.child.wait(timeout=5) in (1, -signal.SIGPIPE)


def test_json_is_one_document_a_line(line):
    with Lines(line, "-o", "json", "--interval", "1h") as lines:
        assert json.loads(lines.until("{"))["revision"] == 1
        line.verb("set", "share", "green=30%")
        while json.loads(lines.until("{"))["revision"] != 2:
            pass


def test_stop_and_start_are_told(line):
    with Lines(line, "--interval", "1h") as lines:
        lines.until("main")
        assert line.stop(timeout=30) == 0
        assert lines.child.stderr.readline() == "turnout get: turnout is stopping; waiting for it to come back\n"
        line.start()
        assert f"restarted: pid {json.loads(line.verb('get', '-o', 'json'))['status']['pid']}" in lines.until("restarted")
        lines.until("main")
        line.verb("set", "share", "green=30%")
        lines.until("revision 2")


def test_killed_proxy_is_told_too(line, watch):
    terminal = watch(admin=line.admin)
    terminal.sees("REQ/S")
    line.kill()
    terminal.sees("waiting for turnout: ")
    assert "This is what was known last" in terminal.screen.text and "green" in terminal.screen.text
    line.start()
    terminal.sees("restarted: pid")
    assert "waiting" not in terminal.screen.text


def test_proxy_without_events_is_asked_instead(tmp_path, watch):
    fake = FakeAdmin(tmp_path / "fake.sock")
    terminal = watch("--interval", "250ms", admin=fake.path)
    terminal.sees("no such resource: asking again and again instead")
    fake.answers["GET /v1/share"]["rules"][1]["versions"][0]["requests"] = 123456
    terminal.sees("123,456")
    fake.close()


# --- the stream ------------------------------------------------------------------------------------

def test_the_33rd_reader_is_refused_and_get_w_asks_instead(line, watch):
    readers = [stream(line)[0] for _ in range(32)]
    refused, head = stream(line)
    assert head.startswith(b"HTTP/1.1 503 ") and b"Content-Type: application/problem+json" in head
    terminal = watch("--interval", "250ms", admin=line.admin)
    terminal.sees("32 readers follow the events already")
    line.verb("set", "share", "green=30%")  # 64 connections are allowed: nobody is locked out
    terminal.until(lambda s: re.search(r"green +30%", s.text))
    for reader in readers:  # all of them have been told
        assert any(name == "revision" and data["revision"] == 2 for name, _, data in events(reader))
        reader.close()
    refused.close()
    terminal.until(lambda s: "asking again" not in s.text)
    metrics = line.metrics()
    assert metrics.sum("turnout_event_readers") == 1 and metrics.sum("turnout_event_readers_refused_total") >= 2


def test_reader_who_comes_again_gets_what_he_missed(line):
    for share in (20, 30, 40):
        line.verb("set", "share", f"green={share}%", "--reason", f"to {share}")
    connection, _ = stream(line, last_id=2)
    told = events(connection)
    first = [next(told) for _ in range(3)]
    assert [(name, id) for name, id, _ in first] == [("revision", "3"), ("revision", "4"), ("state", "")]
    assert first[0][2]["reason"] == "to 30" and first[2][2]["revision"] == 4
    connection.close()


def test_slow_reader_is_cut_off_and_nobody_waits_for_him(line):
    """He reads nothing while revisions come: their events fill his 64 KiB (and what the kernel takes)."""
    slow, _ = stream(line)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    fast, _ = stream(line)
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(i for name, i, _ in events(fast) if name == "revision"))
    reader.start()
    reason = "r" * 1000
    deadline = time.monotonic() + 60
    count = 0
    while line.metrics().sum("turnout_event_readers_slow_total") == 0:
        assert time.monotonic() < deadline
        for _ in range(50):
            count += 1
            line.api("/v1/weights", "PUT", {"weights": {"blue": 90, "green": 1 + count % 2}, "reason": reason})
    assert line.metrics().sum("turnout_event_readers") == 1
    # what he was sent before is whole events, and then the end
    slow.settimeout(10)
    received = b""
    while piece := slow.recv(65536):
        received += piece
    assert b"event: revision" in received
    slow.close()
    last = json.loads(line.verb("get", "-o", "json"))["revision"]
    eventually(lambda: seen and seen[-1] == str(last))
    assert seen == [str(r) for r in range(2, last + 1)]  # the other one has all of them, in order
    fast.shutdown(socket.SHUT_RDWR)
    reader.join()
    fast.close()


def test_reader_does_not_hold_up_the_stop(line):
    connection, _ = stream(line)
    assert line.stop(timeout=30) == 0
    assert [data for name, _, data in events(connection) if name == "bye"] == [{"why": "stopping"}]
    connection.close()


def test_takeover_is_told_and_what_follows_is_seen(line):
    with Lines(line, "--interval", "1h") as lines:
        lines.until("main")
        old = json.loads(line.verb("get", "-o", "json"))["status"]["pid"]
        new = line.take_over()
        try:
            lines.until("taken over")
            assert json.loads(new.verb("get", "-o", "json"))["status"]["pid"] != old
            new.verb("set", "share", "green=30%", "--reason", "by the new one")
            assert "revision 2" in lines.until("by the new one")
        finally:
            assert new.stop(30) == 0
