"""Reads tasks from their `task.toml`; the folder that holds the file names the task.

title = "..."                   # required, as are description, features, targets and cuts
description = "..."
provenance = "..."              # where the data come from
group = "..."                   # column that names a row's group; absent: all rows are one group
parameter_limit = 7             # fitted numbers a group; absent: no limit
ignored = ["..."]               # columns that a table may have and no law sees

[[features]]                    # in the order of a law's data_points columns
name = "..."
role = "size"                   # see sldagent.task.Role
unit = "..."
falls = true                    # better runs have less of it, as a loss that is aimed at
description = "..."

[[targets]]                     # like features, without role

[[cuts]]                        # see sldagent.cuts
kind = "axis"                   # axis: a cut for each axis and share; corner, far: all axes at once
axes = ["..."]
shares = [0.2, 0.3]             # of a group's rows, about

[hub]                           # repo, config, revision, train_rows, test_rows
[measured]                      # provenance = "...", of the tables in the folder measured/
[published]                     # source = "...", then test R2 by method; form = "..." is the law
                                # family that people published, which `bench` fits as a baseline

`NAME@measured` is the task with our own tables: without a hub and published results, which belong
to other rows.
"""

import tomllib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, cast

from sldagent.data import packaged
from sldagent.errors import SourceWarning, TaskError
from sldagent.task import Column, CutKind, CutRule, HubSource, Role, Task

# The benchmark's own names of its tasks end so; both names are understood everywhere.
LONG_SUFFIX = "_scaling_law"
MEASURED = "@measured"  # after a task's name or path

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def find_task(name_or_path: str | Path, cwd: Path | None = None) -> Task:
    """The task of that name (`moe` or `moe_scaling_law`), or the one in that folder or file.

    A `./tasks/<name>/task.toml` comes before the packaged task of that name. With `@measured` after
    it, the task has our own tables.

    Raises:
        TaskError: There is no such task, or its file is wrong, or it has no tables of our own.
    """
    here = cwd or Path.cwd()
    text = str(name_or_path)
    if text.endswith(MEASURED):
        return with_measured(find_task(text.removesuffix(MEASURED), cwd))
    if isinstance(name_or_path, Path) or "/" in text or text.endswith((".toml", ".")):
        path = here / Path(text).expanduser()
        file = path / "task.toml" if path.is_dir() else path
        if not file.is_file():
            raise TaskError(f"{text}: no such task file, nor a folder with a task.toml")
        return read_task(file)
    for name in filter(None, (text, text.removesuffix(LONG_SUFFIX))):
        found = packaged.find("tasks", f"{name}/task.toml", here)
        if found:
            return read_task(found)
    known = _names(here)
    hint = did_you_mean(text.removesuffix(LONG_SUFFIX), known)
    raise TaskError(f"no task '{text}'{hint}; give {', '.join(known)} or the path of a task.toml")


def lasting_name(task: Task) -> str:
    """What finds the task later, from any folder: a packaged task's name, else its file's path."""
    file = Path(task.origin).resolve()
    packaged_tasks = packaged.packaged_folder("tasks").resolve()
    name = task.name if file.is_relative_to(packaged_tasks) else str(file)
    return name if task.source is None else f"{name}@{task.source}"


def with_measured(task: Task) -> Task:
    """The task with our own tables and what is to be said of them.

    Raises:
        TaskError: There are none.
    """
    if task.measured is None:
        raise TaskError(
            f"task '{task.name}' has no measured tables: {task.origin} has no [measured]"
        )
    return replace(task, source="measured", hub=None, provenance=task.measured, published={})


def list_tasks(cwd: Path | None = None) -> tuple[Task, ...]:
    """Every task that `find_task` finds by name, sorted by name; a warning for each wrong file."""
    found = []
    for name in _names(cwd):
        try:
            found.append(find_task(name, cwd))
        except TaskError as error:
            warnings.warn(f"left out: {error}", SourceWarning, stacklevel=2)
    return tuple(found)


