"""The expressions of a module that can reach the value of one of its functions.

A backward slice over the syntax tree, by name and without regard to the order of statements: from
what the function returns, through every assignment, loop, condition and change in place that gives
a value to a name it needs, to helpers, closures, classes, defaults and module-level values. Where
names alone cannot tell, the expression belongs to the slice. Nothing recurses, as the text may be
hostile.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sldagent.trees import children, walk

_MUTATORS = frozenset(
    "append extend insert update fill setdefault add put itemset sort reverse resize appendleft "
    "extendleft __setitem__ __setattr__".split()
)
_SILENT = frozenset(
    {"print", "warn", "simplefilter", "filterwarnings", "seterr", "errstate", "seed"}
)
# Whoever looks things up at run time can reach all of them.
_DYNAMIC = frozenset(
    "globals locals vars eval exec __import__ inspect linecache modules __dict__ __globals__ "
    "__code__ __doc__".split()
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Nodes = tuple[ast.AST | None, ...]


class _Effect(NamedTuple):
    """What gives a name its value, or changes it in place; `stored` makes the name local."""

    name: str
    stored: bool
    nodes: _Nodes


class _Scope:
    """The names of a function, class or module, and what gives each of them its value."""

    def __init__(self, parent: "_Scope | None", names: Iterable[str] = ()) -> None:
        self.parent = parent
        self.names = set(names)
        self.effects: dict[str, list[tuple[_Nodes, _Scope]]] = {}
        self.needed: set[str] = set()

    def owner(self, name: str) -> "_Scope":
        """The scope that the name belongs to when it is used here."""
        scope = self
        while scope.parent is not None and name not in scope.names:
            scope = scope.parent
        return scope


def reaching(tree: ast.Module, function: str) -> list[ast.AST]:
    """The expressions, and patterns of `match`, that can reach the function's value."""
    return _Slicer(tree).run(function)


class _Slicer:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._module = _Scope(None)
        self._found: list[ast.AST] = []
        self._queue: list[tuple[ast.AST, _Scope]] = []
        self._done: set[int] = set()
        self._followed: set[int] = set()
        self._raised: list[tuple[_Nodes, _Scope]] = []  # reaches a value only where it is caught
        self._catches = False
        self._enter(tree.body, self._module)

    def run(self, function: str) -> list[ast.AST]:
        self._need(self._module, function)
        while self._queue or (self._catches and self._raised):
            if not self._queue:
                self._use(*self._raised.pop())
                continue
            node, scope = self._queue.pop()
            if isinstance(node, _Function):
                self._reach_function(node, scope)
            elif isinstance(node, ast.ClassDef):
                self._reach_class(node, scope)
            else:
                self._found.append(node)
                self._follow(node, scope)
        return self._found

    def _use(self, nodes: _Nodes, scope: _Scope) -> None:
        for node in nodes:
            if node is not None and id(node) not in self._done:
                self._done.add(id(node))
                self._queue.append((node, scope))

    def _need(self, scope: _Scope, name: str) -> None:
        owner = scope.owner(name)
        if name not in owner.needed:
            owner.needed.add(name)
            for nodes, where in owner.effects.get(name, ()):
                self._use(nodes, where)

    def _follow(self, expression: ast.AST, scope: _Scope) -> None:
        """Needs the names in an expression; those of lambdas and comprehensions count as outer."""
        waiting = [expression]
        while waiting:
            node = waiting.pop()
            if id(node) in self._followed:  # expressions of the slice may lie inside each other
                continue
            self._followed.add(id(node))
            waiting.extend(children(node))
            name = ""
            if isinstance(node, ast.Name):
                name = node.id
                self._need(scope, name)
            elif isinstance(node, ast.Attribute):
                name = node.attr
            if name in _DYNAMIC:
                self._use_everything()

    def _use_everything(self) -> None:
        for name in list(self._module.effects):
            self._need(self._module, name)
        texts = (node.value for node in walk(self._tree) if isinstance(node, ast.Expr))
        self._use(tuple(text for text in texts if isinstance(text, ast.Constant)), self._module)

    def _reach_function(self, node: _Function, scope: _Scope) -> None:
        given = node.args
        self._use((*given.defaults, *given.kw_defaults, *node.decorator_list), scope)
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        names = [argument.arg for argument in arguments if argument is not None]
        inner = _Scope(scope, names)
        self._enter(node.body, inner)
        for name in names:  # the caller sees what is changed in place
            self._need(inner, name)

    def _reach_class(self, node: ast.ClassDef, scope: _Scope) -> None:
        keywords = (keyword.value for keyword in node.keywords)
        self._use((*node.bases, *keywords, *node.decorator_list), scope)
        inner = _Scope(scope)
        self._enter(node.body, inner)
        for name in list(inner.effects):
            self._need(inner, name)

    def _enter(self, body: list[ast.stmt], scope: _Scope) -> None:
        """Registers what a body's statements do to names, and uses what the body returns."""
        effects: list[_Effect] = []
        shared: set[str] = set()
        waiting: list[tuple[ast.AST, _Nodes]] = [(statement, ()) for statement in body]
        while waiting:
            node, controls = waiting.pop()
            if isinstance(node, _Function | ast.ClassDef):
                effects.append(_Effect(node.name, True, (node, *controls)))
            elif isinstance(node, ast.Global | ast.Nonlocal):
                shared.update(node.names)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = ((alias.asname or alias.name).split(".")[0] for alias in node.names)
                effects.extend(_Effect(name, True, ()) for name in names)
            else:
                header, inside = _parts(node)
                if isinstance(node, ast.Try | ast.TryStar):
                    self._catches = True
                if inside:
                    controls = (*controls, *header)
                    effects.extend(_bound(node, controls))
                    waiting.extend((statement, controls) for statement in inside)
                else:
                    self._simple(node, controls, scope, effects)
                for part in header:
                    self._hidden(part, controls, scope, effects)
        scope.names.update(effect.name for effect in effects if effect.stored)
        scope.names.difference_update(shared)
        for effect in effects:
            owner = scope.owner(effect.name)
            owner.effects.setdefault(effect.name, []).append((effect.nodes, scope))
            if effect.name in owner.needed:
                self._use(effect.nodes, scope)

    def _simple(
        self, node: ast.AST, controls: _Nodes, scope: _Scope, effects: list[_Effect]
    ) -> None:
        """A statement that holds no others."""
        if isinstance(node, ast.Return):
            self._use((node.value, *controls), scope)
        elif isinstance(node, ast.Break | ast.Continue):
            self._use(controls, scope)
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            where = [target for target in targets if not isinstance(target, ast.Name)]
            nodes = (node.value, *where, *controls)  # y[mask > 2.5] = ... depends on the mask
            effects.extend(e for target in targets for e in _stores(target, nodes))
        elif isinstance(node, ast.Raise | ast.Assert):
            self._raised.append(((*_carried(node), *controls), scope))
        elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            called = _called(node.value)
            if called in _SILENT:
                return
            # What is called for its effect may change whatever it is given.
            nodes = (node.value, *controls)
            names = {n.id for n in walk(node.value) if isinstance(n, ast.Name)}
            effects.extend(_Effect(name, False, nodes) for name in names)
            # A function of the program itself may change what it is not given.
            if called in names:
                self._use(nodes, scope)

    def _hidden(
        self, part: ast.AST, controls: _Nodes, scope: _Scope, effects: list[_Effect]
    ) -> None:
        """What an expression does besides having a value."""
        for node in walk(part):
            if isinstance(node, ast.NamedExpr):
                effects.extend(_stores(node.target, (node.value, *controls)))
            elif isinstance(node, ast.Yield | ast.YieldFrom):
                self._use((node.value, *controls), scope)
            elif isinstance(node, ast.Call):
                changed = [keyword.value for keyword in node.keywords if keyword.arg == "out"]
                if isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
                    changed.append(node.func.value)
                for target in changed:
                    names = [n.id for n in walk(target) if isinstance(n, ast.Name)]
                    effects.extend(_Effect(name, False, (node, *controls)) for name in names)


