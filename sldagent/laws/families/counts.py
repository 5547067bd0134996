"""Laws of size and a count: routed experts, parallel streams, vocabulary entries."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, Parameter, amplitude, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_ROUTED = "Clark et al. 2022, arXiv 2202.01169"
_PARALLEL = "ParScale, Chen et al. 2025, arXiv 2505.10475"
_VOCABULARY = "Tao et al. 2024, arXiv 2407.13623"
_PRECISION = "Kumar et al. 2024, arXiv 2411.04330"


def counts(f: Features) -> Iterator[Law]:
    """Laws in a size N and a count K, K = 1 being the plain model.

    `routed` ln L = d + a ln N + b ln K' + c ln N ln K' with saturating
    K' = 1/(1/(K - 1 + q) + 1/M); `routed_floor` E + A N^-a K'^-b; `bilinear` and `bilinear_floor`
    the same with K' = K, the latter over a floor; `experts_size` E + A N^-a + B N^-c K^-b;
    `parallel` E + A (N (k ln K + 1))^-a; `precision` E + A (N (1 - exp(-K/s)))^-a, K bits being
    worth ever less. With data D too: `vocabulary_valley` adds a valley in ln K whose centre drifts
    with N, `scaled_count` lets K scale both of Chinchilla's terms, `precision` has a term of D, and
    `quantised` adds to Chinchilla's terms C (D/N)^p exp(-K/s), what is lost by rounding weights to
    K bits after training.
    """
    n, k, d = f.single(Role.SIZE), f.single(Role.COUNT), f.single(Role.DATA)
    if n is None or k is None:
        return
    floor, a = f.floor(), shape("a", 0.01, 2.0)
    slots = (n, k)
    gain, cross = shape("b", -1.0, 2.0), shape("c", -0.5, 0.5)
    saturated = "(1/(1/(K - 1 + q) + 1/M))"
    limits = [shape("q", 0.1, 100.0, log=True), shape("M", 1.0, 1e5, log=True)]
    bilinear = "N**(-a)*K**(-b)*exp(-c*ln(N)*ln(K))"

    def law(family: str, formula: str, *parameters: Parameter) -> Law:
        return f.law(family, slots, formula, parameters, _ROUTED, centred=True)

    level = f.amplitude("A")
    yield law("routed", "A*" + bilinear.replace("K", saturated), level, a, gain, cross, *limits)
    yield law("routed_floor", f"E + A*N**(-a)*{saturated}**(-b)", floor, level, a, gain, *limits)
    yield law("bilinear", f"A*{bilinear}", level, a, gain, cross)
    yield law("bilinear_floor", f"E + A*{bilinear}", floor, level, a, gain, cross)
    yield law(
        "experts_size",
        "E + A*N**(-a) + B*N**(-c)*K**(-b)",
        floor,
        level,
        f.amplitude("B"),
        a,
        gain,
        shape("c", 0.01, 2.0),
    )
    yield f.law(
        "parallel",
        slots,
        "E + A*(N*(k*ln(K) + 1))**(-a)",
        [floor, f.amplitude("A", "N**a"), a, shape("k", 1e-3, 30.0, log=True)],
        _PARALLEL,
        centred=True,
    )
    bits = shape("s", 0.2, 30.0, log=True)
    kept = "A*(N*(1 - exp(-K/s)))**(-a)"
    size = f.amplitude("A", "N**a")
    yield f.law("precision", slots, f"E + {kept}", [floor, size, a, bits], _PRECISION)
    if d is None:
        return
    b_d, both = shape("g", 0.01, 2.0), (n, k, d)
    data = f.amplitude("B")
    yield f.law(
        "vocabulary_valley",
        both,
        "E + A*N**(-a) + B*D**(-g) + H*(ln(K) - m - c*ln(N))**2",
        [floor, level, data, amplitude("H", 1), a, b_d, shape("m", -3, 6), shape("c", -1, 2)],
        _VOCABULARY,
        centred=True,
    )
    yield f.law(
        "scaled_count",
        both,
        "E + A*N**(-a)*K**(-b) + B*D**(-g)*K**(-h)",
        [
            floor,
            f.amplitude("A", "N**a*K**b"),
            f.amplitude("B", "D**g*K**h"),
            a,
            gain,
            b_d,
            shape("h", -1.0, 2.0),
        ],
        _VOCABULARY,
    )
    terms = [floor, size, f.amplitude("B", "D**g"), a, b_d]
    yield f.law("precision", both, f"E + {kept} + B*D**(-g)", [*terms, bits], _PRECISION)
    lost = [f.amplitude("C", "(N/D)**p"), shape("p", -1.0, 2.0), bits]
    formula = "E + A*N**(-a) + B*D**(-g) + C*(D/N)**p*exp(-K/s)"
    yield f.law("quantised", both, formula, [*terms, *lost], _PRECISION)
