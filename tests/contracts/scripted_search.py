"""A search without sandbox, Ray or disk: programs are one number, whose best value is 3."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sldagent.candidate import Candidate, CutResult, Evaluation, Metrics, Status
from sldagent.evolution.journal import Entry
from sldagent.evolution.loop import Search
from sldagent.evolution.migration import Exchange, Move, Reseeding, Ring
from sldagent.evolution.search import Generation, SearchConfig
from sldagent.evolution.stopping import Generations, Stop
from sldagent.program import Program
from sldagent.proposing.base import Member, Proposal, Proposer, Request, Start


def program(value: float) -> Program:
    return Program(f"# EVOLVE-BLOCK-START\nVALUE = {value!r}\n# EVOLVE-BLOCK-END\n")


def value_of(text: Program) -> float:
    return float(text.block.split("=")[1])


def evaluation(score: float, params: int = 1) -> Evaluation:
    metrics = Metrics(r2=score, nmse=1 - score, nmae=1 - score)
    cut = CutResult("cut", 2, 2, metrics, {}, 0.1, 0.0, None)
    return Evaluation(Status.OK, metrics=metrics, score=score, cuts=(cut,), params=params)


def judge(text: Program) -> Evaluation:
    """The score has its maximum where the program's number is 3; negative numbers fail."""
    value = value_of(text)
    if value < 0:
        return Evaluation(Status.ERROR, "negative")
    return evaluation(1.0 - (value - 3.0) ** 2)


class ScriptedPool:
    """Evaluates several programs at once and gives results in an order that a generator shuffles.

    `before` is called with each program, to be slow or to fail.
    """

    def __init__(
        self, seed: int = 0, width: int = 4, before: Callable[[Program], None] | None = None
    ) -> None:
        self.width = width
        self.evaluated: list[str] = []
        self._rng = np.random.default_rng(seed)
        self._queue: list[tuple[int, Program]] = []
        self._before = before

    def submit(self, key: int, text: Program) -> None:
        self._queue.append((key, text))

    def results(self, timeout: float | None = None) -> Iterator[tuple[int, Evaluation]]:
        while self._queue:
            near = min(len(self._queue), self.width)
            key, text = self._queue.pop(int(self._rng.integers(near)))
            if self._before is not None:
                self._before(text)
            self.evaluated.append(text.hash)
            yield key, judge(text)

    def close(self) -> None:
        pass


class Nudge:
    """Proposes the parent's number plus noise, rounded so that programs recur."""

    name = "nudge"

    def __init__(
        self,
        concurrency: int = 1,
        deterministic: bool = True,
        before: Callable[[Request], None] | None = None,
        digits: int = 2,
    ) -> None:
        self.concurrency = concurrency
        self.deterministic = deterministic
        self.requests: list[Request] = []
        self._before = before
        self._digits = digits
        self._lock = threading.Lock()

    def propose(self, request: Request) -> Proposal | None:
        if self._before is not None:
            self._before(request)
        with self._lock:
            self.requests.append(request)
        noise = request.rng.normal()
        if noise > 2.0:
            return None
        parent, text = request.parents[0]
        arm = "up" if noise > 0 else "down"
        exemplars = tuple(candidate.number for candidate, _ in request.exemplars)
        links: dict[str, Any] = {"parents": (parent.number,), "exemplars": exemplars}
        if (request.generation, request.slot) == (3, 1):
            return Proposal(None, change="nothing", reason="no block", arm=arm, **links)
        value = round(value_of(text) + 0.3 * noise, self._digits)
        return Proposal(program(value), change=f"{0.3 * noise:+.2f}", arm=arm, **links)


