"""A small proposer with no model: changes the terms of a start program, or a number of any other.

It serves until symbolic mutation takes its place.
"""

import ast

import numpy as np

from sldagent.proposing.base import Proposal, Request
from sldagent.proposing.start import FREE, Term, cost, format_terms, limit_per_target
from sldagent.task import Task

_ROOM_WITHOUT_LIMIT = 14  # parameters of a law where the task sets no limit
_TRIES = 20


class PerturbProposer:
    """Adds, drops, couples and changes terms; in programs without TERMS scales one number."""

    name = "perturb"
    concurrency = 1
    deterministic = True

    def __init__(self, task: Task) -> None:
        self._width = len(task.features)
        limit = limit_per_target(task)
        self._room = _ROOM_WITHOUT_LIMIT if limit is None else limit

    def propose(self, request: Request) -> Proposal | None:
        """One changed copy of the first parent; None where nothing was found to change."""
        parent, program = request.parents[0]
        rng = request.rng
        tree = ast.parse(program.block)
        node = _terms_node(tree)
        made = self._change_terms(node, rng) if node is not None else _change_number(tree, rng)
        if made is None:
            return None
        target, text, change = made
        changed = program.replace(_splice(program.block, target, text))
        return Proposal(changed, (parent.number,), (), change)

    def _change_terms(
        self, node: ast.expr, rng: np.random.Generator
    ) -> tuple[ast.expr, str, str] | None:
        old: tuple[Term, ...] = ast.literal_eval(node)
        moves = (self._add, self._drop, self._couple, self._retype)
        for _ in range(_TRIES):
            new, change = moves[rng.integers(len(moves))](list(old), rng)
            new = sorted(set(new), key=lambda term: [str(power) for power in term])
            if new and set(new) != set(old) and cost(new) <= self._room and all(map(any, new)):
                return node, format_terms(tuple(new)), change
        return None

    def _add(self, terms: list[Term], rng: np.random.Generator) -> tuple[list[Term], str]:
        term: list[int | str] = [0] * self._width
        count = min(self._width, int(rng.integers(1, 3)))
        for j in rng.choice(self._width, size=count, replace=False):
            term[j] = (FREE, 1, 2)[rng.integers(3)]
        return [*terms, tuple(term)], f"add term {tuple(term)}"

    def _drop(self, terms: list[Term], rng: np.random.Generator) -> tuple[list[Term], str]:
        gone = terms.pop(rng.integers(len(terms)))
        return terms, f"drop term {gone}"

    def _couple(self, terms: list[Term], rng: np.random.Generator) -> tuple[list[Term], str]:
        k, m = rng.integers(len(terms), size=2)
        joined = tuple(a or b for a, b in zip(terms[k], terms[m], strict=True))
        return [t for i, t in enumerate(terms) if i != k] + [joined], f"couple into {joined}"

    def _retype(self, terms: list[Term], rng: np.random.Generator) -> tuple[list[Term], str]:
        k, j = rng.integers(len(terms)), rng.integers(self._width)
        term = list(terms[k])
        choices = [power for power in (0, 1, 2, FREE) if power != term[j]]
        term[j] = choices[rng.integers(len(choices))]
        old, terms[k] = terms[k], tuple(term)
        return terms, f"change term {old} to {terms[k]}"


def _terms_node(tree: ast.Module) -> ast.expr | None:
    """The value of a module-level `TERMS = (…)` whose rows are tuples of 0, 1, 2 and "a"."""
    for statement in tree.body:
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id == "TERMS"
        ):
            return statement.value
    return None


def _change_number(tree: ast.Module, rng: np.random.Generator) -> tuple[ast.expr, str, str] | None:
    """Scales one floating-point number of the program by a random factor."""
    numbers = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value
    ]
    if not numbers:
        return None
    node = numbers[rng.integers(len(numbers))]
    assert isinstance(node.value, float)
    new = float(f"{node.value * np.exp(rng.normal(0.0, 0.7)):.4g}")
    return node, repr(new), f"line {node.lineno}: {node.value!r} to {new!r}"


def _splice(source: str, node: ast.expr, text: str) -> str:
    """The source with the node's text replaced; columns of the syntax tree count UTF-8 bytes."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    data = source.encode()
    return (data[:start] + text.encode() + data[end:]).decode()
