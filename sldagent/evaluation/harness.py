"""What runs inside the sandboxed child: loads a program, calls its functions, sends numbers out.

Imports nothing of sldagent. The program shares this interpreter and may patch all of it: nothing
here protects a score. What protects it is what a child is given (one cut's fit rows, or features
without targets) and that the parent judges numbers from separate children.

A job's header has `op` (`fit` or `predict`), `source`, `kind` (`program` or `law`), `features` and
`targets` (names), and may have `code`, what the parent compiled the source to (marshal, base64).
Its body is float64. Every finished step is one frame; a program's failure is a frame {"failed":
status, "reason": words}.
"""

import base64
import builtins
import linecache
import marshal
import os
import random
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

_KEEP_OUTPUT = 4096
_NAME = "<program>"


class _Entropy:
    """Stands in for the system's entropy: programs that forget a seed get the same numbers."""

    def __init__(self) -> None:
        self.source: random.Random | None = None

    def restart(self) -> None:
        self.source = None

    def __call__(self, size: int) -> bytes:
        if self.source is None:
            self.source = random.Random(0)
        return self.source.randbytes(size)


def _plain_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    _random_seed(self, 0 if a is None else a, version)


entropy = _Entropy()
_random_seed = random.Random.seed
# numpy's SeedSequence() and `secrets` ask `random._urandom`; Random() asks the kernel from C, hence
# its `seed` is replaced. Done once, in the template.
os.urandom = entropy
random._urandom = entropy  # type: ignore[attr-defined]
random.Random.seed = _plain_seed  # type: ignore[method-assign]
random.seed = random._inst.seed  # type: ignore[attr-defined, unused-ignore]

_SEEDED = random.Random(0).getstate()
# random, urandom, default_rng behind np.random; and what draws behind another name.
_CHANCE = re.compile("rand|secrets|uuid|scipy|statistics|tempfile|email")


class _Failure(Exception):
    """The program broke its contract: `status` and words."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Output:
    """A stdout that keeps its first few kB and swallows the rest."""

    def __init__(self) -> None:
        self.kept = ""

    encoding = "utf-8"
    errors = "replace"

    def write(self, text: str) -> int:
        if len(self.kept) < _KEEP_OUTPUT:
            self.kept += str(text)[: _KEEP_OUTPUT - len(self.kept)]
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def _seed() -> None:
    entropy.restart()
    random.setstate(_SEEDED)  # half the time of seeding, which counts where rows go one by one
    if "numpy.random" in sys.modules:  # loaded where a program names it
        np.random.seed(0)  # noqa: NPY002 -- programs use the legacy generator


def prepare() -> None:
    """Called in the template when modules have been imported: forks begin in this state."""
    _seed()


def _draws(header: dict[str, Any]) -> bool:
    """Whether the program's text names what could draw.

    Seeding takes longer than many laws. What hides its generator is seeded where its process
    begins only: a law that draws otherwise for each batch is rejected.
    """
    return _CHANCE.search(header["source"]) is not None


def _describe(error: BaseException) -> str:
    """An exception in one line, with the program's line that raised it."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno
    text = " ".join(str(error).split())[:300]
    name = type(error).__name__
    if isinstance(error, ModuleNotFoundError) or (
        isinstance(error, ImportError | PermissionError) and "site-packages" in text
    ):
        text += "; programs may import numpy, scipy and the standard library only"
    elif isinstance(error, PermissionError):
        text += "; the sandbox refuses files, processes, sockets, signals and sleeping"
    where = f" (line {line})" if line else ""
    return f"{name}: {text}{where}" if text else f"{name}{where}"


def _load(header: dict[str, Any]) -> types.ModuleType:
    source, compiled = header["source"], header.get("code")
    module = types.ModuleType("program")
    sys.modules["program"] = module
    module.__dict__["__builtins__"] = builtins
    linecache.cache[_NAME] = (len(source), None, source.splitlines(keepends=True), _NAME)
    if compiled is None:
        code = compile(source, _NAME, "exec", dont_inherit=True)
    else:
        code = marshal.loads(base64.b64decode(compiled))
    exec(code, module.__dict__)
    return module


