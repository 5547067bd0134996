"""Where a task's tables come from.

In this order: what the user points at with `--data`; the task's own folder, where tables lie beside
its task.toml; what SLDAGENT_DATA points at; the hub's cache; the hub. Data that the user named are
never looked for anywhere else.

Tables that we measured ourselves lie in the folder `measured` beside the task.toml. `NAME@measured`
names them; and where something begins for which nobody named a source, and there is no other, they
serve, with a warning.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sldagent.data import hub
from sldagent.data.hub import Split
from sldagent.data.tables import read_table
from sldagent.data.tasks import LONG_SUFFIX, MEASURED, with_measured
from sldagent.errors import DataError, PrerequisiteError, SourceWarning, UsageError
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


def load_or_measured(task: Task, data: str | Path | None = None) -> tuple[Task, Table]:
    """The task and its training table; our own, with a warning, where no other can be had.

    Errors as in `load_train`, of which this never takes another source than a named one.
    """
    try:
        return task, load_train(task, data)
    except PrerequisiteError as error:
        if _named(task, data) is not None or not has_measured(task):
            raise
        own = with_measured(task)
        table = load_train(own)
        warnings.warn(
            f"no data named, and {error.__cause__ or error}: taking {table.origin}, measured on "
            "small models; published figures do not compare",
            SourceWarning,
            stacklevel=2,
        )
        return own, table


def has_measured(task: Task) -> bool:
    """Whether there is a training table of our own."""
    return task.measured is not None and _table_in(_measured_folder(task), "train") is not None


def find_table(task: Task, split: Split, data: str | Path | None = None) -> Source:
    """The file that holds a split, downloaded if need be. `data` and errors as in `load_train`."""
    given = _named(task, data)
    if task.source == "measured":
        return _own(task, split)
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
        if task.source == "measured":
            found.append(_own(task, "train") if has_measured(task) else None)
            continue
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
    if task.source == "measured":
        if data and str(data) != usual:
            raise UsageError(f"'{task.name}{MEASURED}' says where its rows are: leave out --data")
        return None
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


def _measured_folder(task: Task) -> Path:
    return Path(task.origin).parent / "measured"


def _own(task: Task, split: Split) -> Source:
    """A table of our own."""
    folder = _measured_folder(task)
    table = _table_in(folder, split)
    if table is None:
        raise PrerequisiteError(
            f"{folder} has no {split} table; `sldagent measure {task.name} -o {folder}` makes one"
        )
    return Source(table, f"{task.name}{MEASURED}/{table.name}")


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
    own = f"name {task.name}{MEASURED} for our own, " if has_measured(task) else ""
    return (
        f"{own}give --data PATH or set SLDAGENT_DATA: a folder with {_short_name(task)}/train.csv,"
        " or one table (CSV or parquet)"
    )
