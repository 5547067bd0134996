"""The checklist of the survey "(Mis)Fitting" (arXiv:2502.18969), filled in as far as can be known.

What a task file and its table say is known; the rest is missing. A point that has no key in
`task.toml` counts as known where a sentence of its descriptions or its provenance speaks of it, and
that sentence is shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sldagent.cuts import Cut
from sldagent.data.findings import Repeats
from sldagent.table import Table
from sldagent.task import Column, Role, Task

_DATA_ROLES = (Role.DATA, Role.UNIQUE_DATA)


@dataclass(frozen=True, slots=True)
class Item:
    """One point of the checklist: `known`, or else what is `missing`; the other is empty."""

    section: str
    point: str
    known: str = ""
    missing: str = ""


def make_checklist(
    task: Task, table: Table, cuts: tuple[Cut, ...], repeats: Repeats
) -> tuple[Item, ...]:
    """All points, by section: hypothesis, set-up, data collection, fitting."""
    return (
        *_hypothesis(task),
        *_set_up(task, table, repeats),
        *_collection(task, table),
        *_fitting(task, cuts),
    )


def _hypothesis(task: Task) -> Iterator[Item]:
    section = "hypothesis"
    yield Item(section, "form", missing="the law is not chosen yet; its program states it")
    names = ", ".join(f"{column.name} ({column.role})" for column in task.features)
    yield Item(section, "variables", f"{', '.join(task.target_names)} over {names}")
    if task.parameter_limit:
        yield Item(section, "free parameters", f"at most {task.parameter_limit} in a group")
    else:
        yield Item(section, "free parameters", missing="parameter_limit is not set in task.toml")
    yield Item(section, "why this form", missing="to be said with the law that is chosen")


def _set_up(task: Task, table: Table, repeats: Repeats) -> Iterator[Item]:
    section = "set-up"
    levels = ", ".join(
        f"{len(np.unique(x))} {column.name}"
        for column, x in zip(task.features, table.x.T, strict=True)
    )
    groups = len(table.group_names)
    of_groups = f" in {groups} groups" if groups > 1 else ""
    yield Item(section, "runs", f"{len(table)} rows{of_groups}; distinct values: {levels}")
    if repeats.rows:
        yield Item(section, "repeats", f"{repeats.rows} rows repeat the features of another")
    else:
        yield Item(section, "repeats", missing="none in the table: seed noise is unknown")
    for column in task.features:
        if column.role is Role.SIZE:
            point = f"what {column.name} counts"
            if re.search("embedding", column.description, re.IGNORECASE):
                yield Item(section, point, _one_line(column.description))
            else:
                known = _one_line(f"{column.description} With or without embeddings?")
                yield Item(section, point, missing=known)
        elif column.role in _DATA_ROLES:
            yield _described(section, f"what {column.name} counts", column)
    names = [c.name for c in task.features if c.role in (Role.RATE, Role.BATCH)]
    told = f"columns {', '.join(names)}" if names else ""
    told = told or _sentence(task, r"learning rate|hyper-?parameter|optimi[sz]er|schedule|batch")
    yield _told(section, "hyper-parameters", told, "which, and do they change with scale?")


def _collection(task: Task, table: Table) -> Iterator[Item]:
    section = "data collection"
    yield Item(section, "points", f"{len(table)}, from {table.origin}")
    yield (
        Item(section, "source", _one_line(task.provenance))
        if task.provenance
        else Item(section, "source", missing="provenance is not set in task.toml")
    )
    told = _sentence(task, r"checkpoint|end of training|final|intermediate")
    yield _told(section, "checkpoints", told, "final losses only, or checkpoints of runs too?")
    told = _sentence(task, r"smooth|averag|mean of|median of")
    yield _told(section, "smoothing", told, "averaged or smoothed, over what?")
    for column in task.targets:
        yield _described(section, f"what {column.name} measures", column)
    told = _sentence(task, r"\bdropped|exclud|filter|removed|left out|outlier")
    yield _told(section, "points dropped", told, "which, and why?")


def _fitting(task: Task, cuts: tuple[Cut, ...]) -> Iterator[Item]:
    section = "fitting"
    for point in ("objective, weights", "optimiser, tolerances", "starts, bounds"):
        yield Item(section, point, missing="the law is not chosen yet; its program states it")
    names = "; ".join(cut.name for cut in cuts)
    told = f"extrapolation, {len(cuts)} cuts: {names}" if cuts else ""
    yield _told(section, "held-out check", told, "no rows can be held out")
    yield Item(section, "intervals", missing="none before a law is fitted")
    yield Item(section, "goodness of fit", "R², NMSE and NMAE for every cut and group")


def _described(section: str, point: str, column: Column) -> Item:
    unit = f" [{column.unit}]" if column.unit else ""
    if column.description:
        return Item(section, point, _one_line(column.description) + unit)
    return Item(section, point, missing=f"column '{column.name}' has no description in task.toml")


def _told(section: str, point: str, told: str, question: str) -> Item:
    return Item(section, point, told) if told else Item(section, point, missing=question)


def _sentence(task: Task, words: str) -> str:
    """The first sentence of the task's prose in which one of the words stands; empty if none."""
    prose = [task.description, task.provenance]
    prose += [column.description for column in (*task.features, *task.targets)]
    sentences = (s for text in prose for s in re.split(r"(?<=[.;])\s+", _one_line(text)))
    return next((s for s in sentences if re.search(words, s, re.IGNORECASE)), "")


def _one_line(text: str) -> str:
    return " ".join(text.split())
