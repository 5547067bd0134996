"""Writes a run as one folder to hand over or to archive."""

import dataclasses
import json
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from sldagent.errors import SldagentError, UsageError
from sldagent.export.winner import make_room, write_files
from sldagent.run import PROMPTS, TASKS, Run
from sldagent.storage.store import FILE

_PAGE = "report.html"


def export_bundle(run: Run, folder: Path, force: bool = False) -> tuple[str, ...]:
    """Writes program, metrics, configuration, environment and a copy of the database.

    The folder is a run's folder itself: every command that reads runs reads it. A run that goes on
    is copied as it stands. Returns the names of the files.

    Raises:
        UsageError: A file is there already, or the folder cannot be written.
        SldagentError: The run has no valid candidate yet.
    """
    best = run.best()
    if best is None:
        raise SldagentError(f"run '{run.folder.name}' has no valid candidate yet")
    candidate, program = best
    files = {
        "best/program.py": program.source,
        "best/fit.json": _dumps({"number": candidate.number, **candidate.evaluation.as_dict()}),
        "config.json": _dumps(dataclasses.asdict(run.config())),
        "environment.json": _dumps(_environment(run)),
    }
    kept = [name for name in (TASKS, PROMPTS, _PAGE) if (run.folder / name).exists()]
    if folder.resolve() == run.folder.resolve():
        raise UsageError(f"{folder} is the run's own folder; choose another -o")
    make_room(folder, [*files, FILE, *kept], force)
    for end in ("", "-wal", "-shm"):  # SQLite would read an old journal into the new file
        (folder / f"{FILE}{end}").unlink(missing_ok=True)
    run.store.copy_to(folder / FILE)
    write_files(folder, files)
    for name in kept:
        source, target = run.folder / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    return (*files, FILE, *kept)


def _environment(run: Run) -> dict[str, Any]:
    """What the search ran with, and every package that is installed now."""
    row = run.store.run()
    packages = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    return {
        "search": row["versions"],
        "data_origin": row["data_origin"],
        "data_sha256": row["data_sha256"],
        "now": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": dict(sorted(packages.items())),
        },
    }


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
