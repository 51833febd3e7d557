"""The verbs against the real proxy: what they change, what they show, and that refusals change nothing."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from line import config, eventually, rule
from support import load
from support.places import binary
from support.ports import free_port

TESTERS = rule({"green": 1}, name="testers", match=[{"headers": [{"name": "X-Tester", "value": "1"}]}])


@pytest.fixture
def line(start_fleet, start_proxy):
    """Two blue, two green, all traffic to blue."""
    return start_proxy(config(start_fleet(blue=2, green=2), rule({"blue": 1})))


def document(proxy):
    return json.loads(proxy.verb("get", "-o", "json"))


def main_rule(proxy, name="main"):
    return next(r for r in document(proxy)["rules"] if r["name"] == name)


def versions_of(proxy, count, **fields):
    """How many of `count` requests each version answered."""
    outcomes = load.run(proxy.address, [load.get_request("/count", **fields)] * count, connections=2)
    assert load.losses(outcomes) == []
    return dict(load.versions(outcomes))


def after(answer):
    """{(rule, traffic): (before, after)} of a table of change."""
    rows, rule_name = {}, None
    header = next(line for line in answer.splitlines() if line.startswith("RULE"))
    starts = [header.index(word) for word in ("RULE", "TRAFFIC", "BEFORE", "AFTER")]
    for line in answer.split(header)[1].split("\n\n")[0].splitlines()[1:]:
        cells = [line[a:b].strip() for a, b in zip(starts, starts[1:] + [None])]
        rule_name = cells[0] or rule_name
        rows[rule_name, cells[1]] = tuple(cells[2:])
    return rows


def test_check_reports_and_accepts(line, tmp_path):
    done = line.verb("check", "-c", line.config_path)
    assert re.search(r": ok: 2 versions with 4 endpoints, 1 rule\b", done)
    bad = tmp_path / "bad.yaml"
    bad.write_text("listen: [\"127.0.0.1:0\"]\nversoins: {}\nthreads: many\n")
    done = line.verb("check", "-c", bad, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{bad}:2:1: error: unknown key 'versoins'" in done.stderr and "did you mean 'versions'?" in done.stderr
    assert f"{bad}:3:10: error: " in done.stderr
    assert line.verb("check", "-c", tmp_path / "none.yaml", check=False).returncode == 1


def test_check_without_a_file_says_where_it_looked(tmp_path):
    if os.path.exists("/etc/turnout/turnout.yaml"):
        pytest.skip("this machine has a configuration")
    done = subprocess.run([binary("turnout"), "check"], cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 1
    assert "there is no ./turnout.yaml and no /etc/turnout/turnout.yaml" in done.stderr


def test_serve_refuses_a_broken_file(tmp_path):
    (tmp_path / "turnout.yaml").write_text("threads: many\n")
    done = subprocess.run([binary("turnout"), "serve"], cwd=tmp_path, text=True, capture_output=True, timeout=20)
    assert done.returncode == 1 and "turnout.yaml:1:10: error: " in done.stderr


def test_status_of_a_running_line(line):
    done = line.verb("status", "--timeout", "10s")
    assert re.search(r"^blue +2/2  yes$", done, re.M) and re.search(r"^green +2/2  no$", done, re.M)


def test_status_times_out_without_a_healthy_endpoint(start_proxy):
    proxy = start_proxy({"versions": {"blue": {"endpoints": [f"127.0.0.1:{free_port()}"],
                                               "health": {"path": "/", "interval": "300ms", "timeout": "300ms"}}},
                         "rules": [rule({"blue": 1})]})
    done = proxy.verb("status", "--timeout", "1s", check=False)
    assert done.returncode == 4 and "blue has no healthy endpoint (0 of 1)" in done.stderr
    assert re.search(r"blue/0  127\.0\.0\.1:\d+  (down: .*refused|not probed yet)", done.stdout)


def test_route_all_moves_everything_at_once(line):
    answer = line.verb("route", "all", "green", "--reason", "test", "--author", "me")
    assert after(answer)["main", "green"] == ("-", "100%")
    assert after(answer)["main", "blue"] == ("100%", "-")
    assert versions_of(line, 20) == {"green": 20}
    assert "nothing to change" in line.verb("route", "all", "green")


def test_route_canary_per_request_is_exact(line):
    line.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", "10%", "--per-request")
    assert versions_of(line, 200) == {"blue": 180, "green": 20}
    shown = line.verb("get")
    assert re.search(r"main +blue, stable +90% +90\.00% +±0\.50% +180 +0 ", shown), shown
    assert re.search(r" green +10% +10\.00% +±0\.50% +20 +0 ", shown), shown
    share = {v["name"]: v for v in document(line)["share"]["rules"][0]["versions"]}
    assert share["green"]["achieved_ppm"] == 100000 and share["green"]["errors"] == 0


def test_route_canary_is_sticky_unless_told(line):
    line.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", "50%")
    assert main_rule(line)["sticky"]["by"] == "cookie"
    versions_of(line, 10)
    assert " sticky " in line.verb("get")


def test_route_ab_by_header_and_back(line):
    answer = line.verb("route", "ab", "--stable", "blue", "--canary", "green", "--header", "X-Version=green",
                       "--cookie", "beta=1")
    assert after(answer)["main/ab-1 (new)", "for"] == ("-", "X-Version=green, or cookie beta=1")
    assert versions_of(line, 10, x_version="green") == {"green": 10}
    assert versions_of(line, 10, cookie="beta=1") == {"green": 10}
    assert versions_of(line, 10, x_version="blue") == {"blue": 10}
    assert re.search(r"^main/ab-1 +X-Version=green, or cookie beta=1 ", line.verb("get"), re.M)
    answer = line.verb("route", "all", "blue")
    assert after(answer)["main/ab-1 (removed)", "green"] == ("100%", "-")
    assert [r["name"] for r in document(line)["rules"]] == ["main"]


def test_route_ab_by_drawn_key(line):
    answer = line.verb("route", "ab", "--by", "header:X-User", "--split", "blue=50,green=50", "--seed", "spring")
    assert after(answer)["main", "sticky"][1] == "by header:X-User, seed spring"
    for user in "1234":
        explained = line.verb("explain", "-H", f"X-User: {user}")
        version = re.match(r"(blue|green), ", explained).group(1)
        assert "because     key: " in explained
        assert versions_of(line, 5, x_user=user) == {version: 5}


def test_route_shadow_mirrors_and_answers_from_stable(line):
    answer = line.verb("route", "shadow", "--stable", "blue", "--canary", "green", "--percent", "25")
    assert after(answer)["main", "mirrored to green"] == ("-", "25%")
    assert versions_of(line, 40) == {"blue": 40}
    row = eventually(lambda: re.search(r"^main +green +25% +10 +10 +10 +0 +0 +0$", line.verb("get"), re.M))
    assert row


def test_routes_name_rules_that_still_send_elsewhere(start_fleet, start_proxy):
    proxy = start_proxy(config(start_fleet(blue=1, green=1), TESTERS, rule({"blue": 1})))
    assert "note: rule testers still sends to green" in proxy.verb("route", "all", "blue")
    assert versions_of(proxy, 4, x_tester="1") == {"green": 4}
    answer = proxy.verb("route", "all", "blue", "--rule", "testers")
    assert after(answer)["testers", "blue"] == ("-", "100%")


def test_set_weights_and_share_are_exact(line):
    line.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", "10%", "--per-request")
    answer = line.verb("set", "weights", "blue=999,green=1")
    assert after(answer) == {("main", "blue"): ("90%", "99.9%"), ("main", "green"): ("10%", "0.1%")}
    assert main_rule(line)["weights"] == {"blue": 999, "green": 1}
    assert versions_of(line, 2000) == {"blue": 1998, "green": 2}
    answer = line.verb("set", "share", "green=33.3333%")
    assert after(answer)["main", "green"] == ("0.1%", "33.3333%")
    weights = main_rule(line)["weights"]
    assert weights["green"] / sum(weights.values()) == 0.333333


def test_set_mirror_on_and_off(line):
    assert after(line.verb("set", "mirror", "green=100%"))["main", "mirrored to green"] == ("-", "100%")
    assert after(line.verb("set", "mirror", "green=0.5%"))["main", "mirrored to green"] == ("100%", "0.5%")
    assert after(line.verb("set", "mirror", "green=off"))["main", "mirrored to green"] == ("0.5%", "-")


def test_what_get_prints_set_rules_takes_back(line, tmp_path):
    line.verb("route", "ab", "--stable", "blue", "--canary", "green", "--header", "X-Version=gr: #\"een")
    before = document(line)
    (tmp_path / "rules.json").write_text(json.dumps(before["rules"]))
    assert "nothing to change" in line.verb("set", "rules", "-f", tmp_path / "rules.json")
    yaml = line.verb("get", "-o", "yaml")
    (tmp_path / "rules.yaml").write_text(re.search(r"^rules:\n(.*?)^share:", yaml, re.M | re.S).group(1))
    assert "nothing to change" in line.verb("set", "rules", "-f", tmp_path / "rules.yaml")
    assert document(line)["rules"] == before["rules"] and document(line)["revision"] == before["revision"]


def test_set_rules_with_mistakes_changes_nothing(line, tmp_path):
    before = document(line)
    file = tmp_path / "r.yaml"
    file.write_text("- name: main\n  weigths: {blue: 1}\n  stable: gren\n")
    done = line.verb("set", "rules", "-f", file, check=False)
    assert done.returncode == 1
    assert f"{file}:2:3: unknown key 'weigths' (did you mean 'weights'?)" in done.stderr
    assert f"{file}:3:11: " in done.stderr
    file.write_text("- {name: main, weights: {green: 1}}\n")
    answer = line.verb("set", "rules", "-f", file, "--dry-run", "--reason", "r & d")
    assert answer.startswith("dry run, nothing was changed") and after(answer)["main", "green"] == ("-", "100%")
    assert document(line)["rules"] == before["rules"] and document(line)["revision"] == before["revision"]


REFUSED = [
    (["route", "all", "gren"], 1, "did you mean 'green'?"),
    (["set", "weights", "blue=1,red=1"], 1, "the versions are blue, green"),
    (["set", "weights", "blue=0"], 1, "all are 0"),
    (["set", "share", "green=10%", "--rule", "mian"], 1, "there is no rule 'mian'"),
    (["set", "share", "green=10%", "--if-revision", "999"], 3, "not 999"),
    (["reload", "--if-revision", "999"], 3, "not 999"),
    (["set", "share", "green=10"], 2, "green=10%"),
    (["set", "share", "blue=60%,green=60%"], 1, ""),
    (["explain", "--client", "nobody"], 1, "client must be an address"),
    (["explain", "-X", "TRACE"], 1, "would be refused with 405"),
]


@pytest.mark.parametrize("arguments, code, words", REFUSED, ids=[" ".join(r[0]) for r in REFUSED])
def test_refusals_change_nothing(line, arguments, code, words):
    before = document(line)
    done = line.verb(*arguments, check=False)
    assert done.returncode == code and words in done.stderr and done.stdout == ""
    assert document(line)["rules"] == before["rules"] and document(line)["revision"] == before["revision"]


def test_if_revision_of_now_is_taken(line):
    revision = document(line)["revision"]
    line.verb("route", "all", "green", "--if-revision", revision)
    assert document(line)["revision"] == revision + 1
    assert line.verb("route", "all", "blue", "--if-revision", revision, check=False).returncode == 3


def test_dry_run_shows_and_leaves(line):
    before = document(line)
    answer = line.verb("set", "share", "green=10%", "--dry-run")
    assert after(answer)["main", "green"] == ("-", "10%")
    assert document(line)["rules"] == before["rules"]


def test_reload_takes_the_file_and_refuses_a_broken_one(line):
    assert "nothing to change" in line.verb("reload")
    line.config["rules"] = [rule({"green": 1})]
    line.write()
    assert after(line.verb("reload", "--dry-run"))["main", "green"] == ("-", "100%")
    assert after(line.verb("reload"))["main", "green"] == ("-", "100%")
    assert versions_of(line, 4) == {"green": 4}
    line.write("rules: 3\n")
    done = line.verb("reload", check=False)
    assert done.returncode == 1 and "'versions' is missing" in done.stderr
    assert versions_of(line, 4) == {"green": 4}


def test_explain_takes_no_slot(line):
    line.verb("route", "canary", "--stable", "blue", "--canary", "green", "--share", "50%", "--per-request")
    for _ in range(5):
        assert "because     slot: " in line.verb("explain", "/x?y=1")
    assert versions_of(line, 10) == {"blue": 5, "green": 5}
    assert document(line)["share"]["rules"][0]["versions"][0]["requests"] == 5


def test_watch_outlives_a_restart(line):
    # A shell lets what it runs in the background, and so us, ignore Ctrl-C.
    child = subprocess.Popen([binary("turnout"), "get", "-w", "-o", "json", "--admin", line.admin],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    first = json.loads(child.stdout.readline())
    assert line.stop(timeout=30) == 0
    assert child.stderr.readline() == "turnout get: turnout is stopping; waiting for it to come back\n"
    line.start()
    second = json.loads(child.stdout.readline())
    while second["status"]["pid"] == first["status"]["pid"]:
        second = json.loads(child.stdout.readline())
    child.send_signal(signal.SIGINT)
    child.wait(timeout=5)
    child.stdout.close()
    child.stderr.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_nobody_but_the_owner_may_use_the_socket(start_fleet, start_proxy):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others anyway
        os.chmod(folder, 0o755)
        proxy = start_proxy(config(start_fleet(blue=1), rule({"blue": 1}), admin=f"unix:{folder}/t.sock"))
        shutil.copy(binary("turnout"), folder)
        done = subprocess.run([f"{folder}/turnout", "get", "--admin", proxy.admin], user=65534, text=True,
                              cwd=folder, capture_output=True)
        assert done.returncode == 1 and f"you may not use unix:{folder}/t.sock" in done.stderr, done.stderr


def test_counts_show_what_nobody_answered(start_proxy):
    proxy = start_proxy({"versions": {"blue": {"endpoints": [f"127.0.0.1:{free_port()}"],
                                               "health": {"path": "/", "interval": "300ms", "timeout": "300ms"}}},
                         "rules": [rule({"blue": 1})]})
    load.run(proxy.address, [load.get_request("/")] * 3)
    shown = eventually(lambda: re.search(r"^ +answered by nobody +3$", proxy.verb("get"), re.M))
    assert shown
    assert "nobody, by rule main" in proxy.verb("explain")
