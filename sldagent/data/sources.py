"""Where a task's tables lie: what the user points at with `--data` or SLDAGENT_DATA."""

import os
from pathlib import Path
from typing import Literal

from sldagent.data.tables import read_table
from sldagent.data.tasks import LONG_SUFFIX
from sldagent.errors import DataError, PrerequisiteError
from sldagent.table import Table
from sldagent.task import Task

Split = Literal["train", "test"]

_SUFFIXES = (".csv", ".parquet")


def load_train(task: Task, data: str | Path | None = None) -> Table:
    """The task's training table.

    `data` is a folder with `<task>/train.csv` (short or long task name; or parquet), a folder with
    `train.csv` itself, or one table; None asks the environment variable SLDAGENT_DATA.

    Raises:
        DataError: The path does not exist or the table does not fit the task.
        PrerequisiteError: No data were given, or they have no training table of this task.
    """
    return read_table(find_table(task, "train", data), task)


def find_table(task: Task, split: Split, data: str | Path | None = None) -> Path:
    """The file that holds a split; looks at names only. `data` and errors as in `load_train`."""
    given = data or os.environ.get("SLDAGENT_DATA")
    # The benchmark's own tables (`task.hub`) come in here once they can be fetched: after what the
    # user named, so that a local copy always wins.
    if not given:
        raise PrerequisiteError(
            f"task '{task.name}' has no data here; give --data PATH or set SLDAGENT_DATA: a folder"
            f" with {task.name}/train.csv, or one table (CSV or parquet)"
        )
    path = Path(given).expanduser()
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if not path.is_dir():
        if split == "train":
            return path
        raise PrerequisiteError(f"{path} is one table, so task '{task.name}' has no {split} table")
    short = task.name.removesuffix(LONG_SUFFIX)
    folders = (path / task.name, path / short, path / (short + LONG_SUFFIX), path)
    for folder in folders:
        if _table_in(folder, "train"):
            table = _table_in(folder, split)
            if table:
                return table
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
