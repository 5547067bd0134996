"""A sub-population that selects its own parents and remembers what it has tried."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sldagent.candidate import Candidate, Status
from sldagent.evolution.population import Population
from sldagent.evolution.selection import BestExemplars, RankSelection
from sldagent.program import Program
from sldagent.proposing.base import Arm, Member, Request

_SIBLINGS = 12


@dataclass(frozen=True, slots=True)
class IslandView:
    """An island as it is now.

    Attributes:
        number: Which.
        size: Number of its members.
        best: Its best member.
        median: Score of the member in the middle.
        candidates: Number of candidates made on it.
    """

    number: int
    size: int
    best: Candidate | None
    median: float | None
    candidates: int


class Island:
    """Members, known programs, children of members, and what each way of proposing brought.

    What it holds is bounded by its capacity, but for one entry a program that it has tried.

    Args:
        number: Which island it is.
        capacity: Most members.
        selection: Chooses parents.
        exemplars: Chooses what is shown beside them.
        whole: Gives candidates and programs by number.
    """

    def __init__(
        self,
        number: int,
        capacity: int,
        selection: RankSelection,
        exemplars: BestExemplars,
        whole: Callable[[Sequence[int]], list[Member]],
    ) -> None:
        self.number = number
        self.population = Population(capacity)
        self._selection = selection
        self._exemplars = exemplars
        self._whole = whole
        self._known: dict[str, tuple[int, int]] = {}  # program hash -> step, candidate number
        self._children: dict[int, deque[int]] = {}  # by number of the parent
        self._arms: dict[str, Arm] = {}
        self._candidates = 0
        self._closed = -2  # up to this step, children of members that were given up

    def twin(self, program_hash: str, step: int | None = None) -> int | None:
        """The candidate with this program that the island had after a step, or has now."""
        when, number = self._known.get(program_hash, (0, None))
        return number if step is None or when <= step else None

    def request(
        self, generation: int, slot: int, parents: np.random.Generator, rng: np.random.Generator
    ) -> Request:
        """What to ask a proposer with, from the island as it is now; it must have a member."""
        members = self.population.members
        chosen = self._selection.parents(members, parents)
        siblings = self._whole(self._children.get(chosen[0][0].number, ()))
        return Request(
            island=self.number,
            generation=generation,
            parents=chosen,
            exemplars=self._exemplars.choose(members, chosen),
            siblings=tuple(candidate for candidate, _ in siblings),
            arms=dict(self._arms),
            rng=rng,
            slot=slot,
        )

    def register(
        self,
        step: int,
        candidate: Candidate,
        arm: str,
        usd: float,
        tokens: int,
        score_of: Callable[[int], float | None],
    ) -> bool:
        """Takes note of a new candidate; True where the population took it in.

        It does not where the island was given up after the candidate was asked for.
        """
        self._candidates += 1
        self.note(candidate.program_hash, step, candidate.number)
        accepted = (
            step > self._closed
            and self.population.may_take(candidate)
            and self._admit(*self._whole([candidate.number])[0])
        )
        parent = candidate.parents[0] if candidate.parents else None
        if parent in self._children:
            self._children[parent].append(candidate.number)
        if arm:
            evaluation = candidate.evaluation
            before = None if parent is None else score_of(parent)
            gain = 0.0
            if evaluation.score is not None and before is not None:
                gain = max(0.0, evaluation.score - before)
            old = self._arms.get(arm, Arm())
            self._arms[arm] = replace(
                old,
                tries=old.tries + 1,
                valid=old.valid + (evaluation.status is Status.OK),
                accepted=old.accepted + accepted,
                gain=old.gain + gain,
                usd=old.usd + usd,
                tokens=old.tokens + tokens,
            )
        return accepted

    def restart(self, until: int) -> None:
        """Gives up all members, and what was asked for with them: the steps up to `until`."""
        self.population.clear()
        self._closed = until

    def receive(self, member: Member, step: int) -> bool:
        """Takes in a member of another island after a step of this one; True if there is room.

        What is turned away leaves no trace: only moves are stored, and a resumed island must know
        what this one does.
        """
        candidate, program = member
        taken = self._admit(candidate, program)
        if taken:
            self.note(candidate.program_hash, step, candidate.number)
        return taken

    def note(self, program_hash: str, step: int, number: int) -> None:
        """Remembers a program of a candidate that was made or received after a step."""
        self._known.setdefault(program_hash, (step, number))

    def state(self) -> dict[str, Any]:
        """All that it holds but the known programs, as JSON can carry it."""
        return {
            "members": [candidate.number for candidate, _ in self.population.members],
            "children": {str(parent): list(made) for parent, made in self._children.items()},
            "arms": {name: asdict(arm) for name, arm in self._arms.items()},
            "candidates": self._candidates,
            "closed": self._closed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` gave."""
        self.population.restore(self._whole(state["members"]))
        self._children = {
            int(parent): deque(made, maxlen=_SIBLINGS) for parent, made in state["children"].items()
        }
        self._arms = {name: Arm(**arm) for name, arm in state["arms"].items()}
        self._candidates = state["candidates"]
        self._closed = state["closed"]

    def view(self) -> IslandView:
        """How it stands."""
        members = self.population.members
        return IslandView(
            number=self.number,
            size=len(members),
            best=members[0][0] if members else None,
            median=members[len(members) // 2][0].evaluation.score if members else None,
            candidates=self._candidates,
        )

    def _admit(self, candidate: Candidate, program: Program) -> bool:
        """Adds to the population; forgets the children of those who are no longer in it."""
        if not self.population.add(candidate, program):
            return False
        kept = {member.number for member, _ in self.population.members}
        self._children = {
            number: self._children.get(number, deque(maxlen=_SIBLINGS)) for number in kept
        }
        return True
