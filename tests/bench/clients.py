"""Our client beside wrk and h2load on the same server: how much each costs, and what each says of a server that stands still.

Closed loop: 16 connections, as fast as it goes. Then 5,000 requests a second against a service that stands still for 200 ms
of every second: of the requests that are due, a fifth wait, half of them 100 ms or more, and 1 % at least 190 ms. A client
that only sends when it was answered does not send them, and so does not count them (coordinated omission).
"""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from bench import figures
from bench.compare import say
from bench.tools import Backend, client_argv, pinned
from support.process import Failed

RATE, CONNECTIONS, SECONDS, PAUSE = 5000, 16, 4, 0.2


def run(argv):
    """(output, CPU seconds of the client) of a program."""
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode != 0:
        raise Failed(f"{argv[0]}: {text[-400:]}")
    return text, usage.ru_utime + usage.ru_stime


def from_wrk(text):
    units = {"us": 1, "ms": 1e3, "s": 1e6}
    found = {name: float(value) * units[unit] for name, value, unit in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)\s*$", text, re.M)}
    most = re.search(r"Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)", text)
    count = int(re.search(r"(\d+) requests in", text).group(1))
    return {"rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), "count": count, "p50_us": found["50"], "p99_us": found["99"],
            "max_us": float(most.group(1)) * units[most.group(2)]}


def from_h2load(text, log):
    """h2load's own summary has no percentiles; its log has a line for each request: start, status, duration in us."""
    times = sorted(int(line.split()[2]) for line in Path(log).read_text().splitlines() if line.strip())
    return {"rps": float(re.search(r"([\d.]+) req/s", text).group(1)), "count": len(times), "p50_us": times[len(times) // 2],
            "p99_us": times[int(len(times) * 0.99)], "max_us": times[-1]}


def from_ours(text):
    said = json.loads(text)
    latency = said["latency_ns"]
    return {"rps": said["answered"] / said["seconds"], "count": said["answered"], "p50_us": latency["p50"] / 1000,
            "p99_us": latency["p99"] / 1000, "max_us": latency["max"] / 1000}


def clients(port, folder, rate=None):
    """{name: (command line, reader of its output)}."""
    url = f"http://127.0.0.1:{port}/"
    log = Path(folder) / "h2load.log"
    log.unlink(missing_ok=True)
    count = RATE * SECONDS
    found = {"ours, closed": (client_argv(port, 0, connections=CONNECTIONS, requests=count), from_ours)}
    if rate:
        found["ours, open"] = (client_argv(port, 0, connections=1024, requests=rate * SECONDS, rate=rate), from_ours)
    if shutil.which("wrk"):
        found["wrk"] = (pinned(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", url], 0), from_wrk)
    if shutil.which("h2load"):
        paced = ["--rps", rate // CONNECTIONS] if rate else []
        found["h2load"] = (pinned(["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", "-n", count, *paced, f"--log-file={log}", url], 0),
                           lambda text: from_h2load(text, log))
    return found


class StandingStill:
    """The process does not run for PAUSE of every second."""

    def __init__(self, pid):
        self.pid, self.is_over = pid, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.by_turns)
        self.thread.start()

    def by_turns(self):
        while not self.is_over.wait(1 - PAUSE):
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(PAUSE)
            os.kill(self.pid, signal.SIGCONT)

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def measure(folder):
    backend = Backend(folder, processor=1).start()
    results = {}
    try:
        for name, (argv, read) in clients(backend.ports[0], folder).items():
            text, seconds = run(argv)
            results.setdefault("closed", {})[name] = {**read(text), "client_us": 0}
            results["closed"][name]["client_us"] = seconds * 1e6 / results["closed"][name]["count"]
        for name, (argv, read) in clients(backend.ports[0], folder, RATE).items():
            with StandingStill(backend.pid):
                text, _ = run(argv)
            results.setdefault("pauses", {})[name] = read(text)
    finally:
        backend.kill()
    return results


def markdown(results):
    def row(name, of, *more):
        return f"| {name} | " + " | ".join([*(f"{of[k]:,.0f}" for k in ("rps", "p50_us", "p99_us", "max_us")), *more]) + " |"

    return "\n".join([
        "# Our client, wrk and h2load on the same server", "",
        f"Closed loop, {CONNECTIONS} connections, straight to the service:", "",
        "| | requests a second | p50 µs | p99 µs | max µs | the client's own CPU, µs a request |", "| --- |" + " ---: |" * 5,
        *(row(n, of, figures.significant(of["client_us"])) for n, of in results["closed"].items()), "",
        f"The service stands still for {PAUSE * 1000:.0f} ms of every second; at {RATE:,} a second (wrk cannot be told a rate):", "",
        "| | requests a second | p50 µs | p99 µs | max µs |", "| --- |" + " ---: |" * 4,
        *(row(n, of) for n, of in results["pauses"].items()), "",
        "A fifth of all requests are due while it stands still, so 1 % of them must wait about 190 ms. Only the open loop sees them all; "
        "a closed one, h2load's pace included, holds back what it would have sent. wrk adds afterwards what it thinks it has missed, from its mean pace.", ""])


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as scratch:
        results = measure(scratch)
    (folder / "clients.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "clients.md").write_text(markdown(results))
    print(markdown(results))
    say(f"bench: {folder}/clients.md is written")
    return 0
