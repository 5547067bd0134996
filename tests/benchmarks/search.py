"""What a whole search loses to selection, storage and Ray, against bare evaluation.

A search without a model, then its programs once more: in the same order, through a pool of the same
width, with nothing beside it. Times run from the first committed evaluation to the last, so that
neither has the start of Ray in it. Measure on an idle machine.

    python tests/benchmarks/search.py [TASK[@measured]] [EVALUATIONS]
"""

import os
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import sldagent
from sldagent.api.judging import make_evaluator
from sldagent.config import EvolveConfig
from sldagent.evaluation.pool import RayPool
from sldagent.export.winner import find_rows
from sldagent.run import Run


def searched(run: Run) -> float:
    """Seconds from the first committed evaluation to the last."""
    times = [datetime.fromisoformat(row["evaluated_at"]) for row in run.rows()]
    return (max(times) - min(times)).total_seconds()


def bare(run: Run) -> tuple[int, float]:
    """Distinct programs of a run, and seconds from the first to the last of their evaluations."""
    task, table, cuts = find_rows(run)
    config = run.config()
    build = partial(make_evaluator, task, table, cuts, config.evaluation, "held-out", False)
    programs = {c.program_hash: c.number for c in run.store.candidates()}
    pool = RayPool(build, os.cpu_count())
    try:
        for key in programs:
            pool.submit(programs[key], run.store.program(key))
        results = pool.results()
        next(results)
        begin = time.perf_counter()
        for _ in results:
            pass
        return len(programs), time.perf_counter() - begin
    finally:
        pool.close()


def main() -> None:
    """Prints both rates and the share that the search loses."""
    task = sys.argv[1] if len(sys.argv) > 1 else "data_constrained@measured"
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    with tempfile.TemporaryDirectory() as folder:
        config = EvolveConfig(task=task, evaluations=wanted, runs=str(Path(folder)))
        run = sldagent.evolve(config)
        whole = searched(run)
        count, alone = bare(run)
    rates = 60 * count / whole, 60 * count / alone
    print(
        f"{task}, {count} programs: {rates[0]:.0f} a minute in a search, {rates[1]:.0f} alone; "
        f"the search loses {100 * (1 - rates[0] / rates[1]):.1f} %"
    )


if __name__ == "__main__":
    main()
