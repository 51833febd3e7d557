"""The bench measures what it says: its statistics, its client's clock, its floor, its tables; and it runs, in seconds."""
import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree
from pathlib import Path

import pytest

from bench import cases, charts, clients, figures, report, scale
from bench.peers import FloorTarget
from bench.tools import Backend, Floor, WarmClient, client_argv, run_client
from support.places import ROOT


@pytest.fixture
def backend(tmp_path):
    backend = Backend(tmp_path).start()
    yield backend
    backend.kill()


def test_figures_median_and_spread():
    assert figures.median([3]) == 3
    assert figures.median([9, 1, 5]) == 5
    assert figures.median([9, 1, 5, 4]) == 4.5
    assert figures.spread([2, 8, 4]) == {"median": 4, "least": 2, "most": 8, "count": 3}
    with pytest.raises(ValueError):
        figures.median([])


def test_figures_ratios_are_within_a_pass():
    # The machine was three times slower in the second pass, and one pass failed: the ratio is the same in each.
    assert figures.ratios([11, 33, None, 22], [10, 30, 10, 20]) == pytest.approx([1.1, 1.1, 1.1])
    assert figures.ratios([11, 33], [None, 30]) == pytest.approx([1.1])
    assert figures.ratios([11], [0]) == []
    assert figures.differences([5, None, 7], [3, 1, 10]) == [2, -3]


def test_figures_order_is_there_and_back():
    assert [figures.order("ABC", n) for n in range(3)] == [list("ABC"), list("CBA"), list("ABC")]


def test_figures_unsteadiness_and_slope():
    assert figures.unsteadiness([10, 9, None, 11]) == pytest.approx(0.2)
    assert figures.slope([1, 10, 100], [7, 7, 7]) == pytest.approx(0)
    assert figures.slope([1, 2, 4, 8], [100, 110, 120, 130]) == pytest.approx(10 / 115 * 100)
    assert figures.slope([5], [1]) == 0


@pytest.mark.parametrize("value, text", [(0, "0"), (1234.5, "1,230"), (98.765, "98.8"), (0.98765, "0.988"), (5, "5.00"), (-63.04, "-63.0")])
def test_figures_significant(value, text):
    assert figures.significant(value) == text


def test_row_is_reached_up_to_its_limit_and_not_when_it_was_not_measured():
    assert report.Row("x", 1.1, 1.1).is_reached is True
    assert report.Row("x", 1.1, 1.11).is_reached is False
    assert report.Row("x", 1.0, 1.0, is_below=True).is_reached is False
    assert report.Row("x", 1.0, None).is_reached is None
    assert "**not reached**" in report.Row("x", 1.1, 1.2).line()


def test_charts_are_xml_and_say_their_figures():
    bars = charts.bars("a & b", [("floor", 10.0, 9.0, 12.0), ("turnout", 11.5, None, None)], "us <x>")
    lines = charts.lines("t", {"a": [(1, 5), (1000, 6)], "b": [(1, 5), (1000, 5)]}, "n", "us", is_log_y=True)
    for text in (bars, lines):
        xml.etree.ElementTree.fromstring(text)
    assert ">11.5<" in bars and "a &amp; b" in bars


def test_client_counts_and_the_backend_agrees(backend):
    result = run_client(backend.ports[0], connections=7, requests=1000, warm=50)
    assert (result["sent"], result["answered"], result["failed"], result["opens"]) == (1000, 1000, 0, 7)
    assert backend.counts()["blue"] == 1050
    result = run_client(backend.ports[1], connections=4, requests=20, path="/300000")
    assert result["bytes"] == 20 * 300000
    run_client(backend.ports[2], connections=2, requests=10, body=3000000)
    result = run_client(backend.ports[2], connections=3, requests=30, fresh=True)
    assert result["opens"] == 30
    assert backend.counts() == {"blue": 1050, "green": 20, "shadow": 40}


