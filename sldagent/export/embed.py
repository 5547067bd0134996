"""The part of a program that predicts, cut out of the program that also fits.

By name: from `scaling_law_func` to every module-level statement that gives a value to a name it
uses. What is cut too short is found when the written file is run and compared with the program.
"""

import ast
import re
from collections.abc import Iterator

from sldagent.program import Program

# Whoever looks names up at run time can need every statement.
_DYNAMIC = frozenset("globals locals vars eval exec __import__ sys modules __dict__".split())


def predicting_source(program: Program, function: str = "scaling_law_func") -> str | None:
    """The statements that `function` needs, as text, comments inside them kept.

    None where the program finds names at run time, so that no statement can be left out.
    """
    tree = program.tree
    if any(name in _DYNAMIC for name in _used(tree)):
        return None
    effects = [(statement, set(_given(statement))) for statement in tree.body]
    defined = {name for _, names in effects for name in names}
    imported = {
        name
        for statement, names in effects
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for name in names
    }
    needed, kept = {function}, set[int]()
    grew = True
    while grew:
        grew = False
        for number, (statement, names) in enumerate(effects):
            if number in kept:
                continue
            touched = names
            if not names and isinstance(statement, ast.Expr):  # TERMS.append(...)
                touched = (set(_used(statement)) & defined) - imported
            if touched & needed or _is_future(statement):
                kept.add(number)
                grew = True
                if not isinstance(statement, ast.Import | ast.ImportFrom):
                    needed |= set(_used(statement)) & defined
    lines = program.source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _join(lines.split("\n"), [tree.body[number] for number in sorted(kept)], needed)


def defined_names(source: str) -> set[str]:
    """Names that a module's statements give a value at its top level."""
    return {name for statement in ast.parse(source).body for name in _given(statement)}


def _join(lines: list[str], statements: list[ast.stmt], needed: set[str]) -> str:
    imports, parts, last = [], [], 0
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports.append(ast.unparse(_narrowed(statement, needed)))
            continue
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(d.lineno for d in decorators)])
        while (
            first - 2 >= last
            and lines[first - 2].startswith("#")
            and "EVOLVE" not in (lines[first - 2])
        ):
            first -= 1
        first = max(first, last + 1)  # several statements in one line
        end = statement.end_lineno or statement.lineno
        if first > end:
            continue
        text = "\n".join(lines[first - 1 : end])
        compound = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        parts.append(f"\n\n{text}\n\n" if compound else text)
        last = end
    future = [line for line in imports if line.startswith("from __future__")]
    others = [line for line in imports if line not in future]
    text = "\n".join([*future, *dict.fromkeys(others), "", *parts]).strip("\n") + "\n"
    return re.sub(r"\n{4,}", "\n\n\n", text)


def _narrowed(
    statement: ast.Import | ast.ImportFrom, needed: set[str]
) -> ast.Import | ast.ImportFrom:
    """The import without the names that nothing needs."""
    if _is_future(statement):
        return statement
    names = [a for a in statement.names if a.name == "*" or _bound(a) in needed]
    if isinstance(statement, ast.Import):
        return ast.Import(names)
    return ast.ImportFrom(statement.module, names, statement.level)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.split(".")[0]


def _used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr in _DYNAMIC:
            yield node.attr
        elif isinstance(node, ast.Global):
            yield from node.names


def _given(statement: ast.stmt) -> Iterator[str]:
    """Names that a module-level statement gives a value, or changes in place by assignment."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    if isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (_bound(alias) for alias in statement.names)
        return
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (_bound(alias) for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from (n.id for n in ast.walk(node.value) if isinstance(n, ast.Name))
        if not isinstance(node, ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
