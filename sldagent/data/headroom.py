"""Whether held-out rows can tell a good law from a bad one.

A ruler for that: what a constant predicts, and what the simplest laws predict that numpy fits in a
millisecond. Where none of these beats the constant, or the constant leaves nothing to gain, a score
on these rows ranks programs by chance.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sldagent.cuts import Cut
from sldagent.scales import AS_IT_IS, offset_of
from sldagent.table import Table
from sldagent.task import Role, Task

Floats = NDArray[np.float64]
Basis = Callable[[Floats, NDArray[np.bool_]], Floats]

# A simple law must take away this much of the constant's error, averaged over the cuts.
GAIN = 0.05
# With fewer held-out rows, R² is as good as chance.
ROWS = 4

_EXPONENTS = (0.2, 0.4, 0.8)


def find_problems(
    task: Task, table: Table, cuts: tuple[Cut, ...], noise: Floats | None = None
) -> list[str]:
    """Why a score on these cuts would say little: one sentence each, none where all is well.

    `noise` is the standard deviation of each target among repeated runs, where it is known.
    """
    found = []
    largest = max(len(cut.held_out) for cut in cuts)
    if largest < ROWS:
        found.append(
            f"cut too small: no cut holds out more than {largest} rows, and R² needs {ROWS} at"
            " least; add rows or raise the shares of [[cuts]]"
        )
    flat = [cut for cut in cuts if not _varies(table.y[cut.held_out]).all()]
    if flat:
        found.append(
            f"no variance: a target is as good as constant in the held-out rows of cut"
            f" {flat[0].name}; choose other axes or shares in [[cuts]]"
        )
    usable = [cut for cut in cuts if cut not in flat]
    if not usable:
        return found
    constant = np.array([_nmse(table, cut, _constant(table, cut)) for cut in usable])
    if (constant < GAIN).all():
        found.append(
            "no headroom: the mean of each group's fit rows already predicts the held-out rows to"
            f" R² {1 - constant.max():.2f} or better; what varies there is the groups, not what a"
            " law says"
        )
    elif (gain := _best_gain(task, table, usable, constant)) < GAIN:
        found.append(
            f"no headroom: the best of {len(list(_bases(task)))} simple laws predicts the held-out"
            f" rows no better than a constant does ({gain:+.0%} of its error taken away); targets"
            " there look like noise, or the features miss what matters"
        )
    if noise is not None:
        found += _noise(task, table, usable, noise)
    return found


def _noise(task: Task, table: Table, cuts: list[Cut], noise: Floats) -> list[str]:
    """Targets whose repeats differ as much as the held-out rows do, in every cut."""
    variances = np.stack([table.y[cut.held_out].var(axis=0) for cut in cuts])
    share = np.min(noise**2 / variances, axis=0)
    return [
        f"no headroom: among repeats, {name} varies by {noise[i]:.3g}, which is {share[i]:.0%} of"
        " the held-out rows' variance; average the repeats, or hold out larger steps"
        for i, name in enumerate(task.target_names)
        if share[i] > 0.5
    ]


def _best_gain(task: Task, table: Table, cuts: list[Cut], constant: Floats) -> float:
    """Share of the constant's error that the best simple law takes away, averaged over cuts.

    One law for all cuts: the best of each would be the luckiest.
    """
    gains = []
    for basis, logarithm in _bases(task):
        if logarithm and (table.y <= 0).any():
            continue
        errors = [_nmse(table, cut, _fitted(task, table, cut, basis, logarithm)) for cut in cuts]
        gains.append(float(np.mean(1 - np.array(errors) / constant)))
    return max(gains)


def _bases(task: Task) -> Iterator[tuple[Basis, bool]]:
    """Terms beside the constant, and whether they add up to the target's logarithm."""
    yield _logs, False
    yield _logs, True
    yield _log_squares, False
    if any(_is_scale(column.role) for column in task.features):
        for exponent in _EXPONENTS:
            yield partial(_powers, exponent=exponent), False


def _logs(x: Floats, scales: NDArray[np.bool_]) -> Floats:
    return np.where(scales, np.log(np.where(scales, x, 1.0)), x)


def _log_squares(x: Floats, scales: NDArray[np.bool_]) -> Floats:
    z = _logs(x, scales)
    return np.concatenate([z, (z - z.mean(axis=0)) ** 2], axis=1)


def _powers(x: Floats, scales: NDArray[np.bool_], exponent: float) -> Floats:
    return np.where(scales, np.where(scales, x, 1.0) ** -exponent, x)


def _fitted(task: Task, table: Table, cut: Cut, basis: Basis, logarithm: bool) -> Floats:
    """Predictions of the held-out rows by least squares on the fit rows, each group by itself."""
    scales = np.array([_is_scale(column.role) for column in task.features])
    roles = [column.role for column in task.features]
    offsets = [offset_of(values, role) for values, role in zip(table.x.T, roles, strict=True)]
    y = np.log(table.y) if logarithm else table.y
    predicted = np.empty((len(cut.held_out), y.shape[1]))
    for fit, out, places in _groups(table, cut):
        terms = basis((table.x + offsets)[np.concatenate([fit, out])], scales)
        centre, spread = terms[: len(fit)].mean(axis=0), terms[: len(fit)].std(axis=0)
        # A term that is constant but for rounding is left out.
        terms = (terms - centre) / np.where(spread > 1e-12 * np.abs(centre), spread, np.inf)
        design = np.column_stack([np.ones(len(terms)), terms])
        solution = np.linalg.lstsq(design[: len(fit)], y[fit], rcond=1e-9)[0]
        predicted[places] = design[len(fit) :] @ solution
    return np.exp(np.clip(predicted, -700, 700)) if logarithm else predicted


def _constant(table: Table, cut: Cut) -> Floats:
    """The mean of the fit rows of each group, for its held-out rows."""
    predicted = np.empty((len(cut.held_out), table.y.shape[1]))
    for fit, _, places in _groups(table, cut):
        predicted[places] = table.y[fit].mean(axis=0)
    return predicted


def _groups(table: Table, cut: Cut) -> Iterator[tuple[NDArray[np.intp], ...]]:
    """Of each group with held-out rows: fit rows, held-out rows, and where the latter stand."""
    fit_codes, out_codes = table.group_codes[cut.fit], table.group_codes[cut.held_out]
    for code in np.unique(out_codes):
        places = np.flatnonzero(out_codes == code)
        yield cut.fit[fit_codes == code], cut.held_out[places], places


def _nmse(table: Table, cut: Cut, predicted: Floats) -> float:
    """Mean over targets of MSE / population variance, over the held-out rows of all groups."""
    y = table.y[cut.held_out]
    return float(np.mean(((predicted - y) ** 2).mean(axis=0) / y.var(axis=0)))


def _varies(y: Floats) -> NDArray[np.bool_]:
    """Whether each target varies by more than rounding."""
    scale = np.maximum(np.abs(y).max(axis=0), np.finfo(float).tiny)
    return np.asarray(np.ptp(y, axis=0) / scale > 1e-9)


def _is_scale(role: Role | None) -> bool:
    return role not in AS_IT_IS
