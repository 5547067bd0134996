"""A program's place in a run, and what running it gave."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

_LITTLE, _NAMED = 0.5, 3  # R² of a cut or group that is warned of; so many are named


class Status(StrEnum):
    """How an evaluation ended. Only `ok` has metrics; the rest is a failure with a reason."""

    OK = "ok"
    REJECTED = "rejected"  # breaks a rule: limit, row independence, determinism, syntax
    ERROR = "error"  # the program raised, exited or crashed
    TIMEOUT = "timeout"  # took more CPU or wall seconds than allowed
    MEMORY = "memory"  # took more memory than allowed
    INVALID = "invalid"  # returned something that is not the promised finite numbers


@dataclass(frozen=True, slots=True)
class Metrics:
    """The benchmark's metrics over a set of rows; `r2` = 1 - `nmse`."""

    r2: float
    nmse: float
    nmae: float


@dataclass(frozen=True, slots=True)
class CutResult:
    """What one cut gave.

    Attributes:
        name: The cut's name, e.g. `tokens>2e10`.
        fit_rows: Number of rows that the program was fitted on.
        held_out_rows: Number of rows that it was scored on.
        metrics: Over the held-out rows of all groups.
        groups: The same per group; None where a group's held-out rows do not vary.
        relative_error: Mean |error / actual| over the held-out rows.
        bias: Mean signed error over the top tenth of the held-out rows along the cut's axes.
        params: Fitted parameters per group, shape kept; None for a law with frozen constants.
    """

    name: str
    fit_rows: int
    held_out_rows: int
    metrics: Metrics
    groups: dict[str, Metrics | None]
    relative_error: float
    bias: float
    params: dict[str, list[Any]] | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What running a program gave; numbers only where `status` is ok.

    Attributes:
        reason: Why it failed, in words for a person and for a model; empty when ok.
        split: `held-out` or `test`.
        metrics: Over the rows of the split, all cuts and groups together.
        score: What selection compares (higher is better); never a metric of the benchmark.
        params: Most numbers that a group was given, or "frozen" for a law with constants.
        literals: Numbers written into the law itself, as `evaluation.literals` counts them.
        seconds: `cpu` of the candidate's own processes and `wall` of the whole evaluation.
        output: The first few kB that the candidate printed.
        beyond: What the law says at points all over a box beyond the data, in standard deviations
            of the targets from their means; the same points for all programs of a task.
    """

    status: Status
    reason: str = ""
    split: str = "held-out"
    metrics: Metrics | None = None
    score: float | None = None
    cuts: tuple[CutResult, ...] = ()
    groups: dict[str, Metrics | None] = field(default_factory=dict)
    params: int | str | None = None
    literals: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    output: str = ""
    beyond: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; keys are stable."""
        return asdict(self)

    def doubts(self) -> list[str]:
        """The warnings, and on which cuts and for which groups the law explains little."""
        words = list(self.warnings)
        for what, known in (
            ("cut", {cut.name: cut.metrics for cut in self.cuts}),
            ("group", self.groups if len(self.groups) > 1 else {}),
        ):
            weak = sorted((m.r2, name) for name, m in known.items() if m and m.r2 < _LITTLE)
            if weak:
                worst = ", ".join(f"{name} (R² {r2:.3g})" for r2, name in weak[:_NAMED])
                more = f" and {len(weak) - _NAMED} more" if len(weak) > _NAMED else ""
                of = f"on {len(weak)} of {len(known)} {what}s" if len(known) > 1 else "on the cut"
                words.append(f"{of} it explains little: {worst}{more}")
        return words


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program's place in one run.

    Attributes:
        number: Position in the run, from 0; a function of generation, island and slot.
        parents: Numbers of the candidates that it was edited from.
        exemplars: Numbers of the candidates that its proposer was shown.
        proposer: Who wrote it, e.g. `start` or `symbolic`.
        change: What the proposer did, in words.
    """

    number: int
    generation: int
    island: int
    slot: int
    program_hash: str
    parents: tuple[int, ...]
    exemplars: tuple[int, ...]
    proposer: str
    change: str
    evaluation: Evaluation
