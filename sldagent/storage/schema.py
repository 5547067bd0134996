"""Tables of `lineage.sqlite` and the numbered migrations that make them.

Programs are stored once, by hash. Numbers that are not finite never enter: SQLite turns NaN into
NULL silently, so a failure has a status and no numbers.
"""

from collections.abc import Callable

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    select,
    text,
)

from sldagent.errors import UsageError

metadata = MetaData()

migration = Table(
    "migration",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
)
run = Table(
    "run",
    metadata,
    Column("name", String, primary_key=True),
    Column("created_at", String, nullable=False),  # UTC, ISO 8601
    Column("finished_at", String),
    Column("task", String, nullable=False),
    Column("config", JSON, nullable=False),
    Column("data_origin", String, nullable=False),
    Column("data_sha256", String, nullable=False),
    Column("evaluation_key", String, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("starts", JSON, nullable=False),  # hashes of the start programs, in order
    Column("test_reads", Integer, nullable=False, default=0),
)
program = Table(
    "program",
    metadata,
    Column("hash", String, primary_key=True),
    Column("source", Text, nullable=False),
)
candidate = Table(
    "candidate",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("island", Integer, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("program_hash", ForeignKey("program.hash"), nullable=False),
    Column("proposer", String, nullable=False),
    Column("change", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("score", Float),
    Column("held_out_r2", Float),
    Column("params", String),
    Column("literals", Integer),
    Column("evaluation", JSON, nullable=False),
    Column("evaluated_at", String, nullable=False),
)
edge = Table(
    "edge",
    metadata,
    Column("child", ForeignKey("candidate.number"), primary_key=True),
    Column("parent", ForeignKey("candidate.number"), primary_key=True),
    Column("kind", String, primary_key=True),  # parent (edited from) or exemplar (shown)
)

_BEST_VIEW = """
CREATE VIEW v_best_by_generation AS
SELECT generation, number, max(score) AS score, held_out_r2
FROM candidate WHERE status = 'ok' GROUP BY generation ORDER BY generation
"""


def m001_initial(connection: Connection) -> None:
    """Creates the tables of the first release."""
    metadata.create_all(connection)
    connection.execute(text(_BEST_VIEW))


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (m001_initial,)


def migrate(connection: Connection) -> None:
    """Brings a database up to date; each migration and its record in the caller's transaction.

    Raises:
        UsageError: The database was written by a newer version.
    """
    migration.create(connection, checkfirst=True)
    done = set(connection.scalars(select(migration.c.number)))
    if newer := done - set(range(1, len(MIGRATIONS) + 1)):
        raise UsageError(
            f"the run's database is of a newer version (migration {max(newer)}); "
            "update sldagent to read it"
        )
    for number, apply in enumerate(MIGRATIONS, start=1):
        if number not in done:
            apply(connection)
            connection.execute(migration.insert().values(number=number, name=apply.__name__))
