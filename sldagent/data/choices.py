"""What is made of each column of a user's table, and what a user may ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sldagent.errors import UsageError
from sldagent.task import Role


class Use(StrEnum):
    """What becomes of a column."""

    FEATURE = "feature"
    TARGET = "target"
    GROUP = "group"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Choice:
    """One column: its use, and why.

    Attributes:
        role: Of a feature.
        sure: False where nothing but its values suggests a feature's role.
        factor: By which cells are multiplied, such as 0.01 for percentages.
    """

    name: str
    use: Use
    why: str
    role: Role | None = None
    unit: str = ""
    sure: bool = True
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the rows: what it is, what was done, and how to have it otherwise."""

    what: str
    done: str
    overrule: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.done}"


class Keep(StrEnum):
    """Rows that are left out unless a user keeps them."""

    COPIES = "copies"  # equal another row in every cell
    DIVERGED = "diverged"  # a target far beyond all others
    STEPS = "steps"  # earlier steps of a run
    UNFINISHED = "unfinished"  # runs that crashed, failed or go on


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user says of a table; everything else is guessed.

    Attributes:
        targets: Columns to predict, at least one.
        groups: Columns that together name a row's group; None guesses, empty means no groups.
        ignore: Columns that no law shall see.
        roles: Roles of features by column; such a column is never left out.
        axes: Features along which rows are held out; none means all that cuts can be made of.
        limit: Fitted numbers a group; None suggests one, 0 means no limit.
        keep: Rows that are kept.
        others: Whether columns that are not named are looked at. If not, all that they are good for
            is to tell a run that was repeated from a row that was copied.
        role_option: The option that named the roles, for messages.
    """

    targets: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    axes: tuple[str, ...] = ()
    limit: int | None = None
    keep: frozenset[Keep] = frozenset()
    others: bool = True
    role_option: str = "--role"

    def __post_init__(self) -> None:
        if not self.targets:
            raise UsageError("name at least one --target, the column that a law shall predict")
        if self.limit is not None and self.limit < 0:
            raise UsageError(f"--limit must be at least 1, or 0 for none: {self.limit}")
        named: dict[str, str] = {}
        for option, names in (
            ("--target", self.targets),
            ("--group", self.groups or ()),
            ("--ignore", self.ignore),
            (self.role_option, tuple(self.roles)),
        ):
            for name in names:
                if name in named:
                    raise UsageError(f"column '{name}' is named by {named[name]} and by {option}")
                named[name] = option


def parse_roles(texts: Sequence[str], option: str = "--role") -> dict[str, str]:
    """Roles by column, of texts `COLUMN=ROLE`.

    Raises:
        UsageError: A text is another, or two are of one column.
    """
    roles: dict[str, str] = {}
    for text in texts:
        name, equals, role = text.rpartition("=")
        if not equals or not name:
            known = _known(Role)
            raise UsageError(f"{option} '{text}' must be COLUMN=ROLE with a role of: {known}")
        if name in roles:
            raise UsageError(f"{option} names column '{name}' twice")
        roles[name] = role
    return roles


def make_wishes(
    targets: str | Sequence[str],
    groups: str | Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    roles: Mapping[str, str] | None = None,
    axes: Sequence[str] = (),
    limit: int | None = None,
    keep: Sequence[str] = (),
    others: bool = True,
    role_option: str = "--role",
) -> Wishes:
    """Wishes of plain values; raises UsageError for a role or kind of rows that does not exist."""
    for name, role in (roles or {}).items():
        if role not in list(Role):
            known = _known(Role)
            raise UsageError(f"{role_option} {name}={role}: no such role; roles are: {known}")
    for what in keep:
        if what not in list(Keep):
            raise UsageError(f"--keep {what}: no such rows; there are: {_known(Keep)}")
    return Wishes(
        targets=(targets,) if isinstance(targets, str) else tuple(targets),
        groups=(groups,) if isinstance(groups, str) else None if groups is None else tuple(groups),
        ignore=tuple(ignore),
        roles={name: Role(role) for name, role in (roles or {}).items()},
        axes=tuple(axes),
        limit=limit,
        keep=frozenset(map(Keep, keep)),
        others=others,
        role_option=role_option,
    )


def _known(choices: type[StrEnum]) -> str:
    return ", ".join(choices)
