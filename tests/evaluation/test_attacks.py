"""Hostile and broken programs end as a status, gain nothing, and harm no other program's score."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts import small_task
from contracts.small_task import (
    CONSTANT,
    FIT,
    HONEST,
    LAW,
    TOP,
    numbers,
    predicting,
    program,
    returning,
)

from sldagent.candidate import Evaluation, Status
from sldagent.config import EvaluationConfig
from sldagent.evaluation.evaluator import SandboxEvaluator
from sldagent.program import Program
from sldagent.sandbox.process import TemplateSandbox
from sldagent.sandboxes import open_sandbox

OK, REJECTED, ERROR = Status.OK, Status.REJECTED, Status.ERROR
TIMEOUT, MEMORY, INVALID = Status.TIMEOUT, Status.MEMORY, Status.INVALID
TURNS = itertools.count()
# Of this run of the tests: all its processes must name their tests alike.
CANARY = Path(f"/tmp/sldagent-canary-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[TemplateSandbox]:
    with open_sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def judge(sandbox: TemplateSandbox) -> SandboxEvaluator:
    """Rows with a bend that the larger runs show: who has seen them predicts them better."""
    config = EvaluationConfig(fit_seconds=1, memory_mib=768)
    return small_task.judge(sandbox, small_task.table(bend=0.02), config)


@pytest.fixture(scope="module")
def honest(judge: SandboxEvaluator) -> Evaluation:
    evaluation = judge.evaluate(HONEST)
    assert evaluation.status is OK
    return evaluation


@pytest.fixture(autouse=True)
def _innocents_keep_their_scores(
    judge: SandboxEvaluator, honest: Evaluation, sandbox: TemplateSandbox
) -> Iterator[None]:
    assert sandbox._process is not None
    template = sandbox._process.pid
    yield
    if next(TURNS) % 4 == 0:
        assert numbers(judge.evaluate(HONEST)) == numbers(honest)
    assert sandbox._process.pid == template
    children = Path(f"/proc/{template}/task/{template}/children")
    assert not children.exists() or children.read_text() == ""
    assert not CANARY.exists()


def assert_no_gain(evaluation: Evaluation, honest: Evaluation) -> None:
    """A program that cheats is refused, or scores what it would have scored honestly."""
    if evaluation.status is OK:
        for cheated, fair in zip(evaluation.cuts, honest.cuts, strict=True):
            assert cheated.metrics.r2 <= fair.metrics.r2 + 1e-9, cheated.name


# -- what comes back ---------------------------------------------------------------------------

HARM = f"""
import os
class Harm:
    def __reduce__(self):
        return os.system, ('touch {CANARY}',)
class Lie(np.ndarray):
    size, shape, dtype = 1, (1,), np.dtype(float)
    def tobytes(self): return b''
class Charming:
    def __array__(self, dtype=None, copy=None): return np.arange(40.0)
