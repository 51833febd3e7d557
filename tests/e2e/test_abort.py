"""Abort: not one request that is completed after it reaches the candidate, whatever load and disk do."""
import json
import shutil
import subprocess

import pytest

from late import LONG_RULE, count_late, pair  # noqa: F401
from line import config, cookie_of, eventually, rule
from support import load
from support.http1 import get
from support.small_disk import SmallDisk

KEY = "0123456789abcdef" * 4


def test_no_request_reaches_the_candidate_after_an_abort(pair):
    proxy, _, green = pair(rule({"blue": 1, "green": 1}), threads=2)
    done, count, late = count_late(proxy, green)
    assert done.returncode == 0 and "revision 2" in done.stdout, done
    assert count > 3000 and len(green.requests) > 500
    assert late == []


def test_abort_with_a_full_disk(pair, tmp_path):
    disk = SmallDisk(tmp_path / "disk")
    proxy, _, green = pair(LONG_RULE, rule({"blue": 1, "green": 1}), disk=disk, threads=2,
                           store={"file": str(disk.folder / "turnout.store")})
    assert proxy.metrics().sum("turnout_store_durable") == 1
    disk.fill(proxy.pid)
    done, _, late = count_late(proxy, green, ("abort", "--reason", "full"))
    assert late == []
    assert done.returncode == 0 and "applied, NOT durable: " in done.stderr, done
    assert "No space left on device" in done.stderr
    metrics = proxy.metrics()
    assert metrics.sum("turnout_store_durable") == 0 and metrics.sum("turnout_rules_revision") == 2
    refused = proxy.verb("set", "share", "green=10%", check=False)
    assert refused.returncode == 1 and "nothing was changed" in refused.stderr
    disk.empty(proxy.pid)
    eventually(lambda: proxy.metrics().sum("turnout_store_durable") == 1)
    last = (disk.seen_by(proxy.pid) / "turnout.store").read_text().splitlines()[-1]
    record = json.loads(last.split(" ", 1)[1])
    assert record["what"] == "abort" and record["reason"] == "full" and record["revision"] == 2
    assert record["rules"][1]["weights"] == {"blue": 1}


def test_abort_of_everything_that_leads_to_the_candidate(pair, tmp_path):
    (tmp_path / "keys").write_text(KEY + "\n")
    sticky = {"by": "cookie", "name": "turnout", "affinity": "session", "key_file": str(tmp_path / "keys")}
    proxy, _, green = pair(
        rule({"green": 1}, name="testers", match=[{"headers": [{"name": "X-Version", "value": "green"}]}]),
        rule({"blue": 9, "green": 1}, sticky=sticky, mirror=[{"to": "green", "percent": "50%"}]))
    first = load.run(proxy.address, [load.get_request()] * 200)
    bound = [cookie_of(o) for o in first]
    proxy.verb("set", "mirror", "green=off")
    proxy.verb("set", "weights", "blue=1,green=0")  # sessions stay where they are bound
    before = len(green.requests)
    load.run(proxy.address, [load.get_request(cookie=c) for c in bound])
    assert len(green.requests) - before == 20
    assert proxy.verb("explain", "-H", "X-Version: green").count("green") > 0
    proxy.verb("set", "mirror", "green=100%")
    told = proxy.verb("abort")
    assert "switched_off" in told or "switched off" in told
    before = len(green.requests)
    outcomes = load.run(proxy.address, [load.get_request(cookie=c) for c in bound]
                        + [load.get_request(x_version="green")] * 50)
    assert load.losses(outcomes) == []
    assert len(green.requests) == before
    assert "switched off" in proxy.verb("explain", "-H", "X-Version: green")
    assert "nobody: switched off by an abort" in proxy.verb("get")
    # those who were bound to the candidate got another cookie, and a later canary does not bring them back
    renewed = [cookie_of(o) or bound[o.index] for o in outcomes if o.index < len(bound)]
    proxy.verb("set", "share", "green=1%")
    again = load.run(proxy.address, [load.get_request(cookie=c) for c in renewed])
    assert all(o.status == 200 and o.cookie is None for o in again)
    assert len(green.requests) == before


def test_abort_survives_kill_and_reload(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    settings = config(fleet, rule({"blue": 1, "green": 9}), store={"file": "./turnout.store"})
    proxy = start_proxy(settings, name="aborted")
    proxy.verb("abort", "--rule", "main", "--author", "ann", "--if-revision", "1")
    stale = proxy.verb("abort", "--if-revision", "1", check=False)
    assert stale.returncode == 3
    proxy.verb("reload")
    assert load.versions(load.run(proxy.address, [load.get_request("/count")] * 50)) == {"blue": 50}
    proxy.kill()
    again = start_proxy(settings, name="aborted")
    assert load.versions(load.run(again.address, [load.get_request("/count")] * 50)) == {"blue": 50}


def test_abort_dry_run_shows_and_changes_nothing(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"green": 1}, stable="blue")))
    told = proxy.verb("abort", "--dry-run")
    assert "dry run" in told and "blue" in told
    assert get(proxy.address, "/count").get("x-version") == "green"


@pytest.mark.skipif(not shutil.which("h2load"), reason="h2load makes the load")
def test_abort_at_full_load(start_fleet, start_proxy):
    """As many requests as the machine gives; the candidate's own count stands still once those under way have ended."""
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1, "green": 1}), threads=2, log={"access": "off"}))
    host, port = proxy.address
    crowd = subprocess.Popen(["h2load", "--h1", "-c", "64", "-t", "1", "-D", "4", f"http://{host}:{port}/"],
                             stdout=subprocess.PIPE, text=True)
    try:
        eventually(lambda: fleet.visits("green") > 500)
        proxy.verb("abort")
        eventually(lambda: proxy.metrics().sum("turnout_requests_in_flight", version="green") == 0)
        stood = fleet.visits("green")
        blue = fleet.visits("blue")
        told, _ = crowd.communicate(timeout=30)
    finally:
        crowd.kill()
    assert fleet.visits("blue") > blue + 500
    assert fleet.visits("green") == stood
    assert " 0 failed, 0 errored, 0 timeout" in told, told
