"""What was made of a user's table, in words: all for `tasks new`, in short for `evolve`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sldagent.cli._text import joined

if TYPE_CHECKING:
    from sldagent.data.newtask import Draft


def short_lines(
    draft: "Draft", options: str = "--role, --group, --ignore, --axis, --limit and --keep"
) -> Iterator[str]:
    """What was guessed and what was done about the rows, for one who goes on at once.

    `options` of the command say it otherwise.
    """
    yield from origin_words(draft)
    falls = {c.name for c in draft.task.features if c.falls}
    features = [
        f"{c.name} ({c.role}{'' if c.sure else '?'}{', falls' if c.name in falls else ''})"
        for c in draft.columns
        if c.role
    ]
    yield f"  features  {', '.join(features)}"
    left_out = [f"{c.name} ({c.why})" for c in draft.columns if c.use == "left out"]
    if left_out:
        yield f"  left out  {', '.join(left_out)}"
    yield f"  groups    {group_words(draft)}"
    yield f"  limit     {limit_words(draft)}"
    cuts = ", ".join(cut.name for cut in draft.cuts) or "none: no rows can be held out"
    yield f"  cuts      {cuts}"
    for line in finding_lines(draft):
        yield f"  found     {line}"
    for kind, words in (("warning", draft.check.warnings), ("problem", draft.check.problems)):
        for text in words:
            yield f"  {kind}   {text}"
    yield f"  what is wrong can be said: see {options}"


def origin_words(draft: "Draft") -> Iterator[str]:
    """The file, how many of its rows are used, and how it was brought into shape."""
    rows = len(draft.table)
    used = "all" if draft.file_rows == rows else f"{rows} of them"
    yield f"{draft.task.origin}: {draft.layout}, {draft.file_rows} rows, {used} used"
    for note in draft.notes:
        yield f"  {note}"


def finding_lines(draft: "Draft") -> Iterator[str]:
    """What was found in the rows, what was done, and how to have it otherwise."""
    for finding in draft.findings:
        how = f" [{finding.overrule}]" if finding.overrule else ""
        yield f"{finding.what}: {finding.done}{how}"


def group_words(draft: "Draft") -> str:
    """How many groups of how many rows."""
    if draft.task.group_column is None:
        return "none: all rows share one set of coefficients"
    sizes = list(draft.check.groups.values())
    count = f"{sizes[0]}" if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"
    return f"{len(sizes)}, of {count} rows: {joined(list(draft.check.groups))}"


def limit_words(draft: "Draft") -> str:
    """The limit of parameters, and why it is that."""
    return f"{draft.task.parameter_limit or 'none'} a group: {draft.limit_reason}"
