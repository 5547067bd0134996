"""`sldagent evolve` and `resume`: the main job."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._options import (
    data_option,
    evaluation_config,
    evaluation_options,
    option,
    runs_option,
)
from sldagent.config import EvolveConfig

if TYPE_CHECKING:
    from sldagent.candidate import Candidate
    from sldagent.evolution.loop import Generation
    from sldagent.run import Run


@click.command()
@option("--task", required=True, help="Name of a task, or path of its folder or task.toml.")
@option("--generations", type=int, default=50, show_default=True)
@data_option
@option("--offspring", type=int, default=8, show_default=True, help="Proposals a generation.")
@option("--seed", type=int, default=0, show_default=True, help="Same seed, same search.")
@option("--workers", type=int, default=None, help="Evaluating processes.  [default: one a core]")
@option("--ray-address", default=None, help="A running Ray cluster.  [default: start one here]")
@click.option("--start", "starts", multiple=True, metavar="FILE", help="Start program; repeatable.")
@option("--name", default=None, help="Name of the run.  [default: time and task]")
@runs_option
@evaluation_options
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout, one an event.")
def evolve(
    as_json: bool, eval_timeout: float, memory: int, starts: tuple[str, ...], **settings: Any
) -> None:
    """Search for a task's law.

    \b
    sldagent evolve --task data_constrained --generations 50 --data DIR
    """  # noqa: D301
    limits = evaluation_config(eval_timeout, memory, reject_literals=True)
    config = EvolveConfig(**settings, starts=starts, evaluation=limits)
    screen = _Events() if as_json else _Lines()
    _to_the_end(screen, lambda: api.evolve(config, screen.generation, screen.started))


@click.command()
@click.argument("run", metavar="RUN")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout, one an event.")
def resume(run: str, runs: str, as_json: bool) -> None:
    """Go on with an interrupted run.

    RUN is a folder, a name, a unique beginning of one, or `latest`. What was committed is not
    evaluated again, and the lineage becomes the one that the run would have had uninterrupted.
    """
    found = api.open_run(run, runs)
    screen = _Events() if as_json else _Lines()
    if found.store.run()["finished_at"]:
        click.echo(
            f"run '{found.folder.name}' is finished: there is nothing to go on with", err=True
        )
        screen.finished(found)
        return
    _to_the_end(screen, lambda: api.resume(found.folder, screen.generation, screen.started))


def _to_the_end(screen: "_Events | _Lines", search: "Callable[[], Run]") -> None:
    """Runs a search; where it is interrupted, says how to go on."""
    try:
        screen.finished(search())
    except (KeyboardInterrupt, SystemExit):
        if screen.run is not None:
            folder = screen.run.folder
            where = "" if folder.parent.name == "runs" else f" --runs {folder.parent}"
            click.echo(f"go on with: sldagent resume {folder.name}{where}", err=True)
        raise


class _Lines:
    """One line a generation on stderr; the result on stdout."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self._start = time.monotonic()

    def started(self, run: "Run") -> None:
        self.run = run
        self._generations = run.config().generations
        row = run.store.run()
        click.echo(f"task {row['task']}, rows from {row['data_origin']}", err=True)
        words = "terms of the built-in start law, or single numbers of a start program of yours"
        click.echo(f"no LLM is used: the proposer changes {words}", err=True)
        click.echo(f"run {_shown(run.folder)}", err=True)

    def generation(self, generation: "Generation") -> None:
        counts = Counter(c.evaluation.status.value for c in generation.candidates)
        states = " ".join(f"{status} {n}" for status, n in sorted(counts.items()))
        best = generation.best
        click.echo(
            f"generation {generation.number:3d}/{self._generations}  "
            f"best {_summary(best)}  {states}  {time.monotonic() - self._start:6.1f} s",
            err=True,
        )
        if generation.number == 0:
            for candidate in generation.candidates:
                evaluation = candidate.evaluation
                if evaluation.reason:
                    words = f"start program #{candidate.number}: {evaluation.status}"
                    click.echo(f"{words}: {evaluation.reason}", err=True)
            for warning in best.evaluation.warnings if best else ():
                click.echo(f"warning: {warning}", err=True)

    def finished(self, run: "Run") -> None:
        for line in best_lines(run):
            click.echo(line)


class _Events:
    """JSON lines on stdout."""

    def __init__(self) -> None:
        self.run: Run | None = None

    @staticmethod
    def _write(event: str, **values: Any) -> None:
        click.echo(json.dumps({"event": event, **values}, allow_nan=False))

    def started(self, run: "Run") -> None:
        self.run = run
        row = run.store.run()
        self._write("started", run=str(run.folder), task=row["task"], data=row["data_origin"])

    def generation(self, generation: "Generation") -> None:
        counts = Counter(c.evaluation.status.value for c in generation.candidates)
        best = generation.best
        metrics = best.evaluation.metrics if best else None
        self._write(
            "generation",
            generation=generation.number,
            statuses=dict(counts),
            best=best.number if best else None,
            score=best.evaluation.score if best else None,
            held_out_r2=metrics.r2 if metrics else None,
        )

    def finished(self, run: "Run") -> None:
        best = run.best()
        self._write(
            "finished",
            run=str(run.folder),
            best=best[0].number if best else None,
            program=str(run.folder / "best" / "program.py") if best else None,
            evaluation=best[0].evaluation.as_dict() if best else None,
        )


def best_lines(run: "Run") -> list[str]:
    """A run's best candidate and how it was judged, for people."""
    best = run.best()
    if best is None:
        return ["no valid candidate yet"]
    candidate, _ = best
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    return [
        f"best program  {_shown(run.folder / 'best' / 'program.py')}",
        f"candidate     #{candidate.number}, generation {candidate.generation}",
        f"parameters    {evaluation.params} a group, {evaluation.literals} literals",
        f"score         {evaluation.score:.4f}, by which it was selected",
        f"held-out R²   {evaluation.metrics.r2:.4f} over all cuts",
        *(
            f"  {cut.metrics.r2:8.4f}  {cut.name}  "
            f"(fitted on {cut.fit_rows} rows, judged on {cut.held_out_rows})"
            for cut in evaluation.cuts
        ),
    ]


def _shown(path: Path) -> Path:
    """A path as short as it can be said from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _summary(candidate: "Candidate | None") -> str:
    """The selection score, by which "best" is meant, and the held-out R² beside it."""
    if candidate is None or candidate.evaluation.metrics is None:
        return "none yet"
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    return (
        f"#{candidate.number} score {evaluation.score:.4f} held-out R² {evaluation.metrics.r2:.4f}"
    )
