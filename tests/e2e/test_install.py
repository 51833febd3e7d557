"""Installed: the usual folders, the sandbox of the unit, and the Debian package on a copy of this machine (--long)."""
import os
import re
import shutil
import signal
import subprocess

import pytest

from line import eventually, rule, versions
from support import load
from support.places import ROOT, build_folder
from support.proxy import Proxy

UNIT = build_folder() / "deploy/turnout.service"
EXPOSURE_MAX = 1.5
FILES = """bin/turnout share/man/man1/turnout.1 share/man/man5/turnout.yaml.5 share/bash-completion/completions/turnout
    share/zsh/site-functions/_turnout lib/systemd/system/turnout.service lib/sysusers.d/turnout.conf etc/turnout/turnout.yaml
    etc/logrotate.d/turnout share/turnout/prometheus/turnout.alerts.yaml share/turnout/prometheus/turnout.rules.yaml
    share/turnout/grafana/turnout.json share/doc/turnout/copyright share/doc/turnout/reference/configuration.md
    share/doc/turnout/runbooks/down.md""".split()


def install(target):
    done = subprocess.run(["cmake", "--install", build_folder(), "--component", "turnout"], capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": str(target)}, timeout=60)
    assert done.returncode == 0, done.stderr
    return target / "usr/local"


def test_installed_into_the_usual_folders(tmp_path):
    prefix = install(tmp_path)
    for name in FILES:
        assert (prefix / name).is_file(), name
    # Nothing else but more of the same documentation.
    others = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()} - set(FILES)
    assert {name for name in others if not name.startswith("share/doc/turnout/")} == set()
    program = prefix / "bin/turnout"
    assert subprocess.run([program, "--version"], capture_output=True, text=True).stdout.startswith("turnout ")
    # The example is a good one.
    done = subprocess.run([program, "check", "-c", prefix / "etc/turnout/turnout.yaml"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_a_configuration_that_is_there_is_kept(tmp_path):
    prefix = install(tmp_path)
    mine = prefix / "etc/turnout/turnout.yaml"
    mine.write_text("mine\n")
    install(tmp_path)
    assert mine.read_text() == "mine\n"


needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_analyze
def test_exposure_of_the_unit_is_low():
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True)
    match = re.search(r"Overall exposure level for turnout.service: ([\d.]+)", done.stdout)
    if not match and "--offline" in done.stderr:
        pytest.skip("this systemd-analyze has no --offline")
    assert float(match.group(1)) <= EXPOSURE_MAX
    # The page says what it is with the systemd of Debian 12; others weigh things differently.
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True).stdout
    if version.startswith("systemd 252 "):
        assert f"Overall exposure level for turnout.service: {match.group(1)}" in \
            (ROOT / "docs/reference/security.md").read_text()


def system_calls(name, known):
    """The members of one of systemd's sets, and of the sets in it."""
    if name not in known:
        text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True).stdout
        known[name] = set()
        for word in (line.strip() for line in text.splitlines()[1:]):
            if word.startswith("@"):
                known[name] |= system_calls(word, known)
            elif word and not word.startswith("#"):
                known[name].add(word)
    return known[name]


@needs_analyze
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.timing
def test_the_sandbox_lets_through_what_the_proxy_does(start_recorder, start_proxy, tmp_path):
    """Every system call of a full life, held against the unit's filter: what is not in it would fail there."""
    known = {}
    allowed = system_calls("@system-service", known) - system_calls("@privileged", known) - system_calls("@resources", known)
    assert len(allowed) > 200
    blue, green = start_recorder(), start_recorder()
    trace = tmp_path / "trace"
    proxy = Proxy(tmp_path / "traced", {
        "versions": versions(blue=[blue.address], green=[green.address]), "store": {"file": "./turnout.store"},
        "log": {"access": "./access.log"}, "limits": {"stop_grace": "1s"},
        "rules": [rule({"blue": 50, "green": 50}, mirror=[{"to": "green"}])]})
    proxy.argv = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", trace, *proxy.argv]
    proxy.launch().wait_ready(60)
    try:
        load.run(proxy.address, [load.get_request("/")] * 50)
        proxy.verb("set", "share", "green=10%")
        proxy.verb("reload")
        proxy.verb("get")
        proxy.metrics()
        child = int(re.search(r"(?m)^(\d+)", trace.read_text()).group(1))
        (proxy.folder / "access.log").rename(proxy.folder / "access.log.1")
        os.kill(child, signal.SIGUSR1)
        eventually((proxy.folder / "access.log").exists)
        os.kill(child, signal.SIGTERM)
        assert proxy.wait(30) == 0
    finally:
        proxy.stop()
    lines = trace.read_text().splitlines()
    # From the program's own start on.
    made = {match.group(1) for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))} - {"execve"}
    # These fail in the sandbox as they may: descriptors come from LimitNOFILE.
    tolerated = {"prlimit64", "setrlimit", "getrlimit", "sched_setaffinity"}
    assert {"accept4", "fdatasync", "unlink"} <= made, made  # the whole life was seen
    assert made - allowed - tolerated == set()
    families = set(re.findall(r" socket\((AF_\w+)", "\n".join(lines)))
    assert families <= {"AF_INET", "AF_INET6", "AF_UNIX"}
    assert not re.search(r"PROT_WRITE\|PROT_EXEC", "\n".join(lines)), "MemoryDenyWriteExecute would end it"


@pytest.mark.long
def test_debian_package_is_installed_run_and_removed(is_long, tmp_path):
    if not is_long:
        pytest.skip("builds a package: --long")
    if os.getuid() != 0 or not all(map(shutil.which, ("dpkg", "cpack", "unshare", "ip", "setpriv"))):
        pytest.skip("needs root, dpkg, cpack, unshare, ip and setpriv")
    if subprocess.run(["unshare", "-m", "-n", "true"]).returncode != 0:
        pytest.skip("no namespaces here")
    build = tmp_path / "package"
    for command in (["cmake", "--preset", "package", "-B", build], ["cmake", "--build", build],
                    ["cpack", "--config", build / "CPackConfig.cmake", "-B", build]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [package] = build.glob("turnout_*.deb")
    told = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, text=True).stdout
    assert "\n Blue and green run side by side" in told and told.count("Traffic switch for two versions") == 1
    assert re.search(r"libllhttp[\d.]+ \(>= 9\.4\.3\)", told) or "LLHTTP_SOURCE" in os.environ
    done = subprocess.run(["unshare", "-m", "-n", "sh", ROOT / "tests/support/chroot.sh", package], capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["ok"] * 11, done.stdout
