"""Faults while rules change: by the admin interface, by a reload, then the stop.

One proxy for each fault. A change is in force, in the store and answered with 200, or nothing of it is; without an answer it
may be either. Afterwards the store is read by a proxy without faults: it has what was last in force. The stop ends with 0.
"""
import json
import signal
import time

from support.http1 import BadAnswer
from support.process import Failed

from .control import KINDS
from .peer import OURS, Hit, Peer, Wrong, send, take
from .sweep import Folder, ended_well
from .traffic import Traffic

ONE = ("after",)
REFUSED = (*OURS, 507)  # the disk is full


class Change:
    name = "change"
    parts = ["weights", "rules", "route", "mirror", "reload", "stop"]

    def __init__(self, folder=None):
        self.folder, self.traffic = Folder(folder), None

    @property
    def control(self):
        return self.traffic.control

    def start(self):
        self.traffic = Traffic(self.folder.new(), store={"file": "./turnout.store"})
        self.traffic.proxy.config["versions"]["blue"]["health"]["interval"] = "1h"
        self.traffic.proxy.write()
        self.traffic.may_mirror = True
        self.traffic.start()

    def restart(self):
        if self.traffic:
            self.traffic.proxy.kill()
            self.traffic.close()
        self.traffic = None

    finish = restart

    # --- the rules ---

    def admin(self, method, path, body=None):
        """The answer's JSON; Hit when it was refused or broke off."""
        with Peer(str(self.traffic.folder / "turnout.sock")) as peer:
            text = json.dumps(body).encode() if body is not None else b""
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
            send(peer, (head if body is not None else f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").encode() + text)
            answer = take(peer, method, 200, None, ours=REFUSED)
            try:
                return json.loads(answer.body)
            except ValueError:
                raise Wrong(f"{path} answers {answer.body[:500]!r}") from None

    def rules(self):
        return self.admin("GET", "/v1/rules")

    CHANGES = {
        "weights": ("PUT", "/v1/weights", {"rule": "main", "weights": {"blue": 3, "green": 1}, "stable": "blue", "reason": "why not", "author": "me"}),
        "rules": ("PUT", "/v1/rules", {"rules": [{"name": "new", "match": [{"path": "/new"}, {"headers": [{"name": "A", "regex": "^b"}]}], "weights": {"blue": 1}},
                                                 {"name": "main", "weights": {"blue": 1}, "sticky": {"by": "header:X-User", "scope": "endpoint"}}]}),
        "route": ("POST", "/v1/route", {"rule": "main", "strategy": "ab", "stable": "blue", "canary": "green",
                                        "headers": [{"name": "X-Beta", "value": "1"}], "cookies": [{"name": "beta", "value": "1"}]}),
        "mirror": ("PUT", "/v1/mirror", {"rule": "main", "to": "green", "ppm": 250000}),
    }

    def wanted(self, part):
        """The rules after that change, as a proxy without faults has them."""
        if part not in self.known:
            change = Change(self.folder.new())
            change.start()
            before = change.rules()
            if part == "reload":
                change.reload_file()
            else:
                change.admin(*self.CHANGES[part])
            self.known[part] = before["rules"], change.rules()["rules"]
            change.traffic.proxy.stop(15)
            change.restart()
        return self.known[part]

    known = {}

    # --- one point ---

    def reload_file(self):
        """False when it was refused: then the file is again as it was; Wrong when nothing is said."""
        proxy = self.traffic.proxy
        before = json.loads(json.dumps(proxy.config))
        proxy.config["rules"][-1] = {**proxy.config["rules"][-1], "weights": {"green": 2, "blue": 3}, "stable": "green"}
        proxy.config["versions"]["narrow"]["endpoints"] = [self.traffic.narrow.address, self.traffic.blue.address]
        proxy.config["versions"]["narrow"]["health"]["path"] = "/readyz"
        proxy.write()
        proxy.reload()
        try:
            said = proxy.wait_for(r"reload: done|reload: nothing was changed|reload: out of memory", 8)
        except Failed as failed:
            raise Wrong(f"the reload said nothing: {failed}") from None
        if said.group() == "reload: done":
            return True
        proxy.config = before
        proxy.write()
        return False

    def change(self, part):
        """200, None for a refusal, "?" without an answer."""
        try:
            if part == "reload":
                return 200 if self.reload_file() else None
            return 200 if self.admin(*self.CHANGES[part])["changed"] else None
        except Hit as hit:
            return None if str(hit)[:1] == "5" else "?"
        except (ConnectionError, BadAnswer):
            return "?"

    def play(self, point):
        before, after = (None, None) if point.part == "stop" else self.wanted(point.part)
        self.start()
        try:
            fired, now = self.serve(point, before, after)
        except (Hit, Wrong, Failed, OSError) as wrong:
            time.sleep(0.05)  # a process that is ending
            ended_well(self.traffic.proxy)
            raise Wrong(f"{type(wrong).__name__}: {wrong}") from None
        self.reopen(now)
        self.restart()
        return fired

    def serve(self, point, before, after):
        """A proxy's life with one fault: what failed, and the rules at its end."""
        traffic, fired = self.traffic, None
        if point.part != "stop":
            self.control.arm(KINDS[point.kind], point.at, point.choice)
            outcome = self.change(point.part)
            fired = self.control.disarm()
            now = self.compare(before, after, outcome, fired)
        traffic.run(ONE)
        traffic.check(is_faulty=False)
        if point.part == "stop":
            now = self.rules()
            self.control.arm(KINDS[point.kind], point.at, point.choice)
        self.stop()
        return self.control.disarm() or fired, now

    def compare(self, before, after, outcome, fired):
        now = self.rules()
        if outcome == 200 and now["rules"] != after:
            raise Wrong(f"answered 200, but the rules are {now['rules']} instead of {after}")
        if outcome is None and (fired is None or now["rules"] != before):
            raise Wrong(f"refused, and the rules are {now['rules']} instead of {before}")
        if now["rules"] not in (before, after):
            raise Wrong(f"neither the old nor the new rules: {now['rules']}")
        return now

    def stop(self):
        proxy = self.traffic.proxy
        proxy.signal(signal.SIGTERM)
        try:
            code = proxy.wait(15)
        except Failed as failed:
            raise Wrong(str(failed)) from None
        ended_well(proxy)
        if code != 0:
            raise Wrong(f"exit {code}: {self.said()}")

    def said(self):
        return "\n".join(line for line in self.traffic.proxy.output().splitlines() if not line.startswith("{"))[-1500:]

    def reopen(self, expected):
        """A proxy without faults reads the store."""
        try:
            now = read_store(self.traffic)
        except (Hit, OSError) as wrong:
            raise Wrong(f"the store's rules are not told: {wrong}") from None
        if now != expected:
            raise Wrong(f"the store has {now} instead of {expected}")


def launch_patiently(proxy, tries=3):
    """Its ports were free a moment ago; another test's proxy may have one just now."""
    for left in range(tries, 0, -1):
        try:
            return proxy.launch().wait_for("listening on")
        except Failed:
            if left == 1 or "the port is taken" not in proxy.output():
                raise
            time.sleep(1)


def read_store(traffic):
    """The rules that a proxy without faults has after a start with this store."""
    proxy, reader = traffic.proxy, Change()
    reader.traffic = traffic
    environment, proxy.env = proxy.env, None
    try:
        launch_patiently(proxy)
        return reader.rules()
    except Failed as failed:
        raise Wrong(f"the store cannot be read: {failed}") from None
    finally:
        proxy.kill()
        proxy.env = environment