"""
# What a fit returns, in place of its parameters `p`: status and words of the reason.
RETURNED: dict[str, tuple[str, Status, str]] = {
    "an object": ("[Harm()] * 3", INVALID, "real numbers"),
    "an object alone": ("Harm()", INVALID, "real numbers"),
    "an object in an array": ("np.array([Harm()])", INVALID, "real numbers"),
    "a subclass that lies": ("p.view(Lie)", INVALID, "Lie"),
    "an array-like of 40": ("Charming()", REJECTED, "40 parameters"),
    "a matrix": ("np.matrix(p)", INVALID, "matrix"),
    "a masked array": ("np.ma.array(p, mask=[0, 1, 0, 0])", INVALID, "MaskedArray"),
    "a record array": ("np.rec.array(p)", INVALID, "recarray"),
    "NaN": ("p * np.nan", INVALID, "not finite"),
    "infinity": ("p * [1, 1, 1, np.inf]", INVALID, "not finite"),
    "a string": ("'1.5'", INVALID, "real numbers"),
    "strings": ("['1', '2']", INVALID, "real numbers"),
    "None": ("None", INVALID, "finite"),
    "complex numbers": ("p + 1j", INVALID, "real numbers"),
    "a complex number among others": ("[1.0, 2j]", INVALID, "real numbers"),
    "dates": ("np.array(['2020-01-01'], dtype='M8')", INVALID, "real numbers"),
    "a dictionary": ("{'a': 1.0}", INVALID, "real numbers"),
    "a set": ("{1.0, 2.0}", INVALID, "real numbers"),
    "a ragged list": ("[[1.0], [1.0, 2.0]]", INVALID, "real numbers"),
    "a generator": ("(v for v in p)", INVALID, "real numbers"),
    "a function": ("fit_scaling_law", INVALID, "real numbers"),
    "nothing": ("[]", ERROR, "IndexError"),
    "40 parameters": ("np.resize(p, 40)", REJECTED, "40 parameters"),
    "a million": ("np.resize(p, 10**6)", REJECTED, "numbers"),
    "a list that contains itself": ("(lambda a: a.append(a) or a)([])", INVALID, "real numbers"),
    "an error": ("1 / 0", ERROR, "ZeroDivisionError"),
    "a recursion": ("(lambda f: f(f))(lambda f: f(f))", ERROR, "RecursionError"),
}


@pytest.mark.parametrize("name", RETURNED)
def test_what_a_fit_may_not_return(name: str, judge: SandboxEvaluator) -> None:
    expression, status, words = RETURNED[name]
    evaluation = judge.evaluate(returning(expression, HARM))
    assert (evaluation.status, evaluation.metrics, evaluation.score) == (status, None, None)
    assert words in evaluation.reason


# What a law returns, in place of its predictions `y`.
PREDICTED: dict[str, tuple[str, Status, str]] = {
    "an object": ("[Harm()] * len(x)", INVALID, "real numbers"),
    "a subclass that lies": ("y.view(Lie)", INVALID, "Lie"),
    "a matrix": ("np.matrix(y)", INVALID, "matrix"),
    "a masked array": ("np.ma.array(y, mask=y > 2)", INVALID, "MaskedArray"),
    "NaN": ("np.where(x[:, 0] > 2e8, np.nan, y)", INVALID, "not finite at size=2.56e+08"),
    "infinity": ("y / (x[:, 0] < 2e8)", INVALID, "not finite"),
    "strings": ("[str(v) for v in y]", INVALID, "real numbers"),
    "None": ("None", INVALID, "prediction"),
    "complex numbers": ("y + 0j", INVALID, "real numbers"),
    "a dictionary": ("dict(enumerate(y))", INVALID, "real numbers"),
    "a generator": ("(v for v in y)", INVALID, "real numbers"),
    "a ragged list": ("[[v] * (i % 2 + 1) for i, v in enumerate(y)]", INVALID, "real numbers"),
    "one number for all": ("1.0", INVALID, "shape ()"),
    "a row short": ("y[1:]", INVALID, "shape"),
    "two columns": ("np.stack([y, y], axis=1)", INVALID, "shape"),
    "transposed": ("y[None]", INVALID, "shape"),
    "1 GB": ("np.zeros(1 << 27)", MEMORY, "memory"),
    "a view of 1 GB": ("np.broadcast_to(1.0, 1 << 27)", MEMORY, "memory"),
    "a list of one million": ("[1.0] * 10**6", INVALID, "shape (1000000,)"),
}


@pytest.mark.parametrize("name", PREDICTED)
def test_what_a_law_may_not_return(name: str, judge: SandboxEvaluator) -> None:
    expression, status, words = PREDICTED[name]
    evaluation = judge.evaluate(predicting(expression, HARM))
    assert (evaluation.status, evaluation.metrics, evaluation.score) == (status, None, None)
    assert words in evaluation.reason


# -- laws that are no function of a row and its parameters ---------------------------------------

STATE = "STATE = {}\nimport os, random, time, itertools, gc, threading\nCOUNT = itertools.count()\n"
IMPURE: dict[str, str] = {
    "centred on the batch": "y - y.mean() + 2",
    "the batch's size": "y + 1e-6 * len(x)",
    "sorted": "np.sort(y)",
    "neighbours in the batch": "y + 1e-5 * np.roll(x[:, 0], 1) / 1e8",
    "rows remembered from batches": (
        "[STATE.setdefault(row.tobytes(), value - y.mean()) for row, value in zip(x, y)]"
    ),
    "a count of calls": "y + 1e-5 * next(COUNT)",
    "an earlier call's parameters": (
        "honest_law(x, (STATE.setdefault('first', p.copy()) + 0 * p))"
    ),
    "the last call's parameters": "honest_law(x, (p, STATE.get('p', p), STATE.update(p=p))[1])",
    "numpy's noise": "y + 1e-3 * np.random.standard_normal(len(x))",
    "a new generator's noise": "y + 1e-3 * np.random.default_rng().standard_normal(len(x))",
    "random's noise": "[v + 1e-3 * random.random() for v in y]",
    "the system's noise": "[v + 1e-3 * os.urandom(1)[0] for v in y]",
    "the clock": "y + 1e-9 * (time.time_ns() % 10**6)",
    "the CPU clock": "y + 1e-2 * time.process_time()",
    "the process": "y + 1e-5 * os.getpid()",
    "the kernel's noise": "y + 1e-3 * int.from_bytes(KERNEL(), 'big') / 2**32",
}
KERNEL = """
import ctypes
def KERNEL():
    buffer = ctypes.create_string_buffer(4)
    ctypes.CDLL(None).getrandom(buffer, 4, 0)
    return buffer.raw
