"""The proxy under test: writes its configuration, starts `turnout serve`, speaks its verbs."""
import copy
import http.client
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

from .metrics import scrape
from .places import binary
from .ports import free_port
from .process import Process
from .yaml_text import to_yaml

READY = r"listening on (\S+?)(?:,| and |$)"


class Proxy(Process):
    """config is the configuration as a dict; what is absent of listen, admin, metrics and log gets
    values for a test: free ports on loopback, a socket in the folder, the log on standard output.
    prefix: words before the program, for example unshare."""

    def __init__(self, folder, config, name="turnout", text=None, prefix=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = {
            "listen": [f"127.0.0.1:{free_port()}"],
            "admin": "unix:./turnout.sock",
            "metrics": f"127.0.0.1:{free_port()}",
            "log": {"access": "stdout", "format": "json"},
            **config,
        }
        self.config_path = self.folder / f"{name}.yaml"
        self.write(text)
        self.prefix = list(prefix)
        super().__init__(name, [*prefix, binary("turnout"), "serve", "-c", self.config_path], folder)

    def write(self, text=None):
        """The configuration as it is now (or this text) to the file."""
        self.config_path.write_text(text if text is not None else to_yaml(self.config) + "\n")

    @property
    def address(self):
        host, _, port = self.config["listen"][0].rpartition(":")
        return (host, int(port))

    @property
    def metrics_address(self):
        return self.config["metrics"]

    @property
    def admin(self):
        """As --admin and TURNOUT_ADMIN take it."""
        if not self.config["admin"].startswith("unix:"):
            return f"http://{self.config['admin']}"
        return f"unix:{self.folder / self.config['admin'].split(':', 1)[1]}"

    def wait_ready(self, timeout=15.0):
        self.wait_for(READY, timeout)
        return self

    def start(self):
        return self.launch().wait_ready()

    def metrics(self):
        return scrape(self.metrics_address)

    def reload(self):
        self.signal(signal.SIGHUP)

    def verb(self, *arguments, check=True, timeout=15, token=None):
        """Runs `turnout ARGUMENTS` against this proxy; its standard output."""
        environment = {**os.environ, "TURNOUT_ADMIN": self.admin, "NO_COLOR": "1", **({"TURNOUT_TOKEN": token} if token else {})}
        done = subprocess.run([binary("turnout"), *map(str, arguments)], env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"turnout {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def api(self, path, method="GET", body=None):
        """The JSON that the admin interface answers; anything but 200 fails."""
        connection = http.client.HTTPConnection("localhost", timeout=15)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(15)
        connection.sock.connect(self.admin.removeprefix("unix:"))
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)

    def access_log(self):
        """The lines of the access log since the last start, as dicts."""
        with open(self.out_path, "rb") as file:
            file.seek(self._out_start)
            return [json.loads(line) for line in file.read().splitlines() if line.startswith(b"{")]

    def successor(self, *options, env=None):
        """A new process beside this one, with the same file, that is to take over; not started."""
        twin = copy.copy(self)
        argv = [*self.prefix, binary("turnout"), "serve", "-c", self.config_path, "--takeover", *options]
        Process.__init__(twin, f"{self.config_path.stem}+", argv, self.folder, env=env)
        return twin

    def take_over(self, *options, timeout=15.0):
        """This process is replaced by a new one, which is returned once it serves; this one ends by itself."""
        new = self.successor(*options).launch().wait_ready(timeout)
        self.was_told = True
        return new
