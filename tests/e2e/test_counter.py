"""counter from outside: requests, the count on disk, imports, faults, start and stop."""

import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zlib

import pytest

from counter_support import (COUNTER, Connection, Counter, Crowd, read_visits, refuse_data, run_counter,
                             transfer_line)

JSON = [("Accept", "application/json")]
HTML = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def counter(data):
    with Counter(data) as running:
        yield running


@pytest.fixture
def faulty(data):
    with Counter(data, "--faults-listen", "127.0.0.1:0") as running:
        yield running


def ask_faults(counter, method, target="/", headers=(), body=None):
    with Connection(counter.faults_port) as connection:
        return connection.request(method, target, headers, body)


# --- pages ---


def test_json_names_version_build_name_and_visits(data):
    with Counter(data, "--build", "2", version="green", name="app-green-3") as counter:
        answer = counter.request(headers=JSON)
        assert answer.text == '{"version":"green","build":"2","name":"app-green-3","visits":1}\n'
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-served-by"] == "app-green-3"
        assert answer.headers["x-version"] == "green"
        assert answer.headers["x-build"] == "2"
        assert answer.headers["x-visits"] == "1"
        assert answer.headers["cache-control"] == "no-store"


def test_html_shows_all_in_the_colour_of_the_version(tmp_path):
    pages = {}
    for version in ("blue", "green", "spring"):
        with Counter(tmp_path / version, version=version) as counter:
            answer = counter.request(headers=HTML)
            assert answer.headers["content-type"].startswith("text/html")
            for word in (version, "app-blue-0", "build 1", ">1<"):
                assert word in answer.text
            pages[version] = answer.text.partition("background: ")[2].partition(";")[0]
    assert len(set(pages.values())) == 3


def test_text_is_one_line(counter):
    assert counter.request().text == "app-blue-0 (blue, build 1): 1 visit\n"
    assert counter.request(headers=[("Accept", "*/*")]).text == "app-blue-0 (blue, build 1): 2 visits\n"


@pytest.mark.parametrize("accept, kind", [
    ("text/html;q=0.4, application/json", "application/json"),
    ("application/json;q=0.4, text/html", "text/html"),
    ("application/json;q=0", "text/plain"),
    ("image/png", "text/plain"),
])
def test_accept_decides_by_q(counter, accept, kind):
    assert counter.request(headers=[("Accept", accept)]).headers["content-type"].startswith(kind)


def test_version_and_count_do_not_count(counter):
    assert counter.visit() == 1
    assert counter.request(target="/version", headers=JSON).json == {
        "version": "blue", "build": "1", "name": "app-blue-0"}
    assert counter.count() == 1


@pytest.mark.parametrize("method, target, status", [
    ("HEAD", "/", 200), ("POST", "/", 200), ("PUT", "/", 405), ("DELETE", "/", 405), ("OPTIONS", "/", 405),
    ("GET", "/favicon.ico", 200), ("GET", "/healthz", 200), ("GET", "/readyz", 200), ("GET", "/metrics", 200),
    ("HEAD", "/healthz", 200), ("GET", "/count", 200), ("GET", "/version", 200), ("GET", "/bytes/9", 200),
    ("GET", "/nothing", 404), ("GET", "//", 404), ("GET", "/index.html", 404), ("POST", "/echo-size", 200),
    ("GET", "/echo-size", 405), ("GET", "/import", 405), ("GET", "/bytes/x", 400), ("POST", "/import", 403),
])
def test_only_get_of_the_page_counts(counter, method, target, status):
    assert counter.visit() == 1
    answer = counter.request(method, target, body=b"" if method in ("POST", "PUT") else None)
    assert answer.status == status
    assert answer.headers["x-served-by"] == "app-blue-0"
    assert counter.count() == 1
    assert read_visits(counter.data) == 1


def test_a_query_counts_too(counter):
    counter.request(target="/?a=1&b")
    assert counter.count() == 1


def test_405_names_the_methods(counter):
    assert counter.request("DELETE", "/").headers["allow"] == "GET, HEAD, POST"
    assert counter.request("GET", "/echo-size").headers["allow"] == "POST, PUT"


def test_metrics_are_prometheus_text(counter):
    for _ in range(3):
        counter.visit()
    counter.request(target="/nothing")
    text = counter.request(target="/metrics").text
    assert 'counter_info{version="blue",build="1",name="app-blue-0"} 1\n' in text
    assert "\ncounter_visits 3\n" in text and "\ncounter_ready 1\n" in text
    assert '\ncounter_requests_total{route="/",code="200"} 3\n' in text
    assert '\ncounter_requests_total{route="other",code="404"} 1\n' in text
    for line in text.splitlines():
        assert line.startswith("# ") or len(line.rsplit(" ", 1)) == 2


# --- bodies ---


def test_echo_size_tells_bytes_and_checksum(counter):
    body = random.Random(1).randbytes(16 << 20)
    with counter.connect() as connection:
        for target in ("/echo-size", "/"):
            answer = connection.request("POST", target, body=body)
            assert (answer.json["bytes"], answer.json["crc32"]) == (len(body), f"{zlib.crc32(body):08x}")
        assert connection.request("PUT", "/echo-size", body=b"").json["crc32"] == "00000000"


