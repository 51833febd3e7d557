"""The access log from outside: rotated, blocked, full, in both formats; the fields and the one-liners of its page."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from line import config, eventually, rule, settled, versions
from support import load
from support.http1 import Connection
from support.places import ROOT
from support.recorder import answer

PAGE = (ROOT / "docs/reference/access-log.md").read_text()
COMBINED = re.compile(r'^(\S+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "(\S+) (\S+) HTTP/1\.(\d)" '
                      r'(\d{3}) (\d+) "([^"]*)" "([^"]*)"$')


def lines_of(path):
    """Whole lines only: a torn one would not be JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_rotation_loses_and_tears_no_line(start_recorder, start_proxy):
    blue = start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})], "threads": 2,
                         "log": {"access": "./access.log"}})
    log = proxy.folder / "access.log"
    turned = []

    def rotate(seconds):
        if len(turned) < 8:
            turned.append(log.rename(log.with_suffix(f".{len(turned)}")))
            proxy.signal(signal.SIGUSR1)
            # The next rename needs a file: the one that is being opened.
            eventually(log.exists)

    outcomes = load.run(proxy.address, [load.get_request(f"/n?{n}") for n in range(6000)], connections=8, rate=6000,
                        on_tick=rotate)
    assert all(outcome.status == 200 for outcome in outcomes) and len(turned) >= 3
    eventually(lambda: sum(len(lines_of(path)) for path in [log, *turned]) == 6000)
    seen = [line["path"] for path in [log, *turned] for line in lines_of(path)]
    assert sorted(seen) == sorted(f"/n?{n}" for n in range(6000))
    assert proxy.metrics().sum("turnout_log_dropped_total") == 0


def test_a_name_that_cannot_be_opened_keeps_the_old_file(start_recorder, start_proxy, tmp_path):
    blue = start_recorder()
    (tmp_path / "stays/logs").mkdir(parents=True)
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})],
                         "log": {"access": "./logs/access.log"}}, name="stays")
    moved = (proxy.folder / "logs").rename(proxy.folder / "gone")
    proxy.signal(signal.SIGUSR1)
    proxy.wait_for(r"logs/access.log.*No such file")
    load.run(proxy.address, [load.get_request("/after")] * 5)
    eventually(lambda: len(lines_of(moved / "access.log")) == 5)


def test_a_pipe_that_nobody_reads_holds_up_nothing(start_recorder, start_proxy, tmp_path):
    blue = start_recorder()
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})],
                             "log": {"access": str(fifo)}})
        # The pipe holds 1 MiB, each loop's buffer 64 KiB: of these lines of a KiB most have no place.
        path = "/p?" + "x" * 1000
        begun = time.monotonic()
        outcomes = load.run(proxy.address, [load.get_request(path)] * 3000, connections=8)
        assert all(outcome.status == 200 for outcome in outcomes)
        assert time.monotonic() - begun < 30
        dropped = eventually(lambda: proxy.metrics().sum("turnout_log_dropped_total"))
        # Read at last: what was kept is whole, and what was not is counted.
        text = b""

        def read_all():
            nonlocal text
            try:
                while chunk := os.read(reader, 1 << 16):
                    text += chunk
            except BlockingIOError:
                pass
            return text.count(b"\n") + proxy.metrics().sum("turnout_log_dropped_total") == 3000

        eventually(read_all)
        assert 0 < dropped < 3000
        lines = [json.loads(line) for line in text.decode().splitlines()]
        assert all(line["path"] == path for line in lines)
        # And it goes on.
        load.run(proxy.address, [load.get_request("/after")] * 5)
        eventually(lambda: read_all() or text.count(b'"/after"') == 5)
    finally:
        os.close(reader)


def test_a_full_disk_holds_up_nothing(start_recorder, start_proxy):
    blue = start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})],
                         "log": {"access": "/dev/full"}, "threads": 1})
    path = "/p?" + "x" * 1000
    outcomes = load.run(proxy.address, [load.get_request(path)] * 1000, connections=4)
    assert all(outcome.status == 200 for outcome in outcomes)
    # All but what waits in the buffer for better times.
    dropped = eventually(lambda: proxy.metrics().sum("turnout_log_dropped_total"))
    assert 1000 - 64 <= dropped < 1000


