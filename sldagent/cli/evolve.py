"""`sldagent evolve` and `resume`: the main job."""

import dataclasses
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sldagent import api
from sldagent.cli._draft import short_lines
from sldagent.cli._models import estimate_lines, model_options
from sldagent.cli._options import (
    Duration,
    data_option,
    evaluation_config,
    evaluation_options,
    option,
    runs_option,
    table_options,
    table_wishes,
)
from sldagent.cli._progress import Screen, choose_screen
from sldagent.cli._results import shown
from sldagent.config import EvolveConfig
from sldagent.errors import SldagentError

if TYPE_CHECKING:
    from sldagent.driving import Watch
    from sldagent.run import Run

_GENERATIONS = 50
_CTRL_C = "Ctrl-C"
_OF_TABLE = ("targets", "groups", "no_group", "ignore", "roles", "axes", "limit", "keep")
_REFIT_SECONDS = 8.0  # for the intervals and bands at the end of a search
_ORIGINS = {
    ParameterSource.COMMANDLINE: "flag",
    ParameterSource.ENVIRONMENT: "environment",
}
quiet_option = option("--quiet", is_flag=True, help="Print nothing but the result.")
lines_option = click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")


@click.command()
@option("--task", help="Name of a task, NAME@measured, or path of its folder or task.toml.")
@option(
    "--generations",
    type=int,
    help=f"After the start programs.  [default: {_GENERATIONS}; no limit with another one]",
)
@option("--evaluations", type=int, help="Most candidates, in whole generations.")
@option("--time-limit", type=Duration(), metavar="TIME", help="600, 10m or 1h; can be resumed.")
@option("--goal", type=float, metavar="R2", help="Held-out R² that is enough.")
@option("--stall", type=int, metavar="N", help="Stop after N generations without a better one.")
@data_option
@table_options(required=False, targets="Without --task: a column of --data to predict; repeatable.")
@option(
    "--proposer",
    metavar="NAME",
    help="Who writes programs: symbolic, llm or mixed.  [default: symbolic, with a model mixed]",
)
@option("--islands", type=int, default=4, show_default=True, help="Sub-populations.")
@option(
    "--offspring",
    type=int,
    help="Proposals of an island a generation.  [default: 3, with a model 2]",
)
@option("--concurrency", type=int, help="Calls of models in flight.  [default: 16]")
@option(
    "--lag",
    type=int,
    help="Proposals of an island under way; equal lags give equal searches.  [default: derived]",
)
@option("--seed", type=int, default=0, show_default=True, help="Same seed, same search.")
@option("--workers", type=int, default=None, help="Evaluating processes.  [default: one a core]")
@option("--ray-address", default=None, help="A running Ray cluster.  [default: start one here]")
@click.option("--start", "starts", multiple=True, metavar="FILE", help="Start program; repeatable.")
@option("--seeds", type=int, metavar="N", help="Most programs to begin with.  [default: all]")
@model_options
@option("--record", metavar="FILE", help="Write every proposal with its prompt and reply.")
@option("--replay", metavar="FILE", help="Take proposals from a recording, without a model.")
@option("--name", default=None, help="Name of the run.  [default: time and task]")
@runs_option
@evaluation_options
@click.option("--dry-run", is_flag=True, help="Show the resolved configuration and its size.")
@quiet_option
@lines_option
@click.pass_context
def evolve(
    ctx: click.Context,
    /,
    as_json: bool,
    quiet: bool,
    dry_run: bool,
    eval_timeout: float,
    memory: int,
    starts: tuple[str, ...],
    generations: int | None,
    **settings: Any,
) -> None:
    """Search for a task's law.

    \b
    sldagent evolve --task data_constrained --generations 50
    sldagent evolve --data runs.csv --target loss
    sldagent evolve --data runs.csv --target loss --model gpt-5-mini --max-cost-usd 1

    Without a task one is made of the table, as `tasks new` does, and kept with the run. A search
    ends by whichever limit is met first. Ctrl-C once finishes what is under way, twice stops
    now; `sldagent resume` goes on from there.
    """  # noqa: D301
    limits = evaluation_config(eval_timeout, memory, reject_literals=True)
    if generations is None and not (settings["evaluations"] or settings["time_limit"]):
        generations = _GENERATIONS
    said = table_wishes(**{name: settings.pop(name) for name in _OF_TABLE})
    config = EvolveConfig(
        **settings, **said, generations=generations, starts=starts, evaluation=limits
    )
    if dry_run:
        _show_plan(ctx, config, as_json)
        return
    _to_the_end(choose_screen(as_json, quiet), lambda watch: api.evolve(config, watch))


