"""The designed grids: which runs make a task's table.

Sizes, tokens and unique tokens lie on geometric grids over two decades, so that none can be told
from another. What is largest is the test table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from sldagent.errors import UsageError
from sldagent.measure.spec import Row, RunSpec, Stage, count_params

# Columns of a task's table, in the order of its file, as functions of a finished run.
Columns = dict[str, Callable[[Row], object]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs of a task's table, in the order in which they are trained.

    Attributes:
        tuning: A sweep that gives the learning rates of the runs that name none; trained first.
        grid: In an order that mixes sizes, so that a part of them covers the whole range.
        columns: Of the tables.
    """

    task: str
    tuning: tuple[RunSpec, ...]
    grid: tuple[RunSpec, ...]
    columns: Columns

    @property
    def runs(self) -> tuple[RunSpec, ...]:
        """All of them."""
        return self.tuning + self.grid


def make_plan(task: str) -> Plan:
    """The plan for a task.

    Raises:
        UsageError: There is none.
    """
    if task not in _PLANS:
        raise UsageError(f"no runs are planned for task '{task}'; there are: {', '.join(_PLANS)}")
    return _PLANS[task]()


_BATCH = 8
_FEWEST_STEPS = 16


def _data_constrained() -> Plan:
    tuning = [
        RunSpec("tuning", width, tokens, tokens, _BATCH, 2.0**-power)
        for width, tokens, power in product((8, 24, 64), (2**15, 2**18), range(3, 9))
    ]
    widths = (8, 12, 16, 24, 32, 48, 64)
    shapes = [
        (2**unique, 2**epochs)
        for unique, most in ((15, 5), (17, 4), (19, 2), (21, 0))
        for epochs in range(most + 1)
    ]
    shapes += [(2**16, 4), (2**18, 4)]
    train = [(w, u, e, 0) for w, (u, e) in product(widths, shapes) if _before_memory(w, u, e)]
    train += [
        (w, u, e, 0)
        for w, (u, e) in product((8, 16, 24), ((2**19, 8), (2**19, 16), (2**21, 2), (2**21, 4)))
    ]
    noise = ((8, 2**19, 1), (16, 2**15, 16), (32, 2**17, 4), (48, 2**15, 2))
    train += [(*cell, seed) for cell, seed in product(noise, (1, 2))]
    test = [
        (96, 2**15, 1), (96, 2**17, 1), (96, 2**17, 4), (96, 2**18, 4), (96, 2**19, 1),
        (96, 2**21, 1), (64, 2**19, 8), (48, 2**19, 8), (48, 2**21, 2), (32, 2**18, 32),
        (32, 2**19, 16), (32, 2**21, 4), (24, 2**22, 2), (16, 2**19, 32), (12, 2**22, 4),
    ]  # fmt: skip
    largest = [(128, 2**17, 1), (128, 2**17, 4), (128, 2**19, 1)]

    def spec(stage: Stage, width: int, unique: int, epochs: int, seed: int = 0) -> RunSpec:
        return RunSpec(stage, width, unique, unique * epochs, _BATCH, None, seed)

    grid = [spec("train", *cell) for cell in train] + [spec("test", *cell) for cell in test]
    order = (*_mixed(grid), *(spec("test", *cell) for cell in largest))
    columns: Columns = {
        "group": lambda row: "all_data",
        "unique_tokens": lambda row: row.unique_tokens,
        "params": lambda row: row.params,
        "tokens": lambda row: row.tokens,
        "loss": lambda row: row.loss,
    }
    return Plan("data_constrained", tuple(tuning), order, columns)


def _before_memory(width: int, unique: int, epochs: int) -> bool:
    """Whether a run ends before the model knows its text by heart.

    Beyond this line the loss rises with every epoch, by up to 0.7 at 32 epochs; a law of repeated
    data describes how its worth fades, not that.
    """
    return count_params(width) * epochs <= 16 * unique


def _mixed(grid: list[RunSpec]) -> tuple[RunSpec, ...]:
    order = np.random.default_rng(0).permutation(len(grid))
    return tuple(grid[i] for i in order)


def _lr_bsz() -> Plan:
    cells = [(8, d) for d in (15, 17, 19, 21, 22)] + [(16, d) for d in (16, 18, 20, 22)]
    cells += [(32, d) for d in (15, 17, 19, 21)] + [(64, d) for d in (16, 18, 20)]
    larger = [(96, 17), (96, 19), (64, 21)]
    # Batch, and factor on the rate about which a cell is centred.
    around = [(2, 0.5), (2, 2.0), (8, 0.25), (8, 1.0), (8, 4.0), (32, 0.5), (32, 2.0), (128, 1.0)]
    centre = [(2, 1.0), (8, 0.5), (8, 2.0), (32, 1.0), (128, 0.5)]
    noise = [(8, 19), (16, 16), (32, 17), (64, 16)]

    def spec(
        stage: Stage, width: int, power: int, batch: int, factor: float, seed: int = 0
    ) -> RunSpec:
        tokens = 2**power
        # As tuned for data_constrained with 8 windows, and the usual square root of the batch.
        rate = factor * 2.07 * count_params(width) ** -0.327 * tokens**-0.116 * (batch / 8) ** 0.5
        return RunSpec(stage, width, tokens, tokens, batch, float(f"{rate:.3g}"), seed)

    grid = [spec("train", *cell, *point) for cell, point in product(cells, around)]
    grid += [spec("train", *cell, 8, 1.0, seed) for cell, seed in product(noise, (1, 2))]
    grid += [spec("test", *cell, *point) for cell, point in product(larger, centre)]
    columns: Columns = {
        "group": lambda row: "all_data",
        "lr": lambda row: row.rate,
        "bsz": lambda row: row.batch,
        "data_size": lambda row: row.tokens,
        "non_embedding_param_size": lambda row: row.inner_params,
        "lm_loss": lambda row: row.loss,
    }
    return Plan("lr_bsz", (), _mixed([s for s in grid if s.steps >= _FEWEST_STEPS]), columns)


_PLANS = {"data_constrained": _data_constrained, "lr_bsz": _lr_bsz}
