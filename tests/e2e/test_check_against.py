"""`turnout check --against`: what a reload would change, told without changing anything, and then true."""
import json

import pytest
import yaml
from line import config, rule
from support.http1 import get
from support.ports import free_port


@pytest.fixture
def proxy(start_fleet, start_proxy):
    return start_proxy(config(start_fleet(blue=2, green=1), rule({"blue": 1, "green": 0}), threads=1))


def against(proxy, *options, check=True, path=None, **changed):
    """A copy of the file with these members, elsewhere, is held against the running proxy."""
    if path is None:
        path = proxy.folder / "elsewhere" / "new.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({**proxy.config, **changed}))
    before = state(proxy)
    answer = proxy.verb("check", "-c", path, "--against", *options, check=check)
    assert state(proxy) == before  # nothing was changed
    return answer


def state(proxy):
    document = json.loads(proxy.verb("get", "-o", "json"))
    return document["revision"], document["rules"], proxy.verb("history")


def preview(proxy, **changed):
    return json.loads(against(proxy, "-o", "json", **changed))


def take(proxy, **changed):
    proxy.config.update(changed)
    proxy.write()
    return proxy.verb("reload", check=False).returncode


def test_nothing_to_do(proxy):
    assert "a reload would change nothing" in against(proxy)
    assert "a reload would change nothing" in proxy.verb("reload", "--dry-run")


def changes(proxy):
    versions = json.loads(json.dumps(proxy.config["versions"]))
    fewer = {**versions, "blue": {**versions["blue"], "endpoints": versions["blue"]["endpoints"][:1]}}
    return {
        "listen": ({"listen": [*proxy.config["listen"], f"127.0.0.1:{free_port()}"]}, "listen"),
        "limits": ({"limits": {**proxy.config["limits"], "queue": 7}}, "limit queue"),
        "log": ({"log": {"access": "./other.log", "format": "json"}}, "log access"),
        "endpoints": ({"versions": fewer}, "version blue endpoints"),
        "version": ({"versions": {**versions, "red": {"endpoints": ["127.0.0.1:9"]}}}, "version red"),
        "trusted": ({"trusted_proxies": ["10.0.0.0/8"]}, "trusted_proxies"),
    }


@pytest.mark.parametrize("kind", ["listen", "limits", "log", "endpoints", "version", "trusted"])
def test_settings_are_told_and_then_taken(kind, proxy):
    changed, name = changes(proxy)[kind]
    told = preview(proxy, **changed)
    assert told["changed"] and [row["name"] for row in told["reload"]["settings"]] == [name]
    assert name in against(proxy, **changed) and told["before"] == told["after"] == []
    revision = told["revision"]
    assert take(proxy, **changed) == 0
    assert state(proxy)[0] == revision + 1
    assert "a reload would change nothing" in against(proxy)


def test_rules_are_told_and_then_taken(proxy):
    rules = [{**rule({"green": 1}), "name": "first", "match": [{"path": "/x"}]}, rule({"green": 1, "blue": 0})]
    told = preview(proxy, rules=rules)
    table = against(proxy, rules=rules)
    assert "first (new)" in table and "rule main is taken from the file" in table
    assert take(proxy, rules=rules) == 0
    now = json.loads(proxy.verb("get", "-o", "json"))["rules"]
    weights = {entry["name"]: entry["weights"] for entry in told["after"]}
    assert weights == {"first": {"green": 1}, "main": {"green": 1, "blue": 0}}
    assert len(now) == 2 and b"green" in get(proxy.address, "/version").body


def test_what_was_set_at_run_time_stays_and_is_named(proxy):
    proxy.verb("set", "weights", "blue=0,green=1", "--author", "ada")
    told = preview(proxy, limits={**proxy.config["limits"], "queue": 7})
    assert told["after"] == [] and told["reload"]["kept"] == [
        {"rule": "main", "state": "changed", "members": ["weights"], "revision": told["revision"], "what": "weights", "author": "ada"}]
    table = against(proxy, limits={**proxy.config["limits"], "queue": 7})
    assert f"main: kept, weights set by 'set weights' (revision {told['revision']}, ada)" in table
    assert take(proxy, limits={**proxy.config["limits"], "queue": 7}) == 0
    assert b"green" in get(proxy.address, "/version").body


@pytest.mark.parametrize("changed, sentence", [
    ({"threads": 3}, "threads changed"),
    ({"store": {"file": "./other"}}, "store changed"),
    ({"admin": "unix:./other.sock"}, "admin changed"),
    ({"user": "nobody"}, "user changed")])
def test_what_would_be_refused(changed, sentence, proxy):
    done = against(proxy, check=False, **changed)
    assert done.returncode == 1 and sentence in done.stderr
    assert take(proxy, **changed) == 1


def test_version_in_use_would_be_refused(proxy):
    proxy.verb("set", "weights", "blue=0,green=1")
    versions = {"blue": proxy.config["versions"]["blue"]}
    done = against(proxy, check=False, versions=versions, rules=[rule({"blue": 1})])
    assert done.returncode == 0, done.stderr  # its own text about green went
    proxy.verb("set", "mirror", "green=10%", check=False)
    assert take(proxy, rules=[rule({"blue": 1})]) == 0
    proxy.verb("set", "weights", "blue=0,green=1")
    done = against(proxy, check=False, versions=versions)
    assert done.returncode == 1 and "version 'green' can't be removed: rule main still uses it" in done.stderr
    assert take(proxy, versions=versions) == 1


def test_broken_file_and_no_proxy(proxy):
    path = proxy.folder / "broken.yaml"
    path.write_text("rules: 3\n")
    done = against(proxy, check=False, path=path)
    assert done.returncode == 1 and "broken.yaml: 2 errors" in done.stderr and "'versions' is missing" in done.stderr
    proxy.stop()
    path.write_text(yaml.safe_dump(proxy.config))
    done = proxy.verb("check", "-c", path, "--against", check=False)
    assert done.returncode == 1 and "turnout check:" in done.stderr