def test_echo_size_of_a_chunked_body(counter):
    rng = random.Random(2)
    body = rng.randbytes(300_000)
    message = b"POST /echo-size HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    at = 0
    while at < len(body):
        part = body[at:at + rng.randrange(1, 20_000)]
        message += b"%x\r\n%s\r\n" % (len(part), part)
        at += len(part)
    with counter.connect() as connection:
        connection.send(message + b"0\r\n\r\n")
        answer = connection.receive()
        assert answer.json["bytes"] == 300_000
        assert answer.json["crc32"] == f"{zlib.crc32(body):08x}"
        assert connection.request("GET", "/count").status == 200


def test_a_body_too_large_is_refused(counter):
    body = bytes((16 << 20) + 1)
    with counter.connect() as connection:
        assert connection.request("POST", "/echo-size", body=body).status == 413
        # it was read to its end, so the connection is good for more
        assert connection.request("GET", "/count").status == 200
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 17 + b"0\r\n\r\n")
        assert connection.receive().status == 413


@pytest.mark.parametrize("extra", [b"Content-Length: 999999999999\r\n",
                                   b"Content-Length: 16777217\r\nExpect: 100-continue\r\n"])
def test_a_body_far_too_large_is_refused_unread(counter, extra):
    with counter.connect() as connection:
        connection.send(b"POST /echo-size HTTP/1.1\r\nHost: a\r\n" + extra + b"\r\n")
        assert connection.receive().status == 413
        assert connection.is_closed(5)


def test_a_body_without_end_is_cut_off(counter):
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    with counter.connect() as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(200):
                connection.send(chunk)
    assert counter.count() == 0


def test_expect_continue_is_answered(counter):
    with counter.connect() as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert connection._read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        connection.send(b"12345")
        assert connection.receive().json["bytes"] == 5


def pattern(count):
    return b"".join(b"%015x\n" % at for at in range(0, count, 16))[:count]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 4096, 1_000_003])
def test_bytes_are_exact_and_know_their_place(counter, count):
    with counter.connect() as connection:
        sized = connection.request("GET", f"/bytes/{count}")
        chunked = connection.request("GET", f"/bytes/{count}?chunked=1")
        head = connection.request("HEAD", f"/bytes/{count}")
    assert sized.headers["content-length"] == str(count) == head.headers["content-length"]
    assert chunked.headers["transfer-encoding"] == "chunked" and "content-length" not in chunked.headers
    assert sized.body == chunked.body == pattern(count)


@pytest.mark.parametrize("number", ["", "-1", "1x", "0x10", "1099511627777", "9" * 40])
def test_bytes_of_a_wrong_number(counter, number):
    answer = counter.request(target=f"/bytes/{number}")
    assert answer.status == 400 and "1099511627776" in answer.json["error"]


def test_a_huge_body_costs_no_memory(counter):
    """A reader that stops after 1 MiB of a tebibyte: nothing is kept for the rest."""
    with counter.connect() as connection:
        connection.send(b"GET /bytes/1099511627776 HTTP/1.1\r\nHost: a\r\n\r\n")
        connection._read(1 << 20)
        assert counter.visit() == 1
    status = pathlib.Path(f"/proc/{counter.pid}/status").read_text()
    resident_kib = int(status.partition("VmRSS:")[2].split()[0])
    assert resident_kib < 100_000


# --- connections ---


def test_keep_alive_and_pipelining_answer_in_order(counter):
    with counter.connect() as connection:
        assert [connection.request("GET", "/", JSON).json["visits"] for _ in range(50)] == list(range(1, 51))
        connection.send(Crowd.VISIT * 50 + b"GET /count HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n")
        numbers = [connection.receive().json["visits"] for _ in range(51)]
        assert numbers == [*range(51, 101), 100]


def test_http_1_0_and_connection_close_end_the_connection(counter):
    for message in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):
        with counter.connect() as connection:
            connection.send(message)
            assert connection.receive().status == 200
            assert connection.is_closed(5)


def test_http_1_0_gets_a_body_without_chunks(counter):
    with counter.connect() as connection:
        connection.send(b"GET /bytes/100?chunked=1 HTTP/1.0\r\n\r\n")
        answer = connection.receive()
        assert "transfer-encoding" not in answer.headers and answer.body == pattern(100)


@pytest.mark.parametrize("message", [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
])
def test_broken_requests_are_refused_and_count_nothing(counter, message):
    with counter.connect(timeout=5) as connection:
        connection.send(message)
        data = connection.read_to_end()
        assert data == b"" or data.split(b" ")[1] == b"400"
    assert counter.count() == 0


def test_a_long_head_is_taken_and_a_huge_one_refused(counter):
    with counter.connect() as connection:
        assert connection.request("GET", "/count", [("X-Long", "a" * 60_000)]).status == 200
    with counter.connect() as connection:
        try:
            assert connection.request("GET", "/count", [("X-Long", "a" * 200_000)]).status in (413, 431)
        except (EOFError, ConnectionError):
            pass
    assert counter.visit() == 1


def test_idle_connections_are_closed_in_time(data):
    with Counter(data, "--idle-timeout", "1s") as counter, counter.connect() as connection:
        assert connection.request("GET", "/count").status == 200
        start = time.monotonic()
        assert connection.is_closed(5)
        assert 0.5 < time.monotonic() - start < 4


def test_more_connections_than_allowed_wait(data):
    with Counter(data, "--max-connections", "4") as counter:
        crowd = [counter.connect() for _ in range(4)]
        for connection in crowd:
            assert connection.request("GET", "/count").status == 200
        with counter.connect() as fifth:
            fifth.send(Crowd.VISIT)
            assert not fifth.is_closed(0.3)
            for connection in crowd:
                connection.close()
            fifth.socket.settimeout(10)
            assert fifth.receive().json["visits"] == 1


