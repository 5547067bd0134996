"""What passes between islands, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sldagent.proposing.base import Member

MIGRATION, RESEEDING = "migration", "reseeding"


@dataclass(frozen=True, slots=True)
class Move:
    """A candidate's copy that an island received.

    Attributes:
        kind: `migration`, or `reseeding` where it replaced all that the island had.
        generation: After which generation.
        source: Island that it comes from.
        target: Island that it goes to.
        member: The candidate and its program.
    """

    kind: str
    generation: int
    source: int
    target: int
    member: Member


@dataclass(frozen=True, slots=True)
class Ring:
    """Every island's best go to the next one.

    Attributes:
        interval: Generations from one migration to the next.
        count: Migrants an island.
    """

    interval: int = 5
    count: int = 2

    def moves(self, generation: int, islands: Sequence[tuple[Member, ...]]) -> list[Move]:
        """The migrants after a generation, from the members that every island has then."""
        if generation == 0 or generation % self.interval or len(islands) < 2:
            return []
        return [
            Move(MIGRATION, generation, source, (source + 1) % len(islands), member)
            for source, members in enumerate(islands)
            for member in members[: self.count]
        ]


@dataclass(frozen=True, slots=True)
class Reseeding:
    """The weakest islands start again from a survivor's member.

    Attributes:
        interval: Generations from one reseeding to the next.
        share: Of the islands that are given up, rounded; at least one is and one survives.
    """

    interval: int = 20
    share: float = 0.25

    def moves(
        self, generation: int, islands: Sequence[tuple[Member, ...]], rng: np.random.Generator
    ) -> list[Move]:
        """The founders of the islands that are given up; an island without members is one."""
        if generation % self.interval or len(islands) < 2:
            return []
        if generation == 0:
            weak = [i for i, members in enumerate(islands) if not members]
        else:
            count = min(len(islands) - 1, max(1, round(self.share * len(islands))))
            weak = sorted(range(len(islands)), key=lambda i: (_best(islands[i]), -i))[:count]
        strong = [i for i, members in enumerate(islands) if members and i not in weak]
        moves = []
        for target in weak if strong else []:
            source = strong[rng.integers(len(strong))]
            best = islands[source][: max(1, len(islands[source]) // 4)]
            member = best[rng.integers(len(best))]
            moves.append(Move(RESEEDING, generation, source, target, member))
        return moves


@dataclass(frozen=True, slots=True)
class Exchange:
    """Migration and reseeding together; after a generation with a reseeding nothing migrates."""

    migration: Ring = field(default_factory=Ring)
    reseeding: Reseeding = field(default_factory=Reseeding)

    def moves(
        self, generation: int, islands: Sequence[tuple[Member, ...]], rng: np.random.Generator
    ) -> list[Move]:
        """What moves after a generation, from the members that every island has then."""
        return self.reseeding.moves(generation, islands, rng) or self.migration.moves(
            generation, islands
        )

    def next_after(self, generation: int, islands: int) -> int:
        """The next generation after which islands wait for each other; a lone one never does."""
        if islands == 1:
            return generation + 1
        intervals = (self.migration.interval, self.reseeding.interval)
        return min((generation // interval + 1) * interval for interval in intervals)


def _best(members: tuple[Member, ...]) -> float:
    score = members[0][0].evaluation.score if members else None
    return -np.inf if score is None else score
