"""`sldagent measure`: train the runs of our own tables."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sldagent import api
from sldagent.cli._options import option
from sldagent.cli._text import print_json

if TYPE_CHECKING:
    from sldagent.measure.campaign import Cost
    from sldagent.measure.journal import Journal
    from sldagent.measure.spec import Row
    from sldagent.measure.tuning import TunedRate


@click.command()
@click.argument("task", metavar="TASK")
@click.option(
    "-o", "--output", metavar="DIR", help="Folder of the table.  [default: measured/TASK]"
)
@option("--workers", type=int, default=None, help="Training processes.  [default: one a core]")
@click.option(
    "--together",
    type=int,
    default=1,
    show_default=True,
    help="Runs of one width and length that a process trains at once; on a CPU 1 is fastest.",
)
@click.option("--runs", "most", type=int, metavar="N", help="Stop after so many runs.")
@click.option("--dry-run", is_flag=True, help="Show the plan and its cost.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def measure(
    task: str,
    output: str | None,
    workers: int | None,
    together: int,
    most: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train the runs of a table of our own: data_constrained or lr_bsz.

    Small byte-level language models learn the sources of Python's standard library over a designed
    grid; needs JAX (`pip install 'sldagent[measure]'`). Every finished run is a row of
    DIR/runs.csv; whatever ends the command, the same command goes on from there.
    """
    folder = Path(output or Path("measured") / task)
    journal = api.open_measured(task, folder)
    _show_plan(journal)
    if not dry_run:
        _train(journal, workers, together, most)
    rows = list(journal.rows.values())
    left = api.measuring_cost(journal)
    count = len(journal.plan.runs)
    seconds = sum(row.seconds for row in rows)
    if as_json:
        print_json(
            {
                "task": task,
                "folder": str(folder),
                "runs": count,
                "done": count - left.runs,
                "diverged": sum(row.loss is None for row in rows),
                "seconds": seconds,
                "seconds_left": left.seconds,
            }
        )
        return
    click.echo(f"{count - left.runs} of {count} runs, {_minutes(seconds)} of one core: {folder}")


def _show_plan(journal: "Journal") -> None:
    plan, cost = journal.plan, api.measuring_cost(journal)
    count = {stage: sum(s.stage == stage for s in plan.runs) for stage in ("train", "test")}
    click.echo(
        f"{plan.task}: {len(plan.runs)} training runs ({len(plan.tuning)} to tune the learning "
        f"rate, {count['train']} for the table, {count['test']} larger ones to test), "
        f"{len(plan.runs) - cost.runs} done",
        err=True,
    )
    for name in ("params", "tokens", "unique_tokens"):
        values = [getattr(spec, name) for spec in plan.grid]
        click.echo(f"  {name:14s} {min(values):.3g} to {max(values):.3g}", err=True)
    click.echo(
        f"left: {cost.runs} runs, about {_minutes(cost.seconds)} of one core at "
        f"{cost.speed / 1e9:.1f} GFLOP/s ({'assumed' if cost.assumed else 'as in those done'})",
        err=True,
    )


def _train(journal: "Journal", workers: int | None, together: int, most: int | None) -> None:
    count = len(journal.plan.runs)

    def tuned(rate: "TunedRate") -> None:
        click.echo(f"learning rate {rate}", err=True)

    def finished(row: "Row", left: "Cost") -> None:
        loss = "diverged" if row.loss is None else f"loss {row.loss:.4f}"
        wait = _minutes(left.seconds / min(workers or os.cpu_count() or 1, max(left.runs, 1)))
        click.echo(
            f"[{count - left.runs}/{count}] {row.key}: {loss} after {row.seconds:.1f} s; "
            f"about {wait} left",
            err=True,
        )

    api.measure(journal, workers, together, most, tuned, finished)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
