"""`sldagent lineage`: the candidates of a run, and where each came from."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from sldagent import api
from sldagent.candidate import Status
from sldagent.cli._options import STORED, data_option, json_option, runs_option, unprotected_option
from sldagent.cli._text import print_json_lines
from sldagent.cli.export import html
from sldagent.errors import SldagentError, UsageError

if TYPE_CHECKING:
    from sldagent.candidate import Candidate
    from sldagent.run import Run
    from sldagent.sandbox.process import TemplateSandbox


@click.group()
def lineage() -> None:
    """Look at the candidates of a run."""


lineage.add_command(html)


@lineage.command("list")
@click.argument("run", metavar="RUN", default="latest")
@click.option(
    "--status",
    type=click.Choice([str(status) for status in Status]),
    help="Only those that ended so.",
)
@click.option("--island", type=STORED, help="Only those of one island.")
@click.option("--proposer", help="Only those of one proposer.")
@click.option("--since", type=STORED, metavar="GENERATION", help="Only from that generation on.")
@click.option(
    "--top", type=STORED, metavar="N", help="Only the N with the best scores, best first."
)
@runs_option
@json_option
def list_(run: str, runs: str, as_json: bool, top: int | None, **wanted: Any) -> None:
    """List candidates by number."""
    _require_some(top)
    rows = api.open_run(run, runs).each(top=top, **wanted)
    if as_json:
        print_json_lines(rows)
        return
    found = False
    for row in rows:
        found = True
        parents = " ".join(f"#{parent}" for parent in row["parents"])
        click.echo(
            f"#{row['number']:<5d} generation {row['generation']:<4d} island {row['island']:<2d} "
            f"{row['status']:8s} {_score(row['score'])}  {f'from {parents} ' if parents else ''}"
            f"{row['proposer']}: {row['reason'] or row['change']}"
        )
    if not found:
        click.echo("no candidate is like that", err=True)


@lineage.command()
@click.argument("run", metavar="RUN")
@click.argument("number", type=STORED)
@click.option("--prompts", is_flag=True, help="Show prompts and replies of its model calls too.")
@data_option
@unprotected_option
@runs_option
@json_option
def show(
    run: str, number: int, prompts: bool, data: str | None, unprotected: bool, runs: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Show one candidate: how it was made and judged, its formula, constants and program."""
    with api.open_tracer() as sandbox:  # starts while the run is read
        found = api.open_run(run, runs)
        candidate = found.candidate(number)
        source = found.store.program(candidate.program_hash).source
        calls = found.store.calls(number)
        formula = None
        if as_json or candidate.evaluation.cuts:
            formula = _formula(found, number, sandbox, data, unprotected)
    if as_json:
        values = {**_as_dict(candidate), "formula": formula, "calls": calls, "source": source}
        click.echo(json.dumps(values, indent=2))
        return
    for line in _described(candidate):
        click.echo(line)
    for call in calls:
        price = "" if call["usd"] is None else f", ${call['usd']:.4f}"
        tokens = f"{call['input_tokens'] or 0} tokens in, {call['output_tokens'] or 0} out"
        click.echo(f"call       {call['kind']} {call['model']}: {call['outcome']}; {tokens}{price}")
        if prompts:
            click.echo(f"--- prompt\n{call['prompt']}\n--- reply\n{call['reply']}\n---")
    if formula:
        for line in (formula["text"] or formula["reason"]).splitlines():
            click.echo(f"formula    {line}")
    click.echo()
    click.echo(source, nl=False)


def _formula(
    run: "Run", number: int, sandbox: "TemplateSandbox", data: str | None, unprotected: bool
) -> dict[str, Any]:
    """Text, LaTeX, or the reason why there is neither, which is no reason to show nothing."""
    try:
        found = api.candidate_formula(run, number, sandbox, data, unprotected)
    except SldagentError as error:
        return {"text": None, "latex": None, "reason": str(error)}
    return {"text": found.text, "latex": found.latex, "reason": found.reason}


def _described(candidate: "Candidate") -> Iterator[str]:
    evaluation = candidate.evaluation
    yield (
        f"candidate  #{candidate.number}, generation {candidate.generation}, "
        f"island {candidate.island}, slot {candidate.slot}"
    )
    yield f"made by    {candidate.proposer}: {candidate.change}"
    for name, numbers in (("parents", candidate.parents), ("exemplars", candidate.exemplars)):
        yield f"{name:10s} {', '.join(f'#{number}' for number in numbers) or 'none'}"
    yield f"status     {evaluation.status}{': ' if evaluation.reason else ''}{evaluation.reason}"
    if evaluation.metrics is not None:
        yield f"score      {evaluation.score:.4f}"
        metrics = evaluation.metrics
        others = f"NMSE {metrics.nmse:.4g}, NMAE {metrics.nmae:.4g}"
        yield f"R²         {metrics.r2:.4f} over all cuts, {others}"
        for cut in evaluation.cuts:
            yield f"  {cut.metrics.r2:8.4f}  {cut.name}"
            for group, params in (cut.params or {}).items():
                own = cut.groups.get(group)
                yield f"            {f'{own.r2:8.4f}  ' if own else ''}{group}: {params}"
    clocks = {"cpu": "the processor", "wall": "the clock"}
    if evaluation.seconds:
        spent = (f"{evaluation.seconds[n]:.3g} s of {words}" for n, words in clocks.items())
        yield f"cost       {', '.join(spent)}"
    for warning in evaluation.warnings:
        yield f"warning    {warning}"


