"""Runs in this process, judged by the program's hash: no sandbox, no Ray."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contracts.scripted_search import evaluation

from sldagent import driving
from sldagent.candidate import Evaluation
from sldagent.config import EvolveConfig
from sldagent.cuts import Cut
from sldagent.program import Program
from sldagent.run import Run
from sldagent.table import Table
from sldagent.task import Task


class HashPool:
    """Judges by the program's hash, in a shuffled order."""

    width = 3

    def __init__(self, seed: int = 0) -> None:
        self.evaluated: list[str] = []
        self._rng = np.random.default_rng(seed)
        self._queue: list[tuple[int, Program]] = []

    def submit(self, key: int, text: Program) -> None:
        self._queue.append((key, text))

    def results(self, timeout: float | None = None) -> Iterator[tuple[int, Evaluation]]:
        while self._queue:
            key, text = self._queue.pop(int(self._rng.integers(len(self._queue))))
            self.evaluated.append(text.hash)
            yield key, self.judge(text)

    def judge(self, text: Program) -> Evaluation:
        return evaluation(int(text.hash[:8], 16) / 2**32)

    def close(self) -> None:
        pass


class Driver:
    """Evolves and resumes runs in a folder of their own."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        self.pools: list[HashPool] = []

    def config(self, name: str, **settings: Any) -> EvolveConfig:
        usual: dict[str, Any] = {"seeds": 1}
        usual |= {"generations": 7, "islands": 3, "offspring": 2, "migrate_every": 2, "lag": 3}
        return EvolveConfig(
            task="data_constrained",
            data=str(self.data),
            runs=str(self.folder),
            name=name,
            **{"reseed_every": 6, **usual, **settings},
        )

    def evolve(self, name: str, watch: driving.Watch | None = None, **settings: Any) -> Run:
        return driving.evolve(self.config(name, **settings), self._pool, watch or driving.Watch())

    def resume(self, name: str, watch: driving.Watch | None = None) -> Run:
        return driving.resume(self.folder / name, self._pool, watch or driving.Watch())

    def _pool(self, task: Task, rows: Table, cuts: Sequence[Cut], config: EvolveConfig) -> HashPool:
        self.pools.append(HashPool(len(self.pools)))
        return self.pools[-1]


def lineage(run: Run) -> list[tuple[Any, ...]]:
    """All that a lineage is, without times."""
    keys = ("number", "generation", "island", "slot", "parents", "proposer", "arm", "change",
            "status", "reason", "score", "program_hash")  # fmt: skip
    candidates = [candidate.exemplars for candidate in run.candidates()]
    rows = [tuple(map(str, (row[key] for key in keys))) for row in run.rows()]
    return [*zip(rows, candidates, strict=True), *map(str, run.store.events())]
