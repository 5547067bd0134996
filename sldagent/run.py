"""A run's folder: the database, the best program so far, and what the run was started with."""

import dataclasses
import datetime
import fcntl
import json
import platform
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from sldagent.candidate import Candidate
from sldagent.config import HARNESS_VERSION, EvaluationConfig, EvolveConfig
from sldagent.data.tasks import find_task, read_task
from sldagent.errors import UsageError
from sldagent.plain import finite, replace_file
from sldagent.program import Program
from sldagent.proposing.base import Start
from sldagent.storage.reading import Filter
from sldagent.storage.store import FILE, Store
from sldagent.task import Task

if TYPE_CHECKING:  # numpy and pandas are not needed to read a run
    import pandas

    from sldagent.cuts import Cut
    from sldagent.table import Table

TASKS = "tasks"  # the folder of a run's own task
PROMPTS = "prompts"  # and of its templates
_PATIENCE = 0.5  # seconds: whoever looks whether a run is driven holds its lock for a moment
_PACKAGES = ("sldagent", "numpy", "scipy", "ray", "sqlalchemy")


class Run:
    """One search's folder.

    `lineage.sqlite` holds every candidate; `best/program.py` and `best/fit.json` are the best so
    far, replaced by renaming, so that they can be opened at any moment; `tasks/` has the run's task
    where that was made of a user's table.
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
        table: "Table",
        cuts: "Sequence[Cut]",
        starts: Sequence[Start],
        furnish: Callable[[Path], object] = lambda folder: None,
    ) -> Self:
        """Makes the folder and commits the run's row; raises UsageError where the name is taken.

        `furnish` is given the folder before that, to put into it what is found nowhere else.
        """
        from sldagent.evaluation.key import evaluation_key

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
        programs = [(start.program, start.proposer, start.change) for start in starts]
        folder = Path(config.runs) / name
        return cls(Store.create(folder, row, programs, furnish))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """An existing run; raises UsageError where there is none."""
        return cls(Store.open(folder))

    def close(self) -> None:
        """Lets go of the database's file, which is opened again when something is asked."""
        self.store.close()

    def config(self) -> EvolveConfig:
        """What the run was started with; raises UsageError where another version wrote it."""
        row = self.store.run()
        stored = row["config"]
        known = {field.name for field in dataclasses.fields(EvolveConfig)}
        if unknown := sorted(stored.keys() - known):
            raise UsageError(
                f"run '{self.folder.name}' was started by sldagent {row['versions']['sldagent']} "
                f"with settings that this version does not have: {', '.join(unknown)}"
            )
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()
        }
        fields["evaluation"] = EvaluationConfig(**fields["evaluation"])
        return EvolveConfig(**fields)

    def task(self) -> Task:
        """The run's own task, where it was made of a user's table, or the one that it names.

        Raises:
            TaskError: The task is not where it was, or its file is wrong.
        """
        own = next((self.folder / TASKS).glob("*/task.toml"), None)
        return read_task(own) if own else find_task(self.store.run()["task"])

    def starts(self) -> list[Start]:
        """The start programs, in order."""
        rows = self.store.run()["starts"]
        programs = self.store.programs([row["hash"] for row in rows])
        return [Start(programs[row["hash"]], row["proposer"], row["change"]) for row in rows]

    def candidates(self) -> list[Candidate]:
        """Every committed candidate, by number."""
        return self.store.candidates()

    def candidate(self, number: int) -> Candidate:
        """One committed candidate.

        Raises:
            UsageError: There is none with this number.
        """
        found = self.store.candidate(number)
        if found is None:
            raise UsageError(f"run '{self.folder.name}' has no candidate #{number}")
        return found

    def rows(
        self,
        status: str | None = None,
        island: int | None = None,
        proposer: str | None = None,
        since: int | None = None,
        top: int | None = None,
    ) -> list[dict[str, Any]]:
        """Candidates in short, by number; with `top` so many with the best scores, best first.

        `since` is the first generation that is wanted.
        """
        return list(self.each(status, island, proposer, since, top))

    def each(
        self,
        status: str | None = None,
        island: int | None = None,
        proposer: str | None = None,
        since: int | None = None,
        top: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What `rows` lists, one by one: for runs that fill the memory otherwise."""
        return self.store.each(Filter(status, island, proposer, since, top))

    def frame(self) -> "pandas.DataFrame":
        """Every candidate in short as a DataFrame, by number."""
        import pandas

        rows = self.store.rows()
        return pandas.DataFrame(rows, columns=self.store.row_names()).set_index("number")

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Holds the run's lock: one driver a run. The system lets go of it however a driver ends.

        Raises:
            UsageError: Another process drives the run.
        """
        try:
            file = open(self.folder / "lock", "a")  # noqa: SIM115
        except OSError as error:
            raise UsageError(f"cannot write in {self.folder}: {error.strerror}") from None
        with file:
            end = time.monotonic() + _PATIENCE
            while not _locked(file, fcntl.LOCK_EX):
                if time.monotonic() > end:
                    raise UsageError(f"run '{self.folder.name}' is going on in another process")
                time.sleep(_PATIENCE / 10)
            yield

    def is_driven(self) -> bool:
        """Whether some process drives the run now."""
        try:
            with open(self.folder / "lock") as file:
                return not _locked(file, fcntl.LOCK_SH)
        except OSError:
            return False

    def best(self) -> tuple[Candidate, Program] | None:
        """The candidate whose program lies in `best/`, and the program.

        While the start programs are judged none does yet: then that of the best score so far.
        """
        file = self.folder / "best" / "fit.json"
        if not file.is_file():
            rows = self.store.rows(Filter(status="ok", top=1))
            return None if not rows else self._with_program(rows[0]["number"])
        try:
            number = int(json.loads(file.read_text("utf-8"))["number"])
        except (ValueError, KeyError, TypeError):
            look = f"sldagent lineage list {self.folder.name} --top 1"
            raise UsageError(f"{file} is damaged; the database has the best: {look}") from None
        return self._with_program(number)

    def _with_program(self, number: int) -> tuple[Candidate, Program]:
        candidate = self.candidate(number)
        return candidate, self.store.program(candidate.program_hash)

    def keep_best(self, candidate: Candidate, program: Program) -> None:
        """Makes this the program in `best/`."""
        folder = self.folder / "best"
        folder.mkdir(exist_ok=True)
        fit: dict[str, Any] = {"number": candidate.number, **candidate.evaluation.as_dict()}
        replace_file(folder / "program.py", program.source)
        replace_file(folder / "fit.json", json.dumps(finite(fit), indent=2) + "\n")

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


def _locked(file: TextIO, kind: int) -> bool:
    """Takes the lock on an open file; False where another process has it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_run(folder: Path) -> bool:
    """Whether a run is in this folder."""
    return (folder / FILE).is_file()


def find_run(name: str, runs: str | Path = "runs") -> Path:
    """The folder of a run, given as a path, a name, a unique beginning of one, or `latest`.

    Raises:
        UsageError: There is none, or several names begin so.
    """
    for folder in (Path(runs) / name, Path(name)):
        if is_run(folder):
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
    return sorted(folder for folder in root.iterdir() if not folder.is_symlink() and is_run(folder))
