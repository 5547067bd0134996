"""The candidate that is exported, with the rows that it was found on and its fit to all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.candidate import Candidate
from sldagent.cuts import Cut, make_cuts
from sldagent.data.sources import load_train
from sldagent.errors import SldagentError, UsageError
from sldagent.export.refit import Draws, Floats, Params, Refitter
from sldagent.program import Program
from sldagent.run import Run
from sldagent.scoring import possible_values, within_possible
from sldagent.table import Table
from sldagent.task import Role, Task

_SCALES = (Role.SIZE, Role.DATA, Role.UNIQUE_DATA)
BEYOND = 10.0  # times the largest run: how far a table of predictions looks ahead


@dataclass(frozen=True)
class Found:
    """A run's candidate with the task and the rows of the run; nothing is fitted yet."""

    run: Run
    task: Task
    table: Table
    cuts: tuple[Cut, ...]
    candidate: Candidate
    program: Program


@dataclass(frozen=True)
class Winner:
    """A candidate, fitted to all training rows.

    Attributes:
        found: Where it comes from.
        params: Per group, shapes kept.
        predicted: Predictions (N, T) for the training rows.
    """

    found: Found
    params: Params
    predicted: Floats


def find_candidate(run: Run, number: int | None = None) -> tuple[Candidate, Program]:
    """The best candidate, or the one with that number.

    Raises:
        UsageError: There is no such candidate, or it has no valid evaluation.
        SldagentError: The run has no valid candidate yet.
    """
    if number is None:
        best = run.best()
        if best is None:
            raise SldagentError(f"run '{run.folder.name}' has no valid candidate yet")
        return best
    candidate = run.candidate(number)
    if candidate.evaluation.score is None:
        status, reason = candidate.evaluation.status, candidate.evaluation.reason
        raise UsageError(f"candidate #{number} is no law: {status}: {reason}")
    return candidate, run.store.program(candidate.program_hash)


def find_rows(run: Run, data: str | None = None) -> tuple[Task, Table, tuple[Cut, ...]]:
    """The run's task and training rows; `data` where the rows have moved.

    Raises:
        UsageError: The rows are not those of the run.
    """
    task = run.task()
    table = load_train(task, data or run.config().data)
    known = run.store.run()["data_sha256"]
    if table.sha256 != known:
        raise UsageError(
            f"the rows from {table.origin} are not those that run '{run.folder.name}' was made "
            f"with (SHA-256 {table.sha256[:12]}, the run's {known[:12]}); give --data PATH"
        )
    return task, table, make_cuts(task, table)


def fit_winner(found: Found, refitter: Refitter) -> Winner:
    """Fits the candidate to all training rows."""
    params = refitter.fit(found.program, found.table)
    predicted = refitter.predict_rows(found.program, params, found.table)
    return Winner(found, params, predicted)


def residual_quantiles(winner: Winner, most: int = 101) -> dict[str, Floats]:
    """Residuals on the training rows by group (K, T), K <= `most`, for intervals of new runs.

    They are scaled up for the numbers that the group's fit spent, and thinned to quantiles.
    """
    table = winner.found.table
    noise = {}
    for g, name in enumerate(table.group_names):
        mine = table.group_codes == g
        rows = int(mine.sum())
        spent = winner.params[name].size / table.y.shape[1]
        residuals = (table.y - winner.predicted)[mine] * np.sqrt(rows / max(1.0, rows - spent))
        if rows > most:
            residuals = np.quantile(residuals, np.linspace(0, 1, most), axis=0)
        noise[name] = np.sort(residuals, axis=0)
    return noise


def intervals_at(
    winner: Winner, refitter: Refitter, draws: Draws, points: Sequence[tuple[str, Floats]],
    level: float,
) -> list[tuple[Floats, Floats, Floats]]:  # fmt: skip
    """Predictions (N, T) and both ends of what a new run may measure, for each (group, rows).

    Ends are NaN where there are no draws.
    """
    found, noise = winner.found, residual_quantiles(winner)
    program = found.program
    possible = possible_values(found.table.y, found.task.target_names)
    calls = [
        (x, params[group], group)
        for group, x in points
        for params in (winner.params, *draws.params)
    ]
    answers = iter(refitter.predict(program, calls))
    results = []
    for group, _ in points:
        value = next(answers)
        drawn = np.array([next(answers) for _ in draws.params])
        if len(drawn):
            ends = np.stack(measured_ends(drawn, noise[group], level))
            low, high = within_possible(value, ends, possible)
        else:
            low = high = np.full_like(value, np.nan)
        results.append((value, low, high))
    return results