@click.command()
@click.argument("run", metavar="RUN")
@runs_option
@quiet_option
@lines_option
def resume(run: str, runs: str, quiet: bool, as_json: bool) -> None:
    """Go on with an interrupted run.

    RUN is a folder, a name, a unique beginning of one, or `latest`. What was committed is not
    evaluated again, and the lineage becomes the one that the run would have had uninterrupted. A
    time limit counts anew.
    """
    found = api.open_run(run, runs)
    screen = choose_screen(as_json, quiet)
    if found.store.run()["finished_at"]:
        click.echo(
            f"run '{found.folder.name}' is finished: there is nothing to go on with", err=True
        )
        _finish(screen, found)
        return
    _to_the_end(screen, lambda watch: api.resume(found.folder, watch))


def _to_the_end(screen: Screen, search: "Callable[[Watch], Run]") -> None:
    """Runs a search; where it is interrupted, says how to go on."""
    try:
        with _counting_interrupts(screen) as asked:
            run = search(
                api.make_watch(
                    screen.planned, screen.started, screen.generation, asked, screen.notice
                )
            )
    except (KeyboardInterrupt, SystemExit, SldagentError):
        screen.close()
        _say_how_to_go_on(screen.run)
        raise
    finally:
        screen.close()
    _finish(screen, run)
    row, best, goal = run.store.run(), run.best(), run.config().goal
    if not row["finished_at"]:
        _say_how_to_go_on(run)
        if row["ended_because"] == _CTRL_C:
            raise click.exceptions.Exit(130)
    metrics = best[0].evaluation.metrics if best else None
    if goal is not None and (metrics is None or metrics.r2 < goal):
        click.echo(f"the goal of held-out R² {goal:g} was not met", err=True)
        raise click.exceptions.Exit(1)


def _finish(screen: Screen, run: "Run") -> None:
    """Shows the result and writes the run's page; whoever pressed Ctrl-C does not wait for it."""
    screen.finished(run)
    if run.store.run()["ended_because"] == _CTRL_C:
        return
    report = api.report_at_end(run, seconds=_REFIT_SECONDS)
    page = None
    try:
        page = api.write_page(run, run.folder / "report.html", known=report)
    except SldagentError as error:
        click.echo(f"warning: no report: {error}", err=True)
    screen.reported(report, page)


@contextmanager
def _counting_interrupts(screen: Screen) -> Iterator[Callable[[], str | None]]:
    """The first Ctrl-C only asks for the end; the next one is an exception as usual."""
    reasons: list[str] = []
    usual = signal.getsignal(signal.SIGINT)

    def note(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        reasons.append(_CTRL_C)
        click.echo("finishing what is under way; Ctrl-C again stops now", err=True)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: reasons[0] if reasons else None
    finally:
        signal.signal(signal.SIGINT, usual)


def _say_how_to_go_on(run: "Run | None") -> None:
    if run is not None and not run.store.run()["finished_at"]:
        folder = run.folder
        where = "" if folder.parent == Path("runs").resolve() else f" --runs {shown(folder.parent)}"
        click.echo(f"go on with: sldagent resume {folder.name}{where}", err=True)


def _show_plan(ctx: click.Context, config: EvolveConfig, as_json: bool) -> None:
    """The resolved configuration with the origin of each value, and how much it is."""
    plan = api.plan(config)
    if plan.draft is not None:
        for line in short_lines(plan.draft):
            click.echo(line, err=True)
    given = {"starts": "start", "fit_seconds": "eval_timeout", "memory_mib": "memory"}
    values = {**dataclasses.asdict(plan.config), **dataclasses.asdict(plan.config.evaluation)}
    del values["evaluation"], values["reject_literals"]
    rows = {}
    for name, value in values.items():
        source = ctx.get_parameter_source(name if name == "starts" else given.get(name, name))
        derived = "recording" if plan.config.replay else "derived"
        asked = getattr(config, name, value)
        usual = "default" if asked == value else derived
        rows[name] = {"value": value, "origin": _ORIGINS.get(source, usual) if source else usual}
    estimate = {
        "rows": len(plan.table),
        "cuts": [cut.name for cut in plan.cuts],
        "start_programs": len(plan.starts),
        "most_evaluations": plan.most_evaluations,
        "repeatable": plan.deterministic,
    }
    models = api.estimate(config) if config.models else []
    if as_json:
        click.echo(
            json.dumps({"config": rows, "estimate": {**estimate, "models": models}}, indent=2)
        )
        return
    for name, row in rows.items():
        click.echo(f"{name:15s} {row['value']!s:30s} {row['origin']}")
    most = plan.most_evaluations
    size = (
        "as many evaluations as the time allows" if most is None else f"at most {most} evaluations"
    )
    click.echo(
        f"{size}: {len(plan.starts)} start programs, then {plan.config.islands} islands with "
        f"{plan.config.offspring} proposals each a generation; {len(plan.table)} rows, "
        f"{len(plan.cuts)} cuts"
    )
    for line in estimate_lines(models):
        click.echo(line)
