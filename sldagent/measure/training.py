"""Trains models of one width, several at once where that is faster.

AdamW with a warm-up and a linear decay to nothing, gradients clipped; float32. All steps run in
compiled chunks of one length, so that a width is compiled once for runs of any length.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from sldagent.measure.model import Params, init_params, mean_loss
from sldagent.measure.spec import Row, RunSpec, count_inner, count_params
from sldagent.measure.text import Text, choose_windows

BETAS = (0.9, 0.98)
WEIGHT_DECAY = 0.1
CLIP = 1.0
WARMUP = 0.1  # of the steps
_CHUNK = 32  # steps
_VALIDATED_AT_ONCE = 128  # windows
_DECAYS = {"embedding": 0.0, "norm": 0.0, "mix": WEIGHT_DECAY, "out": WEIGHT_DECAY}
_LAST = 20  # the training loss is over one in so many of the steps


def describe() -> dict[str, Any]:
    """What a recipe says of the training."""
    return {
        "optimizer": f"AdamW, betas {BETAS}, weight decay {WEIGHT_DECAY} on matrices, clipped at "
        f"norm {CLIP:g}, float32",
        "schedule": f"linear warm-up over {WARMUP:.0%} of the steps, then linear decay to zero",
    }


def train_together(specs: Sequence[RunSpec], rates: Sequence[float], text: Text) -> list[Row]:
    """Trains runs of one width, batch and length at once; the seconds are shared out evenly."""
    began, cpu_began = time.monotonic(), time.process_time()
    width, steps = specs[0].width, specs[0].steps
    params = jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *[init_params(width, s.seed) for s in specs]
    )
    state = (params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params))
    batches = [_batches(spec, text) for spec in specs]
    peak = np.asarray(rates)
    losses = []
    for first in range(0, steps, _CHUNK):
        numbers = np.arange(first, first + _CHUNK)
        real = numbers < steps  # the last chunk is filled up with steps that change nothing
        data = np.stack([_chunk(batch, real) for batch in batches])
        shape = np.where(real, schedule(numbers, steps), 0.0)
        state, chunk = _run_chunk(
            state, data, jnp.asarray(shape * peak[:, None], jnp.float32), jnp.asarray(numbers)
        )
        losses.append(np.asarray(chunk)[:, real])
    seen = np.concatenate(losses, axis=1)[:, -max(steps // _LAST, 1) :].mean(axis=1)
    held = validate(state[0], text.validation)
    wall, cpu = time.monotonic() - began, time.process_time() - cpu_began
    each = (wall / len(specs), cpu / len(specs))
    return [
        _row(spec, rate, float(a), float(b), each)
        for spec, rate, a, b in zip(specs, rates, held, seen, strict=True)
    ]


def schedule(numbers: NDArray[np.int_], steps: int) -> NDArray[np.float64]:
    """The share of the peak learning rate at steps counted from 0."""
    warm = max(WARMUP * steps, 1.0)
    up = (numbers + 1) / warm
    down = (steps - numbers) / max(steps - warm, 1.0)
    return np.minimum(1.0, np.minimum(up, down))


def validate(params: Params, windows: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean validation loss of every model, nats per byte."""
    sums: Any = 0.0
    for first in range(0, len(windows), _VALIDATED_AT_ONCE):
        part = windows[first : first + _VALIDATED_AT_ONCE]
        sums = sums + np.asarray(_losses(params, part), np.float64) * len(part)
    result: NDArray[np.float64] = sums / len(windows)
    return result


def _row(spec: RunSpec, rate: float, loss: float, seen: float, seconds: tuple[float, float]) -> Row:
    sound = bool(np.isfinite(loss) and np.isfinite(seen))
    return Row(
        key=spec.key,
        stage=spec.stage,
        width=spec.width,
        params=count_params(spec.width),
        inner_params=count_inner(spec.width),
        unique_tokens=spec.unique_tokens,
        tokens=spec.tokens,
        batch=spec.batch,
        rate=rate,
        seed=spec.seed,
        loss=round(loss, 6) if sound else None,
        train_loss=round(seen, 6) if sound else None,
        seconds=round(seconds[0], 3),
        cpu_seconds=round(seconds[1], 3),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _batches(spec: RunSpec, text: Text) -> Iterator[NDArray[np.uint8]]:
    """Batches for ever: every window once an epoch, in a new order each time."""
    windows = choose_windows(text, spec.unique_tokens, spec.seed)
    random = np.random.default_rng([spec.seed, 3])
    order = np.empty(0, int)
    while True:
        while len(order) < spec.batch:
            order = np.concatenate([order, random.permutation(len(windows))])
        yield windows[order[: spec.batch]]
        order = order[spec.batch :]


def _chunk(batches: Iterator[NDArray[np.uint8]], real: NDArray[np.bool_]) -> NDArray[np.uint8]:
    parts = [next(batches) for _ in range(int(real.sum()))]
    parts += [parts[-1]] * int((~real).sum())
    return np.stack(parts)


def _step(state: Any, now: Any) -> Any:
    params, first, second = state
    windows, rate, number = now
    loss, grads = jax.value_and_grad(mean_loss)(params, windows.astype(jnp.int32))
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads)))
    scale = jnp.minimum(1.0, CLIP / (norm + 1e-6))
    one, two = BETAS
    first = jax.tree.map(lambda m, g: one * m + (1 - one) * scale * g, first, grads)
    second = jax.tree.map(lambda v, g: two * v + (1 - two) * (scale * g) ** 2, second, grads)
    bias = [1 - beta ** (number + 1.0) for beta in BETAS]

    def moved(p: Any, m: Any, v: Any, decay: float) -> Any:
        return p - rate * (m / bias[0] / (jnp.sqrt(v / bias[1]) + 1e-8) + decay * p)

    params = jax.tree.map(moved, params, first, second, _DECAYS)
    return (params, first, second), loss


@partial(jax.jit, donate_argnums=0)
def _run_chunk(state: Any, data: Any, rates: Any, numbers: Any) -> Any:
    """One chunk of steps of all models: data (models, steps, ...), rates (models, steps)."""

    def one(state: Any, data: Any, rates: Any) -> Any:
        return jax.lax.scan(_step, state, (data, rates, numbers))

    return jax.vmap(one)(state, data, rates)


@jax.jit
def _losses(params: Any, windows: Any) -> Any:
    return jax.vmap(lambda p: mean_loss(p, windows.astype(jnp.int32)))(params)
