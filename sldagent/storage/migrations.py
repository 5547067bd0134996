"""The numbered steps that bring a run's database up to date. Append; never change one."""

from collections.abc import Callable

from sqlalchemy import Connection, select

from sldagent.errors import UsageError
from sldagent.storage.schema import migration


def m001_initial(connection: Connection) -> None:
    """Creates the tables of the first release."""
    _run(
        connection,
        """
        CREATE TABLE run (
            name VARCHAR NOT NULL PRIMARY KEY,
            created_at VARCHAR NOT NULL,
            finished_at VARCHAR,
            task VARCHAR NOT NULL,
            config JSON NOT NULL,
            data_origin VARCHAR NOT NULL,
            data_sha256 VARCHAR NOT NULL,
            evaluation_key VARCHAR NOT NULL,
            versions JSON NOT NULL,
            starts JSON NOT NULL,
            test_reads INTEGER NOT NULL
        );
        CREATE TABLE program (hash VARCHAR NOT NULL PRIMARY KEY, source TEXT NOT NULL);
        CREATE TABLE candidate (
            number INTEGER NOT NULL PRIMARY KEY,
            generation INTEGER NOT NULL,
            island INTEGER NOT NULL,
            slot INTEGER NOT NULL,
            program_hash VARCHAR NOT NULL REFERENCES program (hash),
            proposer VARCHAR NOT NULL,
            change TEXT NOT NULL,
            status VARCHAR NOT NULL,
            reason TEXT NOT NULL,
            score FLOAT,
            held_out_r2 FLOAT,
            params VARCHAR,
            literals INTEGER,
            evaluation JSON NOT NULL,
            evaluated_at VARCHAR NOT NULL
        );
        CREATE TABLE edge (
            child INTEGER NOT NULL REFERENCES candidate (number),
            parent INTEGER NOT NULL REFERENCES candidate (number),
            kind VARCHAR NOT NULL,
            PRIMARY KEY (child, parent, kind)
        );
        CREATE VIEW v_best_by_generation AS
        SELECT generation, number, max(score) AS score, held_out_r2
        FROM candidate WHERE status = 'ok' GROUP BY generation ORDER BY generation
        """,
    )


def m002_islands(connection: Connection) -> None:
    """Adds arms, model calls, kept proposals, events, indexes and views for people."""
    _run(
        connection,
        """
        ALTER TABLE candidate ADD COLUMN arm VARCHAR NOT NULL DEFAULT '';
        ALTER TABLE edge ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE run ADD COLUMN ended_because TEXT;
        UPDATE run SET starts = (
            SELECT json_group_array(
                json_object('hash', value, 'proposer', 'start', 'change', 'start program')
            ) FROM json_each(run.starts)
        );
        CREATE TABLE content (hash VARCHAR NOT NULL PRIMARY KEY, text TEXT NOT NULL);
        CREATE TABLE call (
            id INTEGER NOT NULL PRIMARY KEY,
            candidate INTEGER NOT NULL,
            at VARCHAR NOT NULL,
            kind VARCHAR NOT NULL,
            model VARCHAR NOT NULL,
            prompt_hash VARCHAR REFERENCES content (hash),
            reply_hash VARCHAR REFERENCES content (hash),
            input_tokens INTEGER,
            output_tokens INTEGER,
            seconds FLOAT,
            usd FLOAT,
            outcome VARCHAR NOT NULL
        );
        CREATE TABLE proposal (
            candidate INTEGER NOT NULL PRIMARY KEY,
            program_hash VARCHAR REFERENCES program (hash),
            parents JSON NOT NULL,
            exemplars JSON NOT NULL,
            change TEXT NOT NULL,
            arm VARCHAR NOT NULL,
            reason TEXT NOT NULL,
            proposer VARCHAR NOT NULL
        );
        CREATE TABLE event (
            generation INTEGER NOT NULL,
            kind VARCHAR NOT NULL,
            source INTEGER NOT NULL,
            target INTEGER NOT NULL,
            candidate INTEGER NOT NULL REFERENCES candidate (number),
            PRIMARY KEY (generation, kind, target, candidate)
        );
        CREATE TABLE checkpoint (generation INTEGER NOT NULL PRIMARY KEY, state JSON NOT NULL);
        CREATE INDEX candidate_score ON candidate (score);
        CREATE INDEX candidate_program ON candidate (program_hash);
        CREATE INDEX candidate_place ON candidate (generation, island, status, score, proposer);
        CREATE INDEX edge_parent ON edge (parent, kind);
        CREATE INDEX call_candidate ON call (candidate);
        CREATE VIEW v_candidates AS
        SELECT number, generation, island, slot, status, score, held_out_r2, params, literals,
            proposer, arm, change, reason, evaluated_at, program_hash,
            (SELECT group_concat(parent, ' ') FROM edge
             WHERE child = number AND kind = 'parent') AS parents
        FROM candidate;
        CREATE VIEW v_islands AS
        SELECT generation, island, count(*) AS candidates, sum(status = 'ok') AS ok,
            max(score) AS best_score
        FROM candidate GROUP BY generation, island;
        CREATE VIEW v_calls AS
        SELECT call.id, candidate, at, kind, model, outcome, input_tokens, output_tokens, seconds,
            usd, prompt.text AS prompt, reply.text AS reply
        FROM call
        LEFT JOIN content AS prompt ON prompt.hash = prompt_hash
        LEFT JOIN content AS reply ON reply.hash = reply_hash
        """,
    )


