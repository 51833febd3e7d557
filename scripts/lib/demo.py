"""scripts/demo after the build: four blue and four green counters, the proxy, and Ctrl-C.

Everything that runs is a child of this process, in a session of its own, and is ended by its pid:
the proxy first, so that what is under way is answered, then the counters, which write what they
have. tour.py is what --tour does in between.
"""
import argparse
import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts" / "lib")]

from support.counters import Fleet
from support.http1 import Connection
from support.places import build_folder
from support.ports import free_port, is_free
from support.process import Failed
from support.proxy import Proxy

PODS = 4


class Refused(Exception):
    """The demo cannot start; the text says why and what to do."""


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/demo", add_help=False)
    parser.add_argument("--env", action="store_true")
    parser.add_argument("--tour", action="store_true")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--dir", type=Path, default=ROOT / ".demo")
    for name in ("--port", "--metrics-port", "--blue-port", "--green-port"):
        parser.add_argument(name, type=int)
    return parser.parse_args()


def socket_path(folder):
    """In the folder, unless the kernel's 107 bytes for such a path are too few."""
    path = folder / "turnout.sock"
    if len(os.fsencode(path)) <= 107:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"turnout-demo-{os.getuid()}-{name}" / "turnout.sock"


def print_environment(folder):
    """For eval: works before, while and after a demo runs."""
    path = f"{build_folder()}/bin"
    print(f"export PATH={shlex.quote(path)}:\"$PATH\"")
    print(f"export TURNOUT_ADMIN={shlex.quote(f'unix:{socket_path(folder)}')}")


def given_or_free(port, preferred, what):
    if port is None:
        return free_port(preferred)
    if not 1 <= port <= 65535:
        raise Refused(f"{port} is no port number ({what})")
    if not is_free(port):
        raise Refused(f"port {port} is taken ({what}); leave the option out for a free one")
    return port


def row_of_ports(first, preferred, what):
    if first is None:
        return [free_port(preferred + i) for i in range(PODS)]
    return [given_or_free(first + i, 0, what) for i in range(PODS)]


class Demo:
    """The folder, the counters and the proxy."""

    def __init__(self, options):
        self.folder = options.dir.resolve()
        self.options = options
        self.fleet = self.proxy = None

    def lock(self):
        """One demo per folder. The lock ends with the process, however that ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock_file = open(self.folder / "lock", "a+")
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.lock_file.seek(0)
            pid = self.lock_file.read().strip() or "?"
            raise Refused(f"a demo already runs in {self.folder} (pid {pid}): press Ctrl-C there, or "
                          "give --dir another folder") from None
        self.lock_file.truncate(0)
        self.lock_file.write(f"{os.getpid()}\n")
        self.lock_file.flush()
        if self.options.clean:
            for name in ("pods", "proxy"):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            for name in ("turnout.store", "access.log"):
                (self.folder / name).unlink(missing_ok=True)

    def config(self, port, metrics_port):
        return {
            "listen": [f"127.0.0.1:{port}"],
            "admin": f"unix:{socket_path(self.folder)}",
            "metrics": f"127.0.0.1:{metrics_port}",
            "store": {"file": "./turnout.store"},
            "log": {"access": "./access.log", "format": "json"},
            "versions": {
                version: {"build": "1", "endpoints": self.fleet.addresses(version),
                          "health": {"path": "/readyz", "interval": "1s", "timeout": "1s"}}
                for version in ("blue", "green")
            },
            "rules": [{"name": "main", "stable": "blue", "weights": {"blue": 1}}],
            "limits": {"stop_grace": "3s"},  # a browser's idle connection is not worth 25 s of Ctrl-C
        }

    def start(self):
        options = self.options
        ports = {
            "blue": row_of_ports(options.blue_port, 5001, "--blue-port"),
            "green": row_of_ports(options.green_port, 5101, "--green-port"),
        }
        port = given_or_free(options.port, 8080, "--port")
        metrics_port = given_or_free(options.metrics_port, 9090, "--metrics-port")
        self.fleet = Fleet(self.folder / "pods", ports).launch()
        self.fleet.wait_ready()
        socket_folder = socket_path(self.folder).parent
        socket_folder.mkdir(mode=0o700, exist_ok=True)
        if socket_folder.stat().st_uid != os.getuid():
            raise Refused(f"{socket_folder} belongs to somebody else: give --dir another folder")
        self.proxy = Proxy(self.folder, self.config(port, metrics_port))
        for path in (self.proxy.out_path, self.proxy.err_path):
            path.unlink(missing_ok=True)
        self.proxy.start()
        self.wait_healthy()

    def wait_healthy(self):
        """Until every pod was probed and is up."""
        deadline = time.monotonic() + 15
        while self.proxy.metrics().sum("turnout_endpoint_up") < 2 * PODS:
            if time.monotonic() > deadline:
                raise Failed("not every counter came up within 15 s:\n" + self.proxy.verb("get"))
            time.sleep(0.02)

    def stop(self):
        """Proxy first, then counters; Failed when one of them did not end as it should."""
        code = self.proxy.stop(timeout=40) if self.proxy else 0
        if self.fleet:
            self.fleet.stop()
        if code != 0:
            raise Failed(f"the proxy ended with {code}:\n{self.proxy.output()[-3000:]}")

    def kill(self):
        for process in [self.proxy, *(self.fleet or [])]:
            if process:
                process.kill()


def say_what_to_try(demo, seconds):
    host, port = demo.proxy.address
    script = os.path.relpath(ROOT / "scripts" / "demo")
    script = script if "/" in script else f"./{script}"
    folder = "" if demo.folder == ROOT / ".demo" else f" --dir {shlex.quote(str(demo.folder))}"
    print(f"""
