"""Runs every cell of a comparison, one after the other, each on all cores; resumable."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sldagent.bench.arms import search_config
from sldagent.bench.human import human_baselines
from sldagent.bench.plan import HUMAN, BenchConfig, Cell, cells
from sldagent.bench.pseudo import PseudoTest, pseudo_tests, some, write_pseudo
from sldagent.bench.report import Bench, make_report, markdown
from sldagent.candidate import Evaluation
from sldagent.config import HARNESS_VERSION, EvolveConfig
from sldagent.cuts import make_cuts
from sldagent.data.sources import load_train
from sldagent.data.tasks import find_task
from sldagent.data.test_rows import load_test
from sldagent.errors import PrerequisiteError, SandboxError, SldagentError, UsageError
from sldagent.plain import replace_file
from sldagent.program import Program
from sldagent.run import Run
from sldagent.storage.store import FILE
from sldagent.table import Table
from sldagent.task import Task


@dataclass(frozen=True, slots=True)
class Tools:
    """What a comparison is run with.

    Attributes:
        evolve: Searches from a configuration to the end.
        resume: Goes on with the run in a folder.
        resolve: Fills in what a configuration leaves to be derived.
        judge: Scores a run's program on the test rows that a data path has, and counts the reading:
            run, task, program, data, whether it may run where there is no sandbox.
    """

    evolve: Callable[[EvolveConfig], Run]
    resume: Callable[[Path], Run]
    resolve: Callable[[EvolveConfig], EvolveConfig]
    judge: Callable[[Run, Task, Program, str | None, bool], Evaluation]


@dataclass(frozen=True)
class _Subject:
    """A task with its rows, and what hides part of them."""

    task: Task
    where: str
    table: Table
    pseudo: list[PseudoTest]


def run_bench(
    config: BenchConfig, tools: Tools, watch: Callable[[int, int, str], None] = lambda *_: None
) -> Bench:
    """Runs what has no result yet, and reports on everything in the folder's settings.

    After every cell `results.json` and `results.md` in the folder are written anew; a search that
    was interrupted goes on from its last candidate. `watch` is told the number of cells that are
    done, of how many, and what the last one gave.

    Raises:
        UsageError: The folder has results of other settings, or a task does not exist.
        PrerequisiteError: A task's rows are not at hand, or the sandbox is broken.
    """
    subjects = {name: _subject(name, config) for name in dict.fromkeys(config.tasks)}
    names = [subject.task.name for subject in subjects.values()]
    if len(set(names)) < len(names):
        raise UsageError(f"two tasks have one name: {', '.join(names)}")
    _settle(config, {s.task.name: s.table.sha256 for s in subjects.values()})
    by_name = {subject.task.name: subject for subject in subjects.values()}
    planned = cells(config, [(name, len(s.pseudo)) for name, s in by_name.items()])
    baselines = [row for s in by_name.values() for row in _baselines(s, config)]
    done: list[dict[str, Any]] = []
    for number, cell in enumerate(planned, 1):
        result, old = _known(config, cell)
        if result is None:
            result = _search(cell, by_name[cell.task], config, tools)
            _keep(_file(config, cell), json.dumps(result, indent=1, allow_nan=False))
        done.append(result)
        _report(config, by_name, done, baselines)
        if not old:
            watch(number, len(planned), _words(cell, result))
    return _report(config, by_name, done, baselines)


def _subject(name: str, config: BenchConfig) -> _Subject:
    task = find_task(name)
    table = load_train(task, config.data)
    pseudo: list[PseudoTest] = []
    if config.split == "pseudo":
        pseudo = some(list(pseudo_tests(task, table)), config.pseudo_tests)
        if not pseudo:
            raise UsageError(
                f"task '{task.name}': no cut leaves rows that can be cut again, so there is no "
                "pseudo-test; leave it out, or use --split test"
            )
    return _Subject(task, name, table, pseudo)


def _settle(config: BenchConfig, rows: dict[str, str]) -> None:
    """Keeps what all results of the folder share; refuses other settings, rows and versions.

    `rows` are hashes of tables by task; tasks may be added.
    """
    file = config.folder / "settings.json"
    fixed = {**config.fixed, "harness": HARNESS_VERSION}
    fixed |= {f"version of {name}": metadata.version(name) for name in ("numpy", "scipy")}
    tables = {f"rows of {name}": sha256 for name, sha256 in rows.items()}
    known = {**tables, **(json.loads(file.read_text("utf-8")) if file.is_file() else fixed)}
    for name, value in {**fixed, **tables}.items():
        if known.get(name) != value:
            raise UsageError(
                f"{config.folder} has results with another {name} ({known.get(name)}, not {value});"
                " choose another -o"
            )
    _keep(file, json.dumps(known, indent=1))


def _search(cell: Cell, subject: _Subject, config: BenchConfig, tools: Tools) -> dict[str, Any]:
    """Searches, or goes on, and judges the best program once."""
    data = config.data
    if cell.part is not None:
        folder = config.folder / "pseudo" / cell.task / str(cell.part)
        data = str(write_pseudo(subject.pseudo[cell.part], subject.task, folder).resolve())
    begun = time.monotonic()
    row: dict[str, Any] = {
        "task": cell.task, "arm": cell.arm.name, "seed": cell.seed, "part": cell.part,
        "cut": None if cell.part is None else subject.pseudo[cell.part].name,
    }  # fmt: skip
    path = config.folder / "runs" / cell.key
    resumed = (path / FILE).is_file()
    try:
        if resumed:
            run = tools.resume(path)
        else:
            run = tools.evolve(search_config(cell, config, subject.where, data, tools.resolve))
    except (PrerequisiteError, UsageError):
        raise
    except SldagentError as error:
        return {**row, "failed": str(error), "wall_seconds": time.monotonic() - begun}
    if not run.store.run()["finished_at"]:
        raise KeyboardInterrupt  # somebody stopped this search: what follows is not wanted either
    return {**row, **_outcome(cell, run, subject.task, data, tools, begun), "resumed": resumed}


def _outcome(
    cell: Cell, run: Run, task: Task, data: str | None, tools: Tools, begun: float
) -> dict[str, Any]:
    own = not cell.arm.asks or run.config().unprotected
    best = run.best()
    assert best is not None  # a run without a valid candidate does not end well
    candidate, program = best
    beyond, reason = None, ""
    try:
        judged = tools.judge(run, task, program, data, own)
        beyond = asdict(judged.metrics) if judged.metrics else None
        reason = "" if judged.metrics else f"{judged.status}: {judged.reason}"
    except SandboxError:
        raise
    except PrerequisiteError as error:
        reason = str(error)
    store = run.store
    spent = store.spent()
    held_out = candidate.evaluation.metrics
    return {
        "run": run.folder.name,
        "candidate": candidate.number,
        "parameters": candidate.evaluation.params,
        "held_out": asdict(held_out) if held_out else None,
        "beyond": beyond,
        "reason": reason,
        "evaluations": len(store.numbers()),
        "cpu_seconds": store.cpu_seconds(),
        "wall_seconds": time.monotonic() - begun,
        "usd": spent["usd"] if spent else 0.0,
    }


def _baselines(subject: _Subject, config: BenchConfig) -> list[dict[str, Any]]:
    if HUMAN not in config.baselines:
        return []
    task, table = subject.task, subject.table
    rows = []
    if subject.pseudo:
        for part, test in enumerate(subject.pseudo):
            found = human_baselines(task, test.seen, test.cuts, test.hidden)
            rows += [{"task": task.name, "seed": None, "part": part, **row} for row in found]
        return rows
    try:
        beyond = load_test(task, table, config.data)
    except PrerequisiteError:
        beyond = None
    found = human_baselines(task, table, make_cuts(task, table), beyond)
    return [{"task": task.name, "seed": None, "part": None, **row} for row in found]


def _report(
    config: BenchConfig, subjects: dict[str, _Subject], done: list[dict[str, Any]],
    baselines: list[dict[str, Any]],
) -> Bench:  # fmt: skip
    tables = {name: (s.task, s.table) for name, s in subjects.items()}
    report = make_report(config, tables, done, baselines)
    _keep(config.folder / "results.json", report.to_json())
    _keep(config.folder / "results.md", markdown(report))
    return report


def _file(config: BenchConfig, cell: Cell) -> Path:
    return config.folder / "cells" / f"{cell.key}.json"


def _known(config: BenchConfig, cell: Cell) -> tuple[dict[str, Any] | None, bool]:
    file = _file(config, cell)
    if not file.is_file():
        return None, False
    return json.loads(file.read_text("utf-8")), True


def _words(cell: Cell, result: dict[str, Any]) -> str:
    if "failed" in result:
        return f"{cell.key}: {result['failed']}"
    words = f"{cell.key}: held-out R² {result['held_out']['r2']:.4f}"
    if result["beyond"]:
        words += f", beyond {result['beyond']['r2']:.4f}"
    return f"{words}, {result['wall_seconds']:.0f} s"


def _keep(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, text + "\n")
