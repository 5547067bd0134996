"""Programs whose authors forgot a seed give the same result every time, everywhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from contracts import small_task
from contracts.small_task import numbers, program

from sldagent.candidate import Status
from sldagent.evaluation.evaluator import SandboxEvaluator
from sldagent.sandboxes import open_sandbox

# Expressions for a number in [0, 1) that is another one in every ordinary process: by one of a
# thousand two processes would agree every few hundred runs of these tests.
SOURCES = {
    "numpy's legacy generator": "np.random.rand()",
    "numpy's legacy generator, unseeded again": "(np.random.seed(), np.random.rand())[1]",
    "default_rng": "np.random.default_rng().random()",
    "RandomState": "np.random.RandomState().rand()",
    "SeedSequence": "np.random.SeedSequence().entropy % 10**9 / 10**9",
    "PCG64": "np.random.Generator(np.random.PCG64()).random()",
    "MT19937": "np.random.Generator(np.random.MT19937()).random()",
    "Philox": "np.random.Generator(np.random.Philox()).random()",
    "random.random": "random.random()",
    "random.seed": "(random.seed(), random.random())[1]",
    "random.Random": "random.Random().random()",
    "random.SystemRandom": "random.SystemRandom().random()",
    "secrets": "secrets.randbelow(10**9) / 10**9",
    "secrets.token_bytes": "int.from_bytes(secrets.token_bytes(4), 'big') / 2**32",
    "os.urandom": "int.from_bytes(os.urandom(4), 'big') / 2**32",
    "uuid4": "uuid.uuid4().int % 10**9 / 10**9",
    "shuffle": "random.sample(range(10**9), 1)[0] / 10**9",
    "hash of a text": "hash('text') % 10**9 / 10**9",
    "set order": "int(''.join(list({str(i) for i in range(100, 999)})[:3])) / 10**9",
    "scipy's generator": "scipy.stats.uniform.rvs()",
    "a wish for a new seed": "np.random.default_rng(None).random()",
}
TOP = "import os, random, secrets, uuid\nimport scipy.stats\n"
FIT = """
def fit_scaling_law(x, y):
    chance = [{0}, {0}, {0}]
    return [y.mean(), *chance]
"""
LAW = "\ndef scaling_law_func(x, p):\n    return p[0] + p[1] + p[2] + p[3] + 0 * x[:, 0]\n"
EVOLVED = """
from scipy.optimize import differential_evolution, dual_annealing
def fit_scaling_law(x, y):
    def error(p):
        return np.mean((scaling_law_func(x, p) - y) ** 2)
    box = [(0, 5), (0, 5), (0, 1), (0, 5)]
    first = differential_evolution(error, box, maxiter=5, popsize=4, polish=False).x
    second = dual_annealing(error, box, maxiter=5, no_local_search=True).x
    return first + second
"""
BEHIND = """
def scaling_law_func(x, p):
    return p[0] + p[1] + 0.01 * statistics.NormalDist().samples(1)[0] + 0 * x[:, 0]
"""
PROGRAMS = {name: program(LAW, FIT.format(text), TOP) for name, text in SOURCES.items()} | {
    "scipy's optimisers": program(fit=EVOLVED),
    "statistics, which draws for others": program(BEHIND, FIT.format("0.5"), "import statistics\n"),
}


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxEvaluator]:
    with small_task.judge() as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[dict[str, Any]]:
    """What another sandbox says, asked in another order."""
    with small_task.judge(open_sandbox()) as other:
        names = sorted(PROGRAMS, reverse=True)
        yield {name: numbers(other.evaluate(PROGRAMS[name])) for name in names}


@pytest.mark.parametrize("name", PROGRAMS)
def test_chance_gives_the_same_numbers_every_time(
    name: str, judge: SandboxEvaluator, elsewhere: dict[str, Any]
) -> None:
    first = judge.evaluate(PROGRAMS[name])
    assert first.status is Status.OK, first.reason
    assert numbers(judge.evaluate(PROGRAMS[name])) == numbers(first)
    assert elsewhere[name] == numbers(first)


def test_ordinary_processes_do_differ() -> None:
    script = "import numpy as np\n" + TOP
    script += "".join(f"print({text})\n" for text in SOURCES.values())
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONHASHSEED"}
    command = [sys.executable, "-c", script]
    first, second = (
        subprocess.check_output(command, env=environment, text=True).split() for _ in range(2)
    )
    assert [n for n, a, b in zip(SOURCES, first, second, strict=True) if a == b] == []


def test_chance_is_not_the_same_number_over_and_over(judge: SandboxEvaluator) -> None:
    for name, text in SOURCES.items():
        if "hash" in name or "set" in name or "Sequence" in name:
            continue
        if "seed" in text.replace("seeded", "") or "Random()" in text or "()." in text:
            continue  # a new generator starts anew
        evaluation = judge.evaluate(PROGRAMS[name])
        params = evaluation.cuts[0].params
        assert params is not None
        assert len(set(params["web"][1:])) == 3, name


def test_every_group_and_every_cut_starts_from_the_same_chance(judge: SandboxEvaluator) -> None:
    evaluation = judge.evaluate(PROGRAMS["random.random"])
    drawn = {
        tuple(values[1:]) for cut in evaluation.cuts if cut.params for values in cut.params.values()
    }
    assert len(drawn) == 1
