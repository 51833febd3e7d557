"""The commands that the README and the help tell people to type, typed: in their order, against the demo."""
import json
import os
import re
import shlex
import signal
import subprocess
import urllib.request

import pytest

from support.places import ROOT, binary, build_folder
from support.process import Process
from support.terminal import Terminal

DEMO = ROOT / "scripts" / "demo"
README = (ROOT / "README.md").read_text()


def environment():
    return {**os.environ, "TURNOUT_BUILD": str(build_folder()), "LC_ALL": "C.UTF-8"}


def blocks(section):
    """The code blocks of a section of the README, each a list of lines."""
    text = README.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert text, section
    return [block.splitlines() for block in re.findall(r"(?ms)^```(?:\w*)\n(.*?)^```$", text)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What the README's first block starts, in a folder and on ports of its own."""
    folder = tmp_path_factory.mktemp("readme") / ".demo"
    assert [line.split("#")[0].strip() for line in blocks("Try it yourself")[0]] == ["scripts/demo"]
    process = Process("demo", [DEMO, "--dir", folder], folder.parent, env=environment(), cwd="/")
    process.launch()
    process.wait_for(r"ready after", 30)
    process.folder = folder
    process.address = re.search(r"http://127\.0\.0\.1:\d+/", process.output()).group()
    yield process
    process.signal(signal.SIGINT)
    process.wait(40)


def in_demo(demo, command):
    """The command as it stands, but for where this demo is."""
    return (command.replace("scripts/demo --env", f"{DEMO} --env --dir {demo.folder}")
            .replace("http://127.0.0.1:8080/", demo.address).replace(".demo/", f"{demo.folder}/"))


def shell(demo, command, check=True):
    """As typed in the other terminal, after its first line."""
    first = in_demo(demo, blocks("Try it yourself")[1][0])
    done = subprocess.run(["bash", "-c", f"{first}\n{in_demo(demo, command)}"], capture_output=True, text=True,
                          env=environment(), cwd=demo.folder.parent, timeout=30)
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def watch(demo, command, *texts):
    """The command in a terminal: it shows these texts, and q ends it."""
    first = in_demo(demo, blocks("Try it yourself")[1][0])
    terminal = Terminal(["bash", "-c", f"{first}\n{command}"], columns=140, env=environment(), cwd="/")
    try:
        for text in texts:
            terminal.sees(text)
        terminal.type("q")
        assert terminal.wait() == 0
    finally:
        terminal.close()


def visit(demo, count=20):
    for _ in range(count):
        with urllib.request.urlopen(demo.address, timeout=10) as answer:
            assert answer.status == 200


def test_every_command_of_the_tour_works_in_its_order(demo):
    commands = [re.sub(r"\s+#.*", "", line) for line in blocks("Try it yourself")[1]]
    assert commands[0] == 'eval "$(scripts/demo --env)"'
    assert len(commands) >= 12
    for verb in ("get", "get -w", "route canary", "route ab", "route shadow", "route all", "set share", "abort", "drain",
                 "undrain", "undo", "history", "explain"):
        assert any(c.startswith(f"turnout {verb}") for c in commands), verb
    assert any("--ttl 30m" in c and "--reason" in c for c in commands)
    for command in commands[1:]:
        if command == "turnout get -w":
            visit(demo)
            watch(demo, command, "REQ/S", "REVERTS IN")
        else:
            shell(demo, command)


def test_visits_are_where_the_readme_says(demo):
    visit(demo)
    count, = blocks("Try it yourself")[2]
    assert int(shell(demo, count)) > 0


def test_configuration_of_the_readme_is_one(tmp_path):
    (config,) = [block for block in blocks("Use it") if block[0].startswith("listen:")]
    (tmp_path / "turnout.yaml").write_text("\n".join(config) + "\n")
    commands = [re.sub(r"\s+#.*", "", line) for line in blocks("Use it")[1]]
    assert commands == ["turnout check -c turnout.yaml", "turnout serve -c turnout.yaml", "turnout --help"]
    for command in commands[::2]:
        done = subprocess.run([binary("turnout"), *shlex.split(command)[1:]], capture_output=True, text=True, cwd=tmp_path,
                              timeout=10)
        assert done.returncode == 0, done.stdout + done.stderr


def examples(text):
    """The commands among the examples of a help text, long ones joined."""
    lines = text.partition("\nExamples\n")[2].partition("\n\n")[0].replace("\\\n", " ").splitlines()
    return [re.split(r" {3,}(?=\w)", re.sub(r"(\S) {6}(?=-)", r"\1 ", line.strip()))[0] for line in lines]


def help_of(*words):
    done = subprocess.run([binary("turnout"), *words, "--help"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, words
    return done.stdout


def test_help_alone_leads_to_a_canary_for_a_while_and_back(demo):
    """Who has never seen it: 5 % on green for 30 minutes with a reason, watch it, take it back; as the help says it."""
    shell(demo, "turnout route all blue")
    text = help_of()
    assert "for 30 minutes" in text and "take it back" in text
    canary, look, back, history = examples(text)[1:5]
    assert re.match(r"turnout route canary .*--share 5% --ttl 30m +--reason 'try build 2'$", canary), canary
    assert (look, back, history) == ("turnout get -w", "turnout abort", "turnout history")
    shell(demo, canary)
    visit(demo)
    watch(demo, look, "green (build 1)", "5%", "REVERTS IN")
    shell(demo, back)
    assert "green" not in shell(demo, "turnout get").split("No traffic")[0]
    told = shell(demo, history)
    assert "abort" in told and "try build 2" in told


def verbs():
    """("route", "canary") and the like: every command that does something."""
    done = subprocess.run([binary("turnout"), "--describe"], capture_output=True, text=True, timeout=10)
    described = json.loads(done.stdout)

    def walk(entry, words):
        inner = entry.get("command", entry).get("subcommands") or []
        yield words, entry
        for one in inner:
            yield from walk(one, (*words, one["name"]))

    for section in described["sections"]:
        for entry in section["verbs"]:
            yield from walk(entry, (entry["name"],))


def test_every_verb_shows_an_example_of_itself():
    found = dict(verbs())
    assert {("get",), ("history",), ("route", "canary"), ("set", "share"), ("undo",)} <= set(found), sorted(found)
    for words in found:
        shown = examples(help_of(*words))
        assert any(line.startswith(f"turnout {' '.join(words)}") or f"turnout {' '.join(words)}" in line for line in shown), \
            (words, shown)
