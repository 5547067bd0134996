"""A run of many made-up candidates on several islands, whose texts try to get out of a page."""

import dataclasses
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from export.made_run import BETTER, make_run

from sldagent.candidate import Candidate, CutResult, Evaluation, Metrics, Status
from sldagent.program import Program
from sldagent.run import Run
from sldagent.storage.store import FILE

HOSTILE = (
    "</script><script>document.documentElement.dataset.owned = 1</script>",
    "<img src=x onerror=\"document.documentElement.dataset.owned = 1\">",
    "<!--<script>", "]]>", "&lt;b&gt;", "\u2028\u2029\\u003c/script>", "'\"`${1}@DATA@",
    "<iframe src='http://127.0.0.1:9/x'></iframe>", "<style>*{display:none}</style>",
)  # fmt: skip
ISLANDS = 4


def populate(run: Run, count: int, size: int = 0) -> None:
    """Adds candidates after the three of `made_run.make_run`; `size` pads their programs."""
    rng = np.random.default_rng(0)
    known = [c.number for c in run.candidates() if c.evaluation.score is not None]
    cuts = run.candidate(known[-1]).evaluation.cuts
    last = max(c.number for c in run.candidates())
    for k in range(count):
        number = last + 1 + k
        evil = HOSTILE[k % len(HOSTILE)]
        program = Program(BETTER + f"NOTE = {k}, {evil!r}\n" + "# padding\n" * size)
        evaluation = _evaluation(rng, cuts, evil, better=k == count - 1)
        calls = [
            {
                "kind": "proposal", "model": f"model {evil}", "prompt": f"prompt {evil}",
                "reply": f"reply {evil}", "input_tokens": 1000, "output_tokens": 100,
                "seconds": 1.0, "usd": 0.01 if k % 2 else None, "outcome": "ok",
            }
        ] if k % 3 == 0 or k == count - 1 else []  # fmt: skip
        candidate = Candidate(
            number, 3 + k // 20, k % ISLANDS, k // ISLANDS % 5, program.hash,
            (int(rng.choice(known[-40:])),), tuple(known[:2]), "llm", f"change {evil}", evaluation,
        )  # fmt: skip
        run.store.add(candidate, program, "rewrite", calls)
        if evaluation.score is not None:
            known.append(number)
    run.keep_best(candidate, program)


def _evaluation(
    rng: np.random.Generator, cuts: Sequence[CutResult], evil: str, better: bool
) -> Evaluation:
    if rng.random() < 0.2 and not better:
        status = Status(rng.choice(["rejected", "error", "timeout", "invalid"]))
        return Evaluation(status, f"broken {evil}")
    r2 = 0.9999 if better else float(1 - rng.lognormal(-4, 1.5))
    metrics = Metrics(r2, 1 - r2, abs(1 - r2) ** 0.5)
    judged = tuple(dataclasses.replace(cut, metrics=metrics) for cut in cuts)
    return Evaluation(
        Status.OK, metrics=metrics, score=r2 - 0.002, cuts=judged, params=int(rng.integers(2, 5)),
        groups={"stack": metrics, "pile": metrics}, literals=0, seconds={"cpu": 0.1, "wall": 0.1},
        warnings=(f"warning {evil}",), output=evil,
    )  # fmt: skip


def multiply(run: Run, times: int) -> None:
    """Repeats all but the first three candidates so many times, as SQL is a hundred times faster.

    The copies are children of copies.
    """
    with sqlite3.connect(run.folder / FILE) as database:
        known = [row[1] for row in database.execute("PRAGMA table_info(candidate)")]
        (block,) = database.execute("SELECT max(number) - 2 FROM candidate").fetchone()
        changed = {"number": "number + :by", "program_hash": "program_hash || :by"}
        changed["generation"] = "generation + :later"
        columns = ", ".join(changed.get(name, name) for name in known)
        for copy in range(1, times):
            values = {"by": copy * block, "later": copy * 6, "last": block + 2}
            old = "number > 2 AND number <= :last"
            database.execute(
                "INSERT OR IGNORE INTO program SELECT hash || :by, source FROM program "
                f"WHERE hash IN (SELECT program_hash FROM candidate WHERE {old})", values
            )  # fmt: skip
            database.execute(
                f"INSERT INTO candidate SELECT {columns} FROM candidate WHERE {old}", values
            )
            database.execute(
                "INSERT INTO edge SELECT child + :by, CASE WHEN parent > 2 THEN parent + :by ELSE "
                "parent END, kind, place FROM edge WHERE child > 2 AND child <= :last", values
            )  # fmt: skip


def make_big_run(folder: Path, count: int, size: int = 0) -> Run:
    run = make_run(folder)
    populate(run, count, size)
    return run
