"""The law card: what one must know before one trusts a law, as plain data."""

import datetime
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np

from sldagent.candidate import Candidate, Evaluation
from sldagent.data.findings import design_warnings, find_repeats
from sldagent.evaluation.metrics import group_metrics, score_rows
from sldagent.export.frozen import FrozenLaw
from sldagent.export.refit import Draws, Floats, RefitError, Refitter, bootstrap
from sldagent.export.winner import Found, Winner, covered, predict_largest
from sldagent.laws import choosing, families
from sldagent.laws.families.signs import takes_either_sign
from sldagent.plain import finite
from sldagent.scoring import LEAST_GAIN, clearly_better

_CALIBRATION_SHARE = 0.5  # of the draws and of the time, for refits to one cut's fit rows
_PACKAGES = ("sldagent", "numpy", "scipy")
SCHEMA = 1
NARROW = 0.1  # by which intervals may hold fewer values than they say
_MANY_DRAWS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """How much the card's uncertainty may cost.

    Attributes:
        draws: Bootstrap refits; 0 for none.
        seconds: That they may take in all.
        level: Of the intervals.
        baseline: Whether classical law families are fitted on the same cuts.
    """

    draws: int = 100
    seconds: float = 60.0
    level: float = 0.9
    baseline: bool = True


@dataclass(frozen=True, slots=True)
class TestResult:
    """What one reading of the test rows gave; or why there was none."""

    evaluation: Evaluation | None
    reason: str = ""
    rows: str = ""


