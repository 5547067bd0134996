"""Searches and their runs."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.api.judging import make_evaluator
from sldagent.config import EvolveConfig
from sldagent.errors import SldagentError

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
    notice: "Callable[[str], None]",
) -> "Watch":
    """Who looks on at a search; see `sldagent.driving.Watch`."""
    from sldagent.driving import Watch

    return Watch(planned, started, generation, stop, notice)


def _ray_pool(
    task: "Task", table: "Table", cuts: "Sequence[Cut]", config: EvolveConfig
) -> "EvaluatorPool":
    from sldagent.evaluation.pool import RayPool

    unprotected = is_own_text(config) or config.unprotected
    build = partial(make_evaluator, task, table, cuts, config.evaluation, "held-out", unprotected)
    return RayPool(build, config.workers, config.ray_address)


def is_own_text(config: EvolveConfig) -> bool:
    """Whether all programs of a run are the user's or our own: any protection will do for them.

    What a model writes is a stranger's text, and so is what a recording holds.
    """
    return not config.models and config.replay is None


def describe_models(config: EvolveConfig) -> list[str]:
    """A line for each model of a configuration: name, server, price."""
    from sldagent.llmrun import resolve_models

    return [f"{m.name} at {m.url}, {m.basis}" for m in resolve_models(config)]


def estimate(config: EvolveConfig) -> list[dict[str, Any]]:
    """What the models of a search would take: one row for each; see `sldagent.estimate`."""
    from sldagent import driving
    from sldagent.estimate import estimate_calls

    return estimate_calls(driving.plan(config))


def open_run(name: str | Path, runs: str | Path = "runs") -> "Run":
    """An existing run: its folder, its name, a unique beginning of it, or `latest`."""
    from sldagent.run import Run, find_run

    return Run.open(find_run(str(name), runs))


def list_runs(
    runs: str | Path = "runs", damaged: Callable[[str], object] = lambda words: None
) -> "list[Run]":
    """Every run in a folder of runs that can be read, by name; `damaged` is told why of others."""
    from sldagent.run import Run, run_folders

    found = []
    for folder in run_folders(runs):
        try:
            run = Run.open(folder)
            run.close()  # of hundreds of runs too many files would stay open
            found.append(run)
        except SldagentError as error:
            damaged(str(error))
    return found
