"""Every call of a scenario fails in turn, one at a time, in each way that fits it.

A point is (part, kind, at, choice): the at-th allocation or system call of a part of a scenario fails in the choice-th
way. A scenario says its parts and plays one point of one part; a sweep goes over all, or over each k-th.
"""
import collections
import os
import random
import re
import shutil
import tempfile
import time
from pathlib import Path

from support.process import SANITIZER

from .control import KINDS
from .peer import Wrong


class Point:
    def __init__(self, part, kind, at, choice):
        self.part, self.kind, self.at, self.choice = part, kind, at, choice

    def __str__(self):
        return f"{self.part}:{self.kind}:{self.at}:{self.choice}"

    @classmethod
    def of(cls, text):
        part, kind, at, choice = text.split(":")
        return cls(part, kind, int(at), int(choice))


class Finding:
    def __init__(self, scenario, point, fired, text):
        self.scenario, self.point, self.fired, self.text = scenario, point, fired, text

    def __str__(self):
        story = self.fired.story() if self.fired else "nothing failed"
        return f"{self.scenario} {self.point}: {self.fired}: {self.text}\n    {story}"


def ended_well(process):
    """Wrong when a process was ended by a signal, an assertion or a sanitizer."""
    code = process.child.poll()
    output = "\n".join(line for line in process.output().splitlines() if not line.startswith("{"))
    report = SANITIZER.search(output)
    if report:
        raise Wrong(f"{report.group()}\n{output[report.start():][:6000]}")
    if code is not None and code < 0:
        raise Wrong(f"ended by signal {-code}\n{output[-600:]}")
    if re.search(r"Assertion .* failed", output):
        raise Wrong(output[-2000:])


class Sweep:
    """scenario: an object with name, parts (list of names), play(part, kind, at, choice) -> (Fired or None, count);
    restart() after something went wrong, and finish(). play raises Wrong."""

    def __init__(self, scenario, seed=0, share=1.0, kinds=tuple(KINDS), findings_max=20, seconds=None):
        self.scenario, self.share, self.kinds, self.findings_max = scenario, share, kinds, findings_max
        self.random = random.Random(seed)
        self.until = time.monotonic() + seconds if seconds else None
        self.findings, self.names, self.sites = [], collections.Counter(), set()
        self.points = self.counted = 0

    def is_over(self):
        return len(self.findings) >= self.findings_max or self.until is not None and time.monotonic() > self.until

    def point(self, point):
        """Plays one; what failed, or None when there were fewer calls."""
        try:
            fired = self.scenario.play(point)
            if fired:
                self.points += 1
                self.names[str(fired)] += 1
                self.sites.add((fired.site, fired.error))
            return fired
        except Wrong as wrong:
            fired = self.scenario.control.fired() if self.scenario.traffic else None  # it was stopped: the point says it all
            self.points += 1
            self.findings.append(Finding(self.scenario.name, point, fired, str(wrong)))
            self.scenario.restart()
            return fired

    def part(self, part, kind):
        """All calls of one part; each in every way that fits, or a sample."""
        at, missed = 0, 0
        patience = 2 if self.share >= 1 else 1  # the number of calls is not quite the same each time
        while not self.is_over() and missed < patience:
            at += 1 if self.share >= 1 else 1 + int(self.random.expovariate(self.share))
            first = 0 if self.share >= 1 else self.random.randrange(8)
            fired = self.point(Point(part, kind, at, first))
            missed = 0 if fired else missed + 1
            if fired and self.share >= 1:
                for choice in range(1, fired.choices):
                    self.point(Point(part, kind, at, choice))
        return at

    def run(self):
        parts = list(self.scenario.parts)
        if self.until:  # time may be over before the last
            self.random.shuffle(parts)
        for part in parts:
            for kind in self.kinds:
                self.counted += self.part(part, kind)
        self.finish()
        return self

    def finish(self):
        try:
            self.scenario.finish()
        except Wrong as wrong:
            self.findings.append(Finding(self.scenario.name, Point("end", "", 0, 0), None, str(wrong)))

    def summary(self):
        return (f"{self.scenario.name}: {self.points} faults at {len(self.sites)} places and ways, {len(self.names)} kinds of fault, "
                f"{len(self.findings)} findings")


class Folder:
    """A folder of its own, made when it is needed, which goes when nothing was wrong."""

    def __init__(self, base=None):
        self.is_own = base is None
        self.path = Path(base) if base else None
        self.serial = 0

    def new(self):
        if self.path is None:
            self.path = Path(tempfile.mkdtemp(prefix="turnout-faults-"))
        self.serial += 1
        return self.path / str(self.serial)

    def remove(self):
        if self.is_own and self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
