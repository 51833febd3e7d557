"""Slow clients by the hundred, of slowhttptest's making: heads that drip, bodies that drip, answers that nobody takes. Each
is closed by its deadline, and a client on the side is answered as if nobody else were there.

The short form has 150 connections and short deadlines; --long has 1,000 of each kind, the defaults, and the figures in the
build folder (`slow_clients.txt`).
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from line import eventually, rule
from support.places import ROOT, build_folder
from support.ports import free_port
from support.process import Process

SUPPORT = ROOT / "tests" / "support"
FAST_MS = 50
SHORT_LIMITS = {"head_timeout": "2s", "body_grace": "2s", "response_grace": "2s"}
# Kind -> its options, its path, and its deadline: short, and by default. What drips does so each second.
KINDS = {
    "headers": (["-H", "-x", "24"], "/", 2, 10),
    "bodies": (["-B", "-s", "100000", "-x", "24"], "/", 2, 5),
    "readers": (["-X", "-n", "5", "-z", "32", "-w", "512", "-y", "1024", "-k", "3"], "/big", 2, 60),
}


@pytest.fixture
def start_child(tmp_path):
    """start_child(name, arguments) -> a helper of tests/support, ready."""
    children = []

    def start(name, *arguments):
        child = Process(f"{name}{len(children)}", [sys.executable, SUPPORT / f"{name}.py", *arguments], tmp_path)
        children.append(child)
        child.launch().wait_for("^ready")
        return child

    yield start
    for child in children:
        child.stop()


def config_for(slow_port, probed_port, limits):
    """Slow clients and probes go to services of their own: only the proxy is between them."""
    slow, probed = f"127.0.0.1:{slow_port}", f"127.0.0.1:{probed_port}"
    health = {"path": "/readyz", "interval": "5s", "timeout": "5s"}
    return {"versions": {"blue": {"endpoints": [slow], "max_requests": 2000, "health": health},
                         "green": {"endpoints": [probed], "health": health}},
            "rules": [rule({"green": 1}, name="probes", match=[{"path": "/probe"}]), rule({"blue": 1})],
            "limits": {"stop_grace": "1s", **limits}}


def put_first(*processes):
    """What else runs on the machine is not what is measured: if we may, these go before it."""
    for process in processes:
        for task in (Path("/proc") / str(process.pid) / "task").iterdir():
            with contextlib.suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, int(task.name), -15)


def attack(options, connections, seconds, url, folder):
    """slowhttptest, under way: all connections within a second or two, then so long at most."""
    command = ["slowhttptest", *options, "-c", connections, "-r", connections, "-i", 1, "-l", seconds, "-p", 5, "-u", url]
    output = open(folder / "slowhttptest.out", "wb")
    return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def probes_of(prober):
    lines = [line for line in prober.output().splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def figures(kind, connections, closed_after, probes):
    lines = [f"{kind}: {connections} connections, all closed {closed_after:.1f} s after the last came"]
    for via in ("proxy", "direct"):
        times = [probe["ms"] for probe in probes if probe["via"] == via]
        lines.append(f"  {via:6} {len(times)} probes: median {percentile(times, 0.5):.1f} ms, "
                     f"99 % {percentile(times, 0.99):.1f} ms, all {max(times):.1f} ms, "
                     f"{sum(1 for ms in times if ms > FAST_MS)} over {FAST_MS} ms")
    return "\n".join(lines)


def ended(metrics, kind):
    """How many slow clients of this kind met their deadline."""
    if kind == "readers":
        return metrics.sum("turnout_client_slow_readers_total")
    return metrics.sum("turnout_requests_total", code="408")


def outlast(proxy, child, kind, connections, deadline):
    """Seconds from when all connections were there until none was left. The prober has one that stays, and now and then another."""
    peak = 0

    def are_there():
        nonlocal peak
        peak = max(peak, proxy.metrics().sum("turnout_client_connections"))
        return peak >= connections

    eventually(are_there, timeout=15, pause=0.05)
    began = time.monotonic()

    def are_gone():
        metrics = proxy.metrics()
        return metrics.sum("turnout_client_connections") <= 2 and ended(metrics, kind) >= connections

    eventually(are_gone, timeout=deadline + 10, pause=0.1)
    took = time.monotonic() - began
    assert child.poll() in (None, 0)  # it ends, well, when it has no connection left
    return took


@pytest.mark.long
@pytest.mark.timing
@pytest.mark.parametrize("kind", KINDS)
def test_slow_clients_are_closed_and_nobody_waits_for_them(kind, start_child, start_proxy, tmp_path, is_long):
    if not shutil.which("slowhttptest"):
        pytest.skip("no slowhttptest: scripts/setup --tests")
    options, path, short, default = KINDS[kind]
    connections, deadline = (1000, default) if is_long else (150, short)
    ports = [free_port(), free_port()]
    services = [start_child("slow_service", port) for port in ports]
    proxy = start_proxy(config_for(*ports, {} if is_long else SHORT_LIMITS))
    prober = start_child("prober", proxy.address[1], ports[1], proxy.pid)
    put_first(proxy, prober, services[1])
    url = f"http://127.0.0.1:{proxy.address[1]}{path}"
    child = attack(options, connections, deadline + 30, url, tmp_path)
    try:
        took = outlast(proxy, child, kind, connections, deadline)
    finally:
        child.terminate()
        child.wait(10)
    prober.stop()
    probes = probes_of(prober)
    text = figures(kind, connections, took, probes)
    print(text)
    # The deadline itself, a tick of the wheel, and how long it took until the last connection was seen.
    assert took <= deadline + 3, text
    through = [probe for probe in probes if probe["via"] == "proxy"]
    assert len(through) >= 10 * (deadline - 1), text
    assert all(probe["status"] == 200 for probe in through), text
    metrics = proxy.metrics()
    assert metrics.sum("turnout_client_refused_total") == 0
    assert {name: ended(metrics, name) == connections for name in ("readers", kind)} == {"readers": kind == "readers", kind: True}, text
    if is_long:
        with open(build_folder() / "slow_clients.txt", "a", encoding="utf-8") as file:
            file.write(text + "\n")
        # For how long the machine let the proxy, or us, not run says nothing about the proxy.
        late = [probe for probe in through if probe["ms"] - probe["waited_ms"] > FAST_MS]
        assert not late, f"{text}\n{late}"
