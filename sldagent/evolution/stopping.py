"""When a search ends. Rules combine: the first that is met ends it.

A rule that depends on the candidates is asked after a migration's generation, where every island
stands at the same step, so that the lineage does not depend on timing. A rule of the clock is asked
all the time; it ends the search as an interruption does, and the run can be resumed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from sldagent.candidate import Candidate
from sldagent.evolution.places import Places


@dataclass(frozen=True, slots=True)
class Progress:
    """What the rules are asked with.

    Attributes:
        generation: The last generation that every island has finished.
        seconds: Since this driver began.
        best: The candidate that the run would end with.
        top: The one of the best score, which may be too little better for that.
    """

    generation: int
    seconds: float
    best: Candidate | None
    top: Candidate | None


class Stop(Protocol):
    """A rule.

    Attributes:
        of_the_clock: Whether it is asked all the time and leaves the run to be resumed.
    """

    of_the_clock: ClassVar[bool]

    def generations(self, places: Places) -> int | None:
        """The most generations that it allows, where that is known beforehand."""
        ...

    def reached(self, progress: Progress) -> str | None:
        """Why the search ends now, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Generations:
    """At most so many generations after the start programs."""

    of_the_clock: ClassVar[bool] = False
    most: int

    def generations(self, places: Places) -> int | None:
        """That number."""
        return self.most

    def reached(self, progress: Progress) -> str | None:
        """Never by itself: the number of generations says it."""
        return None


@dataclass(frozen=True, slots=True)
class Evaluations:
    """At most so many candidates; whole generations, as every island has its turn."""

    of_the_clock: ClassVar[bool] = False
    most: int

    def generations(self, places: Places) -> int | None:
        """As many as make no more candidates."""
        return places.generations_within(self.most)

    def reached(self, progress: Progress) -> str | None:
        """Never by itself: the number of generations says it."""
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """The best candidate's held-out R² is as good as this."""

    of_the_clock: ClassVar[bool] = False
    r2: float

    def generations(self, places: Places) -> int | None:
        """Not known beforehand."""
        return None

    def reached(self, progress: Progress) -> str | None:
        """Whether it is met."""
        metrics = progress.best.evaluation.metrics if progress.best else None
        if metrics is not None and metrics.r2 >= self.r2:
            return f"held-out R² {metrics.r2:.4f} reached the target {self.r2:g}"
        return None


@dataclass(frozen=True, slots=True)
class Stall:
    """So many generations brought no better score."""

    of_the_clock: ClassVar[bool] = False
    most: int

    def generations(self, places: Places) -> int | None:
        """Not known beforehand."""
        return None

    def reached(self, progress: Progress) -> str | None:
        """Whether the candidate of the best score is that old."""
        since = progress.generation - (progress.top.generation if progress.top else 0)
        return f"nothing better in {since} generations" if since >= self.most else None


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """So many seconds of this driver, start-up excluded."""

    of_the_clock: ClassVar[bool] = True
    seconds: float

    def generations(self, places: Places) -> int | None:
        """Not known beforehand."""
        return None

    def reached(self, progress: Progress) -> str | None:
        """Whether they have passed."""
        return f"time limit of {self.seconds:g} s" if progress.seconds >= self.seconds else None


@dataclass(frozen=True, slots=True)
class When:
    """Somebody asks for it.

    Attributes:
        asked: Gives the reason once it is asked for; called often, in the driver's thread.
    """

    of_the_clock: ClassVar[bool] = True
    asked: Callable[[], str | None]

    def generations(self, places: Places) -> int | None:
        """Not known beforehand."""
        return None

    def reached(self, progress: Progress) -> str | None:
        """Whether somebody has."""
        return self.asked()


class FirstOf:
    """Ends a search by whichever of its rules is met first."""

    def __init__(self, rules: Sequence[Stop]) -> None:
        self._clock = [rule for rule in rules if rule.of_the_clock]
        self._others = [rule for rule in rules if not rule.of_the_clock]

    def generations(self, places: Places) -> int | None:
        """The most generations that all rules allow; None where none says."""
        known = [rule.generations(places) for rule in self._others]
        return min((most for most in known if most is not None), default=None)

    def reached(self, progress: Progress) -> str | None:
        """Why the search ends after a generation that all islands have finished."""
        return next(filter(None, (rule.reached(progress) for rule in self._others)), None)

    def clock(self, progress: Progress) -> str | None:
        """Why the search is interrupted now."""
        return next(filter(None, (rule.reached(progress) for rule in self._clock)), None)