def _parts(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """A statement's own expressions, and the statements inside it."""
    header: list[ast.AST] = []
    inside: list[ast.AST] = []
    if isinstance(node, ast.With | ast.AsyncWith):
        header = [i.context_expr for i in node.items if _called(i.context_expr) not in _SILENT]
        return header, [*node.body]
    for child in children(node):
        if isinstance(child, ast.ExceptHandler):
            inside.extend(child.body)
        elif isinstance(child, ast.stmt | ast.match_case):
            inside.append(child)
        elif not isinstance(node, ast.For | ast.AsyncFor) or child is not node.target:
            header.append(child)
    return header, inside


def _bound(node: ast.AST, nodes: _Nodes) -> Iterator[_Effect]:
    """Names that a compound statement gives a value."""
    if isinstance(node, ast.For | ast.AsyncFor):
        yield from _stores(node.target, nodes)
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if item.optional_vars is not None:
                yield from _stores(item.optional_vars, (item.context_expr, *nodes))
    elif isinstance(node, ast.match_case):
        for part in walk(node.pattern):
            for field in ("name", "rest"):
                if isinstance(name := getattr(part, field, None), str):
                    yield _Effect(name, True, nodes)


def _stores(target: ast.AST, nodes: _Nodes) -> Iterator[_Effect]:
    """The names that an assignment to the target stores, or whose contents it changes."""
    waiting = [target]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Name):
            yield _Effect(part.id, True, nodes)
        elif isinstance(part, ast.Tuple | ast.List):
            waiting.extend(part.elts)
        elif isinstance(part, ast.Starred):
            waiting.append(part.value)
        else:  # x[i], x.a, f(x)[i]
            names = (node.id for node in walk(part) if isinstance(node, ast.Name))
            yield from (_Effect(name, False, nodes) for name in names)


def _carried(node: ast.Raise | ast.Assert) -> list[ast.AST]:
    """What a raised exception can carry to whoever catches it, messages left out."""
    if isinstance(node, ast.Assert):
        return [node.test]
    if not isinstance(node.exc, ast.Call):
        return [node.exc] if node.exc is not None else []
    texts = (ast.JoinedStr, ast.Constant)
    return [
        argument
        for argument in node.exc.args
        if not isinstance(argument, texts)
        or (isinstance(argument, ast.Constant) and not isinstance(argument.value, str))
    ]


def _called(node: ast.AST) -> str:
    """The name of the function that a call calls; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    func = node.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
