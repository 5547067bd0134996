"""Which candidate a run should end with: the best score, or whom its finalists elect.

Each argument is RUN=TABLE: a run's folder, and rows that were hidden from it, beyond its own, such
as `bench --split pseudo` leaves them (`DIR/pseudo/TASK/PART/test.csv`). Every finalist is fitted to
all rows of the run and predicts the hidden ones; rules are compared on these R2, clipped at -1.
Prints a Markdown table.

    PYTHONPATH=tests python tests/benchmarks/finalists.py RUN=TABLE ...
"""

import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from sldagent import api
from sldagent.candidate import Candidate
from sldagent.errors import SldagentError
from sldagent.evolution.champion import elect, finalists
from sldagent.run import Run
from sldagent.scoring import LEAST_GAIN
from sldagent.storage.reading import Filter

_READ = 60  # candidates by score
_WORST = -1.0
Rule = Callable[[Sequence[Candidate]], Candidate]


def hidden_r2(run: Run, numbers: Sequence[int], table: str) -> dict[int, float]:
    """R2 of candidates on the rows of a table, by number."""
    found = {}
    points = api.read_points(table)
    for number in numbers:
        try:
            rows = api.predict(run, points, seconds=1e-9, candidate=number)
        except SldagentError:
            continue
        names = list(rows[0]["values"])
        given = np.array([[row["values"][n]["value"] for n in names] for row in rows], dtype=float)
        actual = np.array([[float(point[n]) for n in names] for point in points])
        errors = np.mean((given - actual) ** 2, axis=0) / actual.var(axis=0)
        found[number] = max(_WORST, float(np.nan_to_num(1 - np.mean(errors), nan=_WORST)))
    return found


def rules() -> dict[str, Rule]:
    """Rules by name: of candidates by score to the one that the run ends with."""

    def best(candidates: Sequence[Candidate]) -> Candidate:
        return candidates[0]

    def elected(most: int, near: float, weight: float) -> Rule:
        return lambda c: elect(finalists(c, most, near), weight) or c[0]

    return {"best score": best} | {
        f"{most} within {near:g}, weight {weight:g}": elected(most, near, weight)
        for most, near, weight in product((5, 10, 20), (1.3, 1.5, 2.0), (0.1, 0.2, 0.3, 0.5, 1.0))
    }


def main() -> None:
    """Prints a row for each rule: its mean over the runs, and each run."""
    columns: dict[str, dict[str, float]] = {name: {} for name in [*rules(), "best possible"]}
    for argument in sys.argv[1:]:
        folder, table = argument.split("=", 1)
        run = Run.open(Path(folder))
        rows = run.store.rows(Filter(status="ok", top=_READ))
        candidates = [run.candidate(row["number"]) for row in rows]
        starts = [c for c in candidates if c.generation == 0]
        error = [1 - (each.evaluation.score or 0.0) for each in (candidates[0], *starts[:1])]
        stays = starts[0] if starts and error[0] > (1 - LEAST_GAIN) * error[-1] else None
        voters = finalists(candidates, 20, 2.0)
        known = hidden_r2(run, [c.number for c in (*voters, *starts[:1])], table)
        for name, rule in rules().items():
            chosen = stays or rule([c for c in candidates if c.number in known or c in voters])
            columns[name][folder] = known.get(chosen.number, _WORST)
        columns["best possible"][folder] = max(known.values())
    folders = list(columns["best score"])
    print("| rule | mean |" + "".join(f" {folder.rsplit('/', 1)[-1]} |" for folder in folders))
    print("|---" * (2 + len(folders)) + "|")
    for name, values in columns.items():
        each = "".join(f" {values[folder]:.3f} |" for folder in folders)
        print(f"| {name} | {np.mean(list(values.values())):.4f} |{each}")


if __name__ == "__main__":
    main()
