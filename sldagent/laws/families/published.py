"""Constants as published, at full precision, in the table's own units.

Rounding matters: at C = 5.88e23 FLOPs the printed Chinchilla constants put the optimum at 93 tokens
a parameter, the unrounded ones at 59.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """Constants of the family `law`, by parameter name."""

    law: str
    values: dict[str, float]
    source: str


def _effective(a: float, b: float, e: float, exponent: float) -> dict[str, float]:
    """Muennighoff's constants; N_opt(U) = n U^m follows from A, B and the equal exponents.

    With alpha = beta, G = (A/B)^(1/(2 alpha)), N_opt = G (C/6)^(1/2) and D_opt = (C/6)^(1/2)/G, so
    that N_opt(U) = G^2 U.
    """
    return {
        "E": math.exp(e),
        "A": math.exp(a),
        "B": math.exp(b),
        "alpha": exponent,
        "beta": exponent,
        "n": math.exp((a - b) / exponent),
        "m": 1.0,
    }


HOFFMANN = Published(
    "chinchilla",
    {
        "E": math.exp(0.5267228),
        "A": math.exp(6.0073404),
        "B": math.exp(6.0179186),
        "alpha": 0.33917084,
        "beta": 0.2849083,
    },
    "Hoffmann et al. 2022, arXiv 2203.15556, unrounded in epoch-research/analyzing-chinchilla",
)
EPOCH = Published(
    "chinchilla",
    {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658},
    "Besiroglu et al. 2024, arXiv 2404.10102",
)
MUENNIGHOFF = Published(
    "effective_both",
    _effective(6.255414, 7.3049974, 0.6254804, 0.3526596) | {"R_D": 15.387756, "R_N": 5.309743},
    "Muennighoff et al. 2023, arXiv 2305.16264, README of huggingface/datablations",
)
BY_LAW = {published.law: published for published in (EPOCH, MUENNIGHOFF)}
