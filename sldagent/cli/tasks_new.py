"""`sldagent tasks new`: a task folder from a user's own table of runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._draft import finding_lines, group_words, limit_words, origin_words
from sldagent.cli._options import json_option, table_options, table_wishes
from sldagent.cli._text import print_json, print_table

if TYPE_CHECKING:
    from sldagent.data.newtask import Draft


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=None, metavar="DIR",
              help="Folder to make.  [default: tasks/NAME]")  # fmt: skip
@table_options(required=True, targets="Repeatable.")
@click.option("--test", type=click.Path(path_type=Path), default=None, metavar="FILE",
              help="A fixed test table with the same columns.")  # fmt: skip
@click.option("--name", default=None, help="Name of the task.  [default: the file's]")
@click.option("--dry-run", is_flag=True, help="Show everything, write nothing.")
@json_option
def new(
    table: Path, output: Path | None, test: Path | None, name: str | None, dry_run: bool,
    as_json: bool, **said: Any,
) -> int:  # fmt: skip
    """Make a task of your own table of runs, and check it.

    TABLE is CSV (commas, semicolons or tabs), parquet or JSON lines; one run a row, or long, with a
    column for the metric's name and one for its value; or curves exported by Weights & Biases or
    TensorBoard. Numbers such as 1.3B, 300M, 1,024 and 6.4% are read. What each column is, which
    rows are left out, cuts and parameter limit are guessed and shown; every guess can be overruled.
    Exit code 1 where no score on the held-out rows could tell a good law from a bad one.

    \b
    sldagent tasks new runs.csv --target loss --dry-run
    sldagent tasks new runs.csv --target loss --group corpus --role width=size --ignore notes
    sldagent evolve --task runs
    """  # noqa: D301
    draft, folder = api.new_task(
        table, **table_wishes(**said), test=test, name=name, output=output, dry_run=dry_run
    )
    if as_json:
        print_json({"folder": str(folder) if folder else None, **draft.as_dict()})
    else:
        _show(draft)
        click.echo()
        click.echo(_next(draft, folder))
    return 1 if draft.check.problems else 0


def _show(draft: "Draft") -> None:
    for line in origin_words(draft):
        click.echo(line)
    click.echo()
    features = {f["name"]: f for f in draft.check.features}
    rows = []
    for column in draft.columns:
        of = features.get(column.name)
        ends = (of["levels"], f"{of['low']:.4g}", f"{of['high']:.4g}") if of else ("", "", "")
        sure = "" if column.sure else " - check this guess"
        role = column.role or ""
        rows.append((column.name, column.use, role, *ends, column.why + sure))
    print_table(("COLUMN", "IS", "ROLE", "LEVELS", "FROM", "TO", "WHY"), rows)
    if draft.findings:
        click.echo("\nFound in the rows")
        for line in finding_lines(draft):
            click.echo(f"  {line}")
    click.echo()
    click.echo(f"Groups           {group_words(draft)}")
    click.echo(f"Parameter limit  {limit_words(draft)}")
    if draft.test is not None:
        click.echo(f"Test table       {len(draft.test)} rows, converted and not looked at")
    click.echo("\nCuts, on which laws are compared: fitted on one part, judged on the other")
    width = max(len(cut.name) for cut in draft.cuts)
    for cut, (first, *rest) in zip(draft.cuts, draft.drawings(), strict=True):
        counts = f"{len(cut.fit):4} fitted {len(cut.held_out):4} held out"
        click.echo(f"  {cut.name:{width}}  {counts}  {first}")
        for line in rest:
            click.echo(f"  {'':{width}}  {'':{len(counts)}}  {line}")
    click.echo(f"  {draft.legend}")
    for kind, words in (("warning", draft.check.warnings), ("problem", draft.check.problems)):
        for text in words:
            click.echo(f"\n{kind}: {text}")


def _next(draft: "Draft", folder: Path | None) -> str:
    if folder is None:
        return "Nothing was written: this was a dry run."
    known = folder.parent == Path("tasks")
    here = "./" if folder.parent == Path() else ""  # without a slash it would be a task's name
    task = draft.task.name if known else f"{here}{folder}"
    return (
        f"Wrote {folder}/task.toml: describe the columns there, what they count and measure.\n"
        f"Next: sldagent tasks check {task}; sldagent evolve --task {task}"
    )
