"""Reload: listeners, log, metrics, limits and versions change while it runs; what can't is named; a broken file, or one
whose address is taken, changes nothing."""
import itertools
import json
import socket

import pytest
from line import config, eventually, rule
from support import load
from support.http1 import Connection, get, get_admin
from support.ports import free_port


def reload(proxy, **changed):
    """The file with these members, and the verb's outcome."""
    proxy.config.update(changed)
    proxy.write()
    return proxy.verb("reload", check=False)


def is_refused(address):
    try:
        socket.create_connection(address, 5).close()
        return False
    except ConnectionRefusedError:
        return True


def test_listeners_come_and_go(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2))
    first, second = proxy.config["listen"][0], f"127.0.0.1:{free_port()}"
    old, new = proxy.address, (lambda a: (a[0], int(a[1])))(second.split(":"))
    with Connection(old) as kept:
        assert kept.request("GET", "/count").status == 200
        done = reload(proxy, listen=[first, second])
        assert done.returncode == 0, done.stderr
        assert get(old, "/count").status == 200 and get(new, "/count").status == 200
        assert reload(proxy, listen=[second]).returncode == 0
        eventually(lambda: is_refused(old))
        assert get(new, "/count").status == 200
        assert kept.request("GET", "/count").status == 200  # who is in stays in
    assert reload(proxy, listen=[first]).returncode == 0
    eventually(lambda: is_refused(new))
    assert get(old, "/count").status == 200


def test_listener_that_cannot_be_opened_changes_nothing(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1, "green": 0}), threads=2))
    mine, other = proxy.config["listen"][0], f"127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = f"127.0.0.1:{taken.getsockname()[1]}"
        done = reload(proxy, listen=[mine, other, wrong], rules=[rule({"green": 1})])
    assert done.returncode == 1 and f"cannot listen on {wrong}: Address already in use; nothing was changed" in done.stderr
    assert is_refused((other.split(":")[0], int(other.split(":")[1])))
    assert get(proxy.address, "/version").body.find(b"blue") >= 0
    assert reload(proxy, listen=[mine, other]).returncode == 0  # what was opened on the way was closed again
    assert get(proxy.address, "/version").body.find(b"green") >= 0


def test_proxy_protocol_of_a_listener_changes(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    address = proxy.config["listen"][0]
    assert reload(proxy, listen=[{"address": address, "proxy_protocol": True}]).returncode == 0
    host, port = address.split(":")
    with Connection((host, int(port))) as connection:
        connection.send(b"PROXY TCP4 192.0.2.9 192.0.2.1 1 2\r\n" + load.get_request("/count"))
        assert connection.read().status == 200
    assert reload(proxy, listen=[address]).returncode == 0
    assert get(proxy.address, "/count").status == 200
    eventually(lambda: [line for line in proxy.access_log() if line["client"].startswith("192.0.2.9")])


@pytest.mark.parametrize("kind", ["keep-alive", "one request per connection"])
def test_listener_that_goes_loses_no_connection(kind, start_fleet, start_proxy):
    """The second of two addresses comes and goes under load: who got through is answered."""
    fleet = start_fleet(blue=2)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2))
    first, second = proxy.config["listen"][0], f"127.0.0.1:{free_port()}"
    host, port = second.split(":")
    assert reload(proxy, listen=[first, second]).returncode == 0
    seen = []

    def on_tick(now):
        if now >= 0.2 + 0.5 * len(seen) and len(seen) < 4:
            seen.append(now)
            proxy.config["listen"] = [first] if len(seen) % 2 else [first, second]
            proxy.write()
            proxy.reload()

    is_fresh = kind != "keep-alive"
    outcomes = load.run((host, int(port)), itertools.repeat(load.get_request()), connections=16, seconds=3, fresh=is_fresh,
                        on_tick=on_tick)
    losses = load.losses(outcomes)
    assert losses == [], f"{len(losses)} of {len(outcomes)}: {losses[:5]}"
    answered = [o for o in outcomes if o.status == 200]
    assert len(answered) > 300 and fleet.visits() == len(answered)


def test_log_and_metrics_move(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=2))
    path = proxy.folder / "other.log"
    before = proxy.metrics_address
    assert get(proxy.address, "/count?before").status == 200
    done = reload(proxy, log={"access": "./other.log", "format": "json"}, metrics=f"127.0.0.1:{free_port()}")
    assert done.returncode == 0, done.stderr
    assert get(proxy.address, "/count?after").status == 200
    line = eventually(lambda: path.exists() and path.read_text())
    assert [json.loads(text)["path"] for text in line.splitlines()] == ["/count?after"]
    assert [entry["path"] for entry in proxy.access_log()] == ["/count?before"]
    assert get_admin(proxy.metrics_address, "/readyz").status == 200
    host, port = before.split(":")
    eventually(lambda: is_refused((host, int(port))))
    assert reload(proxy, log={"access": "./other.log", "format": "combined"}).returncode == 0
    assert get(proxy.address, "/count?third").status == 200
    assert '"GET /count?third HTTP/1.1" 200' in eventually(lambda: "third" in path.read_text() and path.read_text())
    done = reload(proxy, log={"access": "./no/such/folder", "format": "combined"})
    assert done.returncode == 1 and "cannot write the access log" in done.stderr and "nothing was changed" in done.stderr
    assert get(proxy.address, "/count?fourth").status == 200
    eventually(lambda: "fourth" in path.read_text())


def test_what_needs_a_takeover_is_named(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), threads=1))
    done = reload(proxy, threads=2, store={"file": "./s"})
    assert done.returncode == 1
    for what in ("threads", "store"):
        assert f"{what} changed: no reload can do that, but a takeover can: turnout serve --takeover" in done.stderr
    assert get(proxy.address, "/count").status == 200
