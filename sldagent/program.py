"""A program: immutable Python source with one EVOLVE-BLOCK."""

import ast
import difflib
import hashlib
import io
import re
import token
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from sldagent.errors import ProgramError

START, END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"
_MARKER = re.compile(rf"[ \t\f]*#[ \t]*({START}|{END})[ \t]*")
# Found in the text, since walking the syntax tree for a hint costs a millisecond a program.
_IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t][^\n]*", re.MULTILINE)
_DOTTED = re.compile(r"\bscipy\.\w+")
_WORD = re.compile(r"[\w.]+")
_MAX_BYTES = 1 << 20
# Deeper nesting than any person writes; ast.parse recurses in C for every level.
_MAX_DEPTH = 80
_MAX_TOKENS_A_LINE = 20_000
_FUNCTIONS = ("scaling_law_func", "fit_scaling_law")


class ProgramKind(StrEnum):
    """What a source defines."""

    PROGRAM = "program"  # scaling_law_func and fit_scaling_law
    LAW = "law"  # law(input_data, group), constants frozen


@dataclass(frozen=True)
class Program:
    """Python source, kept to the byte.

    A text without markers is a program too, as published laws have none; only `block`, `prefix`,
    `suffix` and `replace` need them and raise ProgramError where there is not exactly one block.
    """

    source: str

    def __reduce__(self) -> tuple[type["Program"], tuple[str]]:
        """Only the text travels to other processes; what was derived from it stays here."""
        return Program, (self.source,)

    @classmethod
    def read(cls, path: Path) -> "Program":
        """The program in a file; raises ProgramError where that is no readable text."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ProgramError(f"cannot read program {path}: {error.strerror}") from None
        if len(data) > _MAX_BYTES:
            raise ProgramError(f"program {path} is larger than 1 MB")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProgramError(f"program {path} is not UTF-8 text (byte {error.start})") from None
        return cls(text)

    # -- the block -----------------------------------------------------------------------------

    @property
    def prefix(self) -> str:
        """Everything up to and including the START marker's line."""
        return self.source[: self._span[0]]

    @property
    def block(self) -> str:
        """The text between the markers' lines."""
        return self.source[slice(*self._span)]

    @property
    def suffix(self) -> str:
        """The END marker's line and everything after it."""
        return self.source[self._span[1] :]

    def replace(self, block: str) -> "Program":
        """The same program with another block; outside it no byte changes.

        A block that does not end with a line break gets one, so that the END marker keeps its line.

        Raises:
            ProgramError: The new block contains a marker of its own.
        """
        if block and not block.endswith(("\n", "\r")):
            block += "\r\n" if self.prefix.endswith("\r\n") else "\n"
        start = len(self.prefix)
        changed = Program(self.prefix + block + self.suffix)
        try:
            if changed._span == (start, start + len(block)):
                return changed
        except ProgramError:
            pass
        raise ProgramError("the new block contains an EVOLVE-BLOCK marker or hides the END marker")

    @cached_property
    def _span(self) -> tuple[int, int]:
        """Where the block's text starts and ends."""
        names = [name for name, _, _, _ in self._markers]
        if names != [START, END]:
            lines = ", ".join(f"{name} in line {line}" for name, line, _, _ in self._markers)
            raise ProgramError(
                f"a program needs one EVOLVE-BLOCK: a line '# {START}' and then a line '# {END}'; "
                + (f"found {lines}" if lines else "found none")
            )
        return self._markers[0][3], self._markers[1][2]

    @cached_property
    def _markers(self) -> list[tuple[str, int, int, int]]:
        """Marker name, line number, and where the line starts and ends, in order."""
        strings = self._lines_inside_strings
        found, at = [], 0
        for number, line in enumerate(_lines(self.source), start=1):
            match = _MARKER.fullmatch(line.rstrip("\r\n"))
            if match and number not in strings:
                found.append((match[1], number, at, at + len(line)))
            at += len(line)
        return found

    @cached_property
    def _lines_inside_strings(self) -> set[int]:
        """Numbers of lines that continue a string literal: a marker there is text."""
        inside: set[int] = set()
        if self.syntax_error is None:
            for item in self._tokens:
                if item.type == token.STRING or item.type == _FSTRING_MIDDLE:
                    inside.update(range(item.start[0] + 1, item.end[0] + 1))
        return inside

    # -- syntax --------------------------------------------------------------------------------

    @cached_property
    def _parsed(self) -> "ast.Module | str":
        """The syntax tree, or what is wrong with the text."""
        if reason := _hostile(self.source):
            return reason
        try:
            return ast.parse(self.source)
        except SyntaxError as error:
            return f"{error.msg} (line {error.lineno})" if error.lineno else str(error.msg)
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            return " ".join(str(error).split()) or type(error).__name__

    @property
    def syntax_error(self) -> str | None:
        """What keeps the text from parsing, with the line; None where it parses."""
        return self._parsed if isinstance(self._parsed, str) else None

    @property
    def tree(self) -> ast.Module:
        """The syntax tree; raises ProgramError where the text does not parse. Do not change it."""
        if isinstance(self._parsed, str):
            raise ProgramError(f"the program does not parse: {self._parsed}")
        return self._parsed

    @cached_property
    def _defined(self) -> set[str]:
        """Names that the module defines at its top level, inside `if` and `try` too."""
        return set(_top_names(self.tree.body)) if self.syntax_error is None else set()

    @property
    def kind(self) -> ProgramKind | None:
        """What the source defines; None where it is neither kind."""
        if self._defined.issuperset(_FUNCTIONS):
            return ProgramKind.PROGRAM
        return ProgramKind.LAW if "law" in self._defined else None

    @property
    def missing(self) -> str:
        """The functions that it lacks to be a program, in words."""
        return " and ".join(f"{name}()" for name in _FUNCTIONS if name not in self._defined)

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """Dotted names that may be modules, sorted: a hint for what to load early."""
        names = set(_DOTTED.findall(self.source))
        for statement in _IMPORT.finditer(self.source):
            first, *words = _WORD.findall(statement[0])
            names.update(words)
            if first == "from" and words:
                names.update(f"{words[0]}.{word}" for word in words[1:])
        return tuple(sorted(names))

    # -- identity ------------------------------------------------------------------------------

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the tokens without comments, docstrings and layout; of the text if none parse.

        Statement boundaries and indentation structure count, spacing and blank lines do not.
        """
        if self.syntax_error is not None:
            return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()
        documents = set(_docstring_starts(self.tree))
        digest = hashlib.sha256(b"tokens\0")
        after_document = False
        for item in self._tokens:
            if item.type in (token.COMMENT, token.NL, token.ENCODING):
                continue
            if item.type == token.STRING and item.start in documents:
                after_document = True
                continue
            if item.type == token.NEWLINE and after_document:
                after_document = False
                continue
            layout = item.type in (token.NEWLINE, token.INDENT, token.DEDENT, token.ENDMARKER)
            digest.update(f"{item.type}\0{'' if layout else item.string}\0".encode())
        return digest.hexdigest()

    @cached_property
    def complexity(self) -> int | None:
        """Nodes of the block's syntax tree, docstrings left out; None where it does not parse."""
        if self.syntax_error is not None:
            return None
        first, last = 1, len(self.source) + 1
        if [name for name, _, _, _ in self._markers] == [START, END]:
            first, last = self._markers[0][1], self._markers[1][1]
        documents = set(_docstring_starts(self.tree))
        count, waiting = 0, list(ast.iter_child_nodes(self.tree))
        while waiting:
            node = waiting.pop()
            line = getattr(node, "lineno", first)
            where = (line, getattr(node, "col_offset", -1))
            if isinstance(node, ast.Expr) and where in documents:
                continue
            if first <= line <= last:
                count += 1
            waiting.extend(ast.iter_child_nodes(node))
        return count

    @cached_property
    def _tokens(self) -> list[tokenize.TokenInfo]:
        """The tokens of a text that parses."""
        try:
            return list(tokenize.generate_tokens(io.StringIO(self.source).readline))
        except (tokenize.TokenError, SyntaxError):
            return []

    def diff(self, other: "Program", before: str = "parent", after: str = "child") -> str:
        """Unified diff from this program to the other, three lines of context."""
        lines = difflib.unified_diff(
            self.source.splitlines(), other.source.splitlines(), before, after, lineterm=""
        )
        return "\n".join(lines) + "\n" if self.source != other.source else ""


