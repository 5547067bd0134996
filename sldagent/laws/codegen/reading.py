"""Programs as forms again: whatever the formula and boxes of an emitted program say by now."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from sldagent.errors import DataError
from sldagent.laws.codegen.form import Form, Link
from sldagent.laws.codegen.grammar import GrammarError, from_code, normal, read_formula, text_of
from sldagent.laws.codegen.writing import ROLES, check, misfit, write
from sldagent.laws.expressions import Law, Parameter, Slot, amplitude
from sldagent.laws.families import find
from sldagent.laws.fitting import OBJECTIVES, Objective, Units
from sldagent.task import Role

_LONGEST = 100_000  # characters; the longest emitted program has 12,000
_FREE = {"AMPLITUDES", "SHAPES", "LOGARITHMIC", "EMPHASIS", "features", "formula"}
_SYMBOL = re.compile(r"^(\w+) = .* \(([a-z ]+)\)$", re.MULTILINE)


class _OtherShapeError(Exception):
    """The program is not one that `write` could have written."""


def read(source: str, width: int = 0) -> Form | None:
    """The form of an emitted program, also of one whose formula or boxes were edited.

    Its name, source and the roles of its features are those of the docstring. Parameters have no
    units but where formula and boxes are still those of the family that the name says.

    Args:
        source: Any text.
        width: Columns of the table, where it has more than the program reads.

    Returns:
        None where the program, its formula and constants aside, is not what `write` writes.
    """
    if len(source) > _LONGEST:
        return None
    try:
        return _form(source, ast.parse(source), width)
    except (_OtherShapeError, GrammarError):
        return None
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what parsing may raise
        return None


def _form(source: str, tree: ast.Module, width: int) -> Form:
    parts = _parts(tree)
    formula = _function(parts, "formula", ["inputs", "params"])
    docstring = ast.get_docstring(formula) or ""
    code, symbols, names = _formula(formula)
    amplitudes, shapes = _bounds(parts, "AMPLITUDES"), _bounds(parts, "SHAPES")
    logarithmic = _texts(_value(parts, "LOGARITHMIC"))
    if names != [*amplitudes, *shapes] or not set(logarithmic) <= set(shapes):
        raise _OtherShapeError
    parameters = [Parameter(name, True, *bounds) for name, bounds in amplitudes.items()]
    parameters += [
        Parameter(name, False, *bounds, log=name in logarithmic) for name, bounds in shapes.items()
    ]
    _check_bounds(parameters)
    columns = _columns(_function(parts, "features", ["data_points"]), symbols)
    roles = {s: ROLES.get(meaning) for s, meaning in _SYMBOL.findall(docstring)}
    slots = []
    for symbol, (column, _, _) in columns.items():
        role = roles.get(symbol)
        if role is None:
            raise _OtherShapeError
        slots.append(Slot(symbol, role, column))
    name, origin = docstring.partition("\n")[0], ""
    for line in docstring.splitlines():
        origin = line.removeprefix("Source: ") if line.startswith("Source: ") else origin
    law = _known(Law(name, text_of(code), tuple(slots), tuple(parameters), origin, centred=True))
    shift, scale = [0.0] * max(width, 1), [1.0] * max(width, 1)
    for column, move, factor in columns.values():
        more = column + 1 - len(shift)
        shift, scale = shift + [0.0] * more, scale + [1.0] * more
        shift[column], scale[column] = move, factor
    emphasis = _number(_value(parts, "EMPHASIS")) if "EMPHASIS" in parts else 0.0
    form = Form(law, Units(tuple(shift), tuple(scale)), _objective(parts), emphasis)
    return _compared(_fixed(source, tree), form)


def _parts(tree: ast.Module) -> dict[str, ast.stmt]:
    """What gives each name of the module its value; no name may have two."""
    found: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for name in _defined(statement):
            if name in found:
                raise _OtherShapeError
            found[name] = statement
    return found


def _defined(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name):
            yield name
        case ast.Assign(targets=[ast.Name(id=name)]):
            yield name


def _value(parts: dict[str, ast.stmt], name: str) -> ast.expr:
    statement = parts.get(name)
    if not isinstance(statement, ast.Assign):
        raise _OtherShapeError
    return statement.value


def _function(parts: dict[str, ast.stmt], name: str, arguments: list[str]) -> ast.FunctionDef:
    statement = parts.get(name)
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        raise _OtherShapeError
    if ast.unparse(statement.args) != ", ".join(arguments):
        raise _OtherShapeError
    return statement


def _number(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if abs(value) < 1e100:
                return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_number(inner)
        case ast.Attribute(value=ast.Name(id="np"), attr="inf"):
            return float("inf")
    raise _OtherShapeError


def _texts(node: ast.expr) -> list[str]:
    values = (
        [e.value for e in node.elts if isinstance(e, ast.Constant)]
        if isinstance(node, ast.Tuple)
        else [None]
    )
    if not all(isinstance(value, str) for value in values):
        raise _OtherShapeError
    return [str(value) for value in values]


def _bounds(parts: dict[str, ast.stmt], name: str) -> dict[str, tuple[float, float]]:
    table = _value(parts, name)
    found: dict[str, tuple[float, float]] = {}
    if not isinstance(table, ast.Dict):
        raise _OtherShapeError
    for key, value in zip(table.keys, table.values, strict=True):
        match key, value:
            case ast.Constant(value=str() as label), ast.Tuple(elts=[low, high]):
                found[label] = _number(low), _number(high)
            case _:
                raise _OtherShapeError
    return found


def _check_bounds(parameters: Sequence[Parameter]) -> None:
    inf = float("inf")
    for p in parameters:
        if p.linear:
            fine = (p.lower, p.upper) in ((0, inf), (-inf, 0), (-inf, inf))
        else:
            fine = -inf < p.lower < p.upper < inf and (p.lower > 0 or not p.log)
        if not fine:
            raise _OtherShapeError


def _names(node: ast.expr) -> list[str]:
    elements = node.elts if isinstance(node, ast.Tuple) else []
    names = [e.id for e in elements if isinstance(e, ast.Name)]
    if not names or len(names) < len(elements):
        raise _OtherShapeError
    return names


def _formula(function: ast.FunctionDef) -> tuple[ast.expr, list[str], list[str]]:
    """The tree that is returned, named terms put in; symbols of the features and parameters."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    match body:
        case [
            ast.Assign(targets=[first], value=ast.Name(id="inputs")),
            ast.Assign(targets=[second], value=ast.Name(id="params")),
            *lines,
            ast.Return(value=ast.expr() as result),
        ]:
            symbols, names = _names(first), _names(second)
        case _:
            raise _OtherShapeError
    taken = {*symbols, *names, "np"}
    values: dict[str, ast.expr] = {}
    for line in lines:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in taken:
                values[name] = from_code(value, values)
                taken.add(name)
            case _:
                raise _OtherShapeError
    return normal(from_code(result, values)), symbols, names