def m003_models(connection: Connection) -> None:
    """Adds views of what proposers and models brought and cost."""
    _run(
        connection,
        """
        CREATE VIEW v_spent AS
        SELECT model, kind, count(*) AS calls, sum(outcome LIKE 'failed%') AS failed,
            sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
            sum(seconds) AS seconds, sum(usd) AS usd
        FROM call WHERE model != '' GROUP BY model, kind ORDER BY model, kind;
        CREATE VIEW v_proposers AS
        SELECT proposer, count(*) AS candidates, sum(status = 'ok') AS ok,
            sum(score > before) AS better, sum(calls) AS calls, sum(failed) AS failed,
            sum(tokens) AS tokens, sum(usd) AS usd
        FROM (
            SELECT proposer, status, candidate.score,
                (SELECT old.score FROM edge JOIN candidate AS old ON old.number = parent
                 WHERE child = candidate.number AND kind = 'parent' AND place = 0) AS before,
                paid.calls, paid.failed, paid.tokens, paid.usd
            FROM candidate LEFT JOIN (
                SELECT candidate AS number, count(*) AS calls,
                    sum(outcome LIKE 'failed%') AS failed,
                    sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens,
                    sum(usd) AS usd
                FROM call WHERE model != '' GROUP BY candidate
            ) AS paid ON paid.number = candidate.number
        ) GROUP BY proposer ORDER BY proposer
        """,
    )


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (m001_initial, m002_islands, m003_models)


def pending(connection: Connection) -> bool:
    """Whether a database is older than this version.

    Raises:
        UsageError: It was written by a newer version.
    """
    return len(_done(connection)) < len(MIGRATIONS)


def migrate(connection: Connection) -> None:
    """Brings a database up to date; each migration and its record in the caller's transaction.

    Raises:
        UsageError: The database was written by a newer version.
    """
    migration.create(connection, checkfirst=True)
    done = _done(connection)
    for number, apply in enumerate(MIGRATIONS, start=1):
        if number not in done:
            apply(connection)
            connection.execute(migration.insert().values(number=number, name=apply.__name__))


def _done(connection: Connection) -> set[int]:
    done = set(connection.scalars(select(migration.c.number)))
    if newer := done - set(range(1, len(MIGRATIONS) + 1)):
        raise UsageError(
            f"the run's database is of a newer version (migration {max(newer)}); "
            "update sldagent to read it"
        )
    return done


def _run(connection: Connection, statements: str) -> None:
    for statement in statements.split(";"):
        connection.exec_driver_sql(statement)