_FSTRING_MIDDLE = getattr(token, "FSTRING_MIDDLE", -1)  # from Python 3.12


def _lines(text: str) -> Iterator[str]:
    r"""Lines with their ends, split where Python's own reader splits: \n, \r\n and \r."""
    return (match[0] for match in re.finditer(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text))


def _hostile(text: str) -> str | None:
    """What makes a text unfit to be parsed in this process, whatever it means."""
    if "\0" in text:
        return "source contains a NUL character"
    if len(text) > _MAX_BYTES:
        return "source is larger than 1 MB"
    depth, unary, deepest, longest = 0, 0, 0, 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth = max(0, depth - 1)
        # Chains of operators nest in the syntax tree without a bracket: ----x, x**x**x, a.b.c
        if character in "+-~*.\n\r":
            unary = unary + 1 if character not in "\n\r" else 0
            longest = max(longest, unary)
    if deepest > _MAX_DEPTH or longest > _MAX_TOKENS_A_LINE:
        return "too deeply nested"
    return None


def _top_names(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (
                node.id for t in targets for node in ast.walk(t) if isinstance(node, ast.Name)
            )
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name) for alias in statement.names)
        else:
            for field in ("body", "orelse", "finalbody"):
                yield from _top_names(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from _top_names(handler.body)


def _docstring_starts(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Line and column of every docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield first.lineno, first.col_offset
