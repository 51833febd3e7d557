"""Real clients: what each of them gets through the proxy is what it gets without, and right.

The programs are in tests/clients/; a client that is not installed is skipped by name. Aborted transfers
must be noticed: at the end nothing is under way in the proxy.
"""
import os
import re
import shutil
import subprocess
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from line import config, eventually, rule
from support.places import ROOT, build_folder

CLIENTS = ROOT / "tests" / "clients"
MIB = 1 << 20
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--dump-dom"]


def body(size):
    return b"".join(b"%015x\n" % offset for offset in range(0, size, 16))[:size]


def outcome(status, size):
    return f"{status} {size} {zlib.crc32(body(size)):08x}"


EXPECTED = {
    "get": outcome(200, 1000), "get-chunked": outcome(200, 1000), "head": outcome(200, 0), "missing": None,
    "post-sized": outcome(200, 5000), "post-chunked": outcome(200, 5000),
    "down-sized": outcome(200, 10 * MIB), "down-chunked": outcome(200, 10 * MIB),
    "up-sized": outcome(200, 10 * MIB), "up-chunked": outcome(200, 10 * MIB),
    "abort-down": outcome(200, 0), "abort-up": outcome(0, 0), "after": outcome(200, 1000),
}


def need(program, option="--tests"):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"no {program}: scripts/setup {option}")
    return path


def need_module(name):
    try:
        __import__(name)
    except ImportError:
        pytest.skip(f"no {name}: scripts/setup --tests")


def run(argv, folder, **options):
    done = subprocess.run([str(a) for a in argv], cwd=folder, text=True, errors="replace", stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=180, **options)
    assert done.returncode == 0, f"{argv[0]}: exit {done.returncode}\n{done.stdout}{done.stderr[-3000:]}"
    return done.stdout


def check(text, without=()):
    """Two times the same steps, direct and through the proxy, each as it should be."""
    direct, proxied = (part.split("\n") for part in text.split("base\n")[1:])
    assert proxied == direct
    steps = dict(line.split(" ", 1) for line in direct if line)
    assert list(steps) == [name for name in EXPECTED if name not in without]
    assert {n: v for n, v in steps.items() if EXPECTED[n] and EXPECTED[n] != v} == {}
    assert steps["missing"].startswith("404 ")


@pytest.fixture
def bases(start_fleet, start_proxy):
    """The counter's base address and the proxy's."""
    # libmicrohttpd 0.9.75 may overlook an end right behind the last bytes of half a body; the counter would wait for it
    fleet = start_fleet(blue=1, options=("--stop-grace", "1s"))
    proxy = start_proxy(config(fleet, rule({"blue": 1}), limits={"stop_grace": "5s"}))
    yield [f"http://{fleet['blue'][0].address}", "http://{}:{}".format(*proxy.address)]
    eventually(lambda: proxy.metrics().sum("turnout_requests_in_flight") == 0)


@pytest.fixture
def only_long(is_long):
    if not is_long:
        pytest.skip("takes its time to start: --long")


def test_curl(bases, tmp_path):
    need("curl")
    check(run(["sh", CLIENTS / "curl.sh", *bases], tmp_path))


def test_httpx(bases, tmp_path):
    need_module("httpx")
    check(run(["/usr/bin/python3", CLIENTS / "httpx_client.py", *bases], tmp_path))


def test_aiohttp(bases, tmp_path):
    need_module("aiohttp")
    check(run(["/usr/bin/python3", CLIENTS / "aiohttp_client.py", *bases], tmp_path))


def test_node(bases, tmp_path):
    check(run([need("node", "--long"), CLIENTS / "fetch.js", *bases], tmp_path))


@pytest.mark.long
def test_java(bases, tmp_path, only_long):
    check(run([need("java", "--long"), CLIENTS / "Client.java", *bases], tmp_path))


