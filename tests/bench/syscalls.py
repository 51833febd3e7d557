#!/usr/bin/env python3
"""Data system calls per request on a plain route over keep-alive: a gate, not a measurement of time.

Two reads and two writes are what forwarding one request takes (client in, upstream out, upstream in,
client out). The proxy runs with one data loop under `strace -f -c`; warm-up requests open the
connections before, so that what is counted is the steady state plus little.

  TURNOUT_BUILD=build/dev tests/bench/syscalls.py [--requests 5000]      exit 1 outside 4.0 to 4.2
"""
import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import load  # noqa: E402
from support.counters import Fleet  # noqa: E402
from support.proxy import Proxy  # noqa: E402

DATA = {"read", "readv", "recv", "recvfrom", "recvmsg", "write", "writev", "send", "sendto", "sendmsg",
        "sendmmsg", "recvmmsg", "pread64", "pwrite64", "splice", "sendfile"}
LOWEST, HIGHEST = 4.0, 4.2
ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?(\w+)$")


def count(proxy, requests, connections):
    """{system call: (calls, errors)} of the proxy while the requests run."""
    with tempfile.NamedTemporaryFile("r") as table:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", table.name, "-p", str(proxy.pid)],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        tracer.stderr.readline()  # "strace: Process N attached"
        time.sleep(0.3)
        outcomes = load.run(proxy.address, [load.get_request("/count")] * requests, connections=connections)
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)
        calls = {}
        for line in table:
            row = ROW.match(line)
            if row:
                calls[row.group(3)] = (int(row.group(1)), int(row.group(2) or 0))
    lost = load.losses(outcomes)
    if lost or len(outcomes) != requests:
        raise SystemExit(f"bench: {len(lost)} of {requests} requests failed: {lost[:3]}")
    return calls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=5000)
    options = parser.parse_args()
    if not shutil.which("strace"):
        raise SystemExit("bench: strace is missing (scripts/setup --tests)")
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(folder, {"blue": [0]}).start()
        proxy = Proxy(Path(folder) / "p", {
            "versions": {"blue": {"endpoints": fleet.addresses("blue"), "health": {"path": "/readyz", "interval": "1m"}}},
            "rules": [{"name": "main", "weights": {"blue": 1}}],
            "threads": 1, "limits": {"stop_grace": "1s", "upstream_idle": "30s"},
        }).start()
        load.run(proxy.address, [load.get_request("/count")] * 200, connections=16)
        for connections in (1, 16):
            calls = count(proxy, options.requests, connections)
            data = sum(n for name, (n, _) in calls.items() if name in DATA) / options.requests
            others = {name: round(n / options.requests, 3) for name, (n, _) in sorted(calls.items(), key=lambda c: -c[1][0])
                      if n > options.requests / 200 and name != "total"}
            is_good = LOWEST - 0.001 <= data <= HIGHEST
            worst += not is_good
            print(f"{connections:3} connections: {data:.3f} data system calls per request "
                  f"({'ok' if is_good else 'WRONG'}: {LOWEST} to {HIGHEST}); by call: {others}")
        code = proxy.stop(20)
        fleet.stop()
    print(f"bench: {'FAILED' if worst or code else 'passed'}: data system calls per request")
    return 1 if worst or code else 0


if __name__ == "__main__":
    sys.exit(main())
