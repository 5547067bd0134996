"""The fit of one law to a table: scan, minimise, polish, judge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sldagent.errors import DataError
from sldagent.laws.expressions import Array, Law
from sldagent.laws.fitting.batch import Batch, NDArrayInt
from sldagent.laws.fitting.minimise import gauss_newton, minimise, newton
from sldagent.laws.fitting.objectives import SQUARED, Objective, Rho
from sldagent.laws.fitting.projection import scan
from sldagent.laws.fitting.result import Fit, FitStatus, Outcome, evaluate
from sldagent.laws.fitting.units import Units, roles_for, units_of

ILL_CONDITION = 1e6  # parameters are then known ten thousand times worse than predictions
THINNED = 512  # rows of a long table on which starts are first minimised
AGREEMENT = 0.25  # share of starts that must end within 1 % of the best


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look; the default is enough but for `farseer`, which wants 1,000 iterations.

    Attributes:
        points: Points of the scan, times the square of the number of shapes, at most 16 times.
        starts: Starts that are minimised.
        polished: The best of them that Newton's method takes to machine precision.
        iterations: Steps of each start at most; the polish has four times as many, for valleys
            as flat as those of laws with ten parameters.
        rounds: Searches at most, each larger than the last, while starts disagree.
    """

    points: int = 64
    starts: int = 16
    polished: int = 2
    iterations: int = 150
    rounds: int = 3


def fit(
    law: Law,
    x: Array,
    y: Array,
    groups: Sequence[str] | None = None,
    *,
    objective: Objective = SQUARED,
    weights: Array | None = None,
    units: Units | None = None,
    effort: Effort | None = None,
) -> Fit:
    """The law's best parameters for every group and target.

    Args:
        law: The form, common to all groups.
        x: Features (N, F) in any units.
        y: Targets (N,) or (N, T).
        groups: Group of each row; None puts all rows in one group named "all".
        objective: What to minimise.
        weights: Weights (N,) of the rows, for example 1/sigma^2.
        units: Units to fit in, if they shall not follow from these rows.
        effort: How hard to look.

    Raises:
        DataError: rows that do not fit together or that the objective cannot take.
    """
    effort = effort or Effort()
    table = np.asarray(x, float)
    targets = np.asarray(y, float)
    targets = targets[:, None] if targets.ndim == 1 else targets
    row_groups = ["all"] * len(table) if groups is None else [str(g) for g in groups]
    row_weights = np.ones(len(table)) if weights is None else np.asarray(weights, float)
    _check(table, targets, row_groups, row_weights, objective)
    units = units or units_of(table, roles_for([law], table.shape[1]))
    names = tuple(dict.fromkeys(row_groups))
    u = _rounded(units.apply(table))
    # Rows that leave the law open have a valley of optima, and the last bit decides where a fit
    # ends in it: in one order, with bits that no unit has a say in, it is always the same.
    order = np.lexsort([row_weights, *targets.T, *u.T])
    members = [order[np.array(row_groups)[order] == name] for name in names]
    batch, scale = make_batch(law, objective, u, targets, row_weights, members)
    best, loss, share = search(batch, effort)
    values = batch.values(best)
    values[:, : batch.count] *= scale[:, None]
    size = np.ones_like(loss) if objective.log else scale**2
    shape = (len(names), targets.shape[1])
    outcomes = [
        _judge(batch.take(np.array([i])), best[i], values[i], loss[i], size[i], share[i])
        for i in range(len(best))
    ]
    grid = tuple(tuple(outcomes[g * shape[1] : (g + 1) * shape[1]]) for g in range(shape[0]))
    index = np.empty(len(table), dtype=np.intp)
    for g, rows in enumerate(members):
        index[rows] = g
    columns = values.reshape(*shape, -1)[index].transpose(1, 2, 0)
    r2 = pooled_r2(targets, evaluate(law, u, columns))
    return Fit(law, objective, units, names, grid, r2)


def _rounded(u: Array) -> Array:
    """Features to forty bits, twelve digits, which are the same in every unit."""
    mantissa, exponent = np.frexp(u)
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissa, 40)), exponent - 40))


