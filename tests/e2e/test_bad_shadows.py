"""A bad shadow never reaches the primary: eight kinds, everything mirrored, GETs and POSTs up to 16 MiB."""
import hashlib
import statistics
import time

import pytest
from line import rule, settled
from support import recorder
from support.bad_shadow import KINDS, BadShadow
from support.http1 import Connection
from test_mirror import assert_adds_up, figures

KIB, MIB = 1 << 10, 1 << 20
SIZES = (1 * KIB, 64 * KIB, 1 * MIB, 5 * MIB, 16 * MIB)
PATIENT = {"path": "/readyz", "interval": "1m", "timeout": "1s"}


@pytest.fixture
def start_shadow():
    shadows = []

    def start(kind):
        shadows.append(BadShadow(kind))
        return shadows[-1]

    yield start
    for shadow in shadows:
        shadow.close()


def echo(request):
    """Every byte that arrived, and what it was asked for."""
    body = request.body
    request.raw = request.body = b""  # the recorder keeps requests: not 16 MiB of each
    return recorder.answer(200, body, {"X-Target": request.target, "X-Sum": hashlib.sha256(body).hexdigest()})


def start_pair(start_recorder, start_proxy, shadow):
    """The same primary behind a proxy without and one with a mirror."""
    blue = start_recorder(script=echo)
    both = {name: {"endpoints": [address], "health": PATIENT}
            for name, address in (("blue", blue.address), ("green", shadow.address))}
    limits = {"mirror_total": "4s", "stop_grace": "1s"}
    mirror = [{"to": "green", "methods": ["GET", "HEAD", "POST"]}]
    plain = start_proxy({"versions": both, "rules": [rule({"blue": 1})], "limits": limits})
    mirrored = start_proxy({"versions": both, "rules": [rule({"blue": 1}, mirror=mirror)], "limits": limits})
    return plain, mirrored


def exchange(connection, number, size):
    """Seconds to the end of an answer that is the right one, byte for byte."""
    body = bytes([number % 251]) * size
    began = time.perf_counter()
    answer = connection.request("POST" if size else "GET", f"/{number}", {}, body)
    seconds = time.perf_counter() - began
    assert answer.status == 200 and answer.get("x-target") == f"/{number}"
    assert answer.body == body and answer.get("x-sum") == hashlib.sha256(body).hexdigest()
    return seconds


def resident_bytes(proxy):
    with open(f"/proc/{proxy.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.timing
@pytest.mark.parametrize("kind", KINDS)
def test_bad_shadow_never_reaches_the_primary(start_recorder, start_proxy, start_shadow, kind, capsys):
    shadow = start_shadow(kind)
    plain, mirrored = start_pair(start_recorder, start_proxy, shadow)
    shadow.turn()
    times = {plain: [], mirrored: []}
    after_post = {plain: [], mirrored: []}
    requests = number = 0
    before = resident_bytes(mirrored)
    with Connection(plain.address, 30) as first, Connection(mirrored.address, 30) as second:
        pairs = ((plain, first), (mirrored, second))
        for size in SIZES:
            for proxy, connection in pairs:  # then the very next request on the connection
                number += 1
                exchange(connection, number, size)
                after_post[proxy].append(exchange(connection, number, 0))
                requests += 2 * (proxy is mirrored)
        for _ in range(300):  # interleaved, so that whatever the machine does meets both
            for proxy, connection in pairs:
                number += 1
                times[proxy].append(exchange(connection, number, 0))
                requests += proxy is mirrored
            if number % 100 == 0:
                metrics = mirrored.metrics()
                assert_adds_up(metrics)
                assert metrics.sum("turnout_mirror_memory_bytes") <= 16 * MIB
    growth = resident_bytes(mirrored) - before
    without, with_mirror = (statistics.median(times[p]) * 1e3 for p in (plain, mirrored))
    quarter, _, three_quarters = (t * 1e3 for t in statistics.quantiles(times[plain], n=4))
    next_without, next_with = (statistics.median(after_post[p]) for p in (plain, mirrored))
    noise = max(1.0, 3 * (three_quarters - quarter))
    metrics = settled(mirrored)
    have = figures(metrics)
    assert_adds_up(metrics)
    assert have["selected"] == requests == have["answered"] + have["dropped"] + have["failed"], have
    assert metrics.sum("turnout_mirror_memory_bytes") == 0
    with capsys.disabled():
        print(f"\n{kind:14}: median {without:.2f} ms without, {with_mirror:.2f} ms with the mirror; next request after a "
              f"POST {next_with * 1e3:.2f} ms (without {next_without * 1e3:.2f}); memory "
              f"+{growth / MIB:.1f} MiB; {have}")
    assert next_with < 0.005, after_post
    assert with_mirror - without < noise, f"beyond the noise of {noise:.2f} ms"
    assert growth < 16 * MIB
