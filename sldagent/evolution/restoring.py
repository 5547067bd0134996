"""What a search knew after a generation, from what its journal holds."""

from collections.abc import Iterable
from typing import Any

from sldagent.evolution.journal import Journal
from sldagent.evolution.places import Places
from sldagent.evolution.search import SearchConfig

_MADE, _CAME = 0, 1  # what an island makes in a step it sees before what comes to it then


def committed_until(
    journal: Journal, places: Places, generation: int
) -> tuple[dict[int, tuple[str, float | None]], list[tuple[int, int, int]]]:
    """Candidates of all generations up to one, and what islands saw of them.

    Returns:
        Program hash and score by number; and step, island and number in the order of seeing, since
        of one program an island remembers the candidate that it saw first.
    """
    facts, seen = {}, []
    for number, name, score in journal.facts(places.number(generation + 1, 0, 0)):
        facts[number] = (name, score)
        if number < places.first:
            island, step = number % places.islands, -1
        else:
            island, step = places.step(number)
        seen.append((step, _MADE, island, number))
    for when, island, number in journal.arrivals():
        if when <= generation:
            seen.append((when * places.offspring - 1, _CAME, island, number))
    ordered = sorted(seen, key=lambda note: note[:2])
    return facts, [(step, island, number) for step, _, island, number in ordered]


def last_steps(places: Places, numbers: Iterable[int]) -> list[int]:
    """The last committed step of every island, or -1, by the numbers of committed candidates."""
    last = [-1] * places.islands
    for number in numbers:
        if number >= places.first:
            island, step = places.step(number)
            last[island] = max(last[island], step)
    return last


class Checkpoints:
    """How a search stood after a generation, kept now and then to go on from."""

    def __init__(self, journal: Journal, config: SearchConfig) -> None:
        self._journal = journal
        self._config = config
        self._kept = 0  # the generation of the last one

    def is_due(self, generation: int) -> bool:
        """Whether enough generations have passed since the last one."""
        return generation - self._kept >= self._config.checkpoint_every

    def keep(self, generation: int, state: dict[str, Any]) -> None:
        """Keeps one, and those before it that it may take to answer the questions open now."""
        ahead = -(-(self._config.lag + 1) // self._config.offspring)
        self._journal.checkpoint(generation, state, generation - ahead)
        self._kept = generation

    def latest(self, last: list[int]) -> tuple[int, dict[str, Any]] | None:
        """The latest one before which no question is open; None where there is none.

        What was asked for before it must be answered, as its questions are gone. `last` is from
        `last_steps`.
        """
        for generation, state in self._journal.checkpoints():
            after = generation * self._config.offspring - 1
            # One without a champion was kept by an earlier version: begin at the beginning.
            if "champion" in state and min(last) > after + self._config.lag:
                self._kept = generation
                return generation, state
        return None