# --- the count on disk ---


def test_the_file_reads_as_the_seed_reads_it(counter):
    for _ in range(300):
        counter.visit()
    line = ("cat visits.bin | python3 -c 'from sys import stdin; "
            "print(int.from_bytes(stdin.buffer.read(), \"little\"))'")
    result = subprocess.run(["sh", "-c", line], cwd=counter.data, capture_output=True, text=True, check=True)
    assert result.stdout == "300\n"


@pytest.mark.parametrize("connections", [16, 64])
def test_concurrent_visits_get_numbers_of_their_own(counter, connections):
    crowd = Crowd(counter.port, connections)
    crowd.run(3000)
    crowd.close()
    assert sorted(crowd.numbers) == list(range(1, 3001))
    assert read_visits(counter.data) == 3000 == counter.metric("counter_visits")
    # group commit: visits that came together became durable together
    assert counter.metric("counter_commits_total") < 3000


def test_the_count_survives_restarts(data):
    for start in (0, 5, 10):
        with Counter(data) as counter:
            assert counter.count() == start
            assert [counter.visit() for _ in range(5)] == list(range(start + 1, start + 6))
            assert counter.stop() == (0, "")


def test_kill_9_loses_no_answered_visit(data):
    """20 kills, each somewhere in 2,000 visits of 16 clients."""
    rng = random.Random(20261103)
    floor = 0
    for _ in range(20):
        with Counter(data) as counter:
            before = counter.count()
            assert before == read_visits(data) >= floor
            kill_at = rng.randrange(1, 1980)
            delay = rng.choice([0, 0, 0.0002, 0.001])

            def on_answer(answers):
                if answers == kill_at:
                    threading.Timer(delay, os.kill, (counter.pid, signal.SIGKILL)).start()

            crowd = Crowd(counter.port, 16)
            crowd.run(2000, on_answer)
            crowd.close()
            counter.process.wait(10)
            after = read_visits(data)
            assert len(crowd.numbers) >= kill_at and crowd.failed == []
            assert len(set(crowd.numbers)) == len(crowd.numbers)
            assert after >= max(crowd.numbers), "an answered visit is lost"
            assert before + len(crowd.numbers) <= after <= before + crowd.sent, "not a count"
            floor = after


def test_a_second_process_is_refused(counter):
    counter.visit()
    message = refuse_data(counter.data)
    assert f"{counter.data} is in use by another counter (process {counter.pid})" in message
    assert counter.visit() == 2 and read_visits(counter.data) == 2


def test_the_lock_ends_with_the_process(data):
    with Counter(data) as first:
        first.visit()
        first.kill()
    with Counter(data) as second:
        assert second.visit() == 2


@pytest.mark.parametrize("content", [b"\x72", b"\x72\x01", b"\x01\x02\x03", b"\xff" * 7])
def test_a_short_file_is_read_and_widened(data, content):
    data.mkdir()
    (data / "visits.bin").write_bytes(content)
    (data / "visits.bin").chmod(0o640)
    value = int.from_bytes(content, "little")
    with Counter(data) as counter:
        assert read_visits(data) == value == counter.count()
        assert counter.visit() == value + 1
        assert stat.S_IMODE((data / "visits.bin").stat().st_mode) == 0o640
    assert sorted(os.listdir(data)) == ["counter.lock", "visits.bin"]


@pytest.mark.parametrize("content", [b"", b"123456789", b"x" * 5000])
def test_a_file_of_another_length_is_refused_and_untouched(data, content):
    data.mkdir()
    (data / "visits.bin").write_bytes(content)
    before = (data / "visits.bin").stat()
    message = refuse_data(data)
    assert f"{data}/visits.bin is {len(content)} bytes long, expected 1 to 8" in message
    after = (data / "visits.bin").stat()
    assert (data / "visits.bin").read_bytes() == content
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_what_is_no_regular_file_is_refused(data):
    data.mkdir()
    visits = data / "visits.bin"
    visits.mkdir()
    assert "visits.bin: Is a directory" in refuse_data(data)
    visits.rmdir()
    os.mkfifo(visits)
    assert "visits.bin is not a regular file" in refuse_data(data)
    visits.unlink()
    (data / "other").write_bytes(b"\x01")
    visits.symlink_to("other")
    assert "visits.bin" in refuse_data(data)
    assert (data / "other").read_bytes() == b"\x01"


def test_a_left_over_temporary_file_does_no_harm(data):
    data.mkdir()
    (data / "visits.bin").write_bytes(b"\x05")
    (data / "visits.bin.tmp").write_bytes(b"garbage from a crash")
    with Counter(data) as counter:
        assert counter.visit() == 6
    assert not (data / "visits.bin.tmp").exists()


