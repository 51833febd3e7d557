"""Faults by hand:

  tests/torture                              every allocation and every system call of every scenario, in turn
  tests/torture --share 0.1                  about each tenth, chosen by a seed of its own, printed
  tests/torture steady --part tunnel         one part of one scenario
  tests/torture steady --only tunnel:call:17:0   one point: the 17th system call of the tunnel fails in its first way

Scenarios: start, steady, cold, change, probe. The binaries are those of build/dev or of TURNOUT_BUILD=DIR, sanitized or not.
Exit code 0 only when nothing was wrong.
"""
import argparse
import secrets
import sys
import time

from .scenarios import SCENARIOS
from .sweep import Point, Sweep


def main():
    parser = argparse.ArgumentParser(prog="tests/torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*")
    parser.add_argument("--part", action="append")
    parser.add_argument("--kind", choices=["alloc", "call"], action="append")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--seconds", type=float, help="of each scenario; its parts are then taken in any order")
    parser.add_argument("--only", action="append", help="PART:KIND:AT:CHOICE, may be repeated")
    parser.add_argument("--findings", type=int, default=20)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
    print(f"seed {seed}", flush=True)
    failed = 0
    for name in options.scenario or SCENARIOS:
        began = time.monotonic()
        scenario = SCENARIOS[name]()
        if options.part:
            scenario.parts = options.part
        sweep = Sweep(scenario, seed, options.share, options.kind or ("alloc", "call"), options.findings, options.seconds)
        if options.only:
            for text in options.only:
                print(f"{text}: {sweep.point(Point.of(text))}")
            sweep.finish()
        else:
            sweep.run()
        for finding in sweep.findings:
            print(f"FAILED {finding}")
        print(f"{sweep.summary()}; {time.monotonic() - began:.1f} s", flush=True)
        failed += len(sweep.findings)
        if not sweep.findings:
            scenario.folder.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
