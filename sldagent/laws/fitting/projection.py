"""Variable projection: for given shapes the best amplitudes follow from least squares.

So only the shapes are searched, by quasi-random points in their box, all problems at once.
"""

import numpy as np

from sldagent.laws.expressions import Array
from sldagent.laws.fitting.batch import Batch, NDArrayBool

_CHUNK = 2_000_000  # numbers in one array of the scan: 16 MB, in cache reach


def quasi_random(points: int, dimensions: int, first: int = 0) -> Array:
    """Points (points, dimensions) in the unit cube, evenly spread and the same every time.

    The additive recurrence of the generalised golden ratio g, the root of g^(d+1) = g + 1:
    u_i = frac(1/2 + i g^-k) for k = 1..d (Roberts 2018), from i = first + 1 on.
    """
    g = 2.0
    for _ in range(64):
        g = (1 + g) ** (1 / (dimensions + 1))
    steps = g ** -np.arange(1.0, dimensions + 1)
    return np.asarray((0.5 + np.arange(first + 1, first + points + 1)[:, None] * steps) % 1.0)


def bounded_least_squares(gram: Array, moment: Array, low: Array, high: Array) -> Array:
    """Minimisers a (..., K) of a'Ga/2 - h'a with low <= a <= high, bounds 0 or infinite.

    Block principal pivoting (Portugal, Judice & Vicente 1994), batched; what has not settled after
    4K exchanges keeps its last feasible point. Columns are scaled to unit length, and a ridge of
    1e-14 keeps the singular ones solvable.
    """
    size = gram.shape[-1]
    length = np.sqrt(np.maximum(np.einsum("...kk->...k", gram), 1e-300))
    g = gram / (length[..., :, None] * length[..., None, :])
    h = moment / length
    eye = np.eye(size)
    free = np.ones(h.shape, dtype=bool)
    best = np.zeros_like(h)
    cost = np.zeros(h.shape[:-1])
    for _ in range(4 * size):
        mask = free[..., :, None] & free[..., None, :]
        a = np.linalg.solve(np.where(mask, g, 0.0) + eye * np.where(free, 1e-14, 1.0)[..., None, :],
                            np.where(free, h, 0.0)[..., None])[..., 0]  # fmt: skip
        clipped = np.clip(a, low, high)
        slope = np.einsum("...kl,...l->...k", g, clipped) - h
        now = np.einsum("...k,...k->...", clipped, slope - h) / 2
        better = now < cost
        best[better], cost[better] = clipped[better], now[better]
        outside = free & (clipped != a)
        wanted = ~free & ((np.isinf(high) & (slope < -1e-12)) | (np.isinf(low) & (slope > 1e-12)))
        if not (outside | wanted).any():
            break
        free = (free & ~outside) | wanted
    return np.asarray(best / length)


def project(batch: Batch, shapes: Array, weight: Array) -> Array:
    """Coordinates (P, S, p): the shapes (S, .) with their weighted least-squares amplitudes."""
    theta = shapes.copy()
    theta[:, batch.logs] = np.exp(theta[:, batch.logs])
    features = [a[:, None, :] for a in batch.x]
    shape = (len(batch.y), len(shapes), batch.y.shape[1])
    with np.errstate(all="ignore"):
        parts = batch.functions.basis(*features, *theta.T[:, None, :, None])
        phi = np.stack([np.broadcast_to(np.asarray(f, float), shape) for f in parts], axis=2)
    finite: NDArrayBool = np.isfinite(phi).all(axis=(2, 3)) & (np.abs(phi) < 1e100).all(axis=(2, 3))
    phi = np.where(finite[..., None, None], phi, 0.0)
    weighted = phi * weight[:, None, None, :]
    gram = weighted @ phi.transpose(0, 1, 3, 2)
    moment = np.einsum("pskn,pn->psk", weighted, batch.y)
    low, high = (b[: batch.count] for b in batch.bounds)
    a = bounded_least_squares(gram, moment, low, high)
    a[~finite] = np.nan
    return np.concatenate([a, np.broadcast_to(shapes, (*shape[:2], shapes.shape[1]))], axis=2)


def scan(batch: Batch, points: int, keep: int, first: int = 0) -> Array:
    """The best starts (P, keep, p) of a scan over the shapes' box by points first + 1 and on.

    Half of the kept starts are the best points, half the best of equal slices of the scan, so that
    they do not all lie in one valley.
    """
    low, high = (b[batch.count :] for b in batch.bounds)
    if len(low) == 0:
        points = keep = 1
    shapes = low + (high - low) * quasi_random(points, len(low), first)
    weight = batch.w / batch.y**2 if batch.objective.log else batch.w
    found, objective = [], []
    step = max(1, _CHUNK // (batch.y.size * (batch.count + 1)))
    for first in range(0, len(shapes), step):
        q = project(batch, shapes[first : first + step], weight)
        found.append(q)
        each = np.repeat(np.arange(len(batch.y)), q.shape[1])
        with np.errstate(all="ignore"):
            f = batch.take(each)
            objective.append(
                f.losses(f.predictions(q.reshape(-1, q.shape[2]))).reshape(q.shape[:2])
            )
    q, score = np.concatenate(found, axis=1), np.concatenate(objective, axis=1)
    score = np.where(np.isnan(q).any(axis=2), np.inf, score)
    order = np.argsort(score, axis=1, kind="stable")
    best = order[:, : (keep + 1) // 2]
    spread = []
    for part in np.array_split(np.arange(score.shape[1]), max(1, keep // 2)):
        if len(part):
            spread.append(part[np.argmin(score[:, part], axis=1)])
    chosen = np.concatenate([best, np.stack(spread, axis=1)], axis=1)
    rows = np.arange(len(score))[:, None]
    return np.asarray(np.nan_to_num(q[rows, chosen]))