def _numbers(value: Any, what: str) -> np.ndarray:
    """The value as a plain finite float64 array; raises _Failure for anything else."""
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        raise _Failure("invalid", f"{what} is a {type(value).__name__}, not a plain numpy array")
    try:
        raw = np.asarray(value)
        if raw.dtype.kind in "USMmcV":
            raise TypeError(f"dtype {raw.dtype}")
        array = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        text = " ".join(str(error).split())[:120]
        raise _Failure("invalid", f"{what} is no array of real numbers ({text})") from None
    return array


def _shaped(value: Any, rows: int, targets: int) -> np.ndarray:
    """Predictions as (rows, targets)."""
    array = _numbers(value, "the prediction")
    shapes: list[tuple[int, ...]] = [(rows, targets)]
    if targets == 1:
        shapes.append((rows,))
    if rows == 1:
        shapes.append((targets,))
        if targets == 1:
            shapes.append(())
    if array.shape not in shapes:
        wanted = f"({rows}, {targets})" if targets > 1 else f"({rows},)"
        raise _Failure("invalid", f"the prediction has shape {array.shape} instead of {wanted}")
    return array.reshape(rows, targets)


def _fit(channel: Any, header: dict[str, Any], numbers: np.ndarray) -> None:
    """Fits every group: the body holds X (N, F), then Y (N, T); `rows` counts rows per group."""
    fit = _load(header).fit_scaling_law
    features, targets = len(header["features"]), len(header["targets"])
    draws = _draws(header)
    total = sum(header["rows"])
    x = numbers[: total * features].reshape(total, features)
    y = numbers[total * features :].reshape(total, targets)
    start = 0
    for rows in header["rows"]:
        part = slice(start, start + rows)
        start += rows
        losses = y[part].copy() if targets > 1 else y[part, 0].copy()
        if draws:
            _seed()
        params = _numbers(fit(x[part].copy(), losses), "what fit_scaling_law returned")
        if params.size > 10_000:
            raise _Failure("rejected", f"fit_scaling_law returned {params.size} numbers")
        channel.send({"shape": params.shape}, params.tobytes())


_Message = tuple[dict[str, Any], np.ndarray]


class _Law:
    """One callable for both kinds of source: rows and a group's parameters to predictions."""

    def __init__(self, header: dict[str, Any]) -> None:
        module = _load(header)
        self.features, self.targets = header["features"], header["targets"]
        self.frozen = header["kind"] == "law"
        self.draws = _draws(header)
        self.call = module.law if self.frozen else module.scaling_law_func

    def __call__(self, x: np.ndarray, params: np.ndarray, group: str) -> np.ndarray:
        if self.draws:
            _seed()
        if not self.frozen:
            return _shaped(self.call(x.copy(), params.copy()), len(x), len(self.targets))
        rows = [dict(zip(self.features, row, strict=True)) for row in x.tolist()]
        answer = self.call(rows, group)
        if not isinstance(answer, list) or len(answer) != len(rows):
            raise _Failure("invalid", f"law() must return a list of {len(rows)} dictionaries")
        try:
            values = [[row[name] for name in self.targets] for row in answer]
        except (KeyError, TypeError):
            names = ", ".join(self.targets)
            raise _Failure("invalid", f"law() must return dictionaries with: {names}") from None
        return _shaped(values, len(rows), len(self.targets))


def _messages(channel: Any, header: dict[str, Any], numbers: np.ndarray) -> Iterator[_Message]:
    """This message and those that follow, each asked for when the one before is answered."""
    yield header, numbers
    for _ in range(header["more"]):
        after, body = channel.receive()
        yield after, np.frombuffer(body)


