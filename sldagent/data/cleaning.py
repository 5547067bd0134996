"""Takes rows out of a user's table that no law should be fitted to, and says which."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Finding, Keep, Wishes
from sldagent.data.frames import Frame
from sldagent.data.naming import Meaning, guess_by_name, rises_by_name, says_failed, words_of
from sldagent.task import Role

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_FINISHED = frozenset(("finished", "completed", "complete", "done", "success", "succeeded", "ok"))
_NO = frozenset(("false", "no", "0", "n", ""))
# Logarithm of the least factor between a target that belongs and one that comes of divergence.
_GAP = np.log(5.0)
# So few rows across a narrower gap came of divergence if it is that much wider than any below.
_FEW, _NARROW, _FAR_WIDER = 0.05, np.log(1.3), 10.0
_LEAST_STEPS = 3
_FEW_RUNS, _FEW_NAMED = 15, 8  # with fewer the rows on the way are what there is
_FEW_ROUNDS = 32
_APART = 0.9  # of rows have a step of their own in a run; one that was resumed may repeat some
_REPEATS_OF_LEVEL = 3
_RUN_WORDS = frozenset(("run", "runs", "job", "exp", "experiment", "uid", "uuid"))
_NAMING = (Meaning.CAUSE, Meaning.LABEL)  # what labels may be that tell what was run
# With a smaller share of cells that are numbers, a column is one of labels.
NUMERIC = 0.8


def drop_copies(frame: Frame, wishes: Wishes) -> tuple[Frame, list[Finding]]:
    """Leaves out rows that equal an earlier one in every cell."""
    seen: dict[tuple[str, ...], int] = {}
    for i, cells in enumerate(zip(*frame.columns.values(), strict=True)):
        seen.setdefault(tuple(map(str, cells)), i)
    copies = np.ones(len(frame), dtype=np.bool_)
    copies[list(seen.values())] = False
    if not copies.any():
        return frame, []
    what = f"copies of another row, in every cell: {rows_of(copies)} ({places(frame, copies)})"
    if Keep.COPIES in wishes.keep:
        return frame, [Finding(what, "kept, and weigh twice", "leave out --keep copies")]
    return frame.rows(~copies), [Finding(what, "left out", "--keep copies")]


def drop_unfinished(frame: Frame, wishes: Wishes) -> tuple[Frame, list[Finding]]:
    """Leaves out runs whose state is not that of a run that came to its end."""
    for name in frame.columns:
        guess = guess_by_name(name)
        if guess is None or guess.meaning is not Meaning.STATE or name in wishes.targets:
            continue
        states = [state.lower() for state in frame.texts(name)]
        well = _NO if says_failed(name) else _FINISHED
        finished = np.array([state in well for state in states])
        if not finished.any() or finished.all():
            continue
        others = sorted(
            {s or "empty" for s, done in zip(states, finished, strict=True) if not done}
        )
        what = f"{name} is {' or '.join(others)} in {rows_of(~finished)}"
        if Keep.UNFINISHED in wishes.keep:
            return frame, [Finding(what, "kept", "leave out --keep unfinished")]
        return frame.rows(finished), [Finding(what, "left out", "--keep unfinished")]
    return frame, []


def drop_without_target(frame: Frame, wishes: Wishes) -> tuple[Frame, list[Finding]]:
    """Leaves out rows without a finite number for every target."""
    keep = np.ones(len(frame), dtype=np.bool_)
    found = []
    for name in wishes.targets:
        missing = frame.missing(name)
        bad = ~np.isfinite(frame.numbers(name)) & ~missing
        ignore = f"leave out --target {name}" if len(wishes.targets) > 1 else ""
        if missing.any():
            what = f"no {name} in {rows_of(missing)} ({places(frame, missing)})"
            found.append(Finding(what, "left out", ignore))
        if bad.any():
            cells = sorted({str(frame.columns[name][i])[:20] for i in np.flatnonzero(bad)})[:3]
            what = f"{name} is {', '.join(cells)} in {rows_of(bad)} ({places(frame, bad)})"
            found.append(Finding(what, "diverged or no number, left out", ignore))
        keep &= ~missing & ~bad
    return frame.rows(keep), found


def drop_diverged(frame: Frame, wishes: Wishes) -> tuple[Frame, list[Finding]]:
    """Leaves out rows whose target lies far above all others, across a gap that nothing explains.

    Of a rate, that all runs at the highest diverged explains no wide gap.
    """
    found = []
    out = np.zeros(len(frame), dtype=np.bool_)
    for name in wishes.targets:
        values = frame.numbers(name)
        highest, narrow = _highest_that_belongs(values)
        huge = values > highest
        if not huge.any() or rises_by_name(name) or _is_explained(frame, huge, narrow, wishes):
            continue
        found.append(diverged(frame, name, huge, f"{highest:.4g} at most elsewhere", wishes))
        out |= huge
    return frame if Keep.DIVERGED in wishes.keep else frame.rows(~out), found


def diverged(frame: Frame, name: str, rows: Bools, beside: str, wishes: Wishes) -> Finding:
    """That rows have diverged, by their target and what the others beside them have."""
    least = frame.numbers(name)[rows].min()
    what = (
        f"{name} is {least:.4g} and more in {rows_of(rows)} ({places(frame, rows)}), and {beside}"
    )
    if Keep.DIVERGED in wishes.keep:
        return Finding(what, "kept", "leave out --keep diverged")
    return Finding(what, "taken for diverged, left out", "--keep diverged")


def _is_explained(frame: Frame, high: Bools, rates: bool, wishes: Wishes) -> bool:
    """Whether a column tells the high rows from all others: one language, or the least model."""
    for name in frame.columns:
        if is_label(frame, name):
            texts = np.array(frame.texts(name))
            guess = guess_by_name(name)
            known = is_planned(frame, name) and (guess is None or guess.meaning in _NAMING)
            if known and not set(texts[high]) & set(texts[~high]):
                return True
        elif _is_cause(frame, name, "", wishes) and (rates or not _is_rate(name, wishes)):
            values = frame.numbers(name)
            own, other = values[high], values[~high]
            if np.isfinite(values).all() and (own.min() > other.max() or own.max() < other.min()):
                return True
    return False


def _role_of(name: str, wishes: Wishes) -> Role | None:
    """The role that a user gave a column, or that its name has."""
    guess = guess_by_name(name)
    return wishes.roles.get(name, guess.role if guess is not None else None)


def _is_rate(name: str, wishes: Wishes) -> bool:
    return _role_of(name, wishes) is Role.RATE


def _highest_that_belongs(values: Floats) -> tuple[float, bool]:
    """The largest target below the first gap in the upper half; the largest where there is none.

    A gap is wide, and wider than twice any below it: steep laws have steps everywhere. A narrower
    one parts few rows and is far wider than any below it; second comes whether it is one of these.
    What is at most one, as scores are, is never huge.
    """
    ordered = np.sort(values)
    if len(ordered) < 5 or ordered[0] <= 0 or ordered[-1] <= 1:
        return float(ordered[-1]), False
    steps = np.diff(np.log(ordered))
    below = np.maximum.accumulate(steps)[:-1]
    wide = np.flatnonzero(steps[1:] > np.maximum(_GAP, 2 * below)) + 1
    clear = np.flatnonzero(steps[1:] > np.maximum(_NARROW, _FAR_WIDER * below)) + 1
    clear = clear[clear >= (1 - _FEW) * len(ordered) - 1]
    wide = wide[wide >= len(ordered) // 2]
    upper = np.union1d(wide, clear)
    if not len(upper):
        return float(ordered[-1]), False
    return float(ordered[upper[0]]), upper[0] not in wide


def keep_last_steps(frame: Frame, wishes: Wishes) -> tuple[Frame, list[Finding]]:
    """Of curves, with many rows a run, the last row of each run.

    A table in which nothing but the step varies is one of curves only, and keeps its rows. So does
    one of few runs, and one that names no runs where its steps grow by a factor, or are 1, 2, 3 and
    so on: then they are budgets, planned like the sizes beside them.
    """
    step = _progress(frame, wishes)
    if step is None or step in wishes.roles:
        return frame, []
    keys, by = _runs(frame, step, wishes)
    steps = frame.numbers(step)
    if keys is None:
        return frame, []
    apart = len(set(zip(keys.tolist(), steps.tolist(), strict=True)))
    if apart < _APART * len(frame):
        return frame, []  # what has two rows at its steps is more than one run
    lengths = np.bincount(keys)
    if np.median(lengths) < _LEAST_STEPS:
        return frame, []
    what = f"{len(lengths)} runs (by {by}) have {int(np.median(lengths))} rows each along {step}"
    if Keep.STEPS in wishes.keep:
        return frame, [Finding(what, "all kept", "leave out --keep steps")]
    named = _column(frame, Meaning.RUN, wishes) is not None
    if not named and _are_budgets(steps, keys):
        grown = f"{step} grows by a factor from level to level, and no column names runs"
        return frame, [Finding(grown, "every row is a run of its own", "add a column run")]
    if not named and _are_rounds(steps):
        return frame, []
    if len(lengths) < (_FEW_NAMED if named else _FEW_RUNS):
        done = "too few runs for a law of their ends alone: all kept"
        return frame, [Finding(what, done, f"--ignore {step}")]
    order = np.lexsort((np.where(np.isfinite(steps), steps, -np.inf), keys))
    last = np.sort(order[np.cumsum(lengths) - 1])
    done = "of each run only the last row, its final checkpoint, is used, no earlier step"
    return frame.rows(last.tolist()), [Finding(what, done, "--keep steps")]


def runs_of(frame: Frame, wishes: Wishes) -> tuple[str, ...] | None:
    """The run of each row, where runs have several; None where every row is one of its own."""
    step = _progress(frame, wishes)
    if step is None:
        return None
    keys, _ = _runs(frame, step, wishes)
    if keys is None or np.median(np.bincount(keys)) < _LEAST_STEPS:
        return None
    named, steps = _column(frame, Meaning.RUN, wishes) is not None, frame.numbers(step)
    if not named and (_are_budgets(steps, keys) or _are_rounds(steps)):
        return None
    return tuple(map(str, keys.tolist()))


def _are_budgets(steps: Floats, keys: NDArray[np.intp]) -> bool:
    """Whether steps grow by a factor, in all rows together or in most runs.

    In runs alone they do where each batch size has its own, for the same tokens.
    """
    long = np.flatnonzero(np.bincount(keys) >= _LEAST_STEPS)
    growing = [_grow_by_a_factor(steps[keys == run]) for run in long]
    return _grow_by_a_factor(steps) or bool(growing and np.mean(growing) > 0.5)


def _are_rounds(steps: Floats) -> bool:
    """Whether steps are few rounds of one thing, as planned as the sizes beside them."""
    levels = np.unique(steps[np.isfinite(steps)])
    return len(levels) <= _FEW_ROUNDS and _counts_up(levels)


def _grow_by_a_factor(steps: Floats) -> bool:
    """Whether the levels of a column are even in logarithms, about."""
    levels = np.unique(steps[np.isfinite(steps)])
    if len(levels) < 3 or levels[0] <= 0:
        return False
    factors = np.diff(np.log(levels))
    return bool(factors.min() > np.log(1.3) and factors.max() < 2 * factors.min())


def _counts_up(levels: Floats) -> bool:
    """Whether a column's levels are 1, 2, 3 and so on, perhaps from zero."""
    return bool(len(levels) > 1 and levels[0] in (0, 1) and (np.diff(levels) == 1).all())


