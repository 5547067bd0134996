"""Laws of fine-tuning: pretraining is worth data of the task, more of it in larger models."""

from collections.abc import Iterator

from sldagent.laws.expressions import Law, shape
from sldagent.laws.families.features import Features
from sldagent.task import Role

_HERNANDEZ = "effective data transferred, Hernandez et al. 2021, arXiv 2102.01293"


def transfer(f: Features) -> Iterator[Law]:
    """`transferred` E + A (D + q N^c)^-a, where a model of size N brings data of its own, q N^c."""
    n, d = f.single(Role.SIZE), f.single(Role.DATA)
    if n is None or d is None:
        return
    parameters = [
        f.floor(),
        f.amplitude("A", "D**a"),
        shape("a", 0.01, 2.5),
        shape("q", 1e-4, 1e4, log=True, unit="D/N**c"),
        shape("c", 0.01, 3.0),
    ]
    yield f.law("transferred", (n, d), "E + A*(D + q*N**c)**(-a)", parameters, _HERNANDEZ)
