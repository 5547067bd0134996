"""A run with real evaluations on a made-up table of the task `parallel`, without a search."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sldagent.api import build_evaluator, load_task
from sldagent.candidate import Candidate
from sldagent.config import EvolveConfig
from sldagent.cuts import make_cuts
from sldagent.data.sources import load_train
from sldagent.program import Program
from sldagent.proposing.base import Start
from sldagent.run import Run

START = """\
import numpy as np
from scipy.optimize import least_squares  # only the fit needs it

# EVOLVE-BLOCK-START
SHIFT = 0.1


def logs(data_points):
    # natural logarithms of both features
    return np.log(np.atleast_2d(np.asarray(data_points, dtype=float)))


def scaling_law_func(data_points, params):
    u = logs(data_points)
    a, b, c = params
    return SHIFT + np.exp(a - b * u[:, 0] - c * u[:, 1])


def fit_scaling_law(data_points, loss_values):
    def error(p):
        return scaling_law_func(data_points, p) - loss_values

    return least_squares(error, [2.0, 0.05, 0.01], xtol=1e-14, ftol=1e-14).x
# EVOLVE-BLOCK-END
"""
BETTER = START.replace("SHIFT + np.exp(a", "np.exp(a").replace("SHIFT = 0.1\n\n\n", "")
BROKEN = START.replace("least_squares(error", "nothing(error")


def write_tables(folder: Path, test: bool = True) -> Path:
    """Train and test tables: a product of powers with a little noise, two groups."""
    rng = np.random.default_rng(0)
    (folder / "parallel").mkdir(parents=True)
    for split, streams in (("train", (1, 2, 4)), ("test", (8,)))[: 2 if test else 1]:
        lines = ["num_params,parallel_size,group,loss"]
        for size in np.geomspace(1e8, 4e9, 6):
            for p in streams:
                for group, a in (("stack", 4.0), ("pile", 7.0)):
                    noise = 1 + 0.002 * rng.normal()
                    lines.append(f"{size},{p},{group},{a * size**-0.07 * p**-0.02 * noise}")
        (folder / "parallel" / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


def make_run(folder: Path, sources: Sequence[str] = (START, BETTER, BROKEN)) -> Run:
    """A finished run whose candidates are these programs, each a child of the one before."""
    data = write_tables(folder / "data")
    task = load_task("parallel")
    table = load_train(task, data)
    programs = [Program(source) for source in sources]
    config = EvolveConfig("parallel", str(data), name="made", runs=str(folder / "runs"))
    run = Run.create(
        config, task, table, make_cuts(task, table), [Start(programs[0], "start", "start program")]
    )
    best = None
    with build_evaluator(task, data=str(data)) as judge:
        for number, program in enumerate(programs):
            parents = (number - 1,) if number else ()
            candidate = Candidate(
                number, number, 0, 0, program.hash, parents, (), "start" if not number else "hand",
                f"change {number}", judge.evaluate(program),
            )  # fmt: skip
            run.store.add(candidate, program)
            score = candidate.evaluation.score
            if score is not None and (best is None or score > best):
                best = score
                run.keep_best(candidate, program)
    run.store.finish()
    return run
