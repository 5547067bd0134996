"""A program: immutable Python source with one EVOLVE-BLOCK."""

import ast
import difflib
import hashlib
import marshal
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from sldagent.errors import ProgramError
from sldagent.tokens import Scan, scan
from sldagent.trees import children

PROGRAM_NAME = "<program>"  # its file's, in tracebacks
START, END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"
_MARKER = re.compile(rf"^[ \t\f]*(#)[ \t]*({START}|{END})[ \t\f]*$", re.MULTILINE)
# What numpy imports only when somebody asks for it, under whatever name numpy goes.
_LATE = "random fft ma polynomial testing ctypeslib char rec strings matlib typing core".split()
_OF_NUMPY = re.compile(rf"\.[\s\\]*({'|'.join(_LATE)})\b")
_MOST_IMPORTS = 60
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BOM = "\ufeff"
_MOST_BYTES = 1 << 20
# Python 3.11 loses count of the depth where two threads parse at once (SystemError).
PARSING = threading.RLock()
# Blocks that Python's compiler copies to every way out of them, or searches for: a text of a page
# can make it run for hours. Without them its time is that of the text's length.
_MULTIPLY = frozenset(("finally", "match"))
_MOST_TO_COMPILE = 50_000
_FUNCTIONS = ("scaling_law_func", "fit_scaling_law")

T = TypeVar("T")


