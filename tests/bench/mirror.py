#!/usr/bin/env python3
"""What a healthy mirror costs: data system calls and instructions per request, against the plain route.

Four data calls forward a request, two more send its copy and read the answer: 6.0, and 6.2 is the gate. Instructions are
counted by callgrind: (Ir of 3,000 requests - Ir of 1,000) / 2,000, so that start and stop cancel out; with a mirror at
100 % they may be twice those of the plain route. One data loop, keep-alive, GETs.

  TURNOUT_BUILD=build/dev tests/bench/mirror.py [--only calls|instructions]      exit 1 over a gate
"""
import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.syscalls import DATA, count  # noqa: E402
from support import load  # noqa: E402
from support.counters import Fleet  # noqa: E402
from support.proxy import Proxy  # noqa: E402

CALLS_MAX, RATIO_MAX = 6.2, 2.0
COLLECTED = re.compile(r"Collected : (\d+)")


def config(fleet, is_mirrored):
    health = {"path": "/readyz", "interval": "1h"}
    rule = {"name": "main", "weights": {"blue": 1}}
    if is_mirrored:
        rule["mirror"] = [{"to": "green"}]
    return {"versions": {v: {"endpoints": fleet.addresses(v), "health": health} for v in ("blue", "green")}, "rules": [rule],
            "threads": 1, "limits": {"stop_grace": "1s", "upstream_idle": "30s"}}


def check_mirrored(proxy, is_mirrored):
    metrics = proxy.metrics()
    sent, selected = (metrics.sum(f"turnout_mirror_{name}_total") for name in ("answered", "selected"))
    if is_mirrored and sent < selected * 0.99:
        raise SystemExit(f"bench: only {sent:.0f} of {selected:.0f} copies were answered: nothing to measure")


def data_calls(folder, fleet, requests, connections):
    proxy = Proxy(folder, config(fleet, True)).start()
    load.run(proxy.address, [load.get_request("/count")] * 200, connections=connections)
    calls = count(proxy, requests, connections)
    check_mirrored(proxy, True)
    proxy.stop(20)
    return sum(n for name, (n, _) in calls.items() if name in DATA) / requests


def instructions(folder, fleet, is_mirrored, requests):
    """All that one proxy executes from its start to its end."""
    proxy = Proxy(folder, config(fleet, is_mirrored))
    proxy.argv = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.out", *proxy.argv]
    proxy.launch().wait_ready(60)
    outcomes = load.run(proxy.address, [load.get_request("/count")] * requests, connections=8, timeout=60)
    if load.losses(outcomes):
        raise SystemExit(f"bench: requests failed: {load.losses(outcomes)[:3]}")
    check_mirrored(proxy, is_mirrored)
    proxy.stop(60)
    return int(COLLECTED.search(proxy.output()).group(1))


def per_request(folder, fleet, is_mirrored):
    few, many = (instructions(folder / f"{is_mirrored}{n}", fleet, is_mirrored, n) for n in (1000, 3000))
    return (many - few) / 2000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=("calls", "instructions"))
    options = parser.parse_args()
    for tool in ("strace", "valgrind"):
        if not shutil.which(tool):
            raise SystemExit(f"bench: {tool} is missing (scripts/setup --tests)")
    worst = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet = Fleet(folder / "pods", {"blue": [0], "green": [0]}).start()
        for connections in (1, 16) if options.only != "instructions" else ():
            calls = data_calls(folder / f"calls{connections}", fleet, 3000, connections)
            worst += calls > CALLS_MAX
            print(f"{connections:3} connections: {calls:.3f} data system calls per mirrored request "
                  f"({'ok' if calls <= CALLS_MAX else 'WRONG'}: at most {CALLS_MAX})")
        if options.only != "calls":
            plain, mirrored = per_request(folder, fleet, False), per_request(folder, fleet, True)
            worst += mirrored > RATIO_MAX * plain
            print(f"{mirrored:,.0f} instructions per mirrored request, {plain:,.0f} per plain one: {mirrored / plain:.2f} times "
                  f"({'ok' if mirrored <= RATIO_MAX * plain else 'WRONG'}: at most {RATIO_MAX})")
        fleet.stop()
    print(f"bench: {'FAILED' if worst else 'passed'}: the cost of a mirror")
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
