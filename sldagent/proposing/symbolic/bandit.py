"""Which move to try next, by what each has brought on an island."""

from collections.abc import Mapping, Sequence

import numpy as np

from sldagent.proposing.base import Arm
from sldagent.proposing.thompson import EVEN, draw_values

_MEMORY = 12  # tries that a move is judged by


def draw_move(names: Sequence[str], arms: Mapping[str, Arm], rng: np.random.Generator) -> str:
    """The name with the highest drawn value; in a share of draws all are alike."""
    if rng.random() < EVEN:
        return names[int(rng.integers(len(names)))]
    known = [arms.get(name, Arm()) for name in names]
    return names[int(np.argmax(draw_values(known, _MEMORY, rng)))]
