"""A task in words, made from the rows that are fitted on: the stable first part of prompts."""

import json
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jinja2.sandbox import SandboxedEnvironment
from numpy.typing import NDArray

from sldagent.cuts import Cut
from sldagent.data import packaged
from sldagent.errors import UsageError
from sldagent.table import Table
from sldagent.task import Column, Task


def fit_rows(table: Table, cuts: tuple[Cut, ...]) -> Table:
    """The rows that no cut holds out; none where the cuts leave no common rows.

    Whoever reads a description of these rows has seen nothing of what any cut scores.
    """
    held_out = np.zeros(len(table), dtype=np.bool_)
    for cut in cuts:
        held_out[cut.held_out] = True
    return table.rows(~held_out)


def describe(
    task: Task,
    table: Table,
    cuts: tuple[Cut, ...],
    cwd: Path | None = None,
    template: tuple[str, str] | None = None,
) -> str:
    """`prompts/task.md` filled in for a training table; ranges and counts are those of `fit_rows`.

    A `./prompts/task.md` comes before the packaged one, a `template` (its text, and where it is
    from) before both.

    Raises:
        UsageError: The template is wrong.
    """
    text, file = template or _own_template(cwd)
    rows = fit_rows(table, cuts)
    environment = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the result is text for a model, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Names come from the user's files: quoted, they stay on one line and cannot pass for prose.
    environment.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)
    try:
        return environment.from_string(text).render(
            task=task,
            features=_columns(task.features, rows.x),
            targets=_columns(task.targets, rows.y),
            groups=[{"name": name, "rows": rows.groups.count(name)} for name in rows.group_names],
            rows=len(rows),
        )
    except jinja2.TemplateSyntaxError as error:
        raise UsageError(f"{file}, line {error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise UsageError(f"{file}: {error}") from error


def _own_template(cwd: Path | None) -> tuple[str, str]:
    file = packaged.find("prompts", "task.md", cwd)
    if file is None:
        raise UsageError("no prompts/task.md here, nor in the installation")
    try:
        return file.read_text(encoding="utf-8"), str(file)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}") from error


def _columns(columns: tuple[Column, ...], values: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Name, role, unit, description, and over the rows `low`, `high` and number of `levels`."""
    return [
        {
            "name": column.name,
            "role": column.role.value if column.role else None,
            "unit": column.unit,
            "description": " ".join(column.description.split()),
            "low": f"{values[:, i].min():.4g}" if len(values) else None,
            "high": f"{values[:, i].max():.4g}" if len(values) else None,
            "levels": len(np.unique(values[:, i])),
        }
        for i, column in enumerate(columns)
    ]