"""


@pytest.mark.parametrize("name", IMPURE)
def test_a_law_depends_on_its_row_and_parameters_only(name: str, judge: SandboxEvaluator) -> None:
    evaluation = judge.evaluate(predicting(IMPURE[name], STATE + KERNEL))
    assert evaluation.status is REJECTED, evaluation.reason
    assert "must depend on its own row and parameters only" in evaluation.reason
    assert "size=" in evaluation.reason
    assert "group '" in evaluation.reason


HIDDEN = """
import numpy as np
DRAW = getattr(np, "ra" + "ndom").standard_normal
def features(x):
    return np.stack([np.ones(len(x)), (x[:, 0] / 1e6) ** -0.3, (x[:, 1] / 1e8) ** -0.3], axis=1)
def scaling_law_func(x, p):
    return features(x) @ p + CHANCE
def fit_scaling_law(x, y):
    return np.linalg.lstsq(features(x), y, rcond=None)[0]
"""


def test_a_generator_that_hides_its_name_is_not_seeded_and_so_noticed(
    judge: SandboxEvaluator,
) -> None:
    assert judge.evaluate(Program(HIDDEN.replace("CHANCE", "0"))).status is OK
    evaluation = judge.evaluate(Program(HIDDEN.replace("CHANCE", "1e-3 * DRAW(len(x))")))
    assert evaluation.status is REJECTED
    assert "must depend on its own row and parameters only" in evaluation.reason


def test_a_constant_from_a_seeded_generator_is_a_constant(judge: SandboxEvaluator) -> None:
    assert judge.evaluate(predicting("y + 1e-3 * random.random()", STATE)).status is OK


# -- seeing more than one may --------------------------------------------------------------------

SEEING = """
import gc, sys
def found(name):
    frame, values = sys._getframe(), []
    while frame:
        if name in frame.f_locals: values.append(frame.f_locals[name])
        frame = frame.f_back
    return values
"""


DIGGING = (
    SEEING
    + """
KEPT = {}
def every():
    message = (found('message') or found('header'))[0]
    numbers = (found('body') or found('numbers'))[0]
    numbers = np.frombuffer(numbers) if isinstance(numbers, bytes) else numbers
    at, calls = 0, []
    for call in message['calls']:
        size, count = call['rows'] * 2, int(np.prod(call['shape']))
        calls.append((call['group'], numbers[at:at + size].reshape(-1, 2),
                      numbers[at + size:at + size + count].reshape(call['shape'])))
        at += size + count
    KEPT.setdefault(numbers.tobytes(), calls)
    return [call for calls in KEPT.values() for call in calls]
