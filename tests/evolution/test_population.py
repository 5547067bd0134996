"""Who stays in a population, who is drawn from it, what is shown beside."""

import dataclasses

import numpy as np
import pytest
from contracts.scripted_search import evaluation

from sldagent.candidate import Candidate, Evaluation
from sldagent.evolution.population import Population
from sldagent.evolution.selection import BestExemplars, RankSelection
from sldagent.program import Program
from sldagent.proposing.base import Member


def member(number: int, score: float, params: int = 1, text: str | None = None) -> Member:
    # Words keep structures apart, as numbers are masked.
    made = Program(text) if text is not None else Program(f"{'x' * (number + 1)} = 1\n")
    judged = evaluation(score, params)
    return Candidate(number, 0, 0, number, made.hash, (), (), "x", "", judged), made


def filled(capacity: int, *members: Member) -> Population:
    population = Population(capacity)
    for one in members:
        population.add(*one)
    return population


def numbers(population: Population) -> list[int]:
    return [candidate.number for candidate, _ in population.members]


def test_the_best_stay_in_order() -> None:
    population = filled(2, member(0, 0.1), member(1, 0.9), member(2, 0.5))
    assert numbers(population) == [1, 2]
    assert population.best is not None
    assert population.best[0].number == 1
    assert not population.add(*member(3, 0.2))
    assert population.add(*member(4, 0.95))
    assert numbers(population) == [4, 1]


def test_failures_stay_out() -> None:
    candidate, text = member(0, 0.5)
    failed = dataclasses.replace(candidate, evaluation=Evaluation("error", "no"))  # type: ignore[arg-type]
    assert not Population(3).add(failed, text)


@pytest.mark.parametrize("offset", [0.0, 3e-8])
def test_the_same_behaviour_is_one_law(offset: float) -> None:
    population = filled(5, member(0, 0.5))
    assert not population.add(*member(1, 0.5 - offset))
    assert numbers(population) == [0]


def test_a_law_makes_way_for_its_better_form() -> None:
    worse, better = member(0, 0.5, params=3), member(1, 0.5, params=2)
    assert numbers(filled(5, worse, better)) == [1]
    priced = dataclasses.replace(worse[0].evaluation, score=0.4)
    pricey = dataclasses.replace(worse[0], evaluation=priced), worse[1]
    assert numbers(filled(5, pricey, better)) == [1]


def test_other_behaviour_is_another_law() -> None:
    assert numbers(filled(5, member(0, 0.5), member(1, 0.5001))) == [1, 0]


def test_one_structure_cannot_take_all_places() -> None:
    alike = [member(n, 0.5 + n / 100, text=f"guess = {n}.5\n") for n in range(6)]
    other = member(9, 0.1)
    population = filled(8, other, *alike)
    assert numbers(population) == [5, 4, 9]
    assert not population.add(*member(7, 0.505, text="guess = 7.5\n"))


def test_ties_go_to_fewer_parameters_then_to_the_shorter_text() -> None:
    def apart(number: int, params: int, text: str) -> Member:
        candidate, made = member(number, 0.5, params, text)
        cut = dataclasses.replace(candidate.evaluation.cuts[0], bias=float(number))
        judged = dataclasses.replace(candidate.evaluation, cuts=(cut,))
        return dataclasses.replace(candidate, evaluation=judged), made

    population = filled(5, apart(0, 2, "a"), apart(1, 1, "bbb"), apart(2, 1, "cc"))
    assert numbers(population) == [2, 1, 0]


def test_parents_are_drawn_by_rank_alone() -> None:
    # A score of -1e9 must not distort the weights.
    members = filled(5, member(0, -1e9), member(1, 0.9), member(2, 0.5)).members
    rng = np.random.default_rng(0)
    drawn = [RankSelection().parents(members, rng) for _ in range(600)]
    first = [pair[0][0].number for pair in drawn]
    assert 0.4 < first.count(1) / 600 < 0.6
    assert first.count(1) > first.count(2) > first.count(0) > 50
    assert all(pair[0] != pair[1] for pair in drawn)


def test_a_lone_member_is_the_only_parent() -> None:
    one = member(0, 0.5)
    assert RankSelection().parents((one,), np.random.default_rng(0)) == (one,)


def test_exemplars_are_the_best_of_other_structures() -> None:
    members = filled(
        20,
        member(0, 0.9, text="a = 1\n"),
        member(1, 0.8, text="b = 1\n"),
        member(2, 0.7, text="a = 2\n"),
        member(3, 0.6, text="b = 2\n"),
        member(4, 0.5, text="c = 1\n"),
        member(5, 0.4, text="d = 1\n"),
        member(6, 0.3, text="e = 1\n"),
    ).members
    shown = BestExemplars(3).choose(members, (members[2],))
    assert [candidate.number for candidate, _ in shown] == [1, 4, 5]


def test_numbers_in_names_are_no_numbers() -> None:
    assert numbers(filled(4, member(0, 0.5, text="p1 = 1\n"), member(1, 0.6, text="p2 = 1\n"))) == [
        1,
        0,
    ]
