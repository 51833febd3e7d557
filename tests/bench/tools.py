"""Our own tools of C, started from Python: the service behind, the floor, the client."""
import json
import os
import subprocess
import urllib.request
from pathlib import Path

from support.places import ROOT, build_folder
from support.ports import free_port
from support.process import Failed, Process


def tool(name):
    """The path of a built tool: from BENCH_TOOLS, beside the proxy that is measured, or in build/dev."""
    folders = [os.environ.get("BENCH_TOOLS"), build_folder() / "bench", ROOT / "build" / "dev" / "bench"]
    path = next((Path(f) / name for f in folders if f and (Path(f) / name).is_file()), Path(folders[-1]) / name)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not built: cmake --preset dev && ninja -C build/dev")
    return path


def pinned(argv, processor):
    """On one processor alone; None leaves it free."""
    argv = [str(a) for a in argv]
    return argv if processor is None else ["taskset", "--cpu-list", str(processor), *argv]


class Backend(Process):
    """One service with several ports, each a version: blue, green, shadow, v3, v4 and so on."""

    def __init__(self, folder, ports=3, processor=None):
        self.ports = [free_port() for _ in range(ports)]
        super().__init__("backend", pinned([tool("bench_backend"), *self.ports], processor), folder)

    def start(self):
        self.launch().wait_for("backend: ready")
        return self

    def addresses(self, first, count=1):
        return [f"127.0.0.1:{port}" for port in self.ports[first:first + count]]

    def counts(self):
        """Requests by version, since the start; probes not among them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[0]}/counts", timeout=10) as answer:
            lines = answer.read().decode().split()
        return dict(zip(lines[::2], map(int, lines[1::2])))


class Floor(Process):
    """The null forwarder."""

    def __init__(self, folder, weights, mirror=None, processor=None, name="floor"):
        """weights: {port: weight}."""
        self.port = free_port()
        argv = [tool("bench_floor"), self.port, *(f"{port}:{weight}" for port, weight in weights.items())]
        argv += ["--mirror", mirror] if mirror else []
        super().__init__(name, pinned(argv, processor), folder)

    def start(self):
        self.launch().wait_for("floor: ready")
        return self


def client_argv(port, processor=None, **options):
    """connections=16, cookies=True, odd="X-A: b" -> the command line. None and False are left out."""
    argv = [tool("bench_client"), port]
    for name, value in options.items():
        if value is True:
            argv.append(f"--{name}")
        elif value not in (None, False):
            argv += [f"--{name}", int(value) if name == "rate" else value]
    return pinned(argv, processor)


def run_client(port, timeout=120, **options):
    """One measurement from its start to its end; what the client says of it. Failed if a single request failed."""
    done = subprocess.run(client_argv(port, **options), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise Failed(f"client {options}: {done.stdout[:300]}{done.stderr[:300]}")
    return json.loads(done.stdout)


class WarmClient:
    """A client that has warmed everything up and then waits, connections open, until it is told:

        with WarmClient(port, connections=16, warm=500, requests=3000) as client:
            ... attach what counts ...
            result = client.measure()
    """

    def __init__(self, port, timeout=120, **options):
        self.timeout = timeout
        self.argv = client_argv(port, wait=True, **options)

    def __enter__(self):
        self.child = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != "warm\n":
            raise Failed(f"client: {self.child.communicate(timeout=5)[1][:300]}")
        return self

    def measure(self):
        self.child.stdin.write("go\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise Failed(f"client: {self.child.communicate(timeout=5)[1][:300]}")
        result = json.loads(line)
        if result["failed"]:
            raise Failed(f"client: {result['failed']} of {result['sent']} requests failed: {self.child.stderr.readline()}")
        return result

    def __exit__(self, *_):
        self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()
        self.child.stderr.close()
