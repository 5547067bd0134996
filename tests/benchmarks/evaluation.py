"""What judging costs: a locked fork, an evaluation's overhead, programs a minute through Ray.

    python tests/benchmarks/evaluation.py [fork|overhead|throughput|scale|start|help ...]

Prints one line a figure. Figures are medians; nothing here is a test. Measure on an idle machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

import sldagent
from sldagent.api.judging import make_evaluator
from sldagent.candidate import Evaluation
from sldagent.config import EvaluationConfig
from sldagent.cuts import Cut
from sldagent.evaluation.pool import RayPool
from sldagent.program import Program
from sldagent.sandbox.process import TemplateSandbox
from sldagent.sandbox.protocol import Job, Limits
from sldagent.table import Table
from sldagent.task import Column, CutKind, CutRule, Role, Task

PROGRAM = """\
# EVOLVE-BLOCK-START
import time

import numpy as np


def scaling_law_func(data_points, params):
    x = np.atleast_2d(np.asarray(data_points, dtype=float))
    return params[0] + params[1] * x[:, 0] ** -params[2]


def fit_scaling_law(data_points, loss_values):
    begun = time.process_time()
    total = 0.0
    for step in range({steps}):
        total += step * 0.5
    x = data_points[:, 0] ** -0.3
    basis = np.stack([np.ones(len(x)), x], axis=1)
    solution = np.linalg.lstsq(basis, loss_values, rcond=None)[0]
    return [solution[0], solution[1], 0.3, time.process_time() - begun]
# EVOLVE-BLOCK-END
"""


def small_task(cuts: int, groups: int = 1, rows: int = 40) -> tuple[Task, Table, tuple[Cut, ...]]:
    """A made-up task of one feature, cut `cuts` times along it."""
    task = Task(
        name="bench",
        title="",
        description="",
        features=(Column("size", Role.SIZE),),
        targets=(Column("loss"),),
        cut_rules=(CutRule(CutKind.AXIS, ("size",), (0.3,)),),
        parameter_limit=4,
    )
    x = np.tile(np.geomspace(1e6, 1e9, rows), groups)[:, None]
    y = 1.5 + 50 * x**-0.3
    names = tuple(f"g{i // rows}" for i in range(rows * groups))
    table = Table(x, y, names)
    position = np.tile(np.arange(rows), groups)
    made = []
    for k in range(cuts):
        held = position >= rows - 8 * (k + 1)
        made.append(Cut(f"top{k}", np.flatnonzero(~held), np.flatnonzero(held), (0,)))
    return task, table, tuple(made)


def inside(evaluation: Evaluation) -> float:
    """CPU seconds that the program's fits took in their sandbox, by their own clock."""
    return sum(params[3] for cut in evaluation.cuts for params in (cut.params or {}).values())


def own_cpu(
    program: Program, task: Task, table: Table, cuts: tuple[Cut, ...], repeats: int = 5
) -> float:
    """CPU seconds of the program's own functions in this process: a fit and a prediction a cut."""
    space: dict[str, object] = {}
    exec(compile(program.source, "program", "exec"), space)
    best = []
    for _ in range(repeats):
        start = time.process_time()
        for cut in cuts:
            params = space["fit_scaling_law"](table.x[cut.fit], table.y[cut.fit, 0])
            space["scaling_law_func"](table.x, np.asarray(params))
        best.append(time.process_time() - start)
    return statistics.median(best)


def steps_for(milliseconds: float) -> int:
    """Loop steps of PROGRAM that take about so many CPU milliseconds here."""
    task, table, cuts = small_task(1)
    probe = own_cpu(Program(PROGRAM.format(steps=1_000_000)), task, table, cuts)
    return int(1_000_000 * milliseconds / 1000 / probe)


def fork() -> None:
    """Milliseconds from asking for a locked child that does nothing to having its end."""
    with tempfile.TemporaryDirectory() as folder:
        harness = Path(folder) / "nothing.py"
        harness.write_text("def run(channel):\n    channel.receive()\n")
        with TemplateSandbox(harness) as sandbox:
            limits = Limits()
            walls, cpus = [], []
            for _ in range(500):
                start = time.perf_counter()
                outcome = sandbox.run(Job({}), limits)
                walls.append(time.perf_counter() - start)
                cpus.append(outcome.cpu_seconds)
            print(
                f"locked fork: {1000 * statistics.median(walls):.2f} ms wall (min "
                f"{1000 * min(walls):.2f}), child CPU {1000 * statistics.median(cpus):.2f} ms"
            )


