"""What a user who got something wrong sees: all mistakes at once with their places, and exit 1."""
import os
import socket
import subprocess
from pathlib import Path

import pytest
from line import config, rule
from support.http1 import get
from support.places import binary
from support.ports import free_port
from support.proxy import Proxy

GOOD = """\
listen: ["127.0.0.1:{port}"]
admin: "unix:./turnout.sock"
versions:
  blue:
    endpoints: ["127.0.0.1:1"]
  green:
    endpoints: ["127.0.0.1:2"]
rules:
  - name: main
    stable: blue
    weights: {{blue: 90, green: 10}}
"""


def turnout(*arguments, **options):
    return subprocess.run([binary("turnout"), *map(str, arguments)], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=20, **options)


@pytest.fixture
def check(tmp_path):
    """check(text) -> (exit code, what was said), the same for `check` and `serve`."""
    def run(text):
        path = tmp_path / "turnout.yaml"
        path.write_text(text.replace("{port}", str(free_port())).replace("{{", "{").replace("}}", "}"))
        done = turnout("check", "-c", path)
        said = done.stdout + done.stderr
        if done.returncode != 0:
            served = turnout("serve", "-c", path)
            assert served.returncode == 1, "serve took what check refused"
            for line in said.splitlines():
                if ": error: " in line:
                    assert line in served.stdout + served.stderr
        return done.returncode, said
    return run


def test_good_file_passes(check):
    code, said = check(GOOD)
    assert code == 0, said


# (what is replaced, by what, line of the message or None, words that the message must have)
MISTAKES = [
    ("weights: {{blue: 90", "wieghts: {{blue: 90", 11, ["wieghts", "weights"]),
    ("    stable: blue\n", "", 10, ["stable"]),
    ("stable: blue", "stable: bleu", 10, ["bleu", "blue"]),
    ("green: 10}}", "gren: 10}}", 11, ["gren", "green"]),
    ("green: 10}}", "green: 1000001}}", 11, ["1000001"]),
    ("green: 10}}", "green: -1}}", 11, ["-1"]),
    ("green: 10}}", "green: 0}}", None, []),  # fine: 0 is a weight
    ("127.0.0.1:1\"", "127.0.0.1:70000\"", 5, ["70000"]),
    ("127.0.0.1:1\"", "localhost:1\"", 5, ["localhost"]),
    ("listen:", "lisen:", 1, ["lisen", "listen"]),
    ("admin: \"unix:./turnout.sock\"", "admin: \"tcp:1\"", 2, ["admin"]),
    ("weights: {{blue: 90, green: 10}}", "weights: {{blue: 90, green: 10}}\n    match: [{{path: /a}}]", None, ["match"]),
    ("weights: {{blue: 90, green: 10}}", "weights: {{blue: 90, green: 10}}\n    mirror: [{{to: red}}]", 12, ["red"]),
    ("weights: {{blue: 90, green: 10}}", "weights: {{blue: 90, green: 10}}\n    owner: update 42", 12, ["not yet supported"]),
    ("weights: {{blue: 90, green: 10}}", "weights: {{blue: 90, green: 10}}\n    sticky: {{by: cokie}}", 12, ["cokie", "cookie"]),
    ("weights: {{blue: 90, green: 10}}", "weights: {{blue: 90, green: 10}}\n  - name: main\n    weights: {{blue: 1}}", None, ["main"]),
    ("rules:", "rules: [", None, []),
    ("listen:", "\tlisten:", 1, []),
    ("name: main", "name: main\n    name: main", 10, ["name"]),
]


@pytest.mark.parametrize("old, new, line, words", MISTAKES, ids=[new.strip()[-40:].replace("\n", " ") for _, new, _, _ in MISTAKES])
def test_mistake_is_named_with_its_place(check, old, new, line, words):
    assert old in GOOD
    code, said = check(GOOD.replace(old, new, 1))
    if "green: 0}}" in new:
        assert code == 0, said
        return
    assert code == 1, said
    errors = [text for text in said.splitlines() if ": error: " in text]
    assert errors, said
    assert all(text.split(":")[0].endswith("turnout.yaml") for text in errors), said
    if line is not None:
        assert any(text.split(":")[1] == str(line) and int(text.split(":")[2]) > 0 for text in errors), said
    for word in words:
        assert word in said, said


def test_all_mistakes_at_once(check):
    text = GOOD.replace("stable: blue", "stable: bleu").replace("127.0.0.1:1\"", "nowhere\"").replace("admin:", "amdin:")
    code, said = check(text)
    assert code == 1
    assert {text.split(":")[1] for text in said.splitlines() if ": error: " in text} >= {"2", "5", "10"}, said


def test_version_that_no_rule_uses_is_a_warning(check):
    code, said = check(GOOD.replace("green: 10}}", "green: 10}}").replace("blue: 90, green: 10", "blue: 1"))
    assert code == 0 and ": warning: " in said and "green" in said, said


def test_missing_and_unreadable_files(tmp_path):
    done = turnout("serve", "-c", tmp_path / "absent.yaml")
    assert done.returncode == 1 and "absent.yaml" in done.stderr and "No such file" in done.stderr
    done = turnout("serve", "-c", tmp_path)
    assert done.returncode == 1 and str(tmp_path) in done.stderr


def assert_refused(proxy, *words):
    """It ends with 1 by itself, and says these words (a tuple: one of them)."""
    proxy.launch()
    assert proxy.wait(15) == 1, proxy.output()
    for word in words:
        choice = word if isinstance(word, tuple) else (word,)
        assert any(str(w) in proxy.output() for w in choice), proxy.output()