def _progress(frame: Frame, wishes: Wishes) -> str | None:
    """The column that says how far a run had come: a step, or what alone varies within runs."""
    step = _column(frame, Meaning.STEP, wishes)
    run = _column(frame, Meaning.RUN, wishes)
    # A model's name is no run's: without a step, its rows may well be runs of their own.
    if step is not None or run is None or not _RUN_WORDS & set(words_of(run)):
        return step
    runs = frame.texts(run)
    varying = [
        name
        for name in frame.columns
        if _is_cause(frame, name, "", wishes)
        and _role_of(name, wishes) is not Role.SIZE  # a job that trains several models is no run
        and len(set(zip(runs, frame.texts(name), strict=True))) > len(set(runs))
    ]
    return varying[0] if len(varying) == 1 else None


def _runs(frame: Frame, step: str, wishes: Wishes) -> tuple[NDArray[np.intp] | None, str]:
    """For each row the number of its run, and what tells runs apart."""
    causes = [name for name in frame.columns if _is_cause(frame, name, step, wishes)]
    run = _column(frame, Meaning.RUN, wishes)
    if run is not None and _RUN_WORDS & set(words_of(run)) and _is_unique(frame, run):
        return None, ""  # every row is a run of its own
    if run is not None and _numbers_rows(frame, run, step):
        codes = _codes(list(frame.texts(run)))
        # Something besides the step must differ between runs, or else the curves are the data.
        firsts = np.unique(codes, return_index=True)[1]
        differ = any(len({frame.texts(name)[i] for i in firsts}) > 1 for name in causes)
        return (codes if differ else None), run
    if not causes:
        return None, ""
    columns = [frame.texts(name) for name in causes]
    others = [name for name in frame.columns if _tells_runs_apart(frame, name, wishes)]
    columns += [frame.texts(name) for name in others]
    codes = _codes(list(zip(*columns, strict=True)))
    return codes, ", ".join([*causes, *others][:3])


