"""Programs: parsing, replacing to the byte, identity, hostile text."""

import marshal
import pickle
import warnings
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

HASH = "c8739712b8cdaa45a90cd42ae5f27d0ac582410fe039f5c956b628f0bdacd7cf"

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
    assert Program("if a:\r  x = 1\ry = 2\n").hash != Program("if a:\r  x = 1\r  y = 2\n").hash
    assert Program("x = f'{a:3}'\n").hash != Program("x = f'{a: 3}'\n").hash
    first, second = (f'def f():\n    "{k}"\n    return float(f.__doc__)\n' for k in (1.5, 2.5))
    assert Program(first).hash != Program(second).hash


def test_hash_does_not_depend_on_the_version_of_python() -> None:
    # As this scanner once gave it: a change here makes every stored hash a stranger.
    source = "def f(x):\n    return f'{x!r:>{3}}' + 'a'  # why\n"
    assert Program(source).hash == HASH


names = st.sampled_from(["a", "b", "x1", "é"])
expressions = st.recursive(
    names | st.sampled_from(["1", "2.5", "'t'", "f'{a}'"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join)
        | inner.map(lambda text: f"g( {text} )")
    ),
    max_leaves=4,
)
lines = st.tuples(names, expressions).map(lambda pair: f"{pair[0]} = {pair[1]}")
bodies = st.lists(lines, min_size=1, max_size=5)
HEADS = ["", '# head\n\n"""What."""\n']
DOCUMENTS = ["", '"""Doc # "{"\n   more."""\n']
BETWEEN = ["", "\n", "   # c = '''\n", " \t\n"]
BLANKS = [" ", "   ", " \\\n ", "\t"]
ENDINGS = ["\n", "  # '\n", " \n"]


def laid_out(body: list[str], indent: str, data: st.DataObject) -> Program:
    """A function of these lines in some layout, with some comments and docstrings."""

    def one_of(choices: list[str]) -> str:
        return data.draw(st.sampled_from(choices))

    document = one_of(DOCUMENTS)
    text = one_of(HEADS) + "def f():\n" + (document and indent + document)
    for line in body:
        text += one_of(BETWEEN) + indent + line.replace(" ", one_of(BLANKS)) + one_of(ENDINGS)
    return Program(text.replace("\n", one_of(["\n", "\r\n", "\r"])))


@given(bodies, bodies, st.data())
def test_hash_is_the_same_under_another_layout_and_only_then(
    body: list[str], changed: list[str], data: st.DataObject
) -> None:
    one, other = laid_out(body, "    ", data), laid_out(body, "\t", data)
    assert one.syntax_error is None
    assert one.hash == other.hash
    assert (laid_out(changed, "  ", data).hash == one.hash) is (changed == body)


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
        "x = " + "not " * 5000 + "1\n",
        "x = a" + ".b" * 5000 + "\n",
        "x = f" + "()" * 5000 + "\n",
        "if 1: pass\n" + "elif 1: pass\n" * 5000,
        "x = f'{" + "-" * 5000 + "1}'\n",
        "\n".join(" " * depth + "if 1:" for depth in range(300)),
    ],
)
def test_hostile_text_is_a_syntax_error_in_words_and_nothing_worse(source: str) -> None:
    program = Program(source)
    assert program.syntax_error
    assert "\n" not in program.syntax_error
    assert program.kind is None
    assert len(program.hash) == 64


def test_what_is_wrong_is_said_with_the_line() -> None:
    assert Program("x = 1\ny = (\n").syntax_error == "'(' was never closed (line 2)"
    assert Program("x = 1\n\0").syntax_error == "the text contains a NUL character (line 2)"
    assert "line 2" in str(Program("x = 1\ny = " + "-" * 5000 + "1\n").syntax_error)


def test_brackets_and_dots_in_text_nest_nothing() -> None:
    source = f"x = '{'(' * 500}'  # {'[' * 500}\n'''{'.' * 50_000}'''\n"
    assert Program(source).syntax_error is None


def test_a_byte_order_mark_is_kept_and_does_not_hinder() -> None:
    program = Program(f"\ufeff{START}\n{BODY}{END}\n")
    assert program.kind is ProgramKind.PROGRAM
    assert program.hash == Program(BODY).hash
    assert program.replace("x = 1").source == f"\ufeff{START}\nx = 1\n{END}\n"


def test_escapes_that_python_warns_of_print_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Program("x = '\\d'\n").syntax_error is None


def test_a_program_travels_without_its_syntax_tree() -> None:
    program = Program(WHOLE)
    tree = len(pickle.dumps(program.tree))
    there = pickle.loads(pickle.dumps(program))
    assert there == program
    assert there.hash == program.hash
    assert len(pickle.dumps(program)) < tree / 2
    assert pickle.loads(pickle.dumps(Program(WHOLE))).hash == program.hash


def test_markers_between_strings_and_in_broken_text_count() -> None:
    joined = f"x = ('a'\n{START}\n'b'\n{END}\n)\n"
    assert Program(joined).block == "'b'\n"
    assert Program(f"{START}\ndef f(:\n{END}\n").block == "def f(:\n"
    assert Program(f"{START}\nx = 'open\n{END}\n").block == "x = 'open\n"


def test_a_block_that_swallows_the_end_marker_is_refused() -> None:
    program = Program(f"{START}\nx = 1\n{END}\n# '''\n")
    with pytest.raises(ProgramError, match="hides the END marker"):
        program.replace("x = '''\n")


def test_deep_but_flat_text_parses() -> None:
    assert Program("x = " + "+".join(["1"] * 500) + "\n").syntax_error is None


def test_imports_name_what_may_have_to_be_loaded() -> None:
    source = "import scipy\ndef f():\n from scipy.stats import qmc\nimport numpy as np\nnp.fft.x\n"
    assert set(Program(source).imports) == {
        "scipy", "scipy.stats", "scipy.stats.qmc", "numpy", "numpy.fft"
    }  # fmt: skip


def test_names_in_texts_and_comments_are_no_imports() -> None:
    assert Program('"""import secrets\nfrom a import b\n"""\nx = "import uuid"\n').imports == ()


def test_a_module_is_compiled_as_python_compiles_its_text() -> None:
    made = Program("\ufeff" + (WHOLE + 'x = """a\nb""", 2 * 3\n').replace("\n", "\r\n")).code
    assert made is not None
    text = WHOLE + 'x = """a\nb""", 2 * 3\n'
    assert marshal.loads(made) == compile(text, "<program>", "exec", dont_inherit=True)


@pytest.mark.parametrize(
    "text", ["return 1\n", "def f(:\n", "x = '\n", "x = 1\n" * 20_000, "x = 1\0"]
)
def test_what_does_not_compile_is_left_to_the_child(text: str) -> None:
    assert Program(text).code is None


def test_code_that_would_grow_without_end_is_left_to_the_child() -> None:
    # Every level is compiled twice: twenty take Python minutes and gigabytes.
    levels = [f"{' ' * i}try:\n{' ' * i} pass\n{' ' * i}finally:" for i in range(20)]
    text = "\n".join([*levels, " " * 20 + "x = 1\n"])
    assert Program(text).syntax_error is None
    assert Program(text).code is None


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
    file.write_bytes(b"x = 1\n\0")
    with pytest.raises(ProgramError, match="byte 6 is NUL"):
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
