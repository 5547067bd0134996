"""Numbers that reach a law's value are found, wherever they hide; harmless ones are not counted."""

import pytest

from sldagent.evaluation.literals import count_literals
from sldagent.program import Program


def count(law: str, before: str = "") -> int:
    return count_literals(
        Program(
            f"import numpy as np\n{before}\n"
            "def fit_scaling_law(x, y):\n    return [3.7, 4.9]\n"
            f"def scaling_law_func(x, p):\n    {law}\n"
        )
    ).count


@pytest.mark.parametrize(
    "law",
    [
        "return p[0] + p[1] * x[:, 0] ** -p[2]",
        "return x / 3 + 1e-12 + 0.001 * 1e9 - 2.0",
        "return np.clip(x, 1.5e-8, 17.5)",
        "return x.clip(0.3, a_max=17.5)",
        "return np.maximum(x, 3.3)",
        "return np.asarray(x, dtype='float64')[:, 17]",
        "unused = 2.718\n    return x",
        "return p['alpha1'] * x",
        "for i in range(24):\n        x = x + p[0]\n    return x",
        "if x.ndim != 2:\n        raise ValueError('needs 3.5 columns')\n    return x",
        '"""Uses 3.14 and 2.72."""\n    return x',
        "print('at 3.7', 4.4)\n    return x",
        "return x.reshape(-1, 24)",
    ],
)
def test_harmless_numbers_are_free(law: str) -> None:
    assert count(law) == 0


@pytest.mark.parametrize(
    ("law", "before", "expected"),
    [
        ("return x ** 0.37", "", 1),
        ("return x ** -0.37", "", 1),
        ("return x * (1 / 3)", "", 1),
        ("return x * 2 ** 0.5", "", 1),
        ("return x + 11", "", 1),
        ("return x * 2.5j", "", 1),
        ("return x * float('3.14')", "", 1),
        ("return x * np.frombuffer(b'12345678abcdefgh')[0]", "", 2),
        ("return x * len('" + "a" * 31 + "')", "", 4),
        ("return x * TABLE[0]", "TABLE = [1.5, 2.5, 3.5]", 3),
        ("return x * TABLE[0]", "TABLE = [0, 0]\nTABLE[0] = 3.7", 1),
        ("return x * TABLE[0]", "TABLE = []\nTABLE.append(3.7)", 1),
        ("return helper(x)", "def helper(x, k=0.37):\n    return x * k * 4.4", 2),
        ("return C.v * x", "class C:\n    v = 4.56", 1),
        ("f = lambda t: t * 3.3\n    return f(x)", "", 1),
        ("return sum(k * x for k in (1.5, 2.5))", "", 2),
        ("return np.where(x > 3.3, x, p[0])", "", 1),
        ("y = p[0]\n    y += 3.3\n    return y", "", 1),
        ("return max(3.3, 2.2) * x", "", 2),
        ("return x * json.loads('[1.25, 2.75]')[0]", "import json", 2),
        ("return {'a': 3.3}['a'] * x", "", 1),
        ("return p.get('a', 3.3) * x", "", 1),
        (
            "return first(x)",
            "def first(x):\n    return second(x)\ndef second(x):\n    return 3.3",
            1,
        ),
    ],
)
def test_numbers_that_reach_the_value_count(law: str, before: str, expected: int) -> None:
    assert count(law, before) == expected


def test_clip_bounds_are_free_only_in_moderation() -> None:
    law = "return " + " + ".join(f"np.maximum(0 * x, {k}.5)" for k in range(11, 31))
    assert count(law) > 10


def test_defaults_of_the_law_count_and_the_fit_does_not() -> None:
    fit = "def fit_scaling_law(x, y):\n    return 3.7\n"
    source = fit + "def scaling_law_func(x, p, k=0.37):\n    return x\n"
    found = count_literals(Program(source))
    assert found.count == 1
    assert found.values == ("0.37 (line 3)",)


def test_a_recursive_helper_is_counted_once() -> None:
    assert count("return f(x)", "def f(x):\n    return f(x) * 3.3") == 1


def test_frozen_law_and_text_that_does_not_parse() -> None:
    law = "def law(rows, group):\n    k = {'a': {'b': 3.3, 'c': -4.4}}\n    return k[group]\n"
    assert count_literals(Program(law)).count == 2
    assert count_literals(Program("def law(:")).count == 0
