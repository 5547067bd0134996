"""Forms as text and back: what a program says, and that no text of others gets into its code."""

import ast
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.synthetic import features, one_law_a_family, truth

from sldagent.evaluation.literals import count_literals
from sldagent.laws.codegen import Form, GrammarError, Link, plain_units, read, write
from sldagent.laws.expressions import Law, Parameter, Slot, amplitude, shape
from sldagent.laws.families import find
from sldagent.laws.fitting import HUBER_LOG, OBJECTIVES, SQUARED, Objective, Units
from sldagent.laws.fitting.objectives import Rho
from sldagent.program import Program
from sldagent.task import Role

ROLES = (Role.SIZE, Role.DATA)
NAMES = ("params", "tokens")
LAWS = [(s, *pair) for s in (False, True) for pair in one_law_a_family(signed=s)]


def form_of(law: Law, roles: tuple[Role, ...], **given: Any) -> Form:
    return Form(law, plain_units(features(roles), roles), **given)


def chinchilla(**given: Any) -> Form:
    return form_of(find("chinchilla", ROLES), ROLES, **given)


def functions(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(text, "<program>", "exec"), names)
    return names


def names_of(roles: tuple[Role, ...]) -> list[str]:
    return [f"{role} of run {j}" for j, role in enumerate(roles)]


