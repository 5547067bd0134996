"""Curves in one logged input: sigmoids, dips that return to a floor, double descent."""

from collections.abc import Iterator
from dataclasses import replace

from sldagent.laws.expressions import Law, amplitude, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_SIGMOID = "observational scaling laws, Ruan et al. 2024, arXiv 2405.10938"
_U = "U-shaped scaling, Wu & Lo 2024, arXiv 2410.01692"
_DESCENT = "double descent, Nakkiran et al. 2019, arXiv 1912.02292"


def logged(f: Features) -> Iterator[Law]:
    """Curves of z, which is a logarithm already; amplitudes take either sign.

    With s(x) = (1 + tanh x)/2: `line` E + A z; `parabola` adds C z^2; `decay` E + A exp(-k z);
    `sigmoid` E + A s(k(z - m)); `bump` E + A exp(-((z - m)/w)^2), an excursion that returns to its
    floor; `tilted_bump` adds B z; `swing` E + A (z - m) exp(-((z - m)/w)^2), down and then up
    before the floor; `two_sigmoids` E + A s(k(z - m)) + C s(k(z - n)); `sigmoid_bump` and `descent`
    add a bump to `sigmoid` and to `decay`.
    """
    slot = f.single(Role.LOGGED)
    if slot is None:
        return
    e, a, b, c = (amplitude(name) for name in "EABC")
    steep, middle = shape("k", 0.1, 10.0, log=True), shape("m", -2.0, 3.0)
    second, wide = shape("n", -2.0, 3.0), shape("w", 0.15, 2.0, log=True)
    peak = shape("m", -1.0, 1.5)  # one beyond the rows could be of any height
    sigmoid = "A*(1 + tanh(k*(z - m)))/2"
    bump = "exp(-((z - {})/w)**2)"
    forms = [
        ("line", "E + A*z", (e, a), _SIGMOID),
        ("parabola", "E + A*z + C*z**2", (e, a, c), _U),
        ("decay", "E + A*exp(-k*z)", (e, a, steep), _DESCENT),
        ("sigmoid", f"E + {sigmoid}", (e, a, steep, middle), _SIGMOID),
        ("bump", "E + A*" + bump.format("m"), (e, a, peak, wide), _U),
        ("tilted_bump", "E + B*z + A*" + bump.format("m"), (e, a, b, peak, wide), _U),
        ("swing", "E + A*(z - m)*" + bump.format("m"), (e, a, peak, wide), _U),
        (
            "two_sigmoids",
            f"E + {sigmoid} + C*(1 + tanh(k*(z - n)))/2",
            (e, a, c, steep, middle, second),
            _U,
        ),
        (
            "sigmoid_bump",
            f"E + {sigmoid} + C*" + bump.format("n"),
            (e, a, c, steep, middle, replace(peak, name="n"), wide),
            _U,
        ),
        (
            "descent",
            "E + A*exp(-k*z) + C*" + bump.format("m"),
            (e, a, c, steep, peak, wide),
            _DESCENT,
        ),
    ]
    for family, formula, parameters, source in forms:
        yield f.law(family, (slot,), formula, parameters, source, centred=True)
