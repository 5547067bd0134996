"""Pseudo-tests: the top of the training rows is hidden, and the rest is all that a search has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sldagent.cuts import Cut, make_cuts
from sldagent.data.writing import write_table
from sldagent.errors import DataError
from sldagent.table import Table
from sldagent.task import Task


@dataclass(frozen=True)
class PseudoTest:
    """A task whose top is hidden.

    Attributes:
        name: Of the cut that hides it.
        seen: The rows that a search gets.
        hidden: The rows that judge its result.
        cuts: Of the seen rows, by the task's own rules.
    """

    name: str
    seen: Table
    hidden: Table
    cuts: tuple[Cut, ...]


def pseudo_tests(task: Task, table: Table) -> Iterator[PseudoTest]:
    """One for every cut of the task that leaves rows which can be cut again."""
    for outer in make_cuts(task, table):
        seen = table.rows(outer.fit)
        try:
            cuts = make_cuts(task, seen)
        except DataError:
            continue
        yield PseudoTest(outer.name, seen, table.rows(outer.held_out), cuts)


def some(tests: list[PseudoTest], most: int) -> list[PseudoTest]:
    """At most so many of them, evenly from all."""
    if len(tests) <= most:
        return tests
    return [tests[round(i * (len(tests) - 1) / max(1, most - 1))] for i in range(most)]


def write_pseudo(test: PseudoTest, task: Task, folder: Path) -> Path:
    """Writes seen and hidden rows as `train.csv` and `test.csv`; returns the folder for `--data`.

    What reads and counts test rows then reads the hidden rows, and nothing else does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("train.csv", test.seen), ("test.csv", test.hidden)):
        fresh = folder / f".{name}"
        write_table(fresh, task, table)
        fresh.replace(folder / name)
    return folder
