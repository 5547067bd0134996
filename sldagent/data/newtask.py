"""From a user's own table of runs to a task: columns guessed, rows cleaned, cuts suggested."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sldagent.cuts import Cut, make_cuts
from sldagent.data import cleaning
from sldagent.data.checks import Check, check_table
from sldagent.data.choices import Choice, Finding, Use, Wishes, make_wishes
from sldagent.data.dependence import leave_out_determined, leave_out_made_of_targets
from sldagent.data.drawing import LEGEND, draw_cut
from sldagent.data.frames import Frame, files_sha256
from sldagent.data.guess import guess_columns
from sldagent.data.idle import leave_out_idle
from sldagent.data.labels import settle_labels
from sldagent.data.naming import falls_by_name
from sldagent.data.outlying import drop_outlying
from sldagent.data.packaged import packaged_folder
from sldagent.data.rows import (
    group_names,
    large_groups,
    make_table,
    read_shaped,
    usable_rows,
)
from sldagent.data.suggest import suggest_cuts, suggest_limit
from sldagent.data.tables import JOIN
from sldagent.data.test_rows import read_fixed_test
from sldagent.errors import DataError, UsageError
from sldagent.table import Table
from sldagent.task import Column, Task

_STEPS = (
    cleaning.drop_unfinished,
    cleaning.drop_without_target,
    cleaning.drop_diverged,
    cleaning.keep_last_steps,
)
_FLAGS = {
    "targets": "--target", "groups": "--group", "ignore": "--ignore", "roles": "--role",
    "axes": "--axis", "limit": "--limit", "keep": "--keep",
}  # fmt: skip
_OPTIONAL = ("groups", "limit")


@dataclass(frozen=True)
class Draft:
    """A task made of a user's table, with all that was decided on the way.

    Attributes:
        task: Its origin is the user's file.
        table: The rows that are left, as the task reads them.
        cuts: What the task's rules make of them; none where the table cannot be cut.
        columns: What became of each column of the file.
        findings: What was found in the rows, and done about it.
        limit_reason: Why the parameter limit is what it is.
        check: What `tasks check` says of the task.
        layout: What kind of file it was.
        notes: How its rows and columns were brought into shape.
        file_rows: Rows in the file.
        test: The fixed test table, where the user gave one.
        runs: The run of each row of the table, where runs have several.
        places: Where each row of the table stands in the file.
    """

    task: Task
    table: Table
    cuts: tuple[Cut, ...]
    columns: tuple[Choice, ...]
    findings: tuple[Finding, ...]
    limit_reason: str
    check: Check
    layout: str
    notes: tuple[str, ...]
    file_rows: int
    test: Table | None = None
    runs: tuple[str, ...] | None = None
    places: tuple[str, ...] = ()

    @property
    def legend(self) -> str:
        """What the marks of `drawings` mean."""
        return LEGEND

    def drawings(self) -> list[list[str]]:
        """Each cut as lines of text."""
        return [draw_cut(self.task, self.table, cut) for cut in self.cuts]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; keys are stable."""
        return {
            "task": self.task.name,
            "layout": self.layout,
            "notes": list(self.notes),
            "file_rows": self.file_rows,
            "columns": [
                {
                    "name": c.name, "use": c.use, "role": c.role, "unit": c.unit, "why": c.why,
                    "sure": c.sure, "factor": c.factor,
                }
                for c in self.columns
            ],
            "findings": [
                {"what": f.what, "done": f.done, "overrule": f.overrule} for f in self.findings
            ],
            "parameter_limit": self.task.parameter_limit,
            "limit_reason": self.limit_reason,
            "cut_rules": [
                {"kind": r.kind, "axes": list(r.axes), "shares": list(r.shares)}
                for r in self.task.cut_rules
            ],
            "test_rows": None if self.test is None else len(self.test),
            "check": self.check.as_dict(),
        }  # fmt: skip