class MemoryJournal:
    """Implements `evolution.journal.Journal` in memory; may begin with what another one holds."""

    def __init__(self, before: "MemoryJournal | None" = None) -> None:
        self.entries: dict[int, Entry] = dict(before.entries) if before else {}
        self.programs: dict[int, Program] = dict(before.programs) if before else {}
        self.answers: dict[int, Proposal] = dict(before.answers) if before else {}
        self.questions: list[int] = []
        self.moves: list[Move] = list(before.moves) if before else []
        self.kept: dict[int, dict[str, Any]] = dict(before.kept) if before else {}
        self.order: list[int] = []

    def numbers(self) -> list[int]:
        return sorted(self.entries)

    def entry(self, number: int) -> Entry:
        return self.entries[number]

    def members(self, numbers: Sequence[int]) -> list[Member]:
        return [(self.entries[number].candidate, self.programs[number]) for number in numbers]

    def facts(self, before: int) -> list[tuple[int, str, float | None]]:
        found = [self.entries[n].candidate for n in self.numbers() if n < before]
        return [(c.number, c.program_hash, c.evaluation.score) for c in found]

    def arrivals(self) -> list[tuple[int, int, int]]:
        return [(move.generation, move.target, move.member[0].number) for move in self.moves]

    def checkpoint(self, generation: int, state: dict[str, Any], needed: int) -> None:
        self.kept[generation] = json.loads(json.dumps(state))
        latest = max((g for g in self.kept if g <= needed), default=0)
        self.kept = {g: kept for g, kept in self.kept.items() if g >= latest}

    def checkpoints(self) -> list[tuple[int, dict[str, Any]]]:
        return sorted(self.kept.items(), reverse=True)

    def proposals(self) -> dict[int, Proposal]:
        return {n: answer for n, answer in self.answers.items() if n not in self.entries}

    def asked(self, number: int) -> None:
        self.questions.append(number)

    def proposed(self, number: int, proposal: Proposal) -> None:
        self.answers[number] = proposal

    def commit(self, candidate: Candidate, text: Program, proposal: Proposal) -> tuple[float, int]:
        assert candidate.number not in self.entries, "committed twice"
        assert set(candidate.parents) <= set(self.entries), "a parent is committed before its child"
        usd = sum(call.usd or 0.0 for call in proposal.calls)
        self.entries[candidate.number] = Entry(candidate, proposal.arm, usd, 0)
        self.programs[candidate.number] = text
        self.order.append(candidate.number)
        return usd, 0

    def moved(self, moves: list[Move]) -> None:
        self.moves += moves

    def lineage(self) -> list[tuple[Any, ...]]:
        """All that a lineage is, without times."""
        return [
            (c.number, c.generation, c.island, c.slot, c.parents, c.exemplars, c.proposer, c.change,
             c.evaluation.status.value, c.evaluation.reason, c.evaluation.score,
             self.programs[c.number].source, arm)
            for c, arm, *_ in (self.entries[n] for n in self.numbers())
        ]  # fmt: skip


def config(**settings: Any) -> SearchConfig:
    """Three islands that often exchange."""
    defaults: dict[str, Any] = {"islands": 3, "offspring": 2, "lag": 3, "capacity": 8}
    exchange = Exchange(Ring(2, 1), Reseeding(6, 0.4))
    return SearchConfig(**{**defaults, "exchange": exchange, **settings})


def make_search(
    journal: MemoryJournal,
    starts: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5),
    proposer: Proposer | None = None,
    pool: ScriptedPool | None = None,
    generations: int = 8,
    stops: tuple[Stop, ...] = (),
    **settings: Any,
) -> Search:
    begin = [Start(program(value), "start", "made up") for value in starts]
    rules = (Generations(generations), *stops)
    return Search(
        config(**settings), begin, proposer or Nudge(), pool or ScriptedPool(), journal, rules
    )


def run_search(journal: MemoryJournal | None = None, **settings: Any) -> MemoryJournal:
    """Runs a search to its end and returns its journal."""
    journal = journal or MemoryJournal()
    for _ in make_search(journal, **settings).run():
        pass
    return journal


def generations(journal: MemoryJournal, **settings: Any) -> list[Generation]:
    return list(make_search(journal, **settings).run())


def slow_at_random(most: float, seed: int = 0) -> Callable[[object], None]:
    rng = np.random.default_rng(seed)
    return lambda _: time.sleep(rng.uniform(0, most))
