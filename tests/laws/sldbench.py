"""The benchmark's training tables, where they lie beside the repository."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sldagent.data.sources import load_train
from sldagent.data.tasks import find_task
from sldagent.table import Table
from sldagent.task import Role

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "sldbench"
TASKS = (
    "data_constrained",
    "domain_mixture",
    "easy_question",
    "lr_bsz",
    "moe",
    "parallel",
    "sft",
    "vocab",
)
_NO_LIMIT = 20  # parameters of a law where the benchmark sets no limit


@dataclass(frozen=True)
class Problem:
    """A table with the role of each feature, and the parameters that a group may have."""

    name: str
    table: Table
    roles: tuple[Role, ...]
    allowed: int

    @property
    def limit(self) -> int:
        """Parameters per group and target."""
        return self.allowed // self.table.y.shape[1]

    @property
    def signed(self) -> bool:
        return bool(np.any(self.table.y <= 0))


def present(name: str) -> bool:
    return (FOLDER / name / "train.csv").is_file()


def load(name: str) -> Problem:
    """The training rows of a task."""
    task = find_task(name)
    roles = tuple(column.role for column in task.features if column.role is not None)
    return Problem(name, load_train(task, FOLDER), roles, task.parameter_limit or _NO_LIMIT)