def test_the_data_folder_is_made_but_not_its_parents(tmp_path):
    with Counter(tmp_path / "new") as counter:
        assert counter.visit() == 1
    message = refuse_data(tmp_path / "no" / "such")
    assert "cannot make the data folder" in message and "its parent must exist" in message
    (tmp_path / "file").write_text("")
    assert "Not a directory" in refuse_data(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the user who may not read")
def test_an_unreadable_file_is_refused(tmp_path):
    data = pathlib.Path("/tmp") / f"counter-unreadable-{os.getpid()}"
    data.mkdir(mode=0o777)
    binary = data.with_suffix(".bin")
    try:
        shutil.copy(COUNTER, binary)
        binary.chmod(0o755)
        data.chmod(0o777)
        (data / "visits.bin").write_bytes(b"\x05")
        (data / "visits.bin").chmod(0o600)
        result = subprocess.run([binary, "--listen", "127.0.0.1:0", "--version", "blue", "--data", data],
                                user=65534, group=65534, extra_groups=[], capture_output=True, text=True, timeout=10)
        assert result.returncode == 1
        assert "cannot open" in result.stderr and "visits.bin: Permission denied" in result.stderr
        assert (data / "visits.bin").read_bytes() == b"\x05"
    finally:
        shutil.rmtree(data)
        binary.unlink()


# --- a disk that fails ---


def limit_file_size(counter, size):
    """From now on the process cannot write behind this place: the kernel's own short write, then EFBIG."""
    resource.prlimit(counter.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def wait_until(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)


def test_a_failing_write_is_503_and_loses_nothing(counter):
    assert counter.visit() == 1
    limit_file_size(counter, 0)
    answer = counter.request(headers=JSON)
    assert answer.status == 503 and answer.headers["retry-after"] == "1"
    assert answer.json["error"] == "the visit was not counted: File too large"
    assert counter.request(target="/readyz").status == 503
    assert counter.request(target="/healthz").status == 200
    assert counter.count() == 1 == read_visits(counter.data)
    assert counter.metric("counter_commit_failures_total") >= 1
    limit_file_size(counter, resource.RLIM_INFINITY)
    # ready again by itself: nobody visits a service that is not ready
    wait_until(lambda: counter.request(target="/readyz").status == 200)
    assert counter.visit() == 2 == read_visits(counter.data)
    assert sorted(os.listdir(counter.data)) == ["counter.lock", "visits.bin"]


def test_a_short_write_never_leaves_half_a_number(data):
    """From 0xffffffff to 0x100000000 every byte changes: four new and four old ones would be 0."""
    data.mkdir()
    (data / "visits.bin").write_bytes((0xFFFFFFFF).to_bytes(8, "little"))
    with Counter(data) as counter:
        limit_file_size(counter, 4)
        assert counter.request().status == 503
        assert read_visits(data) == 0xFFFFFFFF
        counter.kill()
    with Counter(data) as counter:
        assert counter.visit() == 0x100000000


def test_a_count_that_is_full_does_not_start_again(data):
    data.mkdir()
    (data / "visits.bin").write_bytes(b"\xfe" + b"\xff" * 7)
    with Counter(data) as counter:
        assert counter.visit() == 2**64 - 1
        assert counter.request().status == 503
        assert read_visits(data) == 2**64 - 1
        assert counter.request(target="/readyz").status == 200


FILL = 'dd if=/dev/zero of="$0/ballast" bs=1k 2>/dev/null; '


def can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(data):
    """Words that run a program where `data` is a disk of 64 KiB that nobody else sees. `prepare` is
    shell, run on the disk before; in it $0 is the folder."""
    if not can_mount():
        pytest.skip("test_counter full disk: mounting a small tmpfs needs root and unshare -m")
    data.mkdir()

    def make(prepare):
        script = f'mount -t tmpfs -o size=64k tmpfs "$0" && {{ {prepare} }}; exec "$@"'
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, str(data)]

    return make


def look_inside(counter):
    """The data folder as the process sees it."""
    return pathlib.Path(f"/proc/{counter.pid}/root") / str(counter.data).lstrip("/")


def run_inside(words, data):
    return subprocess.run([*words, COUNTER, "--listen", "127.0.0.1:0", "--version", "blue", "--data", data],
                          capture_output=True, text=True, timeout=10)


def test_full_disk_without_a_count_is_refused(small_disk, data):
    words = small_disk(FILL)
    result = run_inside(words, data)
    assert result.returncode == 1, result
    assert result.stderr == f"counter: cannot write {data}/visits.bin: No space left on device\n"
    assert result.stdout == ""


def test_full_disk_with_a_short_count_is_refused_and_untouched(small_disk, data):
    words = small_disk('printf abc > "$0/visits.bin"; ' + FILL)
    # the folder goes with the process: so another program looks at it after counter ended
    words[words.index("-c") + 1] = words[words.index("-c") + 1].replace(
        'exec "$@"', '"$@"; code=$?; od -An -c "$0/visits.bin"; ls "$0"; exit $code')
    result = run_inside(words, data)
    assert result.returncode == 1
    assert "No space left on device" in result.stderr
    assert result.stdout.split() == ["a", "b", "c", "ballast", "counter.lock", "visits.bin"]


def test_full_disk_goes_on_counting_where_a_count_is(small_disk, data):
    words = small_disk('printf "\\005\\0\\0\\0\\0\\0\\0\\0" > "$0/visits.bin"; ' + FILL)
    with Counter(data, "--allow-import", prefix=words) as counter:
        inside = look_inside(counter)
        assert [counter.visit() for _ in range(20)] == list(range(6, 26))
        assert read_visits(inside) == 25
        # an import needs room for its line: refused, nothing counted twice or lost
        answer = counter.transfer("t1", 100)
        assert answer.status == 503 and "No space left on device" in answer.json["error"]
        assert counter.count() == 25
        (inside / "ballast").unlink()
        wait_until(lambda: counter.request(target="/readyz").status == 200)
        assert counter.visit() == 26
        answer = counter.transfer("t1", 100)
        assert answer.json["applied"] is True and answer.json["visits"] == 126
        assert read_visits(inside) == 126
        assert counter.stop()[0] == 0


# --- imports ---


@pytest.fixture
def importing(data):
    with Counter(data, "--allow-import") as running:
        yield running


def test_import_is_refused_unless_allowed(counter):
    answer = counter.transfer("t1", 5)
    assert answer.status == 403 and "--allow-import" in answer.json["error"]
    assert counter.count() == 0
    assert sorted(os.listdir(counter.data)) == ["counter.lock", "visits.bin"]


def test_import_adds_once_also_after_a_restart(data):
    expected = {"version": "blue", "build": "1", "name": "app-blue-0", "visits": 116, "transfer": "green-0-42",
                "imported": 114}
    with Counter(data, "--allow-import") as counter:
        counter.visit()
        counter.visit()
        assert counter.transfer("green-0-42", 114).json == {**expected, "applied": True}
        assert counter.transfer("green-0-42", 114).json == {**expected, "applied": False}
        assert read_visits(data) == 116
        counter.kill()
    with Counter(data, "--allow-import") as counter:
        assert counter.transfer("green-0-42", 114).json == {**expected, "applied": False}
        assert counter.visit() == 117
        assert counter.transfer("green-1-42", 3).json["visits"] == 120
        assert counter.stop() == (0, "")
    with Counter(data, "--allow-import") as counter:
        assert counter.transfer("green-0-42", 114).json["applied"] is False
        assert counter.transfer("green-1-42", 3).json["applied"] is False
        assert counter.count() == 120


def test_import_of_the_same_id_with_another_number_is_a_conflict(importing):
    assert importing.transfer("t1", 5).status == 200
    assert importing.transfer("t1", 6).status == 409
    assert importing.count() == 5


def test_import_that_does_not_fit_is_a_conflict(importing):
    importing.visit()
    assert importing.transfer("t1", 2**64 - 1).status == 409
    assert importing.visit() == 2
    assert importing.transfer("t1", 2**64 - 3).json["visits"] == 2**64 - 1


def test_import_takes_a_form_too(importing):
    assert importing.request("POST", "/import", body=b"transfer=a%3Ab&visits=7").json["transfer"] == "a:b"
    assert importing.count() == 7


@pytest.mark.parametrize("body", [
    b"", b"{}", b"7", b"{", b'{"transfer":"t1"}', b'{"visits":5}', b'{"transfer":"t1","visits":0}',
    b'{"transfer":"t1","visits":-5}', b'{"transfer":"t1","visits":1.5}', b'{"transfer":"t1","visits":1e3}',
    b'{"transfer":"t1","visits":99999999999999999999}', b'{"transfer":"","visits":5}',
    b'{"transfer":"a b","visits":5}', b'{"transfer":"' + b"a" * 65 + b'","visits":5}',
    b'{"transfer":"t1","visits":5,"visits":6}', b'{"transfer":"t1","transfer":"t2","visits":5}',
    b'{"transfer":"t1","visits":5,"more":1}', b'{"transfer":"t1","visits":5} x', b'[{"transfer":"t1","visits":5}]',
    b'{"transfer":"t1","visits":{"a":5}}', b'{"transfer":"t1","visits":5}\0', b"transfer=t1&visits=", b"transfer",
    b'{"transfer":"t1\\n1 t2 5 0 5","visits":5}',
])
def test_import_of_another_shape_is_refused(importing, body):
    answer = importing.request("POST", "/import", body=body)
    assert answer.status == 400 and answer.json["error"]
    assert importing.count() == 0
    assert importing.transfer("t1", 5).json["applied"] is True


def test_import_too_long_is_refused(importing):
    assert importing.request("POST", "/import", body=b" " * 5000).status == 413
    assert importing.count() == 0


def test_import_repeated_at_the_same_time_counts_once(importing):
    answers = []

    def send():
        answers.append(importing.transfer("t1", 1000).json)

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    crowd = Crowd(importing.port, 8)
    crowd.run(500)
    crowd.close()
    for thread in threads:
        thread.join()
    assert [answer["applied"] for answer in answers].count(True) == 1 and len(answers) == 16
    assert importing.count() == 1500 == read_visits(importing.data)


def make_data(data, visits, log):
    data.mkdir()
    (data / "visits.bin").write_bytes(visits.to_bytes(8, "little"))
    (data / "transfers.log").write_bytes(log)


def test_import_whose_line_was_durable_is_finished_at_the_start(data):
    """Killed between the line and the count: the line decides."""
    make_data(data, 10, transfer_line("t0", 4, 2, 6) + transfer_line("t1", 5, 10, 15))
    with Counter(data, "--allow-import") as counter:
        assert counter.count() == 15 == read_visits(data)
        assert counter.transfer("t1", 5).json["applied"] is False


def test_import_whose_count_was_durable_is_not_done_twice(data):
    make_data(data, 17, transfer_line("t1", 5, 10, 15))
    with Counter(data, "--allow-import") as counter:
        assert counter.count() == 17
        assert counter.transfer("t1", 5).json["applied"] is False


@pytest.mark.parametrize("tail", [b"1 t2 5 10", transfer_line("t2", 5, 15, 20)[:-1], b"\0" * 40,
                                  b"1 t2 5\0\0\0 20 00000000\n"])
def test_import_line_cut_by_a_crash_is_taken_off(data, tail):
    whole = transfer_line("t1", 5, 10, 15)
    make_data(data, 15, whole + tail)
    with Counter(data, "--allow-import") as counter:
        assert counter.count() == 15
        assert (data / "transfers.log").read_bytes() == whole
        assert counter.transfer("t2", 5).json["applied"] is True
        assert (data / "transfers.log").read_bytes() == whole + transfer_line("t2", 5, 15, 20)


@pytest.mark.parametrize("end", [b"", transfer_line("t2", 5, 15, 20)])
def test_a_damaged_log_is_refused_and_untouched(data, end):
    log = transfer_line("t0", 4, 2, 6) + b"1 t1 5 10 15 00000000\n" + end
    make_data(data, 20, log)
    assert "transfers.log is damaged in line 2" in refuse_data(data)
    assert (data / "transfers.log").read_bytes() == log and read_visits(data) == 20


def test_a_count_below_the_log_is_refused(data):
    make_data(data, 3, transfer_line("t1", 5, 10, 15))
    assert "visits.bin holds less, but transfers.log says that 15 were counted" in refuse_data(data)
    (data / "visits.bin").unlink()
    assert "visits.bin is missing, but transfers.log says" in refuse_data(data)
    assert not (data / "visits.bin").exists()


def test_kill_9_during_imports_counts_each_once(data):
    """Every import is repeated until it is answered, over ten kills: the sum is exact."""
    rng = random.Random(7)
    done = 0
    for _ in range(10):
        with Counter(data, "--allow-import") as counter:
            threading.Timer(rng.random() * 0.05, os.kill, (counter.pid, signal.SIGKILL)).start()
            try:
                with counter.connect() as connection:
                    while done < 2000:
                        body = b'{"transfer":"t%d","visits":3}' % done
                        if connection.request("POST", "/import", body=body).status == 200:
                            done += 1
            except (EOFError, ConnectionError):
                pass
            counter.process.wait(10)
    with Counter(data, "--allow-import") as counter:
        assert counter.transfer(f"t{done}", 3).status == 200
        assert counter.count() == 3 * (done + 1) == read_visits(data)


# --- faults ---


def test_faults_are_off_unless_asked_for(counter):
    assert counter.request(target="/?error_rate=100").status == 200
    assert counter.request("PUT", "/?error_rate=100").status == 405
    assert counter.faults_port is None


def test_faults_show_what_is_set(faulty):
    nothing = {"error_rate": 0, "error_status": 500, "latency_ms": 0, "slow_body_ms": 0, "never_ready": False,
               "wrong_field": "", "wrong_rate": 100, "crash_after": 0}
    assert ask_faults(faulty, "GET").json == nothing
    assert faulty.set_faults(error_rate=12.5, wrong_field="name") == {**nothing, "error_rate": 12.5, "wrong_field": "name"}
    answer = ask_faults(faulty, "POST", "/?latency_ms=20&never_ready=true")
    assert answer.json == {**nothing, "error_rate": 12.5, "wrong_field": "name", "latency_ms": 20, "never_ready": True}
    assert ask_faults(faulty, "PUT", body=b"error_rate=0.0001&latency_ms=0").json["error_rate"] == 0.0001
    assert ask_faults(faulty, "DELETE").json == nothing


@pytest.mark.parametrize("method, target, headers, body, status, word", [
    ("PUT", "/", [], b'{"error_rate":101}', 400, "error_rate: expected 0 to 100"),
    ("PUT", "/", [], b'{"latency_ms":20,"error_rate":"x"}', 400, "error_rate"),
    ("PUT", "/", [], b'{"nothing":1}', 400, "unknown field"),
    ("PUT", "/?error_status=200", [], b"", 400, "error_status: expected 400 to 599"),
    ("PUT", "/?never_ready=maybe", [], b"", 400, "never_ready: expected true or false"),
    ("PUT", "/?wrong_field=colour", [], b"", 400, "wrong_field"),
    ("PUT", "/?latency_ms=600001", [], b"", 400, "latency_ms"),
    ("PUT", "/", [], b"x" * 5000, 413, "4096"),
    ("PUT", "/other", [], b"error_rate=5", 404, "only /"),
    ("PATCH", "/", [], b"error_rate=5", 405, ""),
    ("PUT", "/", [("Origin", "http://evil.test")], b"error_rate=5", 403, "web pages"),
])
def test_faults_refuse_what_is_wrong_and_change_nothing(faulty, method, target, headers, body, status, word):
    before = ask_faults(faulty, "GET").json
    answer = ask_faults(faulty, method, target, headers, body)
    assert answer.status == status and word in answer.json["error"]
    assert ask_faults(faulty, "GET").json == before


def test_fault_error_rate_is_exact_and_not_counted(faulty):
    faulty.set_faults(error_rate=25, error_status=502)
    with faulty.connect() as connection:
        statuses = [connection.request("GET", "/").status for _ in range(400)]
        assert statuses.count(502) == 100 and statuses.count(200) == 300
        for _ in range(10):
            assert connection.request("GET", "/healthz").status == 200
            assert connection.request("GET", "/readyz").status == 200
    ask_faults(faulty, "DELETE")
    assert faulty.count() == 300


def test_fault_answers_still_tell_who_answered(faulty):
    faulty.set_faults(error_rate=100)
    answer = faulty.request()
    assert answer.status == 500 and answer.json["error"] == "fault error_rate"
    assert answer.headers["x-version"] == "blue" and answer.json["version"] == "blue"


def test_fault_latency_delays_each_but_holds_up_nobody(faulty):
    faulty.set_faults(latency_ms=1000)
    start = time.monotonic()
    crowd = Crowd(faulty.port, 32)
    crowd.run(32)
    crowd.close()
    assert len(crowd.numbers) == 32
    assert 1.0 <= time.monotonic() - start < 10
    start = time.monotonic()
    assert faulty.request(target="/healthz").status == 200
    assert time.monotonic() - start < 0.8


@pytest.mark.parametrize("target", ["/", "/bytes/100000", "/bytes/100000?chunked=1"])
def test_fault_slow_body_comes_in_parts_and_whole(faulty, target):
    normal = faulty.request(target="/count" if target == "/" else target)
    faulty.set_faults(slow_body_ms=800)
    start = time.monotonic()
    with faulty.connect() as connection:
        connection.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        connection._fill()
        first = time.monotonic() - start
        answer = connection.receive()
    assert first < 0.6 <= time.monotonic() - start
    if target == "/":
        assert answer.text == normal.text.replace("0 visits", "1 visit")
    else:
        assert answer.body == normal.body


def test_waiting_costs_no_processor_time(faulty):
    faulty.set_faults(slow_body_ms=600)
    before = faulty.cpu_seconds()
    assert faulty.request().status == 200
    assert faulty.cpu_seconds() - before < 0.2


@pytest.mark.parametrize("field, wrong", [("version", "wrong"), ("build", "wrong"), ("name", "wrong"),
                                          ("visits", 1000001)])
def test_fault_wrong_field_is_wrong_in_the_body_only(faulty, field, wrong):
    faulty.set_faults(wrong_field=field)
    answer = faulty.request(headers=JSON)
    truth = {"version": "blue", "build": "1", "name": "app-blue-0", "visits": 1}
    assert answer.json == {**truth, field: wrong}
    assert (answer.headers["x-version"], answer.headers["x-visits"]) == ("blue", "1")
    faulty.set_faults(wrong_rate=10)
    bodies = [faulty.request(target="/count", headers=JSON).json == truth for _ in range(50)]
    assert bodies.count(False) == 5
    assert read_visits(faulty.data) == 1


def test_fault_never_ready(faulty):
    faulty.set_faults(never_ready=True)
    answer = faulty.request(target="/readyz")
    assert answer.status == 503 and "never_ready" in answer.text
    assert faulty.metric("counter_ready") == 0
    assert faulty.request(target="/healthz").status == 200 and faulty.visit() == 1


def test_fault_crash_ends_the_process_at_once(faulty):
    assert faulty.visit() == 1
    assert ask_faults(faulty, "PUT", "/?crash=true").status == 200
    assert faulty.wait()[0] == -signal.SIGKILL
    assert read_visits(faulty.data) == 1


def test_fault_crash_after_so_many_requests(faulty):
    faulty.set_faults(crash_after=3)
    assert [faulty.visit(), faulty.visit()] == [1, 2]
    with pytest.raises((EOFError, ConnectionError)):
        faulty.request()
    assert faulty.wait()[0] == -signal.SIGKILL


def test_faults_from_the_start(data):
    with Counter(data, "--faults", "error_rate=100&error_status=503") as counter:
        assert counter.request().status == 503
        assert counter.request(target="/readyz").status == 200


# --- start and stop ---


def test_stop_closes_idle_connections_and_exits_0(data):
    with Counter(data) as counter:
        idle = [counter.connect() for _ in range(5)]
        for connection in idle:
            assert connection.request("GET", "/").status == 200
        start = time.monotonic()
        assert counter.stop() == (0, "")
        assert time.monotonic() - start < 3
        for connection in idle:
            assert connection.is_closed(1)
            connection.close()
    assert read_visits(data) == 5


def test_stop_answers_what_is_on_its_way(data):
    """A request that meets the end on an idle connection is answered, and told that it was the last."""
    with Counter(data, "--stop-linger", "5s") as counter, counter.connect() as connection:
        assert connection.request("GET", "/").status == 200
        counter.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(counter.port))
        answer = connection.request("GET", "/", JSON)
        assert answer.json["visits"] == 2 and answer.headers["connection"].lower() == "close"
        start = time.monotonic()
        assert counter.wait() == (0, "")
        assert time.monotonic() - start < 3, "nobody is left to linger for"


