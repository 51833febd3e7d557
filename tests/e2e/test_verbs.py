"""The verbs against an admin interface that says what the test wrote down: what is asked, what is
shown, and how each failure ends. What they do to a real proxy: test_verbs_real.py."""
import json
import os
import pty
import socket
import subprocess
import time

import pytest

from fake_admin import RULES, FakeAdmin, change, endpoints, problem, share_of
from support.places import binary

SEEN = {}


@pytest.fixture
def fake(tmp_path):
    admin = FakeAdmin(tmp_path / "t.sock")
    yield admin
    admin.close()


@pytest.fixture
def verb(tmp_path, fake):
    return lambda *arguments, **options: run(*arguments, cwd=tmp_path, admin=f"unix:{fake.path}", **options)


def run(*arguments, cwd=None, admin=None, stdin="", timeout=20):
    environment = {k: v for k, v in os.environ.items() if k not in ("TURNOUT_ADMIN", "NO_COLOR")}
    if admin:
        environment["TURNOUT_ADMIN"] = admin
    done = subprocess.run([binary("turnout"), *map(str, arguments)], env=environment, cwd=cwd,
                          input=stdin, text=True, capture_output=True, timeout=timeout)
    assert "\033" not in done.stdout, "colour is for terminals"
    return done


# --- the program itself ------------------------------------------------------------------------------

VERBS = ["serve", "check", "reload", "get", "status", "route", "set", "explain", "promote", "abort", "drain", "cut", "undrain",
         "undo", "history"]