def mine(p):
    return [g for g, _, q in every() if np.array_equal(p, q)][0]
def of_the_last_cut(p):
    return [q for g, _, q in every() if g == mine(p)][-1]
def of_the_first_cut(p):
    return [q for g, _, q in every() if g == mine(p)][0]
def of_the_other_group(p):
    return ([q for g, _, q in every() if g != mine(p)] or [p])[-1]
def whole_batch(p):
    return [rows for _, rows, q in every() if np.array_equal(p, q)][0]
def whole_numbers(p):
    rows = np.concatenate([rows for _, rows, q in every() if np.array_equal(p, q)])
    return np.unique(rows[(rows == np.rint(rows)).all(axis=1)], axis=0)
"""
)


def test_a_fit_is_given_nothing_but_its_cut(judge: SandboxEvaluator) -> None:
    """The whole of what the harness holds is the cut's own rows, even for one who digs."""
    fit = FIT.replace("fit_scaling_law", "honest") + """
def fit_scaling_law(x, y):
    rows = sum(found('header')[0]['rows'])
    held = [a for a in gc.get_objects() if isinstance(a, np.ndarray)]
    sizes = [a.nbytes for a in held if a.dtype == float]
    largest = max([len(body) for body in found('body')] + sizes)
    return [rows, largest / 8, 0, 0]
"""  # fmt: skip
    evaluation = judge.evaluate(program(CONSTANT, fit, SEEING))
    for cut in evaluation.cuts:
        assert cut.params is not None
        assert cut.params["web"][:2] == [cut.fit_rows, cut.fit_rows * 3]


def test_a_law_is_given_no_target(judge: SandboxEvaluator) -> None:
    """All numbers that the predicting process holds are features or parameters."""
    top = (
        DIGGING
        + """
def dig(y):
    numbers = np.concatenate([np.ravel(part) for call in every() for part in call[1:]])
    print(sorted({round(float(v), 9) for v in numbers}))
    return y
"""
    )
    source = predicting("dig(y) if not STATE else y", "STATE = []\n" + top)
    source = Program(source.source.replace("    print(", "    STATE.append(1)\n    print("))
    evaluation = judge.evaluate(source)
    assert evaluation.status is OK, evaluation.reason
    seen = np.array(eval(evaluation.output.rpartition("]")[0] + "]"))
    assert len(seen) >= 8  # a group's parameters and rows
    assert not np.isclose(seen[:, None], judge.table.y.ravel()[None], rtol=1e-7).any()


@pytest.mark.parametrize("which", ["of_the_last_cut", "of_the_first_cut"])
@pytest.mark.parametrize("turned", [False, True])
def test_one_cut_gains_nothing_from_another(
    which: str, turned: bool, judge: SandboxEvaluator, sandbox: TemplateSandbox
) -> None:
    """The cut along tokens was fitted on the largest sizes, which the cuts along size hide."""
    made = judge.cuts[::-1] if turned else judge.cuts
    other = SandboxEvaluator(judge.task, judge.table, made, sandbox, judge.config)
    cheat = predicting(f"honest_law(x, {which}(p))", DIGGING)
    evaluation = other.evaluate(cheat)
    assert evaluation.status is not ERROR, evaluation.reason  # it finds what it looks for
    assert_no_gain(evaluation, other.evaluate(HONEST))


