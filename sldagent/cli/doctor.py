"""`sldagent doctor`: what this machine offers."""

import json

import click

from sldagent import api
from sldagent.cli._options import data_option, json_option


@click.command()
@data_option
@json_option
def doctor(data: str | None, as_json: bool) -> int:
    """Say what this machine offers, with the remedy beside it.

    Exit code 3 where something that a run needs is missing.
    """
    findings = api.diagnose(data)
    if as_json:
        rows = [{"item": name, "ok": ok, "words": words} for name, ok, words in findings]
        click.echo(json.dumps(rows, indent=2))
    else:
        for name, ok, words in findings:
            click.echo(f"{'ok  ' if ok else 'MISS'}  {name:8s} {words}")
    return 0 if all(ok for _, ok, _ in findings) else 3
