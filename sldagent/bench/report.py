"""A comparison as numbers and as tables: means over seeds with their spread."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from sldagent.bench.human import FITTED, PRINTED
from sldagent.bench.plan import BenchConfig
from sldagent.table import Table
from sldagent.task import Task

_METHOD = "human"
_EQUAL = 0.9  # of the evaluations that were asked for; with fewer arms may differ by much
_BEYOND = {"test": "test R²", "pseudo": "pseudo-test R²"}


@dataclass(frozen=True)
class Bench:
    """Results of a comparison.

    Attributes:
        split: `test` or `pseudo`.
        settings: What all of it shares.
        cells: One entry a search and a baseline, as they were measured.
        summary: One entry for each task and arm; means over seeds with standard deviations.
        means: For each arm the mean over the tasks that it has.
        published: By task, test R² by others with their source, where the rows are SLDBench's.
        notes: What a reader must know, a line each.
    """

    split: str
    settings: dict[str, Any]
    cells: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    means: list[dict[str, Any]]
    published: dict[str, dict[str, Any]]
    notes: tuple[str, ...]

    def to_json(self) -> str:
        """All of it as JSON text."""
        return json.dumps(asdict(self), indent=1, allow_nan=False, ensure_ascii=False)


def make_report(
    config: BenchConfig,
    tables: Mapping[str, tuple[Task, Table]],
    done: Sequence[dict[str, Any]],
    baselines: Sequence[dict[str, Any]],
) -> Bench:
    """Puts results together; every number in it but the published ones was computed here."""
    rows = [*baselines, *done]
    pairs = dict.fromkeys((row["task"], row["arm"]) for row in rows)
    summary = [
        _summary(task, arm, [r for r in rows if (r["task"], r["arm"]) == (task, arm)])
        for task, arm in sorted(pairs, key=lambda pair: list(tables).index(pair[0]))
    ]
    arms = dict.fromkeys(row["arm"] for row in summary)
    means = [_mean_row(arm, [row for row in summary if row["arm"] == arm]) for arm in arms]
    published = {
        name: dict(task.published)
        for name, (task, table) in tables.items()
        if task.published and task.hub and task.hub.train_rows == len(table)
    }
    settings = {**config.fixed, "seeds": config.seeds, "tasks": list(tables)}
    notes = _notes(config, tables, summary, rows, published)
    return Bench(config.split, settings, rows, summary, means, published, notes)


def _summary(task: str, arm: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds; of one seed's pseudo-tests their mean counts."""
    good = [row for row in rows if "failed" not in row]
    numbers = ("evaluations", "cpu_seconds", "wall_seconds", "usd", "parameters")
    return {
        "task": task,
        "arm": arm,
        "seeds": len({row["seed"] for row in rows if row["seed"] is not None}),
        "failed": len(rows) - len(good),
        "held_out": _spread(good, "held_out"),
        "beyond": _spread(good, "beyond"),
        **{name: _mean([row[name] for row in good if _is_number(row, name)]) for name in numbers},
        "total_usd": sum(row.get("usd", 0.0) for row in rows),
    }


def _spread(rows: list[dict[str, Any]], key: str) -> dict[str, float | int | None] | None:
    """Mean and standard deviation over seeds of R² clipped to [-1, 1]; None where there is none."""
    seeds: dict[Any, list[float]] = {}
    for row in rows:
        if row[key] is not None:
            seeds.setdefault(row["seed"], []).append(max(-1.0, min(1.0, row[key]["r2"])))
    if not seeds:
        return None
    values = [mean(parts) for parts in seeds.values()]
    spread = stdev(values) if len(values) > 1 else None
    return {"mean": mean(values), "std": spread, "seeds": len(values)}


def _mean_row(arm: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"arm": arm}
    for key in ("held_out", "beyond"):
        values = [row[key]["mean"] for row in rows if row[key]]
        found[key] = {"mean": _mean(values), "tasks": len(values)} if values else None
    return found


