"""The demo service: one counter, and a fleet of blue and green ones, each with its own data folder."""
import signal
import urllib.request
from pathlib import Path

from .places import binary
from .process import Failed, Process


class Counter(Process):
    def __init__(self, folder, version, index, port=0, build="1", options=()):
        self.version, self.index, self.data = version, index, Path(folder) / "data"
        self.port = port
        self.build, self.options = build, list(options)
        self.faults_port = None
        super().__init__(f"app-{version}-{index}", [], folder)

    def launch(self):
        self.argv = [str(a) for a in (
            binary("counter"), "--listen", f"127.0.0.1:{self.port}", "--version", self.version,
            "--build", self.build, "--name", self.name, "--data", self.data,
            "--faults-listen", "127.0.0.1:0", *self.options)]
        return super().launch()

    def wait_ready(self, timeout=10.0):
        self.port = int(self.wait_for(r"listening on \S+:(\d+)$", timeout).group(1))
        self.faults_port = int(self.wait_for(r"faults on \S+:(\d+)$", timeout).group(1))
        return self

    def start(self):
        return self.launch().wait_ready()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def visits_file(self):
        return self.data / "visits.bin"

    def visits(self):
        """What the file says; 0 when no visit was ever counted."""
        try:
            return int.from_bytes(self.visits_file.read_bytes(), "little")
        except FileNotFoundError:
            return 0

    def faults(self, **fields):
        """Sets faults (error_rate=20, latency_ms=150 ...); none: clears them."""
        query = "&".join(f"{k}={v}" for k, v in fields.items())
        request = urllib.request.Request(f"http://127.0.0.1:{self.faults_port}/?{query}",
                                         method="PUT" if fields else "DELETE")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read()


class Fleet:
    """Counters by version: Fleet(folder, {"blue": [0, 0], "green": [5101, 5102]}), by port."""

    def __init__(self, folder, ports, options=()):
        self.counters = [
            Counter(Path(folder) / f"{version}-{index}", version, index, port, options=options)
            for version, of_version in ports.items() for index, port in enumerate(of_version)
        ]

    def __iter__(self):
        return iter(self.counters)

    def __getitem__(self, version):
        return [c for c in self.counters if c.version == version]

    def launch(self):
        for counter in self.counters:
            counter.launch()
        return self

    def wait_ready(self):
        for counter in self.counters:
            counter.wait_ready()
        return self

    def start(self):
        return self.launch().wait_ready()

    def addresses(self, version):
        return [c.address for c in self[version]]

    def visits(self, version=None):
        return sum(c.visits() for c in self.counters if version in (None, c.version))

    def stop(self):
        """All at once, then their exit codes; Failed when one is not 0."""
        running = [c for c in self.counters if c.is_running()]
        for counter in running:
            counter.signal(signal.SIGTERM)
        codes = {c.name: c.stop() for c in running}
        wrong = {name: code for name, code in codes.items() if code != 0}
        if wrong:
            raise Failed(f"counters ended badly: {wrong}")
