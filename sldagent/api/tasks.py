"""Tasks and their tables: found, described, checked, made."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sldagent.plain import with_index

if TYPE_CHECKING:
    import pandas

    from sldagent.data.checks import Check
    from sldagent.data.newtask import Draft
    from sldagent.table import Table
    from sldagent.task import Task


def load_task(name_or_path: str | Path) -> "Task":
    """The task of that name, or the one in that folder or `task.toml`."""
    from sldagent.data.tasks import find_task

    return find_task(name_or_path)


def summarize_tasks(data: str | None = None) -> list[dict[str, Any]]:
    """Every task in short; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.summarize_tasks(data)


def task_details(name: str, data: str | None = None) -> dict[str, Any]:
    """All that a task file says; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.task_details(name, data)


def describe_task(name: str, data: str | None = None) -> str:
    """A task in words, for people and models; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.describe_task(name, data)


def check_task(name: str, data: str | None = None) -> "Check":
    """What a task's training table holds, and what is wrong with it; see `sldagent.data.checks`."""
    from sldagent.data import checks

    return checks.check_task(name, data)


def fetch_tasks(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Puts tables of the hub into its cache; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.fetch_tasks(names)


def names_table(name: str | Path) -> bool:
    """Whether a name is a table's and no run's: a file, a folder without a run, a usual ending."""
    from sldagent.data.frames import SUFFIXES
    from sldagent.run import is_run

    path = Path(name)
    if path.is_dir():
        return not is_run(path)
    return path.is_file() or path.suffix.lower() in SUFFIXES


@contextmanager
def table_file(table: "str | Path | pandas.DataFrame") -> Iterator[Path]:
    """A table's file; a DataFrame has one as long as this lasts."""
    if isinstance(table, str | Path):
        yield Path(table)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "DataFrame.csv"
        with_index(table).to_csv(path, index=False)
        yield path


def new_task(
    table: "str | Path | pandas.DataFrame",
    targets: str | Sequence[str],
    *,
    groups: str | Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    roles: "Mapping[str, str] | None" = None,
    axes: Sequence[str] = (),
    limit: int | None = None,
    keep: Sequence[str] = (),
    others: bool = True,
    test: str | Path | None = None,
    name: str | None = None,
    output: str | Path | None = None,
    dry_run: bool = False,
) -> "tuple[Draft, Path | None]":
    """Makes a task of a user's table of runs, and its folder unless it is a dry run.

    What is not said is guessed; the draft tells what was guessed and why, what was found in the
    rows, and what `check_task` says. `sldagent.data.choices.Wishes` describes what can be said.

    Args:
        table: CSV with commas, semicolons or tabs, parquet, or JSON lines; or a DataFrame.
        targets: Columns that a law shall predict, or names of metrics in a long table.
        groups: Columns that name a row's group; None guesses, an empty list means no groups.
        ignore: Columns that no law shall see.
        roles: Roles of features by column.
        axes: The only features along which rows are held out.
        limit: Fitted numbers a group; None suggests one, 0 means no limit.
        keep: Rows not to leave out: `copies`, `diverged`, `steps`, `unfinished`.
        others: Whether columns that are not named are looked at.
        test: A fixed test table; nothing is decided by it.
        name: Of the task; None takes the file's.
        output: The folder to make; None means `tasks/NAME`.
        dry_run: Write nothing.

    Returns:
        The draft, and the folder that was made.

    Raises:
        DataError: No task can be made of the table.
        UsageError: What is asked for contradicts itself, or the folder exists.
    """
    from sldagent.data.choices import make_wishes
    from sldagent.data.newtask import draft_task
    from sldagent.data.writing import write_task

    wishes = make_wishes(targets, groups, ignore, roles, axes, limit, keep, others)
    with table_file(table) as path:
        draft = draft_task(path, wishes, name, None if test is None else Path(test))
        if dry_run:
            return draft, None
        return draft, write_task(draft, Path(output) if output else Path("tasks") / draft.task.name)


def name_or_draft(task: str | None, data: str | None, **said: Any) -> "str | Draft":
    """The name of a `task`, or the draft of one of the table `data` where none is named.

    `said` is as in `new_task`; raises UsageError where neither or both are named.
    """
    from sldagent.data import newtask

    return newtask.name_or_draft(task, data, **said)


def task_from_table(
    table: "str | Path | pandas.DataFrame",
    targets: str | Sequence[str],
    groups: str | Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    roles: "Mapping[str, str] | None" = None,
    **more: Any,
) -> "tuple[Task, Table]":
    """The task and the rows that `new_task` would write; leaves nothing behind."""
    draft, _ = new_task(
        table, targets, groups=groups, ignore=ignore, roles=roles, **more, dry_run=True
    )
    return draft.task, draft.table


def parse_roles(texts: Sequence[str], option: str = "--role") -> dict[str, str]:
    """Roles by column, of texts `COLUMN=ROLE`; `option` is named where one is wrong."""
    from sldagent.data import choices

    return choices.parse_roles(texts, option)


def diagnose(data: str | None = None) -> list[tuple[str, bool, str]]:
    """What this machine offers: for each item its name, whether it is well, and a line of words."""
    from sldagent.doctor import diagnose as look

    return look(data)
