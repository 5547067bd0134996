"""What `import sldagent` and the command line offer; heavy modules load where they are used."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.config import EvaluationConfig, EvolveConfig
from sldagent.errors import SandboxError, SldagentError, UsageError

if TYPE_CHECKING:
    from sldagent.bench.report import Bench
    from sldagent.candidate import Evaluation
    from sldagent.cuts import Cut
    from sldagent.data.checks import Check
    from sldagent.data.newtask import Draft
    from sldagent.driving import Plan, Watch
    from sldagent.evaluation.base import EvaluatorPool
    from sldagent.evaluation.evaluator import SandboxEvaluator
    from sldagent.evolution.search import Generation
    from sldagent.export.card import Options
    from sldagent.export.formulas import FormulaText
    from sldagent.export.load import ExportedLaw
    from sldagent.export.refit import Params, Refitter
    from sldagent.export.winner import Found, Winner
    from sldagent.export.write import Export, ScoreTest, Trace
    from sldagent.fitted import FittedLaw
    from sldagent.formula import Formula
    from sldagent.laws.worth import Crossing, Worth
    from sldagent.program import Program
    from sldagent.run import Run
    from sldagent.sandbox.process import TemplateSandbox
    from sldagent.table import Table
    from sldagent.tablefit import TableFit
    from sldagent.task import Task
    from sldagent.tracer import Tracing

_LEVEL = 0.8  # of the intervals that the end of a search prints
_OF_BANDS = 0.7  # of a report's time for refits, for the bands of its curves


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


def new_task(
    table: str | Path,
    targets: str | Sequence[str],
    *,
    groups: str | Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    roles: "Mapping[str, str] | None" = None,
    axes: Sequence[str] = (),
    limit: int | None = None,
    keep: Sequence[str] = (),
    test: str | Path | None = None,
    name: str | None = None,
    output: str | Path | None = None,
    dry_run: bool = False,
) -> "tuple[Draft, Path | None]":
    """Makes a task of a user's table of runs, and its folder unless it is a dry run.

    What is not said is guessed; the draft tells what was guessed and why, what was found in the
    rows, and what `check_task` says. `sldagent.data.choices.Wishes` describes what can be said.

    Args:
        table: CSV with commas, semicolons or tabs, parquet, or JSON lines.
        targets: Columns that a law shall predict, or names of metrics in a long table.
        groups: Columns that name a row's group; None guesses, an empty list means no groups.
        ignore: Columns that no law shall see.
        roles: Roles of features by column.
        axes: The only features along which rows are held out.
        limit: Fitted numbers a group; None suggests one, 0 means no limit.
        keep: Rows not to leave out: `copies`, `diverged`, `steps`, `unfinished`.
        test: A fixed test table; nothing is decided by it.
        name: Of the task; None takes the file's.
        output: The folder to make; None means `tasks/NAME`.
        dry_run: Write nothing.

    Returns:
        The draft, and the folder that was made.

    Raises:
        DataError: No task can be made of the table.
        UsageError: What is asked for contradicts itself, or the folder exists.
    """
    from sldagent.data.choices import make_wishes
    from sldagent.data.newtask import draft_task
    from sldagent.data.writing import write_task

    wishes = make_wishes(targets, groups, ignore, roles, axes, limit, keep)
    draft = draft_task(Path(table), wishes, name, None if test is None else Path(test))
    if dry_run:
        return draft, None
    return draft, write_task(draft, Path(output) if output else Path("tasks") / draft.task.name)


def task_from_table(
    table: str | Path,
    targets: str | Sequence[str],
    groups: str | Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    roles: "Mapping[str, str] | None" = None,
    **more: Any,
) -> "tuple[Task, Table]":
    """The task and the rows that `new_task` would write; leaves nothing behind."""
    draft, _ = new_task(
        table, targets, groups=groups, ignore=ignore, roles=roles, **more, dry_run=True
    )
    return draft.task, draft.table


def parse_roles(texts: Sequence[str]) -> dict[str, str]:
    """Roles by column, of texts `COLUMN=ROLE`."""
    from sldagent.data import choices

    return choices.parse_roles(texts)


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


def formula(
    program: "Program | str | Path",
    task: "Task | str",
    params: Any = None,
    data: str | None = None,
    group: str | None = None,
    unprotected: bool = False,
) -> "Tracing":
    """The formula of any program's law; a NotTraceable that says why where it has none.

    `params` are fitted parameters, one group's or by group; without them the program is fitted to
    the training rows of the group (the first unless named). See `sldagent.tracer` and, for what a
    Formula offers, `sldagent.formula`.
    """
    from sldagent.data.sources import load_train
    from sldagent.program import Program
    from sldagent.tracer import open_tracer, trace_group

    loaded = program if isinstance(program, Program) else load_program(program)
    chosen = load_task(task) if isinstance(task, str) else task
    table = load_train(chosen, data)
    with open_tracer() as sandbox:
        require_protection(sandbox, unprotected)
        return trace_group(loaded, chosen, table, params, sandbox, group)


def best_formula(
    run: "Run", data: str | None = None, unprotected: bool = False
) -> "tuple[Formula, Params]":
    """The formula of a run's best program, and its parameters by group, fitted to all rows.

    Raises:
        SldagentError: The program is not traceable, in words, or it fails when it is run again.
    """
    from sldagent.formula import Formula

    with _at_hand(run, None, data, unprotected) as (found, refitter):
        params = refitter.fit(found.program, found.table)
        traced = _trace(found, params, unprotected)
    if not isinstance(traced, Formula):
        raise SldagentError(str(traced))
    return traced, params


def candidate_formula(
    run: "Run", number: int, data: str | None = None, unprotected: bool = False
) -> "FormulaText":
    """The formula of a candidate whose parameters are stored, or the reason why there is none.

    Raises:
        SldagentError: The rows are not at hand, or nothing protects from the program here.
    """
    import numpy as np

    from sldagent.export.formulas import FormulaText
    from sldagent.export.winner import Found, find_rows

    candidate = run.candidate(number)
    stored = next((cut.params for cut in candidate.evaluation.cuts if cut.params), None)
    if stored is None:
        return FormulaText(reason="it was never fitted")
    params = {group: np.asarray(values, float) for group, values in stored.items()}
    program = run.store.program(candidate.program_hash)
    found = Found(run, *find_rows(run, data), candidate, program)
    return _formula_text(_trace(found, params, unprotected), params)


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
    build = partial(_evaluator, task, table, cuts, config.evaluation, "held-out", True)
    return RayPool(build, config.workers, config.ray_address)


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
    ignore: "Sequence[str]" = (),
) -> "TableFit":
    """A law for a table: `law` by name, or the family that extrapolates best.

    Either `table` (a CSV or parquet file) with `targets` and `features` as NAME=ROLE, which are
    guessed where none is named (but `ignore`), or a `task` whose rows are found as everywhere. The
    result has `report()`, `fit`, and with `law` what predicts and allocates.
    """
    from sldagent.data.sources import load_train
    from sldagent.data.tables import read_table
    from sldagent.tablefit import describe_columns, fit_table

    if table is not None and not features:
        groups = None if group is None else [group]
        return fit_table(*task_from_table(table, targets, groups, ignore), law, draws, level)
    if table is not None:
        described = describe_columns(features, targets, group)
        return fit_table(described, read_table(Path(table), described), law, draws, level)
    if task is None:
        raise UsageError("fit needs a table or a task")
    chosen = load_task(task) if isinstance(task, str) else task
    return fit_table(chosen, load_train(chosen, data), law, draws, level)


def price_worth(
    table: str | Path, price: str, target: str, group: str | None = None, level: float = 0.95
) -> "tuple[list[Worth], list[Crossing]]":
    """What a table's price column buys, and where a group is worth it; see `laws.worth`."""
    from sldagent.data.tables import read_table
    from sldagent.laws.worth import worth
    from sldagent.tablefit import describe_columns

    described = describe_columns([f"{price}=data"], [target], group)
    rows = read_table(Path(table), described)
    return worth(rows.x[:, 0], rows.y[:, 0], rows.groups, level=level)


