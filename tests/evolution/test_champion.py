"""The program that a run ends with."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from math import nan

import pytest
from contracts.scripted_search import evaluation

from sldagent.candidate import Candidate
from sldagent.evolution.champion import FINALISTS, Champion, elect, finalists
from sldagent.program import Program
from sldagent.proposing.base import Member
from sldagent.scoring import LEAST_GAIN

# Number, generation, score: two start programs, and what the search made of them.
START, LESS = (0, 0, 0.9), (1, 0, 0.8)
LITTLE, MUCH = (2, 3, 0.904), (3, 2, 0.906)


def made(number: int, generation: int, score: float) -> Member:
    program = Program(f"{'x' * (number + 1)} = 1\n")
    return (
        Candidate(number, generation, 0, 0, program.hash, (), (), "x", "", evaluation(score, 1)),
        program,
    )


def champion(*entries: tuple[int, int, float]) -> Champion:
    members = {entry[0]: made(*entry) for entry in (START, LESS, LITTLE, MUCH)}
    found = Champion(lambda numbers: [members[n] for n in numbers])
    for entry in entries:
        found.challenge(members[entry[0]][0])
    return found


def number(found: Champion) -> int | None:
    return found.member[0].number if found.member else None


def test_a_little_better_than_the_best_start_program_is_not_enough() -> None:
    assert (1 - LITTLE[2]) > (1 - LEAST_GAIN) * (1 - START[2]) > (1 - MUCH[2])
    assert number(champion()) is None
    assert number(champion(START, LESS)) == 0
    assert number(champion(START, LESS, LITTLE)) == 0
    assert number(champion(START, LESS, MUCH)) == 3


def test_the_order_makes_no_difference() -> None:
    for order in permutations((START, LESS, LITTLE, MUCH)):
        assert number(champion(*order)) == 3
    for order in permutations((START, LESS, LITTLE)):
        assert number(champion(*order)) == 0


def test_without_a_valid_start_program_the_best_is_it() -> None:
    assert number(champion(LITTLE)) == 2


def test_it_goes_on_from_its_state() -> None:
    for entries in ((), (LITTLE,), (START, LITTLE)):
        again = champion()
        again.restore(champion(*entries).state())
        assert number(again) == number(champion(*entries))
        for found in (again, champion(*entries)):
            found.challenge(made(*MUCH)[0])
            assert number(found) == 3


def finalist(number: int, score: float, beyond: Sequence[float]) -> Candidate:
    """A candidate of the third generation that says this beyond the data."""
    candidate, _ = made(number, 3, score)
    return replace(candidate, evaluation=replace(candidate.evaluation, beyond=tuple(beyond)))


ALIKE = [finalist(n, 0.95 - 0.001 * n, (1.0 + 0.01 * n, 2.0, 3.0)) for n in range(1, 5)]


@pytest.mark.parametrize("wild", [(1.0, 2.0, 900.0), (1.0, 2.0, nan), (1.0, -9.0, 3.0)])
def test_a_law_that_goes_its_own_way_beyond_the_data_is_not_elected(
    wild: tuple[float, ...],
) -> None:
    best = finalist(0, 0.952, wild)
    assert elect([best, *ALIKE]) is not best
    assert elect([finalist(0, 0.952, (1.02, 2.0, 3.0)), *ALIKE]).number == 0  # type: ignore[union-attr]
    # Where it is much better, the others' word weighs less.
    assert elect([finalist(0, 0.99, wild), *ALIKE]).number == 0  # type: ignore[union-attr]


def test_twins_have_one_vote_and_weak_laws_none() -> None:
    twin = replace(ALIKE[0], number=9)
    assert finalists([ALIKE[0], twin, ALIKE[1]]) == [ALIKE[0], ALIKE[1]]
    weak = finalist(9, 0.9, (1.0, 2.0, 3.0))
    assert finalists([*ALIKE, weak]) == ALIKE
    many = [finalist(n, 0.95 - 1e-4 * n, (1.0,)) for n in range(40)]
    assert len(finalists(many)) == FINALISTS


def test_without_three_that_say_what_they_predict_the_best_score_wins() -> None:
    assert elect(ALIKE[:2]) is None
    assert elect([made(n, 3, 0.9 + 0.001 * n)[0] for n in range(5)]) is None
    assert elect([]) is None


def test_whom_the_finalists_elect_depends_on_no_order_and_survives_a_checkpoint() -> None:
    wild = finalist(0, 0.952, (1.0, 2.0, 900.0))
    start = replace(made(8, 0, 0.5)[0], generation=0)
    everyone = {each.number: each for each in (wild, start, *ALIKE)}

    def load(numbers: Sequence[int]) -> list[Member]:
        return [(everyone[n], Program(f"{'x' * (n + 1)} = 1\n")) for n in numbers]

    chosen = set()
    for order in permutations(everyone.values()):
        found, again = Champion(load), Champion(load)
        for candidate in order[:4]:
            found.challenge(candidate)
        again.restore(found.state())
        for candidate in order[4:]:
            again.challenge(candidate)
        assert again.member is not None
        assert again.top is not None
        assert again.top[0] is wild
        chosen.add(again.member[0].number)
    assert len(chosen) == 1
    assert chosen < {each.number for each in ALIKE}
