"""What a search shows while it goes on: a live table, lines, JSON lines, or nothing.

Every screen is told of the same events; results go to stdout, all else to stderr.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from sldagent import api
from sldagent.cli._draft import short_lines

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from sldagent.candidate import Candidate
    from sldagent.config import EvolveConfig
    from sldagent.driving import Plan
    from sldagent.evolution.search import Generation
    from sldagent.run import Run

_FEW_GROUPS = 3  # whose constants and intervals the end of a search prints


class Screen(Protocol):
    """Is told what a search does."""

    run: "Run | None"

    def planned(self, plan: "Plan") -> None:
        """All that the search needs was found."""
        ...

    def started(self, run: "Run") -> None:
        """The run's folder exists."""
        ...

    def generation(self, generation: "Generation") -> None:
        """All islands have finished a generation."""
        ...

    def notice(self, words: str) -> None:
        """Something that a person should know; in any thread."""
        ...

    def close(self) -> None:
        """Nothing more is shown but the result; may be called twice."""
        ...

    def finished(self, run: "Run") -> None:
        """The result, and how the search ended."""
        ...

    def reported(self, report: Mapping[str, Any], page: Path | None) -> None:
        """The result's formula and predictions, and the run's page; None where there is none."""
        ...


def choose_screen(as_json: bool, quiet: bool) -> Screen:
    """The screen for these flags and this terminal."""
    if as_json:
        return Events()
    if quiet:
        return Quiet()
    plain = {"CI", "NO_COLOR"} & {name for name, value in os.environ.items() if value}
    if sys.stderr.isatty() and not plain and os.environ.get("TERM") != "dumb":
        return LiveTable()
    return Lines()


class Quiet:
    """The result on stdout and nothing else."""

    def __init__(self) -> None:
        self.run: Run | None = None

    def planned(self, plan: "Plan") -> None:
        """Says nothing."""

    def started(self, run: "Run") -> None:
        """Remembers the run."""
        self.run = run

    def generation(self, generation: "Generation") -> None:
        """Says nothing."""

    def notice(self, words: str) -> None:
        """Says it on stderr."""
        click.echo(words, err=True)

    def close(self) -> None:
        """Has nothing open."""

    def finished(self, run: "Run") -> None:
        """Prints the best program."""
        for line in best_lines(run):
            click.echo(line)

    def reported(self, report: Mapping[str, Any], page: Path | None) -> None:
        """Prints formula, intervals and where the page is."""
        for line in law_lines(report):
            click.echo(line)
        if page is not None:
            click.echo(f"report        {shown(page)}")


class Lines(Quiet):
    """One line a generation."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()
        self._recorded = 0

    def planned(self, plan: "Plan") -> None:
        """Says what was made of a user's table."""
        if plan.draft is not None:
            for line in short_lines(plan.draft):
                click.echo(line, err=True)

    def started(self, run: "Run") -> None:
        """Says what is searched, with what, and where it is kept."""
        super().started(run)
        config = run.config()
        self._asks = bool(config.models)
        self._of = "" if config.generations is None else f"/{config.generations}"
        row = run.store.run()
        click.echo(f"task {row['task']}, rows from {row['data_origin']}", err=True)
        click.echo(
            f"proposer {config.proposer}: {config.islands} islands, "
            f"{config.offspring} proposals each a generation, {config.lag} under way",
            err=True,
        )
        for line in model_lines(config):
            click.echo(line, err=True)
        click.echo(f"run {shown(run.folder)}", err=True)

    def generation(self, generation: "Generation") -> None:
        """One line; of what was committed before, one line for all."""
        if generation.recorded:
            self._recorded += len(generation.candidates)
            return
        if self._recorded:
            click.echo(f"{self._recorded} candidates were committed before", err=True)
            self._recorded = 0
        click.echo(self._line(generation), err=True)
        if generation.number == 0:
            for line in start_lines(generation):
                click.echo(line, err=True)

    def _line(self, generation: "Generation") -> str:
        counts = Counter(c.evaluation.status.value for c in generation.candidates)
        states = " ".join(f"{status} {n}" for status, n in sorted(counts.items()))
        return (
            f"generation {generation.number:3d}{self._of}  best {_summary(generation.best)}  "
            f"{states}  {time.monotonic() - self._start:6.1f} s{self._spent()}"
        )

    def _spent(self) -> str:
        """What models have taken so far."""
        spent = self.run.store.spent() if self.run is not None and self._asks else None
        return f"  {spent_words(spent)}" if spent else ""

    def finished(self, run: "Run") -> None:
        """Counts by proposer and how it ended, then the best program."""
        for line in end_lines(run):
            click.echo(line, err=True)
        super().finished(run)


