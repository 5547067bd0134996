"""`sldagent export`: a run's result as files that need no sldagent."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._options import (
    STORED,
    data_option,
    json_option,
    option,
    runs_option,
    unprotected_option,
)
from sldagent.cli._results import shown

if TYPE_CHECKING:
    from sldagent.export.write import Export
    from sldagent.run import Run

_run = click.argument("run", metavar="RUN", default="latest")
_candidate = click.option(
    "--candidate", type=STORED, default=None, help="Another than the best one."
)
_force = click.option("--force", is_flag=True, help="Replace files that are there.")


@click.group()
def export() -> None:
    """Take a run's result along: law, benchmark files, plots.

    RUN is a folder, a name, a unique beginning of one, or `latest`.
    """


@export.command()
@_run
@click.option("-o", "--out", metavar="DIR", default=None, help="Folder; RUN/export/law if absent.")
@option("--draws", type=click.IntRange(0), default=100, show_default=True, help="Refits.")
@option("--draw-seconds", type=float, default=60.0, show_default=True, help="That refits may take.")
@option("--level", type=click.FloatRange(0.5, 0.999), default=0.9, show_default=True)
@click.option("--baseline/--no-baseline", default=True, help="Fit known families to compare with.")
@click.option("--test/--no-test", default=False, help="Read and score the test rows, counted.")
@_candidate
@data_option
@unprotected_option
@_force
@runs_option
@json_option
def law(
    run: str, out: str | None, draws: int, draw_seconds: float, level: float, baseline: bool,
    runs: str, as_json: bool, **settings: Any,
) -> None:  # fmt: skip
    """Write a module with predict(rows), constants, intervals, and the law card beside it.

    `sldagent.load_law(DIR)` loads it back.
    """
    found = api.open_run(run, runs)
    options = api.card_options(draws, draw_seconds, level, baseline)
    _shown(api.export_law(found, _folder(found, out, "law"), options, **settings), as_json)


def _benchmark_options(command: Any) -> Any:
    """What the exports in a benchmark's form share."""
    test = click.option(
        "--test/--no-test", default=True, help="Read and score the test rows, counted."
    )
    measured = click.option(
        "--measured", is_flag=True, help="Export although the rows were measured by sldagent."
    )
    for add in (
        json_option, runs_option, _force, measured, unprotected_option, data_option, _candidate,
        test, _run,
    ):  # fmt: skip
        command = add(command)
    return command


@export.command()
@click.option(
    "-o", "--out", metavar="DIR", default=None, help="Folder; RUN/export/sldbench if absent."
)
@_benchmark_options
def sldbench(run: str, out: str | None, runs: str, as_json: bool, **settings: Any) -> None:
    """Write what SLDBench takes: best_program.py, law.py, explain.md.

    law.py has law(input_data, group) with the constants that the program gets on all training rows.
    """
    found = api.open_run(run, runs)
    _shown(api.export_sldbench(found, _folder(found, out, "sldbench"), **settings), as_json)


@export.command()
@click.option(
    "-o", "--out", metavar="DIR", default=None, help="Folder; RUN/export/harbor if absent."
)
@_benchmark_options
def harbor(run: str, out: str | None, runs: str, as_json: bool, **settings: Any) -> None:
    """Write law.py and explain.md, as Harbor's tasks of SLDBench want them.

    law.py has law(input_data: list[dict[str, float]], group: str) -> list[dict[str, float]].
    """
    found = api.open_run(run, runs)
    _shown(api.export_harbor(found, _folder(found, out, "harbor"), **settings), as_json)


@export.command()
@_run
@click.option(
    "-o", "--out", metavar="DIR", default=None, help="Folder; RUN/export/bundle if absent."
)
@_force
@runs_option
@json_option
def bundle(run: str, out: str | None, force: bool, runs: str, as_json: bool) -> None:
    """Write the run as one folder: program, metrics, config, environment, database.

    The folder can be read like the run itself (`sldagent runs show DIR`). A task that was made of a
    table of your own goes along with its rows. The run may be going on.
    """
    found = api.open_run(run, runs)
    folder = _folder(found, out, "bundle")
    names = api.export_bundle(found, folder, force)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "files": names}))
        return
    for name in names:
        click.echo(shown(folder / name))


@click.command()
@_run
@click.option("-o", "--out", metavar="FILE", default=None, help="RUN/report.html if absent.")
@data_option
@unprotected_option
@runs_option
def html(run: str, out: str | None, runs: str, **settings: Any) -> None:
    """Write the run as one HTML page that opens from disk and loads nothing.

    The run may be going on; the file is replaced.
    """
    found = api.open_run(run, runs)
    file = found.folder / "report.html" if out is None else Path(out)
    click.echo(shown(api.write_page(found, file, **settings)))


@export.command()
@_run
@click.option(
    "-o", "--out", metavar="DIR", default=None, help="Folder; RUN/export/plots if absent."
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["pdf", "png", "svg"]),
    multiple=True,
    default=("pdf", "png"),
    show_default=True,
    help="Repeatable.",
)
@data_option
@unprotected_option
@runs_option
def plots(run: str, out: str | None, formats: tuple[str, ...], runs: str, **settings: Any) -> None:
    """Write figures for a paper: score, Pareto front, predictions, residuals, extrapolation."""
    found = api.open_run(run, runs)
    for path in api.write_plots(found, _folder(found, out, "plots"), formats, **settings):
        click.echo(shown(path))


def _folder(run: "Run", out: str | None, what: str) -> Path:
    return run.folder / "export" / what if out is None else Path(out)


def _shown(export: "Export", as_json: bool) -> None:
    card, test = export.card, export.card["test"]
    if as_json:
        click.echo(json.dumps({"folder": str(export.folder), "files": export.files, **card}))
        return
    for name in export.files:
        click.echo(shown(export.folder / name))
    law = card["law"]
    click.echo(
        f"candidate     #{law['candidate']}, {law['parameters_per_group']} parameters a group, "
        f"needs {' and '.join(law['needs'])}"
    )
    click.echo(f"checked       same predictions from the written file to {law['difference']:.0e}")
    click.echo(f"held-out R²   {card['held_out']['metrics']['r2']:.4f}")
    if test["metrics"] and test["metrics"]["metrics"]:
        click.echo(f"test R²       {test['metrics']['metrics']['r2']:.6f}  ({test['rows']})")
    elif test["metrics"]:
        click.echo(f"test          {test['metrics']['status']}: {test['metrics']['reason']}")
    else:
        click.echo(f"test          not scored: {test['reason']}")
    click.echo(f"test reads    {card['leakage']['test_reads']} for this run")
    for warning in card["warnings"]:
        click.echo(f"warning       {warning}")