def draft_task(
    path: Path,
    wishes: Wishes,
    name: str | None = None,
    test: Path | None = None,
    must_cut: bool = True,
) -> Draft:
    """Makes a task of a table of runs; writes nothing.

    `name` is the file's own where it is None. Of a `test` table only the columns that the training
    table was found to have are read, and nothing is decided by it. Unless it `must_cut`, a table
    that cannot be cut gives a task without cuts, which a law can be fitted to but not chosen by.

    Raises:
        DataError: The file is no table of runs, or no task can be made of it; the message says why.
        UsageError: The wishes contradict each other.
    """
    if name is not None and (name in ("", ".", "..") or set(name) & set("/\\\0")):
        raise UsageError(f"--name must be a plain folder name, not '{name}'")
    frame, notes = read_shaped(path, wishes)
    whole = frame
    frame, findings = _cleaned(frame, wishes)
    frame, choices, found = _decided(frame, wishes)
    findings += found
    choices += [
        Choice(n, Use.LEFT_OUT, "not asked for") for n in whole.columns if n not in frame.columns
    ]
    table = make_table(frame, choices, wishes.targets)
    task = _task(path, name or _name_of(path), choices, wishes, [*notes, *map(str, findings)])
    for name, values in zip(wishes.targets, table.y.T, strict=True):
        if np.ptp(values) == 0:
            raise DataError(f"{path}: {name} is {values[0]:g} in every row: nothing to predict")
    try:
        task = replace(task, cut_rules=suggest_cuts(task, table, wishes.axes))
    except DataError as error:
        if must_cut:
            raise DataError("; ".join([str(error), *_rows_left_out(findings)])) from None
    cuts = make_cuts(task, table) if task.cut_rules else ()
    if wishes.limit is not None:
        limit, reason, found = wishes.limit, "asked for", []
    elif cuts:
        limit, reason, found = suggest_limit(task, table)
    else:
        limit, reason, found = 0, "no rows can be held out", []
    findings += found
    task = replace(task, parameter_limit=limit or None)
    test_table = None
    if test is not None:
        test_table, found = read_fixed_test(test, wishes, choices, table)
        findings += found
    return Draft(
        task=task,
        table=table,
        cuts=cuts,
        columns=tuple(choices),
        findings=tuple(findings),
        limit_reason=reason,
        check=check_table(task, table, cuts),
        layout=frame.layout,
        notes=tuple(notes),
        file_rows=len(whole),
        test=test_table,
        runs=cleaning.runs_of(whole.at(frame.places), wishes),
        places=frame.places,
    )


def name_or_draft(task: str | None, data: str | None, **said: Any) -> str | Draft:
    """The name of a `task`, or the draft of one of the table `data` where none is named.

    Args:
        task: A task's name.
        data: A table's path.
        said: Arguments of `make_wishes`.

    Raises:
        DataError: No task can be made of the table.
        UsageError: Neither a task nor a table with targets is named, or both are.
    """
    if task is not None:
        # No group and no limit are wishes, too.
        given = [k for k, v in said.items() if (v is not None if k in _OPTIONAL else v)]
        if given:
            raise UsageError(
                f"{_FLAGS[given[0]]} is for a table of your own; --task '{task}' says it already"
            )
        return task
    if data is None or not said.get("targets"):
        raise UsageError(
            "name a --task, or give a table of your own with --data FILE --target COLUMN"
        )
    return draft_task(Path(data).expanduser().resolve(), make_wishes(**said))


def _rows_left_out(findings: Iterable[Finding]) -> Iterator[str]:
    """What is no longer there when too few rows are left."""
    for finding in findings:
        if "left out" in finding.done or "last row" in finding.done:
            yield f"{finding.what}: {finding.done} [{finding.overrule}]"


def _require_features(frame: Frame, choices: Iterable[Choice]) -> None:
    if any(choice.use is Use.FEATURE for choice in choices):
        return
    reasons = "; ".join(f"{c.name} ({c.why})" for c in choices if c.use is Use.LEFT_OUT)
    raise DataError(
        f"{frame.origin}: no feature is left for a law: {reasons or 'there are no other columns'};"
        " name one with --role COLUMN=ROLE"
    )


