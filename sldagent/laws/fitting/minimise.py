"""Batched minimisation in a box: Levenberg-Marquardt, then Newton to machine precision."""

from collections.abc import Callable

import numpy as np

from sldagent.laws.expressions import Array
from sldagent.laws.fitting.batch import Batch, NDArrayBool

Curvature = Callable[[Batch, Array], tuple[Array, Array, Array]]


def gauss_newton(batch: Batch, q: Array) -> tuple[Array, Array, Array]:
    """Objective, gradient and re-weighted Gauss-Newton matrix."""
    return batch.model(q)


def newton(batch: Batch, q: Array) -> tuple[Array, Array, Array]:
    """Objective, gradient and Hessian by central differences of the analytic gradient.

    A step of 6e-6 (the cube root of machine precision) leaves about ten digits of the Hessian,
    which only steers: where the search stops is decided by the gradient itself.
    """
    loss, gradient, _ = batch.model(q, hessian=False)
    size = q.shape[1]
    matrix = np.empty((len(q), size, size))
    for k in range(size):
        h = 6e-6 * np.maximum(1e-3, np.abs(q[:, k]))
        step = np.zeros_like(q)
        step[:, k] = h
        up = batch.model(q + step, hessian=False)[1]
        down = batch.model(q - step, hessian=False)[1]
        matrix[:, k] = (up - down) / (2 * h[:, None])
    return loss, gradient, (matrix + matrix.transpose(0, 2, 1)) / 2


def _step(gradient: Array, matrix: Array, free: NDArrayBool, damping: Array) -> tuple[Array, Array]:
    """Damped step in the free coordinates and the decrease that the quadratic model predicts.

    Negative curvature is turned positive (saddle-free Newton), so that every step descends.
    """
    size = gradient.shape[1]
    g = np.where(free, gradient, 0.0)
    m = np.where(free[:, :, None] & free[:, None, :], matrix, 0.0)
    length = np.sqrt(np.maximum(np.abs(np.einsum("pkk->pk", m)), 1e-150))
    length = np.where(free & (length > 1e-70), length, 1.0)
    scaled = m / (length[:, :, None] * length[:, None, :])
    value, vector = np.linalg.eigh(scaled + np.where(free, 0.0, 1.0)[:, :, None] * np.eye(size))
    curve = np.maximum(np.abs(value), 1e-15) + damping[:, None]
    turned = np.einsum("pki,pk->pi", vector, g / length)
    move = -np.einsum("pki,pi->pk", vector, turned / curve) / length
    return move, np.sum(turned**2 / curve, axis=1) / 2


def _bounded_step(
    here: Array, gradient: Array, matrix: Array, damping: Array, low: Array, high: Array
) -> tuple[Array, Array]:
    """Next coordinates in the box and the predicted decrease.

    Coordinates that a step takes across their bound are put on it and the others are solved again.
    Merely clipping them would zig-zag along the bound wherever coordinates are correlated.
    """
    free = ~(((here <= low) & (gradient > 0)) | ((here >= high) & (gradient < 0)))
    fixed = np.zeros_like(here)
    move, gain = _step(gradient, matrix, free, damping)
    for _ in range(3):
        out = free & ((here + move < low) | (here + move > high))
        if not out.any():
            break
        fixed = np.where(out, np.clip(here + move, low, high) - here, fixed)
        free &= ~out
        shifted = gradient + np.einsum("pij,pj->pi", matrix, fixed)
        rest, gain = _step(shifted, matrix, free, damping)
        move = np.where(free, rest, fixed)
        gain = gain - np.sum(fixed * (gradient + shifted), axis=1) / 2
    return np.clip(here + move, low, high), gain


def minimise(
    batch: Batch, start: Array, curvature: Curvature, iterations: int, tolerance: float
) -> tuple[Array, Array]:
    """Coordinates (P, p) and objectives (P,) of local minima from starts (P, p), one per problem.

    A problem stops when the predicted decrease is below `tolerance` of its objective, when three
    steps in a row have brought less than a hundred times that, when the objective is down to
    rounding, or when no step however short descends.
    """
    low, high = batch.bounds
    q = np.clip(start, low, high)
    loss = np.full(len(q), np.inf)
    rounding = 1e-32 * np.sum(batch.w, axis=1)
    damping = np.full(len(q), 1e-3)
    slow = np.zeros(len(q), dtype=int)
    active = np.arange(len(q))
    part = batch
    now, gradient, matrix = curvature(part, q)
    loss[:] = now
    for _ in range(iterations):
        here = q[active]
        trial, gain = _bounded_step(here, gradient, matrix, damping[active], low, high)
        done = (np.abs(gain) <= tolerance * loss[active]) | (loss[active] <= rounding[active])
        new, new_gradient, new_matrix = curvature(part, trial)
        better = new < loss[active]
        little = loss[active] - new <= 100 * tolerance * loss[active]
        slow[active] = np.where(better, np.where(little, slow[active] + 1, 0), slow[active])
        done |= slow[active] >= 3
        ratio = (loss[active] - new) / np.maximum(gain, 1e-30 * (1 + loss[active]))
        # A last full step is taken even by those that are done: it is free.
        q[active[better]] = trial[better]
        loss[active[better]] = new[better]
        gradient = np.where(better[:, None], new_gradient, gradient)
        matrix = np.where(better[:, None, None], new_matrix, matrix)
        shrink = np.where(ratio > 0.75, 0.1, np.where(ratio > 0.25, 0.5, 2.0))
        damping[active] = np.clip(
            np.where(better, damping[active] * shrink, damping[active] * 8), 1e-15, 1e14
        )
        keep = ~done & (damping[active] < 1e13) & np.isfinite(loss[active])
        if not keep.any():
            break
        if not keep.all():
            active, part = active[keep], part.take(np.flatnonzero(keep))
            gradient, matrix = gradient[keep], matrix[keep]
    return q, loss
