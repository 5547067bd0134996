"""What a search is made of, and what it tells of a generation."""

from dataclasses import dataclass, field

from sldagent.candidate import Candidate
from sldagent.evolution.island import IslandView
from sldagent.evolution.migration import Exchange
from sldagent.evolution.selection import BestExemplars, RankSelection


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How wide a search is, and its strategies.

    Attributes:
        islands: Number of islands.
        offspring: Proposals of an island a generation.
        lag: A proposal sees its island as of so many steps before; also the most proposals that an
            island has under way.
        capacity: Most members of an island.
        seed: Of every random generator.
        checkpoint_every: Generations after which the islands' state is kept, so that going on
            with a long search need not repeat it from its start.
    """

    islands: int = 4
    offspring: int = 1
    lag: int = 1
    capacity: int = 40
    seed: int = 0
    checkpoint_every: int = 25
    selection: RankSelection = field(default_factory=RankSelection)
    exemplars: BestExemplars = field(default_factory=BestExemplars)
    exchange: Exchange = field(default_factory=Exchange)


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation that every island has finished.

    Attributes:
        number: From 0, the start programs.
        candidates: What it committed, by number.
        best: The best candidate of the run so far.
        islands: How the islands stand; a fast one may be further.
        recorded: Whether all of it had been committed before this driver began.
    """

    number: int
    candidates: tuple[Candidate, ...]
    best: Candidate | None
    islands: tuple[IslandView, ...]
    recorded: bool
