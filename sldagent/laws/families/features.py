"""The features that families are written over: one symbol a role, numbered where a role repeats."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from sldagent.laws.expressions import Law, Parameter, Slot, amplitude
from sldagent.task import Role

_SYMBOLS = {
    Role.SIZE: "N",
    Role.DATA: "D",
    Role.UNIQUE_DATA: "U",
    Role.RATE: "eta",
    Role.BATCH: "b",
    Role.FRACTION: "r",
    Role.LOGGED: "z",
    Role.COUNT: "K",
}
RESOURCES = (Role.SIZE, Role.DATA, Role.UNIQUE_DATA, Role.COUNT)
SCALES = (*RESOURCES, Role.LOGGED)  # along which rows have a place

MANY = 6  # resources; laws of pairs and subsets of more are too many to look at


def logarithms(slots: Sequence[Slot]) -> list[str]:
    """Factors of the product of the slots' logarithms, those of one slot as a power."""
    return [
        f"ln({slot.symbol})" if count == 1 else f"ln({slot.symbol})**{count}"
        for slot, count in Counter(slots).items()
    ]


@dataclass(frozen=True, slots=True)
class Features:
    """Slots of a table, in the order of its roles in `Role`, so that column order does not matter.

    Attributes:
        signed: The target takes both signs, so floors and amplitudes may too.
    """

    slots: tuple[Slot, ...]
    signed: bool

    @classmethod
    def of(cls, roles: Sequence[Role | None], *, signed: bool) -> "Features":
        """Features of a table with such roles, column by column; None is a column no law reads."""
        slots = []
        for role in Role:
            columns = [c for c, r in enumerate(roles) if r == role]
            many = len(columns) > 1
            slots += [
                Slot(_SYMBOLS[role] + (str(i) if many else ""), role, c)
                for i, c in enumerate(columns, 1)
            ]
        return cls(tuple(slots), signed)

    def with_role(self, *roles: Role) -> tuple[Slot, ...]:
        """Slots of the given roles."""
        return tuple(slot for slot in self.slots if slot.role in roles)

    def single(self, role: Role) -> Slot | None:
        """The only slot of a role; None where there is none or more than one."""
        found = self.with_role(role)
        return found[0] if len(found) == 1 else None

    def subsets(self, roles: Iterable[Role], least: int = 1) -> Iterator[tuple[Slot, ...]]:
        """Every set of at least `least` slots of the given roles.

        Of many slots, of which there would be millions of sets, single ones and all together.
        """
        slots = self.with_role(*roles)
        sizes: Iterable[int] = range(least, len(slots) + 1)
        if len(slots) > MANY:
            sizes = sorted({least, len(slots)})
        for size in sizes:
            yield from combinations(slots, size)

    def floor(self, name: str = "E") -> Parameter:
        """The irreducible part; not negative unless the target is signed."""
        return amplitude(name, 0 if self.signed else 1)

    def amplitude(self, name: str, unit: str = "1") -> Parameter:
        """An amplitude, not negative unless the target is signed."""
        return amplitude(name, 0 if self.signed else 1, unit)

    def law(
        self,
        family: str,
        slots: Sequence[Slot],
        formula: str,
        parameters: Sequence[Parameter],
        source: str,
        *,
        centred: bool = False,
    ) -> Law:
        """A law named by family and slots; a signed one says so, for its parameters differ."""
        name = f"{family}({','.join(slot.symbol for slot in slots)})"
        name = f"signed {name}" if self.signed else name
        return Law(name, formula, tuple(slots), tuple(parameters), source, centred)
