"""Laws of a mixture: the shares of a row add up to one, so the first share is the reference."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, amplitude, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_MIXING = "data mixing law, Ye et al. 2024, arXiv 2403.16952"
_RELATIVE = "relative of Ye et al. 2024"
_ELASTIC = "constant elasticity of substitution, Arrow, Chenery, Minhas & Solow 1961"


def mixtures(f: Features) -> Iterator[Law]:
    """Laws over the shares r_1..r_n of a mixture, one set of parameters per target.

    `mixing` c + k exp(sum_{j>1} t_j r_j), which is the paper's with t_1 = 0: on the simplex a
    constant added to every t_j only rescales k. `mixing_power`
    c + k (1 + sum_{j>1} (w_j - 1) r_j)^-a, a power law in the worth sum_j w_j r_j of the mixture
    with w_1 = 1; `mixing_hill` the same with a = 1; `mixing_log` its limit for small a,
    c - k ln(worth), which few rows determine better; `mixing_ces` the same with a worth of constant
    elasticity, sum_j w_j r_j^b, in a box of b that keeps it a curve where few rows determine it;
    `diminishing` c + sum_j A_j ln(1 + r_j/e); `linear_mixture` sum_j A_j r_j.
    """
    shares = f.with_role(Role.FRACTION)
    if len(shares) < 2:
        return
    first, *others = (s.symbol for s in shares)
    floor, level = f.floor("c"), f.amplitude("k")
    tilt = " + ".join(f"t_{r}*{r}" for r in others)
    # A negative tilt means help. Beyond +-30 the exponential is a step, which no rows determine.
    tilts = [shape(f"t_{r}", -30.0, 30.0) for r in others]
    yield f.law("mixing", shares, f"c + k*exp({tilt})", [floor, level, *tilts], _MIXING)
    worth = "1 + " + " + ".join(f"(w_{r} - 1)*{r}" for r in others)
    worths = [shape(f"w_{r}", 1e-3, 1e3, log=True) for r in others]
    power = [floor, level, *worths, shape("a", 0.02, 3.0)]
    yield f.law("mixing_power", shares, f"c + k*({worth})**(-a)", power, _RELATIVE)
    hill = [floor, level, *worths]
    yield f.law("mixing_hill", shares, f"c + k/({worth})", hill, _RELATIVE)
    free_floor = amplitude("c")  # where a logarithm is zero is arbitrary
    logarithm = [free_floor, level, *worths]
    yield f.law("mixing_log", shares, f"c - k*ln({worth})", logarithm, _RELATIVE)
    elastic = f"{first}**b + " + " + ".join(f"w_{r}*{r}**b" for r in others)
    powers = [*logarithm, shape("b", 0.6, 0.9)]
    yield f.law("mixing_ces", shares, f"c - k*ln({elastic})", powers, _ELASTIC)
    every = [first, *others]
    logs = " + ".join(f"A_{r}*ln(1 + {r}/e)" for r in every)
    free = [amplitude(f"A_{r}") for r in every]
    curve = [free_floor, *free, shape("e", 1e-3, 10.0, log=True)]
    yield f.law("diminishing", shares, f"c + {logs}", curve, _RELATIVE)
    plain = " + ".join(f"A_{r}*{r}" for r in every)
    yield f.law("linear_mixture", shares, plain, free, "Scheffe 1958, mixture model of degree 1")
