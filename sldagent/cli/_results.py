"""What a search came to, in words: its best program, its law, what it took."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent import api

if TYPE_CHECKING:
    from sldagent.candidate import Candidate
    from sldagent.config import EvolveConfig
    from sldagent.evolution.search import Generation
    from sldagent.run import Run

_FEW_DRAWS = 20  # refits; of fewer an interval says little
_FEW_GROUPS = 3  # whose constants and intervals the end of a search prints


def counts_by_proposer(run: "Run") -> dict[str, dict[str, int]]:
    """Number of candidates by proposer and status."""
    found: dict[str, dict[str, int]] = {}
    for proposer, status, count in run.store.counts():
        found.setdefault(proposer, {})[status] = count
    return found


def start_lines(generation: "Generation") -> list[str]:
    """What is wrong with the user's start programs, and what the best one warns of."""
    lines = [
        f"start program #{candidate.number}: {candidate.evaluation.status}: "
        f"{candidate.evaluation.reason}"
        for candidate in generation.candidates
        if candidate.proposer == "start" and candidate.evaluation.reason
    ]
    warnings = generation.best.evaluation.warnings if generation.best else ()
    return lines + [f"warning: {warning}" for warning in warnings]


def end_lines(run: "Run") -> list[str]:
    """How a search ended and what every proposer brought."""
    row = run.store.run()
    lines = [f"{'finished' if row['finished_at'] else 'stopped'}: {row['ended_because']}"]
    judged, starts = sum(count for *_, count in run.store.counts()), len(row["starts"])
    if judged < starts:
        lines.append(
            f"  it ended before all start programs were judged ({judged} of {starts}), so none has "
            "been changed: more time may find more"
        )
    better = {row["proposer"]: row for row in run.store.spent_by_proposer()}
    for proposer, counts in counts_by_proposer(run).items():
        states = "  ".join(f"{status} {n}" for status, n in counts.items())
        row = better[proposer]
        lines.append(
            f"  {proposer:12s} {states}"
            + (f"  better than their parent {row['better']}" if row["better"] is not None else "")
            + (f"  {spent_words(row)}" if row["calls"] else "")
        )
    spent = run.store.spent()
    return [*lines, f"models: {spent_words(spent)}"] if spent else lines


def spent_words(spent: Mapping[str, Any]) -> str:
    """Calls, tokens and dollars in words; `spent` as the store gives it."""
    tokens = spent.get("tokens")
    if tokens is None:
        tokens = spent["input_tokens"] + spent["output_tokens"]
    words = f"{spent['calls']} calls, {tokens:,} tokens, ${spent['usd'] or 0.0:.4f}"
    unpriced = spent["calls"] - spent["priced"] if "priced" in spent else 0
    words += f" ({unpriced} calls at unknown prices)" if unpriced else ""
    words += f", {spent['failed']} failed" if spent["failed"] else ""
    return words + (f", {spent['interrupted']} interrupted" if spent.get("interrupted") else "")


def model_lines(config: "EvolveConfig") -> list[str]:
    """Who is asked, or that nobody is."""
    if config.models:
        return [f"model {words}" for words in api.describe_models(config)]
    if config.replay is not None:
        return [f"proposals are taken from {config.replay}; no model is asked"]
    return ["no LLM is configured (--model): symbolic mutation carries the search"]


def best_lines(run: "Run") -> list[str]:
    """A run's best candidate and how it was judged, for people."""
    from sldagent.scoring import clearly_better  # numpy: no command that prints no run waits for it

    best = run.best()
    if best is None:
        return ["no valid candidate yet"]
    candidate, _ = best
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    assert evaluation.score is not None
    score = f"{evaluation.score:.4f}, by which it was selected"
    (top,) = run.rows(status="ok", top=1)
    if f"{top['score']:.4f}" > f"{evaluation.score:.4f}":
        kept = candidate.generation == 0 and not clearly_better(top["score"], evaluation.score)
        why = "after so many tries too little more" if kept else "beyond the data others disagree"
        score += f" (#{top['number']} has {top['score']:.4f}: {why})"
    return [
        f"best program  {shown(run.folder / 'best' / 'program.py')}",
        f"candidate     #{candidate.number}, generation {candidate.generation}, "
        f"island {candidate.island}",
        f"parameters    {evaluation.params} a group, {evaluation.literals} literals",
        f"score         {score}",
        f"held-out R²   {evaluation.metrics.r2:.4f} over all cuts",
        *(
            f"  {cut.metrics.r2:8.4f}  {cut.name}  "
            f"(fitted on {cut.fit_rows} rows, judged on {cut.held_out_rows})"
            for cut in evaluation.cuts
        ),
        *(f"warning       {words}" for words in evaluation.doubts()),
    ]


def law_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The formula of a run's best program, and what a new run may measure at the largest scale."""
    law = report.get("law")
    if law is None:
        if report["best"] is not None:
            yield f"formula       {report['picture']['reason']}"
        return
    if not law["lines"]:
        yield f"formula       {law['formula']['reason']}"
    elif len(law["lines"]) == 1:
        yield from _labelled("formula", *law["lines"].values())
    else:
        yield from _labelled("formula", law["formula"]["text"])
        for group, text in list(law["lines"].items())[:_FEW_GROUPS]:
            yield from _labelled(f"  {group}", text)
    if law.get("unused"):
        unused = ", ".join(law["unused"])
        yield f"warning       the law does not use {unused}: it cannot say what more of it changes"
    largest = [place for place in law["largest"] if place["where"] == "largest run"]
    few = f" (of {law['draws']} refits only)" if 0 < law["draws"] < _FEW_DRAWS else ""
    for place in largest[:_FEW_GROUPS]:
        at = ", ".join(f"{name}={value:.4g}" for name, value in place["at"].items())
        group = f"{place['group']}: " if len(largest) > 1 else ""
        for target, value in place["values"].items():
            yield f"largest run   {group}{target} {_between(value, law['level'])} at {at}{few}"
    if len(largest) > _FEW_GROUPS:
        yield f"              and {len(largest) - _FEW_GROUPS} more groups: see the report"


def _labelled(label: str, text: str) -> Iterator[str]:
    first, *rest = text.splitlines()
    yield f"{label:13s} {first}"
    for line in rest:
        yield f"{'':13s} {line}"


def _between(value: Mapping[str, float | None], level: float) -> str:
    middle, low, high = value["value"], value["low"], value["high"]
    if middle is None:
        return "is not finite"
    if low is None or high is None:  # no refit came to its end
        return f"{middle:.4g}, no interval,"
    return f"{middle:.4g}, {level:.0%} interval {low:.4g} to {high:.4g},"


def shown(path: Path) -> Path:
    """A path as short as it can be said from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def number_text(value: float | None) -> str:
    """Four digits, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def best_summary(candidate: "Candidate | None") -> str:
    """The selection score, by which "best" is meant, and the held-out R² beside it."""
    if candidate is None or candidate.evaluation.metrics is None:
        return "none yet"
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    return (
        f"#{candidate.number} score {evaluation.score:.4f} held-out R² {evaluation.metrics.r2:.4f}"
    )
