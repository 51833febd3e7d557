"""One allocation or one system call fails: the proxy serves on, refuses whole, or ends with a message (tests/faults).

The same sample each run, so that nobody's change is judged by chance; the whole sweep under --long, other samples
by hand (TURNOUT_SEED=S). `tests/torture NAME --only PART:KIND:AT:CHOICE` plays one point again.
"""
import os

import pytest

from faults.scenarios import SCENARIOS
from faults.sweep import Sweep

# name: share of all faults, seconds it may take, faults that have to be played at least
SAMPLES = {"start": (0.015, 12, 15), "steady": (0.015, 12, 5), "cold": (0.02, 12, 3), "change": (0.004, 10, 3), "probe": (0.25, 8, 3)}


def sweep(name, **options):
    seed = int(os.environ.get("TURNOUT_SEED", 20))
    scenario = SCENARIOS[name]()
    done = Sweep(scenario, seed, **options).run()
    print(f"\nseed {seed}: {done.summary()}")
    assert not done.findings, f"seed {seed}\n" + "\n".join(map(str, done.findings))
    scenario.folder.remove()
    return done


@pytest.mark.parametrize("name", SAMPLES)
def test_a_fault_costs_one_request_at_most(name):
    share, seconds, least = SAMPLES[name]
    assert sweep(name, share=share, seconds=seconds).points >= least


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_fault_of_any_call_does_more(name, is_long):
    if not is_long:
        pytest.skip("the sample is above")
    done = sweep(name)
    assert done.points >= 100 and len(done.names) >= 10, done.summary()