def measured_ends(drawn: Floats, noise: Floats, level: float) -> tuple[Floats, Floats]:
    """Ends (N, T) of predictions (draws, N, T) with residuals (K, T): of all sums of one of each.

    Every pair is taken, so that neighbouring points of a curve differ by the law alone.
    """
    ends = [(1 - level) / 2, (1 + level) / 2]
    found = np.empty((2, *drawn.shape[1:]))
    for i in range(drawn.shape[1]):
        values = (drawn[:, i, None] + noise[None]).reshape(-1, noise.shape[1])
        found[:, i] = np.nanquantile(values, ends, axis=0)
    return found[0], found[1]


def largest_points(found: Found) -> list[tuple[str, str, Floats]]:
    """For each group its largest run, and that run with every scale ten times as large.

    Largest is the row furthest along all axes of the cuts at once. Entries: group, words, x (1, F).
    """
    table, task = found.table, found.task
    axes = sorted({axis for cut in found.cuts for axis in cut.axes})
    scales = [j for j, c in enumerate(task.features) if c.role in _SCALES and not c.falls]
    points = []
    for g, name in enumerate(table.group_names):
        x = table.x[table.group_codes == g]
        outward = x[:, axes] * np.array(task.outward)[axes]
        ranks = outward.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
        top = x[[int(ranks.sum(axis=1).argmax())]]
        points.append((name, "largest run", top))
        if scales:
            beyond = top.copy()
            beyond[:, scales] *= BEYOND
            points.append((name, f"{BEYOND:g} times larger", beyond))
    return points


def predict_largest(
    winner: Winner, refitter: Refitter, draws: Draws, level: float
) -> list[dict[str, Any]]:
    """For each place of `largest_points` its group, words, features, and values by target.

    A value has both ends of what a new run may measure there; None where there are no draws, or
    where the law has no finite value.
    """
    task, places = winner.found.task, largest_points(winner.found)
    points = [(group, x) for group, _, x in places]
    values = intervals_at(winner, refitter, draws, points, level)
    return [
        {
            "group": group,
            "where": words,
            "at": dict(zip(task.feature_names, x[0].tolist(), strict=True)),
            "values": {
                name: {
                    word: float(ends[0, t]) if np.isfinite(ends[0, t]) else None
                    for word, ends in (("value", value), ("low", low), ("high", high))
                }
                for t, name in enumerate(task.target_names)
            },
        }
        for (group, words, x), (value, low, high) in zip(places, values, strict=True)
    ]


def make_room(folder: Path, names: Iterable[str], force: bool) -> None:
    """Makes a folder that files of these names can be written into.

    Raises:
        UsageError: A file is there already and may not be replaced, or the folder cannot be made.
    """
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise UsageError(f"{folder / there[0]} exists already; choose another -o, or --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}") from None


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes files into a folder; raises UsageError where that is not possible."""
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, "utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}") from None


def covered(
    winner: Winner, refitter: Refitter, cut: Cut, draws: Draws, level: float
) -> tuple[int, int]:
    """How many of a cut's held-out values intervals made from its fit rows contain, of how many.

    `draws` are refits to the cut's fit rows.
    """
    found = winner.found
    inside = found.table.rows(cut.fit)
    params = refitter.fit(found.program, inside)
    predicted = refitter.predict_rows(found.program, params, inside)
    own = Winner(
        Found(found.run, found.task, inside, (cut,), found.candidate, found.program),
        params,
        predicted,
    )
    held: NDArray[np.intp] = cut.held_out
    hits = total = 0
    names = [found.table.groups[i] for i in held]
    points, actual = [], []
    for name in dict.fromkeys(names):
        rows = held[np.array([n == name for n in names])]
        points.append((name, found.table.x[rows]))
        actual.append(found.table.y[rows])
    for y, (_, low, high) in zip(
        actual, intervals_at(own, refitter, draws, points, level), strict=True
    ):
        hits += int(((y >= low) & (y <= high)).sum())
        total += y.size
    return hits, total