class _cached(Generic[T]):
    """A property that is computed once.

    Python 3.11's own holds one lock for all instances while it computes, which with `PARSING`, held
    by another thread that asks for such a property, would never end.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        value: T = self._compute(instance)
        instance.__dict__[self._name] = value  # found first from now on
        return value


class ProgramKind(StrEnum):
    """What a source defines."""

    PROGRAM = "program"  # scaling_law_func and fit_scaling_law
    LAW = "law"  # law(input_data, group), constants frozen


@dataclass(frozen=True, slots=True)
class _Marker:
    name: str
    line: int
    start: int  # offsets of its line in the source
    end: int


@dataclass(frozen=True)
class Program:
    """Python source, kept to the byte.

    A text without markers is a program too, as published laws have none; only `block`, `prefix`,
    `suffix` and `replace` need them and raise ProgramError where there is not exactly one block.
    Nothing here runs the source, and no text makes anything but these raise.
    """

    source: str

    def __reduce__(self) -> tuple[Callable[..., "Program"], tuple[str, Scan | None]]:
        # What takes longest goes along; the syntax tree would weigh many times the text.
        return _restored, (self.source, self.__dict__.get("_scan"))

    @classmethod
    def read(cls, path: str | Path) -> "Program":
        """The program in a file; raises ProgramError where that is no readable text."""
        try:
            with open(path, "rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ProgramError(f"cannot read program {path}: {reason}") from None
        if len(data) > _MOST_BYTES:
            raise ProgramError(f"program {path} is larger than 1 MB")
        if b"\0" in data:
            raise ProgramError(f"program {path} is no text: byte {data.index(0)} is NUL")
        try:
            return cls(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ProgramError(f"program {path} is not UTF-8 text (byte {error.start})") from None

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
            ProgramError: The new block contains a marker, or an open string that hides one.
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

    @_cached
    def _span(self) -> tuple[int, int]:
        """Where the block's text starts and ends."""
        if [marker.name for marker in self._markers] != [START, END]:
            found = ", ".join(f"{marker.name} in line {marker.line}" for marker in self._markers)
            raise ProgramError(
                f"a program needs one EVOLVE-BLOCK: a line '# {START}' and then a line '# {END}'; "
                f"found {found or 'none'}"
            )
        return self._markers[0].end, self._markers[1].start

    @_cached
    def _markers(self) -> list[_Marker]:
        """The marker lines in order. Text inside a string is no marker, where strings are known."""
        offsets = [0]
        for match in _LINE.finditer(self.source):
            offsets.append(match.end())
        found = []
        for match in _MARKER.finditer(self._text):
            if not self._scan.complete or match.start(1) in self._scan.comments:
                line = _line_of(self._text, match.start(1))
                found.append(_Marker(match[2], line, offsets[line - 1], offsets[line]))
        return found

    # -- syntax --------------------------------------------------------------------------------

    @_cached
    def _text(self) -> str:
        """The source as Python's reader sees it: no byte order mark, line breaks as line feeds."""
        return self.source.removeprefix(_BOM).replace("\r\n", "\n").replace("\r", "\n")

    @_cached
    def _scan(self) -> Scan:
        # A program that reads docstrings may take its numbers from there.
        return scan(self._text, keep_strings="__doc__" in self._text)

    @_cached
    def _parsed(self) -> ast.Module | str:
        """The syntax tree, or what is wrong with the text."""
        text = self._text
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            return f"the text contains half a surrogate pair (line {_line_of(text, error.start)})"
        if size > _MOST_BYTES:
            return "the text is larger than 1 MB"
        if "\0" in text:
            return f"the text contains a NUL character (line {_line_of(text, text.index(chr(0)))})"
        # Parsing recurses in C, and what walks the tree later recurses too.
        if self._scan.too_deep is not None:
            return f"nested or chained too deeply (line {self._scan.too_deep})"
        try:
            with (
                PARSING,
                warnings.catch_warnings(),
            ):  # a program's '\d' is no matter for the user's screen
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except SyntaxError as error:
            return f"{error.msg} (line {error.lineno})" if error.lineno else str(error.msg)
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            return f"cannot be parsed: {' '.join(str(error).split()) or type(error).__name__}"

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

    @_cached
    def code(self) -> bytes | None:
        """The module's code, by `marshal`, for children of the same Python; runs nothing.

        None for a text that they had better compile themselves, within their limits: a long one,
        one whose code could be many times as long, one that does not compile.
        """
        if self.syntax_error is not None or len(self.source) > _MOST_TO_COMPILE:
            return None
        if not self._scan.complete or not _MULTIPLY.isdisjoint(self._scan.code):
            return None
        try:
            with PARSING, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                code = compile(self.tree, PROGRAM_NAME, "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, SystemError):
            return None
        return marshal.dumps(code)

    @_cached
    def _defined(self) -> frozenset[str]:
        """Names that the module defines at its top level, inside `if`, `try` and the like too."""
        return frozenset(_top_names(self.tree)) if self.syntax_error is None else frozenset()

    @property
    def kind(self) -> ProgramKind | None:
        """What the source defines; None where it is neither kind."""
        if self._defined.issuperset(_FUNCTIONS):
            return ProgramKind.PROGRAM
        return ProgramKind.LAW if "law" in self._defined else None

    @property
    def missing(self) -> str:
        """The functions that it lacks to be a program, in words; empty where it lacks none."""
        return " and ".join(f"{name}()" for name in _FUNCTIONS if name not in self._defined)

    @_cached
    def imports(self) -> tuple[str, ...]:
        """Dotted names that may be modules, sorted: a hint for what to load early.

        What statements import, wherever they stand, and what is looked up in numpy, under whatever
        name it goes; at most sixty.
        """
        if self.syntax_error is not None:
            return ()
        names = {f"numpy.{part}" for part in _OF_NUMPY.findall(self._text)}
        for node in _statements(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        return tuple(sorted(names)[:_MOST_IMPORTS])

    # -- identity ------------------------------------------------------------------------------

    @_cached
    def hash(self) -> str:
        """SHA-256 of the tokens without comments, docstrings and layout; of a broken text itself.

        Statement boundaries and indentation structure count, spacing and blank lines do not; the
        same in every version of Python. Docstrings count where the program mentions `__doc__`.
        """
        if self.syntax_error is not None or not self._scan.complete:
            return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()
        # A text that parses has no NUL: neither a joined stream nor a raw text equals another.
        return hashlib.sha256(("tokens\0" + "\0".join(self._scan.code)).encode()).hexdigest()

    def diff(self, other: "Program", before: str = "parent", after: str = "child") -> str:
        """Unified diff from this program to the other, three lines of context; empty for equals."""
        old, new = self._text.split("\n"), other._text.split("\n")
        lines = difflib.unified_diff(old, new, before, after, lineterm="")
        return "".join(f"{line}\n" for line in lines)


def _restored(source: str, found: Scan | None) -> Program:
    program = Program(source)
    if found is not None:
        program.__dict__["_scan"] = found
    return program


def _line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements, wherever they stand."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        for field in ("body", "orelse", "handlers", "finalbody", "cases"):
            waiting += getattr(node, field, ())


def _top_names(tree: ast.Module) -> Iterator[str]:
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                yield node.id
        elif isinstance(node, ast.AnnAssign):
            waiting.extend([node.target] if node.value is not None else [])
        elif isinstance(node, ast.Assign):
            waiting.extend(node.targets)
        elif not isinstance(node, ast.Lambda | ast.comprehension):
            waiting.extend(children(node))