class LiveTable(Lines):
    """A table that is redrawn: one row an island."""

    def __init__(self) -> None:
        super().__init__()
        self._live: Live | None = None
        self._counts: dict[int, Counter[str]] = {}

    def generation(self, generation: "Generation") -> None:
        """Redraws the table."""
        from rich.console import Console
        from rich.live import Live

        for candidate in generation.candidates:
            counter = self._counts.setdefault(candidate.island, Counter())
            counter[candidate.evaluation.status.value] += 1
        if generation.recorded:
            return
        if self._live is None:
            for line in start_lines(generation) if generation.number == 0 else ():
                click.echo(line, err=True)
            self._live = Live(console=Console(stderr=True), refresh_per_second=4)
            self._live.start()
        self._live.update(self._table(generation))

    def _table(self, generation: "Generation") -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table(caption=Text(self._line(generation)), caption_justify="left")
        for name in ("island", "best", "score", "held-out R²", "median", "members", "candidates"):
            table.add_column(name, justify="right")
        table.add_column("statuses")
        for view in generation.islands:
            metrics = view.best.evaluation.metrics if view.best else None
            counts = self._counts.get(view.number, Counter())
            table.add_row(
                str(view.number),
                f"#{view.best.number}" if view.best else "-",
                _number(view.best.evaluation.score if view.best else None),
                _number(metrics.r2 if metrics else None),
                _number(view.median),
                str(view.size),
                str(view.candidates),
                " ".join(f"{status} {n}" for status, n in sorted(counts.items())),
            )
        return table

    def close(self) -> None:
        """Leaves the table as it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Events(Quiet):
    """JSON lines on stdout."""

    @staticmethod
    def _write(event: str, **values: Any) -> None:
        click.echo(json.dumps({"event": event, **values}, allow_nan=False))

    def started(self, run: "Run") -> None:
        """Event `started`."""
        super().started(run)
        row = run.store.run()
        self._write("started", run=str(run.folder), task=row["task"], data=row["data_origin"])

    def notice(self, words: str) -> None:
        """Event `notice`."""
        self._write("notice", words=words)

    def generation(self, generation: "Generation") -> None:
        """Event `generation`."""
        counts = Counter(c.evaluation.status.value for c in generation.candidates)
        best = generation.best
        metrics = best.evaluation.metrics if best else None
        self._write(
            "generation",
            generation=generation.number,
            recorded=generation.recorded,
            statuses=dict(counts),
            best=best.number if best else None,
            score=best.evaluation.score if best else None,
            held_out_r2=metrics.r2 if metrics else None,
            spent=self.run.store.spent() if self.run is not None else None,
        )

    def finished(self, run: "Run") -> None:
        """Event `finished`, with the best candidate's evaluation."""
        best, row = run.best(), run.store.run()
        self._write(
            "finished",
            run=str(run.folder),
            complete=row["finished_at"] is not None,
            because=row["ended_because"],
            statuses=counts_by_proposer(run),
            proposers=run.store.spent_by_proposer(),
            spent=run.store.spent(),
            best=best[0].number if best else None,
            program=str(run.folder / "best" / "program.py") if best else None,
            evaluation=best[0].evaluation.as_dict() if best else None,
        )

    def reported(self, report: Mapping[str, Any], page: Path | None) -> None:
        """Event `reported`; `law` is None where the best program could not be run again."""
        self._write("reported", law=report.get("law"), page=str(page) if page else None)


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
    best = run.best()
    if best is None:
        return ["no valid candidate yet"]
    candidate, _ = best
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    score = f"{evaluation.score:.4f}, by which it was selected"
    (top,) = run.rows(status="ok", top=1)
    if f"{top['score']:.4f}" > f"{evaluation.score:.4f}":
        score += f" (#{top['number']} has {top['score']:.4f}: after so many tries too little more)"
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
    for place in largest[:_FEW_GROUPS]:
        at = ", ".join(f"{name}={value:.4g}" for name, value in place["at"].items())
        group = f"{place['group']}: " if len(largest) > 1 else ""
        for target, value in place["values"].items():
            yield f"largest run   {group}{target} {_between(value, law['level'])} at {at}"
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


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _summary(candidate: "Candidate | None") -> str:
    """The selection score, by which "best" is meant, and the held-out R² beside it."""
    if candidate is None or candidate.evaluation.metrics is None:
        return "none yet"
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    return (
        f"#{candidate.number} score {evaluation.score:.4f} held-out R² {evaluation.metrics.r2:.4f}"
    )
