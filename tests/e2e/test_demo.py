"""scripts/demo as a person uses it: start, --env, Ctrl-C, a second one, given ports; and the tour."""
import os
import re
import signal
import subprocess
import time

import pytest
from support.http1 import get, get_admin
from support.places import ROOT, build_folder
from support.ports import free_port
from support.process import Process

SCRIPT = ROOT / "scripts" / "demo"


def environment():
    return {**os.environ, "TURNOUT_BUILD": str(build_folder()), "LC_ALL": "C.UTF-8"}


def call(*arguments, timeout=120):
    return subprocess.run([SCRIPT, *map(str, arguments)], text=True, capture_output=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, env=environment(), cwd="/")


@pytest.fixture
def start_demo(tmp_path):
    """start_demo(options) -> a running demo that said it is ready."""
    running = []

    def start(*options):
        demo = Process("demo", [SCRIPT, "--dir", tmp_path / "demo", *options], tmp_path,
                       env=environment(), cwd="/")
        running.append(demo)
        demo.launch()
        demo.wait_for(r"ready after", 30)
        demo.address = ("127.0.0.1", int(re.search(r"http://127\.0\.0\.1:(\d+)/", demo.output()).group(1)))
        return demo

    yield start
    for demo in running:
        if demo.is_running():
            demo.signal(signal.SIGTERM)
            demo.wait(40)


def programs_of(folder):
    """Programs that still run with this folder on their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in line and ("bin/counter" in line or "bin/turnout" in line):
            found.append(line)
    return found


def test_demo_runs_until_ctrl_c_and_loses_no_visit(start_demo, tmp_path):
    demo = start_demo()
    for _ in range(20):
        assert get(demo.address).status == 200
    shell = f'eval "$({SCRIPT} --env --dir {tmp_path / "demo"})" && turnout get && turnout route all green'
    said = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=environment(), cwd="/", timeout=20)
    assert said.returncode == 0 and "blue" in said.stdout, said
    for _ in range(10):
        assert get(demo.address).get("x-version") == "green"
    assert len(programs_of(tmp_path)) == 9
    demo.signal(signal.SIGINT)
    assert demo.wait(30) == 0, demo.output()
    assert programs_of(tmp_path) == []
    assert re.search(r"blue +20 visits on disk", demo.output()), demo.output()
    assert re.search(r"green +10 visits on disk", demo.output()), demo.output()

    began = time.monotonic()
    again = start_demo()
    assert time.monotonic() - began < 5
    assert get(again.address).get("x-version") == "green"  # the store kept what was set


def test_second_demo_in_the_same_folder_is_refused(start_demo, tmp_path):
    demo = start_demo()
    second = call("--dir", tmp_path / "demo")
    assert second.returncode == 1 and "already runs" in second.stderr and str(demo.pid) in second.stderr, second
    assert get(demo.address).status == 200


def test_given_ports_are_taken_or_refused(start_demo, tmp_path):
    port, metrics_port = free_port(), free_port()
    demo = start_demo("--port", port, "--metrics-port", metrics_port)
    assert demo.address[1] == port and get_admin(f"127.0.0.1:{metrics_port}", "/readyz").status == 200
    refused = call("--dir", tmp_path / "other", "--port", port)
    assert refused.returncode == 1 and f"port {port} is taken" in refused.stderr, refused
    assert programs_of(tmp_path / "other") == []


def test_counter_that_is_killed_is_started_again(start_demo, tmp_path):
    demo = start_demo()
    line = re.compile(r"--name\0app-blue-2\0")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError):
            continue
        if str(tmp_path) in text and line.search(text):
            os.kill(int(pid), signal.SIGKILL)
    demo.wait_for(r"app-blue-2 ended with -9; starting it again", 10)
    for _ in range(20):
        assert get(demo.address).status in (200, 502, 503)


def test_wrong_arguments(tmp_path):
    assert call("--nonsense").returncode == 2
    assert call("--port").returncode == 2
    assert call("--help").returncode == 0
    refused = call("--dir", tmp_path / "d", "--port", "70000")
    assert refused.returncode == 1 and "70000" in refused.stderr


@pytest.mark.long
def test_tour_keeps_every_promise(tmp_path, is_long):
    for _ in range(2 if is_long else 1):  # a second one starts from visits that are there already
        done = call("--tour", "--dir", tmp_path / "tour")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "every figure is what was promised" in done.stdout and "WRONG" not in done.stdout
    assert programs_of(tmp_path) == []
