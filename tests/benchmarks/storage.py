"""Measures a run of many candidates: reading commands, the start of a resume, one more step.

python tests/benchmarks/storage.py [CANDIDATES] [FOLDER]
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contracts.scripted_runs import Driver, HashPool
from sqlalchemy import insert

from sldagent import driving
from sldagent.candidate import CutResult, Evaluation, Metrics, Status
from sldagent.evolution.places import Places
from sldagent.program import Program
from sldagent.proposing.symbolic import SymbolicProposer
from sldagent.run import Run
from sldagent.storage import schema

ISLANDS, OFFSPRING, BATCH = 4, 4, 2000


def evaluation(rng: np.random.Generator) -> Evaluation:
    """As long as a real one: five cuts, one group, seven parameters."""
    score = float(-rng.exponential(0.1) + 0.95)
    metrics = Metrics(score, 1 - score, float(rng.uniform()))
    params = {"all_data": rng.normal(size=7).tolist()}
    cuts = tuple(
        CutResult(f"tokens>{c}e10", 130, 30, metrics, {"all_data": metrics}, 0.01, 0.002, params)
        for c in range(5)
    )
    return Evaluation(
        Status.OK, metrics=metrics, score=score, cuts=cuts, groups={"all_data": metrics},
        params=7, literals=0, seconds={"cpu": 0.1, "wall": 0.1},
    )  # fmt: skip


def fill(run: Run, count: int) -> None:
    """Puts made-up candidates into a run's database, as a search would have numbered them."""
    rng = np.random.default_rng(0)
    text = run.starts()[0].program.source
    places = Places(ISLANDS, OFFSPRING, 1)
    rows: dict[str, list[dict]] = {"program": [], "candidate": [], "edge": []}
    island_members: list[list[int]] = [[] for _ in range(ISLANDS)]
    for number in range(count):
        if number < places.first:
            generation, island, slot = 0, number, 0
        else:
            island, step = places.step(number)
            generation, slot = places.place(step)
        source = text if generation == 0 else f"{text}EXTRA_{'abcdefgh'[number % 8]} = {number}\n"
        name = hashlib.sha256(source.encode()).hexdigest()
        judged = evaluation(rng)
        rows["program"].append({"hash": name, "source": source})
        rows["candidate"].append(
            {
                "number": number, "generation": generation, "island": island, "slot": slot,
                "program_hash": name, "change": "made up", "status": "ok", "reason": "",
                "proposer": "symbolic" if generation else "start", "score": judged.score,
                "held_out_r2": judged.score, "params": "7", "literals": 0, "arm": "",
                "evaluation": judged.as_dict(), "evaluated_at": "2026-01-01T00:00:00.000+00:00",
            }
        )  # fmt: skip
        known = island_members[island]
        if generation:
            for place, kind in enumerate(("parent", "exemplar")):
                other = known[int(rng.integers(max(0, len(known) - 40), len(known)))]
                rows["edge"].append(
                    {"child": number, "parent": other, "kind": kind, "place": place}
                )
        known.append(number)
        if len(rows["candidate"]) == BATCH or number == count - 1:
            with run.store._writing() as connection:
                for name in rows:
                    table = schema.metadata.tables[name]
                    if rows[name]:
                        connection.execute(insert(table).prefix_with("OR IGNORE"), rows[name])
                    rows[name].clear()
    best = max(run.rows(top=1), key=lambda row: row["score"])
    candidate = run.candidate(best["number"])
    run.keep_best(candidate, run.store.program(candidate.program_hash))


class Model(SymbolicProposer):
    """Is taken for a model, since nobody would propose again what is made up here."""

    name = "model"
    deterministic = False


def command(arguments: Sequence[str]) -> tuple[float, float, float]:
    """Least wall and CPU seconds of three, and peak MiB, of a command in its own process."""
    code = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        f"subprocess.run([sys.executable, '-m', 'sldagent', *{list(arguments)!r}], check=True,"
        " stdout=subprocess.DEVNULL)\n"
        "wall, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))\n"
    )
    found = [
        json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)
        for _ in range(3)
    ]
    walls, cpus, peaks = zip(*found, strict=True)
    return min(walls), min(cpus), max(peaks)


class Clock(HashPool):
    """Notes when the search first has something evaluated."""

    first: float | None = None

    def submit(self, key: int, text: Program) -> None:
        Clock.first = Clock.first or time.perf_counter()
        super().submit(key, text)


def steps(run: Run, more: int) -> tuple[float, float]:
    """Seconds until a resumed run evaluates, and then milliseconds a candidate."""
    Clock.first, before = None, len(run.store.numbers())
    begin = time.perf_counter()
    done = 0

    def stop() -> str | None:
        nonlocal done
        if Clock.first is not None:
            done += 1
        return "enough" if done > more else None

    driving.resume(run.folder, lambda *_: Clock(), driving.Watch(stop=stop))
    end = time.perf_counter()
    assert Clock.first is not None
    made = len(run.store.numbers()) - before
    return Clock.first - begin, 1000 * (end - Clock.first) / made


def main(count: int, folder: Path) -> None:
    table = folder / "train.csv"
    lines = ["group,unique_tokens,params,tokens,loss"]
    for params in (1e7, 3e7, 1e8, 3e8, 1e9):
        for tokens in (1e8, 1e9, 1e10):
            lines.append(f"all_data,{tokens},{params},{tokens},{2 + 400 * params**-0.35}")
    table.write_text("\n".join(lines) + "\n")
    driving._proposer = lambda config, task, table: Model(task, table)
    driver = Driver(folder / "runs", table)
    run = driver.evolve(
        "large", driving.Watch(stop=lambda: "at once"), generations=10**6,
        islands=ISLANDS, offspring=OFFSPRING, lag=4,
    )  # fmt: skip
    fill(run, count)
    size = (run.folder / "lineage.sqlite").stat().st_size
    print(f"{count} candidates, {size / count:.0f} bytes each")
    at = ["--runs", str(folder / "runs")]
    for arguments in (
        ["lineage", "list", "large", "--top", "20", *at],
        ["lineage", "show", "large", str(count // 2), *at],
        ["best", "large", *at],
        ["lineage", "path", "large", *at],
        ["runs", "show", "large", *at],
        ["lineage", "list", "large", "--json", *at],
    ):
        wall, cpu, peak = command(arguments)
        words = " ".join(arguments[:-2])
        print(f"{words:32s} {wall:6.2f} s, CPU {cpu:6.2f} s {peak:6.0f} MiB")
    for words in ("with no checkpoint", "from a checkpoint"):
        start, step = steps(run, 300)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"resume {words}: evaluates after {start:.1f} s, then {step:.2f} ms a candidate; "
            f"{peak:.0f} MiB"
        )


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(wanted, Path(made))
