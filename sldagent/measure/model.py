"""The model: a causal language model of gated, dilated convolutions, any width, depth fixed.

Every layer looks at its own position and at one that lies 1, 2, 4, … bytes back, so that the last
one sees the whole window; all work is in matrix products, which is what a CPU does fast.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sldagent.measure.spec import LAYERS, VOCABULARY

Params = dict[str, Any]


def init_params(width: int, seed: int) -> Params:
    """Weights at the start; the same on every machine."""
    random = np.random.default_rng([seed, 2])

    def normal(shape: Sequence[int], scale: float) -> Any:
        return jnp.asarray(random.normal(0, scale, shape), jnp.float32)

    return {
        "embedding": normal((VOCABULARY, width), 0.5 / width**0.5),
        "norm": jnp.ones((LAYERS + 1, width)),
        "mix": normal((LAYERS, 2 * width, 2 * width), (2 * width) ** -0.5),
        "out": normal((LAYERS, width, width), (width * 2 * LAYERS) ** -0.5),
    }


def logits(params: Params, tokens: Any) -> Any:
    """Scores of the next byte, (windows, positions, VOCABULARY), for bytes (windows, positions)."""
    x = params["embedding"][tokens] * params["embedding"].shape[1] ** 0.5
    for layer in range(LAYERS):
        back = 2**layer
        here = _normed(x, params["norm"][layer])
        before = jnp.pad(here, ((0, 0), (back, 0), (0, 0)))[:, : here.shape[1]]
        mixed = jnp.concatenate([here, before], -1) @ params["mix"][layer]
        gate, value = jnp.split(mixed, 2, -1)
        x = x + (jax.nn.silu(gate) * value) @ params["out"][layer]
    return _normed(x, params["norm"][LAYERS]) @ params["embedding"].T


def mean_loss(params: Params, windows: Any) -> Any:
    """Mean cross-entropy in nats per byte over windows (windows, positions + 1)."""
    scores = logits(params, windows[:, :-1])
    right = jnp.take_along_axis(scores, windows[:, 1:, None], -1)[..., 0]
    return jnp.mean(jax.nn.logsumexp(scores, -1) - right)


def _normed(x: Any, scale: Any) -> Any:
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * scale
