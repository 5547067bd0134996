"""The program that a run ends with."""

from itertools import permutations

from contracts.scripted_search import evaluation

from sldagent.candidate import Candidate
from sldagent.evolution.champion import Champion
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
