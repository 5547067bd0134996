"""The families of laws, each written by feature role and expanded over the features at hand."""

from collections.abc import Sequence
from functools import lru_cache

from sldagent.errors import DataError
from sldagent.laws.expressions import Law
from sldagent.laws.families.batches import batches
from sldagent.laws.families.counts import counts
from sldagent.laws.families.curves import curves
from sldagent.laws.families.features import Features
from sldagent.laws.families.goals import goals
from sldagent.laws.families.logged import logged
from sldagent.laws.families.mixtures import mixtures
from sldagent.laws.families.modulated import modulated
from sldagent.laws.families.optima import optima
from sldagent.laws.families.powers import powers
from sldagent.laws.families.repeats import repeats
from sldagent.laws.families.transfer import transfer
from sldagent.task import Role


class LawNotFound(DataError):
    """No family of that name can be written over the features at hand."""


_FAMILIES = (
    powers,
    curves,
    repeats,
    transfer,
    batches,
    optima,
    counts,
    mixtures,
    modulated,
    logged,
    goals,
)


def applicable(
    roles: Sequence[Role | None], *, signed: bool = False, limit: int | None = None
) -> tuple[Law, ...]:
    """Every law that features of such roles, column by column, allow.

    Args:
        roles: Role of each feature column; None for a column that no law shall read.
        signed: The target takes both signs (or only negative values).
        limit: At most so many parameters per group and target.
    """
    laws = _expand(tuple(roles), signed)
    return tuple(law for law in laws if limit is None or len(law.parameters) <= limit)


@lru_cache(maxsize=256)
def _expand(roles: tuple[Role | None, ...], signed: bool) -> tuple[Law, ...]:
    features = Features.of(roles, signed=signed)
    return tuple(law for family in _FAMILIES for law in family(features))


def find(name: str, roles: Sequence[Role | None]) -> Law:
    """The law of that name, or the shortest one of that family, over features of such roles.

    Of laws over what is tuned the shortest one over all of it.

    Raises:
        LawNotFound: there is none; the message lists the families that there are.
    """
    signed = name.startswith("signed ")
    laws = applicable(roles, signed=signed)
    for law in laws:
        if law.name == name:
            return law
    bare = name.removeprefix("signed ")
    related = [law for law in laws if _family(law) == bare]
    if related:
        return min(related, key=lambda law: (-_tuned(law), len(law.parameters)))
    known = ", ".join(sorted({_family(law) for law in laws}))
    raise LawNotFound(f"no law {name!r} for these features; there are {known or 'none'}")


def _tuned(law: Law) -> int:
    return sum(slot.role in (Role.RATE, Role.BATCH) for slot in law.slots)


def _family(law: Law) -> str:
    return law.name.removeprefix("signed ").partition("(")[0]
