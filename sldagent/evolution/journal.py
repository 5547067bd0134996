"""What a search writes down, and what an interrupted one had written."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from sldagent.candidate import Candidate
from sldagent.evolution.migration import Move
from sldagent.program import Program
from sldagent.proposing.base import Member, Proposal


class Entry(NamedTuple):
    """A committed candidate with what registering it needs.

    One that is read back is an outline: of its evaluation only status, reason and score are there,
    since most candidates are looked at once, when a search is repeated. `Journal.members` has all.
    """

    candidate: Candidate
    arm: str
    usd: float
    tokens: int = 0


class Journal(Protocol):
    """Keeps a search; what was not committed did not happen."""

    def numbers(self) -> list[int]:
        """Numbers of the committed candidates, sorted."""
        ...

    def entry(self, number: int) -> Entry:
        """The outline of a committed candidate; asked mostly in the order of numbers."""
        ...

    def members(self, numbers: Sequence[int]) -> list[Member]:
        """Committed candidates, whole, with their programs, in this order."""
        ...

    def facts(self, before: int) -> Iterable[tuple[int, str, float | None]]:
        """Number, program hash and score of every committed candidate below a number, in order."""
        ...

    def arrivals(self) -> Iterable[tuple[int, int, int]]:
        """Generation, island and candidate of everything that moved."""
        ...

    def checkpoint(self, generation: int, state: dict[str, Any], needed: int) -> None:
        """Keeps how the islands stand after a generation.

        Of those kept up to the generation `needed`, only the latest is needed any longer.
        """
        ...

    def checkpoints(self) -> Iterable[tuple[int, dict[str, Any]]]:
        """What was kept: generation and state, the latest first."""
        ...

    def proposals(self) -> dict[int, Proposal]:
        """By number, the proposals that were kept and never became candidates."""
        ...

    def asked(self, number: int) -> None:
        """Notes that a proposer that may answer otherwise next time is being asked."""
        ...

    def proposed(self, number: int, proposal: Proposal) -> None:
        """Keeps its answer, so that it need not be asked again."""
        ...

    def commit(
        self, candidate: Candidate, program: Program, proposal: Proposal
    ) -> tuple[float, int]:
        """Commits a candidate in one transaction, before it can have children.

        Returns the dollars and tokens that it cost, as `entry` will give them.
        """
        ...

    def moved(self, moves: list[Move]) -> None:
        """Notes what passed between islands; noting it again changes nothing."""
        ...