def refuses_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionError:
        return True
    return False


def test_stop_finishes_open_requests(faulty):
    faulty.set_faults(latency_ms=700)
    with faulty.connect() as connection:
        connection.send(Crowd.VISIT)
        wait_until(lambda: faulty.request(target="/healthz").status == 200)
        faulty.process.send_signal(signal.SIGTERM)
        answer = connection.receive()
        assert answer.json["visits"] == 1
    assert faulty.wait() == (0, "")
    assert read_visits(faulty.data) == 1


def test_stop_is_not_ready_while_it_goes_on_serving(data):
    with Counter(data, "--stop-delay", "1s") as counter:
        counter.process.send_signal(signal.SIGTERM)
        wait_until(lambda: counter.request(target="/readyz").status == 503)
        assert counter.request(target="/readyz").text == "not ready: stopping\n"
        assert counter.visit() == 1
        assert counter.wait() == (0, "")


def test_stop_gives_up_on_slow_clients_after_the_grace(data):
    with Counter(data, "--stop-grace", "500ms") as counter, counter.connect() as connection:
        connection.send(b"GET /bytes/1099511627776 HTTP/1.1\r\nHost: a\r\n\r\n")
        connection._read(100)
        start = time.monotonic()
        assert counter.stop()[0] == 0
        assert time.monotonic() - start < 5


