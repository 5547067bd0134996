"""One run's database: candidates in, lineage out. One transaction a candidate."""

import datetime
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from sldagent.candidate import Candidate
from sldagent.errors import SldagentError, UsageError
from sldagent.program import Program
from sldagent.storage import codec, migrations, schema
from sldagent.storage.reading import Reading

FILE = "lineage.sqlite"


def now() -> str:
    """The time in UTC as it is stored."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


class Store(Reading):
    """A run's folder and the database in it. The driver alone writes; anyone may read meanwhile."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self._engine = engine

    @classmethod
    def create(
        cls,
        folder: Path,
        run: Mapping[str, Any],
        starts: Sequence[tuple[Program, str, str]],
        furnish: Callable[[Path], object] = lambda folder: None,
    ) -> Self:
        """Makes the folder, the database, the run's row and its start programs.

        The run's name is the folder's; a start is a program, who wrote it and what it is. `furnish`
        puts into the folder what must lie there before the run exists.

        Raises:
            UsageError: The name is taken, or the folder cannot be written.
            SldagentError: The database cannot be written; then no folder is left either.
        """
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise UsageError(
                f"run '{folder.name}' exists already: {folder}; choose another --name"
            ) from None
        except OSError as error:
            raise UsageError(
                f"cannot make the run's folder {folder}: {error.strerror}; "
                "choose another --runs folder"
            ) from None
        store = cls(folder, _engine(folder / FILE))
        try:
            furnish(folder)
            with store._writing() as connection:
                migrations.migrate(connection)
                for program, _, _ in starts:
                    _keep_program(connection, program)
                listed = [
                    {"hash": program.hash, "proposer": proposer, "change": change}
                    for program, proposer, change in starts
                ]
                row = {**run, "name": folder.name, "created_at": now(), "starts": listed}
                connection.execute(insert(schema.run).values(row))
        except BaseException:  # a key pressed, too: half a run would keep its name for itself
            store.close()
            _remove(folder)
            raise
        return store

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens an existing run for reading or going on; brings an old database up to date.

        Raises:
            UsageError: There is no run, or a newer version wrote it.
        """
        if not (folder / FILE).is_file():
            raise UsageError(f"no run in {folder}: it has no {FILE}")
        store = cls(folder, _engine(folder / FILE))
        try:
            with store._reading() as connection:
                old = migrations.pending(connection)
            if old:
                with store._writing() as connection:
                    migrations.migrate(connection)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Lets go of the file, which is opened again when something is asked."""
        self._engine.dispose()

    def finish(self, because: str = "") -> None:
        """Notes that the run came to its end, and why."""
        with self._writing() as connection:
            connection.execute(update(schema.run).values(finished_at=now(), ended_because=because))

    def interrupt(self, because: str) -> None:
        """Notes why the run's driver stopped before the end."""
        with self._writing() as connection:
            connection.execute(update(schema.run).values(ended_because=because))

    def count_test_read(self) -> int:
        """Notes that the test rows were read for this run; returns how often now."""
        reads = schema.run.c.test_reads
        with self._writing() as connection:
            connection.execute(update(schema.run).values(test_reads=reads + 1))
            return int(connection.scalars(select(reads)).one())

    # -- what a search writes ------------------------------------------------------------------

    def copy_to(self, file: Path) -> None:
        """Writes the database as it stands into one new file, also while a driver goes on.

        Raises:
            UsageError: The file is there already or cannot be written.
        """
        source = sqlite3.connect(self.folder / FILE)
        try:
            source.execute("VACUUM INTO ?", (str(file),))
        except sqlite3.Error as error:
            raise UsageError(f"cannot copy the run's database to {file}: {error}") from None
        finally:
            source.close()

    def add(
        self,
        candidate: Candidate,
        program: Program,
        arm: str = "",
        calls: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Commits one candidate with its program, its lineage, and the model calls behind it."""
        evaluation = candidate.evaluation
        metrics = evaluation.metrics
        with self._writing() as connection:
            _keep_program(connection, program)
            connection.execute(
                insert(schema.candidate).values(
                    number=candidate.number,
                    generation=candidate.generation,
                    island=candidate.island,
                    slot=candidate.slot,
                    program_hash=candidate.program_hash,
                    proposer=candidate.proposer,
                    arm=arm,
                    change=candidate.change,
                    status=evaluation.status.value,
                    reason=evaluation.reason,
                    score=evaluation.score,
                    held_out_r2=metrics.r2 if metrics else None,
                    params=None if evaluation.params is None else str(evaluation.params),
                    literals=evaluation.literals,
                    evaluation=evaluation.as_dict(),
                    evaluated_at=now(),
                )
            )
            links = [
                {"child": candidate.number, "parent": other, "kind": kind, "place": place}
                for kind, others in (
                    ("parent", candidate.parents),
                    ("exemplar", candidate.exemplars),
                )
                for place, other in enumerate(others)
            ]
            if links:
                connection.execute(insert(schema.edge), links)
            _keep_calls(connection, candidate.number, calls)
            waiting = schema.proposal
            connection.execute(delete(waiting).where(waiting.c.candidate == candidate.number))

    def add_question(self, number: int) -> None:
        """Notes that a model is being asked for a candidate."""
        with self._writing() as connection:
            row = {"candidate": number, "at": now(), "kind": "proposal", "model": ""}
            connection.execute(insert(schema.call).values(**row, outcome="asked"))

    def add_call(self, number: int, call: Mapping[str, Any]) -> None:
        """Keeps a call of a model as soon as it ended; -1 stands for no candidate.

        The one thing that other threads of the driver write too.
        """
        with self._writing() as connection:
            _keep_calls(connection, number, [call])

    def add_proposal(
        self,
        number: int,
        program: Program | None,
        values: Mapping[str, Any],
        calls: Sequence[Mapping[str, Any]],
    ) -> None:
        """Keeps a model's answer with its calls, before the program is evaluated.

        `values` are the other columns of table `proposal`.
        """
        with self._writing() as connection:
            if program is not None:
                _keep_program(connection, program)
            name = None if program is None else program.hash
            row = {"candidate": number, "program_hash": name, **values}
            connection.execute(insert(schema.proposal).values(row))
            asked = (schema.call.c.candidate == number) & (schema.call.c.outcome == "asked")
            connection.execute(delete(schema.call).where(asked))
            _keep_calls(connection, number, calls)

    def waiting_proposals(self) -> list[dict[str, Any]]:
        """Rows of table `proposal`: answers whose candidates are not committed."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(schema.proposal)).mappings()]

    def interrupt_questions(self) -> None:
        """Notes that the questions of an earlier driver that are still open got no answer."""
        table = schema.call
        with self._writing() as connection:
            connection.execute(
                update(table).where(table.c.outcome == "asked").values(outcome="interrupted")
            )

    def add_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Notes what passed between islands; what was noted before stays as it is."""
        with self._writing() as connection:
            connection.execute(insert(schema.event).prefix_with("OR IGNORE"), list(events))

    def add_checkpoint(self, generation: int, state: Mapping[str, Any], needed: int) -> None:
        """Keeps the islands' state; of those up to the generation `needed` only the latest."""
        table = schema.checkpoint
        row = {"generation": generation, "state": dict(state)}
        latest = select(func.max(table.c.generation)).where(table.c.generation <= needed)
        with self._writing() as connection:
            connection.execute(insert(table).prefix_with("OR REPLACE").values(row))
            connection.execute(delete(table).where(table.c.generation < latest.scalar_subquery()))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction; a full disk or a read-only folder becomes one line."""
        try:
            with self._engine.execution_options(writes=True).begin() as connection:
                yield connection
        except DBAPIError as error:
            raise SldagentError(
                f"cannot write {self.folder / FILE}: {error.orig}; what was committed is intact"
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise UsageError(f"cannot read {self.folder / FILE}: {error.orig}") from error


def _keep_program(connection: Connection, program: Program) -> None:
    """Stores a program's text, once for each hash."""
    row = {"hash": program.hash, "source": program.source}
    connection.execute(insert(schema.program).prefix_with("OR IGNORE").values(row))


def _keep_calls(connection: Connection, number: int, calls: Sequence[Mapping[str, Any]]) -> None:
    """Stores model calls; their prompts and replies once for each hash."""
    for call in calls:
        row = dict(call)
        for name in ("prompt", "reply"):
            text = row.pop(name).encode("utf-8", "replace")  # no half surrogate can be stored
            row[f"{name}_hash"] = hashlib.sha256(text).hexdigest()
            values = {"hash": row[f"{name}_hash"], "text": text.decode()}
            connection.execute(insert(schema.content).prefix_with("OR IGNORE").values(values))
        connection.execute(insert(schema.call).values(**row, candidate=number, at=now()))


def _remove(folder: Path) -> None:
    """Removes the folder of a run that could not be made."""
    shutil.rmtree(folder)


def _engine(path: Path) -> Engine:
    if os.access(path.parent, os.W_OK):
        pragmas = ["journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"]
        url = URL.create("sqlite", database=str(path))
    else:
        # Where nothing can be written SQLite can still read, if it need not look for a journal.
        pragmas = ["busy_timeout=5000"]
        query = {"mode": "ro", "uri": "true"}
        if not path.with_name(FILE + "-wal").exists():
            query["immutable"] = "1"
        url = URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)
    engine = create_engine(url, json_serializer=codec.dumps)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A read that becomes a write later would fail at once where another writer is at work.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