@lineage.command()
@click.argument("run", metavar="RUN")
@click.argument("first", type=STORED, metavar="A")
@click.argument("second", type=STORED, required=False, metavar="[B]")
@runs_option
@json_option
def diff(run: str, first: int, second: int | None, runs: str, as_json: bool) -> None:
    """Show the change from candidate A to B, or from A's parent to A."""
    found = api.open_run(run, runs)
    if second is None:
        parents = found.candidate(first).parents
        if not parents:
            raise UsageError(f"candidate #{first} has no parent; name a second candidate")
        first, second = parents[0], first
    before, after = (
        found.store.program(found.candidate(number).program_hash) for number in (first, second)
    )
    text = before.diff(after, f"#{first}", f"#{second}")
    if as_json:
        click.echo(json.dumps({"from": first, "to": second, "diff": text}, indent=2))
        return
    click.echo(text, nl=False)


@lineage.command()
@click.argument("run", metavar="RUN", default="latest")
@click.argument("number", type=STORED, required=False, metavar="[CANDIDATE]")
@runs_option
@json_option
def path(run: str, number: int | None, runs: str, as_json: bool) -> None:
    """Show how a candidate came about, from its root: what each step changed and gained.

    Without CANDIDATE the best one's. Of several parents the one that was edited is followed.
    """
    found = api.open_run(run, runs)
    steps = list(_steps(found, _number_or_best(found, number)))
    if as_json:
        click.echo(json.dumps(steps, indent=2))
        return
    for step in steps:
        gain = "       " if step["gain"] is None else f"{step['gain']:+7.4f}"
        click.echo(
            f"#{step['number']:<5d} generation {step['generation']:<4d} island "
            f"{step['island']:<2d} {_score(step['score'])} {gain}  "
            f"{step['proposer']}: {step['change']}"
        )


def _steps(run: "Run", number: int) -> Iterator[dict[str, Any]]:
    before = None
    for candidate in run.store.candidates_in(run.store.ancestors(number)):
        score = candidate.evaluation.score
        yield {
            **{name: getattr(candidate, name) for name in _NAMES},
            "score": score,
            "gain": None if before is None or score is None else score - before,
        }
        before = score


@lineage.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option(
    "--top", type=STORED, default=10, show_default=True, help="The N with the best scores."
)
@click.option("--all", "whole", is_flag=True, help="All candidates.")
@runs_option
@json_option
def tree(run: str, top: int, whole: bool, runs: str, as_json: bool) -> None:
    """Show how the best candidates branched off each other."""
    _require_some(top)
    found = api.open_run(run, runs)
    rows = found.rows(top=None if whole else top)
    if not rows:
        raise SldagentError(f"run '{found.folder.name}' has no candidate to show yet")
    children = found.store.children()
    named = {row["number"]: row for row in rows}
    if not whole:
        marked = set(named)
        missing = {n for row in rows for n in found.store.ancestors(row["number"])} - marked
        named |= {row["number"]: row for row in found.store.rows_of(sorted(missing))}
    else:
        marked = set()
    branches: list[dict[str, Any]] = []
    below = {child for links in children.values() for child in links}
    waiting = [(number, 0) for number in sorted(named, reverse=True) if number not in below]
    while waiting:
        number, depth = waiting.pop()
        row = named[number]
        links = [child for child in children.get(number, ()) if child in named]
        if as_json:
            branches.append({**row, "depth": depth, "children": links, "top": number in marked})
        else:
            click.echo(
                f"{'  ' * depth}#{number} {_score(row['score']).strip()}"
                f"{' *' if number in marked else ''}  {row['proposer']}: "
                f"{row['reason'] or row['change']}"
            )
        waiting += [(child, depth + 1) for child in reversed(links)]
    if as_json:
        click.echo(json.dumps(branches, indent=2))


_NAMES = ("number", "generation", "island", "slot", "program_hash", "proposer", "change")


def _number_or_best(run: "Run", number: int | None) -> int:
    if number is not None:
        return run.candidate(number).number
    best = run.best()
    if best is None:
        raise SldagentError(f"run '{run.folder.name}' has no valid candidate yet")
    return best[0].number


def _require_some(top: int | None) -> None:
    if top is not None and top < 1:
        raise UsageError(f"--top must be at least 1: {top}")


def _score(score: float | None) -> str:
    return "      -" if score is None else f"{score:7.4f}"


def _as_dict(candidate: "Candidate") -> dict[str, Any]:
    values = {name: getattr(candidate, name) for name in _NAMES}
    links = {"parents": list(candidate.parents), "exemplars": list(candidate.exemplars)}
    return {**values, **links, **candidate.evaluation.as_dict()}