def pooled_r2(y: Array, predicted: Array) -> float:
    """R2 = 1 - mean over targets of MSE / variance, rows of all groups together."""
    variance = np.maximum(y.var(axis=0), 1e-300)
    return float(1 - np.mean(np.mean((y - predicted) ** 2, axis=0) / variance))


def _check(x: Array, y: Array, groups: Sequence[str], weights: Array, objective: Objective) -> None:
    if x.ndim != 2 or y.ndim != 2 or not len(x) == len(y) == len(groups) == len(weights):
        raise DataError("features (N, F), targets (N, T), groups and weights must have equal N")
    if len(x) == 0:
        raise DataError("there are no rows to fit")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(weights).all()):
        raise DataError("features, targets and weights must be finite")
    if np.any(weights < 0):
        raise DataError("weights must not be negative")
    if objective.log and not np.all(y > 0):
        raise DataError(f"objective {objective.name} needs positive targets")


def make_batch(
    law: Law, objective: Objective, u: Array, y: Array, w: Array, members: Sequence[NDArrayInt]
) -> tuple[Batch, Array]:
    """Problems padded to the longest group, group by group, and the targets' scales."""
    longest = max(len(rows) for rows in members)
    padded = np.array([np.resize(rows, longest) for rows in members])
    real = np.arange(longest) < np.array([[len(rows)] for rows in members])
    each = np.repeat(np.arange(len(members)), y.shape[1])
    rows = padded[each]
    target = np.tile(np.arange(y.shape[1]), len(members))[:, None]
    ys, ws = y[rows, target], np.where(real[each], w[rows], 0.0)
    total = np.maximum(ws.sum(axis=1), 1e-300)
    scale = np.sqrt(np.sum(ws * ys**2, axis=1) / total)
    scale = np.where(scale > 0, scale, 1.0)
    delta = np.full(len(ys), objective.delta)
    if objective.rho is not Rho.SQUARE and not objective.log:
        middle = np.sum(ws * ys, axis=1) / total
        spread = np.sqrt(np.sum(ws * (ys - middle[:, None]) ** 2, axis=1) / total)
        delta = objective.delta * np.where(spread > 0, spread / scale, 1.0)
    features = tuple(u[rows, c] for c in law.columns)
    return Batch(law, objective, features, ys / scale[:, None], ws, delta), scale


def search(batch: Batch, effort: Effort) -> tuple[Array, Array, Array]:
    """Best coordinates (P, p), their objectives (P,) and the share of starts (P,) that agree.

    Problems whose starts disagree are searched again, with four times the points and twice the
    starts, until `effort.rounds` is used up.
    """
    points = effort.points * min(16, max(1, len(batch.law.shapes) ** 2))
    starts, used = effort.starts, points
    best, loss, ends = _descend(batch, scan(batch, points, starts), effort)
    share = _agreement(batch, loss, ends)
    open_ = np.arange(len(best))
    for _ in range(effort.rounds - 1):
        doubtful = (share[open_] < AGREEMENT) & (loss[open_] > _rounding(batch)[open_])
        open_, ends = open_[doubtful], ends[doubtful]
        if not len(open_):
            break
        points, starts = 4 * points, 2 * starts
        part = batch.take(open_)
        again, new, more = _descend(part, scan(part, points, starts, used), effort)
        used += points
        better = new < loss[open_]
        best[open_[better]], loss[open_[better]] = again[better], new[better]
        ends = np.concatenate([ends, more], axis=1)
        share[open_] = _agreement(part, loss[open_], ends)
    return best, loss, share


def _descend(batch: Batch, starts: Array, effort: Effort) -> tuple[Array, Array, Array]:
    """Best coordinates (P, p) from starts (P, S, p), their objectives, every start's end (P, S)."""
    problems, count, size = starts.shape
    each = np.repeat(np.arange(problems), count)
    part = _thinned(batch)
    q, ends = minimise(
        part.take(each), starts.reshape(-1, size), gauss_newton, effort.iterations, 1e-10
    )
    q, ends = q.reshape(starts.shape), ends.reshape(problems, count)
    order = np.argsort(ends, axis=1, kind="stable")[:, : min(effort.polished, count)]
    rows = np.arange(problems)[:, None]
    top = q[rows, order].reshape(-1, size)
    whole = batch.take(np.repeat(rows[:, 0], order.shape[1]))
    if part is not batch:
        top, _ = minimise(whole, top, gauss_newton, effort.iterations, 1e-10)
    polished, exact = minimise(whole, top, newton, 4 * effort.iterations, 1e-15)
    exact = exact.reshape(order.shape)
    winner = np.argmin(exact, axis=1)
    best = polished.reshape(*order.shape, size)[rows[:, 0], winner]
    if part is not batch:
        ends = ends * (exact.min(axis=1) / np.maximum(ends.min(axis=1), 1e-300))[:, None]
    return best, exact[rows[:, 0], winner], ends


