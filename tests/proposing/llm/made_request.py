"""A request with candidates of a made-up task, for prompts and proposers."""

from dataclasses import replace

import numpy as np

from sldagent.candidate import Candidate, CutResult, Evaluation, Metrics, Status
from sldagent.llmrun import load_templates
from sldagent.program import Program
from sldagent.proposing.base import Arm, Member, Request
from sldagent.proposing.llm.facts import Insight
from sldagent.proposing.llm.prompts import Prompts, Template

SOURCE = """\
# EVOLVE-BLOCK-START
import numpy as np


def scaling_law_func(data_points, params):
    return params[0] + 0 * np.atleast_2d(data_points)[:, 0]


def fit_scaling_law(data_points, loss_values):
    return np.array([{value}])
# EVOLVE-BLOCK-END
"""
NAMES = ("tokens>1e9", "params>1e8")


def evaluation(score: float) -> Evaluation:
    metrics = Metrics(score, 1 - score, 1 - score)
    cuts = tuple(
        CutResult(name, 20, 5, metrics, {"a": metrics}, 0.01, -0.002, {"a": [1.0, 2.0]})
        for name in NAMES
    )
    return Evaluation(Status.OK, metrics=metrics, score=score, cuts=cuts, params=2, literals=1)


def member(number: int, score: float = 0.9, source: str = "") -> Member:
    program = Program(source or SOURCE.format(value=number))
    candidate = Candidate(
        number, 0, 0, number, program.hash, (), (), "start", f"change {number}", evaluation(score)
    )
    return candidate, program


def sibling(number: int, status: Status = Status.ERROR, reason: str = "it broke") -> Candidate:
    failed = Evaluation(status, reason) if status is not Status.OK else evaluation(0.5)
    return replace(member(number)[0], evaluation=failed, parents=(1,))


def request(
    siblings: int = 2, exemplars: int = 2, seed: int = 0, arms: dict[str, Arm] | None = None
) -> Request:
    return Request(
        island=0,
        generation=3,
        parents=(member(1), member(2)),
        exemplars=tuple(member(10 + i) for i in range(exemplars)),
        siblings=tuple(sibling(20 + i) for i in range(siblings)),
        arms=arms or {},
        rng=np.random.default_rng(seed),
        slot=1,
    )


class Reader:
    """Knows a formula for every program."""

    def insight(self, candidate: Candidate, program: Program) -> Insight:
        return Insight(f"y = p{candidate.number}", ("root mean square 0.1",))


SYSTEM = {"task": "A TASK", "cuts": [{"name": NAMES[0], "fit_rows": 20, "held_out_rows": 5}]}


def prompts(most: int = 30_000, **changed: str) -> Prompts:
    templates = dict(load_templates(None))
    for name, text in changed.items():
        templates[f"{name}.md"] = Template(text, f"mine/{name}.md")
    return Prompts(templates, SYSTEM, "4 parameters", most)
