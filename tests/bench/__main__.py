"""scripts/bench: Turnout beside nginx, HAProxy, Envoy, Traefik and Caddy, in one run.

  scripts/bench              all of it: about 15 minutes on two processors. Writes tests/bench/results/
  scripts/bench --quick      the comparison in less than 3 minutes, with wider ranges; writes build/bench/
  scripts/bench --smoke      Turnout and the floor only, seconds: does the bench itself work?

Parts, one by one:

  scripts/bench compare      Turnout beside its peers: results.md, results.json, charts
  scripts/bench scale        cost per request by endpoints, rules, connections and sizes: scale.md, scale.json, charts
  scripts/bench clients      our client beside wrk and h2load on the same server: clients.md, clients.json
  scripts/bench report       the tables and charts again from the JSON files

Exit code 1 if a row that must be reached is not and --strict is given, 2 if a measurement could not be made.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import clients, report, scale
from bench.compare import Plan, compare, say
from bench.peers import PEERS
from support.places import ROOT

RESULTS = ROOT / "tests" / "bench" / "results"


def gates():
    """What gates.py finds; it says so itself on standard error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gates.json"
        subprocess.run([sys.executable, str(ROOT / "tests/bench/gates.py"), "--json", str(path)], stdout=sys.stderr, check=False)
        return json.loads(path.read_text()) if path.is_file() else {}


def plan_of(options):
    if options.smoke:
        return Plan(passes=2, share=0.02, open_seconds=0.2, posts=10, idle=20, names=("floor", "turnout"), is_counting=False)
    if options.quick:
        return Plan(passes=4, share=0.3, open_seconds=1.0, posts=40, idle=400)
    return Plan(passes=2 * options.rounds)


def measure(options):
    if len(os.sched_getaffinity(0)) < 2:
        say("bench: one processor only: the client and the proxy share it, so rates and latencies mean little")
    plan = plan_of(options)
    if len(os.sched_getaffinity(0)) < 2:
        plan.processors = (None, None)
    counted = {} if options.smoke else gates()
    results = compare(plan)
    results["gates"], results["machine"] = counted, report.machine()
    results["command"] = "scripts/bench" + (" --quick" if options.quick else " --smoke" if options.smoke else "")
    folder = options.out or (ROOT / "build" / "bench" if options.quick or options.smoke else RESULTS)
    report.write(folder, results)
    print("\n".join(report.must_table(report.must_rows(results))))
    say(f"bench: {results['seconds']} s; {folder}/results.md, results.json and charts are written")
    broken = [n for n in results["missing"] if n not in PEERS or n in ("turnout", "floor")]
    if broken:
        return 2
    return int(options.strict and any(row.is_reached is False for row in report.must_rows(results)))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("all", "compare", "scale", "clients", "report"), default="all", metavar="compare|scale|clients|report")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rounds", type=int, default=5, help="A B B A is one (5)")
    parser.add_argument("--out", type=Path, help="where the results are written")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a row that must be reached is not")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, and nothing is left behind
    folder = options.out or RESULTS
    if options.what == "report":
        report.write(folder, json.loads((folder / "results.json").read_text()))
        scale.write(folder, json.loads((folder / "scale.json").read_text()))
        return 0
    is_short = options.quick or options.smoke
    code = measure(options) if options.what in ("all", "compare") else 0
    if options.what == "scale" or (options.what == "all" and not is_short):
        code = scale.main(folder, options.quick) or code
    if options.what == "clients" or (options.what == "all" and not is_short):
        code = clients.main(folder) or code
    return code


if __name__ == "__main__":
    sys.exit(main())