def _names(cwd: Path | None) -> list[str]:
    files = (f for folder in packaged.folders("tasks", cwd) for f in folder.glob("*/task.toml"))
    return sorted({file.parent.name for file in files})


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """` (did you mean 'x'?)`, or nothing where no known word is near."""
    near = get_close_matches(word, known, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def read_task(file: Path) -> Task:
    """The task in a `task.toml`.

    Raises:
        TaskError: The file cannot be read, or a key is missing, unknown or has a wrong value.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TaskError(f"{file}: {error}") from error
    top = _Section(values, str(file))
    published, form = _published(top.section("published"))
    task = Task(
        name=file.resolve().parent.name,
        title=top.take("title", str),
        description=top.take("description", str),
        features=tuple(_column(s, feature=True) for s in top.sections("features")),
        targets=tuple(_column(s, feature=False) for s in top.sections("targets")),
        cut_rules=tuple(_cut_rule(s) for s in top.sections("cuts")),
        group_column=top.take("group", str, None),
        parameter_limit=top.take("parameter_limit", int, None),
        ignored=tuple(top.take_list("ignored", str, [])),
        hub=_hub(top.section("hub")),
        provenance=top.take("provenance", str, ""),
        measured=_measured(top.section("measured")),
        published=published,
        published_form=form,
        origin=str(file),
    )
    top.done()
    _check(task)
    return task


_KINDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    bool: "true or false",
}


class _Section:
    """One table of the file, read key by key; a key that nobody asked for is an error."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.where = where
        self._left = dict(values)
        self._asked: list[str] = []

    def error(self, text: str) -> TaskError:
        return TaskError(f"{self.where}: {text}")

    def take(self, key: str, kind: type[T], *default: T | None) -> T:
        """The value of a key; without a default the key must be there."""
        self._asked.append(key)
        if key in self._left:
            return self._checked(f"'{key}'", self._left.pop(key), kind)
        if default:
            return cast(T, default[0])
        raise self.error(f"'{key}' is missing{did_you_mean(key, tuple(self._left))}")

    def take_list(self, key: str, kind: type[T], *default: list[T]) -> list[T]:
        """A list whose entries are all of that kind."""
        entries: list[Any] = self.take(key, list, *default)
        return [self._checked(f"an entry of '{key}'", entry, kind) for entry in entries]

    def section(self, key: str) -> "_Section | None":
        """A `[key]` table, where there is one."""
        values: dict[str, Any] | None = self.take(key, dict, None)
        return None if values is None else _Section(values, f"{self.where}, [{key}]")

    def sections(self, key: str) -> list["_Section"]:
        """The `[[key]]` tables, of which there must be one at least."""
        tables: list[dict[str, Any]] = self.take_list(key, dict)
        if not tables:
            raise self.error(f"'{key}' is empty")
        return [_Section(v, f"{self.where}, [[{key}]] {i}") for i, v in enumerate(tables, 1)]

    def numbers(self) -> dict[str, float]:
        """Every key that is left, as a number."""
        return {key: self.take(key, float) for key in tuple(self._left)}

    def done(self) -> None:
        """Raises for the first key that nobody asked for."""
        for key in self._left:
            raise self.error(f"unknown key '{key}'{did_you_mean(key, self._asked)}")

    def _checked(self, what: str, value: Any, kind: type[T]) -> T:
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:  # not isinstance: in TOML true is no number
            raise self.error(f"{what} must be {_KINDS[kind]}, not {value!r}")
        if isinstance(value, float) and not isfinite(value):
            raise self.error(f"{what} must be a finite number")
        return value


def _choice(section: _Section, key: str, choices: type[E]) -> E:
    word = section.take(key, str)
    known = [choice.value for choice in choices]
    if word not in known:
        hint = did_you_mean(word, known)
        raise section.error(f"'{key}' is '{word}'{hint}, but must be one of {', '.join(known)}")
    return choices(word)


def _column(section: _Section, *, feature: bool) -> Column:
    column = Column(
        name=section.take("name", str),
        role=_choice(section, "role", Role) if feature else None,
        unit=section.take("unit", str, ""),
        description=section.take("description", str, ""),
        falls=section.take("falls", bool, False) if feature else False,
    )
    section.done()
    return column


def _cut_rule(section: _Section) -> CutRule:
    rule = CutRule(
        kind=_choice(section, "kind", CutKind),
        axes=tuple(section.take_list("axes", str)),
        shares=tuple(section.take_list("shares", float)),
    )
    section.done()
    if not rule.axes or not rule.shares:
        raise section.error("'axes' and 'shares' must have an entry each")
    if len(rule.axes) < 2 and rule.kind is CutKind.CORNER:
        raise section.error("a corner needs two axes; use kind = 'axis' for one")
    for share in rule.shares:
        if not 0 < share < 1:
            raise section.error(f"'shares' must lie between 0 and 1, not {share:g}")
    return rule


def _hub(section: _Section | None) -> HubSource | None:
    if section is None:
        return None
    hub = HubSource(
        repo=section.take("repo", str),
        config=section.take("config", str),
        revision=section.take("revision", str),
        train_rows=section.take("train_rows", int),
        test_rows=section.take("test_rows", int),
    )
    section.done()
    return hub


def _measured(section: _Section | None) -> str | None:
    if section is None:
        return None
    provenance = section.take("provenance", str)
    section.done()
    return provenance


def _published(section: _Section | None) -> tuple[dict[str, Any], str]:
    """Test R² by method, with their source, and the family of the form that people published."""
    if section is None:
        return {}, ""
    form = section.take("form", str, "")
    return {"source": section.take("source", str), **section.numbers()}, form


def _check(task: Task) -> None:
    """Raises where the parts of a task do not fit each other."""
    names = [*task.feature_names, *task.target_names, *task.ignored]
    names += [task.group_column] if task.group_column is not None else []
    for name, times in Counter(names).items():
        if times > 1 or not name:
            raise TaskError(
                f"{task.origin}: column '{name}' is {'named twice' if name else 'empty'}"
            )
    for rule in task.cut_rules:
        for axis in rule.axes:
            if axis not in task.feature_names or rule.axes.count(axis) > 1:
                hint = did_you_mean(axis, task.feature_names)
                fault = "named twice" if axis in task.feature_names else f"no feature{hint}"
                raise TaskError(f"{task.origin}, [[cuts]]: axis '{axis}' is {fault}")
    if task.parameter_limit is not None and task.parameter_limit < 1:
        raise TaskError(
            f"{task.origin}: 'parameter_limit' must be 1 or more; leave it out for none"
        )
