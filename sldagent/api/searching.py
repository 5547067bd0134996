"""Searches and their runs."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sldagent.api.judging import make_evaluator
from sldagent.config import EvolveConfig

if TYPE_CHECKING:
    from sldagent.cuts import Cut
    from sldagent.driving import Plan, Watch
    from sldagent.evaluation.base import EvaluatorPool
    from sldagent.evolution.search import Generation
    from sldagent.run import Run
    from sldagent.table import Table
    from sldagent.task import Task


def evolve(config: EvolveConfig, watch: "Watch | None" = None) -> "Run":
    """Searches for a task's law and returns its run, finished or interrupted.

    Candidates are committed one by one: whatever ends the search, what was evaluated is kept, and
    `resume` goes on from there. `watch` is told what happens, see `sldagent.driving.Watch`.
    """
    from sldagent import driving

    return driving.evolve(config, _ray_pool, watch or driving.Watch())


def plan(config: EvolveConfig) -> "Plan":
    """What a search would do: its configuration with all that is derived, and its size."""
    from sldagent import driving

    return driving.plan(config)


def resume(path: str | Path, watch: "Watch | None" = None) -> "Run":
    """Goes on with an interrupted run, to the lineage that it would have had uninterrupted.

    No committed candidate is evaluated again. A finished run is returned as it is.

    Raises:
        UsageError: Rows, task, limits or versions are no longer those of the run, so that new
            scores could not be compared with old ones; or another process drives the run.
    """
    from sldagent import driving

    return driving.resume(Path(path), _ray_pool, watch or driving.Watch())


def make_watch(
    planned: "Callable[[Plan], None]",
    started: "Callable[[Run], None]",
    generation: "Callable[[Generation], None]",
    stop: "Callable[[], str | None]",
) -> "Watch":
    """Who looks on at a search; see `sldagent.driving.Watch`."""
    from sldagent.driving import Watch

    return Watch(planned, started, generation, stop)


def _ray_pool(
    task: "Task", table: "Table", cuts: "Sequence[Cut]", config: EvolveConfig
) -> "EvaluatorPool":
    from sldagent.evaluation.pool import RayPool

    # The start programs are the user's or our own, and the proposers write our own text: what
    # protection there is suffices.
    build = partial(make_evaluator, task, table, cuts, config.evaluation, "held-out", True)
    return RayPool(build, config.workers, config.ray_address)


def open_run(name: str | Path, runs: str | Path = "runs") -> "Run":
    """An existing run: its folder, its name, a unique beginning of it, or `latest`."""
    from sldagent.run import Run, find_run

    return Run.open(find_run(str(name), runs))


def list_runs(runs: str | Path = "runs") -> "list[Run]":
    """Every run in a folder of runs, by name."""
    from sldagent.run import Run, run_folders

    return [Run.open(folder) for folder in run_folders(runs)]
