"""One run's database: candidates in, lineage out. One transaction a candidate."""

import datetime
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.exc import DBAPIError

from sldagent.candidate import Candidate, CutResult, Evaluation, Metrics, Status
from sldagent.errors import SldagentError, UsageError
from sldagent.program import Program
from sldagent.storage import schema

FILE = "lineage.sqlite"


def now() -> str:
    """The time in UTC as it is stored."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


class Store:
    """A run's folder and the database in it. The driver alone writes; anyone may read meanwhile."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self._engine = engine

    @classmethod
    def create(cls, folder: Path, run: dict[str, Any], starts: Sequence[Program]) -> Self:
        """Makes the folder, the database, the start programs and the run's row.

        The run's name is the folder's.

        Raises:
            UsageError: The name is taken, or the folder cannot be written.
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
        with store._writing() as connection:
            schema.migrate(connection)
            for program in starts:
                _keep(connection, program)
            hashes = [program.hash for program in starts]
            row = {**run, "name": folder.name, "created_at": now(), "starts": hashes}
            connection.execute(insert(schema.run).values(row))
        return store

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens an existing run for reading or going on.

        Raises:
            UsageError: There is no run, or a newer version wrote it.
        """
        if not (folder / FILE).is_file():
            raise UsageError(f"no run in {folder}: it has no {FILE}")
        store = cls(folder, _engine(folder / FILE))
        with store._writing() as connection:
            schema.migrate(connection)
        return store

    def close(self) -> None:
        """Lets go of the file."""
        self._engine.dispose()

    def run(self) -> dict[str, Any]:
        """The run's row: name, task, config, data and versions."""
        with self._engine.connect() as connection:
            return dict(connection.execute(select(schema.run)).mappings().one())

    def finish(self) -> None:
        """Notes that the run came to its end."""
        with self._writing() as connection:
            connection.execute(update(schema.run).values(finished_at=now()))

    def count_test_read(self) -> int:
        """Notes that the test rows were read for this run; returns how often now."""
        reads = schema.run.c.test_reads
        with self._writing() as connection:
            connection.execute(update(schema.run).values(test_reads=reads + 1))
            return int(connection.scalars(select(reads)).one())

    def add(self, candidate: Candidate, program: Program) -> None:
        """Commits one candidate with its program and lineage."""
        evaluation = candidate.evaluation
        metrics = evaluation.metrics
        with self._writing() as connection:
            _keep(connection, program)
            connection.execute(
                insert(schema.candidate).values(
                    number=candidate.number,
                    generation=candidate.generation,
                    island=candidate.island,
                    slot=candidate.slot,
                    program_hash=candidate.program_hash,
                    proposer=candidate.proposer,
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
            links = [(parent, "parent") for parent in candidate.parents]
            links += [(exemplar, "exemplar") for exemplar in candidate.exemplars]
            for other, kind in links:
                connection.execute(
                    insert(schema.edge).values(child=candidate.number, parent=other, kind=kind)
                )

    def rows(self) -> list[dict[str, Any]]:
        """Every candidate in short, by number, without parsing its evaluation."""
        table = schema.candidate
        columns = [column for column in table.c if column.name != "evaluation"]
        with self._engine.connect() as connection:
            rows = connection.execute(select(*columns).order_by(table.c.number)).mappings().all()
            links = connection.execute(
                select(schema.edge.c.child, schema.edge.c.parent).where(
                    schema.edge.c.kind == "parent"
                )
            )
            parents: dict[int, list[int]] = {}
            for child, parent in links:
                parents.setdefault(child, []).append(parent)
        return [{**row, "parents": parents.get(row["number"], [])} for row in rows]

    def candidates(self) -> list[Candidate]:
        """Every candidate, by number."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(schema.candidate).order_by(schema.candidate.c.number)
            ).mappings()
            edges = list(connection.execute(select(schema.edge).order_by(schema.edge.c.parent)))
        linked: dict[tuple[int, str], list[int]] = {}
        for child, parent, kind in edges:
            linked.setdefault((child, kind), []).append(parent)
        return [
            Candidate(
                number=row["number"],
                generation=row["generation"],
                island=row["island"],
                slot=row["slot"],
                program_hash=row["program_hash"],
                parents=tuple(linked.get((row["number"], "parent"), ())),
                exemplars=tuple(linked.get((row["number"], "exemplar"), ())),
                proposer=row["proposer"],
                change=row["change"],
                evaluation=_evaluation(row["evaluation"]),
            )
            for row in rows
        ]

    def program(self, program_hash: str) -> Program:
        """The program with this hash."""
        with self._engine.connect() as connection:
            table = schema.program
            source = connection.scalars(
                select(table.c.source).where(table.c.hash == program_hash)
            ).one()
        return Program(source)

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


def _keep(connection: Connection, program: Program) -> None:
    """Stores a program's text, once for each hash."""
    row = {"hash": program.hash, "source": program.source}
    connection.execute(insert(schema.program).prefix_with("OR IGNORE").values(row))


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", json_serializer=_dumps)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "busy_timeout=5000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A read that becomes a write later would fail at once where another writer is at work.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _dumps(value: Any) -> str:
    return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    """The value with numbers that JSON cannot carry replaced by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _metrics(value: dict[str, float] | None) -> Metrics | None:
    return None if value is None else Metrics(**value)


def _evaluation(row: dict[str, Any]) -> Evaluation:
    cuts = tuple(
        CutResult(
            **{
                **cut,
                "metrics": Metrics(**cut["metrics"]),
                "groups": {name: _metrics(value) for name, value in cut["groups"].items()},
            }
        )
        for cut in row["cuts"]
    )
    return Evaluation(
        **{
            **row,
            "status": Status(row["status"]),
            "metrics": _metrics(row["metrics"]),
            "groups": {name: _metrics(value) for name, value in row["groups"].items()},
            "cuts": cuts,
            "warnings": tuple(row["warnings"]),
        }
    )
