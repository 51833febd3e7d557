"""Who may do what over the admin interface: peers, groups, tokens, roles; and that no token is ever told."""
import grp
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from line import eventually, rule, versions
from support.admin import AdminConnection, bearer, make_token, tcp_admin
from support.places import binary
from support.proxy import Proxy

as_root = pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
LINE = {"versions": versions(blue=["127.0.0.1:1"], green=["127.0.0.1:2"]), "rules": [rule({"blue": 1, "green": 0}, stable="blue")],
        "limits": {"stop_grace": "1s"}}
STATUS_OK = re.compile(r"revision", re.I)


def records(proxy):
    """What the journal has: a checksum, a space and JSON in each line, or the JSON wherever it begins."""
    lines = (proxy.folder / "turnout.store").read_bytes().split(b"\n")
    return [json.loads(line[line.index(b"{"):]) for line in lines if b"{\"" in line]


@pytest.fixture
def tcp(tmp_path):
    """tcp(**more) -> a proxy whose admin interface is on TCP, with tokens grafana (read) and ci (operate)."""
    proxies = []

    def start(**more):
        folder = tmp_path / f"tcp{len(proxies)}"
        folder.mkdir()
        tokens = {"grafana": make_token(folder, "grafana", "read"), "ci": make_token(folder, "ci", "operate")}
        proxy = Proxy(folder, {**LINE, **tcp_admin(), "store": {"file": "./turnout.store"}, **more})
        proxies.append(proxy)
        return proxy.start(), tokens

    yield start
    for proxy in proxies:
        assert proxy.stop(timeout=30) == 0, proxy.output()


# --- over the Unix socket ----------------------------------------------------------------------------

def test_changes_name_the_verified_peer(start_proxy):
    proxy = start_proxy({**LINE, "store": {"file": "./turnout.store"}})
    with AdminConnection(proxy.admin) as admin:
        body = json.dumps({"weights": {"green": 1}, "author": "ann", "reason": "why not"}).encode()
        answer = admin.ask("PUT", "/v1/weights", {"Content-Type": "application/json"}, body)
    peer = json.loads(answer.body)["peer"]
    name = peer.pop("name")
    assert peer == {"kind": "user", "uid": os.getuid(), "gid": os.getgid(), "pid": os.getpid()}
    recorded = records(proxy)[-1]
    assert recorded["author"] == "ann" and recorded["peer"] == {**peer, "name": name}
    assert f"revision 2: weights by {name} (uid {os.getuid()}) as ann: why not" in proxy.output()
    # Whoever claims to be the guard is told apart from it.
    proxy.verb("set", "weights", "blue=1", "--author", "guard")
    assert records(proxy)[-1]["peer"]["kind"] == "user"


