"""Writes a task's folder: task.toml and its tables, which read back to the same task and rows."""

import csv
import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sldagent.data.newtask import Draft
from sldagent.errors import UsageError
from sldagent.table import Table
from sldagent.task import Column, Task


def write_task(draft: Draft, folder: Path) -> Path:
    """Makes the folder with task.toml, train.csv and, where there is one, test.csv; returns it.

    It appears whole or not at all. The folder's last name is the task's name from then on.

    Raises:
        UsageError: The folder exists, or cannot be written.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists; remove it, or give -o DIR or --name NAME")
    fresh = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        fresh.mkdir(parents=True)
        (fresh / "task.toml").write_text(task_toml(draft.task), "utf-8")
        write_table(fresh / "train.csv", draft.task, draft.table)
        if draft.test is not None:
            write_table(fresh / "test.csv", draft.task, draft.test)
        fresh.rename(folder)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise UsageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return folder


def task_toml(task: Task) -> str:
    """A task as the text of a task.toml."""
    return "\n".join(_lines(task)) + "\n"


def _lines(task: Task) -> Iterator[str]:
    yield "# Made by `sldagent tasks new`; change what is wrong, then run `sldagent tasks check`."
    yield from _pairs(
        title=task.title,
        description=task.description,
        provenance=task.provenance,
        group=task.group_column,
        parameter_limit=task.parameter_limit,
        ignored=list(task.ignored) or None,
    )
    for table, columns in (("features", task.features), ("targets", task.targets)):
        for column in columns:
            yield from ("", f"[[{table}]]", *_column(column))
    for rule in task.cut_rules:
        yield from ("", "[[cuts]]")
        yield from _pairs(kind=str(rule.kind), axes=list(rule.axes), shares=list(rule.shares))


def _column(column: Column) -> Iterator[str]:
    role = str(column.role) if column.role else None
    # An empty description is written too: it asks for one.
    falls = column.falls or None
    yield from _pairs(name=column.name, role=role, falls=falls, unit=column.unit or None)
    yield from _pairs(description=column.description)


def _pairs(**values: Any) -> Iterator[str]:
    for key, value in values.items():
        if value is not None:
            # JSON's strings, numbers and lists are TOML's, but for the control character DEL.
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            yield f"{key} = {text}"


def write_table(file: Path, task: Task, table: Table) -> None:
    """Writes rows as CSV with the task's columns; they read back to the same numbers."""
    group = task.group_column
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*([group] if group else []), *task.feature_names, *task.target_names])
        for name, x, y in zip(table.groups, table.x, table.y, strict=True):
            # repr of a float reads back to the same float
            numbers = [_number(float(value)) for value in (*x, *y)]
            writer.writerow([*([name] if group else []), *numbers])


def _number(value: float) -> str:
    whole = value.is_integer() and 0 < abs(value) < 1e15  # repr keeps the sign of -0.0
    return str(int(value)) if whole else repr(value)