def test_stop_under_load_loses_nothing(data):
    with Counter(data) as counter:
        crowd = Crowd(counter.port, 16)

        def on_answer(answers):
            if answers == 500:
                counter.process.send_signal(signal.SIGTERM)

        crowd.run(5000, on_answer)
        crowd.close()
        assert counter.wait() == (0, "")
        assert len(crowd.numbers) >= 500 and crowd.failed == []
        assert read_visits(data) == crowd.sent == len(crowd.numbers)


def test_a_second_signal_ends_the_waiting(data):
    with Counter(data, "--stop-delay", "30s", "--stop-linger", "30s") as counter, counter.connect() as connection:
        assert connection.request("GET", "/").status == 200
        counter.process.send_signal(signal.SIGTERM)
        wait_until(lambda: counter.request(target="/readyz").status == 503)
        counter.process.send_signal(signal.SIGINT)
        wait_until(lambda: refuses_connections(counter.port))
        counter.process.send_signal(signal.SIGTERM)
        assert counter.wait() == (0, "")


def test_a_port_in_use_is_told(counter, tmp_path):
    result = run_counter("--listen", f"127.0.0.1:{counter.port}", "--version", "b", "--data", str(tmp_path / "other"))
    assert result.returncode == 1
    assert result.stderr == f"counter: cannot listen on 127.0.0.1:{counter.port}: Address already in use\n"


