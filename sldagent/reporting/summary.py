"""A run as plain data, small enough for one page; what pages and plots are drawn from."""

from collections.abc import Sequence
from typing import Any

from sldagent.candidate import Candidate
from sldagent.program import Program
from sldagent.run import Run
from sldagent.task import Task

TOP = 50  # candidates beside the path to the best whose programs are kept
_TEXT = 20_000  # characters of one text
_ALL_TEXTS = 1_600_000  # characters of all of them
_NOTE = 140


def summarise(run: Run, task: Task | None) -> dict[str, Any]:
    """Candidates in columns, the path to the best, programs of the path and of the best ones.

    Works on a run that is going on. `task` is None where its file is not at hand.
    """
    row = run.store.run()
    rows = run.store.rows()
    best = run.best()
    number = best[0].number if best else None
    path = [] if number is None else run.store.ancestors(number)
    top = [row["number"] for row in run.rows(top=TOP)]
    return {
        "run": {
            "name": row["name"],
            "task": row["task"],
            "created": row["created_at"],
            "finished": row["finished_at"],
            "ended_because": row["ended_because"],
            "config": row["config"],
            "versions": row["versions"],
            "data": {"origin": row["data_origin"], "sha256": row["data_sha256"]},
            "test_reads": row["test_reads"],
        },
        "task": None if task is None else _task(task),
        "candidates": _columns(rows),
        "best": number,
        "path": path,
        "details": _details(run, rows, list(dict.fromkeys([*path, *top])), number),
        "top": TOP,
        "migrations": [
            [event["generation"], event["kind"], event["source"], event["target"]]
            for event in run.store.events()
        ],
        "cpu_seconds": run.store.cpu_seconds(),
        "spent": run.store.spent(),
    }


def _task(task: Task) -> dict[str, Any]:
    return {
        "name": task.name,
        "title": task.title,
        "description": " ".join(task.description.split()),
        "provenance": task.provenance,
        "features": [_column(c) for c in task.features],
        "targets": [_column(c) for c in task.targets],
        "parameter_limit": task.parameter_limit,
    }


def _column(column: Any) -> dict[str, str]:
    return {"name": column.name, "unit": column.unit, "description": column.description}


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One list a column; words are numbers into `words`, as they repeat."""
    words: dict[str, int] = {}

    def code(text: str) -> int:
        return words.setdefault(text, len(words))

    columns: dict[str, Any] = {
        name: [row[name] for row in rows] for name in ("number", "generation", "island", "literals")
    }
    columns["score"] = [_digits(row["score"]) for row in rows]
    columns["r2"] = [_digits(row["held_out_r2"]) for row in rows]
    columns["params"] = [
        int(row["params"]) if (row["params"] or "").isdecimal() else None for row in rows
    ]
    columns["parents"] = [row["parents"] for row in rows]
    columns["status"] = [code(row["status"]) for row in rows]
    columns["proposer"] = [code(row["proposer"]) for row in rows]
    columns["note"] = [code((row["reason"] or row["change"] or "")[:_NOTE]) for row in rows]
    columns["words"] = list(words)
    return columns


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _details(
    run: Run, rows: Sequence[dict[str, Any]], numbers: Sequence[int], best: int | None
) -> dict[str, Any]:
    """Programs, changes and judgements of these candidates, as far as the room reaches.

    Prompts and replies go first where there is little room.
    """
    known = {c.number: c for c in run.store.candidates_in(numbers)}
    arms = {row["number"]: row["arm"] for row in rows}
    programs: dict[str, Program] = {}

    def program(name: str) -> Program:
        if name not in programs:
            programs[name] = run.store.program(name)
        return programs[name]

    details: dict[str, Any] = {}
    room = _ALL_TEXTS
    for number in numbers:
        candidate = known[number]
        own, diff = program(candidate.program_hash), ""
        if candidate.parents:
            above = run.candidate(candidate.parents[0])
            diff = program(above.program_hash).diff(own, f"#{above.number}", f"#{number}")
        detail = _judgement(candidate, by_group=number == best)
        detail |= {"source": _cut_text(own.source), "diff": _cut_text(diff)}
        detail["arm"] = arms[number]
        room -= len(detail["source"]) + len(detail["diff"])
        if room < 0:
            break
        detail["calls"] = _calls(run, number)
        texts = sum(len(call["prompt"]) + len(call["reply"]) for call in detail["calls"])
        if texts > room:
            detail["calls"] = [{**call, "prompt": "", "reply": ""} for call in detail["calls"]]
        else:
            room -= texts
        details[str(number)] = detail
    return details


def _calls(run: Run, number: int) -> list[dict[str, Any]]:
    names = ("kind", "model", "outcome", "input_tokens", "output_tokens", "seconds", "usd")
    return [
        {
            **{name: call[name] for name in names},
            "prompt": _cut_text(call["prompt"] or ""),
            "reply": _cut_text(call["reply"] or ""),
        }
        for call in run.store.calls(number)
    ]


def _judgement(candidate: Candidate, by_group: bool) -> dict[str, Any]:
    evaluation = candidate.evaluation
    return {
        "change": _cut_text(candidate.change),
        "reason": _cut_text(evaluation.reason),
        "exemplars": list(candidate.exemplars),
        "seconds": evaluation.seconds,
        "warnings": evaluation.doubts() if by_group else list(evaluation.warnings),
        "output": evaluation.output,
        "groups": {n: _digits(m.r2) if m else None for n, m in evaluation.groups.items()},
        "cuts": [
            {
                "name": cut.name,
                "fit_rows": cut.fit_rows,
                "held_out_rows": cut.held_out_rows,
                "r2": _digits(cut.metrics.r2),
                "nmae": _digits(cut.metrics.nmae),
                "error": _digits(cut.relative_error),
                "groups": {n: _digits(m.r2) if m else None for n, m in cut.groups.items()}
                if by_group
                else {},
            }
            for cut in evaluation.cuts
        ],
    }


def _cut_text(text: str) -> str:
    return text if len(text) <= _TEXT else text[:_TEXT] + "\n… cut here"