def _is_unique(frame: Frame, name: str) -> bool:
    return len(set(frame.texts(name))) == len(frame)


def _numbers_rows(frame: Frame, run: str, step: str) -> bool:
    """Whether runs have several rows, and each of a run's rows another step."""
    pairs = set(zip(frame.texts(run), frame.texts(step), strict=True))
    return len(set(frame.texts(run))) < len(pairs) == len(frame)


def _is_cause(frame: Frame, name: str, step: str, wishes: Wishes) -> bool:
    """Whether a column is a varying cause that does not grow with the steps of a run."""
    if name == step or name in wishes.targets or name in wishes.ignore:
        return False
    guess = guess_by_name(name)
    known = name in wishes.roles or (guess is not None and guess.meaning is Meaning.CAUSE)
    known = known or (guess is None and not is_label(frame, name) and is_planned(frame, name))
    return known and len(set(frame.texts(name))) > 1


def _tells_runs_apart(frame: Frame, name: str, wishes: Wishes) -> bool:
    """Whether a column is a seed, a group, or a label that no other meaning explains."""
    if name in wishes.targets or name in wishes.ignore:
        return False
    guess = guess_by_name(name)
    if guess is not None and guess.meaning is Meaning.SEED:
        return True
    label = guess is None or guess.meaning is Meaning.LABEL
    return name in (wishes.groups or ()) or (label and is_label(frame, name))


