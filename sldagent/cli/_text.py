"""Text for people, and JSON for programs, on stdout."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


def joined(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def print_json(value: Any) -> None:
    """Prints plain values; NaN and infinity must have become None."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_json_lines(values: Iterable[Any]) -> None:
    """Prints a list of however many plain values, one a line, as they come."""
    encode, before = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode, "["
    for value in values:
        sys.stdout.write(f"{before}\n{encode(value)}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def print_pairs(*pairs: tuple[str, object]) -> None:
    """Prints labels and values, leaving out pairs without a value."""
    width = max(len(label) for label, _ in pairs)
    for label, value in pairs:
        if value != "":
            click.echo(f"{label:{width}}  {value}")


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A rich table on a terminal; otherwise aligned columns that no width folds."""
    cells = [[str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD)
        for i, title in enumerate(header):
            table.add_column(title, no_wrap=i == 0, overflow="fold")
        for row in cells:
            table.add_row(*map(Text, row))  # as Text: brackets in names are no markup
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for row in (list(header), *cells):
        line = "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