def _thinned(batch: Batch) -> Batch:
    """The batch itself, or of a long one 512 random rows, which tell good starts from bad ones.

    Groups of unequal length are left alone: a short one could lose its rows.
    """
    rows = batch.y.shape[1]
    if rows <= 2 * THINNED or not batch.w.all():
        return batch
    keep = np.sort(np.random.default_rng(0).permutation(rows)[:THINNED])
    return replace(
        batch, x=tuple(a[:, keep] for a in batch.x), y=batch.y[:, keep], w=batch.w[:, keep]
    )


def _agreement(batch: Batch, loss: Array, ends: Array) -> Array:
    """Share of the starts (P,) whose end is within 1 % of the best objective."""
    return np.asarray(np.mean(ends <= (1.01 * loss + _rounding(batch))[:, None], axis=1))


def _rounding(batch: Batch) -> Array:
    """Objectives (P,) so small, eight digits of every row, that nothing better need be sought."""
    return np.asarray(1e-16 * np.sum(batch.w, axis=1))


def _judge(one: Batch, q: Array, values: Array, loss: float, size: float, share: float) -> Outcome:
    """Status of one problem's fit, with a message that names the parameter to doubt."""
    names = one.law.names
    rows = int(np.count_nonzero(one.w))
    low, high = one.bounds
    span = np.where(np.isfinite(high - low), high - low, 1.0)
    below, above = q <= low + 1e-9 * span, q >= high - 1e-9 * span
    stuck = np.flatnonzero(below | above)
    _, jac = one.jacobian(q[None])
    _, slope = one.residual(one.predictions(q[None]))
    columns = (jac[0] * slope * np.sqrt(one.w)).T
    length = np.sqrt(np.sum(columns**2, axis=0))
    idle = np.flatnonzero(length <= 1e-12 * max(length.max(), 1e-300))
    # A shape of a term that has all but vanished: anywhere in its box it says the same.
    sigma = np.sqrt(2 * loss / max(1, rows - len(q)))
    faint = np.flatnonzero(np.isfinite(high - low) & (length * span <= sigma))
    usable = np.setdiff1d(np.arange(len(q)), np.concatenate([stuck, idle, faint]))
    condition, pair = 1.0, list(usable[:2])
    if len(usable):
        _, s, vectors = np.linalg.svd(columns[:, usable] / length[usable], full_matrices=True)
        full = np.zeros(len(usable))
        full[: len(s)] = s
        condition = float(full[0] / full[-1]) if full[-1] > 0 else np.inf
        pair = list(usable[np.argsort(-np.abs(vectors[-1]))[:2]])
    loose: tuple[str, ...] = tuple(names[i] for i in np.union1d(np.setdiff1d(idle, stuck), faint))
    if rows <= len(q):
        status, loose = FitStatus.NO_DEGREES_OF_FREEDOM, names
        message = f"{rows} rows for {len(q)} parameters"
    elif condition > ILL_CONDITION or loose:
        status = FitStatus.ILL_CONDITIONED
        loose = loose or tuple(names[i] for i in pair)
        message = f"the rows do not determine {' and '.join(loose)}"
    elif share < AGREEMENT and loss > _rounding(one)[0]:
        status = FitStatus.START_DEPENDENT
        message = f"{share:.0%} of the starts end within 1 % of the best"
    elif len(stuck):
        status = FitStatus.BOUND_HIT
        message = "; ".join(
            f"{names[i]} ends on its {'lower' if below[i] else 'upper'} bound" for i in stuck
        )
    else:
        status, message = FitStatus.CONVERGED, ""
    return Outcome(
        tuple(float(v) for v in values), float(loss * size), rows, status, message, condition,
        float(share), loose,
    )  # fmt: skip
