"""`sldagent fit`: a law for a table, with no search at all."""

import json

import click

from sldagent import api
from sldagent.cli._options import data_option, json_option
from sldagent.errors import UsageError


@click.command()
@click.argument("table", required=False, metavar="[TABLE]")
@click.option("--task", default=None, help="Take columns and cuts from this task instead.")
@data_option
@click.option(
    "--feature", "features", multiple=True, metavar="NAME=ROLE",
    help="Repeatable. Roles: size, data, unique_data, rate, batch, fraction, logged, count.",
)  # fmt: skip
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Repeatable.")
@click.option("--group", default=None, metavar="NAME", help="Column that names a row's group.")
@click.option(
    "--law", default="auto", show_default=True, help="A family, or the best beyond the data."
)
@click.option(
    "--draws", type=click.IntRange(20), default=500, show_default=True, help="Bootstrap refits."
)
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option(
    "--predict",
    "points",
    multiple=True,
    metavar="NAME=VALUE,…",
    help="Predict there, with an interval; repeatable.",
)
@click.option(
    "--flops", type=float, default=None, help="Best size and data for this many FLOPs (6ND)."
)
@click.option(
    "--fixed",
    multiple=True,
    metavar="SYMBOL=VALUE",
    help="With --flops: the law's other variables.",
)
@click.option("--latex", is_flag=True, help="Print the fitted formula as LaTeX, a line each group.")
@json_option
def fit(
    table: str | None, task: str | None, data: str | None, features: tuple[str, ...],
    targets: tuple[str, ...], group: str | None, law: str, draws: int, level: float,
    points: tuple[str, ...], flops: float | None, fixed: tuple[str, ...], latex: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Fit a law to a table, say how sure it is, and what it predicts.

    \b
    sldagent fit runs.csv --feature params=size --feature tokens=data --target loss
    sldagent fit runs.csv --feature params=size --feature tokens=data --target loss \
        --law chinchilla --flops 1e22 --predict params=7e9,tokens=2e11
    sldagent fit --task data_constrained@measured
    """  # noqa: D301
    if (table is None) == (task is None):
        raise UsageError("name either a TABLE with --feature and --target, or a --task")
    found = api.fit(table, task, data, features, targets, group, law, draws, level)
    asked = [_numbers(text, "--predict") for text in points]
    predictions = [api.predict_at(found, values) for values in asked]
    budget = None
    if flops is not None:
        others = {k: v for text in fixed for k, v in _numbers(text, "--fixed").items()}
        budget = api.allocate(found, flops, others)
    if as_json:
        values = json.loads(found.to_json())
        click.echo(
            json.dumps({**values, "predictions": predictions, "allocation": budget}, indent=1)
        )
        return
    if latex:
        for name in found.fit.groups:
            for t in range(len(found.task.targets)):
                click.echo(found.fit.latex(name, t))
        return
    click.echo(found.report())
    for values in predictions:
        point = ", ".join(f"{k}={v:.6g}" for k, v in values["at"].items())
        for row in values["values"]:
            click.echo(
                f"at {point} [{row['group']}] {row['target']} = {row['value']:.6g} "
                f"({row['low']:.6g} to {row['high']:.6g})"
            )
        for words in values["warnings"]:
            click.echo(f"warning: {words}")
    for row in budget or ():
        where = f"[{row['group']}] {row['flops']:.3g} FLOPs"
        for name in ("size", "data", "ratio", "loss"):
            low, high = row["intervals"][name]
            click.echo(f"{where}: {name} {row[name]:.4g} ({low:.4g} to {high:.4g})")
        if row["warning"]:
            click.echo(f"warning: {row['warning']}")


def _numbers(text: str, option: str) -> dict[str, float]:
    values = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        try:
            values[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(f"{option} '{text}' must be NAME=NUMBER, several with commas between")
    return values
