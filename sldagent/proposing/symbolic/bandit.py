"""Which move to try next, by what each has brought on an island (Thompson 1933)."""

from collections.abc import Mapping, Sequence

import numpy as np

from sldagent.proposing.base import Arm

_EVEN = 0.2  # share of draws in which all moves are alike
_PRIOR = (1.0, 2.0)  # accepted and not accepted, before a move was tried
_MEMORY = 12  # tries that a move is judged by: what helped early may help no more


def draw_move(names: Sequence[str], arms: Mapping[str, Arm], rng: np.random.Generator) -> str:
    """One of the names.

    Each draws its rate of acceptance from what is known of it, times one half to one for the gain
    it brought per try beside the best; the highest wins. In a share of draws all are alike, so that
    no move dies out.
    """
    if rng.random() < _EVEN:
        return names[int(rng.integers(len(names)))]
    known = [arms.get(name, Arm()) for name in names]
    tries = np.array([arm.tries for arm in known], dtype=float)
    gains = np.array([arm.gain for arm in known]) / np.maximum(tries, 1)
    best = gains.max()
    relative = np.where(tries > 0, gains / best, 1.0) if best > 0 else np.ones(len(names))
    trust = np.minimum(1.0, _MEMORY / np.maximum(tries, 1))
    yes = np.array([arm.accepted for arm in known]) * trust
    no = tries * trust - yes
    rates = rng.beta(_PRIOR[0] + yes, _PRIOR[1] + no)
    return names[int(np.argmax(rates * (0.5 + 0.5 * relative)))]
