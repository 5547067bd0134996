"""What a search knew after a generation, from what its journal holds."""

from sldagent.evolution.journal import Journal
from sldagent.evolution.places import Places

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