def predict(
    source: "FittedLaw | Run",
    points: "Sequence[Mapping[str, Any]]",
    data: str | None = None,
    unprotected: bool = False,
    level: float = 0.8,
    seconds: float = 30.0,
    candidate: int | None = None,
) -> list[dict[str, Any]]:
    """Values at points, with intervals and what parameters and forms add to the doubt.

    Args:
        source: A fitted law (`fit(...).law`, `load_fit`), or a run, whose best program is run
            again.
        points: A number for every feature; a `group` where there are several.
        data: Where the rows of a run are.
        unprotected: Run a run's program even where there is no sandbox.
        level: Of a run's intervals; a fitted law has its own.
        seconds: That refits of a run's program may take.
        candidate: Of a run; None is the best.

    Returns:
        For each point and group: `group`, `at`, `values` by target with value, low and high (where
        a new run may land, at `level`), parameter and model (half-widths), and `warnings`.

    Raises:
        UsageError: A feature is missing, or a group is not known.
    """
    from sldagent.fitted import FittedLaw
    from sldagent.predicting import predict_fitted, predict_run

    if isinstance(source, FittedLaw):
        return predict_fitted(source, points)
    with _at_hand(source, candidate, data, unprotected) as (found, refitter):
        return predict_run(found, refitter, points, level, seconds)