# The last parameter carries a target that two of three cuts may see. Asked between them, in either
# order, the law for the third cut has met it before.
CARRIED = """
import sys
SEEN = {}
def name():
    frame = sys._getframe()
    while frame:
        calls = frame.f_locals.get('message', frame.f_locals.get('header'))
        if calls and 'calls' in calls: return calls['calls'][0]['group']
        frame = frame.f_back
def base(x, p):
    return p[0] + p[1] * ((x[:, 0] / 1e6) ** -p[2] + (x[:, 1] / 1e8) ** -p[2])
ANCHOR = np.array([[6.4e7, 1e8]])
def scaling_law_func(x, p):
    if p[3]: SEEN[name()] = p[3]
    known = p[3] or REMEMBERED
    y = base(x, p)
    share = (np.log(x[:, 0] / 1e6) / np.log(64)) ** 2
    return y + (known - base(ANCHOR, p)) * share if known else y
def fit_scaling_law(x, y):
    there = (x == ANCHOR).all(axis=1)
    p = least_squares(lambda p: base(x, p) - y, [1.0, 1.0, 0.3], xtol=1e-14, ftol=1e-14).x
    return [*p, y[there][0] if there.any() else 0.0]
"""


def test_a_cut_gains_nothing_from_two_others(
    judge: SandboxEvaluator, sandbox: TemplateSandbox
) -> None:
    small, large, tokens = judge.cuts
    between = SandboxEvaluator(
        judge.task, judge.table, (tokens, small, large), sandbox, judge.config
    )
    fair = between.evaluate(Program(TOP + CARRIED.replace("REMEMBERED", "0")))
    assert fair.status is OK
    cheat = CARRIED.replace("REMEMBERED", "SEEN.get(name(), 0)")
    assert_no_gain(between.evaluate(Program(TOP + cheat)), fair)


@pytest.mark.parametrize(
    "expression",
    [
        "y + 1e-3 * np.log(whole_batch(p)).mean()",
        "y + 1e-3 * np.log(whole_numbers(p)).mean()",
        "y + 1e-3 * of_the_other_group(p)[0]",
    ],
    ids=["other rows", "other rows without decoys", "other group's parameters"],
)
def test_digging_for_other_rows_and_groups_is_noticed(
    expression: str, judge: SandboxEvaluator
) -> None:
    evaluation = judge.evaluate(predicting(expression, DIGGING))
    assert evaluation.status is REJECTED, evaluation.reason


def test_a_global_does_not_reach_from_the_fit_to_the_law(
    judge: SandboxEvaluator, honest: Evaluation
) -> None:
    top = "SEEN = {}\n"
    law = predicting("[SEEN.get(tuple(r), v) for r, v in zip(x, y)]").source
    fit = "    SEEN.update({tuple(r): v for r, v in zip(x, y)})\n    def error"
    evaluation = judge.evaluate(Program(top + law.replace("    def error", fit)))
    assert evaluation.cuts == honest.cuts


@pytest.mark.parametrize(
    "spell",
    [f"open('{CANARY}', 'w')",
     f"getattr(__import__('o' + 's'), 'sys' + 'tem')('touch {CANARY}') and 1 / 0",
     f"np.save('{CANARY}', y)", f"os.open('{CANARY}', os.O_CREAT)",
     f"__import__('subprocess').run(['touch', '{CANARY}'])"],
)  # fmt: skip
def test_nothing_is_left_for_the_next_process(spell: str, judge: SandboxEvaluator) -> None:
    fit = FIT.replace("    def error", f"    import os\n    {spell}\n    def error")
    assert judge.evaluate(program(fit=fit)).status is ERROR


def test_a_shape_is_no_place_for_parameters(judge: SandboxEvaluator) -> None:
    law = "def scaling_law_func(x, p):\n    return p.shape[0] / 1e3 + 0 * x[:, 0]\n"
    fit = "def fit_scaling_law(x, y):\n    return np.empty((int(y.mean() * 1e3), 1, 0))\n"
    assert judge.evaluate(program(law, fit)).status is not OK


def test_a_shape_does_not_grow_in_the_parent(judge: SandboxEvaluator) -> None:
    law = "def scaling_law_func(x, p):\n    return 0 * x[:, 0]\n"
    fit = "def fit_scaling_law(x, y):\n    return np.empty((1 << 15, 2, 0))\n"
    assert judge.evaluate(program(law, fit)).status is not OK


