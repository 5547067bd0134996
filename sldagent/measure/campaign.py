"""Trains the runs of a plan that are not in its journal yet, in several processes."""

import contextlib
import importlib.util
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sldagent.errors import PrerequisiteError, UsageError
from sldagent.measure.journal import Journal
from sldagent.measure.plans import Plan
from sldagent.measure.spec import LAYERS, VOCABULARY, WINDOW, Row, RunSpec
from sldagent.measure.tuning import TunedRate, tune

_ASSUMED_SPEED = 1e10  # floating-point operations a second of one process
_ENOUGH = 1e12  # operations done, after which compiling no longer hides the speed


@dataclass(frozen=True, slots=True)
class Cost:
    """What is left of a plan.

    Attributes:
        runs: Still to train.
        seconds: Of all processes together, at the speed of the runs so far.
        speed: Floating-point operations a second of one process.
        assumed: Whether too few runs are done to know the speed.
    """

    runs: int
    seconds: float
    speed: float
    assumed: bool


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told what happens.

    Attributes:
        tuned: Called when the learning rates are known.
        finished: Called after every run, with what is left.
    """

    tuned: Callable[[TunedRate], None] = field(default=lambda rate: None)
    finished: Callable[[Row, Cost], None] = field(default=lambda row, cost: None)


def open_journal(plan: Plan, folder: Path) -> Journal:
    """The journal of a plan's runs in a folder, which need not exist."""
    return Journal(folder, plan)


def remaining(journal: Journal) -> Cost:
    """What the rest of a plan costs."""
    left = [spec for spec in journal.plan.runs if spec.key not in journal.rows]
    seconds = sum(row.seconds for row in journal.rows.values())
    done = sum(row.flops for row in journal.rows.values())
    assumed = done < _ENOUGH
    speed = _ASSUMED_SPEED if assumed else done / seconds
    return Cost(len(left), sum(spec.flops for spec in left) / speed, speed, assumed)


def run(
    journal: Journal,
    workers: int | None = None,
    together: int = 1,
    most: int | None = None,
    watch: Watch | None = None,
) -> None:
    """Trains what is missing, commits every finished run, and goes on where it was left.

    Args:
        journal: Of the plan.
        workers: Processes; None for one a core.
        together: Runs of one width and length that a process trains at once.
        most: Runs of this sitting; None for all.
        watch: Is told of every finished run.

    Raises:
        PrerequisiteError: JAX is not installed, or a process was killed.
        UsageError: The journal's runs were made by another recipe, or someone is adding to them.
    """
    if importlib.util.find_spec("jax") is None:
        raise PrerequisiteError("training needs JAX: pip install 'sldagent[measure]'")
    for value, name in ((workers, "--workers"), (together, "--together"), (most, "--runs")):
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1: {value}")
    told = watch or Watch()
    journal.agree(_recipe(journal.plan))
    context = multiprocessing.get_context("spawn")
    with (
        journal.writing(),
        ProcessPoolExecutor(
            workers or os.cpu_count() or 1, context, _prepare_process, (together == 1,)
        ) as pool,
    ):
        journal.write_tables()  # the plan may have changed since
        try:
            _sit(pool, journal, together, most, told)
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()  # a run under way may take minutes; it is trained again
            raise


def _sit(
    pool: ProcessPoolExecutor, journal: Journal, together: int, most: int | None, watch: Watch
) -> None:
    """One sitting: the sweep for the learning rates, then the grid."""
    plan = journal.plan
    todo = _missing(journal, plan.tuning)[:most]
    _train(pool, journal, todo, {}, together, watch)
    if _missing(journal, plan.tuning):
        return
    rates = {}
    if plan.tuning:
        tuned = tune([journal.rows[spec.key] for spec in plan.tuning])
        watch.tuned(tuned)
        rates = {spec.key: tuned(spec) for spec in plan.grid if spec.rate is None}
    left = None if most is None else most - len(todo)
    _train(pool, journal, _missing(journal, plan.grid)[:left], rates, together, watch)


def _missing(journal: Journal, specs: Sequence[RunSpec]) -> list[RunSpec]:
    return [spec for spec in specs if spec.key not in journal.rows]


def _train(
    pool: ProcessPoolExecutor,
    journal: Journal,
    specs: Sequence[RunSpec],
    rates: dict[str, float],
    together: int,
    watch: Watch,
) -> None:
    futures: list[Future[list[Row]]] = []
    with _ctrl_c_later():
        for group in _groups(specs, together):
            chosen = [rates[s.key] if s.rate is None else s.rate for s in group]
            futures.append(pool.submit(_train_group, group, chosen))
    try:
        for future in as_completed(futures):
            rows = future.result()
            journal.add(rows)
            for row in rows:
                watch.finished(row, remaining(journal))
    except BrokenProcessPool:
        raise PrerequisiteError(
            "a training process was killed, perhaps for want of memory; what is finished is kept: "
            "try again with fewer --workers"
        ) from None


@contextlib.contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Holds Ctrl-C back while processes are started, which would print what they miss.

    They inherit it, and leave Ctrl-C to this process from their first moment on.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _groups(specs: Sequence[RunSpec], together: int) -> Iterator[list[RunSpec]]:
    """Runs that can share their steps, in the order of the first of each group."""
    waiting: dict[tuple[int, int, int], list[RunSpec]] = {}
    for spec in specs:
        waiting.setdefault((spec.width, spec.batch, spec.steps), []).append(spec)
    done: set[str] = set()
    for spec in specs:
        if spec.key not in done:
            queue = waiting[spec.width, spec.batch, spec.steps]
            group, queue[:] = queue[:together], queue[together:]
            done.update(member.key for member in group)
            yield group


def _prepare_process(one_core: bool) -> None:
    """Leaves Ctrl-C to the parent, dies with it, and takes no more than its share."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # others use the GPU, too
    if one_core:
        os.environ["XLA_FLAGS"] = (
            os.environ.get("XLA_FLAGS", "")
            + " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )


def _train_group(specs: Sequence[RunSpec], rates: Sequence[float]) -> list[Row]:
    from sldagent.measure.text import read_text
    from sldagent.measure.training import train_together

    return train_together(specs, rates, read_text())


def _recipe(plan: Plan) -> dict[str, Any]:
    from sldagent.measure.text import read_text
    from sldagent.measure.training import describe

    return {
        "task": plan.task,
        "text": read_text().describe(),
        "model": {
            "architecture": "causal gated convolutions, width 2, dilations 1 to 32, tied embedding",
            "layers": LAYERS,
            "vocabulary": VOCABULARY,
            "window": WINDOW,
        },
        "training": describe(),
        "sitting": {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": f"{_processor()}, {os.cpu_count()} cores",
            "versions": {
                name: version(name) for name in ("sldagent", "jax", "jaxlib", "numpy")
            } | {"python": platform.python_version()},
        },
    }  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
