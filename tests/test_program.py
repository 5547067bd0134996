"""Programs: parsing, replacing to the byte, identity, hostile text."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sldagent.errors import ProgramError
from sldagent.program import Program, ProgramKind

START, END = "# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END"
BODY = """\
def scaling_law_func(x, p):
    return x * p


def fit_scaling_law(x, y):
    return [1]
"""
WHOLE = f"import numpy as np\n{START}\n{BODY}{END}\nprint('tail')\n"

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200).filter(
    lambda text: "EVOLVE-BLOCK" not in text
)
ends = st.sampled_from(["\n", "\r\n"])


@given(
    before=texts, block=texts, after=texts, new=texts, end=ends, indent=st.sampled_from(["", "  "])
)
def test_replace_changes_no_byte_outside_the_block(
    before: str, block: str, after: str, new: str, end: str, indent: str
) -> None:
    head = before + end + indent + START + end
    tail = indent + END + end + after
    program = Program(head + block + end + tail)
    # Text that happens to parse with a string around a marker hides it: then there is no block.
    try:
        assume(program.block == block + end)
    except ProgramError:
        assume(False)
    assert program.prefix == head
    assert program.suffix == tail
    try:
        changed = program.replace(new)
    except ProgramError:
        return  # the new text opened a string over the END marker; refused, never corrupted
    assert changed.source.startswith(head)
    assert changed.source.endswith(tail)
    assert changed.block.rstrip("\r\n") == new.rstrip("\r\n")


def test_block_and_surroundings_of_an_ordinary_program() -> None:
    program = Program(WHOLE)
    assert program.block == BODY
    assert program.prefix.endswith(START + "\n")
    assert program.suffix == f"{END}\nprint('tail')\n"
    assert program.replace("x = 1").source == (
        f"import numpy as np\n{START}\nx = 1\n{END}\nprint('tail')\n"
    )


def test_replacing_a_block_by_itself_is_the_same_program() -> None:
    for source in (WHOLE, WHOLE.replace("\n", "\r\n"), WHOLE.rstrip("\n"), "\ufeff" + WHOLE):
        program = Program(source)
        assert program.replace(program.block).source == source


@pytest.mark.parametrize(
    "source",
    [
        BODY,
        f"{START}\n{BODY}",
        f"{BODY}{END}\n",
        f"{END}\n{BODY}{START}\n",
        WHOLE + WHOLE,
        f"{START}\n{START}\n{END}\n{END}\n",
        f"text = '''\n{START}\n{END}\n'''\n",
    ],
)
def test_anything_but_one_block_is_refused_where_the_block_is_needed(source: str) -> None:
    program = Program(source)
    with pytest.raises(ProgramError, match="needs one EVOLVE-BLOCK"):
        _ = program.block
    with pytest.raises(ProgramError):
        program.replace("x = 1\n")


def test_a_marker_inside_a_string_is_text() -> None:
    source = f"{START}\ntext = '''\n{END}\n'''\n{END}\n"
    assert Program(source).block == f"text = '''\n{END}\n'''\n"


def test_a_block_with_a_marker_is_refused() -> None:
    for new in (f"x = 1\n{END}\ny = 2\n", f"{START}\n"):
        with pytest.raises(ProgramError, match="marker"):
            Program(WHOLE).replace(new)


def test_hash_ignores_comments_docstrings_and_layout() -> None:
    plain = Program(WHOLE).hash
    variants = (
        WHOLE.replace("return x * p", "return x*p  # product"),
        WHOLE.replace("return x * p", "return (x *\n        p)").replace(
            "(x *\n        p)", "x * p"
        ),
        WHOLE.replace("(x, p):\n", '(x, p):\n    """What it does."""\n'),
        WHOLE.replace("\n\n\n", "\n"),
        WHOLE.replace("    return", "\treturn"),
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("return x * p", "return x \\\n        * p"),
    )
    for variant in variants:
        assert Program(variant).hash == plain, variant


def test_hash_sees_code_and_structure() -> None:
    nested = "def f(a):\n    if a:\n        b = 1\n        c = 2\n"
    flat = "def f(a):\n    if a:\n        b = 1\n    c = 2\n"
    assert Program(nested).hash != Program(flat).hash
    assert Program("x = 1\n").hash != Program("x = 2\n").hash
    assert Program("x = 'a'\n").hash != Program("x = 'b'\n").hash
    assert Program("x = ['doc']\n").hash != Program("x = ['cod']\n").hash
    assert Program("a = 1; b = 2\n").hash != Program("a = 1, b == 2\n").hash


def test_hash_of_text_that_does_not_parse_is_of_the_raw_text() -> None:
    assert Program("def (").hash != Program("def  (").hash
    assert Program("\ud800").hash


@pytest.mark.parametrize(
    ("source", "kind", "missing"),
    [
        (WHOLE, ProgramKind.PROGRAM, ""),
        ("def law(rows, group):\n    return rows\n", ProgramKind.LAW, "scaling_law_func()"),
        ("scaling_law_func = lambda x, p: x\n", None, "fit_scaling_law()"),
        (
            "try:\n    import fast\nexcept ImportError:\n    def law(r, g): ...\n",
            ProgramKind.LAW,
            "f",
        ),
        ("x = 1\n", None, "scaling_law_func() and fit_scaling_law()"),
    ],
)
def test_kind_and_what_is_missing(source: str, kind: ProgramKind | None, missing: str) -> None:
    program = Program(source)
    assert program.kind is kind
    assert missing in program.missing


@pytest.mark.parametrize(
    "source",
    [
        "def f(:\n    pass\n",
        "x = 1\0\n",
        "(" * 100_000,
        "x = " + "-" * 200_000 + "1\n",
        "x = " + "[" * 500 + "]" * 500,
        "x = 9" * 2,
        "if 1:\n" * 3 + "x",
        "#" * (2 << 20),
        "x = '\ud800'\n",
        "\n".join(" " * depth + "if 1:" for depth in range(300)),
    ],
)
def test_hostile_text_is_a_syntax_error_in_words_and_nothing_worse(source: str) -> None:
    program = Program(source)
    assert program.syntax_error
    assert "\n" not in program.syntax_error
    assert program.kind is None
    assert program.complexity is None
    assert len(program.hash) == 64


def test_deep_but_flat_text_parses() -> None:
    assert Program("x = " + "+".join(["1"] * 500) + "\n").syntax_error is None


def test_complexity_counts_the_block_without_docstrings() -> None:
    base = Program(WHOLE).complexity
    assert base is not None
    documented = WHOLE.replace("(x, p):\n", '(x, p):\n    """What it does."""\n')
    assert Program(documented).complexity == base
    assert Program(WHOLE.replace("print('tail')", "print('tail', 1, 2, 3)")).complexity == base
    longer = Program(WHOLE.replace("x * p", "x * p + p"))
    assert longer.complexity is not None
    assert longer.complexity > base


def test_imports_name_what_may_have_to_be_loaded() -> None:
    source = "import scipy\nfrom scipy.stats import qmc\nimport numpy as np\nscipy.signal.x\n"
    assert {"scipy", "scipy.stats", "scipy.stats.qmc", "numpy", "scipy.signal"} <= set(
        Program(source).imports
    )


def test_diff_names_both_sides() -> None:
    program = Program(WHOLE)
    text = program.diff(program.replace(BODY.replace("x * p", "x + p")), "#1", "#2")
    assert text.startswith("--- #1\n+++ #2\n")
    assert "-    return x * p\n+    return x + p\n" in text
    assert program.diff(program) == ""


def test_reading_files_gives_one_line_errors(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="No such file"):
        Program.read(tmp_path / "absent.py")
    with pytest.raises(ProgramError, match="directory"):
        Program.read(tmp_path)
    file = tmp_path / "p.py"
    file.write_bytes(b"x = '\xff'\n")
    with pytest.raises(ProgramError, match="UTF-8"):
        Program.read(file)
    file.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ProgramError, match="larger than 1 MB"):
        Program.read(file)
    file.write_bytes(WHOLE.replace("\n", "\r\n").encode())
    assert Program.read(file).source == WHOLE.replace("\n", "\r\n")


def published(shared: Path, page: str, first: str, last: str) -> Program:
    text = next((shared.parent / "seeds").glob(page)).read_text("utf-8")
    return Program(text[text.index(first) : text.index(last) + len(last)] + "\n")


def test_published_program_and_law_load(shared_data: Path) -> None:
    program = published(shared_data, "004_*.txt", START, END)
    assert program.kind is ProgramKind.PROGRAM
    assert "import numpy" in program.block
    law = published(shared_data, "003_*.txt", "import numpy as np", "return results")
    assert law.kind is ProgramKind.LAW