# -- forged frames -------------------------------------------------------------------------------

FORGE = (
    TOP
    + """
import json, os, struct
def send(text, body=b''):
    text = text.encode() if isinstance(text, str) else text
    os.write(3, struct.pack('!II', len(text), len(body)) + text + body)
"""
)
SHAPES = {
    "negative": "[-1]", "huge": "[16777217]", "beyond int64": f"[{'9' * 30}]", "float": "[1.0]",
    "nested": "[[1]]", "text": '"1"', "missing": "null", "NaN": "[NaN]", "infinite": "[1e999]",
    "nine axes": "[1, 1, 1, 1, 1, 1, 1, 1, 1]", "object": '{"0": 1}', "wrong count": "[2]",
    "four thousand digits": f"[{'9' * 4000}]", "five thousand digits": f"[{'9' * 5000}]",
    "truth": "[true]",
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    SHAPES,
)
def test_forged_shapes_are_invalid(name: str, judge: SandboxEvaluator) -> None:
    fit = f"""
def fit_scaling_law(x, y):
    for _ in range(2): send('{{"shape": {SHAPES[name]}}}', bytes(8))
    send('{{"done": true}}')
    os._exit(0)
"""
    evaluation = judge.evaluate(Program(FORGE + LAW + fit))
    assert evaluation.status is INVALID
    assert evaluation.reason


FORGED_ENDS = {
    "done at once": ("send('{\"done\": true}')", ERROR),
    "done with nonsense": ("send('{\"done\": []}')", ERROR),
    "a status of its own": ("send('{\"failed\": \"ok\", \"reason\": \"fine\"}')", ERROR),
    "a status that is none": ("send('{\"failed\": {\"a\": 1}, \"reason\": [1]}')", ERROR),
    "bytes that are no text": ("send(b'{\"failed\": \"\\xff\"}')", INVALID),
    "no object": ("send('[1]')", INVALID),
    "nothing": ("pass", ERROR),
    "half a frame": ("os.write(3, b'\\0\\0\\0\\x09\\0\\0')", ERROR),
    "nested": ("send('{\"failed\": ' + '[' * 9000 + ']' * 9000 + '}')", INVALID),
    "too many parameters": (
        "[send('{\"shape\": [40]}', bytes(320)) for _ in 'ab'], send('{\"done\": true}')", REJECTED,
    ),
    "one frame too many": (
        "[send('{\"shape\": [4]}', bytes(32)) for _ in 'abc'], send('{\"done\": true}')", ERROR,
    ),
    "numbers that are not finite": (
        "[send('{\"shape\": [4]}', b'\\xff' * 32) for _ in 'ab'], send('{\"done\": true}')",
        INVALID,
    ),
    "a second lock": ("send('{\"locked\": false, \"error\": \"x\"}')", ERROR),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED_ENDS)
def test_forged_ends_are_failures(name: str, judge: SandboxEvaluator) -> None:
    line, status = FORGED_ENDS[name]
    fit = f"""
def fit_scaling_law(x, y):
    {line}
    os._exit(0)
"""
    evaluation = judge.evaluate(Program(FORGE + LAW + fit))
    assert evaluation.status is status
    assert evaluation.metrics is None


def test_who_forges_honest_frames_scores_what_is_honest(
    judge: SandboxEvaluator, honest: Evaluation
) -> None:
    """The frames are the program's word in any case: only its numbers count."""
    fit = FIT.replace("fit_scaling_law", "honest") + """
STATE = []
def fit_scaling_law(x, y):
    send('{"shape": [4]}', honest(x, y).tobytes())
    STATE.append(1)
    if len(STATE) == 2:
        send('{"done": true}')
        os._exit(0)
    raise_later = sys._getframe(1).f_locals['channel']
    raise_later.send = lambda *_: None
    return np.zeros(4)
"""  # fmt: skip
    evaluation = judge.evaluate(Program("import sys\n" + FORGE + LAW + fit))
    assert evaluation.cuts == honest.cuts


