"""Generated cases by hand:

  tests/generate --cases 200000             a seed of its own, printed
  tests/generate --seed 7 --cases 1000      the same cases again
  tests/generate --seed 7 --only 4711       one case, with what it sends
  tests/generate --answers --cases 50000    services whose answers are broken, instead of requests
  tests/generate --differential --cases 5000     the same inputs to nginx, HAProxy and Apache: the table of differences

The binaries are those of build/dev or of TURNOUT_BUILD=DIR. Exit code 0 only when nothing was wrong.
"""
import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from .answers import Answers, Hostile
from .cases import Generator
from .client import Client
from .differential import Differential, inputs
from .run import Run


def compare(seed, count):
    with tempfile.TemporaryDirectory(prefix="turnout-differential-") as folder:
        run = Differential(Path(folder)).start()
        run.play(inputs(seed, count))
        code = run.stop()
    print(run.table())
    failures = run.failures() + ([f"the proxy ended with {code}"] if code else [])
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"seed {seed}: {'FAILED: ' + str(len(failures)) if failures else 'passed'}")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(prog="tests/generate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", type=int, action="append", help="the number of a case; may be repeated")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--patience", type=float, default=6.0, help="seconds that a case may take")
    parser.add_argument("--no-mirror", action="store_true")
    parser.add_argument("--differential", action="store_true")
    parser.add_argument("--answers", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
    if options.differential:
        return compare(seed, options.cases)
    generator = Answers(seed) if options.answers else Generator(seed)
    if options.only:
        for number in options.only:
            case = generator.case(number)
            print(f"{case!r}\n  pieces: {case.pieces}\n  model: {case.expected}")
        if options.answers:
            for place, method in enumerate(generator.methods(number)):
                print(f"  {method} is answered {vars(generator.said(number, place))}")
    print(f"seed {seed}, {options.cases} cases", flush=True)
    began = time.monotonic()
    said_at = [began]

    def progress(run):
        if time.monotonic() - said_at[0] > 10:
            said_at[0] = time.monotonic()
            print(f"  {sum(run.kinds.values())} cases, {len(run.failures)} failures, {run.rss()} KiB, {run.descriptors()} descriptors", flush=True)

    run = Run(generator, connections=options.connections, patience_s=options.patience, mirror=not (options.no_mirror or options.answers),
              client=Hostile if options.answers else Client).start()
    run.play(options.only or range(options.cases), progress)
    failures = run.finish()
    for failure in failures[:30]:
        print(f"FAILED {failure}")
    took = time.monotonic() - began
    print(f"{run.summary()}; {took:.1f} s ({sum(run.kinds.values()) / took:.0f} a second)")
    print(f"seed {seed}: {'FAILED: ' + str(len(failures)) if failures else 'passed'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
