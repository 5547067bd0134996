"""Candidates that may become parents, best first, no law twice."""

import re
from bisect import insort
from functools import lru_cache

from sldagent.candidate import Candidate, Status
from sldagent.program import Program
from sldagent.proposing.base import Member

_RELATIVE, _ABSOLUTE = 1e-6, 1e-12  # within which two measures of behaviour are equal
_SHARE = 4  # one structure may take a fourth of the places
_NUMBER = re.compile(r"\b\d+\.?\d*(?:[eE][+-]?\d+)?")


class Population:
    """At most `capacity` valid candidates, ordered by selection score, programs beside them.

    Two programs whose measures agree on every cut are the same law: the one that ranks first stays.
    Programs that differ in their numbers only share a structure, of which the best `capacity / 4`
    stay. Ties go to fewer parameters, then to the shorter program, then to the earlier one.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._per_structure = max(1, capacity // _SHARE)
        self._members: list[Member] = []

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> tuple[Member, ...]:
        """All members as they are now, best first."""
        return tuple(self._members)

    @property
    def best(self) -> Member | None:
        """The member with the best score, or None where there is none."""
        return self._members[0] if self._members else None

    def may_take(self, candidate: Candidate) -> bool:
        """Whether status and score alone do not keep a candidate out."""
        if candidate.evaluation.status is not Status.OK:
            return False
        score, last = candidate.evaluation.score, self._members[-1] if self._members else None
        if last is None or len(self) < self._capacity:
            return True
        least = last[0].evaluation.score
        return score is not None and least is not None and score >= least

    def add(self, candidate: Candidate, program: Program) -> bool:
        """Takes in a candidate; False where it failed, is a known law, or is too weak."""
        if not self.may_take(candidate):
            return False
        member = (candidate, program)
        place = rank(member)
        if len(self) >= self._capacity and place > rank(self._members[-1]):
            return False
        same = next((known for known in self._members if same_law(known[0], candidate)), None)
        if same is None:
            same = self._crowded(structure(program))
        if same is not None:
            if rank(same) <= place:
                return False
            self._members.remove(same)
        insort(self._members, member, key=rank)
        del self._members[self._capacity :]
        return True

    def restore(self, members: list[Member]) -> None:
        """Takes over members that were all that it had, best first."""
        self._members = list(members)

    def clear(self) -> None:
        """Lets every member go."""
        self._members.clear()

    def _crowded(self, text: str) -> Member | None:
        """The last of a structure's members, where it has all the places it may have."""
        alike = [known for known in self._members if structure(known[1]) == text]
        return alike[-1] if len(alike) >= self._per_structure else None


@lru_cache(maxsize=4096)
def structure(program: Program) -> str:
    """The program with its numbers masked."""
    return _NUMBER.sub("0", program.source)


def rank(member: Member) -> tuple[float, int, int, int]:
    """Sorts members, best first."""
    candidate, program = member
    score, params = candidate.evaluation.score, candidate.evaluation.params
    assert score is not None
    return (-score, params if isinstance(params, int) else 0, len(program.source), candidate.number)


def same_law(one: Candidate, other: Candidate) -> bool:
    """Whether two candidates' predictions were alike on every cut."""
    a, b = _behaviour(one), _behaviour(other)
    return 0 < len(a) == len(b) and all(
        abs(x - y) <= _RELATIVE * max(abs(x), abs(y)) + _ABSOLUTE for x, y in zip(a, b, strict=True)
    )


def _behaviour(candidate: Candidate) -> list[float]:
    """What the candidate's predictions were like on every cut."""
    values = []
    for cut in candidate.evaluation.cuts:
        values += [cut.metrics.nmse, cut.metrics.nmae, cut.relative_error, cut.bias]
    return values
