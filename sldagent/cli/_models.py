"""Options that say which models are asked and what they may cost, and estimates in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from sldagent.cli._options import Duration, option

_OPTIONS = (
    click.option("--model", "models", multiple=True, envvar="SLDAGENT_MODEL",
           metavar="NAME[,SETTING=VALUE…]",
           help="A model that rewrites programs; repeatable. Settings: weight, concurrency, island,"
           " url, key (a variable's name), price (IN/OUT, dollars a million tokens)."),
    option("--base-url", metavar="URL",
           help="OpenAI-compatible server.  [default: OPENAI_BASE_URL, then OpenAI's]"),
    option("--prompts", metavar="DIR", help="Prompt templates that come before the usual ones."),
    option("--max-cost-usd", type=float, metavar="USD", help="Never spend more on models."),
    option("--max-tokens", type=int, metavar="N", help="Never take more, in and out together."),
    option("--max-calls", type=int, metavar="N", help="Never make more calls of models."),
    option("--reply-tokens", type=int, default=8192, show_default=True, metavar="N",
           help="Most tokens of a reply, reasoning included."),
    option("--temperature", type=float, help="Of sampling.  [default: the server's]"),
    option("--call-timeout", type=Duration(), default=600.0, show_default=True, metavar="TIME",
           help="Of a call."),
    option("--patience", type=Duration(), default=120.0, show_default=True, metavar="TIME",
           help="How long a model server that is away is waited for."),
    click.option("--unprotected", is_flag=True,
                 help="Run what models write even where there is no sandbox."),
)  # fmt: skip


def model_options(command: Any) -> Any:
    """Adds them."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def estimate_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of estimates, and what they rest on."""
    if not rows:
        return []
    head = ("model", "calls", "tokens in", "tokens out", "dollars", "at most")
    cells = [head]
    for row in rows:
        cells.append(
            (
                row["model"],
                "as time allows" if row["calls"] is None else f"{row['calls']:,}",
                _count(row["input_tokens"]),
                _count(row["output_tokens"]),
                _dollars(row["usd"], row["priced"]),
                _dollars(row["most_usd"], row["priced"]),
            )
        )
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    lines = [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for line in cells
    ]
    return [*lines, *(f"{row['model']}: {row['basis']}" for row in rows), rows[0]["rests_on"]]


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _dollars(value: float | None, priced: bool) -> str:
    if not priced:
        return "unknown price"
    return "unknown" if value is None else f"{value:.4f}"
