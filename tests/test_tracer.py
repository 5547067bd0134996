"""Formulas of whole programs: published ones, our own, and those that try to lie."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts import small_task

from sldagent import api
from sldagent.data.sources import load_train
from sldagent.errors import UsageError
from sldagent.formula import Formula, _roman
from sldagent.program import Program
from sldagent.proposing.symbolic import seeds
from sldagent.sandbox.protocol import Sandbox
from sldagent.sandboxes import open_tracer
from sldagent.tracer import NotTraceable, Tracing, trace_group

TASKS = (
    "data_constrained", "domain_mixture", "easy_question", "lr_bsz", "moe", "parallel", "sft",
    "vocab",
)  # fmt: skip


@pytest.fixture(scope="module")
def tracer() -> Iterator[Sandbox]:
    with open_tracer() as sandbox:
        yield sandbox


def published(shared: Path, page: str, first: str, last: str) -> Program:
    text = next((shared.parent / "seeds").glob(page)).read_text("utf-8")
    return Program(text[text.index(first) : text.index(last) + len(last)] + "\n")


def small(tracer: Sandbox, program: Program, params: object = None) -> Tracing:
    return trace_group(program, small_task.task(), small_task.table(), params, tracer)  # type: ignore[arg-type]


def formula(found: Tracing) -> Formula:
    assert isinstance(found, Formula), str(found)
    return found


def reason(found: Tracing) -> str:
    assert isinstance(found, NotTraceable)
    return found.reason


def test_published_program(tracer: Sandbox, shared_data: Path) -> None:
    program = published(shared_data, "004_*.txt", "# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END")
    task = api.load_task("data_constrained")
    rows = load_train(task, shared_data)
    params = [1.8, 3.0, 0.3, 4.0, 0.35, 5.0, 0.4]
    found = formula(trace_group(program, task, rows, params, tracer))
    space: dict[str, object] = {}
    exec(program.source, space)
    wanted = space["scaling_law_func"](rows.x, np.array(params))  # type: ignore[operator]
    assert np.allclose(found.evaluate(rows.x, params)[:, 0], wanted, rtol=1e-12, atol=0)
    assert found.text() == (
        "loss = p0 + exp(p1)/Max(1.0e-8, unique_tokens)**p2 + exp(p3)/Max(1.0e-8, params)**p4"
        " + exp(p5)/Max(1.0e-8, tokens)**p6"
    )


def test_published_law(tracer: Sandbox, shared_data: Path) -> None:
    program = published(shared_data, "003_*.txt", "import numpy as np", "return results")
    task = api.load_task("lr_bsz")
    rows = load_train(task, shared_data)
    found = formula(trace_group(program, task, rows, None, tracer))
    space: dict[str, object] = {}
    exec(program.source, space)
    points = [dict(zip(task.feature_names, row, strict=True)) for row in rows.x.tolist()]
    answers = space["law"](points, "all_data")  # type: ignore[operator]
    wanted = [row[task.target_names[0]] for row in answers]
    assert np.allclose(found.evaluate(rows.x, [])[:, 0], wanted, rtol=1e-12, atol=0)


def test_fits_where_no_parameters_are_given(tracer: Sandbox) -> None:
    found = formula(small(tracer, small_task.HONEST))
    law = small_task.TRUTH["web"]
    points = small_task.table().x[:5]
    assert np.allclose(found.evaluate(points, law)[:, 0], small_task.law(points, law))
    assert found.text(digits=3).startswith("loss = p0 + ")


def test_parameters_come_by_group(tracer: Sandbox) -> None:
    assert formula(small(tracer, small_task.HONEST, small_task.TRUTH)).shape == (4,)
    with pytest.raises(UsageError, match="no group 'paper'"):
        trace_group(small_task.HONEST, small_task.task(), small_task.table(), None, tracer, "paper")


def test_constants_are_put_in_and_rounded_for_reading_only(tracer: Sandbox) -> None:
    law = "\ndef scaling_law_func(x, p):\n    return p[0] + p[1] * x[:, 0] ** -p[2]\n"
    found = formula(small(tracer, small_task.program(law), [2.0, 123.456789, 0.3]))
    assert found.text() == "loss = p0 + p1/size**p2"
    assert found.text([2.0, 123.456789, 0.3]) == "loss = 123.5/size**0.3 + 2"
    assert found.latex([2.0, 1.5, 0.3]) == (r"\mathrm{loss} = \frac{1.5}{\mathrm{size}^{0.3}} + 2")
    size = found.feature_symbols[0]
    exactly = found.substituted([2.0, 123.456789, 0.3])[0].subs(size, 1)
    assert float(exactly) == pytest.approx(125.456789, rel=1e-14)
    with pytest.raises(UsageError, match="3 parameters, not 2"):
        found.text([1.0, 2.0])


def test_a_program_that_lies_when_it_is_traced_is_found_out(tracer: Sandbox) -> None:
    lies = "p[0] + x[:, 0] if type(x[0, 0]).__name__ == 'Symbolic' else y"
    assert "where the program gives" in reason(small(tracer, small_task.predicting(lies)))


ANSWERS = {
    "no JSON": "b'{'",
    "nested without end": "b'[' * 1000000",
    "nothing": "b''",
    "a list": "b'[]'",
    "another formula": 'b\'{"nodes": [["c", 1.0]], "roots": [0]}\'',
    "a name": 'b\'{"nodes": [["__import__", 0]], "roots": [0]}\'',
    "a line that is none": 'b\'{"untraceable": "no", "line": [1e9]}\'',
    "a line beyond": 'b\'{"untraceable": "no", "line": 99999}\'',
    "words that draw on the screen": 'b\'{"untraceable": "\\\\u001b[2J", "line": 1}\'',
}


@pytest.mark.parametrize("name", ANSWERS)
def test_forged_answers_are_refused(tracer: Sandbox, name: str) -> None:
    top = f"""
