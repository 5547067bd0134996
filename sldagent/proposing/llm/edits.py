"""Search/replace edits, as models write them: with care, or with the wrong spaces."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from sldagent.program import END, START

# Line by line, as an expression over the whole reply would take time quadratic in its length.
_OLD = re.compile(r"[ \t]*<{5,9}[ \t]*(?:SEARCH|ORIGINAL|OLD)?[ \t]*", re.IGNORECASE)
_BETWEEN = re.compile(r"[ \t]*={5,9}[ \t]*")
_NEW = re.compile(r"[ \t]*>{5,9}[ \t]*(?:REPLACE|UPDATED|NEW)?[ \t]*", re.IGNORECASE)
_LONGEST_SIGN = 80
_MOST_EDITS = 40


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines to find, and what to put in their place."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class NotApplied:
    """Why edits could not be made, in words for a person and a model."""

    reason: str


def find_edits(text: str) -> list[Edit]:
    """The edits of a reply, in order."""
    found: list[Edit] = []
    old: list[str] = []
    new: list[str] = []
    into: list[str] | None = None
    for line in text.split("\n"):
        if _is(_OLD, line):
            old, new = [], []
            into = old
        elif into is old and _is(_BETWEEN, line):
            into = new
        elif into is new and _is(_NEW, line):
            found.append(Edit(_lines(old), _lines(new)))
            into = None
        elif into is not None and START not in line and END not in line:
            into.append(line)
    return found[:_MOST_EDITS]


def _is(sign: re.Pattern[str], line: str) -> bool:
    return len(line) < _LONGEST_SIGN and sign.fullmatch(line) is not None


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def made_edits(edits: Sequence[Edit], block: str) -> str | NotApplied:
    """The block with all edits made, each where its lines stand, up to spaces."""
    text = block.replace("\r\n", "\n")
    for number, edit in enumerate(edits, start=1):
        if not edit.old.strip():
            return NotApplied(f"edit {number} searches for nothing; search for lines of the block")
        changed = _exactly(text, edit) or _by_lines(text, edit)
        if changed is None:
            line = next(line for line in edit.old.splitlines() if line.strip()).strip()[:120]
            return NotApplied(
                f"edit {number} does not apply: its lines are not in the block; "
                f"the first is `{line}`"
            )
        text = changed
    return text


def _exactly(text: str, edit: Edit) -> str | None:
    at = text.find(edit.old)
    starts_a_line = at == 0 or (at > 0 and text[at - 1] == "\n")
    return text[:at] + edit.new + text[at + len(edit.old) :] if starts_a_line else None


def _by_lines(text: str, edit: Edit) -> str | None:
    """Where the lines are the same but for spaces; the new ones move with the indentation."""
    lines = text.split("\n")
    wanted = [line for line in edit.old.split("\n") if line.strip()]
    keys = [" ".join(line.split()) for line in wanted]
    full = [(i, " ".join(line.split())) for i, line in enumerate(lines) if line.strip()]
    for k in range(len(full) - len(keys) + 1):
        if [key for _, key in full[k : k + len(keys)]] != keys:
            continue
        first, last = full[k][0], full[k + len(keys) - 1][0]
        shift = _indent(lines[first]) - _indent(wanted[0])
        return "\n".join([*lines[:first], *_shifted(edit.new, shift), *lines[last + 1 :]])
    return None


def _shifted(text: str, shift: int) -> list[str]:
    body = text.strip("\n")
    if shift >= 0:
        return textwrap.indent(body, " " * shift).split("\n")
    return [line[min(-shift, _indent(line)) :] for line in body.split("\n")]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