# Those that a version does not have yet: --help says which, and each is refused by name.
LATER = ["mirror", "page"]
COMMANDS = [[v] for v in VERBS] + [["route", s] for s in ("all", "canary", "ab", "shadow")] + \
           [["set", s] for s in ("weights", "share", "mirror", "rules")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_every_command_shows_an_example(command):
    done = run(*command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    usage, _, examples = done.stdout.partition("\nExamples\n")
    assert usage.startswith(f"Usage: turnout {' '.join(command)} ")
    assert examples.startswith(f"  turnout {' '.join(command)}"), "an example of this very command"
    assert all(len(line) <= 90 for line in done.stdout.splitlines())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_two_ways_in(command):
    assert run("help", *command).stdout == run(*command, "--help").stdout == run(*command, "-h").stdout


def test_help_lists_every_verb_and_what_is_missing():
    done = run("--help")
    assert done.returncode == 0
    listed, _, missing = done.stdout.partition("Not in this version:")
    for name in VERBS:
        assert f"\n  {name} " in listed
    words = missing.partition("\n")[0].replace(",", " ").split()
    assert set(words) <= set(LATER)
    for name in LATER:
        assert (name in words) != (f"\n  {name} " in listed), name


@pytest.mark.parametrize("name", LATER)
def test_verbs_of_later_versions_are_refused_by_name(name):
    if f"\n  {name} " in run("--help").stdout:
        pytest.skip(f"this version has {name}")
    done = run(name, "--to", "x")
    assert done.returncode == 1
    assert done.stderr.startswith(f"turnout: '{name}' is not yet supported\n")


@pytest.mark.parametrize("arguments", [["get", "-n", "prod"], ["set", "share", "--context", "c"]], ids=" ".join)
def test_options_of_later_versions_are_refused_by_name(arguments):
    done = run(*arguments)
    assert done.returncode == 1 and "is not yet supported" in done.stderr


def test_version():
    assert run("--version").stdout == "turnout 0.1.0\n"


def test_without_a_verb_the_help_is_an_error():
    done = run()
    assert done.returncode == 2 and done.stdout == "" and "Usage: turnout VERB" in done.stderr


def test_unknown_verb_gets_a_suggestion():
    done = run("stauts")
    assert done.returncode == 2
    assert done.stderr == "turnout: unknown verb 'stauts' (did you mean 'status'?)\nSee 'turnout --help'.\n"


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary("turnout"), "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "turnout: the output could not be written: No space left on device\n"


def on_terminal(*arguments, lines=6, **environment):
    """The first bytes that a person's terminal gets."""
    master, slave = pty.openpty()
    child = subprocess.Popen([binary("turnout"), *arguments], stdout=slave, stderr=slave,
                             env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **environment})
    os.close(slave)
    text = ""
    while text.count("\n") < lines:
        text += os.read(master, 65536).decode()
    child.terminate()
    child.wait(timeout=5)
    os.close(master)
    return text


def test_colour_is_for_terminals_and_never_with_no_color(fake):
    assert "\033[1mmain\033[0m" in on_terminal("get", "--admin", fake.path)
    assert "\033" not in on_terminal("get", "--admin", fake.path, NO_COLOR="1")


# --- where it looks ----------------------------------------------------------------------------------

def test_nothing_running_says_where_it_looked(tmp_path):
    done = run("get", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("turnout get: no running turnout found: --admin is not given, $TURNOUT_ADMIN "
                                  "is not set, and there is no ./turnout.sock and no /run/turnout/turnout.sock.")


def test_a_socket_in_this_folder_is_found(tmp_path):
    fake = FakeAdmin(tmp_path / "turnout.sock")
    done = run("get", cwd=tmp_path)
    assert done.returncode == 0 and "at ./turnout.sock" in done.stdout
    fake.close()


def test_option_wins_over_environment_over_folder(tmp_path):
    for name in ("turnout.sock", "a", "b"):
        SEEN[name] = FakeAdmin(tmp_path / name)
    assert run("get", cwd=tmp_path, admin="unix:./a").returncode == 0
    assert run("get", "--admin", "./b", cwd=tmp_path, admin="unix:./a").returncode == 0
    assert [len(SEEN[name].requests) for name in ("turnout.sock", "a", "b")] == [0, 3, 3]
    for fake in SEEN.values():
        fake.close()


def test_a_dead_socket_is_told_from_none(tmp_path):
    socket.socket(socket.AF_UNIX).bind(str(tmp_path / "turnout.sock"))
    done = run("route", "all", "green", cwd=tmp_path)
    assert done.returncode == 1
    assert "./turnout.sock is there, but nobody listens: the turnout that made it has stopped." in done.stderr


@pytest.mark.parametrize("admin, code, words", [
    ("nonsense", 2, "is not an address: expected unix:PATH"), ("unix:/" + "a" * 120, 2, "at most 107 bytes"),
    ("10.0.0.5:9900", 2, "not an address of this machine's loopback"), ("https://127.0.0.1:9900", 2, "speaks no TLS"),
    ("127.0.0.1:9900", 2, "asks for a token"), ("/etc/passwd", 1, "is not a socket")])
def test_bad_addresses(admin, code, words):
    done = run("get", "--admin", admin)
    assert done.returncode == code and words in done.stderr and "(given by --admin)" in done.stderr


# --- looking -----------------------------------------------------------------------------------------

def test_get_shows_the_table(fake, verb):
    done = verb("get")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == f"revision 7, applied 12 min ago; turnout 0.1.0 at unix:{fake.path}, up 3 h 5 min"
    assert [line.split() for line in lines[2:6]] == [
        ["RULE", "VERSION", "ASKED", "GOT", "BOUND", "REQUESTS", "ERRORS", "P50", "P99", "UP"],
        ["testers", "green", "(build", "2)", "100%", "100.00%", "-", "12", "0", "1.2", "ms", "14", "ms", "2/2"],
        ["main", "blue", "(build", "1),", "stable", "90%", "90.00%", "±0.01%", "9,000", "3", "(0.03%)", "1.2",
         "ms", "14", "ms", "2/2"],
        ["green", "(build", "2)", "10%", "10.00%", "±0.01%", "1,000", "0", "1.2", "ms", "1.2", "s", "2/2"]]
    assert "testers  X-Version=green, or cookie beta=1  for 2 h 3 min" in done.stdout


def test_get_as_json_and_yaml(fake, verb):
    document = json.loads(verb("get", "-o", "json").stdout)
    assert document["revision"] == 7 and document["rules"] == RULES["rules"]
    assert document["status"] == fake.answers["GET /v1/status"] and document["share"] == fake.answers["GET /v1/share"]
    yaml = verb("get", "--output=yaml").stdout
    assert yaml.startswith("revision: 7\nrules:\n  - name: testers\n    match:\n      - headers:\n"
                           "          - name: X-Version\n            value: green\n")
    assert '            value: "1"\n' in yaml
    assert verb("get", "-o", "xml").returncode == 2


def test_get_asks_again_while_the_rules_change(fake, verb):
    shares = [{**fake.answers["GET /v1/share"], "revision": revision} for revision in (6, 7)]
    fake.answers["GET /v1/share"] = lambda request: shares.pop(0)
    assert json.loads(verb("get", "-o", "json").stdout)["share"]["revision"] == 7


def test_get_watches_until_the_reader_leaves(fake):
    child = subprocess.Popen([binary("turnout"), "get", "-w", "-o", "json", "--admin", fake.path],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first, second = json.loads(child.stdout.readline()), json.loads(child.stdout.readline())
    assert first["revision"] == second["revision"] == 7
    child.stdout.close()
    child.wait(timeout=5)
    assert child.stderr.read() == ""
    child.stderr.close()


@pytest.mark.parametrize("words", [("status",), ("explain", "/")])
def test_document_as_json_or_yaml(fake, verb, words):
    path = f"GET /v1/{words[0]}"
    assert json.loads(verb(*words, "-o", "json").stdout) == fake.answers[path]
    assert verb(*words, "-o", "yaml").stdout.startswith("name: turnout\n" if words == ("status",) else "revision: 7\n")
    done = verb(*words, "-o", "xml")
    assert done.returncode == 2 and "--output 'xml': expected table, json or yaml" in done.stderr


def test_status_is_done_when_every_wanted_version_is_up(verb):
    done = verb("status")
    assert done.returncode == 0 and done.stderr == ""
    assert "green (build 2)  2/2  yes" in done.stdout


def test_status_waits_for_the_last_wanted_version(fake, verb):
    fake.answers["GET /v1/share"]["rules"] = [
        {"name": "main", "versions": [share_of("blue", 1, 1000000, 0)], "mirrors": [{"to": "green"}]}]
    green = fake.answers["GET /v1/status"]["versions"][1]
    green["endpoints"] = endpoints(5101, ["connection refused"])
    done = verb("status", "--timeout", "0s")
    assert done.returncode == 4
    assert done.stderr == "turnout status: green (build 2) has no healthy endpoint (0 of 1)\n"
    assert "  green/0  127.0.0.1:5101  down: connection refused\n" in done.stdout

    fake.answers["GET /v1/share"]["rules"][0]["mirrors"] = []
    done = verb("status", "--timeout", "0s")
    assert done.returncode == 0 and "green (build 2)  0/1  no" in done.stdout


def test_status_gives_up_in_time(tmp_path):
    started = time.monotonic()
    done = run("status", "--timeout", "400ms", cwd=tmp_path)
    assert done.returncode == 4 and 0.4 <= time.monotonic() - started < 5
    assert done.stderr.startswith("waiting: no running turnout found")
    assert done.stderr.splitlines()[1:] == ["turnout status: gave up after 400ms"]


def test_status_sees_a_proxy_come_up(tmp_path):
    child = subprocess.Popen([binary("turnout"), "status", "--timeout", "15s"], cwd=tmp_path,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={k: v for k, v in os.environ.items() if k != "TURNOUT_ADMIN"})
    assert child.stderr.readline().startswith("waiting: ")
    fake = FakeAdmin(tmp_path / "turnout.sock")
    out, _ = child.communicate(timeout=15)
    assert child.returncode == 0 and "blue (build 1)   2/2  yes" in out
    fake.close()


def test_status_does_not_wait_for_what_time_does_not_mend(verb, fake):
    fake.answers["GET /v1/status"] = problem(403, "not for you")
    started = time.monotonic()
    done = verb("status", "--timeout", "30s")
    assert done.returncode == 1 and done.stderr == "turnout status: not for you\n"
    assert time.monotonic() - started < 5


def test_explain_asks_and_shows(fake, verb):
    done = verb("explain", "-X", "POST", "-H", "X-User: 7", "-H", "Host: a.example", "--cookie", "k=v; w",
                "--client", "10.0.0.1", "/order?id=3&x=%20")
    assert done.returncode == 0
    assert fake.last.query == {"method": ["POST"], "path": ["/order?id=3&x=%20"], "cookie": ["k=v; w"],
                               "header": ["X-User: 7", "Host: a.example"], "client": ["10.0.0.1"]}
    assert done.stdout == (
        "green (build 2), endpoint 1 at 127.0.0.1:5102, by rule main of revision 7\n"
        "  because     slot: dealt by the rule's counter: the next request may get another\n"
        "  mirrored to nobody\n\n"
        "   1. rule testers: no match: header X-Version is absent\n"
        "   2. rule main: matches everything\n")


def test_explain_of_nobody(fake, verb):
    fake.answers["GET /v1/explain"] = {"revision": 7, "rule": "main", "version": None, "endpoint": None,
                                       "reason": "unavailable", "mirrors": ["green"], "steps": []}
    assert verb("explain").stdout == (
        "nobody, by rule main of revision 7\n"
        "  because     unavailable: no version can answer: the client would get 503\n"
        "  mirrored to green\n")


# --- changing ----------------------------------------------------------------------------------------

BEFORE = {"name": "main", "stable": "blue", "weights": {"blue": 9, "green": 1}}
AFTER = {**BEFORE, "weights": {"blue": 4, "green": 1}}

REQUESTS = [
    (["set", "weights", "blue=999,green=1"], "PUT /v1/weights", {"weights": {"blue": 999, "green": 1}}),
    (["set", "share", "green=0.1%"], "PUT /v1/share", {"share": {"green": 1000}}),
    (["set", "share", "green=10", "%"], "PUT /v1/share", {"share": {"green": 100000}}),
    (["set", "mirror", "green=25%"], "PUT /v1/mirror", {"to": "green", "ppm": 250000}),
    (["set", "mirror", "green=off"], "PUT /v1/mirror", {"to": "green", "ppm": 0}),
    (["route", "all", "green"], "POST /v1/route", {"strategy": "all", "version": "green"}),
    (["route", "canary", "--stable", "blue", "--canary=green", "--share", "10%"], "POST /v1/route",
     {"strategy": "canary", "stable": "blue", "canary": "green", "share_ppm": 100000, "per_request": False}),
    (["route", "canary", "--stable", "blue", "--canary", "green", "--share", "10%", "--per-request"],
     "POST /v1/route",
     {"strategy": "canary", "stable": "blue", "canary": "green", "share_ppm": 100000, "per_request": True}),
    (["route", "ab", "--stable", "blue", "--canary", "green", "--header", "X-Version=green", "--cookie", "beta=1"],
     "POST /v1/route", {"strategy": "ab", "stable": "blue", "canary": "green",
                        "headers": [{"name": "X-Version", "value": "green"}],
                        "cookies": [{"name": "beta", "value": "1"}]}),
    (["route", "ab", "--by", "header:X-User", "--split", "blue=50,green=50", "--seed", "spring"],
     "POST /v1/route",
     {"strategy": "ab", "by": "header:X-User", "split": {"blue": 50, "green": 50}, "seed": "spring"}),
    (["route", "shadow", "--stable", "blue", "--canary", "green", "--percent", "25"], "POST /v1/route",
     {"strategy": "shadow", "stable": "blue", "canary": "green", "ppm": 250000}),
    (["reload"], "POST /v1/reload", {}),
]


@pytest.mark.parametrize("arguments, resource, body", REQUESTS, ids=[" ".join(r[0]) for r in REQUESTS])
def test_changes_send_what_was_written(fake, verb, arguments, resource, body):
    fake.answers[resource] = change([BEFORE], [AFTER])
    done = verb(*arguments)
    assert done.returncode == 0, done.stderr
    assert fake.last.json == body and "if-match" not in fake.last.fields
    assert done.stdout == ("revision 8\n\n"
                           "RULE  TRAFFIC  BEFORE  AFTER\n"
                           "main  blue     90%     80%\n"
                           "      green    10%     20%\n")
    verb(*arguments, "--reason", "why", "--author", "me", "--if-revision", "7", "--dry-run",
         *(["--rule", "main"] if arguments != ["reload"] else []))
    more = {"reason": "why", "author": "me", "dry_run": True}
    assert fake.last.json == {**body, **more, **({"rule": "main"} if arguments != ["reload"] else {})}
    assert fake.last.fields["if-match"] == '"7"'


def test_set_rules_sends_the_file_as_it_is(fake, verb, tmp_path):
    text = "- name: main   # Grüße\n  weights: {blue: 1}\n"
    (tmp_path / "r.yaml").write_text(text)
    fake.answers["PUT /v1/rules"] = change([BEFORE], [AFTER])
    assert verb("set", "rules", "-f", "r.yaml", "--reason", "a & b", "--dry-run").returncode == 0
    assert fake.last.body.decode() == text and fake.last.fields["content-type"] == "text/yaml"
    assert fake.last.query == {"reason": ["a & b"], "dry_run": ["true"]}
    assert verb("set", "rules", "-f", "-", "--author", "me", stdin=text).returncode == 0
    assert fake.last.body.decode() == text and fake.last.query == {"author": ["me"]}


def test_set_rules_shows_mistakes_with_their_places(fake, verb, tmp_path):
    (tmp_path / "r.yaml").write_text("- nome: main\n")
    fake.answers["PUT /v1/rules"] = problem(422, "unknown key 'nome'", [
        {"line": 1, "column": 3, "text": "unknown key 'nome' (did you mean 'name'?)"},
        {"line": 1, "column": 3, "text": "a rule needs weights"}])
    done = verb("set", "rules", "-f", "r.yaml")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == ("turnout set rules: unknown key 'nome'\n"
                           "r.yaml:1:3: unknown key 'nome' (did you mean 'name'?)\n"
                           "r.yaml:1:3: a rule needs weights\n")


def test_a_stale_revision_is_exit_3(fake, verb):
    fake.answers["PUT /v1/share"] = problem(412, "the rules are at revision 9, not 7")
    done = verb("set", "share", "green=10%", "--if-revision", "7")
    assert done.returncode == 3
    assert done.stderr == "turnout set share: the rules are at revision 9, not 7\n"


def test_a_refusal_is_exit_1(fake, verb):
    fake.answers["POST /v1/route"] = problem(422, "no version 'gren' (did you mean 'green'?)")
    done = verb("route", "all", "gren")
    assert done.returncode == 1
    assert done.stderr == "turnout route all: no version 'gren' (did you mean 'green'?)\n"


@pytest.mark.parametrize("answer, words", [
    (b"SSH-2.0-OpenSSH\r\n\r\n", "is not an admin interface of turnout"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "closed the connection before its answer was complete"),
    (b"", "closed the connection before its answer was complete"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}}", "the answer is not a JSON object"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "the answer is not a JSON object"),
    (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\noh\x07", "HTTP status 502: oh?"),
])
def test_broken_answers_are_told(fake, verb, answer, words):
    fake.answers["POST /v1/route"] = answer
    done = verb("route", "all", "green")
    assert done.returncode == 1 and words in done.stderr and done.stdout == ""


USAGE = [
    (["set", "share", "green=10"], "green=10: a share is written with its unit: green=10%"),
    (["set", "share", "green=120%"], "green=120%: a share is at most 100%"),
    (["set", "weights", "blue=90%"], "For a share: turnout set share blue=90%"),
    (["set", "mirror", "green=25"], "green=25: a share is written with its unit: green=25%"),
    (["set", "share"], "VERSION=PERCENT is missing"),
    (["set", "rules"], "-f FILE is missing"),
    (["set", "wieghts", "a=1"], "did you mean 'weights'?"),
    (["route", "canary", "--stable", "blue", "--canary", "green"], "--share PERCENT is missing"),
    (["route", "canary", "--stable", "blue", "--canary", "green", "--share", "10"], "--share 10%"),
    (["route", "canary", "--stable", "b", "--canary", "b", "--share", "1%"], "both name 'b'"),
    (["route", "canary", "--canary", "green", "--share", "1%"], "--stable VERSION is missing"),
    (["route", "shadow", "--stable", "blue", "--canary", "green"], "--percent PERCENT is missing"),
    (["route", "ab", "--stable", "blue", "--canary", "green"], "who gets the canary?"),
    (["route", "ab", "--by", "client_ip"], "--split is missing"),
    (["route", "ab", "--by", "client_ip", "--header", "a=b"], "give one"),
    (["route", "ab", "--stable", "a", "--canary", "b", "--header", "X"], "--header 'X': expected NAME=VALUE"),
    (["route", "all"], "VERSION is missing"),
    (["route", "all", "blue", "green"], "unexpected argument 'green'"),
    (["route", "all", "blue", "--if-revision", "x"], "--if-revision 'x'"),
    (["status", "--timeout", "60"], "a duration is written with its unit: 60s"),
    (["explain", "index.html"], "a path begins with '/'"),
    (["check", "a.yaml"], "turnout check -c a.yaml"),
]


@pytest.mark.parametrize("arguments, words", USAGE, ids=[" ".join(u[0]) for u in USAGE])
def test_wrong_usage_is_exit_2_and_sends_nothing(fake, verb, arguments, words):
    done = verb(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert words in done.stderr and " --help'.\n" in done.stderr
    assert fake.requests == []
