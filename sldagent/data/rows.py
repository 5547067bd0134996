"""Turns a user's file into rows by the choices that were made of its columns.

Training and test tables go the same way, so that both mean the same.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Choice, Finding, Use, Wishes
from sldagent.data.cleaning import places, rows_of
from sldagent.data.frames import Frame, read_frame
from sldagent.data.naming import can_be_none
from sldagent.data.reshape import add_settings, to_wide
from sldagent.data.tables import ALL_ROWS, JOIN
from sldagent.data.units import counts_from_one, multiple_of
from sldagent.errors import DataError
from sldagent.scales import domain_of
from sldagent.table import Table

# A group with fewer rows has no curve.
_LEAST_OF_GROUP = 3


def read_shaped(path: Path, wishes: Wishes) -> tuple[Frame, list[str]]:
    """A file with one run a row and a column for each target, and what was done for that."""
    frame, shaped = to_wide(read_frame(path), wishes.targets)
    frame, settings = add_settings(frame)
    notes = [note for note in (shaped, settings) if note]
    if frame.decimal_comma:
        notes.append("numbers have a decimal comma")
    return frame, notes


def usable_rows(frame: Frame, choices: Iterable[Choice]) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Which rows have a number in every feature that its role allows, and a group."""
    keep = np.ones(len(frame), dtype=np.bool_)
    found = []
    for choice in choices:
        if choice.use is Use.FEATURE:
            values = feature_values(frame, choice)
            empty = ~np.isfinite(values)
            wrong = ~empty & ~_allowed(choice, values)
        elif choice.use is Use.GROUP:
            empty, wrong = frame.missing(choice.name), np.zeros(len(frame), dtype=np.bool_)
        else:
            continue
        for bad, what in (
            (empty, "no number" if choice.use is Use.FEATURE else "no text"),
            (wrong, f"no value that role {choice.role} can have"),
        ):
            if bad.any():
                where = f"{rows_of(bad)} ({places(frame, bad)})"
                how = f"--ignore {choice.name}"
                if bad is wrong:
                    how += f", or --role {choice.name}=logged"
                found.append(Finding(f"{choice.name} has {what} in {where}", "left out", how))
        keep &= ~empty & ~wrong
    if not keep.any():
        raise DataError(
            f"{frame.origin}: no row is left: {'; '.join(str(finding) for finding in found)}"
        )
    return keep, found


def _allowed(choice: Choice, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    # Zero steps, or compute, are no amount like others.
    least, most, _ = domain_of(choice.role, 0.0 if can_be_none(choice.name, choice.role) else 1.0)
    return np.asarray((values >= least) & (values <= most))


def feature_values(frame: Frame, choice: Choice) -> NDArray[np.float64]:
    """A feature's numbers as its task has them: of `10M` among millions of parameters, ten."""
    numbers = frame.numbers(choice.name)
    if (multiple := multiple_of(choice.unit)) != 1:
        own = [counts_from_one(cell) for cell in frame.columns[choice.name]]
        numbers = np.where(own, numbers / multiple, numbers)
    return numbers if choice.factor == 1 else numbers * choice.factor


def group_names(frame: Frame, choices: Iterable[Choice]) -> tuple[str, ...]:
    """The name of each row's group, made of all group columns.

    Raises:
        DataError: Two groups would have one name.
    """
    names = [c.name for c in choices if c.use is Use.GROUP]
    if not names:
        return (ALL_ROWS,) * len(frame)
    parts = list(zip(*(frame.texts(name) for name in names), strict=True))
    joined = tuple(JOIN.join(cells) for cells in parts)
    ambiguous = len(set(joined)) < len(set(parts)) or any(JOIN in name for name in names[1:])
    if ambiguous or (len(names) > 1 and JOIN in names[0]):
        raise DataError(
            f"{frame.origin}: '{JOIN}' joins the group columns {', '.join(names)}, and their names"
            " or labels have it, so that groups would be mixed up: write it otherwise there"
        )
    return joined


def large_groups(groups: tuple[str, ...]) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Leaves out groups that have too few rows for any curve."""
    sizes = {name: groups.count(name) for name in dict.fromkeys(groups)}
    small = [name for name, size in sizes.items() if size < _LEAST_OF_GROUP]
    keep = np.array([name not in small for name in groups], dtype=np.bool_)
    if not small or not keep.any():
        return np.ones(len(groups), dtype=np.bool_), []
    named = ", ".join(small[:4]) + (", …" if len(small) > 4 else "")
    what = f"{len(small)} group{'s' if len(small) > 1 else ''} of 1 or 2 rows ({named})"
    return keep, [Finding(what, "left out", "add rows, or --group with another column")]


def make_table(frame: Frame, choices: Iterable[Choice], targets: Iterable[str]) -> Table:
    """The rows of a frame as a task of these columns reads them."""
    features = [c for c in choices if c.use is Use.FEATURE]
    return Table(
        np.stack([feature_values(frame, c) for c in features], axis=1),
        np.stack([frame.numbers(name) for name in targets], axis=1),
        group_names(frame, choices),
        frame.origin,
    )
