"""The plain search with a scripted evaluator: order of results, budget, parents."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sldagent.candidate import Candidate, CutResult, Evaluation, Metrics, Status
from sldagent.errors import BudgetError, SldagentError
from sldagent.evolution.loop import Search, SearchConfig
from sldagent.evolution.population import Population
from sldagent.program import Program
from sldagent.proposing.base import Proposal


def program(value: float) -> Program:
    return Program(f"# EVOLVE-BLOCK-START\nVALUE = {value!r}\n# EVOLVE-BLOCK-END\n")


def value_of(text: Program) -> float:
    return float(text.block.split("=")[1])


def evaluation(score: float, params: int = 1) -> Evaluation:
    metrics = Metrics(r2=score, nmse=1 - score, nmae=1 - score)
    cut = CutResult("cut", 2, 2, metrics, {}, 0.1, 0.0, None)
    return Evaluation(Status.OK, metrics=metrics, score=score, cuts=(cut,), params=params)


def judge(text: Program) -> Evaluation:
    """The score has its maximum where the program's number is 3; negative numbers fail."""
    value = value_of(text)
    if value < 0:
        return Evaluation(Status.ERROR, "negative")
    return evaluation(1.0 - (value - 3.0) ** 2)


class ScriptedPool:
    """Gives results in an order that a generator shuffles."""

    width = 4

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._queue: list[tuple[int, Program]] = []

    def submit(self, key: int, text: Program) -> None:
        self._queue.append((key, text))

    def results(self) -> Iterator[tuple[int, Evaluation]]:
        queue, self._queue = self._queue, []
        for i in self._rng.permutation(len(queue)):
            yield queue[i][0], judge(queue[i][1])

    def close(self) -> None:
        pass


class Nudge:
    """Proposes the parent's number plus noise."""

    name = "nudge"

    def propose(
        self, parents: list[tuple[Candidate, Program]], rng: np.random.Generator
    ) -> Proposal:
        parent, text = parents[0]
        return Proposal(program(value_of(text) + rng.normal()), (parent.number,), (), "nudge")


def search(**settings: object) -> list[tuple]:
    return [
        (c.number, c.generation, c.slot, c.parents, p.source) for c, p in run_search(**settings)
    ]


def run_search(
    pool_seed: int = 0,
    seed: int = 0,
    starts: tuple[float, ...] = (0.0,),
    committed: dict[int, Candidate] | None = None,
) -> list[tuple[Candidate, Program]]:
    new: list[tuple[Candidate, Program]] = []

    def commit(candidate: Candidate, text: Program) -> None:
        known = {c.number for c, _ in new} | set(committed or {})
        assert set(candidate.parents) <= known, "a parent must be committed before its child"
        new.append((candidate, text))

    config = SearchConfig(generations=6, offspring=5, seed=seed)
    programs = [program(value) for value in starts]
    pool = ScriptedPool(pool_seed)
    for _ in Search(config, programs, Nudge(), pool, commit, committed).run():
        pass
    return new


def test_lineage_does_not_depend_on_the_order_of_results() -> None:
    assert search(pool_seed=1) == search(pool_seed=2)


def test_another_seed_gives_another_lineage() -> None:
    assert search(seed=1) != search(seed=2)


def test_a_number_follows_from_generation_and_slot() -> None:
    for number, generation, slot, _, _ in search(starts=(0.0, 1.0)):
        assert number == (slot if generation == 0 else 2 + 5 * (generation - 1) + slot)


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 8, 17, 30, 31])
def test_a_search_interrupted_anywhere_goes_on_to_the_same_lineage(kept: int) -> None:
    whole = search()
    before = {c.number: c for c, _ in run_search()[:kept]}
    after = run_search(committed=before)
    assert [c.number for c, _ in after] == [row[0] for row in whole[kept:]], "evaluated twice"
    rows = [(c.number, c.generation, c.slot, c.parents, p.source) for c, p in after]
    assert rows == whole[kept:]


def test_what_was_committed_must_be_what_would_be_proposed() -> None:
    other = dataclasses.replace(run_search()[3][0], program_hash="another")
    with pytest.raises(SldagentError, match="#3 would now be another program"):
        run_search(committed={3: other})


def test_search_improves_on_its_start() -> None:
    rows = search()
    errors = [abs(value_of(Program(row[4])) - 3.0) for row in rows]
    assert min(errors) < 1.0 < errors[0]


def test_failed_candidates_are_committed_and_never_parents() -> None:
    rows = search(starts=(0.2,))
    failed = {row[0] for row in rows if value_of(Program(row[4])) < 0}
    assert failed
    assert not failed & {parent for row in rows for parent in row[3]}


def test_no_valid_start_ends_with_a_budget_error() -> None:
    with pytest.raises(BudgetError, match="no start program"):
        search(starts=(-1.0,))


def member(number: int, score: float, params: int = 1) -> tuple[Candidate, Program]:
    text = program(float(number))
    return (
        Candidate(number, 0, 0, number, text.hash, (), (), "x", "", evaluation(score, params)),
        text,
    )


@pytest.fixture
def filled() -> Callable[..., Population]:
    def fill(capacity: int, *members: tuple[Candidate, Program]) -> Population:
        population = Population(capacity)
        for one in members:
            population.add(*one)
        return population

    return fill


def test_population_keeps_the_best(filled: Callable[..., Population]) -> None:
    population = filled(2, member(0, 0.1), member(1, 0.9), member(2, 0.5))
    assert len(population) == 2
    best = population.best()
    assert best is not None
    assert best[0].number == 1
    assert not population.add(*member(3, 0.2))


def test_same_behaviour_is_taken_once(filled: Callable[..., Population]) -> None:
    population = filled(5, member(0, 0.5))
    assert not population.add(*member(1, 0.5))
    assert len(population) == 1


def test_selection_prefers_the_better_by_rank(filled: Callable[..., Population]) -> None:
    # Scores of -1e9 must not distort the weights: only the rank counts.
    population = filled(5, member(0, -1e9), member(1, 0.9), member(2, 0.5))
    rng = np.random.default_rng(0)
    drawn = [population.select(rng)[0].number for _ in range(600)]
    counts = [drawn.count(n) for n in (1, 2, 0)]
    assert counts == sorted(counts, reverse=True)
    assert 0.4 < counts[0] / 600 < 0.6
    assert counts[2] > 50
