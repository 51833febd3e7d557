"""The process is killed at a system call of a change, or its disk is full: the old revision or the new one, never anything else.

A hundred kills each run, at calls by chance (the same each run; TURNOUT_SEED=S for others); a thousand under --long, each call of
each change in turn, in front of it and after half of a write.
"""
import os
import subprocess
import time

import pytest

from faults.crash import KINDS, Crash
from support.small_disk import SmallDisk

# A record of this rule is longer than a page: it never fits into what is left of one.
LARGE = {"name": "large", "match": [{"headers": [{"name": f"X-{i}", "value": "a" * 40}]} for i in range(60)], "weights": {"blue": 1}}
URGENT = ("drain", "cut", "abort")


@pytest.mark.long
def test_killed_at_any_system_call_of_a_change(tmp_path, is_long):
    seed = int(os.environ.get("TURNOUT_SEED", 20))
    crash = Crash(tmp_path / "crash", seed)
    if is_long:
        crash.run(1000, is_sweep=True)
    else:
        crash.run(98, [k for k in KINDS if k != "expire"]).run(2, ["expire"])
    print(f"\nseed {seed}: {crash.summary()}")
    assert sum(crash.names.values()) >= (700 if is_long else 50), crash.summary()
    assert any(outcome == ("old", "none") for outcome in crash.counts) and any(revision == "new" for revision, _ in crash.counts)


class Namespace:
    """A process that does nothing but keep a small disk there while others come and go on it."""

    def __init__(self, disk):
        self.keeper = subprocess.Popen([*disk.prefix, "sleep", "600"])
        self.disk = disk
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.prefix = ["nsenter", f"--target={self.keeper.pid}", *user, "--mount", "--"]
        while b"sleep" not in open(f"/proc/{self.keeper.pid}/cmdline", "rb").read().split(b"\0")[:1]:
            time.sleep(0.01)

    def leave(self, room):
        """So many bytes are left, to the page."""
        self.disk.fill(self.keeper.pid)
        ballast = self.disk.seen_by(self.keeper.pid) / "ballast"
        os.truncate(ballast, max(0, ballast.stat().st_size - room))

    def free(self):
        self.disk.empty(self.keeper.pid)

    def end(self):
        self.keeper.kill()
        self.keeper.wait()


@pytest.fixture
def small(tmp_path):
    space = Namespace(SmallDisk(tmp_path / "disk", "1m"))
    yield space
    space.end()


@pytest.mark.parametrize("room", [0, 4096])
def test_killed_with_a_full_disk(tmp_path, small, room):
    """What is urgent is in force and says so; what is not is refused; the next process has one of the two."""
    crash = Crash(tmp_path / "crash", prefix=small.prefix, store=str(small.disk.folder / "turnout.store"))
    crash.large = [LARGE]
    crash.config["rules"].insert(0, LARGE)
    crash.proxy.write()
    kinds = [k for k in KINDS if k not in ("compact", "start", "expire")]
    told = {"durable": 0, "refused": 0, "not durable": 0}
    crash.start()
    for kind in kinds:
        crash.prepare(kind)
        before = crash.state()
        request = crash.request(kind)
        dry = crash.admin(request[0], request[1], {**request[2], "dry_run": True})[1]
        small.leave(room)
        status, answer = crash.admin(*request)
        now = crash.state()
        if kind in URGENT:
            assert status == 200 and now.revision == before.revision + 1
            assert now.modes["green"] == {"drain": "draining", "cut": "cut", "abort": before.modes["green"]}[kind]
            assert kind != "abort" or now.rules["main"]["weights"] == {"blue": 1}
            assert answer["durable"] or "No space left on device" in answer["not_durable"], answer
        else:
            assert status in (200, 507) and (status == 200) == (now.revision == before.revision + 1)
        told["refused" if status != 200 else "durable" if answer["durable"] else "not durable"] += 1
        crash.end()
        crash.start()  # on a disk that is still full
        expected = before.after(dry) if dry["changed"] else (before.rules, before.modes)
        if status == 200 and not answer["durable"] or kind == "reload":
            answer = None  # it may be gone; and a start takes what a file says that a reload refused
        crash.judge(kind, before, expected, dry["changed"], (status, answer) if answer else None)
        crash.end()
        small.free()
        crash.start()
    crash.end()
    print(told)
    if room == 0:
        assert told["not durable"] >= 2 and told["refused"] >= 5, told
