"""A search's journal, kept in a run's database."""

import dataclasses
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

from sldagent.candidate import Candidate
from sldagent.evolution.journal import Entry
from sldagent.evolution.migration import Move
from sldagent.program import Program
from sldagent.proposing.base import Call, Member, Proposal
from sldagent.storage.store import Store

_AHEAD = 500  # entries that are read at once, as they are asked for in the order of numbers
_AT_HAND = 4096  # candidates that are not read again, so many as the islands mostly ask for


class StoreJournal:
    """Implements `evolution.journal.Journal`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = store.numbers()
        self._entries: dict[int, Entry] = {}
        self._members: dict[int, Member] = {}
        self._kept: set[int] = set()  # candidates whose model calls are stored already

    def numbers(self) -> list[int]:
        """Numbers of the committed candidates, sorted."""
        return self._numbers

    def entry(self, number: int) -> Entry:
        """The outline of a committed candidate; it and those after it are read at once."""
        if number not in self._entries:
            start = bisect_left(self._numbers, number)
            numbers = self._numbers[start : start + _AHEAD]
            costs = self._store.costs(numbers)
            self._entries = {
                candidate.number: Entry(candidate, arm, *costs.get(candidate.number, (0.0, 0)))
                for candidate, arm in self._store.outlines(numbers)
            }
        return self._entries[number]

    def members(self, numbers: Sequence[int]) -> list[Member]:
        """Committed candidates with their programs; the latest are at hand."""
        for number in numbers:
            if number not in self._members:
                self._members[number] = self._store.member(number)
        found = [self._members[number] for number in numbers]
        while len(self._members) > _AT_HAND:
            del self._members[next(iter(self._members))]
        return found

    def facts(self, before: int) -> Iterable[tuple[int, str, float | None]]:
        """Number, program hash and score of every committed candidate below a number, in order."""
        return self._store.facts(before)

    def arrivals(self) -> Iterable[tuple[int, int, int]]:
        """Generation, island and candidate of everything that moved."""
        return [
            (row["generation"], row["target"], row["candidate"]) for row in self._store.events()
        ]

    def checkpoint(self, generation: int, state: dict[str, Any], needed: int) -> None:
        """Keeps how the islands stand after a generation."""
        self._store.add_checkpoint(generation, state, needed)

    def checkpoints(self) -> Iterable[tuple[int, dict[str, Any]]]:
        """What was kept, the latest first."""
        return self._store.checkpoints()

    def proposals(self) -> dict[int, Proposal]:
        """By number, the proposals that were kept and never became candidates.

        Questions that an earlier driver left open are noted as interrupted.
        """
        self._store.interrupt_questions()
        found = {}
        for row in self._store.waiting_proposals():
            number, name = row.pop("candidate"), row.pop("program_hash")
            program = None if name is None else self._store.program(name)
            parents, exemplars = (tuple(row.pop(kind)) for kind in ("parents", "exemplars"))
            found[number] = Proposal(program, parents, exemplars, **row)
            self._kept.add(number)
        return found

    def asked(self, number: int) -> None:
        """Notes that a model is being asked."""
        self._store.add_question(number)

    def proposed(self, number: int, proposal: Proposal) -> None:
        """Keeps its answer."""
        names = ("parents", "exemplars", "change", "arm", "reason", "proposer")
        values = {name: getattr(proposal, name) for name in names}
        self._store.add_proposal(number, proposal.program, values, _calls(proposal))
        self._kept.add(number)

    def commit(
        self, candidate: Candidate, program: Program, proposal: Proposal
    ) -> tuple[float, int]:
        """Commits a candidate in one transaction; returns dollars and tokens that it cost."""
        number = candidate.number
        kept = number in self._kept
        self._kept.discard(number)
        self._store.add(candidate, program, proposal.arm, [] if kept else _calls(proposal))
        self._members[number] = (candidate, program)
        # An answer of an earlier driver has its calls in the database only.
        found = self._store.costs([number]) if kept or proposal.calls else {}
        return found.get(number, (0.0, 0))

    def moved(self, moves: list[Move]) -> None:
        """Notes what passed between islands."""
        self._store.add_events(
            [
                {
                    "generation": move.generation,
                    "kind": move.kind,
                    "source": move.source,
                    "target": move.target,
                    "candidate": move.member[0].number,
                }
                for move in moves
            ]
        )


def _calls(proposal: Proposal) -> list[dict[str, object]]:
    """Columns of the calls that are not in the ledger yet."""
    return [call_row(call) for call in proposal.calls if not call.stored]


def call_row(call: Call) -> dict[str, object]:
    """Columns of a call, as the store takes them."""
    row = dataclasses.asdict(call)
    del row["stored"]
    return row
