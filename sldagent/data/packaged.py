"""Where the files that travel with the package lie, and the user's own that come before them.

The top-level folders `tasks/` and `prompts/` are `_tasks` and `_prompts` inside a wheel; an
editable install reads them beside the package.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sldagent.errors import PrerequisiteError

Kind = Literal["tasks", "prompts"]


def packaged_folder(kind: Kind) -> Path:
    """The folder of the packaged tasks or prompts.

    Raises:
        PrerequisiteError: The installation lacks it.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / f"_{kind}", package.parent / kind):
        if folder.is_dir():
            return folder
    raise PrerequisiteError(f"{package}: the installation lacks its {kind}; install sldagent again")


def folders(kind: Kind, cwd: Path | None = None) -> Iterator[Path]:
    """Where to look, in order: the user's `./tasks` or `./prompts`, the package's own."""
    local = (cwd or Path.cwd()) / kind
    if local.is_dir():
        yield local
    yield packaged_folder(kind)


def find(kind: Kind, name: str, cwd: Path | None = None) -> Path | None:
    """The file `name` (a relative path) from the first folder that really contains it."""
    return next((f / name for f in folders(kind, cwd) if (f / name).is_file()), None)