def test_combined_as_other_programs_read_it(start_recorder, start_proxy):
    blue, green = start_recorder(), start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address], green=[green.address]),
                         "rules": [rule({"blue": 1}, mirror=[{"to": "green"}])],
                         "log": {"access": "./access.log", "format": "combined"}})
    with Connection(proxy.address) as connection:
        connection.request("GET", "/thanks?order=7", {"Referer": "http://shop/", "User-Agent": "test \"1\" \\ 2"})
        connection.request("GET", "/plain")
        connection.send(b"GET /r HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert connection.read().status == 400
    settled(proxy)
    log = proxy.folder / "access.log"
    text = eventually(lambda: log.read_text() if log.read_text().count("\n") >= 3 else None)
    rows = [COMBINED.match(line).groups() for line in text.splitlines()]
    assert len(rows) == 3  # of the mirrors there are none
    assert rows[0][0] == "127.0.0.1" and rows[0][2:6] == ("GET", "/thanks?order=7", "1", "200")
    assert rows[0][7:] == ("http://shop/", "test \\x221\\x22 \\x5c 2")
    assert rows[1][3] == "/plain" and rows[1][7:] == ("-", "-")
    assert rows[2][5] == "400"
    day = time.strptime(rows[0][1], "%d/%b/%Y:%H:%M:%S +0000")
    assert abs(time.mktime(day) - time.mktime(time.gmtime())) < 120


def make_log(start_fleet, start_proxy, start_recorder):
    """Lines with every field: mirrors, keys, slots, errors."""
    fleet = start_fleet(blue=1, green=1)
    bad = start_recorder(lambda request: answer(500))
    base = config(fleet)
    base["versions"]["blue"]["build"] = "1"
    base["versions"]["bad"] = versions(bad=[bad.address])["bad"]
    proxy = start_proxy({**base, "log": {"access": "./access.log"}, "rules": [
        rule({"bad": 1}, name="bad", match=[{"path": "/bad"}]),
        rule({"blue": 50, "green": 50}, name="users", match=[{"headers": [{"name": "X-User", "present": True}]}],
             sticky={"by": "header:X-User"}),
        rule({"blue": 75, "green": 25}, mirror=[{"to": "bad", "percent": 100}])]})
    load.run(proxy.address, [load.get_request("/count")] * 40)
    load.run(proxy.address, [load.get_request("/bad")] * 3)
    with Connection(proxy.address) as connection:
        for user in range(20):
            for _ in range(2):
                connection.request("GET", "/count", {"X-User": str(user), "Authorization": "Bearer s3cret",
                                                     "Cookie": "session=s3cret"})
    settled(proxy)
    log = proxy.folder / "access.log"
    # 40 and their mirrors, 3, 40
    eventually(lambda: len(lines_of(log)) == 123)
    return log


def test_fields_are_those_of_the_page(start_fleet, start_proxy, start_recorder):
    log = make_log(start_fleet, start_proxy, start_recorder)
    lines = lines_of(log)
    told = [name for row in re.findall(r"(?m)^\| (`[a-z_` ]+`) \| (?:text|number|true) \|", PAGE)
            for name in re.findall(r"`(\w+)`", row)]
    assert set(told) == {name for line in lines for name in line}
    for line in lines:
        # Always in the order of the page.
        assert [name for name in told if name in line] == list(line), line
    assert "s3cret" not in log.read_text()


def test_words_of_the_end_are_those_of_the_page():
    source = (ROOT / "proxy/session/failure.h").read_text()
    words = set(re.findall(r'X\(\w+, \d+, "(\w+)"', source))
    told = set(re.findall(r"`(\w+)`", re.search(r"(?m)^`end` is (.*)$", PAGE).group(1)))
    assert len(words) > 15 and told == words


ONE_LINERS = re.findall(r"```sh\n(.*?)```", PAGE, re.S)


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
def test_one_liners_of_the_page(start_fleet, start_proxy, start_recorder):
    log = make_log(start_fleet, start_proxy, start_recorder)

    def ask(part):
        [command] = [text for text in ONE_LINERS if part in text]
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=log.parent, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), command
        return done.stdout.splitlines()

    assert len(ONE_LINERS) == 7
    lines = [line for line in lines_of(log) if not line.get("mirror")]
    counts = {v: sum(line["version"] == v for line in lines) for v in ("bad", "blue", "green")}
    shares = [row.split() for row in ask("length as $all")]
    assert [(v, int(n)) for v, n, _ in shares] == list(counts.items())
    assert [round(float(share.rstrip("%")), 6) for *_, share in shares] == [round(100 * n / 83, 6) for n in counts.values()]
    assert [row.split() for row in ask(">= 500)")] == [["3", "bad", "500", "ok"]]
    for row, version in zip(ask("p50"), counts):
        times = sorted(line["duration_us"] / 1000 for line in lines if line["version"] == version)
        name, _, median, _, last = row.split()
        assert (name, float(median), float(last)) == (version, times[len(times) // 2], times[int(len(times) * 0.99)])
    slowest = ask("[:10]")
    assert len(slowest) == 10 and float(slowest[0].split()[0]) == max(line["duration_us"] for line in lines) / 1000
    assert ask("uniq -d") == []  # nobody met both
    differing = ask("!= $one.status")
    assert len(differing) == 40 and all(re.fullmatch(r"/count (blue|green) 200 bad 500", row) for row in differing)
    [(revision, since)] = [row.split() for row in ask("group_by(.revision)")]
    assert revision == "1" and since == min(line["time"] for line in lines_of(log))