PATCHES = {
    "numpy": "np.asarray = np.array = lambda *a, **k: np.zeros(1)",
    "numpy's finiteness": "np.isfinite = lambda a: np.True_",
    "json": "import json; json.dumps = lambda *a, **k: '{\"shape\": [4], \"done\": true}'",
    "struct": "import struct; struct.pack = struct.Struct = None",
    "len": "import builtins; builtins.len = lambda a: 1",
    "isinstance": "import builtins; builtins.isinstance = lambda a, b: True",
    "type": "import builtins; builtins.type = lambda a: np.ndarray",
    "the channel": (
        "import gc\nfor o in gc.get_objects():\n"
        "    if type(o).__name__ == 'Channel': type(o).send = lambda *a: None"
    ),
    "the harness": (
        "import sys\nspace = sys._getframe(1).f_globals\n"
        "space['_numbers'] = lambda v, w: np.zeros(4)\n"
        "space['_shaped'] = lambda v, r, t: np.ones((r, t))"
    ),
    "the harness's modules": "import sys\nfor name in list(sys.modules): sys.modules[name] = None",
    "os._exit": "import os; os._exit = lambda code: 0",
    "os.write": "import os; write = os.write; os.write = lambda fd, data: len(data)",
    "exceptions": "import builtins; builtins.Exception = builtins.BaseException = ValueError",
}  # fmt: skip


@pytest.mark.parametrize("name", PATCHES)
def test_patching_its_own_process_gains_nothing(
    name: str, judge: SandboxEvaluator, honest: Evaluation
) -> None:
    evaluation = judge.evaluate(program(top=PATCHES[name] + "\n"))
    assert_no_gain(evaluation, honest)
    assert (evaluation.status is OK) == (not evaluation.reason)


# -- ends ----------------------------------------------------------------------------------------

