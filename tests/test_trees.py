"""Going through syntax trees gives what the standard library's walk gives, in its order."""

import ast
import inspect

import pytest

import sldagent.evaluation.slicing
import sldagent.program
from sldagent.trees import children, walk

SOURCES = {
    module.__name__: inspect.getsource(module)
    for module in (sldagent.evaluation.slicing, sldagent.program, ast)
} | {
    "patterns": "match x:\n    case {'a': [1, *y], **z} if (w := 2): pass\n    case A(b=3): break\n"
}


@pytest.mark.parametrize("name", SOURCES)
def test_all_but_operators_and_contexts_are_there(name: str) -> None:
    tree = ast.parse(SOURCES[name])
    silent = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    expected = [node for node in ast.walk(tree) if not isinstance(node, silent)]
    assert [n for n in walk(tree) if not isinstance(n, silent)] == expected


def test_operators_and_contexts_are_left_out() -> None:
    kinds = {type(node) for node in walk(ast.parse("x[1] = -a + b * c"))}
    assert not kinds & {ast.Add, ast.Mult, ast.USub, ast.Load, ast.Store}
    assert children(ast.Name("x", ast.Load())) == []


def test_deep_trees_need_no_stack() -> None:
    node: ast.expr = ast.Constant(1)
    for _ in range(10_000):
        node = ast.UnaryOp(ast.USub(), node)
    assert len(walk(node)) == 10_001
