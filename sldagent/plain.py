"""Values that JSON can carry, and files that are replaced whole."""

import math
import os
from pathlib import Path
from typing import Any


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
