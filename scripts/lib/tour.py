"""scripts/demo --tour: every traffic strategy once, with real requests, and every figure checked.

At each stop: one `turnout route` command, then requests over keep-alive connections, then a table of
what was asked for and what came. A figure that is not what the strategy promises is a fault; all
stops are made nevertheless. At the end the proxy and the counters are stopped, every visits.bin is
read with the command line of the service's own documentation, and the sum must be what was sent.
"""
import os
import signal
import subprocess
import sys
import time

from support import load
from support.process import Failed

VERSIONS = ("blue", "green")
READER = ("cat {} | python3 -c 'from sys import stdin; "
          "print(int.from_bytes(stdin.buffer.read(), \"little\"))'")
STOPS = 6


class Interrupted(Exception):
    pass


class Tour:
    def __init__(self, demo):
        self.demo = demo
        self.faults = []
        self.stop_number = 0
        self.counted = {version: 0 for version in VERSIONS}  # visits that must be on disk

    # --- what is done -------------------------------------------------------------------------

    def route(self, title, *arguments):
        self.stop_number += 1
        print(f"\n--- {self.stop_number} of {STOPS}: {title} ".ljust(92, "-"))
        print(f"$ turnout route {' '.join(arguments)}", flush=True)
        self.demo.proxy.verb("route", *arguments, "--reason", f"tour: {title}")

    def send(self, requests, rate=None):
        """The outcomes, and what the mirrors did meanwhile."""
        before = self.demo.proxy.metrics()
        outcomes = load.run(self.demo.proxy.address, requests, connections=8, rate=rate)
        mirrored = self.settled_mirrors(before)
        for version in VERSIONS:
            self.counted[version] += load.versions(outcomes)[version] + mirrored[version]["answered"]
        return outcomes, mirrored

    def settled_mirrors(self, before):
        """By version: selected, sent, answered, dropped, failed since `before`, once none is under
        way any more."""
        deadline = time.monotonic() + 15
        while True:
            now = self.demo.proxy.metrics()
            busy = now.sum("turnout_mirror_queued") + now.sum("turnout_mirror_in_flight")
            if busy == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        words = ("selected", "sent", "answered", "dropped", "failed")
        return {version: {word: int(now.sum(f"turnout_mirror_{word}_total", to=version)
                                    - before.sum(f"turnout_mirror_{word}_total", to=version))
                          for word in words}
                for version in VERSIONS}

    # --- what is said and checked -------------------------------------------------------------

    def report(self, what, outcomes, mirrored, asked, within=0, asked_mirrored=None):
        """asked: requests by version. within: how many requests a figure may be off."""
        asked_mirrored = asked_mirrored or {}
        got, pods = load.versions(outcomes), load.pods(outcomes)
        failed = load.losses(outcomes) + [o for o in outcomes if o.failure == "refused"]
        print(f"  {what}")
        print("  version  asked for      got  by pod 0, 1, 2, 3             mirrored asked, got  failed")
        problems = []
        for version in VERSIONS:
            counters = self.demo.fleet[version]
            by_pod = [pods[c.name] for c in counters]
            mirror, wanted_mirror = mirrored[version], asked_mirrored.get(version, 0)
            lost = mirror["dropped"] + mirror["failed"]
            print(f"  {version:7} {asked[version]:10} {got[version]:8}  "
                  f"{' '.join(f'{n:5}' for n in by_pod):29} {wanted_mirror:9} {mirror['answered']:7}"
                  f" {lost:8}")
            if abs(got[version] - asked[version]) > within:
                problems.append(f"{version} got {got[version]}, asked for {asked[version]} ± {within}")
            if asked[version] >= 100 and min(by_pod) == 0:
                problems.append(f"a {version} pod got nothing: {by_pod}")
            if mirror["answered"] != wanted_mirror or mirror["selected"] != wanted_mirror or lost:
                problems.append(f"mirrored to {version}: {mirror}, asked for {wanted_mirror}")
        if failed:
            problems.append(f"{len(failed)} requests failed: {failed[:3]}")
        self.judge(problems, f"{len(outcomes)} sent, {len(failed)} failed")

    def judge(self, problems, good):
        self.faults += problems
        print("\n".join(f"  WRONG: {p}" for p in problems) if problems else f"  ok: {good}", flush=True)

    # --- the stops ----------------------------------------------------------------------------

    def all_to(self, version, title, count=1000):
        self.route(title, "all", version)
        outcomes, mirrored = self.send([load.get_request()] * count)
        self.report(f"{count} requests over 8 connections", outcomes, mirrored,
                    {v: count if v == version else 0 for v in VERSIONS})

    def canary(self, count=1000):
        self.route("canary, 10 %", "canary", "--stable", "blue", "--canary", "green", "--share", "10%")
        outcomes, mirrored = self.send([load.get_request()] * count)
        self.report(f"{count} newcomers, each with an empty cookie jar", outcomes, mirrored,
                    {"blue": count * 9 // 10, "green": count // 10}, within=1)
        first = {o.index: o for o in outcomes}
        jars = [(first[i].cookie or "").split(";")[0] for i in sorted(first)]
        bare = sum(1 for jar in jars if not jar)
        outcomes, mirrored = self.send([load.get_request(cookie=jar) for jar in jars])
        moved = sum(1 for o in outcomes if o.version != first[o.index].version)
        stayed = load.versions(first.values())
        self.report("the same visitors with their cookies", outcomes, mirrored,
                    {v: stayed[v] for v in VERSIONS})
        problems = [f"{moved} visitors were moved"] if moved else []
        problems += [f"{bare} newcomers got no cookie"] if bare else []
        self.judge(problems, "every visitor stayed on the version of the first visit")

    def ab(self, count=500):
        self.route("A/B by header", "ab", "--stable", "blue", "--canary", "green", "--header",
                   "X-Version=green")
        requests = [load.get_request(x_version="green"), load.get_request()] * count
        outcomes, mirrored = self.send(requests)
        self.report(f"{count} requests with X-Version: green, {count} without, mixed", outcomes, mirrored,
                    {"blue": count, "green": count})
        wrong = [o for o in outcomes if o.version != ("blue" if o.index % 2 else "green")]
        self.judge([f"{len(wrong)} went to the other version"] if wrong else [],
                   "everybody with the header met green, nobody else did")

    def shadow(self, count=1000):
        self.route("shadow, 100 %", "shadow", "--stable", "blue", "--canary", "green", "--percent", "100")
        outcomes, mirrored = self.send([load.get_request()] * count, rate=2000)
        self.report(f"{count} requests, each mirrored to green", outcomes, mirrored,
                    {"blue": count, "green": 0}, asked_mirrored={"green": count})

    def visits_on_disk(self):
        """By version and pod, read as the service's documentation reads them."""
        found = {}
        for counter in self.demo.fleet:
            visits = 0
            if counter.visits_file.exists():
                command = READER.format("visits.bin")
                visits = int(subprocess.run(["bash", "-c", command], cwd=counter.data, check=True,
                                            capture_output=True, text=True).stdout)
            found.setdefault(counter.version, []).append(visits)
        return found

    def check_visits(self, before):
        print("\n--- visits on disk ".ljust(93, "-"))
        print(f"$ {READER.format('visits.bin')}      # in each pod's data folder")
        after = self.visits_on_disk()
        print("  version   before   answered and mirrored    after  by pod 0, 1, 2, 3")
        problems = []
        for version in VERSIONS:
            was, now = sum(before[version]), sum(after[version])
            print(f"  {version:7} {was:8} {self.counted[version]:23} {now:8}  "
                  f"{' '.join(f'{n:5}' for n in after[version])}")
            if now - was != self.counted[version]:
                problems.append(f"{version} has {now - was} new visits on disk, sent were "
                                f"{self.counted[version]}")
        self.judge(problems, "every visit that was answered or mirrored is on disk, once; probes never count")

    def walk(self):
        self.all_to("blue", "all traffic to blue")
        self.canary()
        self.ab()
        self.shadow()
        self.all_to("green", "all traffic to green")
        self.all_to("blue", "and back")


def interrupt(*_):
    raise Interrupted


def run(demo):
    began = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        demo.start()
        tour = Tour(demo)
        before = tour.visits_on_disk()
        host, port = demo.proxy.address
        print(f"four blue and four green counters behind http://{host}:{port}/ "
              f"after {time.monotonic() - began:.1f} s", flush=True)
        tour.walk()
        demo.stop()
        tour.check_visits(before)
    except Interrupted:
        print("\ntour: stopped before its end", file=sys.stderr)
        demo.stop()
        return 130
    except (AssertionError, subprocess.SubprocessError) as problem:
        raise Failed(str(problem)) from problem
    seconds = time.monotonic() - began
    if tour.faults:
        print(f"\ntour: {len(tour.faults)} figures are not what was promised ({seconds:.1f} s):")
        print("\n".join(f"  {fault}" for fault in tour.faults))
        return 1
    print(f"\ntour: every figure is what was promised ({seconds:.1f} s)")
    return 0