def is_planned(frame: Frame, name: str) -> bool:
    """Whether every value of a column comes again and again; what was measured hardly does."""
    counts = Counter(text for text in frame.texts(name) if text)
    return bool(counts) and min(counts.values()) >= _REPEATS_OF_LEVEL


def is_crossed(frame: Frame, name: str, wishes: Wishes) -> bool:
    """Whether a column was planned besides the others: they leave it free in most of their cells.

    What follows from others, as the machines that a size needs, has one value in each.
    """
    if not is_planned(frame, name):
        return False
    others = [
        frame.texts(other)
        for other in frame.columns
        if other not in (name, *wishes.targets) and is_planned(frame, other)
    ]
    values: dict[tuple[str, ...], set[str]] = {}
    for *cell, value in zip(*others, frame.texts(name), strict=True):
        values.setdefault(tuple(cell), set()).add(value)
    return sum(len(found) > 1 for found in values.values()) > len(values) / 2


def is_label(frame: Frame, name: str) -> bool:
    """Whether most of a column's cells hold something that is no number."""
    filled = ~frame.missing(name)
    return bool(filled.any()) and float(frame.numeric(name)[filled].mean()) < NUMERIC


def _column(frame: Frame, meaning: Meaning, wishes: Wishes) -> str | None:
    """The first column of a meaning that is no target and tells rows apart."""
    for name in frame.columns:
        guess = guess_by_name(name)
        meant = guess is not None and guess.meaning is meaning
        meant = meant and name not in (*wishes.targets, *wishes.ignore, *(wishes.groups or ()))
        if meant and len(set(frame.texts(name))) > 1:
            return name
    return None


def _codes(keys: Sequence[object]) -> NDArray[np.intp]:
    index: dict[object, int] = {}
    return np.array([index.setdefault(key, len(index)) for key in keys], dtype=np.intp)


def rows_of(chosen: Bools) -> str:
    """How many rows are chosen, in words."""
    number = int(chosen.sum())
    return f"{number} row" if number == 1 else f"{number} rows"


def places(frame: Frame, chosen: Bools) -> str:
    """Where the first few of the chosen rows stand."""
    found = [frame.places[i] for i in np.flatnonzero(chosen)]
    return ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
