"""The data card of a measured table: how its rows were made, in words."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sldagent.measure.plans import Plan
from sldagent.measure.spec import Row
from sldagent.measure.tuning import tune


def write_card(plan: Plan, rows: Mapping[str, Row], recipe: Mapping[str, Any]) -> str:
    """The card in Markdown; `rows` are all finished runs by key."""
    done = [rows[spec.key] for spec in plan.grid if spec.key in rows]
    parts = [
        _head(plan, rows, done),
        _made(plan, rows, recipe),
        _columns(plan, done),
        _honesty(plan, rows, done),
        _sittings(plan, rows, recipe),
    ]
    return "\n".join(parts)


def noise(rows: Iterable[Row]) -> tuple[float, int]:
    """Standard deviation of the loss among runs that differ by their seed only, and their number.

    Pooled over all such runs; NaN where there are none.
    """
    cells: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for row in rows:
        if row.loss is not None:
            settings = (row.width, row.unique_tokens, row.tokens, row.batch, row.rate)
            cells[settings].append(row.loss)
    repeated = [losses for losses in cells.values() if len(losses) > 1]
    freedom = sum(len(losses) - 1 for losses in repeated)
    if not freedom:
        return math.nan, 0
    squares = sum((x - sum(v) / len(v)) ** 2 for v in repeated for x in v)
    return math.sqrt(squares / freedom), sum(map(len, repeated))


def _head(plan: Plan, rows: Mapping[str, Row], done: Sequence[Row]) -> str:
    finished = sum(spec.key in rows for spec in plan.runs)
    state = "complete" if finished == len(plan.runs) else "unfinished"
    seconds = sum(row.seconds for row in rows.values())
    processor = sum(row.cpu_seconds for row in rows.values())
    count = {stage: sum(row.stage == stage for row in done) for stage in ("train", "test")}
    return (
        f"# {plan.task}@measured\n\n"
        f"{finished} of the {len(plan.runs)} planned runs are done ({state}): {count['train']} in "
        f"`train.csv`, {count['test']} larger ones in `test.csv`, the others for tuning. "
        f"`runs.csv` has all of them with their seconds, {seconds:.0f} of the clock and "
        f"{processor:.0f} of the processor together.\n"
    )


def _made(plan: Plan, rows: Mapping[str, Row], recipe: Mapping[str, Any]) -> str:
    text, model, training = recipe["text"], recipe["model"], recipe["training"]
    return (
        "## How the rows were made\n\n"
        f"- Text: {text['source']}, {text['files']} files, SHA-256 `{text['sha256']}`. Whole files "
        f"are for training ({text['train_tokens']} tokens) or validation; the validation loss is "
        f"over {text['validation_tokens']} tokens, the same for all runs, never trained on.\n"
        f"- Tokens: bytes; those beyond ASCII are one symbol ({model['vocabulary']} in all). "
        "Losses are nats per byte.\n"
        f"- Model: {model['architecture']}, {model['layers']} layers, windows of {model['window']} "
        "bytes; sizes differ by width only.\n"
        f"- Training: {training['optimizer']}; {training['schedule']}; no dropout.\n"
        f"- Learning rate: {_rate(plan, rows)}.\n"
        "- Unique tokens: windows chosen at random from all training text by the seed; every epoch "
        "goes through all of them in a new order.\n"
    )


def _rate(plan: Plan, rows: Mapping[str, Row]) -> str:
    if not plan.tuning:
        return "as each row says"
    swept = [rows[spec.key] for spec in plan.tuning if spec.key in rows]
    if len(swept) < len(plan.tuning):
        return "to be tuned"
    return (
        f"tuned for every size and number of tokens, {tune(swept)}, the power law through the best "
        f"rates of {len(swept)} runs at a batch of {plan.tuning[0].batch} windows"
    )


def _columns(plan: Plan, done: Sequence[Row]) -> str:
    lines = ["## Ranges", "", "| column | lowest | highest |", "|---|---|---|"]
    for name, value in plan.columns.items():
        values = [v for row in done if isinstance(v := value(row), int | float)]
        if values:
            lines.append(f"| {name} | {min(values):.6g} | {max(values):.6g} |")
    return "\n".join(lines) + "\n"


def _honesty(plan: Plan, rows: Mapping[str, Row], done: Sequence[Row]) -> str:
    spread, repeats = noise(done)
    lost = sum(row.loss is None for row in done)
    beyond = len(rows.keys() - {spec.key for spec in plan.runs})
    words = "## What to know\n\n"
    words += (
        f"- Noise: standard deviation {spread:.4f} among {repeats} runs that differ by their seed "
        "(weights, choice of text, order).\n"
        if repeats
        else "- Noise: no runs differ by their seed only.\n"
    )
    words += "- Final losses only; nothing is averaged or smoothed.\n"
    words += f"- Diverged, and in `runs.csv` only: {lost}.\n"
    if beyond:
        words += (
            f"- In `runs.csv` only, as they are of an earlier plan that reached beyond this one's "
            f"ranges: {beyond}.\n"
        )
    return words + (
        "- These are small models on source code: laws may be compared on them; their constants "
        "are not those of large language models, and published results of other rows do not "
        "compare.\n"
    )


def _sittings(plan: Plan, rows: Mapping[str, Row], recipe: Mapping[str, Any]) -> str:
    dates = sorted(row.finished for row in rows.values()) or ["-"]
    lines = [
        "## Recipe",
        "",
        f"Runs finished from {dates[0]} to {dates[-1]}. The same command goes on where it was",
        "left, with the same text only:",
        "",
        f"    sldagent measure {plan.task} -o tasks/{plan.task}/measured",
        "",
        "| since | machine | versions |",
        "|---|---|---|",
    ]
    for sitting in recipe["sittings"]:
        versions = ", ".join(f"{k} {v}" for k, v in sitting["versions"].items())
        lines.append(f"| {sitting['date']} | {sitting['machine']} | {versions} |")
    return "\n".join(lines) + "\n"