def test_client_tells_failures(tmp_path):
    done = subprocess.run(client_argv(1, requests=5), capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "cannot connect" in done.stderr
    for wrong in (["--requests", "x"], ["--rate"], ["--lockstep", "--rate", "5"], ["--active", "2"]):
        done = subprocess.run([*client_argv(9), *wrong], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2, wrong


@pytest.mark.timing
def test_client_open_loop_counts_from_when_a_request_was_due(backend):
    """The service stands still for half a second: whoever was due meanwhile has waited, and is counted so."""
    def stand_still():
        time.sleep(0.4)
        os.kill(backend.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(backend.pid, signal.SIGCONT)

    thread = threading.Thread(target=stand_still)
    thread.start()
    result = run_client(backend.ports[0], connections=8, rate=1000, requests=2000)
    thread.join()
    assert (result["answered"], result["failed"]) == (2000, 0)
    assert result["seconds"] > 1.99  # 2,000 at 1,000 a second, whatever happened
    # About 500 were due in that half second, and 200 of them more than 0.3 s before its end; eight connections cannot have sent them.
    assert result["latency_ns"]["p90"] > 150e6
    assert result["latency_ns"]["max"] > 400e6
    assert result["late_ns"]["p90"] > 150e6  # they waited for a connection
    assert result["waited_most"] > 300


def test_floor_deals_and_mirrors(backend, tmp_path):
    blue, green, shadow = backend.ports
    floor = Floor(tmp_path, {blue: 90, green: 10}, shadow).start()
    run_client(floor.port, connections=8, requests=1000)
    assert backend.counts() == {"blue": 900, "green": 100, "shadow": 1000}
    result = run_client(floor.port, connections=3, requests=30, path="/1000000")
    assert result["bytes"] == 30 * 1000000
    run_client(floor.port, connections=3, requests=300, fresh=True)
    floor.stop()
    floor = Floor(tmp_path, {blue: 1}).start()
    run_client(floor.port, connections=3, requests=30, body=2000000)
    floor.stop()


def test_warm_client_measures_only_what_comes_after_the_warm_up(backend):
    with WarmClient(backend.ports[0], connections=5, warm=100, requests=200, lockstep=True) as client:
        assert backend.counts()["blue"] == 100
        assert client.measure()["answered"] == 200
    assert backend.counts()["blue"] == 300


def test_every_case_has_a_limit_with_a_reason():
    limits = json.loads((ROOT / "tests/bench/limits.json").read_text())
    for kind in ("data calls", "instructions", "allocations"):
        for case in cases.CLIENT:
            assert f"{kind}, {case}" in limits
    for name, limit in limits.items():
        assert limit["why"] and limit["limit"] >= 0, name
        assert limit.get("goal", 0) <= limit["limit"], name
    assert set(cases.CLIENT) == set(FloorTarget.cases)


def test_scale_tells_flat_from_growing(tmp_path):
    def points(*instructions):
        return {str(10 ** i): {"instructions": n, "data_calls": 4.0, "steady_calls": 0.0, "cpu_us": 12.0, "rss": 5e6}
                for i, n in enumerate(instructions)}

    results = {"endpoints, round_robin": points(9000, 9010, 9005, 9000), "connections": points(9000, 9900, 10900, 12000),
               "rules": points(9000, 16000), "bodies": points(9000, 9100)}
    assert abs(scale.growth(results, "endpoints, round_robin")) < 0.1
    assert scale.growth(results, "connections") == pytest.approx(3000 / (3 * 3.3219) / 10400 * 100, rel=0.01)
    assert scale.per_more(results, "rules") == pytest.approx(7000 / 9)
    text = scale.markdown(results)
    assert "Limit 1 %: kept" in text and "Limit 1 %: **exceeded**" in text
    scale.write(tmp_path, results)
    for chart in ("scale.svg", "bodies.svg"):
        xml.etree.ElementTree.parse(tmp_path / chart)


def test_other_clients_are_read(tmp_path):
    wrk = """Running 4s test @ http://127.0.0.1:1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   300.00us  120.00us   2.50ms   90.00%
    Req/Sec    46.00k     1.00k   50.00k    70.00%
  Latency Distribution
     50%   98.00us
     75%  120.00us
     90%    1.20ms
     99%    7.96ms
  185000 requests in 4.00s, 40.00MB read
Requests/sec:  46292.10
Transfer/sec:     10.00MB
"""
    assert clients.from_wrk(wrk) == {"rps": 46292.1, "count": 185000, "p50_us": 98.0, "p99_us": 7960.0, "max_us": 2500.0}
    log = tmp_path / "log"
    log.write_text("".join(f"1{i:06} 200 {i}\n" for i in range(1, 101)))
    assert clients.from_h2load("finished in 1.00s, 1234.50 req/s, 1MB/s", log) == {
        "rps": 1234.5, "count": 100, "p50_us": 51, "p99_us": 100, "max_us": 100}


@pytest.mark.timing
def test_bench_runs(tmp_path):
    """Turnout and the floor, with every scenario, in seconds: a table, JSON and charts come out."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "TURNOUT_BUILD": os.environ.get("TURNOUT_BUILD", str(ROOT / "build" / "dev"))}
    done = subprocess.run([sys.executable, "-m", "bench", "compare", "--smoke", "--out", str(tmp_path)], env=environment, capture_output=True, text=True,
                          timeout=170, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["missing"] == {}
    for scenario, samples in results["cpu"].items():
        for name in ("floor", "turnout"):
            assert all(s["cpu_us"] > 0 for s in samples[name]), (scenario, name)
    assert [row["what"] for row in results["must"] if row["figure"] is not None]
    assert "What must be reached" in (tmp_path / "results.md").read_text()
    for chart in ("cpu-split.svg", "posts.svg", "idle.svg"):
        xml.etree.ElementTree.parse(tmp_path / chart)
    assert Path(tmp_path / "results.md").read_text().count("| turnout") >= 2
