"""Which program a run ends with: what the finalists agree on beyond the data.

Of hundreds of programs that were tried the best score is inflated (winner's curse), in two ways.

Small gains over the start programs vanish: on rows hidden from whole searches over six tasks,
programs that took less than 5 % of the error off that of the best start program gained nothing
there in the median, and three of fourteen lost .36 to .43 of R²; of those that took off more none
lost above .03. So the best start program stays unless the search has clearly beaten it.

And of programs that do as well on the held-out rows, one may go its own way beyond them. So the
finalists, different laws of nearly the best score, vote: a law's error counts the more, the further
it is from their median at points beyond the data. Mean R² on hidden rows, of the best score and of
who is elected: .81 and .83 on one set of 14 tables of other kinds, .50 and .69 on another, by which
this was chosen, .852 and .852 on 16 pseudo-tests of the benchmark. `tests/benchmarks/finalists.py`
compares rules on any runs.
"""

from bisect import insort
from collections.abc import Callable, Sequence

import numpy as np

from sldagent.candidate import Candidate
from sldagent.evolution.population import rank, same_law
from sldagent.proposing.base import Member
from sldagent.scoring import clearly_better

Load = Callable[[Sequence[int]], list[Member]]

FINALISTS = 10  # different laws that vote
NEAR = 1.5  # times the least error, 1 - score: a finalist's
WEIGHT = 0.2  # power of a law's distance from the median, by which its error is multiplied
_LEAST_VOTES = 3  # of fewer there is no median
_MOST, _LITTLE = 10.0, 0.01  # distances of a point, in spreads of the targets, that count
_KEPT = 3 * FINALISTS  # candidates among which twins are looked for


class Champion:
    """The candidate that a run would end with now; the order in which they come does not matter.

    Args:
        load: Gives the candidates of these numbers with their programs.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._start: Member | None = None  # the best of the start programs
        self._top: Member | None = None  # the best of all
        self._best: list[tuple[float, int]] = []  # errors and numbers of the best scores
        self._elected: Member | None = None  # by the finalists among them; None: not asked yet

    @property
    def member(self) -> Member | None:
        """The candidate and its program; None before there is a valid one."""
        if self._start is None or self._top is None:
            return self._top
        if not clearly_better(1 - _error(self._top[0]), 1 - _error(self._start[0])):
            return self._start
        if self._elected is None:
            # What comes back from a database for a resumed run has no more than its score.
            members = {m[0].number: m for m in self._load([number for _, number in self._best])}
            chosen = elect(finalists([members[number][0] for _, number in self._best]))
            self._elected = self._top if chosen is None else members[chosen.number]
        return self._elected

    @property
    def top(self) -> Member | None:
        """The candidate of the best score and its program."""
        return self._top

    def challenge(self, candidate: Candidate) -> None:
        """Takes note of a valid candidate."""
        if candidate.generation == 0:
            self._start = self._better(candidate, self._start)
        self._top = self._better(candidate, self._top)
        place = (_error(candidate), candidate.number)
        if len(self._best) < _KEPT or place < self._best[-1]:
            insort(self._best, place)
            del self._best[_KEPT:]
            self._elected = None

    def state(self) -> dict[str, int | list[int] | None]:
        """Numbers of what `restore` needs."""
        start, top = (None if m is None else m[0].number for m in (self._start, self._top))
        return {"start": start, "top": top, "best": [number for _, number in self._best]}

    def restore(self, state: dict[str, int | list[int] | None]) -> None:
        """Goes on from a state."""
        start, top, best = state["start"], state["top"], state["best"]
        self._start, self._top = (
            self._load([number])[0] if isinstance(number, int) else None for number in (start, top)
        )
        known = self._load(best) if isinstance(best, list) else []
        self._best = sorted((_error(candidate), candidate.number) for candidate, _ in known)
        self._elected = None

    def _better(self, candidate: Candidate, member: Member | None) -> Member:
        if member is not None and _error(candidate) > _error(member[0]):
            return member
        challenger = self._load([candidate.number])[0]
        return challenger if member is None or rank(challenger) < rank(member) else member


def finalists(
    best: Sequence[Candidate], most: int = FINALISTS, near: float = NEAR
) -> list[Candidate]:
    """Different laws whose error is near the least, of candidates by score."""
    chosen: list[Candidate] = []
    for candidate in best:
        if len(chosen) == most or _error(candidate) > near * _error(best[0]):
            break
        if not any(same_law(candidate, other) for other in chosen):
            chosen.append(candidate)
    return chosen


def elect(voters: Sequence[Candidate], weight: float = WEIGHT) -> Candidate | None:
    """The finalist of least error times its distance from their median beyond the data.

    None where too few of them say what they predict there.
    """
    points = [np.array(voter.evaluation.beyond) for voter in voters]
    if len(voters) < _LEAST_VOTES or len({len(each) for each in points}) > 1 or not len(points[0]):
        return None
    beyond = np.nan_to_num(np.stack(points), nan=np.inf, posinf=np.inf, neginf=-np.inf)
    middle = np.median(np.clip(beyond, -1e300, 1e300), axis=0)
    away = np.minimum(np.abs(beyond - middle) / (1 + np.abs(middle)), _MOST).mean(axis=1)
    errors = np.array([_error(voter) for voter in voters])
    return voters[int(np.argmin(errors * (away + _LITTLE) ** weight))]


def _error(candidate: Candidate) -> float:
    score = candidate.evaluation.score
    assert score is not None  # valid candidates have one
    return 1 - score
