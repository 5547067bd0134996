"""What runs inside the sandboxed child of a tracer: the evaluation's harness, which traces too.

For the `op` that is `trace`, the header's `shape` is that of the parameters, and `group` is what a
law with frozen constants is asked for. The answer is one frame whose body is JSON, either
{"nodes": [[operation, argument, ...], ...], "roots": [a node for each target]}, or
{"untraceable": words, "line": the program's line or null}.
"""

import importlib
import importlib.util
import json
import os
import sys
from types import ModuleType
from typing import Any

import numpy as np


def _load(name: str, path: str, **more: Any) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path, **more)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_HERE = os.path.dirname(os.path.abspath(__file__))
_evaluation = os.path.join(os.path.dirname(_HERE), "evaluation", "harness.py")
_base = _load("evaluation_harness", _evaluation)
_load("tracing", os.path.join(_HERE, "__init__.py"), submodule_search_locations=[_HERE])
_nodes = importlib.import_module("tracing.nodes")
_arrays = importlib.import_module("tracing.arrays")
_facade = importlib.import_module("tracing.facade")


def _rows(features: int, targets: int, shape: list[int]) -> int:
    """As many rows as nothing else has, so that a law which asks for shapes cannot mistake them."""
    taken = {features, targets, *shape, int(np.prod(shape))}
    return next(n for n in range(3, 100) if n not in taken)


def _predictions(header: dict[str, Any]) -> Any:
    """What the law gives for symbols: an array of objects, (rows, targets)."""
    features, targets, shape = header["features"], header["targets"], header["shape"]
    count = _rows(len(features), len(targets), shape)
    cells = [[_nodes.feature(r, j) for j in range(len(features))] for r in range(count)]
    numbers = [_nodes.parameter(i) for i in range(int(np.prod(shape)))]
    vars(_base)["builtins"] = _facade.traced_builtins()  # what the program is loaded with
    _facade.trace_numpy()
    program = _base._load(header)
    _base._seed()
    if header["kind"] == "law":
        rows = [dict(zip(features, row, strict=True)) for row in cells]
        answer = [[row[name] for name in targets] for row in program.law(rows, header["group"])]
        value = np.asarray(answer)
    else:
        params = np.ndarray.view(np.empty(shape, object), _arrays.Traced)
        _arrays.plain(params).reshape(-1)[:] = numbers
        value = np.asarray(program.scaling_law_func(_arrays.array_of(cells), params))
    wanted = [(count, len(targets))] + [(count,)] * (len(targets) == 1)
    if value.shape not in wanted:
        raise _nodes.Untraceable(f"the prediction has shape {value.shape} instead of {wanted[-1]}")
    return _arrays.bare(value).reshape(count, len(targets))


def _of_any_row(roots: list[Any]) -> dict[str, Any]:
    """The nodes that the roots, all of one row, are made of; features have lost their row."""
    own = [_nodes.index_of(_nodes.number(root)) for root in roots]
    needed, waiting = set(own), list(own)
    while waiting:
        node = _nodes.nodes[waiting.pop()]
        if node[0] not in ("x", "p", "c"):
            fresh = set(node[1:]) - needed
            needed |= fresh
            waiting += fresh
    place: dict[int, int] = {}
    known: dict[tuple[Any, ...], int] = {}
    for index in sorted(needed):
        operation, *rest = _nodes.nodes[index]
        if operation == "x":
            rest = rest[1:]
        elif operation not in ("p", "c"):
            rest = [place[part] for part in rest]
        place[index] = known.setdefault((operation, *rest), len(known))
    return {"nodes": [list(node) for node in known], "roots": [place[root] for root in own]}


def _traced(header: dict[str, Any]) -> dict[str, Any]:
    values = _predictions(header)
    for root in values.flat:
        index = _nodes.index_of(_nodes.number(root))
        if index in _nodes.mixed_in:
            return {
                "untraceable": "the prediction for a row depends on other rows",
                "line": _nodes.mixed_in[index],
            }
    first, *others = (_of_any_row(list(row)) for row in values)
    if any(_spelled(other) != _spelled(first) for other in others):
        return {"untraceable": "the formula differs from row to row", "line": None}
    return first


def _spelled(formula: dict[str, Any]) -> list[Any]:
    """The formula in an order that does not depend on when its nodes were first met."""
    nodes = formula["nodes"]
    spelled: list[Any] = []
    names: dict[int, int] = {}
    waiting = list(reversed(formula["roots"]))
    while waiting:
        index = waiting.pop()
        if index in names:
            spelled.append(names[index])
            continue
        names[index] = len(names)
        operation, *rest = nodes[index]
        spelled.append((operation, *(rest if operation in ("x", "p", "c") else ())))
        if operation not in ("x", "p", "c"):
            waiting += reversed(rest)
    return spelled


def _program_line(error: BaseException) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _nodes.PROGRAM:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _trace(channel: Any, header: dict[str, Any], _: np.ndarray) -> None:
    try:
        answer = _traced(header)
    except _nodes.Untraceable as reason:
        answer = {"untraceable": str(reason), "line": _program_line(reason)}
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        words = f"tracing stopped with {type(error).__name__}: {text}"
        answer = {"untraceable": words, "line": _program_line(error)}
    channel.send({}, json.dumps(answer).encode())


_base._OPERATIONS["trace"] = _trace
run = _base.run
