"""Points and numbers that commands are given as text."""

from typing import Any

from sldagent import api
from sldagent.errors import UsageError


def numbers(text: str, option: str) -> dict[str, float]:
    """`NAME=NUMBER`, several with commas between."""
    values = {}
    for name, word in _pairs(text, option):
        number = api.read_number(word)
        if number is None:
            raise _wrong(text, option)
        values[name] = number
    return values


def point(text: str, option: str) -> dict[str, Any]:
    """`NAME=VALUE`, several with commas between; a value can have commas, as labels do."""
    return dict(_pairs(text, option))


def _pairs(text: str, option: str) -> list[tuple[str, str]]:
    parts: list[str] = []
    for part in text.split(","):
        if "=" in part or not parts:
            parts.append(part)
        else:  # the comma is the value's own
            parts[-1] += f",{part}"
    pairs = [(name.strip(), word.strip()) for name, _, word in (p.partition("=") for p in parts)]
    if not all("=" in part for part in parts) or not all(word for _, word in pairs):
        raise _wrong(text, option)
    if len({name for name, _ in pairs}) < len(pairs):
        raise UsageError(f"{option} '{text}' gives a value twice")
    return pairs


def _wrong(text: str, option: str) -> UsageError:
    return UsageError(f"{option} '{text}' must be NAME=VALUE, several with commas between")
