"""Numbers that reach a law's value are found, wherever they hide; harmless ones are not counted."""

from pathlib import Path

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
        "y = 1\n    y += 3.3\n    return x",
        "a = 3.7\n    b = a * 2\n    return x",
        "def dead(t):\n        return t * 3.7\n    return x",
        "if x.shape[1] == 37 or len(x) > 64:\n        return p\n    return x",
        "return np.einsum('ij,j->i', x, p) + np.linalg.norm(x, axis=11)",
        "with np.errstate(divide='ignore'):\n        return x",
        "np.random.seed(42)\n    return x",
        "return x * p[-1] if p[0] == 'a' else p.get('alpha12') * 1000",
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
        ("return x + 3 / 8 - 1e-3 * 7", "", 2),
        ("return (N >> 3) & 7", f"N = {3**300}", 8),
        ("return T[x * 37]", "T = {}", 1),
        ("return T[3.7]", "T = {}", 1),
        ("return (k := 3.7) * x", "", 1),
        ("while x < 3.7:\n        x = x + 1\n    return x", "", 1),
        ("match x:\n        case 3.7:\n            return 1\n    return x", "", 1),
        ("return [v for v in x if v > 3.7]", "", 1),
        ("y = x * 1\n    np.multiply(x, 3.7, out=y)\n    return y", "", 1),
        ("y = x * 1\n    z = np.multiply(x, 3.7, out=y)\n    return y", "", 1),
        ("a, (b, *c) = 3.7, (4.2, 5.3)\n    return a * x", "", 3),
        ("y = x\n    y[x > 2.5] = p[0]\n    return y", "", 1),
        ("change(x)\n    return x", "def change(v):\n    v[:] = 3.7", 1),
        ("acc = []\n    def add():\n        acc.append(3.7)\n    add()\n    return acc", "", 1),
        (
            "for i in range(9):\n        if i > 3.7:\n            break\n        x = x + 1\n"
            "    return x",
            "",
            1,
        ),
        ("return K * x", "def setup():\n    global K\n    K = 3.7\nsetup()", 1),
        ("return np.K * x", "np.K = 3.7", 1),
        ("return C()(x)", "class C:\n    def __call__(self, x):\n        return 3.7 * x", 1),
        ("helper = p[0]\n    return helper * x", "def helper():\n    return 3.7", 0),
        ("return helper(x, 3.3)", "def helper(x, k):\n    return x * k", 1),
        ("yield 3.7 * x", "", 1),
        ("return float(f'{3.7}{4}') * x", "", 1),
        ("return sum(ord(c) for c in 'qwertyuiopasdfgh')", "", 2),
        ("return int('zkqwpz', 36) * x", "", 2),
        ("return float.fromhex('0x1.8p3') * x", "", 1),
        ("return int.from_bytes('qwertyuiop'.encode(), 'big') * x", "", 3),
        ("return float('1_234.5e-3') * x", "", 1),
        ("return sum({3.7: 1}) * x", "", 1),
        ("return float(list({'3.75': 1})[0])", "", 1),
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


def test_what_is_raised_counts_only_where_it_can_be_caught() -> None:
    raising = "raise ValueError(3.7, 'needs 12.5 columns')"
    assert count(f"if x is None:\n        {raising}\n    return x") == 0
    caught = f"try:\n        {raising}\n    except ValueError as e:\n        return e.args[0]"
    assert count(caught) == 1


@pytest.mark.parametrize(
    ("law", "before"),
    [
        ("return globals()['K'] * x", "K = 3.7"),
        ("return eval('K') * x", "K = 3.7"),
        ("return float(hint.__doc__) * x", "def hint():\n    '3.75'"),
    ],
)
def test_whoever_looks_names_up_at_run_time_pays_for_the_whole_module(
    law: str, before: str
) -> None:
    assert count(law, before) >= 3  # the fit's two as well


@pytest.mark.parametrize("chain", ["-" * 900 + "x", "x" + " + 1" * 700, "x" + ".b" * 700])
def test_long_chains_do_not_exhaust_the_stack(chain: str) -> None:
    assert count(f"return {chain}") == 0
    assert count(f"return {chain} + 3.7") == 1


def test_at_most_fifty_are_shown_in_order_of_lines() -> None:
    table = ",\n".join(f"{k}.5" for k in range(11, 91))
    source = f"def law(rows, group):\n    return [{table}]\n"
    found = count_literals(Program(source))
    assert found.count == 80
    assert len(found.values) == 50
    assert found.values[:2] == ("11.5 (line 2)", "12.5 (line 3)")


def test_published_laws_show_their_constants(shared_data: Path) -> None:
    def cut(page: str, first: str, last: str) -> Program:
        text = next((shared_data.parent / "seeds").glob(page)).read_text("utf-8")
        return Program(text[text.index(first) : text.index(last) + len(last)] + "\n")

    fitted = cut("004_*.txt", "# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END")
    assert count_literals(fitted).count == 0
    assert count_literals(cut("003_*.txt", "import numpy as np", "return results")).count == 9
