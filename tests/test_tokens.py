"""The scanner against the standard library's tokenizer, and what the latter cannot do."""

import io
import time
import tokenize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sldagent
from sldagent.tokens import DEDENT, INDENT, NEWLINE, scan

SOURCES = sorted(Path(sldagent.__file__).parent.rglob("*.py"))
STRUCTURE = {tokenize.NEWLINE: NEWLINE, tokenize.INDENT: INDENT, tokenize.DEDENT: DEDENT}


def reference(text: str) -> tuple[list[str], frozenset[int]]:
    """Tokens and offsets of comments by the standard library; f-strings in one piece."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    opens, closes = getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "FSTRING_END", -1)
    code: list[str] = []
    comments, depth, begin = set(), 0, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        at = starts[token.start[0] - 1] + token.start[1]
        if token.type == opens:
            begin, depth = (begin, depth + 1) if depth else (at, 1)
        elif token.type == closes:
            depth -= 1
            if not depth:
                code.append(text[begin : starts[token.end[0] - 1] + token.end[1]])
        elif token.type == tokenize.COMMENT:
            comments.add(at)
        elif not depth and token.type not in (tokenize.NL, tokenize.ENDMARKER):
            code.append(STRUCTURE.get(token.type, token.string))
    while code and code[-1] == DEDENT:
        code.pop()
    return code, frozenset(comments)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_scans_as_the_standard_library_does(path: Path) -> None:
    text = path.read_text("utf-8")
    found = scan(text, keep_strings=True)
    assert found.complete
    assert (found.code, found.comments) == reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "x = 0xFF + 1_000.5e-3j + .5 + 5. + 0b1_0 + 0o17\n",
        "x = 1if y else 2\n",
        "x = rb'a' + Rb'b' + bR'c' + u'd' + b'e'\n",
        'x = \'it\\\'s\' + """a\n\'b"c\n""" + \'\'\n',
        "x = f'{a!r:>{w}} {{b}} {c[\"d\"]:%H:%M}' + rf'\\{e}'\n",
        "x = f'{a:\">5}' + f'{a!s:\"^{w}}'\n",
        "x: int = (y := 3) ** -2 // 5 >> 1 != 4\n",
        "if a:\n\tif b:\n\t\tc\n  # odd comment\n\td\ne\n",
        "a\n\fb\n",
        "x = [1,\n\n  # inside\n     2]\n",
        "@d\nclass A(B): pass\n",
        "x = a \\\n    + b\n",
        "def f(*, a, **k) -> int: ...\n",
        "é = 1; x = é.real\n",
    ],
)
def test_scans_every_sort_of_token(text: str) -> None:
    found = scan(text, keep_strings=True)
    assert found.complete
    assert (found.code, found.comments) == reference(text)


def test_an_indentation_may_be_continued_by_a_backslash() -> None:
    outside = "if a:\n\\\n    x = 1\ny = 2\n"
    inside = "if a:\n\\\n    x = 1\n\\\n    y = 2\n"
    assert INDENT in scan(outside).code
    assert scan(outside).code != scan(inside).code


def test_nested_quotes_in_f_strings_are_one_token() -> None:
    text = "x = f\"{d[\"a  b\"]:{w}}\" + f'{f'{f'{1}'}'}'\n"
    assert scan(text).code[2:-1] == ['f"{d["a  b"]:{w}}"', "+", "f'{f'{f'{1}'}'}'"]


def test_a_backslash_in_an_f_string_does_not_escape_a_brace() -> None:
    assert scan("x = rf'\\{d['a']}' + f'\\\\{e['b']}'\n").code[2:-1] == [
        "rf'\\{d['a']}'",
        "+",
        "f'\\\\{e['b']}'",
    ]


def test_statements_that_are_only_a_string_leave_no_trace() -> None:
    assert scan('"""a"""\ndef f():\n    "b" \'c\'\n    return 1\n').code == (
        scan("def f():\n    return 1\n").code
    )
    assert scan("f'{g()}'\n").code
    assert scan('"a"; x = 1\n').code != scan("x = 1\n").code


@pytest.mark.parametrize("text", ["'''", "x = 'a\n", "f'{x'\n", "f'{'", "(", 'f"{a:"\n'])
def test_text_that_does_not_end_is_not_complete(text: str) -> None:
    assert not scan(text).complete


def test_depth_counts_what_nests_and_nothing_else() -> None:
    assert scan("x = 1\ny = " + "-" * 2000 + "1\n").too_deep == 2
    assert scan("x = a" + ".b" * 2000).too_deep == 1
    assert scan("if a: pass\n" + "elif a: pass\n" * 600).too_deep == 502
    table = "x = [" + "1.5 + 2, (3, 4), " * 2000 + "]\n"
    assert scan(table).too_deep is None
    assert scan('"' + "((((" * 2000 + '"\n# ' + "[[" * 2000 + "\n").too_deep is None
    assert scan("x = (" + "'a' " * 5000 + ")\n").too_deep is None


@pytest.mark.parametrize(
    "text",
    [
        "a = 1" + " " * 400_000 + "$\n",
        "x = " + "1," * 200_000,
        "é," * 200_000,
        "'" * 399_999,
        "x = '''" + "\\'" * 200_000,
        "f'{" * 100_000,
        "\\\n" * 200_000,
        ("a = 'b" + " " * 80 + "\n") * 4000,
    ],
)
def test_hostile_lines_take_linear_time(text: str) -> None:
    # One part in eight of the text, taken eight times, against the whole: quadratic time would
    # make the whole eight times slower.
    begin = time.process_time()
    for _ in range(8):
        scan(text[: len(text) // 8])
    parts = time.process_time() - begin
    begin = time.process_time()
    scan(text)
    assert time.process_time() - begin < 4 * parts + 0.2


@given(st.text(st.sampled_from("ab1.\"'\\{}[]()#:,;= \t\n\ffrx\ud800é€"), max_size=60))
def test_any_text_can_be_scanned(text: str) -> None:
    assert scan(text).comments <= {i for i, letter in enumerate(text) if letter == "#"}
