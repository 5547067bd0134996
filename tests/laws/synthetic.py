"""Made-up data for every family: parameters well inside their boxes, features on a design."""

import numpy as np

from sldagent.laws.expressions import Array, Law
from sldagent.laws.families import applicable
from sldagent.laws.fitting import Units, units_of
from sldagent.laws.fitting.projection import quasi_random
from sldagent.task import Role

ROLE_SETS = (
    (Role.UNIQUE_DATA, Role.SIZE, Role.DATA),
    (Role.UNIQUE_DATA, Role.COUNT),
    (Role.RATE, Role.BATCH, Role.DATA, Role.SIZE),
    (Role.SIZE, Role.COUNT, Role.DATA),
    (Role.FRACTION, Role.FRACTION, Role.FRACTION, Role.FRACTION),
    (Role.SIZE, Role.DATA, Role.FRACTION),
    (Role.LOGGED,),
    (Role.SIZE, Role.DATA, Role.LOGGED),
    (Role.COUNT, Role.LOGGED),
)
_RANGES = {
    Role.SIZE: (3e7, 3e9),
    Role.DATA: (1e9, 3e11),
    Role.UNIQUE_DATA: (1e9, 3e10),
    Role.RATE: (2e-4, 2e-2),
    Role.BATCH: (16, 2048),
    Role.COUNT: (1, 64),
}


def one_law_a_family(*, signed: bool = False) -> list[tuple[tuple[Role, ...], Law]]:
    """One law for each family and number of slots, with the roles of its table."""
    seen: dict[tuple[str, int], tuple[tuple[Role, ...], Law]] = {}
    for roles in ROLE_SETS:
        for law in applicable(roles, signed=signed):
            seen.setdefault((law.name.partition("(")[0], len(law.slots)), (roles, law))
    return list(seen.values())


def chinchilla_optimum(values: dict[str, float], flops: float) -> tuple[float, float, float]:
    """N*, D* and the loss of E + A/N^alpha + B/D^beta on C = 6 N D, in closed form.

    G = (alpha A / beta B)^(1/(alpha + beta)), N* = G (C/6)^(beta/(alpha + beta)), D* = C / (6 N*)
    (Hoffmann et al. 2022, eq. 4).
    """
    e, a, b, alpha, beta = (values[name] for name in ("E", "A", "B", "alpha", "beta"))
    g = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
    size = g * (flops / 6) ** (beta / (alpha + beta))
    data = flops / (6 * size)
    return size, data, e + a / size**alpha + b / data**beta


def features(roles: tuple[Role, ...], rows: int = 90) -> Array:
    """Rows spread evenly in the logarithms (on the simplex for fractions)."""
    u = quasi_random(rows, len(roles))
    if roles[0] is Role.FRACTION:
        cut = -np.log(np.maximum(u, 1e-9))
        return np.asarray(cut / cut.sum(axis=1, keepdims=True))
    columns = []
    for role, v in zip(roles, u.T, strict=True):
        low, high = _RANGES.get(role, (1.0, 1.0))
        log = role is Role.LOGGED
        columns.append(-1 + 4 * v if log else low * (high / low) ** v)
        if role is Role.FRACTION:
            columns[-1] = v
        if role is Role.COUNT:
            columns[-1] = np.round(columns[-1])
            columns[-1][0] = 1.0
    return np.array(columns).T


def truth(law: Law, seed: int) -> Array:
    """Parameters in O(1) units: shapes well inside their boxes, amplitudes of order one."""
    rng = np.random.default_rng(seed)
    values = []
    for p in law.parameters:
        if p.linear:
            values.append(rng.uniform(0.5, 2.0))
        elif p.log:
            middle = 0.5 * (np.log(p.lower) + np.log(p.upper))
            values.append(np.exp(middle + 0.15 * rng.uniform(-1, 1) * np.log(p.upper / p.lower)))
        else:
            share = rng.uniform(0.3, 0.5)
            values.append(p.lower + share * (p.upper - p.lower))
    return np.array(values)


def sample(
    law: Law, roles: tuple[Role, ...], seed: int, noise: float = 0.0
) -> tuple[Array, Array, Units, Array]:
    """Features, targets, units and the true parameters; noise in spreads of y."""
    x = features(roles)
    units = units_of(x, roles)
    values = truth(law, seed)
    y = law.evaluate(units.apply(x), values)
    rng = np.random.default_rng(seed + 1000)
    return x, y + noise * y.std() * rng.standard_normal(len(y)), units, values