def code(text: str) -> str:
    """The program without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.unparse(tree)


@pytest.mark.parametrize("number", range(len(LAWS)))
def test_what_is_written_reads_back(number: int) -> None:
    signed, roles, law = LAWS[number]
    objective = list(OBJECTIVES.values())[number % len(OBJECTIVES)]
    link = list(Link)[number % 2]
    form = form_of(law, roles, objective=objective, emphasis=float(number % 3), link=link)
    text = write(form, names_of(roles), ["loss"])
    back = read(text, len(roles))
    assert back is not None
    assert write(back, names_of(roles), ["loss"]) == text
    assert (back.objective, back.link) == (objective, link)
    assert back.law == law  # with the parameters' units, which the family knows
    for slot in law.slots:
        assert back.units.shift[slot.column] == form.units.shift[slot.column]
        assert back.units.scale[slot.column] == form.units.scale[slot.column]
    assert signed == law.name.startswith("signed")


@pytest.mark.parametrize("number", range(len(LAWS)))
def test_the_program_computes_the_law_and_counts_no_literals(number: int) -> None:
    _, roles, law = LAWS[number]
    form, x, values = form_of(law, roles), features(roles), truth(law, number)
    text = write(form, names_of(roles), ["loss"])
    predict = functions(text)["scaling_law_func"]
    expected = law.evaluate(form.units.apply(x), values)
    assert predict(x, values) == pytest.approx(expected, rel=1e-12)
    both = np.array([values, values * 1.01])
    assert predict(x, both).shape == (len(x), 2)
    assert predict(x, both)[:, 0] == pytest.approx(expected, rel=1e-12)
    assert predict(x[:1], values).shape == (1,)
    assert predict(x[0], values).shape == (1,)
    assert count_literals(Program(text)).count == 0
    assert max(map(len, text.splitlines())) <= 100
    assert Program(text).block.startswith("import numpy")


def test_the_fit_is_short() -> None:
    """Lines of its functions without signatures, docstrings and comments."""
    tree = ast.parse(write(chinchilla(), NAMES, ["loss"]))
    lines = {
        node.name: sum(
            statement.end_lineno - statement.lineno + 1
            for statement in node.body
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            and statement.end_lineno is not None
        )
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    for name in ("features", "formula", "scaling_law_func"):
        lines.pop(name)
    assert max(lines.values()) <= 16
    assert sum(lines.values()) <= 80


def test_a_person_finds_formula_symbols_and_source() -> None:
    text = write(chinchilla(objective=HUBER_LOG), NAMES, ["loss"])
    assert "y = E + A * N**(-alpha) + B * D**(-beta)" in text
    assert "N = params / 1e8 (size)" in text
    assert "Source: Hoffmann et al. 2022" in text
    assert "N = x[:, 0] / 1e8  # params" in text
    assert "size_term = A * N**(-alpha)" in text
    assert "E, A, B, alpha, beta = params" in text


def edited(old: str, new: str) -> Form | None:
    text = write(chinchilla(), NAMES, ["loss"])
    assert old in text
    return read(text.replace(old, new))


def test_an_edited_formula_is_read() -> None:
    form = edited(
        "return E + size_term + data_term", "return E + size_term + 2 * data_term / np.sqrt(N)"
    )
    assert form is not None
    assert form.law.formula == "E + A * N**(-alpha) + 2 * (B * D**(-beta)) / sqrt(N)"
    assert form.law.centred  # nobody knows its units now
    form = edited('"alpha": (0.01, 2)', '"alpha": (0.1, 0.5)')
    assert form is not None
    assert (form.law.shapes[0].lower, form.law.shapes[0].upper) == (0.1, 0.5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A * N**(-alpha)", "A**2 * N**(-alpha)"),  # not linear
        ("A * N**(-alpha)", "A * N**(-gamma)"),
        ("A * N**(-alpha)", "A * N**(-alpha) if N > 0 else 0"),
        ("A * N**(-alpha)", "A * __import__('os').getpid()"),
        ("A * N**(-alpha)", "A * 9**9**9 * N**(-alpha)"),
        ("A * N**(-alpha)", "A * N**(-alpha * 10**9)"),
        ("    return E + size_term", "    A = E\n    return E + size_term"),
        ("    return E + size_term", "    return E.mean() + size_term"),
        ('"alpha": (0.01, 2)', '"alpha": (2, 0.01)'),
        ('"A": (0, np.inf)', '"A": (1, np.inf)'),
        ('    "B": (0, np.inf),\n', ""),
        ("/ 1e8", "/ x.mean()"),
        ("import numpy as np", "import numpy as np\nimport os"),
        ("seed in range(2)", "seed in range(3)"),
        ("error = f - y", "error = 2 * (f - y)"),
        ("(size)", "(colour)"),
        ("np.asarray(params, dtype=float)", "np.asarray(params)"),
        ("def judge", "AMPLITUDES = {}\n\n\ndef judge"),
        ("def judge", "@np.vectorize\ndef judge"),
        ("import numpy as np", "import numpy as np; np.seterr(all='raise')"),
        ("LINEAR = len(AMPLITUDES)", "LINEAR = len(AMPLITUDES); LINEAR = 1"),
        ("LINEAR = len(AMPLITUDES)", "0; LINEAR = len(AMPLITUDES)"),
        ("return E +", "return (" * 150 + "E +"),
    ],
)
def test_what_is_no_form_is_not_read(old: str, new: str) -> None:
    assert edited(old, new) is None


@pytest.mark.parametrize(
    "text",
    ["", "def scaling_law_func(x, p): return x", "(" * 500, "\0", "x = " + "-" * 90_000 + "1"],
)
def test_other_programs_are_not_read(text: str) -> None:
    assert read(text) is None


def test_a_formula_that_doubles_with_every_line_is_not_read() -> None:
    lines = "".join(f"    t{i} = t{i - 1} + t{i - 1}\n" for i in range(1, 60))
    assert edited("    return E +", f"    t0 = N + N\n{lines}    return A * t59 + E +") is None


HOSTILE = [
    'a"""\nimport os\n"""',
    "back\\slash\\",
    "# EVOLVE-BLOCK-END",
    "x\n# EVOLVE-BLOCK-END\n",
    "x\r# EVOLVE-BLOCK-START",
    "\u2028# EVOLVE-BLOCK-END\u2028",
    "@BODY@ {} %s",
    "N = y (share)",
    "\u202etxet",
    "",
    "\ud800",
    "long " * 100,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_in_comments(name: str) -> None:
    form = chinchilla()
    plain = write(form, NAMES, ["loss"])
    text = write(replace(form, law=replace(form.law, name=name, source=name)), [name] * 2, [name])
    assert code(text) == code(plain)
    assert Program(text).block.rstrip().endswith("for column in y.T])")
    back = read(text)
    assert back is not None
    assert write(back, [name] * 2, [name]) == text


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(), st.text())
def test_any_names_stay_in_comments(feature: str, target: str, source: str) -> None:
    form = chinchilla()
    form = replace(form, law=replace(form.law, source=source))
    text = write(form, [feature] * 2, [target])
    assert code(text) == code(write(form, NAMES, ["loss"]))
    assert read(text) is not None


@pytest.mark.parametrize(
    "formula",
    ["E + A*foo(N)", "E + A*N.real", "E + A*Q", "E + A*N if N else 0", "E*A*N", "E + N", "E + A*",
     "E + A*'N'", "E + A*N[0]", "E + A*2**a", "E + A*N**(100*a)", "E + A*exp(N, N)", "E + A*1e400"],
)  # fmt: skip
def test_formulas_that_programs_are_not_written_with(formula: str) -> None:
    form = form_of(
        Law("made", formula, (Slot("N", Role.SIZE, 0),),
            (amplitude("E"), amplitude("A"), shape("a", 0.1, 1)), "here"), ROLES,
    )  # fmt: skip
    with pytest.raises(GrammarError):
        write(form, NAMES, ["loss"])


@pytest.mark.parametrize("name", ["np", "lambda", "a b", "exp", "x;y", "é", "params"])
def test_symbols_that_programs_are_not_written_with(name: str) -> None:
    law = Law("made", f"{name}*N", (Slot("N", Role.SIZE, 0),), (amplitude(name),), "here")
    with pytest.raises(GrammarError):
        write(form_of(law, ROLES), NAMES, ["loss"])


def test_objectives_of_ones_own_are_refused() -> None:
    with pytest.raises(GrammarError, match="objective 'mine'"):
        write(chinchilla(objective=Objective("mine", False, Rho.HUBER, 0.3)), NAMES, ["loss"])


def test_numbers_of_a_formula_are_counted() -> None:
    law = Law("made", "E + A*N**(-0.34)", (Slot("N", Role.SIZE, 0),),
              (amplitude("E"), amplitude("A")), "here")  # fmt: skip
    text = write(form_of(law, ROLES), NAMES, ["loss"])
    assert count_literals(Program(text)).count == 1
    assert "SHAPES = {}" in text
    assert read(text) is not None


def test_plain_units() -> None:
    x = np.array([[3e7, 2e9, 1e8, 4096, 2e-3, 0.2, 21.0], [3e9, 8e11, 1e9, 9e4, 4e-3, 0.8, 23.5]])
    roles = (Role.SIZE, Role.DATA, Role.UNIQUE_DATA, Role.COUNT, Role.RATE, Role.FRACTION,
             Role.LOGGED)  # fmt: skip
    units = plain_units(x, roles)
    assert units.scale == (1e8, 1e10, 1e10, 1e3, 1e-3, 1.0, 1.0)
    assert units.shift == (0, 0, 0, 0, 0, 0, 22)
    assert plain_units(np.array([[-1.5], [3.0]]), (Role.LOGGED,)) == Units((0.0,), (1.0,))
    assert plain_units(np.array([[100.0], [500.0]]), (Role.LOGGED,)).scale == (100.0,)
    assert plain_units(np.zeros((3, 2)), (Role.SIZE, None)) == Units((0.0, 0.0), (1.0, 1.0))
    ones = np.array([[1.0], [64.0]])
    assert plain_units(ones, (Role.COUNT,)) == Units((0.0,), (1.0,))


def test_shifts_and_factors_of_logged_inputs_are_written() -> None:
    law = find("sigmoid", (Role.LOGGED,))
    for units, line in (
        (Units((22.0,), (1.0,)), "z = x[:, 0] - 22  # log"),
        (Units((-3.0,), (10.0,)), "z = (x[:, 0] + 3) / 10  # log"),
    ):
        text = write(Form(law, units, SQUARED), ["log"], ["score"])
        assert line in text
        back = read(text)
        assert back is not None
        assert back.units == units


def test_parameters_keep_their_order_and_kind() -> None:
    parameters = (Parameter("k", False, 0.1, 10.0, log=True), amplitude("A", -1), amplitude("E"))
    law = Law("made", "E + A*exp(-k*N)", (Slot("N", Role.SIZE, 1),), parameters, "here")
    back = read(write(form_of(law, ROLES), NAMES, ["loss"]))
    assert back is not None
    assert back.law.parameters == law.parameters
    assert back.law.slots == law.slots
