"""What a run's database tells; every query touches no more rows than it returns or counts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Integer, Select, cast, func, select

from sldagent.candidate import Candidate, Evaluation, Status
from sldagent.program import Program
from sldagent.storage import codec, schema

_CHUNK = 500  # candidates that one query fetches; SQLite allows 32766 variables

_MEMBER = """
SELECT number, generation, island, slot, program_hash, proposer, change, evaluation, source,
    (SELECT group_concat(kind || ':' || parent, ' ') FROM
        (SELECT kind, parent FROM edge WHERE child = number ORDER BY kind, place, parent))
FROM candidate JOIN program ON hash = program_hash WHERE number = ?
"""
_TOKENS = func.coalesce(
    func.sum(
        func.coalesce(schema.call.c.input_tokens, 0) + func.coalesce(schema.call.c.output_tokens, 0)
    ),
    0,
)
_SHORT = [column for column in schema.candidate.c if column.name != "evaluation"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which candidates are asked for; None lets all pass.

    Attributes:
        since: First generation.
        top: Only so many with the best scores, best first.
    """

    status: str | None = None
    island: int | None = None
    proposer: str | None = None
    since: int | None = None
    top: int | None = None


class Reading:
    """The queries. Anyone may ask while the driver writes."""

    _engine: Engine

    def run(self) -> dict[str, Any]:
        """The run's row: name, task, config, data and versions."""
        with self._engine.connect() as connection:
            return dict(connection.execute(select(schema.run)).mappings().one())

    def rows(self, wanted: Filter | None = None) -> list[dict[str, Any]]:
        """Candidates in short with their parents, by number, or best first with `top`."""
        return list(self.each(wanted))

    def each(self, wanted: Filter | None = None) -> Iterator[dict[str, Any]]:
        """The same one by one, however many there are."""
        wanted = wanted or Filter()
        table = schema.candidate
        query = select(*_SHORT)
        for column, value in (
            (table.c.status, wanted.status),
            (table.c.island, wanted.island),
            (table.c.proposer, wanted.proposer),
        ):
            if value is not None:
                query = query.where(column == value)
        if wanted.since is not None:
            query = query.where(table.c.generation >= wanted.since)
        if wanted.top is not None:
            query = query.where(table.c.score.is_not(None))
            query = query.order_by(table.c.score.desc(), table.c.number).limit(wanted.top)
        else:
            query = query.order_by(table.c.number)
        yield from self._short(query)

    @staticmethod
    def row_names() -> list[str]:
        """What every row of `rows` has."""
        return [*(column.name for column in _SHORT), "parents"]

    def rows_of(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The candidates with these numbers in short, in this order."""
        column = schema.candidate.c.number
        found: dict[int, dict[str, Any]] = {}
        for start in range(0, len(numbers), _CHUNK):
            query = select(*_SHORT).where(column.in_(numbers[start : start + _CHUNK]))
            found |= {row["number"]: row for row in self._short(query)}
        return [found[number] for number in numbers]

    def _short(self, query: Select[Any]) -> Iterator[dict[str, Any]]:
        names = [column.name for column in _SHORT]
        at = names.index("number")
        with self._engine.connect() as connection:
            for rows in connection.execute(query).partitions(_CHUNK):
                links = self._links([row[at] for row in rows], "parent")
                for row in rows:
                    values = dict(zip(names, row, strict=True))
                    values["parents"] = links.get((row[at], "parent"), [])
                    yield values

    def numbers(self) -> list[int]:
        """Numbers of all candidates, sorted."""
        with self._engine.connect() as connection:
            query = select(schema.candidate.c.number).order_by(schema.candidate.c.number)
            return list(connection.scalars(query))

    def candidates(self) -> list[Candidate]:
        """Every candidate, by number."""
        return list(self.candidates_in(self.numbers()))

    def candidate(self, number: int) -> Candidate | None:
        """One candidate, or None where there is none with this number."""
        return next(self.candidates_in([number]), None)

    def candidates_in(self, numbers: Sequence[int]) -> Iterator[Candidate]:
        """The candidates with these numbers, by number in every chunk of them."""
        for start in range(0, len(numbers), _CHUNK):
            yield from self._candidates(numbers[start : start + _CHUNK])

    def _candidates(self, numbers: Sequence[int]) -> Iterator[Candidate]:
        table = schema.candidate
        query = select(table).where(table.c.number.in_(numbers)).order_by(table.c.number)
        links = self._links(numbers)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            number = row["number"]
            yield Candidate(
                number=number,
                generation=row["generation"],
                island=row["island"],
                slot=row["slot"],
                program_hash=row["program_hash"],
                parents=tuple(links.get((number, "parent"), ())),
                exemplars=tuple(links.get((number, "exemplar"), ())),
                proposer=row["proposer"],
                change=row["change"],
                evaluation=codec.evaluation(row["evaluation"]),
            )

    def member(self, number: int) -> tuple[Candidate, Program]:
        """One candidate with its program, in one query, as a search repeats thousands of them."""
        with self._engine.connect() as connection:
            row = connection.exec_driver_sql(_MEMBER, (number,)).one()
        links: dict[str, list[int]] = {"parent": [], "exemplar": []}
        for link in (row[-1] or "").split():
            kind, _, other = link.partition(":")
            links[kind].append(int(other))
        parents, exemplars = (tuple(links[kind]) for kind in ("parent", "exemplar"))
        evaluation = codec.evaluation(json.loads(row[7]))
        number, generation, island, slot, name, proposer, change = row[:7]
        candidate = Candidate(
            number, generation, island, slot, name, parents, exemplars, proposer, change, evaluation
        )
        return candidate, Program(row[8])

    def outlines(self, numbers: Sequence[int]) -> list[tuple[Candidate, str]]:
        """Candidates and their arms, by number; of the evaluation only status, reason and score."""
        table = schema.candidate
        query = select(
            table.c.number, table.c.generation, table.c.island, table.c.slot,
            table.c.program_hash, table.c.proposer, table.c.change, table.c.status,
            table.c.reason, table.c.score, table.c.arm,
        ).where(table.c.number.between(numbers[0], numbers[-1]))  # fmt: skip
        links = self._links(numbers)
        found = []
        for number, generation, island, slot, name, proposer, change, *judged, arm in self._all(
            query.order_by(table.c.number)
        ):
            status, reason, score = judged
            parents = tuple(links.get((number, "parent"), ()))
            exemplars = tuple(links.get((number, "exemplar"), ()))
            evaluation = Evaluation(Status(status), reason, score=score)
            found.append(
                (
                    Candidate(number, generation, island, slot, name, parents, exemplars,
                              proposer, change, evaluation),
                    arm,
                )
            )  # fmt: skip
        return found

    def facts(self, before: int) -> list[tuple[int, str, float | None]]:
        """Number, program hash and score of every candidate below a number, by number."""
        table = schema.candidate
        query = select(table.c.number, table.c.program_hash, table.c.score)
        found = self._all(query.where(table.c.number < before).order_by(table.c.number))
        return [(row[0], row[1], row[2]) for row in found]

    def checkpoints(self) -> list[tuple[int, dict[str, Any]]]:
        """The states of the islands that are kept, the latest first."""
        table = schema.checkpoint
        query = select(table.c.generation, table.c.state).order_by(table.c.generation.desc())
        return [(row[0], row[1]) for row in self._all(query)]

    def ancestors(self, number: int) -> list[int]:
        """Numbers from a root to this candidate, following first parents."""
        path = [number]
        while parents := self._links([path[-1]]).get((path[-1], "parent")):
            path.append(parents[0])
        return path[::-1]

    def children(self) -> dict[int, list[int]]:
        """By parent, the children that were edited from it first of all."""
        edge = schema.edge
        query = (
            select(edge.c.child, func.min(edge.c.place), edge.c.parent)
            .where(edge.c.kind == "parent")
            .group_by(edge.c.child)
            .order_by(edge.c.child)
        )
        found: dict[int, list[int]] = {}
        with self._engine.connect() as connection:
            for child, _, parent in connection.execute(query):
                found.setdefault(parent, []).append(child)
        return found

    def counts(self) -> list[tuple[str, str, int]]:
        """Number of candidates by proposer and status."""
        table = schema.candidate
        query = (
            select(table.c.proposer, table.c.status, func.count())
            .group_by(table.c.proposer, table.c.status)
            .order_by(table.c.proposer, table.c.status)
        )
        return [(row[0], row[1], row[2]) for row in self._all(query)]

    def journal_mode(self) -> str:
        """SQLite's `wal`, or what it fell back to, as on network file systems."""
        with self._engine.connect() as connection:
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())

    def cpu_seconds(self) -> float:
        """That all evaluations took together."""
        seconds = func.json_extract(schema.candidate.c.evaluation, "$.seconds.cpu")
        with self._engine.connect() as connection:
            return float(connection.scalar(select(func.total(seconds))) or 0.0)

    def costs(self, numbers: Sequence[int]) -> dict[int, tuple[float, int]]:
        """Dollars, as far as known, and tokens that the model calls of these candidates took."""
        table = schema.call
        query = select(table.c.candidate, func.sum(table.c.usd), _TOKENS)
        query = query.where(table.c.candidate.in_(numbers)).group_by(table.c.candidate)
        return {row[0]: (row[1] or 0.0, row[2]) for row in self._all(query)}

    def lost_replies(self) -> list[dict[str, Any]]:
        """Replies that came for candidates which are neither committed nor answered.

        Rows of table `call` with `prompt` and `reply`; their candidates will be asked for again.
        """
        numbers = (
            select(schema.call.c.candidate)
            .where(schema.call.c.candidate.not_in(select(schema.candidate.c.number)))
            .where(schema.call.c.candidate.not_in(select(schema.proposal.c.candidate)))
            .where(schema.call.c.candidate >= 0)
            .distinct()
        )
        with self._engine.connect() as connection:
            found = list(connection.scalars(numbers))
        calls = [call for number in found for call in self.calls(number)]
        return [c for c in calls if c["reply"] and not c["outcome"].startswith("failed")]

    def open_questions(self) -> int:
        """Questions that had no answer when a driver ended, or have none yet."""
        table = schema.call
        query = select(func.count()).where(table.c.outcome.in_(("asked", "interrupted")))
        with self._engine.connect() as connection:
            return int(connection.scalars(query).one())

    def spent_by_proposer(self) -> list[dict[str, Any]]:
        """View `v_proposers`: what each proposer made, how well, and at what cost."""
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM v_proposers").mappings()
            return [dict(row) for row in rows]

    def spent_by_kind(self) -> list[dict[str, Any]]:
        """View `v_spent`: calls, tokens, seconds and dollars by model and kind of prompt."""
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM v_spent").mappings()
            return [dict(row) for row in rows]

    def spent(self) -> dict[str, Any] | None:
        """All model calls together, in one query; None where no model was called.

        Keys: calls, models, input_tokens, output_tokens, usd, of how many calls it is known
        (priced), how many calls failed, and how many questions had no answer yet when a driver
        ended (interrupted).
        """
        table = schema.call
        asked = table.c.model != ""  # a question that is still open names no model
        total = select(
            func.coalesce(func.sum(cast(asked, Integer)), 0).label("calls"),
            func.coalesce(func.sum(cast(table.c.outcome.startswith("failed"), Integer)), 0).label(
                "failed"
            ),
            func.coalesce(func.sum(cast(table.c.outcome == "interrupted", Integer)), 0).label(
                "interrupted"
            ),
            func.coalesce(func.sum(table.c.input_tokens), 0).label("input_tokens"),
            func.coalesce(func.sum(table.c.output_tokens), 0).label("output_tokens"),
            func.coalesce(func.sum(table.c.usd), 0.0).label("usd"),
            func.count(table.c.usd).label("priced"),
        )
        models = select(table.c.model).where(table.c.model != "").distinct()
        with self._engine.connect() as connection:
            row = dict(connection.execute(total).mappings().one())
            if not row["calls"] and not row["interrupted"]:
                return None
            return {**row, "models": sorted(connection.scalars(models))}

    def calls(self, number: int) -> list[dict[str, Any]]:
        """The model calls behind a candidate, in order, with prompts and replies."""
        table, prompt, reply = schema.call, schema.content.alias(), schema.content.alias()
        query = (
            select(
                *[column for column in table.c if not column.name.endswith("_hash")],
                prompt.c.text.label("prompt"),
                reply.c.text.label("reply"),
            )
            .outerjoin(prompt, prompt.c.hash == table.c.prompt_hash)
            .outerjoin(reply, reply.c.hash == table.c.reply_hash)
            .where(table.c.candidate == number)
            .order_by(table.c.id)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def events(self) -> list[dict[str, Any]]:
        """What passed between islands, in order."""
        table = schema.event
        query = select(table).order_by(table.c.generation, table.c.target, table.c.candidate)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def program(self, program_hash: str) -> Program:
        """The program with this hash."""
        return self.programs([program_hash])[program_hash]

    def programs(self, hashes: Sequence[str]) -> dict[str, Program]:
        """Programs by hash."""
        table = schema.program
        query = select(table.c.hash, table.c.source).where(table.c.hash.in_(set(hashes)))
        return {row[0]: Program(row[1]) for row in self._all(query)}

    def _links(
        self, numbers: Sequence[int], kind: str | None = None
    ) -> dict[tuple[int, str], list[int]]:
        """By child and kind, or of one kind, the candidates that it is linked to, in order."""
        edge = schema.edge
        links: dict[tuple[int, str], list[int]] = {}
        for start in range(0, len(numbers), _CHUNK):
            query = (
                select(edge.c.child, edge.c.kind, edge.c.parent)
                .where(edge.c.child.in_(numbers[start : start + _CHUNK]))
                .order_by(edge.c.child, edge.c.place, edge.c.parent)
            )
            if kind is not None:
                query = query.where(edge.c.kind == kind)
            for child, of, parent in self._all(query):
                links.setdefault((child, of), []).append(parent)
        return links

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query).all()
