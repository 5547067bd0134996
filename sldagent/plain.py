"""Values that JSON can carry, points as plain rows, and files that are replaced whole."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.errors import UsageError

if TYPE_CHECKING:
    import pandas


def finite(value: Any) -> Any:
    """The value with plain numbers only; those that are not finite become None."""
    if hasattr(value, "item") and not isinstance(value, dict | list | tuple):  # numpy's scalars
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def replace_file(path: Path, text: str) -> None:
    """Writes a file whole, beside its place, and renames it: readers see the old or the new one.

    A link stays one, to a file that is new. What is there and is no file, such as a pipe, is
    written to.

    Raises:
        OSError: It cannot be written; then the old file is still there.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, "utf-8", newline="")
        return
    path = Path(os.path.realpath(path))
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, "utf-8", newline="")
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def rows_of(
    points: "Mapping[str, Any] | Sequence[Mapping[str, Any]] | pandas.DataFrame",
) -> "Sequence[Mapping[str, Any]]":
    """One point, several, or the rows of a frame, with what has a name in its index.

    Raises:
        UsageError: They are anything else.
    """
    if isinstance(points, Mapping):
        return [points]
    if hasattr(points, "columns"):
        records: list[Mapping[str, Any]] = with_index(points).to_dict("records")
        return records
    if hasattr(points, "to_dict"):  # a row of a frame
        return [points.to_dict()]
    rows = list(points) if isinstance(points, Iterable) else [points]
    wrong = next((row for row in rows if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise UsageError(
            f"a point is a mapping of features' names to numbers, not {type(wrong).__name__}"
        )
    return rows


def with_index(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    """The frame with those parts of its index as columns that have a name and are none yet."""
    levels = [i for i, n in enumerate(frame.index.names) if not (n is None or n in frame.columns)]
    return frame.reset_index(level=levels) if levels else frame
