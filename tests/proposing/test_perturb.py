"""The start program and the built-in proposer, on made-up tasks of every kind of feature."""

import ast

import numpy as np
import pytest

from sldagent.candidate import Candidate, Evaluation, Status
from sldagent.evaluation.literals import count_literals
from sldagent.program import Program, ProgramKind
from sldagent.proposing.base import Request
from sldagent.proposing.perturb import PerturbProposer
from sldagent.proposing.start import cost, start_program
from sldagent.task import Column, Role, Task


def task(roles: list[Role], targets: int = 1, limit: int | None = 7) -> Task:
    return Task(
        name="toy",
        title="",
        description="",
        features=tuple(Column(f"x{i}", role) for i, role in enumerate(roles)),
        targets=tuple(Column(f"y{i}") for i in range(targets)),
        cut_rules=(),
        parameter_limit=limit,
    )


TASKS = {
    "sizes": task([Role.SIZE, Role.DATA]),
    "logged": task([Role.LOGGED], limit=4),
    "optimum": task([Role.RATE, Role.BATCH, Role.DATA, Role.SIZE], limit=None),
    "mixture": task([Role.FRACTION] * 4, targets=3, limit=18),
    "narrow": task([Role.SIZE, Role.COUNT], limit=4),
}


def rows(kind: str, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if kind == "logged":
        x = rng.uniform(-1, 2, (count, 1))
        return x, 1.0 + 0.5 * np.exp(-0.7 * x[:, 0])
    if kind == "mixture":
        x = rng.dirichlet(np.ones(4), count)
        y = [2 + 0.8 * np.exp(x @ rng.normal(size=4)) for _ in range(3)]
        return x, np.stack(y, axis=1)
    if kind == "optimum":
        logs = rng.uniform([-8, 3, 20, 17], [-4, 7, 25, 21], (count, 4))
        y = 1 + 30 * np.exp(-0.2 * logs[:, 2]) + 0.02 * (logs[:, 0] + 6) ** 2
        return np.exp(logs), y + 0.01 * (logs[:, 1] - 5) ** 2 + 20 * np.exp(-0.2 * logs[:, 3])
    x = np.exp(rng.uniform([17, 0.5], [21, 3], (count, 2)))
    if kind == "narrow":
        return x, 5.0 * x[:, 0] ** -0.07 * x[:, 1] ** -0.02 + 1.0
    return x, 1.5 + 400 * x[:, 0] ** -0.35 + 0.5 * x[:, 1] ** -0.4


def functions(program: Program) -> dict:
    space: dict = {}
    exec(compile(program.source, "program", "exec"), space)
    return space


@pytest.mark.parametrize("kind", TASKS)
def test_the_start_program_fits_its_own_kind_of_law(kind: str) -> None:
    program = start_program(TASKS[kind])
    assert program.kind is ProgramKind.PROGRAM
    assert count_literals(program).count == 0
    space = functions(program)
    x, y = rows(kind)
    params = space["fit_scaling_law"](x, y)
    limit = TASKS[kind].parameter_limit
    assert limit is None or np.size(params) <= limit
    error = space["scaling_law_func"](x, params) - y
    assert np.mean(error**2) < 1e-6 * np.var(y)
    assert np.shape(error) == y.shape


def terms(program: Program) -> tuple:
    for statement in ast.parse(program.block).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "TERMS":
            return ast.literal_eval(statement.value)
    raise AssertionError("no TERMS")


def ask(program: Program, rng: np.random.Generator) -> Request:
    evaluation = Evaluation(Status.OK, score=0.5, params=1)
    member = (Candidate(7, 0, 0, 0, program.hash, (), (), "start", "", evaluation), program)
    return Request(0, 1, (member,), (), (), {}, rng)


@pytest.mark.parametrize("kind", TASKS)
def test_proposals_change_the_terms_within_the_limit(kind: str) -> None:
    proposer = PerturbProposer(TASKS[kind])
    program = start_program(TASKS[kind])
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        proposal = proposer.propose(ask(program, rng))
        if proposal is None:
            continue
        assert proposal.parents == (7,)
        assert proposal.program is not None
        assert proposal.program.prefix == program.prefix
        assert proposal.program.suffix == program.suffix
        new = terms(proposal.program)
        assert set(new) != set(terms(program))
        limit = TASKS[kind].parameter_limit
        targets = len(TASKS[kind].targets)
        assert limit is None or cost(new) * targets <= limit
        assert proposal.program.syntax_error is None
        seen.add(proposal.program.hash)
    assert len(seen) > 3


def test_proposals_depend_on_the_generator_alone() -> None:
    proposer = PerturbProposer(TASKS["sizes"])
    program = start_program(TASKS["sizes"])
    one, two = (
        [proposer.propose(ask(program, np.random.default_rng(seed))) for seed in range(5)]
        for _ in range(2)
    )
    assert one == two


def test_a_program_without_terms_gets_one_number_changed() -> None:
    source = "# EVOLVE-BLOCK-START\nµ = 'µ'; guess = 0.35  # µ\nn = 3\n# EVOLVE-BLOCK-END\n"
    proposer = PerturbProposer(TASKS["sizes"])
    proposal = proposer.propose(ask(Program(source), np.random.default_rng(1)))
    assert proposal is not None
    assert proposal.program is not None
    before, after = source.split("0.35"), proposal.program.source
    assert after.startswith(before[0])
    assert after.endswith(before[1])
    assert "0.35" not in after
    assert "0.35" in proposal.change


def test_a_program_with_nothing_to_change_gives_no_proposal() -> None:
    source = "# EVOLVE-BLOCK-START\nn = 3\n# EVOLVE-BLOCK-END\n"
    proposer = PerturbProposer(TASKS["sizes"])
    assert proposer.propose(ask(Program(source), np.random.default_rng(1))) is None
