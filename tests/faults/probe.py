"""Faults while health is probed: at most probes are lost, every endpoint is up again soon, and requests are answered.

As in steady, one proxy takes many faults; nothing but its probes runs while one is armed.
"""
import time

from .peer import Wrong
from .steady import AFTER, Steady
from .sweep import descriptors

PATIENCE_S = 8.0


class Probe(Steady):
    name = "probe"
    interval = "100ms"

    def __init__(self, folder=None):
        super().__init__(folder, steps=("probe",))

    def whole(self):
        self.settle()
        self.traffic.run(AFTER)
        self.traffic.check(is_faulty=False)

    def settle(self):
        """Everybody is up."""
        deadline = time.monotonic() + PATIENCE_S
        while self.traffic.metrics().sum("turnout_endpoint_up") < len(self.traffic.upstreams):
            if time.monotonic() > deadline:
                raise Wrong("an endpoint stays down")
            time.sleep(0.02)

    def judge(self, fired):
        self.settle()
        super().judge(fired)

    def compare(self, traffic):
        """A probe may be under way, with its connection: what is kept is there each time."""
        least = [descriptors(traffic.proxy.pid), traffic.control.live]
        for _ in range(20):
            time.sleep(0.03)
            least = [min(least[0], descriptors(traffic.proxy.pid)), min(least[1], traffic.control.live)]
        self.held(least)
