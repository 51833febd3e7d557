"""Faults while a proxy starts: it serves as always, or ends with 1 and says why; the store is never worse for it.

fresh: no store is there yet. again: a store with rules of run time, and a file that has changed since. wrong: a file with
mistakes, which must be told as without faults, or as no memory.
"""
import os
import re
import time

from support.process import Failed

from .change import Change, read_store
from .control import KINDS
from .peer import Wrong
from .sweep import Folder, ended_well
from .traffic import Traffic

MESSAGE = re.compile(r"^turnout: (?!listening)|error: ", re.M)
CONFIG = {"store": {"file": "./turnout.store"}, "threads": 2, "trusted_proxies": ["10.0.0.0/8"], "log": {"access": "./access.log", "format": "json"}}


def is_known(fired):
    """libuv aborts when the first loop of a process gets no pipe for signals. tn_net_init() asks for one just before and says so
    when there is none, but it can't keep it for libuv."""
    return fired.name == "pipe2" and any(name == "uv_once" for _, _, name in fired.frames)


class Start:
    name = "start"
    parts = ["fresh", "again", "wrong"]

    def __init__(self, folder=None):
        self.folder, self.traffic, self.expected = Folder(folder), None, {}

    @property
    def control(self):
        return self.traffic.control

    def restart(self):
        if self.traffic:
            self.traffic.proxy.kill()
            self.traffic.close()
        self.traffic = None

    finish = restart

    def prepare(self, part):
        """One proxy's folder for all points of a part; the store is put back for each."""
        if self.traffic is not None and self.part == part:
            return
        self.restart()
        self.part = part
        self.traffic = Traffic(self.folder.new(), interval="100ms", **CONFIG)
        proxy = self.traffic.proxy
        key = self.traffic.folder / "cookie.keys"
        key.write_text("0123456789abcdef0123456789abcdef\n")
        key.chmod(0o600)
        for rule in proxy.config["rules"]:
            if rule["name"] == "sticky":
                rule["sticky"]["key_file"] = "./cookie.keys"
        self.store = self.traffic.folder / "turnout.store"
        proxy.write()
        if part == "again":
            self.make_history()
        if part == "wrong":
            proxy.config["rules"][-1]["wieghts"] = {"blue": 2}
            proxy.config["versions"]["blue"]["endpoints"] = ["not-an-address"]
            proxy.write()
        self.kept = self.store.read_bytes() if self.store.exists() else None
        if part != "wrong":
            self.expected[part] = read_store(self.traffic)

    def make_history(self):
        """A rule of run time, and one that the file has anew since."""
        proxy, change = self.traffic.proxy, Change()
        change.traffic = self.traffic
        environment, proxy.env = proxy.env, None
        proxy.launch().wait_for("listening on")
        for weight in (5, 6, 7):
            change.admin("PUT", "/v1/weights", {"rule": "main", "weights": {"blue": weight, "green": 1}, "stable": "blue"})
        proxy.stop(15)
        proxy.env = environment
        proxy.config["rules"][0]["weights"] = {"blue": 9}
        proxy.write()

    def put_back(self):
        for name in ("turnout.store", "turnout.store.tmp", "access.log", "turnout.sock"):
            try:
                os.unlink(self.traffic.folder / name)
            except FileNotFoundError:
                pass
        if self.kept is not None:
            self.store.write_bytes(self.kept)

    def play(self, point):
        self.prepare(point.part)
        self.put_back()
        proxy = self.traffic.proxy
        self.control.arm(KINDS[point.kind], point.at, point.choice)
        try:
            proxy.launch()
            is_ready = self.wait()
            fired = self.control.disarm()
            if is_ready:
                self.serve(point.part)
            else:
                self.refused(point.part, fired)
            ended_well(proxy)
            if point.part != "wrong":
                self.reread(point.part)
        except Wrong as wrong:
            fired = self.control.disarm()
            if fired is None or not is_known(fired):
                raise
        except (Failed, OSError) as failed:
            self.control.disarm()
            time.sleep(0.05)
            ended_well(proxy)
            raise Wrong(f"{type(failed).__name__}: {failed}") from None
        finally:
            proxy.kill()
        return fired

    def wait(self):
        """True when it is ready, False when it has ended."""
        proxy = self.traffic.proxy
        try:
            proxy.wait_for("listening on", 10)
            return True
        except Failed:
            if proxy.is_running():
                raise
            return False

    def serve(self, part):
        if part == "wrong":
            raise Wrong("it serves with a wrong file")
        change = Change()
        change.traffic = self.traffic
        now = change.rules()
        if now != self.expected[part]:
            raise Wrong(f"the rules are {now} instead of {self.expected[part]}")
        self.until_up(change)
        self.traffic.run(("after",))
        self.traffic.check(is_faulty=False)
        self.stop()

    @staticmethod
    def until_up(change):
        """A probe that failed may have been the endpoint's fault: the next ones are not."""
        deadline = time.monotonic() + 5
        while any(v["healthy"] < len(v["endpoints"]) for v in change.admin("GET", "/v1/status")["versions"]):
            if time.monotonic() > deadline:
                raise Wrong("an endpoint stays down")
            time.sleep(0.02)

    def stop(self):
        code = self.traffic.proxy.stop(15)
        ended_well(self.traffic.proxy)
        if code != 0:
            raise Wrong(f"exit {code} after a start that went well\n{self.traffic.proxy.output()[-1500:]}")

    def refused(self, part, fired):
        proxy = self.traffic.proxy
        code, said = proxy.child.returncode, proxy.output()
        if fired is None and part != "wrong":
            raise Wrong(f"it does not start, without a fault: {said[-1000:]}")
        if code != 1:
            raise Wrong(f"exit {code}: {said[-1000:]}")
        if not MESSAGE.search(said):
            raise Wrong(f"it ends without a word: {said[-1000:]!r}")
        if "handles left open" in said:
            raise Wrong(f"handles left: {said[-1000:]}")

    def reread(self, part):
        for name in ("access.log", "turnout.sock"):
            if (self.traffic.folder / name).exists() and name == "turnout.sock" and self.traffic.proxy.child.returncode == 1:
                os.unlink(self.traffic.folder / name)
        now = read_store(self.traffic)
        if now != self.expected[part]:
            raise Wrong(f"the store gives {now} instead of {self.expected[part]}")
