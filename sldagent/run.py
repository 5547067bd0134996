"""A run's folder: the database, the best program so far, and what the run was started with."""

import dataclasses
import datetime
import json
import os
import platform
import secrets
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from sldagent.candidate import Candidate
from sldagent.config import HARNESS_VERSION, EvolveConfig
from sldagent.cuts import Cut
from sldagent.evaluation.key import evaluation_key
from sldagent.program import Program
from sldagent.storage.store import Store
from sldagent.table import Table
from sldagent.task import Task

_PACKAGES = ("sldagent", "numpy", "scipy", "ray", "sqlalchemy")


class Run:
    """One search's folder.

    `lineage.sqlite` holds every candidate; `best/program.py` and `best/fit.json` are the best so
    far, replaced by renaming, so that they can be opened at any moment.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def folder(self) -> Path:
        """Where the run is."""
        return self.store.folder

    @classmethod
    def create(cls, config: EvolveConfig, task: Task, table: Table, cuts: Sequence[Cut]) -> Self:
        """Makes the folder and commits the run's row; raises UsageError where the name is taken."""
        name = config.name
        if name is None:
            stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M%S")
            name = f"{stamp}-{task.name}-{secrets.token_hex(2)}"
        versions = {package: metadata.version(package) for package in _PACKAGES}
        versions |= {"python": platform.python_version(), "harness": str(HARNESS_VERSION)}
        row = {
            "task": task.name,
            "config": dataclasses.asdict(config),
            "data_origin": table.origin,
            "data_sha256": table.sha256,
            "evaluation_key": evaluation_key(task, table, cuts, config.evaluation),
            "versions": versions,
        }
        run = cls(Store.create(Path(config.runs) / name, row))
        run._point_latest()
        return run

    @classmethod
    def open(cls, folder: Path) -> Self:
        """An existing run; raises UsageError where there is none."""
        return cls(Store.open(folder))

    def candidates(self) -> list[Candidate]:
        """Every committed candidate, by number."""
        return self.store.candidates()

    def best(self) -> tuple[Candidate, Program] | None:
        """The candidate whose program lies in `best/`, and the program."""
        file = self.folder / "best" / "fit.json"
        if not file.is_file():
            return None
        number = json.loads(file.read_text("utf-8"))["number"]
        candidate = next(c for c in self.candidates() if c.number == number)
        return candidate, self.store.program(candidate.program_hash)

    def keep_best(self, candidate: Candidate, program: Program) -> None:
        """Makes this the program in `best/`."""
        folder = self.folder / "best"
        folder.mkdir(exist_ok=True)
        fit: dict[str, Any] = {"number": candidate.number, **candidate.evaluation.as_dict()}
        _replace(folder / "program.py", program.source)
        _replace(folder / "fit.json", json.dumps(fit, indent=2) + "\n")

    def _point_latest(self) -> None:
        link = self.folder.parent / "latest"
        if link.is_symlink() or not link.exists():
            fresh = link.with_name(f".latest-{secrets.token_hex(4)}")
            try:
                fresh.symlink_to(self.folder.name)
                fresh.replace(link)
            except OSError:
                fresh.unlink(missing_ok=True)  # a file system without links: only a convenience


def _replace(path: Path, text: str) -> None:
    """Writes a file whole: beside its place, then renamed into it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, "utf-8", newline="")
    fresh.replace(path)
