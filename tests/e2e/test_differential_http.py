"""The same inputs to Turnout and to Debian's nginx, HAProxy and Apache: what they all refuse is not forwarded here.

The table of all differences is printed under --long, and by `tests/generate --differential --cases N --seed S`.
"""
import os
import secrets

import pytest
from generator import others
from generator.differential import Differential, inputs

INPUTS, INPUTS_LONG = 2500, 30000


@pytest.mark.long
def test_what_all_others_refuse_is_refused(tmp_path, is_long, capsys):
    missing = others.missing()
    if missing:
        pytest.skip(f"not installed (scripts/setup --tests): {', '.join(missing)}")
    # The others' opinions are no specification: what a new seed finds is for a person to look at (--long), not for a gate.
    seed = int(os.environ.get("TURNOUT_SEED", secrets.randbelow(1 << 32) if is_long else 4241476956))
    run = Differential(tmp_path).start()
    run.play(inputs(seed, INPUTS_LONG if is_long else INPUTS))
    assert run.stop() == 0
    with capsys.disabled():
        if is_long:
            print(f"\nseed {seed}: {run.table()}")
    assert not run.failures(), f"tests/generate --differential --seed {seed}\n" + "\n".join(run.failures()[:20]) + "\n" + run.table()
    words = {name: {verdicts[name][0] for _, verdicts in run.results} for name in run.names}
    assert all(seen >= {"forwarded", "refused"} for seen in words.values()), f"one of them does not work: {words}"