def test_port_taken(start_fleet, tmp_path):
    fleet = start_fleet(blue=1)
    for key in ("listen", "metrics"):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            value = f"127.0.0.1:{port}"
            settings = config(fleet, rule({"blue": 1}), **{key: [value] if key == "listen" else value})
            assert_refused(Proxy(tmp_path / key, settings), port, ("taken", "in use"))


def test_socket_of_a_living_process_is_left_alone(start_fleet, start_proxy, tmp_path):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    second = Proxy(proxy.folder, config(fleet, rule({"blue": 1})), name="second")
    assert_refused(second, "turnout.sock")
    assert "running" in proxy.verb("get") or get(proxy.address, "/count").status == 200
    assert proxy.verb("status") is not None


def test_socket_of_a_dead_process_is_replaced(start_fleet, start_proxy, tmp_path):
    fleet = start_fleet(blue=1)
    folder = tmp_path / "again"
    first = Proxy(folder, config(fleet, rule({"blue": 1}))).start()
    first.kill()
    assert (folder / "turnout.sock").is_socket()
    second = start_proxy(config(fleet, rule({"blue": 1})), name="again")
    assert get(second.address, "/count").status == 200
    second.verb("get")


def test_file_that_is_no_socket_is_left_alone(start_fleet, tmp_path):
    fleet = start_fleet(blue=1)
    proxy = Proxy(tmp_path / "file", config(fleet, rule({"blue": 1})))
    (proxy.folder / "turnout.sock").write_text("precious")
    assert_refused(proxy, "turnout.sock")
    assert (proxy.folder / "turnout.sock").read_text() == "precious"


def test_admin_socket_is_for_its_owner_only(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    assert oct((proxy.folder / "turnout.sock").stat().st_mode)[-3:] == "600"
    assert proxy.stop() == 0
    assert not (proxy.folder / "turnout.sock").exists()


def test_unusable_key_file(start_fleet, tmp_path):
    fleet = start_fleet(blue=1, green=1)
    for name, prepare in {"absent": lambda p: None, "empty": lambda p: p.write_text(""),
                          "short": lambda p: p.write_text("abc\n"), "folder": lambda p: p.mkdir()}.items():
        key = tmp_path / f"{name}.keys"
        prepare(key)
        sticky = {"by": "cookie", "name": "tn", "key_file": str(key)}
        settings = config(fleet, rule({"blue": 1, "green": 1}, sticky=sticky))
        assert_refused(Proxy(tmp_path / name, settings), f"{name}.keys")


def test_unusable_store(start_fleet, tmp_path):
    fleet = start_fleet(blue=1)
    for name, prepare in {"folder": lambda p: p.mkdir(), "garbage": lambda p: p.write_bytes(b"no journal\n" * 10)}.items():
        store = tmp_path / f"{name}.store"
        prepare(store)
        settings = config(fleet, rule({"blue": 1}), store={"file": str(store)})
        assert_refused(Proxy(tmp_path / name, settings), f"{name}.store")
        if store.is_file():
            assert store.read_bytes() == b"no journal\n" * 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_store(start_fleet, tmp_path):
    fleet = start_fleet(blue=1)
    store = tmp_path / "secret.store"
    store.write_text("")
    store.chmod(0)
    assert_refused(Proxy(tmp_path / "p", config(fleet, rule({"blue": 1}), store={"file": str(store)})), "secret.store")


def test_store_keeps_the_rules_over_a_restart(start_fleet, start_proxy, tmp_path):
    fleet = start_fleet(blue=1, green=1)
    settings = config(fleet, rule({"blue": 1}), store={"file": "./turnout.store"})
    proxy = start_proxy(settings, name="kept")
    proxy.verb("route", "all", "green")
    assert get(proxy.address, "/count").get("x-version") == "green"
    proxy.kill()  # not even a clean stop
    again = Proxy(proxy.folder, settings, name="kept").start()
    try:
        assert get(again.address, "/count").get("x-version") == "green"
    finally:
        assert again.stop() == 0


def test_broken_reload_changes_nothing(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    proxy.write("rules: [\n")
    proxy.reload()
    done = proxy.verb("reload", check=False)
    assert done.returncode == 1 and "line 2, column 1" in done.stderr, done
    assert get(proxy.address, "/count").get("x-version") == "blue"
    proxy.config["rules"] = [rule({"green": 1})]
    proxy.write()
    proxy.verb("reload")
    assert get(proxy.address, "/count").get("x-version") == "green"


def test_reload_keeps_what_was_set_unless_its_text_changed(start_fleet, start_proxy):
    fleet = start_fleet(blue=1, green=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    proxy.verb("route", "all", "green")
    proxy.config["limits"] = {"stop_grace": "2s"}
    proxy.write()
    proxy.verb("reload")
    assert get(proxy.address, "/count").get("x-version") == "green"


def test_proxy_says_where_it_listens(start_fleet, start_proxy):
    fleet = start_fleet(blue=1)
    proxy = start_proxy(config(fleet, rule({"blue": 1}), listen=["127.0.0.1:0"]))
    port = int(proxy.wait_for(r"listening on 127\.0\.0\.1:(\d+)").group(1))
    assert port > 0 and get(("127.0.0.1", port), "/count").status == 200


def test_no_program_without_arguments_or_with_wrong_ones():
    assert turnout().returncode == 2
    assert turnout("sevre").returncode == 2
    for verb in ("serve", "check", "reload", "get", "status", "route", "set", "explain"):
        done = turnout(verb, "--help")
        assert done.returncode == 0 and verb in done.stdout, verb
    done = turnout("get", "--admin", f"unix:{Path('/nonexistent.sock')}")
    assert done.returncode == 1 and "/nonexistent.sock" in done.stderr, done