@pytest.fixture
def open_folder():
    path = Path(tempfile.mkdtemp(prefix="turnout-group-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def as_user(uid, group, *command, **environment):
    return subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={group}", *map(str, command)],
                          capture_output=True, text=True, env={**os.environ, **environment}, timeout=15)


@as_root
def test_admin_group_may_use_the_socket(open_folder):
    group = grp.getgrnam("games").gr_gid
    proxy = Proxy(open_folder, {**LINE, "admin_group": "games", "store": {"file": "./turnout.store"}})
    proxy.start()
    try:
        made = (open_folder / "turnout.sock").stat()
        assert (stat.S_IMODE(made.st_mode), made.st_uid, made.st_gid) == (0o660, 0, group)
        told = as_user(54321, group, binary("turnout"), "set", "weights", "green=1", TURNOUT_ADMIN=proxy.admin)
        assert told.returncode == 0, told.stderr
        peer = records(proxy)[-1]["peer"]
        assert (peer["kind"], peer["name"], peer["uid"], peer["gid"]) == ("user", "uid 54321", 54321, 54321)
        told = as_user(54321, 54321, binary("turnout"), "set", "weights", "green=1", TURNOUT_ADMIN=proxy.admin)
        assert told.returncode == 1 and "the group that 'admin_group'" in told.stderr
        def refuse_bin():
            as_user(2, group, binary("turnout"), "abort", "--rule", "nothing", TURNOUT_ADMIN=proxy.admin)
            return "abort by bin (uid 2)" in proxy.output()

        eventually(refuse_bin)  # by name once it is known; nobody waits for that
    finally:
        assert proxy.stop(timeout=30) == 0


def refused(folder, **more):
    proxy = Proxy(folder, {**LINE, **more})
    proxy.launch()
    assert proxy.wait(10) == 1
    return proxy.output()


def test_groups_that_there_are_not_refuse_the_start(tmp_path):
    assert "admin_group: there is no group 'nothing'" in refused(tmp_path, admin_group="nothing")
    assert not (tmp_path / "turnout.sock").exists()


@as_root
def test_a_group_that_is_not_ones_own_refuses_the_start(open_folder):
    os.chown(open_folder, 65534, -1)
    told = refused(open_folder, user="nobody", admin_group="games")
    assert "the socket can't be given to group 'games'" in told and "one of its members" in told


# --- over TCP ----------------------------------------------------------------------------------------

def test_verbs_with_a_token(tcp, tmp_path):
    proxy, tokens = tcp()
    assert f"admin http://{proxy.config['admin']}" in proxy.output()
    assert STATUS_OK.search(proxy.verb("get", token=tokens["grafana"]))
    (tmp_path / "ci.token").touch(0o600)
    (tmp_path / "ci.token").write_text(tokens["ci"] + "\n")
    assert "revision 2" in proxy.verb("set", "weights", "green=1", "--reason", "go", "--token-file", tmp_path / "ci.token")
    recorded = records(proxy)[-1]
    assert recorded["peer"]["kind"] == "token" and recorded["peer"]["name"] == "ci"
    assert recorded["peer"]["address"].startswith("127.0.0.1:")
    assert "revision 2: weights by token ci" in proxy.output()

    done = proxy.verb("set", "weights", "blue=1", token=tokens["grafana"], check=False)
    assert done.returncode == 1 and "needs role operate, and the token 'grafana' has role read" in done.stderr
    done = proxy.verb("mirror", "report", "--pairs", token=tokens["grafana"], check=False)
    assert done.returncode == 1 and "needs role operate" in done.stderr
    done = proxy.verb("get", check=False)
    assert done.returncode == 2 and "asks for a token: give it in $TURNOUT_TOKEN or with --token-file" in done.stderr
    done = proxy.verb("get", token="hunter2", check=False)
    assert done.returncode == 1 and "$TURNOUT_TOKEN holds no token" in done.stderr and "hunter2" not in done.stderr
    done = proxy.verb("get", token=tokens["ci"][:20] + 26 * "x", check=False)
    assert done.returncode == 1 and "not known here" in done.stderr
    (tmp_path / "ci.token").chmod(0o644)
    done = proxy.verb("get", "--token-file", tmp_path / "ci.token", check=False)
    assert done.returncode == 1 and "everybody can read the token" in done.stderr


def test_an_ipv6_loopback(tcp):
    port = tcp_admin()["admin"].rpartition(":")[2]
    proxy, tokens = tcp(admin=f"[::1]:{port}")
    assert STATUS_OK.search(proxy.verb("get", token=tokens["grafana"]))


def test_wrong_tokens_are_limited_and_lock_nobody_out(tcp):
    proxy, tokens = tcp()
    wrong = "tt_" + 43 * "x"
    seen = []
    for _ in range(30):
        with AdminConnection(proxy.admin, bearer(wrong)) as admin:
            answer = admin.ask("GET", "/v1/status")
            seen.append(answer.status)
            assert answer.get("www-authenticate" if answer.status == 401 else "retry-after")
            assert wrong.encode() not in answer.body and admin.is_closed()
    assert seen[:10] == [401] * 10 and set(seen[11:]) == {429}
    for name in tokens:
        assert STATUS_OK.search(proxy.verb("get", token=tokens[name]))
    assert proxy.output().count("a wrong token was refused (127.0.0.1:") == seen.count(401)
    assert proxy.metrics().sum("turnout_admin_refused_tokens_total") == 30


def test_a_reload_takes_other_tokens(tcp):
    proxy, tokens = tcp()
    file = proxy.folder / "turnout.tokens"
    with AdminConnection(proxy.admin, bearer(tokens["grafana"])) as stream:
        stream.send(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tokens['grafana']}\r\n\r\n".encode())
        assert stream._head().status == 200
        # A file that is wrong, or that others may write, changes nothing.
        good = file.read_text()
        for text, mode, words in (("ci operate " + tokens["ci"], 0o600, "this is a token"), ("", 0o600, "holds no token"),
                                  (good, 0o666, "others could let themselves in")):
            file.write_text(text)
            file.chmod(mode)
            done = proxy.verb("reload", token=tokens["ci"], check=False)
            assert done.returncode == 1 and words in done.stderr and tokens["ci"] not in done.stderr + proxy.output()
        file.chmod(0o600)
        assert STATUS_OK.search(proxy.verb("get", token=tokens["grafana"]))
        file.write_text("\n".join(line for line in good.splitlines() if line.startswith("ci ")) + "\n")
        deploy = make_token(proxy.folder, "deploy", "operate")
        proxy.verb("reload", "--dry-run", token=tokens["ci"])
        assert proxy.verb("get", token=deploy, check=False).returncode == 1
        proxy.verb("reload", token=tokens["ci"])
        assert STATUS_OK.search(proxy.verb("get", token=deploy))
        assert "not known here" in proxy.verb("get", token=tokens["grafana"], check=False).stderr
        # Whoever watched with a token that is gone watches no more.
        stream.socket.settimeout(5)
        while stream._more():
            pass


def test_token_files_that_are_none_refuse_the_start(tmp_path):
    admin = tcp_admin()
    assert "token_file: " in refused(tmp_path, **admin) and "No such file" in refused(tmp_path, **admin)
    make_token(tmp_path, "ci", "operate")
    (tmp_path / "turnout.tokens").chmod(0o604)
    assert "others could let themselves in" in refused(tmp_path, **admin)


def test_no_token_is_ever_told(tcp):
    """Nor its hash: not by the log, the journal, get, history, metrics, events, or an error."""
    proxy, tokens = tcp(log={"access": "./access.log"})
    hashes = [line.split(":")[-1] for line in (proxy.folder / "turnout.tokens").read_text().splitlines()]
    wrong = "tt_" + 43 * "w"
    told = []
    for token in (*tokens.values(), wrong, wrong[:-1]):
        with AdminConnection(proxy.admin, bearer(token)) as admin:
            told.append(repr(admin.ask("PUT", "/v1/weights", {"Content-Type": "application/json"}, b'{"weights":{"blue":1,"green":1}}')))
        for path in ("/v1/status", "/v1/rules", "/v1/history", "/v1/nothing", f"/v1/explain?header=Authorization:%20Bearer%20{token}"):
            with AdminConnection(proxy.admin, bearer(token)) as admin:
                said = admin.ask("GET", path)
                told.append(repr(said.headers) + said.body.decode())
    with AdminConnection(proxy.admin, bearer(tokens["ci"])) as admin:
        admin.send(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tokens['ci']}\r\n\r\n".encode())
        admin._head()
        admin._until(b"event: state")
        told.append(repr(admin.received))
    done = proxy.verb("get", token=wrong, check=False)
    told += [done.stdout + done.stderr, proxy.verb("get", "-o", "json", token=tokens["ci"]), proxy.verb("history", token=tokens["grafana"]),
             proxy.metrics().text, proxy.output(), (proxy.folder / "turnout.store").read_bytes().decode("latin-1")]
    told += [Path(f"/proc/{proxy.pid}/{name}").read_bytes().decode("latin-1") for name in ("cmdline", "environ")]
    assert any("token ci" in text for text in told)
    for text in told:
        for secret in (*tokens.values(), *hashes, wrong, wrong[:-1]):
            assert secret not in text, text[:1000]


def memory_of(pid):
    """What a core would hold."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last = (int(word, 16) for word in line.split()[0].split("-"))
            if line.split()[1].startswith("rw"):
                memory.seek(first)
                try:
                    yield memory.read(last - first)
                except OSError:
                    continue


@pytest.mark.timing  # a sanitizer keeps what was freed
def test_no_token_stays_in_memory(tcp):
    """Also not of one that came in pieces, or was wrong."""
    proxy, tokens = tcp()
    wrong = "tt_" + 43 * "w"
    for token in (*tokens.values(), wrong):
        request = f"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        with AdminConnection(proxy.admin) as admin:
            admin.send(request[:70])
            admin.send(request[70:90])
            admin.send(request[90:])
            assert admin.read().status == (401 if token == wrong else 200)
    try:
        memory = list(memory_of(proxy.pid))
    except PermissionError:
        pytest.skip("may not read the memory of another process")
    assert any(b"turnout.tokens" in piece for piece in memory)
    for token in (*tokens.values(), wrong):
        for piece in memory:
            assert token[3:30].encode() not in piece