def allocate(
    source: "FittedLaw | Run",
    flops: float | None = None,
    given: "Mapping[str, float] | None" = None,
    group: str | None = None,
    data: str | None = None,
    unprotected: bool = False,
    level: float = 0.8,
    seconds: float = 30.0,
    candidate: int | None = None,
) -> list[dict[str, Any]]:
    """The best size and data for a budget of FLOPs (6ND), for every group, with intervals.

    With the best learning rate and batch size where the law has them. `given` has values of the
    other features; with size and data among them no budget is needed. Where the law has no optimum,
    size, data and loss are None and the warning says so. Else as for `predict`.
    """
    from sldagent.fitted import FittedLaw
    from sldagent.predicting import allocate_fitted, allocate_run

    if isinstance(source, FittedLaw):
        return allocate_fitted(source, flops, given or {}, group)
    with _at_hand(source, candidate, data, unprotected) as (found, refitter):
        return allocate_run(found, refitter, flops, given or {}, group, level, seconds)


def plot_fit(found: "TableFit", file: str | Path) -> Path:
    """Writes a fit's figure, predictions against what was measured and residuals."""
    from sldagent.reporting.fit_plot import plot_fit as plot

    return plot(found, Path(file))


def load_fit(path: str | Path) -> "FittedLaw":
    """The law in what `sldagent fit … --json` printed, to predict and allocate with."""
    from sldagent.fitted import read_fitted

    return read_fitted(Path(path))


def export_law(
    run: "Run",
    folder: str | Path,
    options: "Options | None" = None,
    candidate: int | None = None,
    data: str | None = None,
    test: bool = False,
    unprotected: bool = False,
    force: bool = False,
) -> "Export":
    """Writes a run's law as a module that needs numpy only, with its card; see `load_law`.

    With `test` the test rows are read, which the run counts.
    """
    from sldagent.export import write
    from sldagent.export.card import Options

    with _at_hand(run, candidate, data, unprotected) as (found, refitter):
        score = _test_scorer(found, data, unprotected) if test else None
        return write.export_law(
            found, refitter, Path(folder), options or Options(),
            _tracer(found, unprotected), score, force,
        )  # fmt: skip


def export_sldbench(
    run: "Run",
    folder: str | Path,
    candidate: int | None = None,
    data: str | None = None,
    test: bool = True,
    unprotected: bool = False,
    force: bool = False,
    measured: bool = False,
) -> "Export":
    """Writes what SLDBench takes of a run: its program, and its law with frozen constants.

    With `test` the law is scored on the test rows where there are any, which the run counts.
    `measured` consents to rows that are sldagent's own measurements.
    """
    from sldagent.evaluation.evaluator import SandboxEvaluator
    from sldagent.export import write

    with open_sandbox() as sandbox, _at_hand(run, candidate, data, unprotected) as opened:
        found, refitter = opened
        score = _test_scorer(found, data, unprotected) if test else None
        judge = SandboxEvaluator(
            found.task, found.table, found.cuts, sandbox, run.config().evaluation
        )
        return write.export_sldbench(
            found, refitter, Path(folder), _tracer(found, unprotected), judge.evaluate, score,
            force, measured,
        )  # fmt: skip


