"""Candidates that may become parents, best first."""

import numpy as np

from sldagent.candidate import Candidate, Status
from sldagent.program import Program


class Population:
    """At most `capacity` valid candidates, ordered by selection score, programs beside them.

    Two programs with the same score and the same metrics on every cut are taken to be the same law;
    the earlier one stays. Ties go to fewer parameters, then to the shorter program.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._members: list[tuple[Candidate, Program]] = []

    def __len__(self) -> int:
        return len(self._members)

    def add(self, candidate: Candidate, program: Program) -> bool:
        """Takes in a candidate; False where it failed, is a known law, or is too weak."""
        evaluation = candidate.evaluation
        if evaluation.status is not Status.OK:
            return False
        if any(_behaviour(known) == _behaviour(candidate) for known, _ in self._members):
            return False
        member = (candidate, program)
        self._members.append(member)
        self._members.sort(key=_rank)
        del self._members[self._capacity :]
        return member in self._members

    def best(self) -> tuple[Candidate, Program] | None:
        """The candidate with the best score, or None where none was valid."""
        return self._members[0] if self._members else None

    def select(self, rng: np.random.Generator) -> tuple[Candidate, Program]:
        """A parent, by rank: the k-th best is drawn with a weight that falls linearly in k."""
        weights = np.arange(len(self._members), 0, -1, dtype=float)
        return self._members[rng.choice(len(self._members), p=weights / weights.sum())]


def _behaviour(candidate: Candidate) -> tuple[float, ...]:
    return tuple(float(f"{cut.metrics.nmse:.9g}") for cut in candidate.evaluation.cuts)


def _rank(member: tuple[Candidate, Program]) -> tuple[float, int, int, int]:
    candidate, program = member
    score, params = candidate.evaluation.score, candidate.evaluation.params
    assert score is not None
    numbers = params if isinstance(params, int) else 0
    return (-score, numbers, program.complexity or 0, candidate.number)
