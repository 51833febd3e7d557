"""What was changed, by whom and why; and back again: history and undo of the real proxy."""
import json
import os
import pwd
import time

import pytest

from line import config, eventually, rule

USER = pwd.getpwuid(os.getuid()).pw_name
STORE = {"store": {"file": "./turnout.store"}}


@pytest.fixture
def line(start_fleet, start_proxy):
    """One blue, one green, all traffic to blue, with a store."""
    return start_proxy(config(start_fleet(blue=1, green=1), rule({"blue": 1}, stable="blue"), **STORE))


def history(proxy, *arguments):
    return json.loads(proxy.verb("history", "-o", "json", *arguments))["revisions"]


def weights(proxy, name="main"):
    rules = json.loads(proxy.verb("get", "-o", "json"))["rules"]
    return next(r["weights"] for r in rules if r["name"] == name)


def test_history_tells_who_did_what_and_why(line):
    line.verb("set", "share", "green=10%", "--author", "ann", "--reason", "first users")
    line.verb("drain", "green", "--timeout", "5m")
    line.verb("undrain", "green")
    line.verb("abort", "--reason", "errors")
    table = line.verb("history").splitlines()
    assert [t.split()[0] for t in table] == ["REVISION", "5", "4", "3", "2", "1"]
    assert table[0].split() == ["REVISION", "TIME", "WHAT", "RULE", "CHANGE", "BY", "REASON"]
    assert "abort" in table[1] and "blue 90% -> 100%, green 10% -> -" in table[1] and "errors" in table[1]
    assert "green draining -> active" in table[2] and "green active -> draining" in table[3]
    assert "blue 100% -> 90%, green - -> 10%" in table[4] and f"{USER} as ann  first users" in table[4]
    assert table[1].split()[-2:] == [USER, "errors"]
    assert "start" in table[5]
    two = history(line, "-n", "2")
    assert [e["revision"] for e in two] == [5, 4] and all(e["durable"] for e in two)
    assert line.verb("history", "-n", "1", "-o", "yaml").startswith("revision: 5\n")
    for bad, words in (("0", "n must be a whole number"), ("x", "expected how many revisions")):
        done = line.verb("history", "-n", bad, check=False)
        assert done.returncode in (1, 2) and words in done.stderr


def test_undo_and_redo_survive_a_restart(line):
    line.verb("set", "weights", "blue=3,green=1")
    line.verb("cut", "green", "--reason", "disk")
    assert "green    cut     active" in line.verb("undo", "--reason", "disk is fine")
    line.stop()
    line.start()
    line.wait_ready()
    assert "as of revision 3: cut of" in line.verb("undo")
    assert "to 3" in line.verb("history").splitlines()[1]
    assert weights(line) == {"blue": 3, "green": 1}
    line.verb("undo", "--to-revision", "1")
    assert weights(line) == {"blue": 1}
    done = line.verb("undo", "--to-revision", "77", check=False)
    assert done.returncode == 1 and "there is no revision 77 yet: the rules are at 6" in done.stderr
    done = line.verb("undo", "--if-revision", "2", check=False)
    assert done.returncode == 3
    assert "dry run" in line.verb("undo", "--dry-run")
    assert [e["revision"] for e in history(line)] == [6, 5, 4, 3, 2, 1]


def test_history_without_a_store_says_that_it_will_be_gone(start_fleet, start_proxy):
    proxy = start_proxy(config(start_fleet(blue=1, green=1), rule({"blue": 1}, stable="blue")))
    proxy.verb("set", "share", "green=10%")
    assert "kept in memory only" in proxy.verb("history")
    proxy.verb("undo")
    assert weights(proxy) == {"blue": 1}


# --- ttl ------------------------------------------------------------------------------------------------


def test_ttl_goes_back_by_itself_and_only_what_it_made(line):
    line.verb("set", "share", "green=10%", "--ttl", "2s", "--reason", "a look")
    line.verb("set", "mirror", "green=5%")
    assert "Goes back by itself: main in " in line.verb("get")
    due = line.metrics().sum("turnout_ttl_expiry_timestamp_seconds")
    assert 0 < due - time.time() < 2
    eventually(lambda: weights(line) == {"blue": 1})
    assert time.time() > due - 0.1
    rows = line.verb("history").splitlines()
    assert " ttl " in rows[1] and "revision 2 was for 2s" in rows[1]
    assert "went back in 4" in rows[3] and "goes back" not in line.verb("get")
    assert line.metrics().sum("turnout_ttl_expiry_timestamp_seconds") == 0
    assert "mirror" in line.verb("get", "-o", "json")


def test_ttl_survives_kill_and_is_applied_before_anybody_is_served(line):
    line.verb("set", "weights", "green=1", "--ttl", "1s")
    line.verb("drain", "blue", "--ttl", "90s")
    line.kill()
    time.sleep(1.1)
    line.start()
    assert weights(line) == {"blue": 1}
    assert "Goes back by itself: blue in " in line.verb("get")
    assert "that ran out while turnout did not run" in line.verb("history", "-n", "1")


@pytest.mark.parametrize("verb", [["abort"], ["cut", "green"], ["undo"], ["promote", "green"], ["reload"]], ids=" ".join)
def test_ttl_is_refused_where_nothing_may_go_back(line, verb):
    done = line.verb(*verb, "--ttl", "5m", check=False)
    assert done.returncode == 2 and "does not go back by itself" in done.stderr
    assert "--ttl" not in line.verb(verb[0], "--help")
    done = line.verb("set", "share", "green=1%", "--ttl", "5", check=False)
    assert done.returncode == 2 and "5s" in done.stderr
    assert len(history(line)) == 1


# --- rules in somebody's care ---------------------------------------------------------------------------


def test_a_rule_in_the_care_of_an_update_survives_kill_and_goes_back_when_nobody_comes(line):
    line.verb("set", "share", "green=10%")
    line.api("/v1/lease", "PUT", {"rule": "main", "owner": "update 42", "on_lost": "abort", "ttl_ms": 2000})
    done = line.verb("set", "share", "green=20%", check=False)
    assert done.returncode == 1 and "rule main is in the care of update 42" in done.stderr
    line.verb("set", "share", "green=20%", "--take-over")
    line.verb("drain", "green")
    line.kill()
    line.start()
    assert line.api("/v1/lease")["leases"][0]["owner"] == "update 42"
    eventually(lambda: weights(line) == {"blue": 1})
    assert "update 42 was not heard of for 2.0 s" in line.verb("history", "-n", "1")
    assert line.api("/v1/lease")["leases"] == []
    line.verb("set", "share", "green=20%")
