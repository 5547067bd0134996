"""What a comparison is made of: its settings, its arms, and one cell for each run."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sldagent.config import EvaluationConfig
from sldagent.errors import UsageError

ABLATIONS = ("best-of-n", "random", "no-islands", "no-exemplars", "no-seeds")
SPLITS = ("test", "pseudo")
HUMAN = "human"
_OWN_TEXT = "symbolic"


@dataclasses.dataclass(frozen=True, slots=True)
class BenchConfig:
    """What `bench` is asked to do.

    Attributes:
        folder: Where runs and results go; the same folder goes on where it was left.
        tasks: Names or paths.
        seeds: Searches of each arm on each task, with the seeds 0, 1, …
        proposers: Who writes programs, one arm each.
        ablations: For every proposer one more arm that lacks something; see `arms`.
        baselines: `human` fits the form that people published.
        evaluations: Most candidates of a search, in whole generations; equal for all arms.
        split: `test` judges the best program on the test rows, where there are any; `pseudo` hides
            the top of the training rows, searches on the rest and judges on what was hidden.
        pseudo_tests: Most pseudo-tests of a task.
        start_programs: Most programs that a search begins with; None for all.
        data: Where the rows are, as for `evolve`.
        workers: Processes that evaluate; None for one a core.
        evaluation: Limits of every evaluation.
        asking: Settings of `EvolveConfig` for the searches whose proposer asks models.
    """

    folder: Path
    tasks: tuple[str, ...]
    seeds: int = 5
    proposers: tuple[str, ...] = ("symbolic",)
    ablations: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    evaluations: int = 400
    split: str = "test"
    pseudo_tests: int = 3
    start_programs: int | None = None
    data: str | None = None
    workers: int | None = None
    evaluation: EvaluationConfig = dataclasses.field(
        default_factory=lambda: EvaluationConfig(reject_literals=True)
    )
    asking: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, least, option in (
            (self.seeds, 0, "--seeds"),
            (self.evaluations, 1, "--evaluations"),
            (self.pseudo_tests, 1, "--pseudo-tests"),
            (self.start_programs, 1, "--start-programs"),
        ):
            if number is not None and number < least:
                raise UsageError(f"{option} must be at least {least}: {number}")
        for values, known, option in (
            (self.ablations, ABLATIONS, "--ablate"),
            (self.baselines, (HUMAN,), "--baseline"),
            ((self.split,), SPLITS, "--split"),
        ):
            for value in values:
                if value not in known:
                    raise UsageError(f"{option} is one of {', '.join(known)}: {value}")
        if not self.tasks:
            raise UsageError("name at least one task")

    @property
    def fixed(self) -> dict[str, object]:
        """What all results of a folder must share for their comparison to be fair."""
        return {
            "evaluations": self.evaluations,
            "split": self.split,
            "pseudo_tests": self.pseudo_tests,
            "start_programs": self.start_programs,
            "evaluation": dataclasses.asdict(self.evaluation),
            "asking": {k: list(v) if isinstance(v, tuple) else v for k, v in self.asking.items()},
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Arm:
    """A way of searching: a proposer, perhaps without something."""

    proposer: str
    ablation: str = ""

    @property
    def asks(self) -> bool:
        """Whether programs of models are among those that it judges."""
        return self.proposer != _OWN_TEXT

    @property
    def name(self) -> str:
        """As tables show it."""
        return f"{self.proposer}, {self.ablation}" if self.ablation else self.proposer


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One search.

    Attributes:
        part: Number of the pseudo-test; None where all training rows are searched on.
    """

    task: str
    arm: Arm
    seed: int
    part: int | None = None

    @property
    def key(self) -> str:
        """Names the run and the result."""
        part = "" if self.part is None else f"-p{self.part}"
        words = (self.task, self.arm.proposer, self.arm.ablation, f"s{self.seed}")
        return re.sub(r"[^\w.-]+", "_", "-".join(word for word in words if word)) + part


def arms(config: BenchConfig) -> list[Arm]:
    """The arms: each proposer as it is, then without each thing that is ablated."""
    return [
        Arm(proposer, ablation)
        for proposer in config.proposers
        for ablation in ("", *config.ablations)
    ]


def cells(config: BenchConfig, parts: Sequence[tuple[str, int]]) -> list[Cell]:
    """Every search, seed by seed, so that an interrupted comparison is even.

    Args:
        config: What is compared.
        parts: Each task's name and its number of pseudo-tests, 0 without.
    """
    return [
        Cell(task, arm, seed, part)
        for seed in range(config.seeds)
        for task, count in parts
        for arm in arms(config)
        for part in (range(count) if count else (None,))
    ]
