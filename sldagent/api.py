"""What `import sldagent` and the command line offer; heavy modules load where they are used."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.config import EvaluationConfig, EvolveConfig
from sldagent.errors import BudgetError, SandboxError, UsageError

if TYPE_CHECKING:
    from sldagent.candidate import Evaluation
    from sldagent.cuts import Cut
    from sldagent.data.checks import Check
    from sldagent.evaluation.evaluator import SandboxEvaluator
    from sldagent.evolution.loop import Generation
    from sldagent.program import Program
    from sldagent.run import Run
    from sldagent.sandbox.process import TemplateSandbox
    from sldagent.table import Table
    from sldagent.tablefit import TableFit
    from sldagent.task import Task


def load_task(name_or_path: str | Path) -> "Task":
    """The task of that name, or the one in that folder or `task.toml`."""
    from sldagent.data.tasks import find_task

    return find_task(name_or_path)


def summarize_tasks(data: str | None = None) -> list[dict[str, Any]]:
    """Every task in short; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.summarize_tasks(data)


def task_details(name: str, data: str | None = None) -> dict[str, Any]:
    """All that a task file says; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.task_details(name, data)


def describe_task(name: str, data: str | None = None) -> str:
    """A task in words, for people and models; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.describe_task(name, data)


def check_task(name: str, data: str | None = None) -> "Check":
    """What a task's training table holds, and what is wrong with it; see `sldagent.data.checks`."""
    from sldagent.data import checks

    return checks.check_task(name, data)


