"""A task: a discovery problem as pure data. How it is scored is not part of it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Role(StrEnum):
    """What a feature means to a law; families and cuts are written by role, never by name."""

    SIZE = "size"  # parameters of a model
    DATA = "data"  # tokens or examples seen
    UNIQUE_DATA = "unique_data"  # distinct tokens or examples
    RATE = "rate"  # learning rate
    BATCH = "batch"  # batch size
    FRACTION = "fraction"  # a share of a mixture; the shares of a row lie on a simplex
    LOGGED = "logged"  # already a logarithm; may be negative
    COUNT = "count"  # a small whole number: experts, parallel streams, vocabulary entries


@dataclass(frozen=True, slots=True)
class Column:
    """A feature or target column; `role` is None for targets.

    A feature that `falls` is lower in larger runs, as the loss that is aimed at: what lies beyond
    the data lies below it.
    """

    name: str
    role: Role | None = None
    unit: str = ""
    description: str = ""
    falls: bool = False


class CutKind(StrEnum):
    """How held-out rows are chosen; see `sldagent.cuts`."""

    AXIS = "axis"
    CORNER = "corner"
    FAR = "far"


@dataclass(frozen=True, slots=True)
class CutRule:
    """One rule for making cuts: the axes that it looks at, and about which shares it holds out."""

    kind: CutKind
    axes: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class HubSource:
    """Where the benchmark's own tables lie, and how many rows they must have."""

    repo: str
    config: str
    revision: str
    train_rows: int
    test_rows: int


@dataclass(frozen=True, slots=True)
class Task:
    """A discovery problem: columns, groups, limits, cuts, provenance.

    Attributes:
        parameter_limit: At most so many fitted numbers per group; None for no limit.
        group_column: The column that names a row's group; None puts all rows in one group.
        ignored: Columns that a table may have and that no law sees.
        hub: The benchmark's table on the hub, where the task has one.
        measured: What is to be said of our own table of the task, where there is one.
        source: The one source that the task's tables are taken from; None for any.
        published: Published test R² by method, with `source`; facts, shown and never used.
        published_form: Name of the family that people published for these data, for `bench`.
        origin: The file that the task was read from.
    """

    name: str
    title: str
    description: str
    features: tuple[Column, ...]
    targets: tuple[Column, ...]
    cut_rules: tuple[CutRule, ...]
    group_column: str | None = None
    parameter_limit: int | None = None
    ignored: tuple[str, ...] = ()
    hub: HubSource | None = None
    measured: str | None = None
    source: Literal["measured"] | None = None
    provenance: str = ""
    published: dict[str, Any] = field(default_factory=dict)
    published_form: str = ""
    origin: str = ""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the feature columns, in the order of a law's `data_points` columns."""
        return tuple(column.name for column in self.features)

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the target columns, in the order of a law's prediction columns."""
        return tuple(column.name for column in self.targets)

    @property
    def outward(self) -> tuple[float, ...]:
        """1 for each feature whose larger values lie beyond the data, -1 for those that fall."""
        return tuple(-1.0 if column.falls else 1.0 for column in self.features)

    @property
    def sha256(self) -> str:
        """Hash of what decides a score: columns, roles, groups, limit and cut rules."""
        keep = ("features", "targets", "group_column", "parameter_limit", "cut_rules")
        fields = {name: value for name, value in asdict(self).items() if name in keep}
        for column in (*fields["features"], *fields["targets"]):
            if not column["falls"]:  # as before columns could, so that older runs can be resumed
                del column["falls"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
