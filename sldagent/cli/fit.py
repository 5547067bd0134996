"""`sldagent fit`: a law for a table, with no search at all."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from sldagent import api
from sldagent.cli._draft import short_lines
from sldagent.cli._options import STORED, data_option, json_option, keep_option
from sldagent.cli._points import check_names, numbers, point
from sldagent.cli.predict import allocation_lines, prediction_line
from sldagent.errors import UsageError
from sldagent.plain import finite

if TYPE_CHECKING:
    from sldagent.laws.worth import Crossing, Worth


@click.command()
@click.argument("table", required=False, metavar="[TABLE]")
@click.option("--task", default=None, help="Take columns and cuts from this task instead.")
@data_option
@click.option(
    "--feature", "features", multiple=True, metavar="NAME=ROLE",
    help="Repeatable. Roles: size, data, unique_data, rate, batch, fraction, logged, count."
    " No other column is read.  [default: guessed]",
)  # fmt: skip
@click.option(
    "--role", "roles", multiple=True, metavar="NAME=ROLE",
    help="Of one column, the others are guessed; repeatable.",
)  # fmt: skip
@click.option("--ignore", multiple=True, metavar="NAME", help="No law sees it; repeatable.")
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Repeatable.")
@click.option("--group", multiple=True, metavar="NAME", help="Names a row's group; repeatable.")
@click.option(
    "--limit", type=STORED, default=None, help="Parameters a group; 0 for none.  [default: guessed]"
)
@keep_option
@click.option(
    "--law", default="auto", show_default=True, help="A family, or the best beyond the data."
)
@click.option(
    "--objective", type=click.Choice(["squared", "log_squared", "huber_log", "soft_l1"]),
    default="squared", show_default=True, help="What is made least; the last two forgive outliers.",
)  # fmt: skip
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
@click.option("--plot", metavar="FILE", help="Write predictions and residuals as PNG, PDF or SVG.")
@click.option(
    "--price", metavar="NAME", help="Column with what a run cost: what ten times as much buys."
)
@json_option
def fit(
    table: str | None, task: str | None, data: str | None, features: tuple[str, ...],
    roles: tuple[str, ...], ignore: tuple[str, ...], targets: tuple[str, ...],
    group: tuple[str, ...], limit: int | None, keep: tuple[str, ...], law: str,
    objective: str, draws: int, level: float, points: tuple[str, ...], flops: float | None,
    fixed: tuple[str, ...], latex: bool, plot: str | None, price: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Fit a law to a table, say how sure it is, and what it predicts.

    \b
    sldagent fit runs.csv --target loss
    sldagent fit runs.csv --feature params=size --feature tokens=data --target loss \
        --law chinchilla --flops 1e22 --predict params=7e9,tokens=2e11
    sldagent fit --task data_constrained --data DIR
    sldagent fit --task data_constrained@measured
    sldagent fit runs.csv --target loss --json > fit.json; sldagent predict fit.json --at …

    Without --feature the columns' roles are guessed, as `tasks new` does; --role and --ignore
    overrule a guess.
    """  # noqa: D301
    if price is not None and (table is None or len(targets) != 1):
        raise UsageError("--price is for a TABLE with one --target")
    wanted = [point(text, "--predict") for text in points]
    left_out = ignore if features or price is None else (*ignore, price)
    found = api.fit(
        table, task, data, features, targets, group or None, law, draws, level, left_out,
        api.parse_roles(roles), limit, keep, objective,
    )  # fmt: skip
    if found.draft is not None:
        columns = "--feature, --group" if features else "--role, --group, --ignore"
        for line in short_lines(found.draft, f"{columns}, --limit and --keep"):
            click.echo(line, err=True)
    check_names(wanted, "--predict", found.law)
    predictions = api.predict(found.law, wanted)
    budget = None
    if flops is not None:
        others = {k: v for text in fixed for k, v in numbers(text, "--fixed").items()}
        budget = api.allocate(found.law, flops, others)
    paid = None
    if price is not None and table is not None:
        paid = api.price_worth(found, table, price)
    if plot is not None:
        api.plot_fit(found, plot)
    if as_json:
        values = json.loads(found.to_json())
        values |= {"predictions": predictions, "allocation": budget}
        if paid is not None:
            values["price"] = {
                "groups": [dataclasses.asdict(row) for row in paid[0]],
                "crossings": [dataclasses.asdict(row) for row in paid[1]],
                "rises": paid[2],
            }
        click.echo(json.dumps(finite(values), indent=1, allow_nan=False))
        return
    if latex:
        for name in found.fit.groups:
            for t in range(len(found.task.targets)):
                click.echo(found.fit.latex(name, t))
        return
    click.echo(found.report())
    for row in predictions:
        click.echo(prediction_line(row))
        for words in row["warnings"]:
            click.echo(f"warning: {words}")
    for line in allocation_lines(budget or ()):
        click.echo(line)
    if paid is not None and price is not None:
        for line in _price_lines(price, targets[0], *paid):
            click.echo(line)


def _price_lines(
    price: str, target: str, single: "list[Worth]", crossings: "list[Crossing]", rises: bool
) -> list[str]:
    moves, away, further = "falls", "above its floor", "lowers"
    if rises:
        moves, away, further = "closes", "below its ceiling", "raises"
    lines = []
    if not single:
        lines.append(f"{price}: too few runs that no cheaper one betters, to say what it buys")
    for w in single:
        a, gain, threshold = w.exponent, w.gain, w.threshold
        lines.append(
            f"[{w.group}] the best {target} that {price} pays for {moves} {away} with "
            f"{price}^-{a.value:.3g} ({a.low:.3g} to {a.high:.3g})"
        )
        lines.append(
            f"[{w.group}] ten times the dearest run ({w.price:.4g}) {further} {target} by "
            f"{gain.value:.4g} ({gain.low:.4g} to {gain.high:.4g}): worth it above "
            f"{threshold.value:.4g} {price} a unit of {target} "
            f"({threshold.low:.4g} to {threshold.high:.4g})"
        )
    for c in crossings:
        lines.append(
            f"{c.better} is worth more than {c.worse} above {price} = {c.price.value:.4g} "
            f"({c.price.low:.4g} to {c.price.high:.4g}; {c.share:.0%} of refits cross so)"
        )
    return lines