def _columns(function: ast.FunctionDef, symbols: list[str]) -> dict[str, tuple[int, float, float]]:
    """Column, shift and scale of every symbol."""
    found: dict[str, tuple[int, float, float]] = {}
    for line in function.body[1:-1]:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in found:
                found[name] = _column(value)
            case _:
                raise _OtherShapeError
    last = function.body[-1]
    if list(found) != symbols or not isinstance(last, ast.Return) or last.value is None:
        raise _OtherShapeError
    if _names(last.value) != symbols:
        raise _OtherShapeError
    return found


def _column(node: ast.expr) -> tuple[int, float, float]:
    scale, shift = 1.0, 0.0
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        scale, node = _number(node.right), node.left
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        sign = 1 if isinstance(node.op, ast.Sub) else -1
        shift, node = sign * _number(node.right), node.left
    match node:
        case ast.Subscript(
            value=ast.Name(id="x"),
            slice=ast.Tuple(
                elts=[ast.Slice(lower=None, upper=None, step=None), ast.Constant(value=int(column))]
            ),
        ) if 0 <= column < 1000 and scale > 0:
            return column, shift, scale
    raise _OtherShapeError


def _objective(parts: dict[str, ast.stmt]) -> Objective:
    given = ast.dump(_bare(_function(parts, "misfit", ["f", "y", "weights"])))
    if given not in _misfits():
        raise _OtherShapeError
    return _misfits()[given]


@lru_cache(maxsize=1)
def _misfits() -> dict[str, Objective]:
    """What is minimised, by the function that programs have for it."""
    return {
        ast.dump(_bare(ast.parse(misfit(objective)).body[0])): objective
        for objective in reversed(OBJECTIVES.values())
    }


def _known(law: Law) -> Law:
    """The law of the family that has this name, formula and boxes, for it knows the units."""
    roles: list[Role | None] = [None] * (1 + max(slot.column for slot in law.slots))
    for slot in law.slots:
        roles[slot.column] = slot.role
    try:
        family = find(law.name, roles)
        same = text_of(read_formula(family.formula)) == law.formula
    except (DataError, GrammarError):
        return law
    boxes = [[(p.name, p.linear, p.lower, p.upper, p.log) for p in each.parameters]
             for each in (law, family)]  # fmt: skip
    if same and boxes[0] == boxes[1] and family.slots == law.slots and family.name == law.name:
        return family
    return law


def _bare(statement: ast.stmt) -> ast.stmt:
    """A function without its docstring."""
    if isinstance(statement, ast.FunctionDef) and ast.get_docstring(statement) is not None:
        statement.body = statement.body[1:]
    return statement


def _fixed(source: str, tree: ast.Module) -> list[str]:
    """The statements of a program but formula, constants and docstrings."""
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    lines, last, found = source.split("\n"), 0, []
    for at, statement in enumerate(body):
        after = body[at + 1].lineno if at + 1 < len(body) else len(lines) + 1
        end = statement.end_lineno or statement.lineno
        if not set(_defined(statement)) & _FREE:
            # Most programs have most of these lines in common; with lines to itself a statement is
            # what they say.
            alone = last < statement.lineno and end < after and "\r" not in source
            alone = alone and not getattr(statement, "decorator_list", [])
            text = "\n".join(lines[statement.lineno - 1 : end])
            found.append(_dumped(text) if alone else ast.dump(_bare(statement)))
        last = end
    return found


@lru_cache(maxsize=4096)
def _dumped(text: str) -> str:
    return ast.dump(_bare(ast.parse(text).body[0]))


def _compared(given: list[str], form: Form) -> Form:
    """The form with the link under which its program is this one."""
    law = form.law
    check(law, read_formula(law.formula), 1 + max(slot.column for slot in law.slots))
    for link in Link:
        if _expected(law.slots, form.objective, form.emphasis != 0, link) == given:
            return replace(form, link=link)
    raise _OtherShapeError


@lru_cache(maxsize=512)
def _expected(
    slots: tuple[Slot, ...], objective: Objective, weighted: bool, link: Link
) -> list[str]:
    """What is fixed in the programs of all laws over these slots."""
    columns = 1 + max(slot.column for slot in slots)
    law = Law("any", "any_level", slots, (amplitude("any_level"),), "")
    units = Units((0.0,) * columns, (1.0,) * columns)
    form = Form(law, units, objective, float(weighted), link)
    text = write(form, ["x"] * columns, ["y"])
    return _fixed(text, ast.parse(text))
