"""Faults in a proxy that serves: each step of the traffic is a part.

One proxy takes many faults, one after the other; after each, the next requests have to be answered right. Now and then it
is stopped: no descriptor and no block of memory more than before the first fault, exit code 0.
"""
import json
import time

from support.process import Failed

from .control import KINDS
from .peer import Wrong
from .sweep import Folder, descriptors, ended_well
from .traffic import IDLE_S, Traffic

AFTER = ("after", "trust")  # what has to be right after a fault
BATCH = 60
SLACK = 12  # blocks: idle connections that are there or not, tables that grew


class Steady:
    name = "steady"
    interval = "1h"  # of the probes

    def __init__(self, folder=None, batch=BATCH, steps=Traffic.STEPS):
        self.folder, self.batch, self.parts = Folder(folder), batch, list(steps)
        self.traffic, self.played = None, 0
        self.batched = []

    @property
    def control(self):
        return self.traffic.control

    def start(self):
        self.traffic = Traffic(self.folder.new(), self.interval).start()
        self.played, self.batched = 0, []
        if self.batch > 1:
            self.whole()
            self.rest()
            self.base = descriptors(self.traffic.proxy.pid), self.control.live

    def whole(self):
        """Everything once without a fault."""
        self.traffic.run([*Traffic.STEPS, *AFTER])
        self.traffic.check(is_faulty=False)

    def rest(self):
        """Until idle connections are gone."""
        deadline = time.monotonic() + 10
        while self.traffic.proxy.metrics().sum("turnout_upstream_connections") > 0:
            if time.monotonic() > deadline:
                raise Wrong("idle connections stay open")
            time.sleep(IDLE_S / 10)
        time.sleep(0.02)

    def play(self, point):
        if self.traffic is None:
            self.start()
        self.control.arm(KINDS[point.kind], point.at, point.choice)
        try:
            self.traffic.run([point.part])
            fired = self.control.disarm()
            self.judge(fired)
        except (Wrong, OSError, Failed) as wrong:
            self.control.disarm()
            time.sleep(0.05)  # a process that is ending
            ended_well(self.traffic.proxy)
            raise Wrong(str(wrong)) from None
        ended_well(self.traffic.proxy)
        self.played += 1
        self.batched.append(str(point))
        if self.played >= self.batch:
            self.finish()
        return fired

    def judge(self, fired):
        """What has to be right after a fault."""
        self.traffic.check(is_faulty=fired is not None)
        self.traffic.run(AFTER)
        self.traffic.check(is_faulty=False)

    def finish(self):
        """Stops the proxy; Wrong when it kept something."""
        if self.traffic is None:
            return
        traffic, self.traffic = self.traffic, None
        try:
            if self.batch > 1:
                self.traffic = traffic
                self.whole()
                self.rest()
                self.compare(traffic)
            self.end(traffic)
        except (Failed, OSError) as failed:
            ended_well(traffic.proxy)
            raise Wrong(str(failed)) from None
        finally:
            self.traffic = None
            traffic.proxy.kill()
            traffic.close()

    def compare(self, traffic):
        self.held((descriptors(traffic.proxy.pid), traffic.control.live))

    def held(self, now):
        if now[0] > self.base[0] or now[1] > self.base[1] + SLACK:
            raise Wrong(f"descriptors {self.base[0]} -> {now[0]}, blocks {self.base[1]} -> {now[1]} after {' '.join(self.batched)}")

    @staticmethod
    def end(traffic):
        code = traffic.proxy.stop(15)
        ended_well(traffic.proxy)
        if code != 0:
            raise Wrong(f"exit {code}\n{traffic.proxy.output()[-2000:]}")
        for line in traffic.proxy.out_path.read_text().splitlines():
            try:
                json.loads(line)
            except ValueError:
                pass  # a write of the log was cut short

    def restart(self):
        """Another proxy for the next point."""
        if self.traffic:
            self.traffic.proxy.kill()
            self.traffic.close()
        self.traffic = None


class Cold(Steady):
    """The same with a fresh proxy for each fault: what is made once is made under it."""

    name = "cold"

    def __init__(self, folder=None, steps=Traffic.STEPS):
        super().__init__(folder, 1, steps)
