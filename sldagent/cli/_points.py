"""Points and numbers that commands are given as text."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sldagent import api
from sldagent.errors import UsageError

if TYPE_CHECKING:
    from sldagent.fitted import FittedLaw
    from sldagent.run import Run


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


def check_names(points: Sequence[Mapping[str, Any]], option: str, law: "FittedLaw | Run") -> None:
    """Raises UsageError where a point has what is no feature of the law and names no group."""
    known = api.point_names(law)
    for given in points:
        if wrong := [name for name in given if name not in known]:
            raise UsageError(
                f"{option}: no feature or group column '{wrong[0]}': {', '.join(known)}"
            )


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
