"""Man pages and completion: made of the tables of --help, so nothing that --help shows is missing in them."""
import json
import os
import re
import shutil
import subprocess

import pytest

from support.places import ROOT, binary, build_folder
from support.shell import Shell

MANUAL = build_folder() / "manual"
PAGES = ("turnout.1", "turnout.yaml.5")


def turnout(*arguments):
    done = subprocess.run([binary("turnout"), *arguments], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def plain(page):
    """A page as a terminal of 200 columns shows it, without bold."""
    done = subprocess.run(["groff", "-man", "-Tutf8", "-P-c", "-P-b", "-P-u", "-rLL=200n", MANUAL / page],
                          capture_output=True, text=True, timeout=20)
    return re.sub(r"\s+", " ", done.stdout.replace("\u2010\n", "").replace("\u2019", "'"))


def verbs_of(help_text):
    """Names in the lists of `turnout --help` and of the help of a group."""
    body = help_text.split("\nExamples")[0]
    return re.findall(r"(?m)^  ([a-z][a-z-]*) {2,}\S", body)


def commands():
    """Every command line that has a help of its own, found by asking --help alone."""
    for verb in verbs_of(turnout("--help")):
        text = turnout(verb, "--help")
        subs = verbs_of(text) if "\nOptions\n" not in text else []
        yield (verb,), text
        for sub in subs:
            yield (verb, sub), turnout(verb, sub, "--help")


def options_of(help_text):
    listed = help_text.partition("\nOptions\n")[2].partition("\nExamples")[0]
    return re.findall(r"(?m)^  (?:-\w,|   ) --([\w-]+)", listed)


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_no_warnings(page):
    if not shutil.which("groff") or not shutil.which("mandoc"):
        pytest.skip("groff or mandoc is not installed")
    done = subprocess.run(["groff", "-ww", "-b", "-man", "-Tutf8", "-z", MANUAL / page], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(["mandoc", "-Tlint", MANUAL / page], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_page_has_every_verb_and_option_of_help():
    page = plain("turnout.1")
    found = list(commands())
    assert len(found) >= 14
    for words, text in found:
        usage = text.partition("\n")[0].removeprefix("Usage: ")
        section = page.partition(f" {usage} ")[2]
        assert section, words
        for option in options_of(text):
            assert f"--{option}" in page, (words, option)
            if option != "help":
                # In its own section, not only somewhere: as far as the examples, which every section ends with.
                assert f"--{option}" in section.partition(" Examples: ")[0], (words, option)
        for line in text.partition("\nExamples\n")[2].splitlines():
            if line.startswith("  turnout"):
                assert re.sub(r"\s+", " ", line.strip()) in page, line


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_page_of_the_file_has_every_key():
    page = plain("turnout.yaml.5")
    text = (ROOT / "docs/reference/configuration.md").read_text()
    keys = [key for row in re.findall(r"(?m)^\| (`[^|]*`) \|", text) for key in re.findall(r"`([a-z_]+)`", row)]
    assert len(keys) > 80
    for key in keys:
        assert f" {key} " in page, key
    for line in re.findall(r"(?m)^(?:  )*- name: .*$|^limits: .*$", text):
        assert re.sub(r"\s+", " ", line.strip()) in page, line


def test_exit_codes_are_those_of_help():
    told = turnout("--help").partition("Exit codes: ")[2].rstrip(".\n").split(", ")
    described = json.loads(turnout("--describe"))["exits"]
    assert told == [f"{row['code']} {row['text']}" for row in described]


BASH = shutil.which("bash")
ZSH = shutil.which("zsh")
CONFIG = {
    "versions": {"blue": {"endpoints": ["127.0.0.1:1"]}, "green": {"endpoints": ["127.0.0.1:2", "127.0.0.1:3"]}},
    "rules": [{"name": "testers", "match": [{"path": "/t"}], "weights": {"green": 1}},
              {"name": "main", "weights": {"blue": 1}}],
}


def environment(**more):
    return {**os.environ, "PATH": f"{binary('turnout').parent}:{os.environ['PATH']}", "TERM": "xterm", "LC_ALL": "C.UTF-8",
            "PS1": "ready> ", "HISTFILE": "/dev/null", **more}


class Completer:
    """Types a line, lets bash put in everything that it would offer, and reads the line back."""

    def __init__(self, folder, **more):
        self.shell = Shell([BASH, "--norc", "--noprofile", "-i"], environment(**more), folder)
        self.shell.wait_for("ready> ")
        self.shell.run("bind 'set bell-style none' 2>/dev/null; set +o history")
        self.shell.run(f"source {MANUAL / 'turnout.bash'}")

    def __call__(self, line):
        # M-* puts all completions into the line; then it becomes the argument of a command that prints it.
        self.shell.type(line + "\x1b*" + "\x01printf '<%s>' \x05" + "; printf '%s%s\\n' en d-of-it\n")
        shown = self.shell.wait_for(r"(?s)\n([^\n]*)end-of-it\n").group(1)
        return re.findall(r"<([^>]*)>", shown)

    def offered(self, line):
        """Only what took the place of the last word."""
        words = self(line)
        return sorted(words[len(line.split(" ")) - 1:])


@pytest.fixture
def bash(tmp_path):
    completers = []

    def start(**more):
        completers.append(Completer(tmp_path, **more))
        return completers[-1]

    if not BASH:
        pytest.skip("bash is not installed")
    yield start
    for completer in completers:
        completer.shell.__exit__()


def test_bash_completes_verbs_and_options(bash):
    complete = bash()
    assert complete.offered("turnout ") == sorted([*verbs_of(turnout("--help")), "help"])
    assert complete.offered("turnout sta") == ["status"]
    assert complete.offered("turnout route c") == ["canary"]
    for words, text in commands():
        if "\nOptions\n" not in text:
            assert complete.offered(f"turnout {' '.join(words)} ") == sorted(verbs_of(text))
        else:
            assert set(complete.offered(f"turnout {' '.join(words)} --")) == {f"--{o}" for o in options_of(text)}
    assert complete.offered("turnout explain -X P") == ["PATCH", "POST", "PUT"]
    assert complete.offered("turnout get -w -o ") == ["json", "table", "yaml"]
    assert complete.offered("turnout route ab --by h") == ["header:"]
    assert complete("turnout get --output=j")[-1] == "--output=json"
    assert complete.offered("turnout explain --header X-A:1 --me") == ["--method"]
    assert complete.offered("turnout help ro") == ["route"]


def test_bash_completes_what_the_proxy_knows(bash, start_proxy):
    proxy = start_proxy(CONFIG)
    complete = bash(TURNOUT_ADMIN=proxy.admin)
    assert complete.offered("turnout route all ") == ["blue", "green"]
    assert complete.offered("turnout route canary --stable bl") == ["blue"]
    assert complete("turnout route canary --stable=gr")[-1] == "--stable=green"
    assert complete.offered("turnout route all blue --rule ") == ["main", "testers"]
    assert complete.offered("turnout set share ") == ["blue=", "green="]
    assert complete.offered("turnout drain gr") == ["green", "green/0", "green/1"]
    assert complete("turnout set weights blue=9,gr")[-1] == "blue=9,green="
    assert complete.offered("turnout set weights blue=1 --if-revision ") == ["1"]
    # Another proxy, named on the line itself.
    other = bash(TURNOUT_ADMIN="unix:/nowhere/at.all")
    assert other.offered("turnout route all b") == ["b"]
    assert other.offered(f"turnout route all --admin {proxy.admin} b") == ["blue"]
    assert other.offered(f"turnout route all --admin={proxy.admin} b") == ["blue"]


def test_bash_completes_files(bash, tmp_path):
    (tmp_path / "turnout-test.yaml").write_text("")
    complete = bash()
    assert complete.offered("turnout check -c turnout-") == ["turnout-test.yaml"]
    assert complete("turnout check --config=turnout-")[-1] == "--config=turnout-test.yaml"
    assert complete("turnout get --admin unix:turnout-")[-1] == "unix:turnout-test.yaml"


def test_names_are_told_or_nothing(start_proxy, tmp_path):
    proxy = start_proxy(CONFIG)
    assert proxy.verb("--complete", "versions") == "blue\ngreen\n"
    assert proxy.verb("--complete", "targets") == "blue\nblue/0\ngreen\ngreen/0\ngreen/1\n"
    assert proxy.verb("--complete", "rules") == "testers\nmain\n"
    assert proxy.verb("--complete", "revision") == "1\n"
    done = proxy.verb("--complete", "colours", check=False)
    assert (done.returncode, done.stdout) == (2, "") and "expected versions" in done.stderr
    done = proxy.verb("--complete", "versions", "--admin", f"unix:{tmp_path}/none.sock", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.skipif(not ZSH, reason="zsh is not installed")
def test_zsh_completes_as_well(tmp_path, start_proxy):
    proxy = start_proxy(CONFIG)
    (tmp_path / ".zshrc").write_text(
        f"fpath=({MANUAL} $fpath)\nautoload -Uz compinit; compinit -u -D\nsetopt no_beep no_always_last_prompt\n"
        "zstyle ':completion:*' insert-tab false\nPS1='ready> '\nRPS1=\nunsetopt prompt_cr prompt_sp\n")
    with Shell([ZSH, "-i"], environment(ZDOTDIR=str(tmp_path), TURNOUT_ADMIN=proxy.admin), tmp_path) as shell:
        shell.wait_for("ready> ")
        for line, wanted in (("turnout rou", "route"), ("turnout set sh", "share"), ("turnout get --out", "--output"),
                             ("turnout get -o j", "json"), ("turnout route all gr", "green"),
                             ("turnout set weights bl", "blue="), ("turnout set weights blue=9,gr", "blue=9,green="),
                             ("turnout route all blue --rule te", "testers"), ("turnout explain -X PA", "PATCH")):
            shell.type(line + "\t" + "\x01printf '<%s>' \x05; printf '%s%s\\n' en d-of-it\n")
            shown = shell.wait_for(r"(?s)\n([^\n]*)end-of-it\n").group(1)
            assert re.findall(r"<([^>]*)>", shown)[-1] == wanted, (line, shown)
