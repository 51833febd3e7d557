"""A real Kubernetes on this machine for one test module: tests/e2e/cluster does the work (see its README)."""
import json
import os
import subprocess
import time
from pathlib import Path

from support.places import ROOT

TOOL = ROOT / "tests/e2e/cluster/cluster"
NODE = "10.200.0.2"
RUN = Path(os.environ.get("TURNOUT_CLUSTER") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnout/cluster")

VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {{name: disk-{number}}}
spec:
  capacity: {{storage: 1Mi}}
  accessModes: [ReadWriteOncePod]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: disks
  local: {{path: "{path}"}}
  nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [node1]}}]}}]}}}}
---
"""
STORAGE = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: disks, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
"""


def why_not():
    """Why this machine cannot have one; None if it can."""
    done = subprocess.run([TOOL, "why-not"], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout.strip() or done.stderr.strip()


class Cluster:
    """up() in the constructor, down() at the end; everything in between by kubectl."""

    def __init__(self, images):
        subprocess.run([TOOL, "up", *images], check=True, timeout=240)

    def down(self):
        subprocess.run([TOOL, "down"], check=True, timeout=60)

    def run(self, *command, stdin=None, timeout=60):
        """A command in the cluster's network; what it printed."""
        done = subprocess.run([TOOL, "in", *command], input=stdin, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def kubectl(self, *arguments, stdin=None, timeout=120, namespace="turnout"):
        done = subprocess.run([TOOL, "kubectl", "-n", namespace, *arguments], input=stdin, capture_output=True, timeout=timeout,
                              text=not isinstance(stdin, bytes))
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, text):
        return self.kubectl("apply", "-f", "-", stdin=text)

    def add_disks(self, count):
        """Empty disks of 1 Mi that one pod at a time may use, bound by whoever claims first."""
        volumes = []
        for number in range(count):
            path = RUN / "local" / f"disk-{number}"
            path.mkdir(parents=True)
            volumes.append(VOLUME.format(number=number, path=path))
        self.apply(STORAGE + "".join(volumes))

    def wait_until(self, what, is_so, timeout=60):
        """Polls until is_so() is true; what it says last is in the error."""
        end = time.monotonic() + timeout
        while True:
            seen = is_so()
            if seen:
                return seen
            if time.monotonic() > end:
                events = self.kubectl("get", "events", "--sort-by=.lastTimestamp")
                raise AssertionError(f"no {what} within {timeout} s\n{self.kubectl('get', 'pods', '-o', 'wide')}{events[-3000:]}")
            time.sleep(0.2)