def _calls(
    names: list[str], header: dict[str, Any], numbers: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """A message's body holds, call after call, that call's rows and then its parameters."""
    width, at = len(names), 0
    for call in header["calls"]:
        size = call["rows"] * width
        x = numbers[at : at + size].reshape(call["rows"], width)
        count = int(np.prod(call["shape"]))
        params = numbers[at + size : at + size + count].reshape(call["shape"])
        at += size + count
        yield x, params, call["group"]


def _predict(channel: Any, header: dict[str, Any], numbers: np.ndarray) -> None:
    """Predicts every call's rows as its message says.

    `together`: all at once; `alone`: one by one, the last first; `turned`: all at once, the last
    first. The parent gives the next message only when this one is answered, and has another child
    answer in the reverse order: what a law keeps from one group to the next, or takes from a batch,
    flows from earlier to later, and the two children disagree.
    """
    law, names = _Law(header), header["features"]
    for message, body in _messages(channel, header, numbers):
        frames: list[tuple[dict[str, Any], bytes]] = []
        for x, params, group in _calls(names, message, body):
            if message["how"] == "alone":
                rows = [law(x[i : i + 1], params, group) for i in reversed(range(len(x)))]
                values = np.concatenate(rows)[::-1]
            elif message["how"] == "turned":
                values = law(x[::-1], params, group)[::-1]
            else:
                values = law(x, params, group)
            frames.append(({}, values.tobytes()))
        channel.send_all(frames)


_OPERATIONS = {"fit": _fit, "predict": _predict}


def run(channel: Any) -> None:
    """Does one job; `channel` is the child's end of `sandbox.wire`."""
    header, body = channel.receive()
    output = _Output()
    sys.stdout = sys.stderr = output
    np.seterr(all="ignore")  # a program's warnings are no outcome, and printing them costs time
    try:
        entropy.restart()
        random.setstate(_SEEDED)
        _OPERATIONS[header["op"]](channel, header, np.frombuffer(body))
        end: dict[str, Any] = {"done": True}
    except _Failure as failure:
        end = {"failed": failure.status, "reason": str(failure)}
    except MemoryError:
        end = {"failed": "memory", "reason": "asked for more memory than a program may have"}
    except SystemExit as error:
        end = {"failed": "error", "reason": f"the program left with sys.exit({error.code!r})"[:200]}
    except BaseException as error:
        end = {"failed": "error", "reason": _describe(error)}
    channel.send({**end, "output": output.kept})


_USUAL = """\
import numpy as np
def scaling_law_func(data_points, params):
    x = np.atleast_2d(np.asarray(data_points, dtype=float))
    a, b, c = (float(p) for p in params[:3])
    size = np.maximum(x[:, 0], 1e-300)
    return np.where(size > 0, a + b * np.exp(-c * np.log(size)) + 0 * size**-c, np.inf)
def fit_scaling_law(data_points, loss_values):
    x = np.atleast_2d(np.asarray(data_points, dtype=float))
    y = np.asarray(loss_values, dtype=float).ravel()
    best, least = None, np.inf
    for c in np.linspace(0.1, 1.0, 4):
        basis = np.column_stack([np.ones(len(y)), x[:, 0] ** -c])
        scale = np.sqrt((basis**2).sum(axis=0))
        amplitudes = np.linalg.lstsq(basis / scale, y, rcond=None)[0] / scale
        error = float(np.mean(np.abs(basis @ amplitudes - y)))
        if np.isfinite(error) and error < least:
            best, least = [*amplitudes, c], error
    normal = basis.T @ basis + np.eye(2)
    np.linalg.solve(normal, basis.T @ y)
    return np.array(best)
"""
_ROWS = np.array([1.0, 2.0, 4.0, 8.0])
_ASKED = {"source": _USUAL, "kind": "program", "features": ["size"], "targets": ["loss"]}
_CALL = {"rows": 4, "shape": [3], "group": "all"}
# Jobs such as most programs give, for the template to run before it forks.
REHEARSALS = (
    (_ASKED | {"op": "fit", "rows": [4]}, np.concatenate([_ROWS, 1 + 1 / _ROWS]).tobytes()),
    *(
        (
            _ASKED | {"op": "predict", "more": 0, "how": how, "calls": [_CALL]},
            np.concatenate([_ROWS, [1.0, 1.0, 0.5]]).tobytes(),
        )
        for how in ("together", "alone", "turned")
    ),
)
