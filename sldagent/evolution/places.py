"""Where a candidate stands in a run; its number and its generators follow from that alone."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a generator is for, so that no two uses share a stream."""

    PARENTS = 0
    PROPOSAL = 1
    RESEEDING = 3


def generator(
    seed: int, island: int, generation: int, slot: int, purpose: Purpose
) -> np.random.Generator:
    """The generator of one place and purpose; nothing else decides what it gives."""
    return np.random.default_rng(np.random.SeedSequence([seed, island, generation, slot, purpose]))


@dataclass(frozen=True, slots=True)
class Places:
    """The numbering of a run's candidates.

    Generation 0 deals the start programs to the islands in turn; where there are fewer programs
    than islands, they are dealt again until every island has one. After it, step k of an island is
    slot k % `offspring` of generation 1 + k // `offspring`.

    Attributes:
        islands: Number of islands.
        offspring: Proposals of an island a generation.
        starts: Number of start programs.
    """

    islands: int
    offspring: int
    starts: int

    @property
    def first(self) -> int:
        """Number of candidates in generation 0."""
        return max(self.starts, self.islands)

    def number(self, generation: int, island: int, slot: int) -> int:
        """The number of the candidate at this place."""
        if generation == 0:
            return slot * self.islands + island
        return self.first + ((generation - 1) * self.islands + island) * self.offspring + slot

    def place(self, step: int) -> tuple[int, int]:
        """Generation and slot of an island's step."""
        return 1 + step // self.offspring, step % self.offspring

    def step(self, number: int) -> tuple[int, int]:
        """Island and step of a candidate after generation 0."""
        before, slot = divmod(number - self.first, self.offspring)
        generation, island = divmod(before, self.islands)
        return island, generation * self.offspring + slot

    def generations_within(self, candidates: int) -> int:
        """Whole generations after generation 0 that make at most so many candidates."""
        return max(0, (candidates - self.first) // (self.islands * self.offspring))
