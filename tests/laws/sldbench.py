"""The benchmark's training tables, where they lie beside the repository."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

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
_ROLES = {
    "unique_tokens": Role.UNIQUE_DATA,
    "params": Role.SIZE,
    "tokens": Role.DATA,
    "log_flops": Role.LOGGED,
    "lr": Role.RATE,
    "bsz": Role.BATCH,
    "data_size": Role.DATA,
    "non_embedding_param_size": Role.SIZE,
    "num_experts": Role.COUNT,
    "dense_parameter_count": Role.SIZE,
    "num_params": Role.SIZE,
    "parallel_size": Role.COUNT,
    "sft_data_size": Role.DATA,
    "non_vocab_parameters": Role.SIZE,
    "vocab_size": Role.COUNT,
    "num_characters": Role.DATA,
}
_SCORES = ("loss", "brier")
# Parameters a group that the benchmark allows, over all targets.
LIMITS = dict(zip(TASKS, (7, 35, 6, 20, 6, 4, 4, 7), strict=True))


@dataclass(frozen=True)
class Problem:
    """A table with the role of each feature."""

    name: str
    table: Table
    roles: tuple[Role, ...]

    @property
    def limit(self) -> int:
        """Parameters per group and target."""
        return LIMITS[self.name] // self.table.y.shape[1]

    @property
    def signed(self) -> bool:
        return bool(np.any(self.table.y <= 0))


def present(name: str) -> bool:
    return (FOLDER / name / "train.csv").is_file()


def load(name: str) -> Problem:
    """The training rows of a task."""
    frame = pd.read_csv(FOLDER / name / "train.csv")
    roles = {c: _ROLES.get(c) for c in frame.columns}
    roles |= {c: Role.FRACTION for c in frame.columns if c.startswith("proportion")}
    features = [c for c in frame.columns if roles[c]]
    targets = [c for c in frame.columns if any(word in c for word in _SCORES)]
    x, y = frame[features].to_numpy(float), frame[targets].to_numpy(float)
    table = Table(x, y, tuple(frame["group"].astype(str)), name)
    return Problem(name, table, tuple(roles[c] for c in features))  # type: ignore[misc]