@pytest.mark.long
def test_go(bases, tmp_path, only_long):
    go = need("go", "--long")
    cache = build_folder().parent / "clients" / "go"  # the first build compiles net/http: most of a minute
    environment = {**os.environ, "GOCACHE": str(cache), "GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    run([go, "build", "-o", tmp_path / "client", CLIENTS / "client.go"], tmp_path, env=environment)
    check(run([tmp_path / "client", *bases], tmp_path))


PAGE = """<!doctype html><meta charset="utf-8"><title>steps</title><pre id="said"></pre><img src="{hold}">
<script src="{script}"></script><script>
const say = (line) => {{ document.getElementById('said').textContent += line + '\\n'; }};
(async () => {{
    for (const base of {bases}) {{ say('base'); await run(base, say, false); }}
    say('end');
}})().catch((error) => say('failed: ' + error)).finally(() => fetch('{hold}', {{method: 'POST'}}));
</script>
"""


class Hold(BaseHTTPRequestHandler):
    """Chromium dumps a page when all of it is loaded: its image is, when the steps are done."""

    def do_GET(self):
        self.server.is_done.wait(60)
        self.send_error(404)

    def do_POST(self):
        self.server.is_done.set()
        self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def hold():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hold) as server:
        server.is_done = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.is_done.set()
        server.shutdown()


@pytest.mark.long
def test_chromium(bases, tmp_path, hold, only_long):
    """A page whose script fetches. A browser sends no chunks over HTTP/1.1."""
    chromium = need("chromium", "--long")
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(script=(CLIENTS / "fetch.js").as_uri(), bases=bases, hold=hold))
    dom = run([chromium, *CHROMIUM, "--disable-web-security", f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()], tmp_path)
    said = re.search(r'<pre id="said">(.*?)</pre>', dom, re.S)[1]
    assert said.endswith("end\n"), said
    check(said.removesuffix("end\n"), without=("post-chunked", "up-chunked"))


@pytest.mark.long
def test_chromium_shows_the_page(bases, tmp_path, only_long):
    """What a person sees: the demo's page, from either address."""
    chromium = need("chromium", "--long")
    for base in bases:
        dom = run([chromium, *CHROMIUM, f"--user-data-dir={tmp_path / 'profile'}", base + "/"], tmp_path)
        assert "app-blue-0" in dom and "blue" in dom


def h2load(base, tmp_path, *arguments):
    text = run([need("h2load"), "--h1", *arguments, base], tmp_path)
    counts = re.search(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed", text)
    assert counts and counts[1] == counts[2] and counts[3] == "0", text
    assert re.search(rf"status codes: {counts[1]} 2xx, 0 3xx, 0 4xx, 0 5xx", text), text
    return re.search(r"\((\d+)\) data", text)[1]


def test_h2load(bases, tmp_path):
    upload, large = tmp_path / "upload", tmp_path / "large"
    upload.write_bytes(body(5000))
    large.write_bytes(body(10 * MIB))
    data = []
    for base in bases:
        data.append([
            h2load(f"{base}/bytes/1000", tmp_path, "-n", "200", "-c", "8"),
            h2load(f"{base}/bytes/1000?chunked=1", tmp_path, "-n", "200", "-c", "8"),
            h2load(f"{base}/bytes/{10 * MIB}", tmp_path, "-n", "4", "-c", "2"),
            h2load(f"{base}/echo-size", tmp_path, "-n", "200", "-c", "8", "-d", upload),
            h2load(f"{base}/echo-size", tmp_path, "-n", "4", "-c", "2", "-d", large),
        ])
    assert data[0][0] == "200000" and data[0][2] == str(40 * MIB)
    assert data[0] == data[1]


def test_h2load_that_is_told_to_end(bases, tmp_path):
    """Its downloads break off wherever they are; a client on the side is served as ever."""
    child = subprocess.Popen([need("h2load"), "--h1", "-n", "64", "-c", "8", f"{bases[1]}/bytes/{1024 * MIB}"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        child.wait(0.5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    h2load(f"{bases[1]}/bytes/1000", tmp_path, "-n", "8", "-c", "1")