Turnout is ready after {seconds:.1f} s: four blue and four green counters behind http://{host}:{port}/

In another terminal:
  eval "$({script} --env{folder})"
  curl http://{host}:{port}/                 # one visit, and who counted it
  turnout get                                 # rules, shares asked for and achieved, health
  turnout route canary --stable blue --canary green --share 10%
  turnout route ab --stable blue --canary green --header X-Version=green
  turnout route shadow --stable blue --canary green --percent 100
  turnout route all green
  turnout explain -H 'X-Version: green' /     # which version would this request get, and why

metrics  http://{demo.proxy.metrics_address}/metrics
files    {demo.folder}/  (turnout.yaml, access.log, pods/*/data/visits.bin)
Ctrl-C stops everything and loses no visit.
""", flush=True)


def watch(demo, is_stopping):
    """Until a signal. A counter that ends is started again, as its platform would."""
    while not is_stopping():
        if not demo.proxy.is_running():
            raise Failed(f"the proxy ended with {demo.proxy.child.returncode}:\n"
                         f"{demo.proxy.output()[-3000:]}")
        for counter in demo.fleet:
            if not counter.is_running():
                print(f"{counter.name} ended with {counter.child.returncode}; starting it again",
                      flush=True)
                counter.start()
        time.sleep(0.2)


def run(demo):
    began = time.monotonic()
    stops = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stops.append(1))
    demo.start()
    say_what_to_try(demo, time.monotonic() - began)
    watch(demo, lambda: stops)
    print("\nstopping", flush=True)
    counted = sum(reported_visits(c) for c in demo.fleet)
    demo.stop()
    for version in ("blue", "green"):
        visits = [c.visits() for c in demo.fleet[version]]
        print(f"{version:6} {sum(visits):8} visits on disk: {' '.join(map(str, visits))}")
    if demo.fleet.visits() < counted:
        raise Failed(f"{counted} visits were counted, only {demo.fleet.visits()} are on disk")


def reported_visits(counter):
    """What a counter itself says, before it is stopped."""
    with Connection(("127.0.0.1", counter.port)) as connection:
        return int(connection.request("GET", "/count").get("x-visits"))


def main():
    options = arguments()
    if options.env:
        print_environment(options.dir.resolve())
        return 0
    demo = Demo(options)
    try:
        demo.lock()
        if options.tour:
            import tour
            return tour.run(demo)
        run(demo)
        return 0
    except (Refused, Failed) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    finally:
        demo.kill()


if __name__ == "__main__":
    sys.exit(main())
