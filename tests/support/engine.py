"""The update engine under test: its configuration, `turnout engine`, and the verbs of `turnout update`."""
import json
import os
import subprocess
import threading
import time
from collections import Counter as Tally
from pathlib import Path

from .http1 import Connection
from .places import binary
from .ports import free_port
from .process import Process
from .yaml_text import to_yaml


def counter_command(build, *more):
    """The command of a build of the demo service, as engine.yaml has it."""
    return [binary("counter"), "--listen", "127.0.0.1:{port}", "--version", "{version}", "--build", build,
            "--name", "{version}-{index}", "--data", "{data}", *more]


class Engine(Process):
    """Instances that it starts end with stop_all(), whatever became of it. proxy: the address of a
    proxy's admin interface; ports: {"blue": [...], "green": [...]}."""

    def __init__(self, folder, proxy, ports, replicas, name="engine", **more):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ports = ports
        self.config = {
            "service": "counter",
            "platform": "local",
            "proxy": proxy,
            "admin": "unix:./engine.sock",
            "metrics": f"127.0.0.1:{free_port()}",
            "store": {"file": "./engine.store"},
            "rule": "main",
            "state": "independent",
            "replicas": replicas,
            "builds": {b: {"command": [str(w) for w in counter_command(b)]} for b in ("1", "2")},
            "versions": {
                "blue": {"build": "1", "ports": ports["blue"], "data": "./data/blue"},
                "green": {"ports": ports["green"], "data": "./data/green"},
            },
            "ready": {"path": "/readyz", "timeout": "10s"},
            "drain": "2s",
            **more,
        }
        self.config_path = self.folder / "engine.yaml"
        self.config_path.write_text(to_yaml(self.config) + "\n")
        super().__init__(name, [binary("turnout"), "engine", "-c", self.config_path], folder)

    def wait_ready(self, timeout=15.0):
        self.wait_for(r"turnout engine: listening on", timeout)
        return self

    def start(self):
        return self.launch().wait_ready()

    def update(self, *arguments, check=True, timeout=60):
        """`turnout update ARGUMENTS`; its standard output, or with check=False the whole of it."""
        environment = {**os.environ, "TURNOUT_ENGINE": f"unix:{self.folder}/engine.sock", "NO_COLOR": "1"}
        done = subprocess.run([binary("turnout"), "update", *map(str, arguments)], env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"turnout update {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}\n{self.output()[-2000:]}")
        return done.stdout if check else done

    def status(self):
        return json.loads(self.update("status", "--json"))

    def wait_for_status(self, probe, timeout=30.0):
        """The first status for which probe(status) is true; an engine that just restarts is waited for."""
        deadline = time.monotonic() + timeout
        while True:
            done = self.update("status", "--json", check=False)
            status = json.loads(done.stdout) if done.returncode == 0 else None
            if status and probe(status):
                return status
            assert time.monotonic() < deadline, f"not within {timeout} s: {done.stdout}{done.stderr}"
            time.sleep(0.05)

    def wait_serving(self, version="blue"):
        """Until every instance of a version is ready and the proxy sees it up."""
        def is_serving(status):
            found = next(v for v in status["versions"] if v["name"] == version)
            return len(found["instances"]) == self.config["replicas"] and all(
                i["phase"] == "ready" and i["up"] for i in found["instances"])
        return self.wait_for_status(is_serving)

    def actions(self):
        """Its JSON lines since the last launch."""
        with open(self.out_path, "rb") as file:
            file.seek(self._out_start)
            return [json.loads(line) for line in file.read().splitlines()]

    def processes(self):
        """Pids of everything that was started with a folder of ours on its command line."""
        return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and is_of(p, self.folder)]

    def visits(self, version):
        files = (self.folder / "data" / version).glob("*/visits.bin")
        return sum(int.from_bytes(f.read_bytes(), "little") for f in files)

    def stop_all(self):
        """Ends the engine and all instances."""
        if self.is_running():
            assert self.stop() == 0, self.output()[-3000:]
        done = subprocess.run([binary("turnout"), "engine", "-c", self.config_path, "--stop-instances"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        left = self.processes()
        assert left == [], f"left running: {left}"


def is_of(entry, folder):
    try:
        command = (entry / "cmdline").read_bytes()
        stat = (entry / "stat").read_text()
    except OSError:
        return False
    return b"--data" in command and str(folder).encode() in command and stat.rpartition(")")[2].split()[0] != "Z"


class Visitors:
    """Steady traffic by a few threads, each a user with a cookie jar; what each request met."""

    def __init__(self, address, count=4, pause=0.004, path="/", is_new_each_time=False):
        self.address, self.pause, self.path = address, pause, path
        self.is_new_each_time = is_new_each_time  # each request is another user's
        self.results = []  # (time, status or what failed, build)
        self.retry_after = Tally()
        self.is_over = False
        self.threads = [threading.Thread(target=self.visit, daemon=True) for _ in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join(20)

    def visit(self):
        connection = cookie = None
        while not self.is_over:
            try:
                connection = connection or Connection(self.address)
                headers = {"Accept": "application/json", **({"Cookie": cookie} if cookie else {})}
                answer = connection.request("GET", self.path, headers)
                if not self.is_new_each_time:
                    cookie = (answer.get("Set-Cookie") or cookie or "").split(";")[0]
                build = json.loads(answer.body).get("build") if answer.status == 200 else None
                if answer.status == 503:
                    self.retry_after[answer.get("Retry-After") is not None] += 1
                self.results.append((time.monotonic(), answer.status, build))
                if (answer.get("Connection") or "").lower() == "close":
                    connection = None
            except Exception as error:  # whatever it is, a user met it
                self.results.append((time.monotonic(), repr(error), None))
                connection = None
            time.sleep(self.pause)

    def failed(self):
        return [r for r in self.results if r[1] != 200]

    def builds(self):
        return [r[2] for r in self.results if r[1] == 200]
