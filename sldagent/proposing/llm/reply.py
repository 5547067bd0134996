"""Finds the program in a model's reply, however the model dressed it.

Taken is the last thing that is a whole program: inside a fence or none, with or without markers,
indented, a whole file or the block alone, split over several fences. Nothing of a reply is run.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from sldagent.errors import ProgramError
from sldagent.program import END, PARSING, START, Program
from sldagent.proposing.llm.edits import Edit, find_edits, made_edits

MOST_CHARS = 200_000
_MOST_BLOCKS = 50
_MOST_CUTS = 60  # lines of prose before or after bare code that are tried
_MOST_BARE = 20_000  # characters of a reply without fences that are searched for code
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})[ \t]*([\w+.#-]*)[^\n`]*$")
_MARKER = re.compile(rf"^[ \t]*(?:#[ \t]*)?({START}|{END})[ \t]*$", re.MULTILINE)
_CODE = re.compile(r"\s*(?:import |from \w+|def |@\w|#|[A-Za-z_]\w* *(?::[^=]+)?= *\S)")
_CHANGE = re.compile(r"^[ \t>*_#-]*change[*_]*[ \t]*[:=-][ \t]*[*_]*(.+)$", re.I | re.M)
_MOST_CHANGE = 200
_LONGEST_FENCE = 200


@dataclass(frozen=True, slots=True)
class Read:
    """What a reply holds.

    Attributes:
        program: The new program; None where there is none that can be used.
        reason: Why there is none, in words for a person and for the model.
        change: What the model says that it did; empty where it says nothing.
    """

    program: Program | None
    reason: str = ""
    change: str = ""


def read_reply(reply: str, parent: Program) -> Read:
    """The program that a reply makes of a parent: whole, or by search/replace edits."""
    if len(reply) > MOST_CHARS:
        return Read(None, f"the reply is longer than {MOST_CHARS} characters")
    text = _THOUGHT.sub("", reply.replace("\r\n", "\n").replace("\r", "\n"))
    change = said_change(text)
    edits = find_edits(text)
    made = _edited(edits, parent) if edits else _whole(text, parent)
    if edits and made.program is None:  # a model that changed its mind and wrote it out
        made = next((r for r in [_whole(text, parent)] if r.program is not None), made)
    return Read(made.program, made.reason, change)


def said_change(text: str) -> str:
    """What a reply says that it changed, fit to be printed and stored."""
    match = _CHANGE.search(text)
    return plain(match[1].strip(" \t*_`"), _MOST_CHANGE) if match else ""


def plain(text: str, most: int) -> str:
    """A stranger's words on one line: printable, and no longer than that."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _edited(edits: list[Edit], parent: Program) -> Read:
    made = made_edits(edits, parent.block)
    if isinstance(made, str):
        return _checked(made, parent)
    return Read(None, made.reason)


def _whole(text: str, parent: Program) -> Read:
    """The last whole program of a reply, or what keeps the best attempt from being one."""
    blocks = list(_fenced(text)) or list(_bare(text))
    blocks = blocks[-_MOST_BLOCKS:]
    if not blocks:
        return Read(None, "the reply holds no code")
    reasons = []
    for block in [*reversed(blocks), *_joined(blocks)]:
        found = _checked(_inside(block, parent), parent)
        if found.program is not None:
            return found
        reasons.append(found.reason)
    # The block that tried to be the program says most; the first reason is of the last block.
    named = [r for b, r in zip(reversed(blocks), reasons, strict=False) if "scaling_law_func" in b]
    return Read(None, (named or reasons)[0])


def _checked(block: str, parent: Program) -> Read:
    """The parent with this block, if that parses and defines what a program must."""
    if not block.strip():
        return Read(None, "the block is empty")
    try:
        program = parent.replace(block)
    except ProgramError as error:
        return Read(None, str(error))
    if program.syntax_error is not None:
        return Read(None, f"the program does not parse: {program.syntax_error}")
    if program.missing:
        return Read(None, f"the program lacks {program.missing}")
    return Read(program)


def _fenced(text: str) -> Iterator[str]:
    """Contents of the fenced blocks, indentation taken off; the last may be left open."""
    fence, lines = "", list[str]()
    for line in text.split("\n"):
        match = _FENCE.match(line) if len(line) < _LONGEST_FENCE else None
        if match and not fence:
            fence, lines = match[1], []
        elif match and match[1][0] == fence[0] and len(match[1]) >= len(fence) and not match[2]:
            yield _dedent(lines)
            fence = ""
        elif fence:
            lines.append(line)
    if fence:
        yield _dedent(lines)


def _dedent(lines: list[str]) -> str:
    return textwrap.dedent("\n".join(lines).expandtabs(4)) if lines else ""


def _bare(text: str) -> Iterator[str]:
    """Code without a fence: the text between the markers, or what parses between the prose."""
    if _MARKER.search(text):
        yield textwrap.dedent(text)
        return
    lines = textwrap.dedent(text[-_MOST_BARE:]).split("\n")
    starts = [i for i, line in enumerate(lines) if _CODE.match(line)]
    if not starts or "def " not in text:
        return
    last = max((i for i, line in enumerate(lines) if "return" in line), default=len(lines) - 1)
    for start in starts[:_MOST_CUTS]:
        body = "\n".join(lines[start : last + 1])
        if "def " in body and _parses(textwrap.dedent(body)):
            yield textwrap.dedent(body)
            return
    yield textwrap.dedent("\n".join(lines[starts[0] : last + 1]))


def _parses(text: str) -> bool:
    return Program(text).syntax_error is None


def _joined(blocks: list[str]) -> Iterator[str]:
    """All blocks as one, where the two functions come in blocks of their own."""
    if len(blocks) > 1:
        yield "\n\n".join(blocks)


def _inside(text: str, parent: Program) -> str:
    """What belongs between the markers, of a text that may have one, both or none of them.

    Imports of a whole file that the parent does not have outside its block move into it.
    """
    markers = list(_MARKER.finditer(text))
    first = next((m for m in markers if m[1] == START), None)
    after = first.end() + 1 if first else 0
    last = next((m for m in markers if m[1] == END and m.start() >= after), None)
    block = text[after : last.start() if last else len(text)]
    block = _MARKER.sub("", block)  # a second pair would hide the end
    outside = text[: first.start()] if first else ""
    missing = [line for line in _imports(outside) if line not in parent.prefix]
    return "\n".join([*missing, textwrap.dedent(block)]).strip("\n") + "\n"


def _imports(text: str) -> list[str]:
    try:
        with PARSING:
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
