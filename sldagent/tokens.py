"""The tokens of a program's text, as far as identity and markers need them.

The standard library's `tokenize` takes quadratic time on hostile lines (Python 3.11: blanks before
a stray character; 3.12: one long line), is slower than parsing, and splits f-strings differently in
different versions. This scanner is linear and gives the same tokens in every version.
"""

import re
from dataclasses import dataclass

NEWLINE, INDENT, DEDENT = "\n", "\t", "\b"  # no token's own text can be one of these

_DEPTH_MOST = 1500  # tokens that may lie between a statement's start and a token, commas aside
_ELIF_MOST = 500  # each nests one level deeper in the syntax tree

_TOKEN = re.compile(
    r"""
    (?P<space> [ \t\f]++ | \\\n )
  | (?P<comment> \#[^\n]*+ )
  | (?P<newline> \n )
  | (?P<string> (?:[bB][rR]|[rR][bB]?+|[bBuU])?+
        (?: \"{3} (?: [^\\"]++ | \\. | "(?!"") )*+ \"{3}
          | '{3} (?: [^\\']++ | \\. | '(?!'') )*+ '{3}
          | (?!\"{3}) " (?: [^\\"\n]++ | \\. )*+ " | (?!'{3}) ' (?: [^\\'\n]++ | \\. )*+ ' ) )
  | (?P<formatted> (?:[fFtT][rR]?|[rR][fFtT]) (?: \"{3} | '{3} | " | ' ) )
  | (?P<unclosed> ["'] )
  | (?P<name> (?: [^\W\d] | [^\0-\x7f] ) (?: \w | [^\0-\x7f] )*+ )
  | (?P<number> 0[xX][\da-fA-F_]++ | 0[bB][01_]++ | 0[oO][0-7_]++
      | (?: \d[\d_]*+ \.?+ (?:\d[\d_]*+)?+ | \.\d[\d_]*+ ) (?: [eE][+-]?\d[\d_]*+ )?+ [jJ]?+ )
  | (?P<operator> -> | := | \.\.\. | (?: \*\* | // | >> | << ) =?+ | [-+*/%&|^@=!<>]=?+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_INDENTATION = re.compile(r"[ \t\f]*+(?:\\\n[ \t\f]*+)*+")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found.

    Attributes:
        code: Texts of the tokens in order, with NEWLINE, INDENT and DEDENT for the structure;
            without comments, and without statements that are only a string (docstrings).
        comments: Offsets at which comments begin.
        complete: Whether the text could be divided into tokens to its end.
        too_deep: Line on which the text becomes nested or chained too deeply to be parsed safely.
    """

    code: list[str]
    comments: frozenset[int]
    complete: bool = True
    too_deep: int | None = None


def scan(text: str, keep_strings: bool = False) -> Scan:
    """The tokens of a text whose line breaks are all line feeds; never raises.

    `keep_strings` keeps docstrings, for programs that may read them.
    """
    code: list[str] = []
    comments: list[int] = []
    levels = [0]
    # `bases` holds, for each open bracket, how many tokens preceded it; `depth` counts tokens
    # since the innermost comma, which bounds how deep an expression can nest in the syntax tree.
    bases: list[int] = []
    depth = elifs = at = 0
    start = 0  # where in `code` the current logical line begins
    only_strings = True
    indentation = _INDENTATION.match(text)
    end = len(text)
    while at < end:
        token = _TOKEN.match(text, at)
        assert token is not None  # the last alternative takes any character
        kind, begin, at = token.lastgroup, at, token.end()
        if kind == "space":
            continue
        if kind == "comment":
            comments.append(begin)
            continue
        if kind == "newline":
            if bases:
                continue
            _end_line(code, start, only_strings and not keep_strings)
            start, only_strings, depth = len(code), True, 0
            indentation = _INDENTATION.match(text, at)
            continue
        if indentation is not None:
            _change_level(code, levels, _column(indentation.group()))
            indentation, start = None, len(code)
        word = token.group()
        if kind == "formatted":
            at = _formatted_end(text, at, word.lstrip("fFtTrR"))
            word = text[begin:at]
        if kind == "unclosed" or at < 0:
            return Scan(code, frozenset(comments), complete=False)
        code.append(word)
        if kind != "string":  # strings side by side are one leaf of the syntax tree
            depth += 1
            only_strings = False
            elifs += word == "elif"
            if word in "([{":
                bases.append(depth)
            elif word in ")]}" and bases:
                depth = bases.pop()
            elif word in ",;":
                depth = bases[-1] if bases else 0
        if depth > _DEPTH_MOST or elifs > _ELIF_MOST:
            return Scan(code, frozenset(comments), False, text.count("\n", 0, begin) + 1)
    _end_line(code, start, only_strings and not keep_strings)
    return Scan(code, frozenset(comments), complete=not bases)


def _end_line(code: list[str], start: int, drop: bool) -> None:
    """Ends a logical line; a blank line, or one that is only strings, leaves no trace."""
    if drop:
        del code[start:]
    elif len(code) > start:
        code.append(NEWLINE)


def _column(indentation: str) -> int:
    """The column that an indentation reaches; of lines joined by backslashes the first counts."""
    for part in indentation.split("\\\n"):
        column = 0
        for blank in part:
            column = 0 if blank == "\f" else column + 1 if blank == " " else (column // 8 + 1) * 8
        if column:
            return column
    return 0


def _change_level(code: list[str], levels: list[int], column: int) -> None:
    if column > levels[-1]:
        levels.append(column)
        code.append(INDENT)
    while column < levels[-1]:
        levels.pop()
        code.append(DEDENT)


def _formatted_end(text: str, at: int, quote: str, nested: int = 0) -> int:
    """Offset behind the f-string whose text begins at `at`; -1 where it does not end.

    Replacement fields may hold strings with the same quotes, line breaks and comments (PEP 701).
    """
    fields: list[int] = []  # for each open field its open brackets; -1 in its format specification
    tokens = 0
    while at < len(text):
        if not fields or fields[-1] < 0:
            if text.startswith(quote, at):
                return -1 if fields else at + len(quote)
            letter = text[at]
            if letter == "\n" and len(quote) == 1:
                return -1
            # A backslash escapes a quote, a line break or a backslash, but never a brace.
            escape = letter == "\\" and text[at + 1 : at + 2] not in ("{", "}")
            if escape or (not fields and text.startswith("{{", at)):
                at += 1
            elif letter == "{":
                fields.append(0)
            elif letter == "}" and fields:
                fields.pop()
            at += 1
            continue
        token = _TOKEN.match(text, at)
        assert token is not None
        word, at, tokens = token.group(), token.end(), tokens + 1
        if token.lastgroup == "formatted":
            at = _formatted_end(text, at, word.lstrip("fFtTrR"), nested + 1) if nested < 20 else -1
        if token.lastgroup == "unclosed" or at < 0 or tokens > _DEPTH_MOST:
            return -1
        if word in "([{":
            fields[-1] += 1
        elif word == "}" and not fields[-1]:
            fields.pop()
        elif word in ")]}":
            fields[-1] -= 1
        elif word in (":", ":=") and not fields[-1]:
            at = token.start() + 1
            fields[-1] = -1
    return -1