import sys
if hasattr(np.c_, '_plain'):  # only where it is traced
    frame = sys._getframe()
    while 'channel' not in frame.f_locals:
        frame = frame.f_back
    channel = frame.f_locals['channel']
    channel.send({{}}, {ANSWERS[name]})
    channel.send({{'done': True}})
    import os
    os._exit(0)
"""
    found = small(tracer, small_task.program(top=top), [1.0, 1.0, 0.3, 1.0])
    assert isinstance(found, NotTraceable)
    assert str(found).isprintable()
    assert found.line in (None, 1)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(:", "does not parse"),
        ("x = 1", "lacks scaling_law_func() and fit_scaling_law()"),
        (
            "def scaling_law_func(x, p):\n    while True: pass\n"
            "def fit_scaling_law(x, y): return [1.0]",
            "CPU seconds",
        ),
        ("def scaling_law_func(x, p):\n    import os; os._exit(3)\n"
         "def fit_scaling_law(x, y): return [1.0]", "exit status 3"),
        ("def scaling_law_func(x, p): pass\ndef fit_scaling_law(x, y): return [float('nan')]",
         "not finite"),
    ],
)  # fmt: skip
def test_programs_that_do_not_work(
    tracer: Sandbox, source: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from sldagent import tracer as module

    monkeypatch.setattr(module, "_LIMITS", dataclasses.replace(module._LIMITS, cpu_seconds=1.0))
    assert words in reason(small(tracer, Program(source)))


def test_from_the_api(shared_data: Path) -> None:
    task = api.load_task("data_constrained")
    program = seeds(task, load_train(task, str(shared_data)))[0].program
    found = formula(api.formula(program, "data_constrained", data=str(shared_data)))
    assert found.text().startswith("loss = ")


def test_names_stay_readable_in_latex() -> None:
    assert _roman("Val Loss") == r"\mathrm{Val\ Loss}"
    assert _roman("n_params") == r"\mathrm{n\_params}"
    assert _roman("N") == "N"
