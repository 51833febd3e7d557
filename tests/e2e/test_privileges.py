"""user: the proxy is root only until its ports are bound. And: nothing secret in log, metrics, get or store."""
import os
import random
import shutil
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from line import config, eventually, rule, versions
from support import load
from support.http1 import Connection
from support.places import binary
from support.proxy import Proxy
from support.recorder import answer

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
NOBODY = 65534


@pytest.fixture
def folder():
    """A folder that anybody may enter (pytest's own are their owner's), owned by nobody."""
    path = Path(tempfile.mkdtemp(prefix="turnout-user-"))
    if os.getuid() == 0:
        os.chown(path, NOBODY, -1)
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def free_low_port():
    for port in random.sample(range(600, 1024), 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.skip("no free port below 1024")


def status_of(pid):
    """What the kernel says about each thread."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)


@as_root
def test_nobody_serves_on_a_low_port(start_recorder, folder):
    blue, green = start_recorder(), start_recorder()
    (folder / "cookie.keys").write_text("a-key-of-more-than-32-characters-0123456789\n")
    os.chown(folder / "cookie.keys", NOBODY, -1)
    (folder / "cookie.keys").chmod(0o400)
    port = free_low_port()
    proxy = Proxy(folder, {
        "user": "nobody", "listen": [f"127.0.0.1:{port}"], "threads": 2, "store": {"file": "./turnout.store"},
        "log": {"access": "./access.log"}, "limits": {"stop_grace": "1s"},
        "versions": versions(blue=[blue.address], green=[green.address]),
        "rules": [rule({"blue": 50, "green": 50}, sticky={"by": "cookie", "key_file": "./cookie.keys"})]})
    proxy.start()
    try:
        outcomes = load.run(proxy.address, [load.get_request("/")] * 20)
        assert {outcome.status for outcome in outcomes} == {200}
        threads = list(status_of(proxy.pid))
        assert len(threads) >= 3
        for thread in threads:
            assert thread["Uid"].split() == [str(NOBODY)] * 4 and thread["Gid"].split() == [str(NOBODY)] * 4
            assert "0" not in thread["Groups"].split()
            assert int(thread["CapEff"], 16) == int(thread["CapPrm"], 16) == int(thread["CapInh"], 16) == 0
            assert thread["NoNewPrivs"].strip() == "1"
        # What it made is its own, and nobody else's to write.
        for name in ("turnout.store", "access.log", "turnout.sock"):
            made = (folder / name).stat()
            assert made.st_uid == NOBODY, name
            assert stat.S_IMODE(made.st_mode) & 0o037 == 0, (name, oct(made.st_mode))
        # Changes, reload and a new log work as before.
        assert "revision 2" in proxy.verb("set", "share", "green=10%")
        assert "revision 2" in proxy.verb("reload")
        (folder / "access.log").rename(folder / "access.log.1")
        proxy.signal(10)
        eventually((folder / "access.log").exists)
    finally:
        assert proxy.stop(timeout=30) == 0, proxy.output()
    assert not (folder / "turnout.sock").exists()


def refused(folder, arguments=(), **more):
    proxy = Proxy(folder, {"versions": versions(blue=["127.0.0.1:1"]), "rules": [rule({"blue": 1})], **more})
    proxy.argv = [*arguments, *proxy.argv]
    proxy.launch()
    assert proxy.wait(10) == 1
    return proxy.output()


def test_users_that_there_are_not_refuse_the_start(folder):
    assert "there is no user 'nobody-by-that-name'" in refused(folder, user="nobody-by-that-name")
    assert "there is no group 'nothing'" in refused(folder, user="root:nothing")


@as_root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_only_root_can_become_another(folder):
    said = refused(folder, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], user="daemon")
    assert "only root can become 'daemon', this is user 65534" in said


@as_root
def test_what_the_user_cannot_read_refuses_the_start(folder):
    """Not first at a reload, half a year later."""
    (folder / "cookie.keys").write_text("a-key-of-more-than-32-characters-0123456789\n")
    (folder / "cookie.keys").chmod(0o400)
    said = refused(folder, user="nobody", versions=versions(blue=["127.0.0.1:1"], green=["127.0.0.1:2"]),
                   rules=[rule({"blue": 1, "green": 1}, sticky={"by": "cookie", "key_file": "./cookie.keys"})])
    assert "cookie.keys" in said and "Permission denied" in said


@as_root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_any_user_will_do(start_recorder, folder):
    """Without root, without an entry among the users, without a capability."""
    blue = start_recorder()
    proxy = Proxy(folder, {"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})],
                           "store": {"file": "./turnout.store"}, "limits": {"stop_grace": "1s"}})
    os.chown(folder, 54321, 54321)
    proxy.argv = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
                  *proxy.argv]
    proxy.start()
    try:
        assert load.run(proxy.address, [load.get_request("/")])[0].status == 200
    finally:
        assert proxy.stop(timeout=30) == 0


SECRETS = ("s3cret-key-of-more-than-32-characters", "s3cret-cookie", "s3cret-bearer", "s3cret-body", "s3cret-answer")


def test_nothing_secret_is_told(start_fleet, start_recorder, start_proxy):
    """Keys, cookies, credentials and bodies: not in log, metrics, get, explain, or store."""
    green = start_recorder(lambda request: answer(200, b"s3cret-answer", {"Set-Cookie": "session=s3cret-cookie"}))
    fleet = start_fleet(blue=1)
    base = config(fleet)
    base["versions"].update(versions(green=[green.address]))
    folder = Path(tempfile.mkdtemp(prefix="turnout-keys-"))
    try:
        (folder / "cookie.keys").write_text(SECRETS[0] + "\n")
        proxy = start_proxy({**base, "store": {"file": "./turnout.store"}, "log": {"access": "./access.log"}, "rules": [
            rule({"blue": 50, "green": 50}, sticky={"by": "cookie", "key_file": str(folder / "cookie.keys")})]})
        with Connection(proxy.address) as connection:
            for _ in range(8):
                connection.request("POST", "/count", {"Authorization": "Bearer s3cret-bearer",
                                                      "Cookie": "session=s3cret-cookie"}, b"s3cret-body")
        assert green.requests
        proxy.verb("set", "share", "green=25%", "--reason", "why not")
        proxy.verb("reload")
        told = [proxy.verb("get", "-o", "json"), proxy.verb("get"), proxy.metrics().text,
                proxy.verb("explain", "-H", "Authorization: Bearer s3cret-bearer", "--cookie", "session=s3cret-cookie"),
                proxy.output()]
        eventually(lambda: (proxy.folder / "access.log").read_text().count("\n") == 8)
        told += [(proxy.folder / name).read_bytes().decode("latin-1") for name in ("access.log", "turnout.store")]
    finally:
        shutil.rmtree(folder)
    for text in told:
        for secret in SECRETS:
            assert secret not in text, text[:2000]


def test_files_of_the_proxy_are_not_for_everybody(start_recorder, start_proxy):
    blue = start_recorder()
    proxy = start_proxy({"versions": versions(blue=[blue.address]), "rules": [rule({"blue": 1})],
                         "store": {"file": "./turnout.store"}, "log": {"access": "./access.log"}})
    modes = {name: stat.S_IMODE((proxy.folder / name).stat().st_mode) for name in
             ("turnout.sock", "turnout.store", "access.log")}
    assert modes["turnout.sock"] == 0o600
    assert modes["turnout.store"] & 0o077 == 0 or modes["turnout.store"] & 0o037 == 0
    assert modes["access.log"] & 0o037 == 0


def test_version_needs_no_privilege():
    assert subprocess.run([binary("turnout"), "--version"], capture_output=True, text=True).stdout.startswith("turnout ")
