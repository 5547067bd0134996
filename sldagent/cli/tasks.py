"""`sldagent tasks`: list, show, check, fetch and make discovery tasks."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import click

from sldagent import api
from sldagent.cli._options import data_option, json_option
from sldagent.cli._text import joined, print_json, print_pairs, print_table
from sldagent.cli.tasks_new import new

_NO_LIMIT = "none"
_NO_TABLE = "no data here (--data PATH, or `sldagent tasks fetch`)"


@click.group(short_help="List, show, check, fetch and make discovery tasks.")
def tasks() -> None:
    """List, show, check, fetch and make discovery tasks.

    A task is a folder with a task.toml. ./tasks/NAME comes before the packaged task of that name;
    NAME may also be the path of such a folder or file.
    """


tasks.add_command(new)


@tasks.command("list")
@data_option
@json_option
def list_command(data: str | None, as_json: bool) -> None:
    """List every task, and whether its training table is at hand."""
    summaries = api.summarize_tasks(data)
    if as_json:
        print_json(summaries)
        return
    print_table(
        ("NAME", "TITLE", "FEATURES", "TARGETS", "LIMIT", "DATA"),
        [
            (
                s["name"],
                s["title"],
                joined(s["features"], most=3),
                joined(s["targets"], most=3),
                s["parameter_limit"] or _NO_LIMIT,
                "yes" if s["table"] else "measured" if s["measured"] else "no",
            )
            for s in summaries
        ],
    )


@tasks.command()
@click.argument("name")
@data_option
@click.option("--describe", is_flag=True, help="Print prompts/task.md, filled in from the data.")
@json_option
def show(name: str, data: str | None, describe: bool, as_json: bool) -> None:
    """Show a task: columns, groups, limit, cuts, provenance."""
    if describe:
        text = api.describe_task(name, data)
        if as_json:
            print_json({"text": text})
        else:
            click.echo(text, nl=False)
        return
    details = api.task_details(name, data)
    if as_json:
        print_json(details)
        return
    click.echo(f"{details['name']}: {details['title']}\n{details['description']}\n")
    print_table(
        ("COLUMN", "ROLE", "UNIT", "DESCRIPTION"),
        [
            (c["name"], c["role"] or "target", c["unit"], c["description"])
            for c in (*details["features"], *details["targets"])
        ],
    )
    click.echo()
    print_table(("CUTS", "AXES", "SHARES HELD OUT"), [_rule(r) for r in details["cut_rules"]])
    click.echo()
    print_pairs(
        ("Group column", details["group_column"] or "none: all rows are one group"),
        (
            "Groups",
            joined(details["groups"]) if details["table"] else _NO_TABLE,
        ),
        ("Parameter limit", f"{details['parameter_limit'] or _NO_LIMIT}, for a group"),
        ("Ignored columns", ", ".join(details["ignored"])),
        ("Training table", details["table"] or ""),
        ("Hub", _hub(details["hub"])),
        ("Provenance", details["provenance"]),
        ("Task file", details["origin"]),
    )
    published = dict(details["published"])
    source = published.pop("source", "")
    if published:
        click.echo("\nPublished test R2\n")
        print_pairs(*((who, f"{r2:.3f}") for who, r2 in published.items()))
        click.echo(f"\n{source}")


@tasks.command()
@click.argument("name")
@data_option
@json_option
def check(name: str, data: str | None, as_json: bool) -> int:
    """Check a task's training table and show its cuts.

    Shows what a reader of a law will ask (the checklist of arXiv:2502.18969), what is known of it
    and what is missing, and warns of what spoils a fit. Reads the training table only: test rows
    are for a choice that is final. Exit code 1 where no score on the held-out rows could tell a
    good law from a bad one.
    """
    found = api.check_task(name, data).as_dict()
    if as_json:
        print_json(found)
        return 1 if found["problems"] else 0
    sizes = list(found["groups"].values())
    counts = str(sizes[0]) if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"
    print_pairs(
        ("Task", found["task"]),
        ("Table", found["table"]),
        ("SHA-256", found["sha256"]),
        ("Rows", found["rows"]),
        ("Groups", f"{len(sizes)}, of {counts} rows: {joined(list(found['groups']))}"),
    )
    click.echo()
    print_table(
        ("FEATURE", "ROLE", "LEVELS", "FROM", "TO"),
        [
            (f["name"], f["role"], f["levels"], f"{f['low']:.4g}", f"{f['high']:.4g}")
            for f in found["features"]
        ],
    )
    click.echo()
    print_table(
        ("CUT", "FIT ROWS", "HELD-OUT ROWS"),
        [(c["name"], c["fit_rows"], c["held_out_rows"]) for c in found["cuts"]],
    )
    _print_checklist(found["checklist"])
    for kind in ("warning", "problem"):
        for words in found[kind + "s"]:
            click.echo(f"\n{kind}: {words}")
    return 1 if found["problems"] else 0


@tasks.command()
@click.argument("names", nargs=-1, metavar="[TASK]...")
@click.option("--all", "every", is_flag=True, help="Every task that has tables on the hub.")
@json_option
def fetch(names: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Download the benchmark's tables into the hub's cache, for use without a network.

    A damaged copy is replaced. Test rows are counted by the file's footer, and not read. HF_HOME,
    HF_ENDPOINT and HF_TOKEN say where the cache lies, where the hub is, and who asks.
    """
    if bool(names) == every:
        raise click.UsageError("name tasks, or give --all")
    fetched = api.fetch_tasks(names)
    if as_json:
        print_json(fetched)
        return
    print_table(
        ("TASK", "TRAIN ROWS", "TEST ROWS", "TRAINING TABLE"),
        [(f["name"], f["train_rows"], f["test_rows"], f["train"]) for f in fetched],
    )
    click.echo("the test rows were counted, not read", err=True)


def _print_checklist(checklist: Sequence[dict[str, str]]) -> None:
    for section, items in groupby(checklist, key=lambda item: item["section"]):
        click.echo(f"\n{section}")
        for item in items:
            state = "known" if item["known"] else "missing"
            click.echo(f"  {state:7}  {item['point']}: {item[state]}")
    click.echo(
        "\nWhat is missing can be said in task.toml: descriptions, provenance, parameter_limit."
    )


def _rule(rule: dict[str, Any]) -> tuple[str, str, str]:
    shares = ", ".join(f"{share:.0%}" for share in rule["shares"])
    return rule["kind"], ", ".join(rule["axes"]), shares


def _hub(hub: dict[str, Any] | None) -> str:
    if hub is None:
        return ""
    rows = f"{hub['train_rows']} training and {hub['test_rows']} test rows"
    return f"{hub['repo']}, {hub['config']}, {rows}, revision {hub['revision']}"
