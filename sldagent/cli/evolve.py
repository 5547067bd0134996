"""`sldagent evolve`: the main job."""

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.cli._options import data_option, evaluation_config, evaluation_options, option
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
@option("--runs", default="runs", show_default=True, help="Folder that holds runs.")
@evaluation_options
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout, one an event.")
def evolve(
    as_json: bool, eval_timeout: float, memory: int, starts: tuple[str, ...], **settings: Any
) -> None:
    r"""Search for a task's law.

    \b
    sldagent evolve --task data_constrained --generations 50 --data DIR
    """
    limits = evaluation_config(eval_timeout, memory, reject_literals=True)
    config = EvolveConfig(**settings, starts=starts, evaluation=limits)
    screen = _Events(config) if as_json else _Lines(config)
    run = api.evolve(config, screen.generation, screen.started)
    screen.finished(run)


class _Lines:
    """One line a generation on stderr; the result on stdout."""

    def __init__(self, config: EvolveConfig) -> None:
        self._config = config
        self._start = time.monotonic()

    def started(self, run: "Run") -> None:
        row = run.store.run()
        click.echo(f"task {row['task']}, rows from {row['data_origin']}", err=True)
        click.echo("no LLM is used: the built-in proposer changes terms of the start law", err=True)
        click.echo(f"run {run.folder}", err=True)

    def generation(self, generation: "Generation") -> None:
        counts = Counter(c.evaluation.status.value for c in generation.candidates)
        states = " ".join(f"{status} {n}" for status, n in sorted(counts.items()))
        best = generation.best
        click.echo(
            f"generation {generation.number:3d}/{self._config.generations}  "
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
        best = run.best()
        assert best is not None
        candidate, _ = best
        evaluation = candidate.evaluation
        click.echo(f"best program  {run.folder / 'best' / 'program.py'}")
        click.echo(f"candidate     #{candidate.number}, generation {candidate.generation}")
        click.echo(f"parameters    {evaluation.params} a group, {evaluation.literals} literals")
        assert evaluation.metrics is not None
        click.echo(f"score         {evaluation.score:.4f}, by which it was selected")
        click.echo(f"held-out R²   {evaluation.metrics.r2:.4f} over all cuts")
        for cut in evaluation.cuts:
            click.echo(
                f"  {cut.metrics.r2:8.4f}  {cut.name}  "
                f"(fitted on {cut.fit_rows} rows, judged on {cut.held_out_rows})"
            )


class _Events:
    """JSON lines on stdout."""

    def __init__(self, config: EvolveConfig) -> None:
        self._config = config

    @staticmethod
    def _write(event: str, **values: Any) -> None:
        click.echo(json.dumps({"event": event, **values}, allow_nan=False))

    def started(self, run: "Run") -> None:
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
        assert best is not None
        candidate, _ = best
        self._write(
            "finished",
            run=str(run.folder),
            best=candidate.number,
            program=str(run.folder / "best" / "program.py"),
            evaluation=candidate.evaluation.as_dict(),
        )


def _summary(candidate: "Candidate | None") -> str:
    """The selection score, by which "best" is meant, and the held-out R² beside it."""
    if candidate is None or candidate.evaluation.metrics is None:
        return "none yet"
    evaluation = candidate.evaluation
    assert evaluation.metrics is not None
    return (
        f"#{candidate.number} score {evaluation.score:.4f} held-out R² {evaluation.metrics.r2:.4f}"
    )