def test_the_same_port_is_taken_again_at_once(data):
    with Counter(data) as first:
        port = first.port
        first.request(headers=[("Connection", "close")])
        assert first.stop() == (0, "")
    with Counter(data, port=port) as second:
        assert second.port == port and second.visit() == 2


def test_ipv6(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("test_counter ipv6: this machine has no ::1")
    process = subprocess.Popen([COUNTER, "--listen", "[::1]:0", "--version", "b", "--data", tmp_path / "d"],
                               stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("counter: listening on [::1]:")
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_the_environment_says_the_same(tmp_path):
    environment = {"COUNTER_LISTEN": "127.0.0.1:0", "COUNTER_VERSION": "green", "COUNTER_BUILD": "7",
                   "COUNTER_NAME": "pod-3", "COUNTER_DATA": str(tmp_path / "env"), "COUNTER_ALLOW_IMPORT": "1",
                   "COUNTER_PORT": "tcp://10.0.0.1:5000"}
    with Counter(tmp_path / "flag", version="blue", name="pod-4", environment=environment) as counter:
        assert counter.transfer("t1", 4).json == {"version": "blue", "build": "7", "name": "pod-4", "visits": 4,
                                                  "transfer": "t1", "imported": 4, "applied": True}
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("options, words", [
    ([], ["--version is missing", "--data is missing"]),
    (["--listen", "5000"], ['--listen "5000": expected a numeric address and port']),
    (["--listen", "localhost:5000"], ["--listen"]),
    (["--listen", "127.0.0.1:65536"], ["--listen"]),
    (["--listen", "1.2.3:5"], ["--listen"]),
    (["--version", "a b"], ['--version "a b": expected 1 to 255 letters']),
    (["--build", ""], ["--build"]),
    (["--name", "<x>"], ["--name"]),
    (["--data", ""], ["--data"]),
    (["--idle-timeout", "0"], ["--idle-timeout"]),
    (["--idle-timeout", "1500ms"], ["--idle-timeout"]),
    (["--stop-grace", "2h"], ["--stop-grace"]),
    (["--stop-delay", "-1s"], ["--stop-delay"]),
    (["--max-connections", "0"], ["--max-connections"]),
    (["--faults-listen", "0.0.0.0:0"], ['--faults-listen "0.0.0.0:0": expected an address of this machine only']),
    (["--allow-import=maybe"], ["--allow-import"]),
    (["--lisen", "x"], ['unknown option "--lisen"; counter --help lists them']),
    (["--listen"], ["--listen: a value is missing"]),
])
def test_wrong_options_are_told_all_at_once(tmp_path, options, words):
    result = run_counter(*options, cwd=tmp_path)
    assert result.returncode == 2 and result.stdout == ""
    for word in words:
        assert f"counter: {word}" in result.stderr
    assert os.listdir(tmp_path) == []


def test_wrong_faults_at_the_start_are_told(tmp_path):
    for faults, word in (("error_rate=200", "--faults: error_rate"), ("crash=true", "crash_after")):
        result = run_counter("--version", "b", "--data", str(tmp_path / "d"), "--faults", faults)
        assert result.returncode == 2 and word in result.stderr
    assert not (tmp_path / "d").exists()


def test_wrong_variables_are_told_by_their_name(tmp_path):
    result = run_counter("--version", "b", "--data", str(tmp_path / "d"), environment={"COUNTER_LISTEN": "x"})
    assert result.returncode == 2 and 'COUNTER_LISTEN "x": expected' in result.stderr


def test_help_shows_options_variables_and_an_example():
    result = run_counter("--help")
    assert result.returncode == 0 and result.stderr == ""
    for word in ("--listen", "COUNTER_LISTEN", "--data", "--allow-import", '{"transfer":"ID","visits":N}', "example:"):
        assert word in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 130


def test_output_that_nobody_reads_does_not_stop_it(counter):
    """Standard output and error are closed pipes when it complains: SIGPIPE is no end."""
    limit_file_size(counter, 0)
    assert counter.request().status == 503
    counter.process.stdout.close()
    counter.process.stderr.close()
    counter.process.terminate()
    assert counter.process.wait(10) == 0


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
