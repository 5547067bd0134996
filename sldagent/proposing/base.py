"""What a proposer is to a search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sldagent.candidate import Candidate
from sldagent.program import Program


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new program with where it comes from; it carries all that registering it needs.

    Attributes:
        program: What is to be judged.
        parents: Numbers of the candidates it was edited from.
        exemplars: Numbers of the candidates the proposer was shown.
        change: What was done, in words.
    """

    program: Program
    parents: tuple[int, ...]
    exemplars: tuple[int, ...]
    change: str


class Proposer(Protocol):
    """Writes a new program from parents; deterministic given its generator, unless it says not."""

    @property
    def name(self) -> str:
        """Short name, stored with every candidate."""
        ...

    def propose(
        self, parents: Sequence[tuple[Candidate, Program]], rng: np.random.Generator
    ) -> Proposal | None:
        """One proposal from these parents; None where nothing can be changed."""
        ...