def export_harbor(
    run: "Run",
    folder: str | Path,
    candidate: int | None = None,
    data: str | None = None,
    test: bool = True,
    unprotected: bool = False,
    force: bool = False,
    measured: bool = False,
) -> "Export":
    """Writes `law.py` with `law(input_data, group)`, constants frozen, and `explain.md`.

    `test` and `measured` as for `export_sldbench`.
    """
    from sldagent.export import write

    with _at_hand(run, candidate, data, unprotected) as (found, refitter):
        score = _test_scorer(found, data, unprotected) if test else None
        return write.export_harbor(
            found, refitter, Path(folder), _tracer(found, unprotected), score, force, measured
        )


def export_bundle(run: "Run", folder: str | Path, force: bool = False) -> tuple[str, ...]:
    """Writes a run as one folder to hand over; returns the names of the files in it."""
    from sldagent.export import bundle

    return bundle.export_bundle(run, Path(folder), force)


def bench(
    folder: str | Path,
    tasks: Sequence[str] = (),
    watch: "Callable[[int, int, str], None]" = lambda *_: None,
    **settings: Any,
) -> "Bench":
    """Compares ways of searching over tasks and seeds; see `sldagent.bench.plan.BenchConfig`.

    Without `tasks` those of SLDBench whose training rows are at hand. What the folder has results
    for is not searched again.
    """
    from sldagent.bench.plan import BenchConfig
    from sldagent.bench.runner import Tools, run_bench

    at_hand = [row["name"] for row in summarize_tasks(settings.get("data")) if row["table"]]
    chosen = tuple(tasks) or tuple(name for name in at_hand if load_task(name).hub)
    config = BenchConfig(Path(folder), chosen, **settings)
    limits = dataclasses.replace(config.evaluation, reject_literals=False)

    def judge(
        run: "Run", task: "Task", program: "Program", data: str | None, own: bool
    ) -> "Evaluation":
        with build_evaluator(task, "test", data, limits, own) as evaluator:
            run.store.count_test_read()
            return evaluator.evaluate(program)

    return run_bench(config, Tools(evolve, resume, lambda c: plan(c).config, judge), watch)


def bench_markdown(result: "Bench") -> str:
    """A comparison as Markdown tables."""
    from sldagent.bench.report import markdown

    return markdown(result)


def load_law(path: str | Path) -> "ExportedLaw":
    """The law that `export_law` wrote, to be called; runs the file, so load only what you trust."""
    from sldagent.export.load import load_law as load

    return load(path)


def report(
    run: "Run", data: str | None = None, unprotected: bool = False, seconds: float = 30.0
) -> dict[str, Any]:
    """All that pages and plots of a run show, as plain data; works while the run goes on.

    The winner is run again in the sandbox for its predictions; its bootstrap refits may take so
    many `seconds`. Where that cannot be, as the rows are not at hand or there is no protection,
    `picture` has the `reason`. `law` has the formula, with each group's constants in `lines`, and
    what a new run may measure at the `largest` runs.
    """
    from sldagent.errors import TaskError
    from sldagent.export.picture import Effort, draw_picture
    from sldagent.export.refit import bootstrap
    from sldagent.export.winner import fit_winner, predict_largest
    from sldagent.formula import Formula
    from sldagent.reporting.summary import summarise

    try:
        task = run.task()
    except TaskError:
        task = None
    summary = summarise(run, task)
    try:
        with _at_hand(run, summary["best"], data, unprotected) as (found, refitter):
            winner = fit_winner(found, refitter)
            traced = _trace(found, winner.params, unprotected)
            effort = Effort(seconds=seconds * _OF_BANDS)
            draws = bootstrap(
                refitter, found.program, found.table, effort.draws, seconds - effort.seconds
            )
            summary["law"] = {
                "formula": dataclasses.asdict(_formula_text(traced, winner.params)),
                "lines": (
                    {name: traced.text(params) for name, params in winner.params.items()}
                    if isinstance(traced, Formula)
                    else {}
                ),
                "unused": list(traced.unused) if isinstance(traced, Formula) else [],
                "params": {name: params.tolist() for name, params in winner.params.items()},
                "level": _LEVEL,
                "refits": draws.words,
                "largest": predict_largest(winner, refitter, draws, _LEVEL),
            }
            summary["picture"] = draw_picture(winner, refitter, effort)
    except SldagentError as error:
        summary["picture"] = {"reason": str(error)}
    return summary


