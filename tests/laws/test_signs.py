"""Losses fall over a floor; what rises, or is not positive, needs amplitudes of either sign."""

import numpy as np

from sldagent.laws.families.signs import takes_either_sign
from sldagent.task import Role

SIZE = np.tile(np.geomspace(1e6, 1e9, 8), 2)
RATE = np.repeat([1e-3, 1e-2], 8)
X = np.stack([SIZE, RATE], axis=1)
ROLES = (Role.SIZE, Role.RATE)
CODES = np.repeat([0, 1], 8)
FALLING = 1 + 40 * SIZE**-0.3


def test_what_falls_has_a_sign() -> None:
    assert not takes_either_sign(X, FALLING[:, None], CODES, ROLES)
    assert takes_either_sign(X, FALLING[:, None] - 2, CODES, ROLES)
    assert takes_either_sign(X, 1 / FALLING[:, None], CODES, ROLES)


def test_groups_are_curves_of_their_own() -> None:
    """Together these fall, as the second group has larger models and a lower accuracy."""
    x = X.copy()
    x[8:, 0] *= 1e4
    y = np.where(CODES, 0.1, 1.0) / FALLING
    assert takes_either_sign(x, y[:, None], CODES, ROLES)


def test_without_scales_only_the_values_tell() -> None:
    y = np.linspace(1, 2, 16)[:, None]
    assert not takes_either_sign(X, y, CODES, (None, Role.RATE))
    assert not takes_either_sign(X[:3], y[:3], CODES[:3], ROLES)
    assert not takes_either_sign(X, np.ones((16, 1)), CODES, ROLES)
