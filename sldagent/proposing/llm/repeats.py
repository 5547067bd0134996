"""Notices a model that says the same again and again."""

import hashlib
import threading
from collections.abc import Callable

from sldagent.program import Program

_ENOUGH = 8  # replies in a row without anything new
_REMEMBERED = 5_000


class Repeats:
    """Watches what models say; used from many threads.

    Args:
        say: Told once when a model repeats itself, and once more when it has done so ever since.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._seen: dict[str, dict[str, None]] = {}
        self._row: dict[str, int] = {}

    def note(self, model: str, program: Program | None, reply: str) -> None:
        """A model has replied; `program` is what was found in the reply."""
        if program is None and not reply.strip():
            return
        name = program.hash if program is not None else _hash(reply)
        with self._lock:
            seen = self._seen.setdefault(model, {})
            self._row[model] = self._row.get(model, 0) + 1 if name in seen else 0
            seen[name] = None
            if len(seen) > _REMEMBERED:
                del seen[next(iter(seen))]
            row = self._row[model]
        if row and row % _ENOUGH == 0 and (row // _ENOUGH).bit_count() == 1:
            self._say(
                f"model '{model}' repeats itself: its last {row} replies held nothing new; "
                "raise --temperature or take another model"
            )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
