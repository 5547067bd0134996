"""Who becomes a parent, and what is shown beside the parents."""

from dataclasses import dataclass

import numpy as np

from sldagent.evolution.population import structure
from sldagent.proposing.base import Member


@dataclass(frozen=True, slots=True)
class RankSelection:
    """The k-th best is drawn with a weight that falls linearly in k.

    Only ranks count, as scores have no lower bound.

    Attributes:
        uniform: Draw all members equally often instead.
    """

    uniform: bool = False

    def parents(self, members: tuple[Member, ...], rng: np.random.Generator) -> tuple[Member, ...]:
        """Two different members, or one where there is no other; the first is to be edited."""
        weights = np.arange(len(members), 0, -1, dtype=float)
        if self.uniform:
            weights = np.ones(len(members))
        count = min(2, len(members))
        drawn = rng.choice(len(members), size=count, replace=False, p=weights / weights.sum())
        return tuple(members[i] for i in drawn)


@dataclass(frozen=True, slots=True)
class BestExemplars:
    """The best members beside the parents, each of another structure.

    Attributes:
        count: Most exemplars.
    """

    count: int = 3

    def choose(
        self, members: tuple[Member, ...], parents: tuple[Member, ...]
    ) -> tuple[Member, ...]:
        """At most `count` members, best first."""
        seen = {structure(program) for _, program in parents}
        chosen: list[Member] = []
        for member in members:
            if len(chosen) == self.count:
                break
            text = structure(member[1])
            if text not in seen:
                seen.add(text)
                chosen.append(member)
        return tuple(chosen)
