"""Trees of traced formulas: bounds on what a hostile reply can be, and agreement with sympy."""

import contextlib
import json
import time
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from sldagent.laws.algebra import evaluate_sympy, exact, to_sympy
from sldagent.laws.tree import (
    MOST_NESTING,
    MOST_NODES,
    MOST_TERMS,
    OPERATIONS,
    TreeError,
    read_tree,
)

X, P = ["x", 0], ["p", 0]
FEATURES = (sympy.Symbol("n", positive=True), sympy.Symbol("d", real=True))
PARAMS = {i: sympy.Symbol(f"p{i}", real=True) for i in range(3)}


def read(*nodes: list[Any], roots: list[Any] | None = None) -> Any:
    data = {"nodes": list(nodes), "roots": [len(nodes) - 1] if roots is None else roots}
    return read_tree(data, len(FEATURES), 1, len(PARAMS))


def algebra(*nodes: list[Any]) -> Any:
    (expression,) = to_sympy(read(*nodes), FEATURES, [PARAMS])
    return expression


@pytest.mark.parametrize(
    "node",
    [
        ["x", 2], ["x", -1], ["x", True], ["x", 0.0], ["x", "0"], ["x"], ["p", 3], ["c", "1"],
        ["c", None], ["c", True], ["add", 0, 2], ["add", 0, -1], ["add", 0], ["add", 0, 0, 0],
        ["add", 0, [0]], ["eval", 0], ["__class__", 0], [], [["x", 0]], "x", None, 7, {},
        ["where", 0, 0, 0], ["not", 0], ["and", 0, 0],
    ],
)  # fmt: skip
def test_refuses_what_is_no_node(node: Any) -> None:
    with pytest.raises(TreeError, match="no formula"):
        read(X, P, node)


@pytest.mark.parametrize(
    "data", [None, [], {}, {"nodes": {}}, {"nodes": [X]}, {"nodes": [X], "roots": 0}, "add", 3]
)
def test_refuses_what_is_no_tree(data: Any) -> None:
    with pytest.raises(TreeError):
        read_tree(data, 2, 1, 3)


@pytest.mark.parametrize("roots", [[], [0, 0], [1], [-1], [0.0], [None], [True], "0", [[0]]])
def test_refuses_roots_that_are_no_nodes(roots: Any) -> None:
    with pytest.raises(TreeError):
        read(X, roots=roots)


def test_a_truth_value_is_no_prediction() -> None:
    with pytest.raises(TreeError):
        read(X, P, ["lt", 0, 1])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1" + "0" * 400])
def test_refuses_constants_that_are_not_finite(value: str) -> None:
    with pytest.raises(TreeError, match="not finite"):
        read(["c", json.loads(value)])


def deep(levels: int) -> list[list[Any]]:
    nodes: list[list[Any]] = [X]
    for i in range(levels):
        nodes += [["exp", 2 * i], ["add", 2 * i + 1, 0]]
    return nodes


def test_a_million_nodes_are_refused_at_once() -> None:
    nodes = [["add", 0, 0] if i else X for i in range(1_000_000)]
    start = time.perf_counter()
    with pytest.raises(TreeError, match=str(MOST_NODES)):
        read(*nodes)
    assert time.perf_counter() - start < 1


def test_refuses_nesting_but_not_long_sums() -> None:
    with pytest.raises(TreeError, match=f"{MOST_NESTING} levels"):
        read(*deep(MOST_NESTING))
    sums = [X, P, *(["add", i + 1, 0] for i in range(400))]
    assert algebra(*sums) == PARAMS[0] + 400 * FEATURES[0]


def test_refuses_shared_nodes_that_would_be_written_out() -> None:
    doubled = [X, P, ["add", 0, 1], *(["mul", i + 2, i + 2] for i in range(40))]
    with pytest.raises(TreeError, match=f"{MOST_TERMS} terms|powers"):
        read(*doubled)
    with pytest.raises(TreeError, match=f"{MOST_TERMS} terms"):
        read(X, P, *(["logaddexp", i + 1, i + 1] for i in range(40)))


