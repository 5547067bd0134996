"""What ways of proposing promise, by what each has brought on an island (Thompson 1933)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.proposing.base import Arm

EVEN = 0.2  # share of draws in which all arms are alike, so that none dies out
_PRIOR = (1.0, 2.0)  # accepted and not accepted, before an arm was tried


def draw_values(known: Sequence[Arm], memory: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A draw of each arm's rate of acceptance, times one half to one for its gain.

    The gain is that per try beside the best arm's. An arm is judged by the rate of all its tries
    as though there were at most `memory` of them: what helped early may help no more.
    """
    tries = np.array([arm.tries for arm in known], dtype=float)
    gains = np.array([arm.gain for arm in known]) / np.maximum(tries, 1)
    best = gains.max()
    relative = np.where(tries > 0, gains / best, 1.0) if best > 0 else np.ones(len(known))
    trust = np.minimum(1.0, memory / np.maximum(tries, 1))
    yes = np.array([arm.accepted for arm in known]) * trust
    no = tries * trust - yes
    values: NDArray[np.float64] = rng.beta(_PRIOR[0] + yes, _PRIOR[1] + no) * (0.5 + 0.5 * relative)
    return values