def fetch_tasks(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Puts tables of the hub into its cache; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.fetch_tasks(names)


def load_program(path: str | Path) -> "Program":
    """The program in a file; raises ProgramError where it cannot be read."""
    from sldagent.program import Program

    return Program.read(Path(path))


def open_sandbox() -> "TemplateSandbox":
    """A sandbox whose children run the evaluation harness; close it after use."""
    from sldagent import evaluation
    from sldagent.sandbox.process import TemplateSandbox

    # The harness is never imported here: it takes the interpreter over that it is loaded into.
    return TemplateSandbox(Path(str(evaluation.__file__)).with_name("harness.py"))


def require_protection(sandbox: "TemplateSandbox", unprotected: bool) -> None:
    """Refuses code of strangers where the kernel offers no protection and nobody consented.

    Raises:
        SandboxError: Neither Landlock nor seccomp can be used here.
    """
    if not unprotected and not sandbox.protection.holds_strangers:
        raise SandboxError(
            "this machine offers neither Landlock nor seccomp, so a program could do whatever you "
            "can; use Linux 5.13 or newer with libseccomp, or type --unprotected for code you trust"
        )


def build_evaluator(
    task: "Task",
    split: str = "held-out",
    data: str | None = None,
    config: EvaluationConfig | None = None,
    unprotected: bool = False,
) -> "SandboxEvaluator":
    """A judge for programs on a task's rows, with a sandbox of its own; close it after use.

    `split` is `held-out` (cuts of the training rows) or `test` (fitted on all training rows, judged
    on the test rows, which are read now).
    """
    from sldagent.cuts import make_cuts
    from sldagent.data.sources import load_train

    table = load_train(task, data)
    if split == "test":
        from sldagent.data.test_rows import join_test, load_test

        table, cut = join_test(task, table, load_test(task, table, data))
        cuts: tuple[Cut, ...] = (cut,)
    else:
        cuts = make_cuts(task, table)
    return _evaluator(task, table, cuts, config or EvaluationConfig(), split, unprotected)


def _evaluator(
    task: "Task",
    table: "Table",
    cuts: "Sequence[Cut]",
    config: EvaluationConfig,
    split: str,
    unprotected: bool,
) -> "SandboxEvaluator":
    from sldagent.evaluation.evaluator import SandboxEvaluator

    sandbox = open_sandbox()
    try:
        require_protection(sandbox, unprotected)
    except SandboxError:
        sandbox.close()
        raise
    return SandboxEvaluator(task, table, cuts, sandbox, config, split)


def evaluate(
    program: "Program | str | Path",
    task: "Task | str",
    split: str = "held-out",
    data: str | None = None,
    config: EvaluationConfig | None = None,
    unprotected: bool = False,
) -> "Evaluation":
    """Judges one program, anybody's, through the whole evaluation; starts no Ray.

    The program's failure is in the Evaluation's status; raised is only what is wrong with the task,
    the data or the machine.
    """
    from sldagent.program import Program

    loaded = program if isinstance(program, Program) else load_program(program)
    chosen = load_task(task) if isinstance(task, str) else task
    with build_evaluator(chosen, split, data, config, unprotected) as judge:
        return judge.evaluate(loaded)


def evolve(
    config: EvolveConfig,
    observe: "Callable[[Generation], None] | None" = None,
    started: "Callable[[Run], None] | None" = None,
) -> "Run":
    """Searches for a task's law and returns the finished run.

    `started` is called when the run's folder exists, `observe` after every generation. Its
    candidates are committed one by one: whatever ends the search, what was evaluated is kept, and
    `resume` goes on from there.
    """
    from sldagent.cuts import make_cuts
    from sldagent.data.sources import load_train
    from sldagent.proposing.start import start_program
    from sldagent.run import Run

    task = load_task(config.task)
    table = load_train(task, config.data)
    cuts = make_cuts(task, table)
    starts = [load_program(path) for path in config.starts] or [start_program(task)]
    for program in starts:
        _ = program.block  # a start program without its markers is an error now, not later
    run = Run.create(_anchored(config), task, table, cuts, starts)
    if started is not None:
        started(run)
    _drive(run, task, table, cuts, observe)
    return run


def resume(
    path: str | Path,
    observe: "Callable[[Generation], None] | None" = None,
    started: "Callable[[Run], None] | None" = None,
) -> "Run":
    """Goes on with an interrupted run, to the lineage that it would have had uninterrupted.

    No committed candidate is evaluated again. A finished run is returned as it is.

    Raises:
        UsageError: Rows, task, limits or versions are no longer those of the run, so that new
            scores could not be compared with old ones; or another process drives the run.
    """
    from sldagent.cuts import make_cuts
    from sldagent.data.sources import load_train
    from sldagent.evaluation.key import evaluation_key
    from sldagent.run import Run

    run = Run.open(Path(path))
    row = run.store.run()
    if row["finished_at"]:
        return run
    with run.driving():
        pass  # says at once where another process drives it
    config = run.config()
    task = load_task(config.task)
    table = load_train(task, config.data)
    cuts = make_cuts(task, table)
    if evaluation_key(task, table, cuts, config.evaluation) != row["evaluation_key"]:
        what = "rows" if table.sha256 != row["data_sha256"] else "task, limits or versions"
        raise UsageError(
            f"run '{run.folder.name}' cannot be continued: its {what} changed since it was started "
            f"(rows from {table.origin}), so that new scores would not compare with old ones"
        )
    if started is not None:
        started(run)
    _drive(run, task, table, cuts, observe)
    return run


def _anchored(config: EvolveConfig) -> EvolveConfig:
    """The configuration with its source of rows spelled out, so that a resumed run keeps it."""
    data = config.data or os.environ.get("SLDAGENT_DATA")
    task = config.task
    if Path(task).exists():
        task = str(Path(task).resolve())
    anchored = str(Path(data).expanduser().resolve()) if data else None
    return dataclasses.replace(config, data=anchored, task=task)


def _drive(
    run: "Run",
    task: "Task",
    table: "Table",
    cuts: "Sequence[Cut]",
    observe: "Callable[[Generation], None] | None",
) -> None:
    """Searches to the end of the run's configuration, from wherever its database stands."""
    from sldagent.evaluation.pool import RayPool
    from sldagent.evolution.loop import Search, SearchConfig
    from sldagent.proposing.perturb import PerturbProposer

    config = run.config()
    with run.driving():
        # The start programs are the user's or our own, and the proposer writes our own text: what
        # protection there is suffices.
        build = partial(_evaluator, task, table, cuts, config.evaluation, "held-out", True)
        pool = RayPool(build, config.workers, config.ray_address)
        try:
            run.point_latest()  # only now: a run whose workers cannot start is not worth it
            search = Search(
                SearchConfig(config.generations, config.offspring, seed=config.seed),
                run.starts(),
                PerturbProposer(task),
                pool,
                run.store.add,
                {candidate.number: candidate for candidate in run.candidates()},
            )
            for generation in search.run():
                if search.best is not None:
                    run.keep_best(*search.best)
                if observe is not None:
                    observe(generation)
            run.store.finish()
        except BudgetError:
            run.store.finish()  # nothing to go on with
            raise
        finally:
            pool.close()


def open_run(name: str | Path, runs: str | Path = "runs") -> "Run":
    """An existing run: its folder, its name, a unique beginning of it, or `latest`."""
    from sldagent.run import Run, find_run

    return Run.open(find_run(str(name), runs))


def list_runs(runs: str | Path = "runs") -> "list[Run]":
    """Every run in a folder of runs, by name."""
    from sldagent.run import Run, run_folders

    return [Run.open(folder) for folder in run_folders(runs)]


def diagnose(data: str | None = None) -> list[tuple[str, bool, str]]:
    """What this machine offers: for each item its name, whether it is well, and a line of words."""
    from sldagent.doctor import diagnose as look

    return look(data)


def fit(
    table: str | Path | None = None,
    task: "Task | str | None" = None,
    data: str | None = None,
    features: "Sequence[str]" = (),
    targets: "Sequence[str]" = (),
    group: str | None = None,
    law: str = "auto",
    draws: int = 500,
    level: float = 0.95,
) -> "TableFit":
    """A law for a table: `law` by name, or the family that extrapolates best.

    Either `table` (a CSV or parquet file) with `features` as NAME=ROLE and `targets`, or a `task`
    whose rows are found as everywhere. The result has `report()`, `predict`, `allocate`, `fit`.
    """
    from sldagent.data.sources import load_train
    from sldagent.data.tables import read_table
    from sldagent.tablefit import describe_columns, fit_table

    if table is not None:
        described = describe_columns(features, targets, group)
        return fit_table(described, read_table(Path(table), described), law, draws, level)
    if task is None:
        raise UsageError("fit needs a table or a task")
    chosen = load_task(task) if isinstance(task, str) else task
    return fit_table(chosen, load_train(chosen, data), law, draws, level)


def predict_at(found: "TableFit", at: "Mapping[str, float]") -> dict[str, Any]:
    """Predictions of a fit at one point, for every group and target, with intervals."""
    import numpy as np

    names = found.task.feature_names
    if set(at) != set(names):
        raise UsageError(f"a prediction needs a value for each of: {', '.join(names)}")
    x = np.tile([[float(at[name]) for name in names]], (len(found.fit.groups), 1))
    value, low, high = found.predict(x, found.fit.groups)
    rows = [
        {"group": g, "target": t, "value": float(value[i, j]), "low": float(low[i, j]),
         "high": float(high[i, j])}
        for i, g in enumerate(found.fit.groups)
        for j, t in enumerate(found.task.target_names)
    ]  # fmt: skip
    return {"at": dict(at), "values": rows, "warnings": list(found.far(x[:1]))}


def allocate(
    found: "TableFit", flops: float, others: "Mapping[str, float] | None" = None
) -> list[dict[str, Any]]:
    """The best size and data for a budget by a fit, for every group, with intervals."""
    rows = []
    for group in found.fit.groups:
        best, intervals = found.allocate(flops, group, others or {})
        rows.append(
            {
                "group": group,
                "flops": flops,
                "size": best.size,
                "data": best.data,
                "ratio": best.data / best.size,
                "loss": best.loss,
                "intervals": {name: list(ends) for name, ends in intervals.items()},
                "warning": best.warning,
            }
        )
    return rows
