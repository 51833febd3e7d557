"""The published answers, from a second implementation; and a proxy's own log, computed again from outside."""
from line import eventually, rule, versions
from support import load, traffic
from support.http1 import Connection
from support.places import ROOT
from support.recorder import answer

IDS = [0x626C7565, 0x677265656E, 0x796F, 0x7265640A, 0x67726579]


def compute(kind, first, second, numbers):
    return {"mix": lambda: traffic.mix(first),
            "slot": lambda: traffic.nth_to_version(first, numbers, second),
            "key": lambda: traffic.key_to_version(first, IDS, numbers),
            "endpoint": lambda: traffic.key_to_ordinal(first, numbers),
            "mirror": lambda: traffic.is_mirrored(first, numbers[0], second),
            "mirror_key": lambda: traffic.is_user_mirrored(first, numbers[0], second)}[kind]()


def test_published_answers_are_those_of_a_second_implementation():
    rows = 0
    for line in (ROOT / "tests/fixtures/strategies/vectors.txt").read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        kind, first, second, numbers, _, expected = line.split()
        numbers = [] if numbers == "-" else [int(n) for n in numbers.split(",")]
        assert int(compute(kind, int(first, 16), int(second), numbers)) == int(expected), line
        rows += 1
    assert rows >= 270


def test_the_endpoint_of_a_logged_key_can_be_computed(start_recorder, start_proxy):
    """scope: endpoint: from the key in the log alone, the ordinal that answered."""
    names = [f"blue-{i}" for i in range(3)]
    recorders = [start_recorder(lambda request, name=name: answer(headers={"X-Pod": name})) for name in names]
    proxy = start_proxy({"versions": versions(blue=[r.address for r in recorders]),
                         "rules": [rule({"blue": 1}, sticky={"by": "header:X-User", "scope": "endpoint"})]})
    outcomes = load.run(proxy.address, [load.get_request("/", x_user=f"u{i}") for i in range(60)])
    assert load.losses(outcomes) == []
    with Connection(proxy.address) as connection:
        assert connection.request("GET", "/last", {"X-User": "u0"}).status == 200
    lines = eventually(lambda: lines if len(lines := proxy.access_log()) == 61 else None)
    met = set()
    for line in lines:
        ordinal = traffic.key_to_ordinal(int(line["key"], 16), [0, 1, 2])
        assert line["endpoint"] == f"blue/{ordinal}"
        met.add(ordinal)
    assert met == {0, 1, 2}
