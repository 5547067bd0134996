"""What the commands `tasks list`, `show` and `fetch` say: plain values, ready for JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sldagent.cuts import make_cuts
from sldagent.data import hub
from sldagent.data.describe import describe
from sldagent.data.sources import at_hand, fetch_both, has_measured, load_or_measured
from sldagent.data.tasks import find_task, list_tasks


def summarize_tasks(data: str | None = None) -> list[dict[str, Any]]:
    """Every task: name, title, features, targets, limit, training `table` or None, and `measured`.

    The last says whether there is a table that we measured ourselves. Only names of files are
    looked at, and nothing is downloaded.
    """
    tasks = list_tasks()
    return [
        {
            "name": task.name,
            "title": task.title,
            "features": list(task.feature_names),
            "targets": list(task.target_names),
            "parameter_limit": task.parameter_limit,
            "table": source.origin if source else None,
            "measured": has_measured(task),
        }
        for task, source in zip(tasks, at_hand(tasks, data), strict=True)
    ]


def task_details(name: str, data: str | None = None) -> dict[str, Any]:
    """All that a task file says, and the names of its groups where its table is at hand."""
    task = find_task(name)
    (source,) = at_hand([task], data)
    return {
        **asdict(task),
        "sha256": task.sha256,
        "table": source.origin if source else None,
        "groups": list(source.read(task).group_names) if source else [],
    }


def describe_task(name: str, data: str | None = None) -> str:
    """The task in words, for people and models; made from the rows that no cut holds out."""
    task, table = load_or_measured(find_task(name), data)
    return describe(task, table, make_cuts(task, table))


def reach_hub() -> None:
    """Returns where the hub that has the benchmark's tables answers.

    Raises:
        DataError: It does not have the tables.
        PrerequisiteError: It cannot be reached.
    """
    hub.reach(next(task.hub for task in list_tasks() if task.hub is not None))


def fetch_tasks(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Puts tables of the hub into its cache; no names mean every task that has tables there.

    For each task its name, train_rows, test_rows, and the files train and test. Test rows are
    counted and not read.

    Raises:
        DataError: A task has no tables on the hub, or those there are not the ones it names.
        PrerequisiteError: The hub cannot be reached.
    """
    tasks = [find_task(name) for name in names] or [t for t in list_tasks() if t.hub is not None]
    fetched = []
    for task in tasks:
        train, test = fetch_both(task)
        assert task.hub is not None  # or there had been nothing to fetch
        fetched.append(
            {
                "name": task.name,
                "train_rows": task.hub.train_rows,
                "test_rows": task.hub.test_rows,
                "train": str(train),
                "test": str(test),
            }
        )
    return fetched
