"""Which program a run ends with: the best start program, unless the search has clearly beaten it.

Of hundreds of programs that were tried the best score is inflated (winner's curse). On rows hidden
from whole searches over six tasks, programs that took less than 5 % of the error off that of the
best start program gained nothing there in the median, and three of fourteen lost .36 to .43 of R²;
of those that took off more none lost above .03.
"""

from collections.abc import Callable, Sequence

from sldagent.candidate import Candidate
from sldagent.evolution.population import rank
from sldagent.proposing.base import Member
from sldagent.scoring import LEAST_GAIN

Load = Callable[[Sequence[int]], list[Member]]


class Champion:
    """The candidate that a run would end with now; the order in which they come does not matter.

    Args:
        load: Gives the candidates of these numbers with their programs.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._start: Member | None = None  # the best of the start programs
        self._top: Member | None = None  # the best of all

    @property
    def member(self) -> Member | None:
        """The candidate and its program; None before there is a valid one."""
        if self._start is None or self._top is None:
            return self._top
        allowed = (1 - LEAST_GAIN) * (1 - _score(self._start[0]))
        return self._top if 1 - _score(self._top[0]) <= allowed else self._start

    @property
    def top(self) -> Member | None:
        """The candidate of the best score and its program."""
        return self._top

    def challenge(self, candidate: Candidate) -> None:
        """Takes note of a valid candidate."""
        if candidate.generation == 0:
            self._start = self._better(candidate, self._start)
        self._top = self._better(candidate, self._top)

    def state(self) -> list[int | None]:
        """Numbers of what `restore` needs."""
        return [None if member is None else member[0].number for member in (self._start, self._top)]

    def restore(self, state: Sequence[int | None]) -> None:
        """Goes on from a state."""
        self._start, self._top = (None if n is None else self._load([n])[0] for n in state)

    def _better(self, candidate: Candidate, member: Member | None) -> Member:
        if member is not None and _score(candidate) < _score(member[0]):
            return member
        challenger = self._load([candidate.number])[0]
        return challenger if member is None or rank(challenger) < rank(member) else member


def _score(candidate: Candidate) -> float:
    score = candidate.evaluation.score
    assert score is not None  # valid candidates have one
    return score
