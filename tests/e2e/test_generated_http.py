"""Generated requests in every broken shape: normal form upstream, every request answered once, nothing left over.

A fresh seed each run, printed; `tests/generate --seed S --cases N` plays the same cases again (TURNOUT_SEED=S here).
"""
import os
import secrets

import pytest
from generator.answers import Answers, Hostile
from generator.cases import Generator
from generator.run import Run

CASES, CASES_LONG = 20000, 200000
ANSWERS, ANSWERS_LONG = 6000, 60000


@pytest.mark.long
def test_generated_cases_reach_the_upstream_clean_and_once(tmp_path, is_long):
    seed = int(os.environ.get("TURNOUT_SEED", secrets.randbelow(1 << 32)))
    cases = CASES_LONG if is_long else CASES
    run = Run(Generator(seed), tmp_path, patience_s=20).start()
    run.play(range(cases))
    failures = run.finish()
    print(f"seed {seed}: {run.summary()}")
    assert not failures, f"tests/generate --seed {seed} --cases {cases}\n" + "\n".join(failures[:10])
    assert sum(run.kinds.values()) == cases


def test_every_valid_request_is_cut_at_every_byte():
    generator = Generator(0)
    assert len(generator.cuts) < CASES, "every run has to have all cuts"
    for number in range(len(generator.cuts)):
        case = generator.case(number)
        assert case.is_valid and len(case.expected) == 1 and case.verdict in ("open", "closed"), case


def test_cases_of_a_seed_are_always_the_same():
    one, other = Generator(7), Generator(7)
    for number in range(4000, 5000):
        assert one.case(number).pieces == other.case(number).pieces
    assert any(Generator(8).case(n).pieces != one.case(n).pieces for n in range(4000, 4010))


@pytest.mark.long
def test_generated_answers_are_passed_on_as_read_or_not_at_all(tmp_path, is_long):
    """The other side: services whose answers are mutated; nobody gets the rest of another's."""
    seed = int(os.environ.get("TURNOUT_SEED", secrets.randbelow(1 << 32)))
    cases = ANSWERS_LONG if is_long else ANSWERS
    run = Run(Answers(seed), tmp_path, patience_s=20, mirror=False, client=Hostile).start()
    run.play(range(cases))
    failures = run.finish()
    print(f"seed {seed}: {run.summary()}")
    assert not failures, f"tests/generate --answers --seed {seed} --cases {cases}\n" + "\n".join(failures[:10])
    assert sum(run.kinds.values()) == cases
