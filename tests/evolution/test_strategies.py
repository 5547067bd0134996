"""Places, migration and stopping, each by itself."""

import dataclasses
import itertools

import numpy as np
import pytest
from contracts.scripted_search import evaluation, program

from sldagent.candidate import Candidate
from sldagent.evolution.migration import MIGRATION, RESEEDING, Exchange, Reseeding, Ring
from sldagent.evolution.places import Places, Purpose, generator
from sldagent.evolution.stopping import (
    Evaluations,
    FirstOf,
    Generations,
    Progress,
    Stall,
    Target,
    TimeLimit,
    When,
)
from sldagent.proposing.base import Member


@pytest.mark.parametrize(("islands", "offspring", "starts"), [(1, 1, 1), (4, 3, 2), (3, 2, 10)])
def test_every_place_has_its_number(islands: int, offspring: int, starts: int) -> None:
    places = Places(islands, offspring, starts)
    found = [places.number(0, n % islands, n // islands) for n in range(places.first)]
    steps = itertools.product(range(4 * offspring), range(islands))
    later = {}
    for step, island in steps:
        generation, slot = places.place(step)
        number = places.number(generation, island, slot)
        assert places.step(number) == (island, step)
        later[number] = (generation, island, slot)
    assert found + sorted(later) == list(range(places.first + 4 * offspring * islands))
    assert list(later[n] for n in sorted(later)) == sorted(later.values())
    assert places.generations_within(places.first + 3 * offspring * islands - 1) == 2
    assert places.generations_within(0) == 0


def test_generators_differ_by_place_and_purpose_and_by_nothing_else() -> None:
    places = [(0, 0, 1, 0), (1, 0, 1, 0), (0, 1, 1, 0), (0, 0, 2, 0), (0, 0, 1, 1)]
    drawn = [generator(*place, purpose).random() for place in places for purpose in Purpose]
    assert len(set(drawn)) == len(drawn)
    again = [generator(*place, purpose).random() for place in places for purpose in Purpose]
    assert drawn == again


def island(*scores: float) -> tuple[Member, ...]:
    members = []
    for score in scores:
        text = program(score)
        number = int(1000 * score)
        members.append(
            (Candidate(number, 0, 0, 0, text.hash, (), (), "x", "", evaluation(score)), text)
        )
    return tuple(members)


ISLANDS = [island(0.9, 0.8, 0.7), island(0.5, 0.4), island(0.6), island(0.3, 0.2)]


def test_the_best_migrate_to_the_next_island() -> None:
    moves = Ring(interval=5, count=2).moves(10, ISLANDS)
    assert [(m.source, m.target, m.member[0].number) for m in moves] == [
        (0, 1, 900), (0, 1, 800), (1, 2, 500), (1, 2, 400), (2, 3, 600), (3, 0, 300), (3, 0, 200),
    ]  # fmt: skip
    assert {(m.kind, m.generation) for m in moves} == {(MIGRATION, 10)}
    assert (
        Ring(5).moves(9, ISLANDS)
        == Ring(5).moves(0, ISLANDS)
        == Ring(5).moves(5, ISLANDS[:1])
        == []
    )


def test_the_weakest_start_again_from_survivors() -> None:
    for seed in range(20):
        moves = Reseeding(10, share=0.5).moves(10, ISLANDS, np.random.default_rng(seed))
        assert {m.target for m in moves} == {1, 3}
        assert {m.source for m in moves} <= {0, 2}
        assert {m.kind for m in moves} == {RESEEDING}
        assert all(m.member == ISLANDS[m.source][0] for m in moves)
    assert Reseeding(10).moves(5, ISLANDS, np.random.default_rng(0)) == []


def test_one_island_always_survives() -> None:
    moves = Reseeding(10, share=1.0).moves(10, ISLANDS, np.random.default_rng(0))
    assert {m.target for m in moves} == {1, 2, 3}
    assert Reseeding(10).moves(10, ISLANDS[:1], np.random.default_rng(0)) == []


def test_before_the_first_generation_only_empty_islands_are_seeded() -> None:
    islands = [island(0.1), island(), island(0.9)]
    moves = Exchange().moves(0, islands, np.random.default_rng(0))
    assert [m.target for m in moves] == [1]
    assert Exchange().moves(0, ISLANDS, np.random.default_rng(0)) == []


def test_nothing_migrates_after_a_generation_with_a_reseeding() -> None:
    exchange = Exchange(Ring(5), Reseeding(10))
    kinds = {m.kind for m in exchange.moves(10, ISLANDS, np.random.default_rng(0))}
    assert kinds == {RESEEDING}
    kinds = {m.kind for m in exchange.moves(5, ISLANDS, np.random.default_rng(0))}
    assert kinds == {MIGRATION}
    assert [exchange.next_after(g, 4) for g in (0, 4, 5, 9, 10)] == [5, 5, 10, 10, 15]
    assert exchange.next_after(3, 1) == 4


def progress(generation: int = 10, seconds: float = 5.0, best: float | None = 0.5) -> Progress:
    found = None if best is None else island(best)[0][0]
    return Progress(generation, seconds, found, found)


def test_a_search_that_gains_less_than_a_run_ends_with_has_not_stalled() -> None:
    start = island(0.5)[0][0]
    gained = dataclasses.replace(island(0.51)[0][0], generation=18)
    rule = Stall(20)
    assert rule.reached(Progress(37, 1.0, start, gained)) is None
    assert rule.reached(Progress(38, 1.0, start, gained)) == "nothing better in 20 generations"


def test_rules_combine_and_the_first_that_is_met_ends_it() -> None:
    places = Places(4, 2, 10)
    rules = FirstOf([Generations(50), Evaluations(100), Target(0.9), Stall(20), TimeLimit(60)])
    assert rules.generations(places) == 11
    assert rules.reached(progress()) is None
    assert rules.clock(progress()) is None
    assert rules.reached(progress(best=0.95)) == "held-out R² 0.9500 reached the target 0.9"
    assert rules.reached(progress(generation=20)) == "nothing better in 20 generations"
    assert rules.clock(progress(seconds=60.5)) == "time limit of 60 s"
    assert rules.reached(progress(seconds=60.5)) is None
    assert FirstOf([TimeLimit(1)]).generations(places) is None
    assert FirstOf([Target(0.9)]).reached(progress(best=None)) is None
    assert FirstOf([When(lambda: "enough")]).clock(progress()) == "enough"