def write_page(
    run: "Run", file: str | Path, data: str | None = None, unprotected: bool = False,
    known: "Mapping[str, Any] | None" = None,
) -> Path:  # fmt: skip
    """Writes the run as one HTML page that needs nothing else; replaces the file.

    `known` is the run's `report`, where it was made already.
    """
    from sldagent.reporting.page import render_page

    path = Path(file)
    text = render_page(dict(known or report(run, data, unprotected)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return path


def write_plots(
    run: "Run",
    folder: str | Path,
    formats: "Sequence[str]" = ("pdf",),
    data: str | None = None,
    unprotected: bool = False,
) -> list[Path]:
    """Writes the run's figures into a folder, files of those names replaced; returns the files."""
    from sldagent.reporting.plots import write_plots as write

    return write(report(run, data, unprotected), Path(folder), tuple(formats))


@contextmanager
def _at_hand(
    run: "Run", candidate: int | None, data: str | None, unprotected: bool
) -> "Iterator[tuple[Found, Refitter]]":
    """A run's candidate with its rows, and a sandbox to run it in again."""
    from sldagent.export.refit import Refitter
    from sldagent.export.winner import Found, find_candidate, find_rows

    chosen, program = find_candidate(run, candidate)
    task, table, cuts = find_rows(run, data)
    with open_sandbox() as sandbox:
        require_protection(sandbox, unprotected)
        refitter = Refitter(task, sandbox, run.config().evaluation)
        yield Found(run, task, table, cuts, chosen, program), refitter


def _test_scorer(found: "Found", data: str | None, unprotected: bool) -> "ScoreTest":
    """Scores an exported law on the test rows and counts the reading in the run's database."""
    from sldagent.errors import PrerequisiteError
    from sldagent.export.card import TestResult
    from sldagent.export.refit import RefitError

    config = found.run.config()
    limits = dataclasses.replace(config.evaluation, reject_literals=False)

    def score(law: "Program", program: "Program") -> TestResult:
        try:
            judge = build_evaluator(found.task, "test", data or config.data, limits, unprotected)
        except SandboxError:
            raise
        except PrerequisiteError as error:
            return TestResult(None, str(error))
        with judge:
            found.run.store.count_test_read()
            written, own = judge.evaluate(law), judge.evaluate(program)
            rows = f"{len(judge.cuts[0].held_out)} rows from {judge.table.origin}"
        a, b = written.metrics, own.metrics
        if a and b and not math.isclose(a.nmse, b.nmse, rel_tol=1e-9, abs_tol=1e-12):
            raise RefitError(
                f"on the test rows the written law has R² {a.r2!r}, the program {b.r2!r}"
            )
        return TestResult(written, rows=rows)

    return score


def _trace(found: "Found", params: "Mapping[str, Any]", unprotected: bool) -> "Tracing":
    """The formula of a candidate; `params` are a fit's, by group."""
    from sldagent.tracer import open_tracer, trace_group

    with open_tracer() as sandbox:
        require_protection(sandbox, unprotected)
        return trace_group(found.program, found.task, found.table, params, sandbox)


def _tracer(found: "Found", unprotected: bool) -> "Trace":
    """Finds the formula of an export's law, or says why there is none."""

    def trace(winner: "Winner") -> "FormulaText":
        return _formula_text(_trace(found, winner.params, unprotected), winner.params)

    return trace


def _formula_text(traced: "Tracing", params: "Params") -> "FormulaText":
    from sldagent.export.formulas import FormulaText, write_formula
    from sldagent.formula import Formula

    if isinstance(traced, Formula):
        return write_formula(traced, params)
    return FormulaText(reason=str(traced))
