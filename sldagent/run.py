"""A run's folder: the database, the best program so far, and what the run was started with."""

import dataclasses
import datetime
import fcntl
import json
import os
import platform
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from sldagent.candidate import Candidate
from sldagent.config import HARNESS_VERSION, EvaluationConfig, EvolveConfig
from sldagent.cuts import Cut
from sldagent.errors import UsageError
from sldagent.evaluation.key import evaluation_key
from sldagent.program import Program
from sldagent.storage.store import FILE, Store
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
    def create(
        cls,
        config: EvolveConfig,
        task: Task,
        table: Table,
        cuts: Sequence[Cut],
        starts: Sequence[Program],
    ) -> Self:
        """Makes the folder and commits the run's row; raises UsageError where the name is taken."""
        name = config.name
        if name is None:
            stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M%S")
            name = f"{stamp}-{task.name}-{secrets.token_hex(2)}"
        versions = {package: metadata.version(package) for package in _PACKAGES}
        versions |= {"python": platform.python_version(), "harness": str(HARNESS_VERSION)}
        row = {
            "task": config.task,
            "config": dataclasses.asdict(config),
            "data_origin": table.origin,
            "data_sha256": table.sha256,
            "evaluation_key": evaluation_key(task, table, cuts, config.evaluation),
            "versions": versions,
        }
        return cls(Store.create(Path(config.runs) / name, row, starts))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """An existing run; raises UsageError where there is none."""
        return cls(Store.open(folder))

    def config(self) -> EvolveConfig:
        """What the run was started with."""
        fields = dict(self.store.run()["config"])
        fields["evaluation"] = EvaluationConfig(**fields["evaluation"])
        fields["starts"] = tuple(fields["starts"])
        return EvolveConfig(**fields)

    def starts(self) -> list[Program]:
        """The start programs, in order."""
        return [self.store.program(name) for name in self.store.run()["starts"]]

    def candidates(self) -> list[Candidate]:
        """Every committed candidate, by number."""
        return self.store.candidates()

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Holds the run's lock: one driver a run. The system lets go of it however a driver ends.

        Raises:
            UsageError: Another process drives the run.
        """
        with open(self.folder / "lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"run '{self.folder.name}' is going on in another process"
                ) from None
            yield

    def is_driven(self) -> bool:
        """Whether some process drives the run now."""
        try:
            with self.driving():
                return False
        except UsageError:
            return True

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

    def point_latest(self) -> None:
        """Makes this run what `latest` means."""
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


def find_run(name: str, runs: str | Path = "runs") -> Path:
    """The folder of a run, given as a path, a name, a unique beginning of one, or `latest`.

    Raises:
        UsageError: There is none, or several names begin so.
    """
    for folder in (Path(runs) / name, Path(name)):
        if (folder / FILE).is_file():
            return folder.resolve()
    known = run_folders(runs)
    matches = [folder for folder in known if folder.name.startswith(name)]
    if len(matches) == 1:
        return matches[0].resolve()
    if matches:
        names = ", ".join(folder.name for folder in matches[:5])
        raise UsageError(f"several runs begin with '{name}': {names}; type more of the name")
    where = f"{Path(runs)} has {len(known)} runs" if known else f"{Path(runs)} has no runs"
    raise UsageError(f"no run '{name}': {where}; see `sldagent runs list`")


def run_folders(runs: str | Path = "runs") -> list[Path]:
    """Folders of all runs, by name."""
    root = Path(runs)
    if not root.is_dir():
        return []
    return sorted(
        folder for folder in root.iterdir() if not folder.is_symlink() and (folder / FILE).is_file()
    )