def overhead() -> None:
    """Wall milliseconds of an evaluation beyond the candidate's own CPU time.

    That time is taken in this process, in turn with the evaluations, as a machine's clock rate
    drifts, and by the fits' own clock in the sandbox: medians of the differences.
    """
    for cuts in (1, 3):
        task, table, made = small_task(cuts)
        program = Program(PROGRAM.format(steps=steps_for(18)))
        with make_evaluator(task, table, made, EvaluationConfig(), "held-out", False) as judge:
            judge.evaluate(program)
            walls, owns, insides = [], [], []
            for _ in range(100):
                start = time.perf_counter()
                evaluation = judge.evaluate(program)
                walls.append(time.perf_counter() - start)
                assert evaluation.status == "ok"
                insides.append(inside(evaluation))
                owns.append(own_cpu(program, task, table, made, 1))
        beyond_own, beyond_inside = (
            statistics.median(wall - cpu for wall, cpu in zip(walls, cpus, strict=True))
            for cpus in (owns, insides)
        )
        print(
            f"evaluation with {cuts} cuts: {1000 * statistics.median(walls):.1f} ms wall, own CPU "
            f"{1000 * statistics.median(owns):.1f} ms here, overhead {1000 * beyond_own:.1f} ms; "
            f"{1000 * statistics.median(insides):.1f} ms there, overhead {1000 * beyond_inside:.1f}"
        )


def through_ray(milliseconds: float, count: int, chunk: int = 0) -> None:
    """Programs a minute through the whole pool, and as a share of cores / own CPU."""
    task, table, cuts = small_task(1)
    steps = steps_for(milliseconds)
    own = own_cpu(Program(PROGRAM.format(steps=steps)), task, table, cuts)
    cores = os.cpu_count() or 1
    build = partial(
        make_evaluator, task, table, cuts, EvaluationConfig(reject_literals=True), "held-out", False
    )
    pool = RayPool(build, cores)
    try:
        for key in range(4 * cores):
            pool.submit(key, Program(PROGRAM.format(steps=steps)))
        list(pool.results())
        chunk = chunk or count
        for done in range(0, count, chunk):
            start = time.perf_counter()
            for key in range(chunk):
                text = PROGRAM.format(steps=steps) + f"# {done + key}\n"
                pool.submit(key, Program(text))
            values = [value for _, value in pool.results()]
            seconds = time.perf_counter() - start
            assert all(value.status == "ok" for value in values)
            rate, share = chunk / seconds, chunk * own / cores / seconds
            used = sum(map(inside, values)) / cores / seconds
            print(
                f"{own * 1000:.1f} ms programs {done}..{done + chunk}: {60 * rate:.0f} a minute "
                f"on {cores} cores, {100 * share:.1f} % of the ideal; {100 * used:.1f} % of core "
                "time inside candidates, by their own clock"
            )
    finally:
        pool.close()


def throughput() -> None:
    """Candidates of 18 ms and of 200 ms own CPU."""
    through_ray(18, 1000)
    through_ray(200, 200)


def scale() -> None:
    """Whether the rate falls between 1,000 and 10,000 candidates."""
    through_ray(18, 10_000, 1000)


def start() -> None:
    """Seconds from the command to the first committed evaluation, Ray included."""
    with tempfile.TemporaryDirectory() as folder:
        lines = ["group,num_params,parallel_size,loss"]
        for size in np.geomspace(1e6, 1e9, 10):
            for streams in (1, 2, 4):
                lines.append(f"all,{size},{streams},{2 + 50 * size**-0.3 - 0.01 * streams}")
        path = Path(folder) / "train.csv"
        path.write_text("\n".join(lines))
        seconds = []
        for i in range(3):
            begin = time.time()
            subprocess.run(
                [sys.executable, "-m", "sldagent", "evolve", "--task", "parallel", "--data",
                 str(path), "--generations", "0", "--name", f"start{i}"],
                cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            first = min(
                row["evaluated_at"]
                for row in sldagent.open_run(f"start{i}", path.parent / "runs").rows()
            )
            seconds.append(datetime.fromisoformat(first).timestamp() - begin)
        print(f"start to first evaluation: {statistics.median(seconds):.1f} s of {sorted(seconds)}")


def help() -> None:
    """Seconds of `sldagent --help`."""
    seconds = []
    for _ in range(15):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "sldagent", "--help"], check=True, stdout=subprocess.DEVNULL
        )
        seconds.append(time.perf_counter() - begin)
    print(f"sldagent --help: {statistics.median(seconds):.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = {f.__name__: f for f in (fork, overhead, throughput, scale, start, help)}
    parser.add_argument("figures", nargs="*", choices=[*known, []], default=[])
    for name in parser.parse_args().figures or known:
        known[name]()


if __name__ == "__main__":
    main()