def _cleaned(frame: Frame, wishes: Wishes) -> tuple[Frame, list[Finding]]:
    frame, findings = cleaning.drop_copies(frame, wishes)
    if not wishes.others:
        frame = _named_only(frame, wishes)
    for step in _STEPS:
        frame, found = step(frame, wishes)
        findings += found
        if not len(frame):
            reasons = "; ".join(str(f) for f in findings)
            raise DataError(f"{frame.origin}: no row is left: {reasons}")
    return frame, findings


def _decided(frame: Frame, wishes: Wishes) -> tuple[Frame, list[Choice], list[Finding]]:
    """What becomes of the columns: by themselves, then beside each other and the targets.

    Rows go that have no number where a feature is, that are alone in a group or have diverged.
    """

    def table() -> Table:
        return make_table(frame, choices, wishes.targets)

    asked = tuple(wishes.roles)
    choices = guess_columns(frame, wishes)
    _require_features(frame, choices)
    keep, findings = usable_rows(frame, choices)
    frame = frame.rows(keep)
    keep, found = large_groups(group_names(frame, choices))
    findings += found
    frame = frame.rows(keep)
    choices = [_unless_constant(choice, frame, asked) for choice in choices]
    _require_features(frame, choices)
    choices = leave_out_made_of_targets(choices, table(), asked)
    choices = leave_out_determined(choices, table(), asked)
    frame, found = drop_outlying(frame, choices, table(), wishes)
    findings += found
    choices = settle_labels(frame, choices, table(), wishes)
    choices = leave_out_idle(choices, table(), asked)
    _require_features(frame, choices)
    return frame, choices, findings


def _unless_constant(choice: Choice, frame: Frame, asked: Iterable[str]) -> Choice:
    """The choice, left out where the rows that are left have one value of a feature."""
    if choice.use is not Use.FEATURE or choice.name in asked:
        return choice
    values = frame.numbers(choice.name)
    if np.ptp(values) > 0:
        return choice
    why = f"constant: {values[0]:g} in the rows that are left"
    return replace(choice, use=Use.LEFT_OUT, role=None, why=why)


def _named_only(frame: Frame, wishes: Wishes) -> Frame:
    """The frame without columns that nobody named."""
    named = (*wishes.targets, *(wishes.groups or ()), *wishes.roles)
    frame.require(wishes.groups or (), "--group")
    frame.require(wishes.roles, wishes.role_option)
    return replace(frame, columns={n: c for n, c in frame.columns.items() if n in named})


def _task(path: Path, name: str, choices: list[Choice], wishes: Wishes, said: list[str]) -> Task:
    features = tuple(
        Column(c.name, c.role, c.unit, falls=falls_by_name(c.name))
        for c in choices
        if c.use is Use.FEATURE
    )
    groups = [c.name for c in choices if c.use is Use.GROUP]
    constants = [
        f"{c.name} {c.why.removeprefix('constant: ')}"
        for c in choices
        if c.use is Use.LEFT_OUT and c.why.startswith("constant: ")
    ]
    targets = ", ".join(wishes.targets)
    description = f"{targets} over {', '.join(c.name for c in features)}"
    description += f", for each {' and '.join(groups)}." if groups else "."
    if constants:
        description += f" The same in all rows: {', '.join(constants)}."
    done = [f"{words}." for words in said]
    provenance = f"Made of {path.name}, SHA-256 {files_sha256(path)}."
    return Task(
        name=name,
        title=name.replace("_", " ").capitalize(),
        description=description,
        features=features,
        targets=tuple(Column(target) for target in wishes.targets),
        cut_rules=(),
        group_column=JOIN.join(groups) if groups else None,
        ignored=tuple(c.name for c in choices if c.use is Use.LEFT_OUT),
        provenance=" ".join([provenance, *done]),
        origin=str(path),
    )


def _name_of(path: Path) -> str:
    """A task's name from a file's; a packaged task keeps its name for itself."""
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in path.stem).strip("_") or "table"
    packaged = packaged_folder("tasks")
    return f"{name}_own" if (packaged / name / "task.toml").is_file() else name
