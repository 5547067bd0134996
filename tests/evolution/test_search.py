"""The search with a scripted evaluator: order of results, islands, interruptions."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from contracts.scripted_search import (
    MemoryJournal,
    Nudge,
    ScriptedPool,
    generations,
    make_search,
    program,
    run_search,
    slow_at_random,
    value_of,
)

from sldagent.candidate import Evaluation, Status
from sldagent.errors import BudgetError, SldagentError
from sldagent.evolution.asking import Asking
from sldagent.evolution.migration import MIGRATION, RESEEDING
from sldagent.program import Program
from sldagent.proposing.base import Call, Proposal, Request


@pytest.fixture(scope="module")
def whole() -> MemoryJournal:
    return run_search()


@pytest.mark.parametrize("width", [1, 2, 8])
@pytest.mark.parametrize("seed", [1, 2])
def test_lineage_does_not_depend_on_the_order_of_results(
    whole: MemoryJournal, width: int, seed: int
) -> None:
    assert run_search(pool=ScriptedPool(seed, width)).lineage() == whole.lineage()


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_lineage_does_not_depend_on_calls_in_flight_or_on_how_long_anything_takes(
    whole: MemoryJournal, concurrency: int
) -> None:
    proposer = Nudge(concurrency, before=slow_at_random(0.004))
    pool = ScriptedPool(before=slow_at_random(0.002, 1))
    assert run_search(proposer=proposer, pool=pool).lineage() == whole.lineage()


def test_another_seed_gives_another_lineage(whole: MemoryJournal) -> None:
    assert run_search(seed=1).lineage() != whole.lineage()


def test_every_program_is_evaluated_once(whole: MemoryJournal) -> None:
    pool = ScriptedPool()
    journal = run_search(pool=pool)
    assert len(pool.evaluated) == len(set(pool.evaluated))
    hashes = [entry.candidate.program_hash for entry in journal.entries.values()]
    assert len(hashes) > len(set(hashes)), "the proposer must repeat programs for this to say much"


def test_a_program_is_judged_once_an_island_and_reused_across_islands() -> None:
    journal = run_search(starts=(0.5, 0.5), islands=4, generations=0)
    assert [entry.candidate.island for entry in journal.entries.values()] == [0, 1, 2, 3]
    assert {entry.candidate.evaluation.status for entry in journal.entries.values()} == {Status.OK}
    journal = run_search(starts=(0.5, 0.5), islands=1, generations=0)
    twin = journal.entries[1].candidate
    assert twin.evaluation == Evaluation(Status.REJECTED, "the same program as candidate #0")


def test_starts_are_dealt_in_turn_in_their_order() -> None:
    starts = tuple(0.1 * n for n in range(8))
    journal = run_search(starts=starts, generations=0)
    dealt = [(c.number, c.island, c.slot) for c, *_ in journal.entries.values()]
    assert dealt == [(n, n % 3, n // 3) for n in range(8)]
    assert [value_of(text) for text in journal.programs.values()] == list(starts)


def test_numbers_follow_from_generation_island_and_slot(whole: MemoryJournal) -> None:
    for c, *_ in whole.entries.values():
        if c.generation:
            assert c.number == 4 + ((c.generation - 1) * 3 + c.island) * 2 + c.slot


def test_an_unusable_reply_is_kept_and_costs_no_evaluation(whole: MemoryJournal) -> None:
    unusable = [c for c, *_ in whole.entries.values() if c.evaluation.reason == "no block"]
    assert unusable
    assert {c.evaluation.status for c in unusable} == {Status.REJECTED}
    assert {whole.programs[c.number].source for c in unusable} == {""}


def test_failed_candidates_are_never_parents(whole: MemoryJournal) -> None:
    failed = {c.number for c, *_ in whole.entries.values() if c.evaluation.status is not Status.OK}
    assert failed
    assert not failed & {parent for c, *_ in whole.entries.values() for parent in c.parents}


def test_a_proposal_sees_its_island_as_of_lag_steps_before(whole: MemoryJournal) -> None:
    proposer = Nudge()
    run_search(proposer=proposer)
    for request in proposer.requests:
        step = 2 * (request.generation - 1) + request.slot
        seen = [*request.parents, *request.exemplars, *((c, None) for c in request.siblings)]
        for candidate, _ in seen:
            if candidate.island == request.island and candidate.generation:
                assert 2 * (candidate.generation - 1) + candidate.slot <= step - 3


def test_islands_do_not_see_each_other_but_for_what_moved(whole: MemoryJournal) -> None:
    proposer = Nudge()
    journal = run_search(proposer=proposer)
    kinds = {move.kind for move in journal.moves}
    assert kinds == {MIGRATION, RESEEDING}
    arrivals = {(move.target, move.member[0].number): move.generation for move in journal.moves}
    foreign = 0
    for request in proposer.requests:
        for candidate, _ in (*request.parents, *request.exemplars):
            if candidate.island != request.island:
                foreign += 1
                assert arrivals[request.island, candidate.number] < request.generation
        assert {c.island for c in request.siblings} <= {request.island}
    assert foreign


def test_no_migration_means_no_foreign_parent() -> None:
    proposer = Nudge()
    run_search(proposer=proposer, generations=2)
    for request in proposer.requests:
        assert {c.island for c, _ in (*request.parents, *request.exemplars)} == {request.island}


def test_migrants_go_along_the_ring_and_are_the_best(whole: MemoryJournal) -> None:
    first = [move for move in whole.moves if move.generation == 2]
    assert first
    for move in first:
        assert move.target == (move.source + 1) % 3
        island = [
            c.evaluation.score
            for c, *_ in whole.entries.values()
            if c.island == move.source and c.generation <= 2 and c.evaluation.score is not None
        ]
        assert move.member[0].evaluation.score == max(island)


def test_a_reseeded_island_starts_from_a_survivor() -> None:
    proposer = Nudge()
    journal = run_search(proposer=proposer, generations=8)
    moves = [move for move in journal.moves if move.kind == RESEEDING and move.generation == 6]
    assert len(moves) == 1
    founder, target = moves[0].member[0].number, moves[0].target
    later = {c.number for c, *_ in journal.entries.values() if c.island == target}
    asked = [r for r in proposer.requests if r.island == target and r.generation == 8]
    assert asked
    for request in asked:
        roots = {candidate.number for candidate, _ in request.parents}
        assert all(n == founder or n in later for n in roots)
        assert all(c.generation > 6 for c, _ in request.parents if c.number != founder)


def test_an_island_whose_starts_all_fail_begins_with_another_ones() -> None:
    journal = run_search(starts=(-1.0, 0.5, 1.0), generations=3)
    moves = [move for move in journal.moves if move.generation == 0]
    assert [(move.kind, move.target) for move in moves] == [(RESEEDING, 0)]
    assert any(c.island == 0 and c.generation == 1 for c, *_ in journal.entries.values())


def test_no_valid_start_ends_with_a_budget_error() -> None:
    with pytest.raises(
        BudgetError, match=r"no start program could be evaluated; \d+ of \d+ ended so: .+"
    ):
        run_search(starts=(-1.0,))


def test_search_improves_on_its_start(whole: MemoryJournal) -> None:
    errors = [abs(value_of(text) - 3.0) for text in whole.programs.values() if text.source]
    assert min(errors) < 1.0 < errors[0]


def test_generations_come_in_order_with_their_candidates(whole: MemoryJournal) -> None:
    found = generations(MemoryJournal())
    assert [generation.number for generation in found] == list(range(9))
    made = [candidate for generation in found for candidate in generation.candidates]
    assert [c.number for c in made] == whole.numbers()
    assert [view.number for view in found[-1].islands] == [0, 1, 2]
    assert sum(view.candidates for view in found[-1].islands) == len(made)


def cut_off(journal: MemoryJournal, kept: int) -> MemoryJournal:
    """The journal as it was after so many commits."""
    before = MemoryJournal()
    before.entries = {number: journal.entries[number] for number in journal.order[:kept]}
    before.programs = dict(journal.programs)
    before.moves, before.kept = list(journal.moves), dict(journal.kept)
    return before


@pytest.mark.parametrize("every", [1, 3, 1000])
@pytest.mark.parametrize("kept", [0, 1, 3, 4, 5, 12, 20, 27, 33, 40, 46])
def test_a_search_interrupted_anywhere_goes_on_to_the_same_lineage(
    whole: MemoryJournal, kept: int, every: int
) -> None:
    # Its commits come in another order.
    other = run_search(pool=ScriptedPool(5, 3), checkpoint_every=every)
    pool = ScriptedPool(7, 2)
    before = cut_off(other, kept)
    committed = {before.entries[n].candidate.program_hash for n in before.entries}
    after = run_search(MemoryJournal(before), pool=pool)
    assert after.lineage() == whole.lineage()
    assert not committed & set(pool.evaluated), "a committed program was evaluated again"


def test_a_search_goes_on_with_what_islands_knew_of_migrants() -> None:
    """Programs so alike that what one island makes has often come to it from another."""

    def search(journal: MemoryJournal) -> MemoryJournal:
        proposer = Nudge(digits=1)
        return run_search(journal, proposer=proposer, generations=40, checkpoint_every=4)

    whole = search(MemoryJournal())
    for kept in range(10, 240, 7):
        assert search(cut_off(whole, kept)).lineage() == whole.lineage()


def test_a_long_search_goes_on_from_a_checkpoint() -> None:
    long = run_search(generations=30, checkpoint_every=4)
    before = cut_off(long, 170)
    found = generations(MemoryJournal(before), generations=30, checkpoint_every=4)
    assert found[0].number > 20
    again = MemoryJournal(before)
    assert run_search(again, generations=30, checkpoint_every=4).lineage() == long.lineage()
    assert len(long.kept) < 4, "checkpoints that are needed no longer are let go"


def test_what_was_committed_must_be_what_would_be_proposed(whole: MemoryJournal) -> None:
    before = cut_off(whole, 20)
    last = max(before.entries)
    entry = before.entries[last]
    other = dataclasses.replace(entry.candidate, program_hash="another")
    before.entries[last] = entry._replace(candidate=other)
    with pytest.raises(SldagentError, match=f"#{last} would now be another program"):
        run_search(MemoryJournal(before))


class Moody(Nudge):
    """Never says the same twice."""

    def __init__(self, seed: int, concurrency: int = 3) -> None:
        super().__init__(concurrency, deterministic=False)
        self._own = np.random.default_rng(seed)

    def propose(self, request: Request) -> Proposal | None:
        with self._lock:
            rng = np.random.default_rng(self._own.integers(1 << 31))
        return super().propose(dataclasses.replace(request, rng=rng))


def test_answers_of_a_model_are_taken_as_they_are_when_a_search_goes_on() -> None:
    first = run_search(proposer=Moody(1))
    before = cut_off(first, 25)
    before.answers = {n: a for n, a in first.answers.items() if n < max(before.entries) + 4}
    proposer = Moody(2)
    after = run_search(MemoryJournal(before), proposer=proposer)
    assert after.lineage()[:25] == [
        row for row in first.lineage() if row[0] in set(after.numbers()[:25])
    ]
    for number, answer in before.answers.items():
        assert after.programs[number] == (answer.program or Program(""))
    assert not set(after.questions) & (set(before.entries) | set(before.answers))


def test_no_question_is_put_after_an_interruption(whole: MemoryJournal) -> None:
    """What waits behind the calls in flight when Ctrl-C comes is not asked: it would be paid."""
    going = [True]
    proposer = Moody(1, concurrency=2)
    asking = Asking(proposer, lambda *_: False, lambda *_: None, lambda: going[0])
    member = whole.members([0])[0]
    rng = np.random.default_rng(0)
    for step in range(5):
        asking.put(0, step, Request(0, 1, (member,), (), (), {}, rng, step))
    going[0] = False
    answered = 0
    while asking.waits:
        answered += len(list(asking.answers(9, wait=True)))
    asking.put(0, 5, Request(0, 1, (member,), (), (), {}, rng, 5))
    assert answered == len(proposer.requests) == 2


def test_a_model_is_not_asked_for_another_answer_where_it_repeats_itself() -> None:
    paid = Call("proposal", "m", "question", "answer", 1, 1, 0.1, None, "ok")

    class Parrot:
        name, concurrency, deterministic = "parrot", 2, False
        calls = 0

        def propose(self, request: Request) -> Proposal:
            Parrot.calls += 1
            parents = (request.parents[0][0].number,)
            return Proposal(program(0.25), parents, (), "again", calls=(paid,))

    journal = run_search(proposer=Parrot(), islands=1, generations=4, offspring=1)
    assert Parrot.calls == 4
    statuses = [c.evaluation.status for c, *_ in journal.entries.values() if c.generation]
    assert statuses == [Status.OK] + [Status.REJECTED] * 3


def test_a_broken_proposer_ends_the_search_from_its_thread() -> None:
    def fail(_: Request) -> None:
        raise SldagentError("the endpoint is gone")

    with pytest.raises(SldagentError, match="the endpoint is gone"):
        run_search(proposer=Nudge(4, before=fail))


def test_a_slow_call_of_one_island_holds_up_no_other_before_the_next_migration() -> None:
    import threading

    release = threading.Event()

    def block(request: Request) -> None:
        if request.island == 0 and request.generation == 1 and request.slot == 0:
            release.wait(10)

    journal = MemoryJournal()
    # Room for four candidates of the others: both slots of generations 1 and 2.
    search = make_search(journal, proposer=Nudge(8, before=block), lag=4)

    def release_late() -> None:
        for _ in range(200):
            if sum(c.generation == 2 for c, *_ in list(journal.entries.values())) >= 3:
                break
            threading.Event().wait(0.02)
        release.set()

    thread = threading.Thread(target=release_late)
    thread.start()
    iterator: Iterator[object] = search.run()
    for _ in iterator:
        pass
    thread.join()
    place = {number: i for i, number in enumerate(journal.order)}
    others = [c.number for c, *_ in journal.entries.values() if c.island and c.generation == 2]
    blocked = min(c.number for c, *_ in journal.entries.values() if not c.island and c.generation)
    assert max(place[n] for n in others) < place[blocked]


def test_arms_count_what_each_way_of_proposing_brought() -> None:
    proposer = Nudge()
    journal = run_search(proposer=proposer, islands=1, lag=1, offspring=1, generations=20)
    last = max(proposer.requests, key=lambda request: request.generation)
    made = [e for e in journal.entries.values() if 0 < e.candidate.generation < last.generation]
    for name in ("up", "down"):
        mine = [entry for entry in made if entry.arm == name]
        arm = last.arms[name]
        assert arm.tries == len(mine)
        assert arm.valid == sum(e.candidate.evaluation.status is Status.OK for e in mine)
        assert 0 < arm.accepted <= arm.valid
    assert last.arms["up"].gain > last.arms["down"].gain >= 0