def make_card(
    winner: Winner, refitter: Refitter, draws: Draws, options: Options, law: FrozenLaw,
    test: TestResult,
) -> dict[str, Any]:  # fmt: skip
    """All of the card; numbers that are not finite are None."""
    found, row = winner.found, winner.found.run.store.run()
    rows = found.run.store.rows()
    finished = bool(row["finished_at"])
    uncertainty = _uncertainty(winner, refitter, draws, options)
    card: dict[str, Any] = finite(
        {
            "schema": SCHEMA,
            "law": _law(winner, law),
            "parameters": {name: p.tolist() for name, p in winner.params.items()},
            "data": _data(found),
            "fit": _fit(winner),
            "cuts": [_cut(cut) for cut in found.candidate.evaluation.cuts],
            "held_out": _metrics(found.candidate.evaluation),
            "selection": _selection(found, rows),
            "search": {
                "run": row["name"],
                "seed": row["config"].get("seed"),
                "started": row["created_at"],
                "finished": row["finished_at"],
                "config": row["config"],
                "cpu_seconds": found.run.store.cpu_seconds(),
                "usd": (found.run.store.spent() or {"usd": 0.0})["usd"],
            },
            "baselines": [
                {"name": "this law", **_standing(found.candidate)},
                *_baselines(found, rows, options.baseline),
            ],
            "uncertainty": uncertainty,
            "test": {
                "metrics": None if test.evaluation is None else _metrics(test.evaluation),
                "rows": test.rows,
                "reason": test.reason,
                "published": _published(found),
            },
            "leakage": {
                "test_reads": row["test_reads"],
                "search_finished": finished,
                "words": _leakage(row["test_reads"], finished),
            },
            "warnings": _warnings(found, uncertainty, len(winner.params)),
            "versions": {
                "search": row["versions"],
                "export": {
                    **{package: metadata.version(package) for package in _PACKAGES},
                    "python": platform.python_version(),
                },
            },
            "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
    )
    return card


def _law(winner: Winner, law: FrozenLaw) -> dict[str, Any]:
    found = winner.found
    sizes = {params.size for params in winner.params.values()}
    return {
        "task": found.task.name,
        "title": found.task.title,
        "features": [asdict(column) for column in found.task.features],
        "targets": [asdict(column) for column in found.task.targets],
        "groups": list(found.table.group_names),
        "candidate": found.candidate.number,
        "program_sha256": found.candidate.program_hash,
        "proposer": found.candidate.proposer,
        "change": found.candidate.change,
        "parameters_per_group": max(sizes),
        "literals": found.candidate.evaluation.literals,
        "parameter_limit": found.task.parameter_limit,
        "needs": list(law.needs),
        "difference": law.difference,
    }


def _data(found: Found) -> dict[str, Any]:
    table = found.table
    ranges = {}
    for j, name in enumerate(found.task.feature_names):
        column = table.x[:, j]
        ranges[name] = {
            "low": float(column.min()),
            "high": float(column.max()),
            "levels": len(np.unique(column)),
        }
    return {
        "origin": table.origin,
        "sha256": table.sha256,
        "rows": len(table),
        "groups": dict(Counter(table.groups)),
        "provenance": found.task.provenance,
        "ranges": ranges,
    }


def _fit(winner: Winner) -> dict[str, Any]:
    table = winner.found.table
    groups = group_metrics(table.y, winner.predicted, table.group_codes, table.group_names)
    return {
        "metrics": asdict(score_rows(table.y, winner.predicted)),
        "groups": {name: asdict(m) if m else None for name, m in groups.items()},
    }


def _cut(cut: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(cut).items() if name != "params"}


def _metrics(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "status": evaluation.status.value,
        "reason": evaluation.reason,
        "metrics": asdict(evaluation.metrics) if evaluation.metrics else None,
        "groups": {name: asdict(m) if m else None for name, m in evaluation.groups.items()},
    }


def _selection(found: Found, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    chosen = found.candidate
    valid = {row["program_hash"]: row for row in reversed(rows) if row["score"] is not None}
    rivals = [row for name, row in valid.items() if name != chosen.program_hash]
    rivals.sort(key=lambda row: (-row["score"], row["number"]))
    own = chosen.evaluation.score
    better = sum(own is not None and row["score"] > own for row in rivals)
    words = (
        f"It is number {better + 1} of {len(valid)} distinct valid programs by the selection score "
        "on the held-out rows, so those rows chose it: its held-out figures flatter it (winner's "
        "curse), the more the more programs were tried and the closer the next ones are. Only rows "
        "that chose nothing, such as a test split read once, say how good it is."
    )
    best = found.run.best()
    if better and best is not None and best[0].number == chosen.number:
        if chosen.generation == 0 and not clearly_better(rivals[0]["score"], own or 0.0):
            words += (
                " It is the best start program: what a search makes of it takes its place only "
                f"with {LEAST_GAIN:.0%} less error, 1 - score, as smaller gains vanish on new rows."
            )
        else:
            words += (
                " Those of higher score go their own way beyond the data; this one is nearer to "
                "what the finalists, different laws of nearly the best score, agree on there."
            )
    return {
        "score": own,
        "rank": better + 1,
        "candidates": len(rows),
        "statuses": dict(Counter(row["status"] for row in rows)),
        "distinct_valid_programs": len(valid),
        "next": [
            {"candidate": row["number"], "score": row["score"], "r2": row["held_out_r2"]}
            for row in rivals[:3]
        ],
        "words": words,
    }


def _baselines(
    found: Found, rows: Sequence[dict[str, Any]], classical: bool
) -> list[dict[str, Any]]:
    """What is easily had, judged on the same held-out rows."""
    mean = [_mean_of_group(found, cut.fit, cut.held_out) for cut in found.cuts]
    actual = [found.table.y[cut.held_out] for cut in found.cuts]
    each = [score_rows(y, given).r2 for y, given in zip(actual, mean, strict=True)]
    known = [
        {
            "name": "mean of each group's fit rows",
            "r2": score_rows(np.concatenate(actual), np.concatenate(mean)).r2,
            "mean_r2": _mean_clipped(each),
            "parameters": 1,
        }
    ]
    starts = [row for row in rows if row["generation"] == 0 and row["score"] is not None]
    if starts:
        first = max(starts, key=lambda row: row["score"])["number"]
        name = f"best program of the first generation (#{first})"
        known.append({"name": name, **_standing(found.run.candidate(first))})
    if classical and (row := _classical(found)):
        known.append(row)
    return known


def _standing(candidate: Candidate) -> dict[str, Any]:
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    return {
        "r2": evaluation.metrics.r2,
        "mean_r2": _mean_clipped([cut.metrics.r2 for cut in evaluation.cuts]),
        "parameters": evaluation.params,
    }


def _mean_clipped(r2: Sequence[float]) -> float:
    return float(np.mean(np.clip(r2, -1, 1)))


def _mean_of_group(found: Found, fit: Any, held_out: Any) -> Floats:
    table = found.table
    inside = table.group_codes[fit]
    means = []
    for i in held_out:
        same = table.y[fit][inside == table.group_codes[i]]
        means.append((same if len(same) else table.y[fit]).mean(axis=0))
    return np.array(means)


def _classical(found: Found) -> dict[str, Any] | None:
    """The family of known laws that extrapolates best on the same cuts."""
    task, table = found.task, found.table
    limit = None
    if task.parameter_limit is not None:
        limit = task.parameter_limit // len(task.targets)
    roles = [column.role for column in task.features]
    signed = takes_either_sign(table.x, table.y, table.group_codes, roles)
    laws = families.applicable(roles, signed=signed, limit=limit)
    if not laws:
        return None
    cuts = [(cut.fit, cut.held_out) for cut in found.cuts]
    choice = choosing.choose(
        laws, table.x, table.y, table.groups, cuts, falls=[c.falls for c in task.features]
    )
    best = choice.trials[0]
    return {
        "name": f"best of {len(choice.trials) + choice.given_up} known families: {best.law.name}",
        "r2": None,
        "mean_r2": _mean_clipped(best.r2),
        "parameters": best.parameters * len(task.targets),
        "formula": best.law.formula,
    }


def _uncertainty(
    winner: Winner, refitter: Refitter, draws: Draws, options: Options
) -> dict[str, Any]:
    return {
        "method": draws.words,
        "draws": len(draws.params),
        "seconds": draws.seconds,
        "level": options.level if draws.params else None,
        "parameters": _parameter_ends(draws, options.level),
        "predictions": predict_largest(winner, refitter, draws, options.level),
        "calibration": _calibration(winner, refitter, options) if draws.params else None,
        "words": (
            "An interval holds the constants' uncertainty and the scatter of single runs, not that "
            "the form itself may be wrong."
            if draws.params
            else "No interval is given: nothing was refitted."
        ),
    }


def _parameter_ends(draws: Draws, level: float) -> dict[str, Any]:
    ends = [(1 - level) / 2, (1 + level) / 2]
    if len(draws.params) < 2:
        return {}
    result = {}
    for name in draws.params[0]:
        shapes = {params[name].shape for params in draws.params}
        if len(shapes) == 1:
            drawn = np.stack([params[name] for params in draws.params])
            low, high = np.quantile(drawn, ends, axis=0)
            result[name] = {"low": low.tolist(), "high": high.tolist()}
    return result


def _calibration(winner: Winner, refitter: Refitter, options: Options) -> dict[str, Any] | None:
    """Whether such intervals would have held the rows that the first cut held out."""
    found = winner.found
    cut = found.cuts[0]
    inside = found.table.rows(cut.fit)
    draws = bootstrap(
        refitter, found.program, inside, max(2, int(options.draws * _CALIBRATION_SHARE)),
        options.seconds * _CALIBRATION_SHARE,
    )  # fmt: skip
    if len(draws.params) < 2 or set(inside.group_names) != set(found.table.group_names):
        return None
    try:
        hits, total = covered(winner, refitter, cut, draws, options.level)
    except RefitError:
        return None
    return {
        "cut": cut.name,
        "draws": len(draws.params),
        "level": options.level,
        "covered": hits,
        "of": total,
        "share": hits / total,
    }


def _published(found: Found) -> dict[str, Any]:
    """Others' test R² with its source, where this may be the benchmark's table by its size."""
    hub = found.task.hub
    return found.task.published if hub and hub.train_rows == len(found.table) else {}


def _leakage(reads: int, finished: bool) -> str:
    if not reads:
        return "No test row was read for this run."
    times = "once" if reads == 1 else f"{reads} times"
    words = f"The test rows were read {times} for this run, by exports; the search never sees them."
    if reads > 1:
        words += " Whoever chose anything by the earlier readings has used them up."
    if not finished:
        words += " The search was not finished then."
    return words


def _warnings(found: Found, uncertainty: dict[str, Any], groups: int) -> list[str]:
    """What the evaluation, the refits and the design of the rows give reason to doubt."""
    words = found.candidate.evaluation.doubts()
    words += design_warnings(found.task, found.table, find_repeats(found.table))
    known = uncertainty["calibration"]
    if known and known["share"] < known["level"] - NARROW:
        words.append(
            f"intervals are too narrow beyond the data: those of {known['level']:.0%} held "
            f"{known['share']:.0%} on cut {known['cut']}"
        )
    if uncertainty["draws"] >= _MANY_DRAWS:
        stuck = [
            name
            for name, ends in uncertainty["parameters"].items()
            if np.equal(ends["low"], ends["high"]).any()
        ]
        if stuck:
            where = f"{len(stuck)} of {groups} groups" if groups > 1 else "the law"
            words.append(
                f"in {where} some constant is the same in every refit, as one at the end of the "
                "range in which it is sought is: its interval says nothing"
            )
    if not found.run.store.run()["finished_at"]:
        words.append("the search was not finished when this was written")
    return words
