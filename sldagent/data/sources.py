"""Where a task's tables come from.

In this order: what the user points at with `--data`; the task's own folder, where tables lie beside
its task.toml; what SLDAGENT_DATA points at; the hub's cache; the hub. Data that the user named are
never looked for anywhere else.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sldagent.data import hub
from sldagent.data.hub import Split
from sldagent.data.tables import read_table
from sldagent.data.tasks import LONG_SUFFIX
from sldagent.errors import DataError, PrerequisiteError
from sldagent.table import Table
from sldagent.task import Task

_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Source:
    """The file that holds a split, and what reports call it: its path, or `hub:...`."""

    file: Path
    origin: str

    def read(self, task: Task) -> Table:
        """The rows; `origin` stays with them. Raises DataError where they do not fit the task."""
        return replace(read_table(self.file, task), origin=self.origin)


def load_train(task: Task, data: str | Path | None = None) -> Table:
    """The task's training table.

    `data` is a folder with `<task>/train.csv` (short or long task name; or parquet), a folder with
    `train.csv` itself, or one table; None looks beside the task.toml, then asks the environment
    variable SLDAGENT_DATA, and where that is not set the hub, for tasks whose tables lie there.

    Raises:
        DataError: The path does not exist, or the table does not fit the task.
        PrerequisiteError: The data have no training table of this task, or none were named and the
            hub has none or cannot be reached.
    """
    return find_table(task, "train", data).read(task)


def find_table(task: Task, split: Split, data: str | Path | None = None) -> Source:
    """The file that holds a split, downloaded if need be. `data` and errors as in `load_train`."""
    given = _named(task, data)
    if given is not None:
        return _local(task, split, given)
    if task.hub is None:
        raise PrerequisiteError(f"task '{task.name}' has no data here; {_ways(task)}")
    try:
        return Source(hub.fetch(task.hub, split), hub.origin(task.hub, split))
    except PrerequisiteError as error:
        short = _short_name(task)
        raise PrerequisiteError(
            f"task '{task.name}' has no data here: {error}; {_ways(task)}, or run `sldagent tasks"
            f" fetch {short}` where there is a network"
        ) from error


def at_hand(tasks: Sequence[Task], data: str | Path | None = None) -> list[Source | None]:
    """The training table of each task where it is on this machine; looks at names only."""
    named = [_named(task, data) for task in tasks]
    missing = [t.hub for t, given in zip(tasks, named, strict=True) if not given and t.hub]
    copies = dict(zip(missing, hub.cached(missing, "train"), strict=True))
    found: list[Source | None] = []
    for task, given in zip(tasks, named, strict=True):
        if given is not None:
            try:
                found.append(_local(task, "train", given))
            except PrerequisiteError:
                found.append(None)
            continue
        path = copies[task.hub] if task.hub is not None else None
        origin = hub.origin(task.hub, "train") if task.hub is not None else ""
        found.append(Source(path, origin) if path else None)
    return found


def anchor(task: Task, data: str | Path | None = None) -> str | None:
    """The source of a task's tables spelled out, for a later call; None means the hub.

    What `load_train` reads now, it reads then, whatever the folder or the environment.

    Raises:
        DataError: The named path does not exist.
    """
    given = _named(task, data)
    return None if given is None else str(given.resolve())


def fetch_both(task: Task) -> tuple[Path, Path]:
    """Sound copies of the hub's training and test table in the cache; errors as in `hub.fetch`.

    No test row is read: that file's bytes are hashed, and its rows are counted by its footer.
    """
    if task.hub is None:
        raise DataError(
            f"task '{task.name}' names no tables on the hub: {task.origin} has no [hub]"
        )
    return hub.renew(task.hub, "train"), hub.renew(task.hub, "test")


def _named(task: Task, data: str | Path | None) -> Path | None:
    """What the user named, which exists then, or the task's folder where tables lie in it."""
    usual = os.environ.get("SLDAGENT_DATA")
    own = Path(task.origin).parent if task.origin else None
    # The command line hands over the variable's value as if it had been typed.
    if own is not None and (not data or str(data) == usual) and _table_in(own, "train"):
        return own
    given = data or usual
    if not given:
        return None
    path = Path(given).expanduser()
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    return path


def _local(task: Task, split: Split, path: Path) -> Source:
    if not path.is_dir():
        if split == "train":
            return Source(path, str(path))
        raise PrerequisiteError(f"{path} is one table, so task '{task.name}' has no {split} table")
    short = _short_name(task)
    folders = (path / task.name, path / short, path / (short + LONG_SUFFIX), path)
    for folder in folders:
        if _table_in(folder, "train"):
            table = _table_in(folder, split)
            if table:
                return Source(table, str(table))
            raise PrerequisiteError(f"{folder} has no {split} table of task '{task.name}'")
    raise PrerequisiteError(
        f"{path} has no training table of task '{task.name}'; expected {short}/train.csv or"
        " train.csv in it (or .parquet)"
    )


def _table_in(folder: Path, split: Split) -> Path | None:
    files = [folder / (split + suffix) for suffix in _SUFFIXES]
    found = [file for file in files if file.is_file()]
    if len(found) > 1:
        raise DataError(f"{folder} has {found[0].name} and {found[1].name}; keep one of them")
    return found[0] if found else None


def _short_name(task: Task) -> str:
    return task.name.removesuffix(LONG_SUFFIX)


def _ways(task: Task) -> str:
    return (
        f"give --data PATH or set SLDAGENT_DATA: a folder with {_short_name(task)}/train.csv, or"
        " one table (CSV or parquet)"
    )
