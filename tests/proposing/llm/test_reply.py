"""However a model writes a program down, it is found; whatever else it writes harms nothing."""

import textwrap
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sldagent.program import Program
from sldagent.proposing.llm.edits import find_edits, made_edits
from sldagent.proposing.llm.reply import MOST_CHARS, plain, read_reply, said_change

HEAD = '"""A law."""\n\nimport numpy as np\n\n# EVOLVE-BLOCK-START\n'
TAIL = "# EVOLVE-BLOCK-END\n"
OLD = """\
def scaling_law_func(data_points, params):
    x = np.atleast_2d(data_points)
    return params[0] * x[:, 0] ** -params[1]


def fit_scaling_law(data_points, loss_values):
    return np.array([1.0, 0.5])
"""
NEW = """\
LEAST = 1.0


def scaling_law_func(data_points, params):
    x = np.atleast_2d(data_points)
    # a floor
    return params[0] * x[:, 0] ** -params[1] + params[2]


def fit_scaling_law(data_points, loss_values):
    for _ in range(3):
        pass
    return np.array([LEAST, 0.5, 2.0])
"""
PARENT = Program(HEAD + OLD + TAIL)
WANTED = PARENT.replace(NEW)
PROSE = st.text(
    st.characters(codec="utf-8", exclude_characters="`~<>=#\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
).filter(lambda text: "def " not in text)


def fenced(code: str, word: str = "python", fence: str = "```") -> str:
    return f"{fence}{word}\n{code}{fence}\n"


DRESSES = {
    "a fence": fenced(NEW),
    "a fence without a word": fenced(NEW, ""),
    "tildes": fenced(NEW, "py", "~~~~"),
    "a fence in prose": f"Change: add a floor\n\nHere it is:\n{fenced(NEW)}\nI hope it helps.",
    "a fence that is left open": "Sure!\n```python\n" + NEW,
    "an indented fence": textwrap.indent(fenced(NEW), "    "),
    "an indented block": fenced(textwrap.indent(NEW, "        ")),
    "with markers": fenced(f"# EVOLVE-BLOCK-START\n{NEW}{TAIL}"),
    "markers without a fence": f"Well.\n# EVOLVE-BLOCK-START\n{NEW}{TAIL}Bye.",
    "only the first marker": fenced(f"# EVOLVE-BLOCK-START\n{NEW}"),
    "only the last marker": fenced(NEW + TAIL),
    "markers outside the fence": f"# EVOLVE-BLOCK-START\n{fenced(NEW)}# EVOLVE-BLOCK-END",
    "a whole file": fenced(HEAD + NEW + TAIL),
    "no fence": NEW,
    "no fence, prose around": f"Here is the improved program:\n\n{NEW}\nIt has a floor now.\n",
    "several programs, the last counts": f"First idea:\n{fenced(OLD)}Better:\n{fenced(NEW)}",
    "a snippet after it": f"{fenced(NEW)}Run it so:\n{fenced('fit_scaling_law(x, y)' + chr(10))}",
    "a function in each fence": fenced(NEW.split("\n\n\ndef fit")[0] + "\n")
    + "and\n"
    + fenced("def fit" + NEW.split("\n\n\ndef fit")[1]),
    "a thought before it": f"<think>maybe\n{fenced(OLD)}no</think>{fenced(NEW)}",
    "other line breaks": fenced(NEW).replace("\n", "\r\n"),
    "a quotation": "".join(f"> {line}\n" for line in ["see below"]) + fenced(NEW),
    "an edit": "<<<<<<< SEARCH\n" + OLD + "=======\n" + NEW + ">>>>>>> REPLACE\n",
    "an edit in a fence": fenced(
        "<<<<<<< SEARCH\n" + OLD + "=======\n" + NEW + ">>>>>>> REPLACE\n"
    ),
    "an edit that is none, then the program": (
        "<<<<<<< SEARCH\nnot there\n=======\nx\n>>>>>>> REPLACE\n" + fenced(NEW)
    ),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_program_is_found_however_it_is_dressed(dress: str) -> None:
    read = read_reply(DRESSES[dress], PARENT)
    assert read.program is not None, read.reason
    assert read.program.hash == WANTED.hash
    assert read.program.source.startswith(HEAD)
    assert read.program.source.endswith(TAIL)


@given(PROSE, PROSE, st.sampled_from(["```", "````", "~~~"]), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_prose_around_a_fence_makes_no_difference(
    before: str, after: str, fence: str, indent: int
) -> None:
    text = f"{before}\n{textwrap.indent(fenced(NEW, 'python', fence), ' ' * indent)}{after}"
    read = read_reply(text, PARENT)
    assert read.program is not None, read.reason
    assert read.program.hash == WANTED.hash


PIECES = [
    *("```", "```python\n", "\n", "# EVOLVE-BLOCK-START\n", TAIL, OLD, NEW, "<<<<<<< SEARCH\n"),
    *("=======\n", ">>>>>>> REPLACE\n", "<think>", "</think>", "'''", "def f(", "\x00", "\ud800"),
    *("    return x\n", "import os\n", "return\n", "\t", "\u2028", "{{ 7 * 7 }}", "\x1b[31m"),
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text()), max_size=14).map("".join))
@settings(max_examples=400, deadline=None)
def test_any_reply_gives_a_program_or_a_reason(text: str) -> None:
    read = read_reply(text, PARENT)
    assert (read.program is None) == bool(read.reason)
    assert read.change.isprintable()
    if read.program is not None:
        assert read.program.syntax_error is None
        assert read.program.missing == ""
        assert read.program.source.startswith(HEAD)
        assert read.program.source.endswith(TAIL)
        read.program.source.encode()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("", "holds no code"),
        ("I cannot do that.", "holds no code"),
        (fenced("def scaling_law_func(data_points, params):\n    return 1\n"), "lacks fit_scaling"),
        (fenced(NEW.replace("return params", "return params[[")), "does not parse"),
        (fenced(""), "empty"),
        ("<<<<<<< SEARCH\nnot there\n=======\nx\n>>>>>>> REPLACE\n", "edit 1 does not apply"),
        ("<<<<<<< SEARCH\n\n=======\nx\n>>>>>>> REPLACE\n", "searches for nothing"),
        ("x" * (MOST_CHARS + 1), "longer than"),
        (fenced("'''\n" + NEW), "does not parse"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(reply: str, words: str) -> None:
    read = read_reply(reply, PARENT)
    assert read.program is None
    assert words in read.reason


def test_imports_of_a_whole_file_are_kept() -> None:
    head = HEAD.replace("import numpy as np\n", "import numpy as np\nfrom scipy import optimize\n")
    read = read_reply(fenced(head + NEW + TAIL), PARENT)
    assert read.program is not None
    assert read.program.block.startswith("from scipy import optimize\n")
    assert "import numpy" not in read.program.block


def test_edits_are_made_up_to_spaces() -> None:
    edits = find_edits(
        "<<<<<<< SEARCH\nx = np.atleast_2d(data_points)\nreturn params[0]*x[:, 0] ** -params[1]\n"
        "=======\nreturn 1\n>>>>>>> REPLACE\n"
        "<<<<<<< SEARCH\n  return np.array([1.0,  0.5])\n=======\n  return [2]\n>>>>>>> REPLACE"
    )
    assert len(edits) == 2
    assert made_edits(edits[1:], OLD) == OLD.replace("np.array([1.0, 0.5])", "[2]")
    done = made_edits(edits[:1], OLD.replace("[0] * x", "[0]*x"))
    assert isinstance(done, str)
    assert "(data_points, params):\n    return 1\n\n\ndef fit" in done


def test_hostile_replies_take_no_time() -> None:
    size = MOST_CHARS - 10
    pieces = ("`", "```\n", "<<<<<<<\n", " ", "#", "change:", "# EVOLVE-BLOCK-START\n", "(")
    more = ("<think>", "> ", "def f():\n return\n", "```  `", "\t#", "a: ", "x=1;")
    for piece in (*pieces, *more):
        began = time.monotonic()
        read_reply(piece * (size // len(piece)), PARENT)
        assert time.monotonic() - began < 5, piece


def test_words_of_a_stranger_are_fit_to_be_printed() -> None:
    assert said_change("**Change:** `add` a \x1b[31mfloor\x07\u202e of [bold]x[/bold]") == (
        "add` a [31mfloor of [bold]x[/bold]"
    )
    assert said_change("# Change: " + "y" * 500).endswith("…")
    assert plain("a\nb\x00c", 10) == "a b c"