def _notes(
    config: BenchConfig,
    tables: Mapping[str, tuple[Task, Table]],
    summary: Sequence[dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    published: Mapping[str, dict[str, Any]],
) -> tuple[str, ...]:
    notes = ["R² is clipped to [-1, 1] before means, as the leaderboard does; ± is the standard "
             "deviation over seeds."]  # fmt: skip
    if config.split == "pseudo":
        notes.append(
            "Pseudo-tests are made of training rows: the top of one cut is hidden, the search gets "
            "the rest, and its best program is judged on what was hidden. No test row was read."
        )
    else:
        without = [
            name for name in tables
            if not any(row["beyond"] for row in summary if row["task"] == name)
        ]  # fmt: skip
        if without:
            notes.append(
                f"No test rows at hand for {', '.join(without)}: their figures are held-out ones, "
                "which chose the program and flatter it; `--split pseudo` judges on hidden "
                "training rows."
            )
        if config.baselines:
            notes.append("The test rows that are at hand were read once more for the baselines.")
    if published:
        sources = dict.fromkeys(" ".join(str(p["source"]).split()) for p in published.values())
        notes.append(
            "Published test R² are others' numbers, not computed here. " + " ".join(sources)
        )
    for name in tables:
        judged = {
            row["arm"]: row["evaluations"]
            for row in summary
            if row["task"] == name and row["evaluations"]
        }
        if judged and min(judged.values()) < _EQUAL * config.evaluations:
            counts = ", ".join(f"{arm} {count:.0f}" for arm, count in judged.items())
            notes.append(
                f"{name}: searches end with whole generations, so that of {config.evaluations} "
                f"evaluations were used: {counts}. Where arms differ by much, ask for more."
            )
    arms = {name: {row["arm"] for row in summary if row["task"] == name} for name in tables}
    unprinted = [name for name, known in arms.items() if FITTED in known and PRINTED not in known]
    if unprinted:
        notes.append(
            f"Of the published forms of {', '.join(unprinted)} no constants are at hand to be "
            "scored as printed: they are fitted here only."
        )
    over = [
        f"{row['arm']} on {row['task']} ({row['parameters']:.0f} of {limit})"
        for row in summary
        if (limit := tables[row["task"]][0].parameter_limit) and (row["parameters"] or 0) > limit
    ]
    if over:
        notes.append(f"More parameters than the task allows: {', '.join(over)}.")
    notes += [
        f"{row['task']}, {row['arm']}, seed {row['seed']}: {words}"
        for row in rows
        if (words := row.get("failed") or (config.split == "pseudo" and row.get("reason")))
    ]
    return tuple(notes)


def markdown(bench: Bench) -> str:
    """The comparison as Markdown tables."""
    methods = list(dict.fromkeys(m for row in bench.published.values() for m in row))
    others = [m for m in methods if m not in (_METHOD, "source")]
    beyond = _BEYOND[bench.split]
    head = ["task", "arm", "seeds", "held-out R²", beyond]
    if bench.published:
        head += [f"{name}, test R², published" for name in (_METHOD, *others)]
        head.append("best published test R²")
    head += ["evaluations", "CPU min", "wall min", "USD"]
    lines = ["# sldagent bench", "", _row(head), "|---" * len(head) + "|"]
    for row in bench.summary:
        known = bench.published.get(row["task"], {})
        cells = [row["task"], row["arm"], str(row["seeds"] or "–"), _r2(row["held_out"]),
                 _r2(row["beyond"])]  # fmt: skip
        if bench.published:
            figures = [v for name, v in known.items() if name != "source"]
            cells += [_short(known.get(name)) for name in (_METHOD, *others)]
            cells.append(_short(max(figures) if figures else None))
        minutes = [None if row[k] is None else row[k] / 60 for k in ("cpu_seconds", "wall_seconds")]
        cells += [
            _short(row["evaluations"], ".0f"), *(_short(m, ".1f") for m in minutes),
            _short(row["total_usd"] if row["seeds"] else None, ".2f"),
        ]  # fmt: skip
        lines.append(_row(cells))
    lines += [
        "",
        _row(["arm", "tasks", "held-out R², mean", f"{beyond}, mean (tasks)"]),
        "|---" * 4 + "|",
    ]
    for row in bench.means:
        held, far = row["held_out"], row["beyond"]
        lines.append(
            _row(
                [row["arm"], str(held["tasks"] if held else 0), _short(held and held["mean"]),
                 f"{far['mean']:.3f} ({far['tasks']})" if far else "–"]
            )
        )  # fmt: skip
    lines += ["", *(f"- {note}" for note in bench.notes)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _r2(spread: dict[str, Any] | None) -> str:
    if spread is None:
        return "–"
    words = f"{spread['mean']:.4f}"
    return words if spread["std"] is None else f"{words} ± {spread['std']:.4f}"


def _short(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def _is_number(row: Mapping[str, Any], name: str) -> bool:
    return isinstance(row.get(name), int | float)
