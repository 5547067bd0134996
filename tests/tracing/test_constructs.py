"""Every construct that laws are written with is traced; what no formula can say is refused."""

import textwrap
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tracing.constructs import CONSTRUCTS, REFUSED, Construct

from sldagent.formula import Formula
from sldagent.program import Program
from sldagent.sandbox.protocol import Sandbox
from sldagent.sandboxes import open_tracer
from sldagent.task import Column, Role, Task
from sldagent.tracer import NotTraceable, trace

POINTS = np.exp(np.random.default_rng(1).uniform(0.1, 4.5, (60, 3)))


def task(targets: int = 1) -> Task:
    features = tuple(map(Column, ("size", "tokens", "unique_tokens"), (Role.SIZE,) * 3))
    names = ("loss", "accuracy")[:targets]
    return Task("three", "Three", "", features, tuple(map(Column, names)), ())


def program(law: str, top: str = "") -> Program:
    body = textwrap.indent(law, "    ")
    return Program(
        f"import math\nimport numpy as np\n{top}\n\ndef scaling_law_func(x, p):\n{body}\n\n"
        "def fit_scaling_law(x, y):\n    return None\n"
    )


@pytest.fixture(scope="module")
def tracer() -> Iterator[Sandbox]:
    with open_tracer() as sandbox:
        yield sandbox


def traced(tracer: Sandbox, case: Construct) -> Formula | NotTraceable:
    return trace(program(case.law, case.top), task(case.targets), case.params, POINTS, tracer)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_traces(tracer: Sandbox, name: str) -> None:
    case = CONSTRUCTS[name]
    found = traced(tracer, case)
    assert isinstance(found, Formula), str(found)
    space: dict[str, object] = {}
    exec(program(case.law, case.top).source, space)
    wanted = space["scaling_law_func"](POINTS.copy(), np.array(case.params))  # type: ignore[operator]
    given = found.evaluate(POINTS, case.params)
    assert np.allclose(given, np.reshape(wanted, given.shape), rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_the_line(tracer: Sandbox, name: str) -> None:
    law, line, words = REFUSED[name]
    made = program(law)
    found = trace(made, task(), (2.0, 1.5, 0.3, 0.2), POINTS, tracer)
    assert isinstance(found, NotTraceable), found.text()
    assert words in found.reason
    if line:
        assert found.line is not None
        assert found.source.startswith(line)
        assert made.source.split("\n")[found.line - 1].strip() == found.source
        assert f"line {found.line}" in str(found)
    else:
        assert found.line is None


def test_traces_in_milliseconds(tracer: Sandbox) -> None:
    case = CONSTRUCTS["exp of log"]
    traced(tracer, case)
    start = time.perf_counter()
    for _ in range(5):
        traced(tracer, case)
    assert (time.perf_counter() - start) / 5 < 1.0
