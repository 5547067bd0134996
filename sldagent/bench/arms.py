"""How an arm of a comparison searches.

Ablations take one thing away and leave the number of evaluations:

- *best-of-n*: every proposal is made from the start programs; nothing is built on its result;
- *random*: parents are drawn evenly, not by rank;
- *no-islands*: one population with as many members and proposals as all islands have together;
- *no-exemplars*: nothing is shown beside the parents;
- *no-seeds*: begins with the law of fewest parameters in place of the seed population.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sldagent.bench.plan import BenchConfig, Cell
from sldagent.config import EvolveConfig
from sldagent.data.sources import load_train
from sldagent.data.tasks import find_task

_NEVER = 1_000_000_000  # generations

Resolve = Callable[[EvolveConfig], EvolveConfig]
"""Fills in what a search's configuration leaves to be derived."""


def search_config(
    cell: Cell, config: BenchConfig, task: str, data: str | None, resolve: Resolve
) -> EvolveConfig:
    """The configuration of a cell's search; `task` is a name or path, `data` the cell's rows."""
    base = EvolveConfig(
        task=task,
        data=data,
        generations=None,
        evaluations=config.evaluations,
        proposer=cell.arm.proposer,
        seed=cell.seed,
        seeds=config.start_programs,
        workers=config.workers,
        name=cell.key,
        runs=str(config.folder / "runs"),
        evaluation=config.evaluation,
        **(config.asking if cell.arm.asks else {}),
    )
    match cell.arm.ablation:
        case "best-of-n":
            return replace(base, lag=config.evaluations, migrate_every=_NEVER, reseed_every=_NEVER)
        case "random":
            return replace(base, selection="uniform")
        case "no-islands":
            wide = resolve(base)
            assert wide.offspring is not None
            assert wide.lag is not None
            return replace(
                base,
                islands=1,
                offspring=wide.offspring * wide.islands,
                lag=wide.lag * wide.islands,
                capacity=wide.capacity * wide.islands,
            )
        case "no-exemplars":
            return replace(base, exemplars=0)
        case "no-seeds":
            return replace(base, seeds=0, starts=(str(_plainest(cell, config, task, data)),))
        case _:
            return base


def _plainest(cell: Cell, config: BenchConfig, task: str, data: str | None) -> Path:
    """A file with the plainest start program."""
    from sldagent.proposing.symbolic import plainest

    found = find_task(task)
    file = config.folder / "starts" / f"{cell.key}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(plainest(found, load_train(found, data)).source, "utf-8")
    return file
