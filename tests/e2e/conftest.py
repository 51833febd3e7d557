"""Fixtures of the black-box tests: real counters, the real proxy, recording upstreams.

Each factory stops at the end of the test what it started, and fails the test when something did not
end well: a proxy with another exit code than 0, a sanitizer's report, an upstream that saw a request
outside the strict grammar.
"""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.counters import Fleet  # noqa: E402
from support.proxy import Proxy  # noqa: E402
from support.recorder import Recorder, check_conserved  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long form of tests that have one")
    parser.addoption("--cluster", action="store_true", help="tests on a real Kubernetes of their own")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: has a longer form under --long")
    config.addinivalue_line("markers", "timing: measures time; not for sanitizers")


@pytest.fixture
def is_long(request):
    return request.config.getoption("--long")


@pytest.fixture
def start_fleet(tmp_path):
    """start_fleet(blue=2, green=2) -> counters by version, ready."""
    fleets = []

    def start(options=(), **counts):
        folder = tmp_path / f"pods{len(fleets)}"
        fleets.append(Fleet(folder, {v: [0] * n for v, n in counts.items()}, options))
        return fleets[-1].start()

    yield start
    for fleet in fleets:
        fleet.stop()


@pytest.fixture
def start_recorder():
    """start_recorder(script) -> an upstream that records; violations fail the test."""
    recorders = []

    def start(*arguments, **options):
        recorders.append(Recorder(*arguments, **options))
        return recorders[-1]

    start.recorders = recorders
    yield start
    for recorder in recorders:
        recorder.close()
    for recorder in recorders:
        assert recorder.violations == []


@pytest.fixture
def start_proxy(tmp_path, start_recorder):
    """start_proxy(config) -> the proxy, ready, all of its endpoints probed. What its recorders saw must be what it answered."""
    proxies = []

    def start(config, **options):
        name = options.pop("name", f"p{len(proxies)}")
        config = {"limits": {"stop_grace": "1s"}, **config}
        proxies.append(Proxy(tmp_path / name, config, **options))
        return proxies[-1].start()

    yield start
    for proxy in proxies:
        if not proxy.was_killed:
            assert proxy.stop(timeout=30) == 0, proxy.output()[-3000:]
    if proxies and start_recorder.recorders:
        wrong = check_conserved(proxies, start_recorder.recorders)
        assert wrong is None, wrong
