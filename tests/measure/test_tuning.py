"""Learning rates by size and tokens."""

import math
from itertools import product

import pytest
from measure.made_rows import made

from sldagent.errors import DataError
from sldagent.measure.spec import RunSpec, count_params
from sldagent.measure.tuning import tune

SWEEP = [
    RunSpec("tuning", width, tokens, tokens, 8, 2.0**-power)
    for width, tokens, power in product((8, 24, 64), (2**15, 2**18), range(1, 14))
]


def best(spec: RunSpec) -> float:
    return float(3 * count_params(spec.width) ** -0.4 * spec.tokens**-0.1)


def test_a_made_up_optimum_is_found_again() -> None:
    rows = []
    for spec in SWEEP:
        assert spec.rate is not None
        away = math.log(spec.rate / best(spec))
        rows.append(made(spec, 2 + 0.1 * away**2))
    tuned = tune(rows)
    assert tuned.size == pytest.approx(-0.4)
    assert tuned.data == pytest.approx(-0.1)
    other = RunSpec("train", 96, 2**17, 2**21, 8)
    assert tuned(other) == pytest.approx(best(other), rel=5e-3)
    assert str(tuned) == "3 * params^-0.400 * tokens^-0.100"


def test_diverged_runs_count_for_nothing_and_the_edge_for_itself() -> None:
    rows = [made(s, None if s.rate and s.rate > 0.1 else 2 - (s.rate or 0)) for s in SWEEP]
    tuned = tune(rows)
    assert tuned(SWEEP[0]) == pytest.approx(2**-4)
    with pytest.raises(DataError, match="every learning rate diverged"):
        tune([made(spec, None) for spec in SWEEP])