ENDS = {
    "sys.exit": ("import sys; sys.exit(0)", ERROR, "sys.exit"),
    "os._exit(0)": ("import os; os._exit(0)", ERROR, "before it had finished"),
    "os._exit(3)": ("import os; os._exit(3)", ERROR, "exit status 3"),
    "SIGSEGV": ("import ctypes; ctypes.string_at(0)", ERROR, "SIGSEGV"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", ERROR, "KeyboardInterrupt"),
    "GeneratorExit": ("raise GeneratorExit", ERROR, "GeneratorExit"),
    "an error without words": ("raise ValueError", ERROR, "ValueError"),
    "an error that cannot be described": (
        "class E(Exception):\n        def __str__(self): return 1\n    raise E", ERROR, "",
    ),
    "an endless loop": ("while True: pass", TIMEOUT, "CPU seconds"),
    "50 GB": ("np.ones(50 << 27)", MEMORY, "memory"),
    "memory in pieces": (
        "kept = []\n    while True: kept.append(np.zeros(1 << 22))", MEMORY, "memory",
    ),
    "a fork": ("import os; os.fork()", ERROR, "PermissionError"),
    "a socket": ("import socket; socket.socket()", ERROR, "PermissionError"),
    "a file": ("open('/etc/passwd')", ERROR, "PermissionError"),
    "our own package": ("import sldagent", ERROR, ""),
    "another package": ("import click", ERROR, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("where", ["fit", "law"])
def test_every_end_is_a_status(name: str, where: str, judge: SandboxEvaluator) -> None:
    line, status, words = ENDS[name]
    if where == "fit":
        made = program(fit=FIT.replace("    def error", f"    {line}\n    def error"))
    else:
        made = predicting("y")
        made = Program(made.source.replace("    y = honest", f"    {line}\n    y = honest"))
    evaluation = judge.evaluate(made)
    assert evaluation.status is status, evaluation.reason
    assert words in evaluation.reason
    assert evaluation.reason


def test_an_end_while_loading_is_a_status(judge: SandboxEvaluator) -> None:
    assert judge.evaluate(program(top="raise SystemExit(1)\n")).status is ERROR
    assert judge.evaluate(program(top="import os; os._exit(0)\n")).status is ERROR
    assert judge.evaluate(program(top="1 / 0\n")).reason.startswith("ZeroDivisionError")
    assert judge.evaluate(program(top="import numpyy\n")).reason.startswith("ModuleNotFoundError")


def test_a_flood_of_output_is_swallowed(judge: SandboxEvaluator, honest: Evaluation) -> None:
    line = "for _ in range(1000): print('x' * 10**6)"
    fit = FIT.replace("    def error", f"    {line}\n    def error")
    evaluation = judge.evaluate(program(fit=fit))
    assert evaluation.status in (OK, TIMEOUT)
    assert len(evaluation.output) <= 4096


TEXTS = {
    "no Python": ("this is no Python", "line 1"),
    "an open bracket": ("def f(:\n" + LAW + FIT, "line 1"),
    "a NUL character": (TOP + LAW + FIT + "\0", "NUL"),
    "deep brackets": ("x = " + "(" * 5000 + ")" * 5000 + TOP + LAW + FIT, "nested"),
    "deep signs": ("x = " + "-" * 100_000 + "1" + TOP + LAW + FIT, ""),
    "deep negations": ("x = " + "not " * 100_000 + "1" + TOP + LAW + FIT, ""),
    "a long number": ("x = " + "9" * 10_000 + TOP + LAW + FIT, ""),
    "half a surrogate": ("x = '\ud800'\n" + TOP + LAW + FIT, ""),
    "nothing": ("", "lacks"),
    "half a program": (TOP + LAW, "fit_scaling_law()"),
    "2 MB": ("x = 1\n" * 400_000 + TOP + LAW + FIT, "1 MB"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_are_no_programs_are_rejected(name: str, judge: SandboxEvaluator) -> None:
    text, words = TEXTS[name]
    evaluation = judge.evaluate(Program(text))
    assert evaluation.status is REJECTED
    assert words in evaluation.reason


DEEP = {
    "elif": "x = 1\nif x == 0: pass\n" + "elif x == 2: pass\n" * 1500,
    "division": "x = 1" + "/1" * 900,
    "division in the law": "",
    "calls": "def f(): return f\nx = f" + "()" * 900,
    "conditions": "x = " + "0 if 0 else " * 900 + "1",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_texts_break_no_judge(name: str, judge: SandboxEvaluator) -> None:
    text = TOP + DEEP[name] + LAW + FIT
    if not DEEP[name]:
        text = text.replace("p[0] +", "p[0]" + "/1" * 900 + " +")
    judge.evaluate(Program(text))  # any status will do


def test_names_without_functions_are_errors(judge: SandboxEvaluator) -> None:
    assert judge.evaluate(Program("scaling_law_func = fit_scaling_law = 3")).status is ERROR
    assert judge.evaluate(program(top="", fit=FIT + "\ndel scaling_law_func\n")).status is ERROR


def test_words_can_be_written_down(judge: SandboxEvaluator) -> None:
    evaluation = judge.evaluate(program(top="print('\\ud800'); raise ValueError('\\udfff')\n"))
    (evaluation.reason + evaluation.output).encode()


def test_words_cannot_steer_a_terminal(judge: SandboxEvaluator) -> None:
    assert "\x1b" not in judge.evaluate(program(top="raise ValueError('\\x1b[2J')\n")).reason


def test_metrics_are_finite(judge: SandboxEvaluator) -> None:
    evaluation = judge.evaluate(predicting("y * 1e200"))
    assert evaluation.status is INVALID or np.isfinite(evaluation.metrics.r2)


def test_a_search_takes_no_frozen_law(sandbox: TemplateSandbox) -> None:
    strict = small_task.judge(sandbox, config=EvaluationConfig(reject_literals=True))
    table = {f"{i}.{i}1": i / 7 for i in range(40)}
    frozen = f"T = {table}\ndef law(rows, group):\n    return [{{'loss': len(T)}} for r in rows]\n"
    assert strict.evaluate(Program(frozen)).status is REJECTED
