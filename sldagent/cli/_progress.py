"""What a search shows while it goes on: a live table, lines, JSON lines, or nothing.

Every screen is told of the same events; results go to stdout, all else to stderr.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from sldagent.cli._draft import short_lines
from sldagent.cli._results import (
    best_lines,
    best_summary,
    counts_by_proposer,
    end_lines,
    law_lines,
    model_lines,
    number_text,
    shown,
    spent_words,
    start_lines,
)

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from sldagent.driving import Plan
    from sldagent.evolution.search import Generation
    from sldagent.run import Run


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
            f"generation {generation.number:3d}{self._of}  best {best_summary(generation.best)}  "
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
                number_text(view.best.evaluation.score if view.best else None),
                number_text(metrics.r2 if metrics else None),
                number_text(view.median),
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
