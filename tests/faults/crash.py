"""The process is killed at one system call of a change; a new one reads what is left.

A round: what is in force, a change with the kill armed at its N-th call, the answer if there was one, a new process on
the same folder. It has the revision before the change or the one after it, whole: rules, modes, what is to go back. What was
answered with 200 is there, what was refused is not. Each round goes on from what the last one left, so a store that a
crash damaged is found by the next start.
"""
import collections
import json
import os
import random
import time

from support.http1 import BadAnswer
from support.ports import free_port
from support.process import Failed
from support.proxy import Proxy

from .control import FILE_CALL, KILL, KILL_HALF, SYSTEM_CALL, Control
from .peer import Peer, Wrong, send

VERSIONS = ("blue", "green")
MAIN = {"name": "main", "stable": "blue", "weights": {"blue": 1}}
KINDS = ("weights", "share", "mirror", "route", "rules", "promote", "undo", "drain", "undrain", "cut", "abort", "ttl", "expire",
         "reload", "compact", "start")



class State:
    """What a process says is in force, as far as a change may change it."""

    def __init__(self, rules, status, history):
        self.revision = rules["revision"]
        self.rules = {r["name"]: r for r in rules["rules"]}
        self.modes = {v["name"]: v["mode"] for v in status["versions"]}
        self.ttls = sorted((t["revision"], tuple(t["rules"]), tuple(t["modes"])) for t in status["ttls"])
        self.known = [e["revision"] for e in history["revisions"]]

    def facts(self):
        return self.rules, self.modes, self.ttls

    def after(self, answer):
        """The facts once this change (a dry run's answer) is in force, but for ttls."""
        rules = {n: r for n, r in self.rules.items() if n not in [r["name"] for r in answer["before"]]}
        rules.update({r["name"]: r for r in answer["after"]})
        return rules, {**self.modes, **{m["name"]: m["after"] for m in answer.get("modes", [])}}