@pytest.mark.parametrize(
    "nodes",
    [
        # 10 ** 10 ** 10 ** 10
        [["c", 10], *(["pow", 0, i] for i in range(4)), X, ["mul", 4, 5]],
        # (((2 n) ** 100) ** 100) ** 100
        [X, ["c", 2], ["mul", 0, 1], ["c", 100], *(["pow", i, 3] for i in (2, 4, 5, 6))],
        # 1000 ** (1000 n / n) ** 40, whose whole numbers only show once sympy has cancelled n
        [X, ["c", 1000], ["mul", 0, 1], ["div", 2, 0],
         *(["mul", 3, i] for i in range(3, 43)), ["pow", 3, 43]],
        # 0 ** -1, log 0, a quotient by zero
        [["c", 0], ["c", -1], ["pow", 0, 1]],
        [["c", 0], ["log", 0]],
        [X, ["sub", 0, 0], ["div", 0, 1]],
    ],
)  # fmt: skip
def test_no_number_grows_without_bound(nodes: list[list[Any]]) -> None:
    start = time.perf_counter()
    with contextlib.suppress(TreeError):
        assert len(str(algebra(*nodes))) < 1000
    assert time.perf_counter() - start < 1


def test_numbers_are_written_as_people_do() -> None:
    assert exact(2.0) == sympy.Integer(2)
    assert exact(-0.5) == sympy.Rational(-1, 2)
    assert float(exact(0.1)) == 0.1
    assert float(exact(1e300)) == 1e300


def test_power_laws_are_written_as_powers() -> None:
    n, p0, p1 = FEATURES[0], PARAMS[0], PARAMS[1]
    tree = (X, ["log", 0], ["p", 1], ["mul", 1, 2], P, ["sub", 4, 3], ["exp", 5])
    assert algebra(*tree) == sympy.exp(p0) * n**-p1


def test_conditions_follow_one_another() -> None:
    n = FEATURES[0]
    tree = (
        X, ["c", 3], ["lt", 0, 1], ["c", 9], ["lt", 0, 3], ["c", 7], ["where", 4, 0, 5],
        ["where", 2, 1, 6],
    )  # fmt: skip
    assert [branch for branch, _ in algebra(*tree).args] == [3, n, 7]
    assert read(*tree).evaluate(np.array([[1.0, 0], [4, 0], [20, 0]]), np.zeros(3)).T.tolist() == [
        [3, 4, 7]
    ]


def test_sympy_gets_no_more_time_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    from sldagent.laws import algebra as module

    monkeypatch.setattr(module, "_MOST_SECONDS", -1.0)
    with pytest.raises(TreeError, match="takes more than"):
        algebra(X, P, ["add", 0, 1])


def test_long_powers_are_left_as_they_are() -> None:
    sums = [X, P, ["c", 0.37], *(["logaddexp", i, i % 2] for i in range(2, 60))]
    tree = [*sums, ["abs", len(sums) - 1], ["sqrt", len(sums)]]
    start = time.perf_counter()
    assert algebra(*tree).has(sympy.Abs)
    assert time.perf_counter() - start < 5


@st.composite
def trees(draw: st.DrawFn) -> list[list[Any]]:
    """Formulas of up to thirty operations whose values stay in range."""
    nodes: list[list[Any]] = [["x", 0], ["x", 1], ["p", 0], ["p", 1], ["p", 2]]
    nodes += [["c", draw(st.floats(0.1, 3.0))], ["c", draw(st.integers(-3, 3))]]
    kinds = ["n"] * len(nodes)
    for _ in range(draw(st.integers(1, 30))):
        operation = draw(st.sampled_from(sorted(OPERATIONS)))
        wanted, kind, _ = OPERATIONS[operation]
        choices = [[i for i, k in enumerate(kinds) if k == w] for w in wanted]
        if all(choices):
            nodes.append([operation, *(draw(st.sampled_from(own)) for own in choices)])
            kinds.append(kind)
    last = max(i for i, kind in enumerate(kinds) if kind == "n")
    return nodes[: last + 1]


@given(trees())
@settings(max_examples=300, deadline=None)
def test_sympy_agrees_with_the_tree(nodes: list[list[Any]]) -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(0.5, 3, 20), rng.uniform(-2, 2, 20)])
    params = np.array([0.7, -0.4, 1.3])
    try:
        tree = read(*nodes)
        (expression,) = to_sympy(tree, FEATURES, [PARAMS])
    except TreeError:
        return
    wanted = tree.evaluate(x, params)[:, 0]
    values = dict(zip(FEATURES, x.T, strict=True))
    values |= {symbol: params[i] for i, symbol in PARAMS.items()}
    try:
        with np.errstate(all="ignore"):
            shown = np.broadcast_to(np.asarray(evaluate_sympy(expression, values), float), len(x))
    except TreeError:
        return
    sane = np.isfinite(wanted) & np.isfinite(shown) & (np.abs(wanted) < 1e6)
    sane &= np.abs(wanted) > 1e-6
    # Rounding decides comparisons of equal numbers, and is all that cancelling terms leave.
    nearly = np.abs(shown - wanted) <= 1e-6 * np.maximum(1, np.abs(wanted))
    assert np.mean(nearly | ~sane) > 0.9, (expression, shown, wanted)
