"""Laws with an optimum in rate and batch: valleys in logarithms whose centre drifts with scale."""

from collections.abc import Iterator
from itertools import combinations_with_replacement

from sldagent.laws.expressions import Law, Parameter, Slot, amplitude, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_STEP = "optimum lr = c N^a D^b, batch = d D^e: Step Law, Li et al. 2025, arXiv 2503.04715"
_SURFACE = "quadratic response surface in logarithms, Box & Wilson 1951"


def optima(f: Features) -> Iterator[Law]:
    """Valleys over what scales (size, data) in what is tuned (rate, batch).

    With base = E + sum A_x x^-a_x over the scales, and for each tuned t the distance
    v_t = ln t - m_t - sum c_tx ln x from its drifting optimum:

    `valley` base + sum H_t v_t^2; `tied_valley` measures the rate's distance also against the
    batch; `drifting_valley` lets the curvatures H_t prod x^h_tx drift; `relative_valley`
    base (1 + sum h_t v_t^2); `skewed_valley` prices too high and too low differently, by
    H_t (exp(s v) - s v - 1)/s^2; `surface` a full quadratic in all logarithms.
    """
    tuned = f.with_role(Role.RATE, Role.BATCH)
    scales = f.with_role(Role.SIZE, Role.DATA)
    if not tuned:
        return
    slots = (*scales, *tuned)
    base = " + ".join(["E", *(f"A_{s.symbol}*{s.symbol}**(-a_{s.symbol})" for s in scales)])
    fixed = [
        f.floor(),
        *(f.amplitude(f"A_{s.symbol}") for s in scales),
        *(shape(f"a_{s.symbol}", 0.01, 2.0) for s in scales),
    ]
    centres = [p for t in tuned for p in _centre(t, scales)]
    away = {t.symbol: _distance(t, scales) for t in tuned}
    curved = [amplitude(f"H_{t}", 1) for t in away]
    plain = " + ".join(f"H_{t}*{v}**2" for t, v in away.items())

    def law(family: str, formula: str, parameters: list[Parameter]) -> Law:
        return f.law(family, slots, formula, parameters, _STEP, centred=True)

    valley = [*fixed, *curved, *centres]
    yield law("valley", f"{base} + {plain}", valley)
    rate, batch = f.single(Role.RATE), f.single(Role.BATCH)
    if rate is not None and batch is not None:
        tied = plain.replace(away["eta"], f"({away['eta']} - c_eta_b*ln(b))")
        yield law("tied_valley", f"{base} + {tied}", [*valley, shape("c_eta_b", -2.0, 2.0)])
    drift = " + ".join(
        f"H_{t}*{v}**2" + "".join(f"*{s.symbol}**h_{t}_{s.symbol}" for s in scales)
        for t, v in away.items()
    )
    drifts = [shape(f"h_{t}_{s.symbol}", -1.0, 1.0) for t in away for s in scales]
    if scales:
        yield law("drifting_valley", f"{base} + {drift}", [*valley, *drifts])
    relative = " + ".join(f"h_{t}*{v}**2" for t, v in away.items())
    widths = [shape(f"h_{t}", 1e-5, 1.0, log=True) for t in away]
    yield law("relative_valley", f"({base})*(1 + {relative})", [*fixed, *widths, *centres])
    skewed = " + ".join(f"H_{t}*(exp(s_{t}*{v}) - s_{t}*{v} - 1)/s_{t}**2" for t, v in away.items())
    skews = [shape(f"s_{t}", 0.05, 3.0) for t in away]
    yield law("skewed_valley", f"{base} + {skewed}", [*valley, *skews])
    logs = [f"ln({s.symbol})" for s in slots]
    names = [s.symbol for s in slots]
    terms = ["c0", *(f"c_{n}*{log}" for n, log in zip(names, logs, strict=True))]
    terms += [
        f"c_{names[i]}_{names[j]}*{logs[i]}*{logs[j]}"
        for i, j in combinations_with_replacement(range(len(names)), 2)
    ]
    free = [amplitude(term.partition("*")[0]) for term in terms]
    yield f.law("surface", slots, " + ".join(terms), free, _SURFACE, centred=True)


def _centre(tuned: Slot, scales: tuple[Slot, ...]) -> list[Parameter]:
    t = tuned.symbol
    return [
        shape(f"m_{t}", -4.0, 4.0),
        *(shape(f"c_{t}_{s.symbol}", -2.0, 2.0) for s in scales),
    ]


def _distance(tuned: Slot, scales: tuple[Slot, ...]) -> str:
    t = tuned.symbol
    drift = "".join(f" - c_{t}_{s.symbol}*ln({s.symbol})" for s in scales)
    return f"(ln({t}) - m_{t}{drift})"
