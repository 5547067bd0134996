"""What predicts is cut out of a program whole; what only fits is left."""

import numpy as np
import pytest

from sldagent.export.embed import predicting_source
from sldagent.program import Program

FIT = "\n\ndef fit_scaling_law(x, y):\n    return minimize(abs, [1.0]).x\n"


def cut(text: str) -> str:
    part = predicting_source(Program(text + FIT))
    assert part is not None
    return part


def call(part: str, x: float = 2.0) -> float:
    space: dict = {}
    exec(part, space)
    return float(space["scaling_law_func"](np.array([[x]]), np.array([3.0]))[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("import numpy as np\ndef scaling_law_func(x, p):\n    return p[0] * np.abs(x[:, 0])\n", 6),
        ("A = 5\ndef scaling_law_func(x, p):\n    return A * x[:, 0]\n", 10),
        ("A = []\nA.append(7)\ndef scaling_law_func(x, p):\n    return A[0] * x[:, 0]\n", 14),
        ("A = {}\nA['k'] = 2\ndef scaling_law_func(x, p):\n    return A['k'] * x[:, 0]\n", 4),
        ("A = 1\nA += 2\ndef scaling_law_func(x, p):\n    return A * x[:, 0]\n", 6),
        ("def f(x): return g(x)\ndef g(x): return x\ndef scaling_law_func(x, p):\n"
         "    return f(x[:, 0])\n", 2),
        ("class K:\n    m = 4\ndef scaling_law_func(x, p):\n    return K.m * x[:, 0]\n", 8),
        ("try:\n    A = 3\nexcept ValueError:\n    A = 4\ndef scaling_law_func(x, p):\n"
         "    return A * x[:, 0]\n", 6),
        ("for A in range(3): pass\ndef scaling_law_func(x, p):\n    return A * x[:, 0]\n", 4),
        ("A = 1; B = 2\ndef scaling_law_func(x, p):\n    return (A + B) * x[:, 0]\n", 6),
        ("from __future__ import annotations\nA: int = 2\ndef scaling_law_func(x: int, p):\n"
         "    return A * x[:, 0]\n", 4),
        ("def twice(f):\n    return lambda *a: 2 * f(*a)\n@twice\ndef scaling_law_func(x, p):\n"
         "    return x[:, 0]\n", 4),
    ],
)  # fmt: skip
def test_everything_that_predicts_comes_along(text: str, value: float) -> None:
    part = cut(text)
    assert call(part) == value
    assert "fit_scaling_law" not in part


def test_what_only_the_fit_needs_is_left_out() -> None:
    part = cut(
        "import numpy as np, os.path\nfrom scipy.optimize import minimize\nSTARTS = [1, 2]\n"
        "# of the law\nA = 2\ndef scaling_law_func(x, p):\n    return A * np.abs(x[:, 0])\n"
    )
    assert "scipy" not in part
    assert "os.path" not in part
    assert "STARTS" not in part
    assert "# of the law" in part
    assert call(part) == 4


def test_a_program_that_looks_names_up_stays_whole() -> None:
    text = "A = 2\ndef scaling_law_func(x, p):\n    return globals()['A'] * x[:, 0]\n"
    assert predicting_source(Program(text + FIT)) is None


def test_the_program_is_not_changed() -> None:
    program = Program("import numpy as np, math\ndef scaling_law_func(x, p):\n    return x\n" + FIT)
    before = program.hash, len(program.tree.body[0].names)  # type: ignore[attr-defined]
    predicting_source(program)
    assert (program.hash, len(program.tree.body[0].names)) == before  # type: ignore[attr-defined]