class Crash:
    def __init__(self, folder, seed=0, prefix=(), store="./turnout.store"):
        self.random = random.Random(seed)
        self.control = Control(folder)
        self.config = {
            "listen": [f"127.0.0.1:{free_port()}"], "threads": 1, "store": {"file": store}, "limits": {"stop_grace": "1s"},
            "versions": {v: {"endpoints": [f"127.0.0.1:{free_port()}"], "health": {"path": "/", "interval": "1h"}} for v in VERSIONS},
            "rules": [dict(MAIN)]}
        self.proxy = Proxy(folder, self.config, prefix=prefix)
        self.proxy.env = self.control.environment(os.environ)
        self.brink, self.turn = None, 0
        self.armed = SYSTEM_CALL
        self.large = []  # rules that stay in front of all others
        self.counts, self.names = collections.Counter(), collections.Counter()

    # --- the process ---

    def start(self, at=0, how=KILL):
        """False when it was killed on its way."""
        self.control.arm(self.armed if at else 0, at, how)
        try:
            self.proxy.launch().wait_for("listening on", 20)
            return True
        except Failed:
            if not self.control.fired():
                raise Wrong(f"it does not start: {self.proxy.output()[-1500:]}") from None
            return False

    def end(self):
        self.control.disarm()
        self.proxy.kill()

    def admin(self, method, path, body=None):
        """(status, JSON), or None without an answer."""
        text = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        try:
            with Peer(str(self.proxy.folder / "turnout.sock")) as peer:
                send(peer, (head if text else f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").encode() + text)
                answer = peer.read(method)
            return answer.status, json.loads(answer.body)
        except (OSError, BadAnswer, ValueError, AssertionError, Wrong):
            return None

    def state(self):
        told = [self.admin("GET", path) for path in ("/v1/rules", "/v1/status", "/v1/history?n=128")]
        if any(t is None or t[0] != 200 for t in told):
            raise Wrong(f"the process does not tell its state: {told}")
        return State(*(t[1] for t in told))

    # --- the changes ---

    def request(self, kind):
        """One that changes something, whatever is in force."""
        self.turn += 1
        few = 1 + self.turn % 97
        rules = [*self.large, {"name": f"r{self.turn}", "match": [{"path": "/r"}], "weights": {"green": 1}},
                 {**MAIN, "weights": {"blue": 99, "green": few}}]
        if kind == "reload":
            self.proxy.config["rules"] = [*self.large, {**MAIN, "weights": {"blue": 100 + self.turn, "green": few}}]
            self.proxy.write()
        return {
            "weights": ("PUT", "/v1/weights", {"weights": {"blue": 100 + self.turn, "green": 1}, "reason": "r" * few}),
            "compact": ("PUT", "/v1/weights", {"weights": {"blue": 100 + self.turn, "green": 1}}),
            "share": ("PUT", "/v1/share", {"share": {"green": 1000 + self.turn, "blue": 999000 - self.turn}}),
            "mirror": ("PUT", "/v1/mirror", {"to": "green", "ppm": 1000 + self.turn}),
            "route": ("POST", "/v1/route", {"strategy": "ab", "stable": "blue", "canary": "green",
                                            "headers": [{"name": "X", "value": str(self.turn)}]}),
            "rules": ("PUT", "/v1/rules", {"rules": rules}),
            "promote": ("POST", "/v1/promote", {"version": VERSIONS[self.turn % 2]}),
            "undo": ("POST", "/v1/undo", {}),
            "drain": ("PUT", "/v1/mode", {"version": "green", "mode": "draining", "timeout_ms": 3600000 + self.turn}),
            "undrain": ("PUT", "/v1/mode", {"version": "green", "mode": "active"}),
            "cut": ("PUT", "/v1/mode", {"version": "green", "mode": "cut"}),
            "abort": ("POST", "/v1/abort", {}),
            "ttl": ("PUT", "/v1/share", {"share": {"green": 1000 + self.turn, "blue": 999000 - self.turn}, "ttl_ms": 3600000}),
            "expire": ("PUT", "/v1/share", {"share": {"green": 1000 + self.turn, "blue": 999000 - self.turn}, "ttl_ms": 1000}),
            "reload": ("POST", "/v1/reload", {}),
        }[kind]

    def prepare(self, kind):
        """So that the change is one."""
        ready = {"drain": "undrain", "cut": "undrain", "undrain": "cut", "promote": "undrain", "abort": "weights", "undo": "weights"}
        if kind in ready:
            self.admin(*self.request(ready[kind]))
        if kind == "compact":
            self.end()
            (self.proxy.folder / "turnout.store").write_bytes(self.at_brink())
            self.start()

    def at_brink(self):
        """A store whose next record makes it smaller; made once."""
        if self.brink:
            return self.brink
        store = self.proxy.folder / "turnout.store"
        store.unlink()
        self.start()
        matches = [{"headers": [{"name": f"X-{i}", "value": "a" * 40}]} for i in range(60)]
        self.admin("PUT", "/v1/rules", {"rules": [{"name": "many", "match": matches, "weights": {"green": 1}}, dict(MAIN)]})
        size = 0
        while store.stat().st_size >= size:
            self.brink, size = store.read_bytes(), store.stat().st_size
            if self.admin(*self.request("compact"))[0] != 200:
                raise Wrong("the store can't be filled")
        self.end()
        return self.brink

    # --- a round ---

    def round(self, kind, at, how):
        """Whether the kill came before the end of the change."""
        if kind == "start":
            return self.round_of_start(at, how)
        self.prepare(kind)
        before = self.state()
        method, path, body = self.request(kind)
        dry = self.admin(method, path, {**body, "dry_run": True})
        if dry is None or dry[0] != 200:
            raise Wrong(f"{kind}: the dry run says {dry}")
        if kind == "expire":
            return self.round_of_expiry((method, path, body), at, how)
        expected = before.after(dry[1]) if dry[1]["changed"] else (before.rules, before.modes)
        self.control.arm(self.armed, at, how)
        answer = self.admin(method, path, body)
        fired = self.control.disarm()
        self.end()
        self.start()
        self.judge(kind, before, expected, dry[1]["changed"], answer)
        return fired

    def judge(self, kind, before, expected, is_change, answer):
        after = self.state()
        outcome = "none" if answer is None else str(answer[0])
        self.counts["new" if after.revision > before.revision else "old", outcome] += 1
        if after.revision == before.revision:
            if after.facts() != before.facts():
                raise Wrong(f"{kind}: another state in the same revision: {after.facts()} instead of {before.facts()}")
            if answer and answer[0] == 200 and is_change and answer[1]["durable"]:
                raise Wrong(f"{kind}: answered with revision {answer[1]['revision']}, and it is gone")
        else:
            if after.revision != before.revision + 1 or (after.rules, after.modes) != expected:
                raise Wrong(f"{kind}: neither old nor new: {after.revision} {after.rules} {after.modes} instead of {expected}")
            if answer and answer[0] != 200:
                raise Wrong(f"{kind}: refused with {answer}, and it is in force")
            if kind == "ttl" and after.revision not in [t[0] for t in after.ttls]:
                raise Wrong(f"it has no end any more: {after.ttls}")
        if after.known != sorted(after.known, reverse=True) or after.known[0] != after.revision:
            raise Wrong(f"{kind}: a history of {after.known}")

    def round_of_start(self, at, how):
        """Killed while it starts: nothing may be lost or made up."""
        before = self.state()
        self.end()
        if self.start(at, how):
            self.end()
        fired = self.control.disarm()
        self.proxy.kill()
        self.start()
        after = self.state()
        self.counts["start", "killed" if fired else "not"] += 1
        if (after.revision, after.facts()) != (before.revision, before.facts()):
            raise Wrong(f"start: {after.revision} {after.facts()} instead of {before.revision} {before.facts()}")
        return fired

    def round_of_expiry(self, request, at, how):
        """Killed while a change goes back: whoever comes next takes it back."""
        before = self.state()
        if self.admin(*request)[0] != 200:
            raise Wrong("a change with a ttl is refused")
        time.sleep(0.9)
        self.control.arm(self.armed, at, how)
        deadline = time.monotonic() + 1.5
        while not self.control.fired() and time.monotonic() < deadline:
            time.sleep(0.01)
        fired = self.control.disarm()
        self.end()
        self.start()
        after = self.state()
        while after.revision < before.revision + 2 and time.monotonic() < deadline + 2:
            time.sleep(0.02)
            after = self.state()
        if (after.revision, after.rules, after.modes) != (before.revision + 2, before.rules, before.modes):
            raise Wrong(f"expire: {after.revision} {after.rules} instead of {before.revision + 2} {before.rules}")
        self.counts["back", "killed" if fired else "not"] += 1
        return fired

    def run(self, rounds, kinds=KINDS, is_sweep=False):
        """is_sweep: every call in turn, before it and half of it; else calls by chance, every other time one on a file."""
        places = {kind: [0, KILL] for kind in kinds}
        self.start()
        try:
            for number in range(rounds):
                kind = kinds[number % len(kinds)]
                place = places[kind]
                if is_sweep:
                    place[0] += 1
                else:
                    self.armed = (SYSTEM_CALL, FILE_CALL)[self.random.randrange(2)]
                    place[:] = self.random.randrange(1, 45 if self.armed == SYSTEM_CALL else 8), self.random.choice((KILL, KILL_HALF))
                try:
                    fired = self.round(kind, *place)
                except Wrong as wrong:
                    raise Wrong(f"round {number}, {kind} at call {place}: {wrong}\n{self.proxy.output()[-1500:]}") from None
                if fired:
                    self.names[fired.name] += 1
                elif is_sweep:
                    places[kind] = [0, KILL_HALF if place[1] == KILL else KILL]
        finally:
            self.end()
        return self

    def summary(self):
        killed = sum(self.names.values())
        return (f"{killed} kills at {len(self.names)} kinds of call ({', '.join(f'{n} {c}' for n, c in self.names.most_common())}); "
                f"{dict(self.counts)}")



