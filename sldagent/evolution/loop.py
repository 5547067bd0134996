"""The search: islands that evolve side by side.

    evaluate the start programs, dealt to the islands
    for every island and step k, as soon as step k - lag is committed there:
        choose parents and exemplars, ask the proposer, evaluate
        when step k - 1 is committed: commit step k, let the island take it in
    after every migration's generation, when all islands stand there:
        ask the stopping rules, move candidates between islands

What a proposal sees is fixed by its place, and islands do not see each other in between, so the
order in which answers and results come does not matter: not the number of workers, not the calls in
flight, not how long anything takes. An interrupted search is repeated from what it had committed,
in place of proposals and evaluations, and cannot come out differently.
"""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sldagent.candidate import Candidate, Evaluation, Status
from sldagent.errors import BudgetError, SldagentError
from sldagent.evaluation.base import EvaluatorPool
from sldagent.evolution.asking import Asking
from sldagent.evolution.champion import Champion
from sldagent.evolution.island import Island
from sldagent.evolution.journal import Entry, Journal
from sldagent.evolution.judging import Judging
from sldagent.evolution.migration import RESEEDING
from sldagent.evolution.places import Places, Purpose, generator
from sldagent.evolution.restoring import Checkpoints, committed_until, last_steps
from sldagent.evolution.search import Generation, SearchConfig
from sldagent.evolution.stopping import FirstOf, Progress, Stop
from sldagent.program import Program
from sldagent.proposing.base import Member, Proposal, Proposer, Request, Start

_GLANCE = 0.05  # seconds for evaluations before answers are looked for again
_NOTHING = Program("")  # stands for a reply that held no program


@dataclass(slots=True)
class _Step:
    """A step that is open: its proposal when the answer is there, or what was committed."""

    answered: bool = False
    proposal: Proposal | None = None
    entry: Entry | None = None


class Search:
    """One search; iterate over `run()`.

    Args:
        config: Its width, strategies and seed.
        starts: Start programs, at least one.
        proposer: Writes new programs.
        pool: Evaluates them.
        journal: Keeps it, and holds what an interrupted search had committed.
        stops: When it ends or is interrupted.
    """

    def __init__(
        self,
        config: SearchConfig,
        starts: Sequence[Start],
        proposer: Proposer,
        pool: EvaluatorPool,
        journal: Journal,
        stops: Sequence[Stop],
    ) -> None:
        self._config = config
        self._starts = starts
        self._proposer = proposer
        self._journal = journal
        self._places = Places(config.islands, config.offspring, len(starts))
        self._stops = FirstOf(stops)
        self._limit = self._stops.generations(self._places)
        self._islands = [
            Island(i, config.capacity, config.selection, config.exemplars, journal.members)
            for i in range(config.islands)
        ]
        self._judging = Judging(pool, journal.members)
        self._asking = Asking(
            proposer, self._knew, self._note_question, lambda: not self._is_interrupted()
        )
        self._open: list[dict[int, _Step]] = [{} for _ in self._islands]
        self._next = [0] * config.islands  # the step that each island commits next
        self._barrier = 0  # the generation after which islands wait for each other
        self._recorded = set(journal.numbers())
        self._last = last_steps(self._places, self._recorded)
        self._checkpoints = Checkpoints(journal, config)
        self._pending = journal.proposals()
        self._scores: dict[int, float | None] = {}
        self._made: defaultdict[int, list[Candidate]] = defaultdict(list)
        self._new: set[int] = set()  # generations with something that was not committed before
        self._reported = -1
        self._champion = Champion(journal.members)
        self._began = time.monotonic()
        self._end: str | None = None
        self._interruption: str | None = None

    @property
    def best(self) -> Member | None:
        """The candidate that the run would end with now, and its program."""
        return self._champion.member

    @property
    def end(self) -> str | None:
        """Why the search came to its end; None while it goes on or where it was interrupted."""
        return self._end

    @property
    def interruption(self) -> str | None:
        """Why the search was interrupted or is about to be; it can be gone on with."""
        return self._interruption

    def run(self) -> Iterator[Generation]:
        """Yields generation 0, the start programs, and then every other.

        Raises:
            BudgetError: No start program was valid, so there is nothing to evolve.
            SldagentError: What was committed is not what would be proposed.
        """
        if not self._restore():
            if not self._start():
                return
            yield self._report(0)
            self._settle(0)
        if self._end is None:
            for island in range(self._config.islands):
                for step in range(self._config.lag):
                    self._open_step(island, self._next[island] + step)
        while self._end is None:
            yield from self._advance()
            if self._end is not None:
                break
            if self._is_interrupted():
                self._asking.stop()
            answers = self._take_answers()
            if self._judging.under_way:
                # An answer that comes meanwhile shall not wait for an evaluation to end.
                self._judging.wait(_GLANCE if self._asking.waits else None)
            elif not answers and not self._asking.in_flight:
                break

    # -- generation 0 --------------------------------------------------------------------------

    def _start(self) -> bool:
        """Evaluates the start programs, each once, and commits them; False where interrupted."""
        numbers = range(self._places.first)
        starts = [self._starts[number % len(self._starts)] for number in numbers]
        waiting = deque(number for number in numbers if number not in self._recorded)
        for number, start in zip(numbers, starts, strict=True):
            slot, island = divmod(number, self._config.islands)
            proposal = Proposal(start.program, (), (), start.change, proposer=start.proposer)
            step = _Step(True, proposal, self._entry(number))
            while not self._is_ready(island, step):
                while waiting and self._judging.room and not self._is_interrupted():
                    self._judging.submit(starts[waiting.popleft()].program)
                if not self._judging.under_way:
                    return False
                self._judging.wait()
            self._commit(island, -1, 0, slot, step)
        if not any(len(island.population) for island in self._islands):
            ((reason, times),) = Counter(
                candidate.evaluation.reason for candidate in self._made[0]
            ).most_common(1)
            raise BudgetError(
                f"no start program could be evaluated; {times} of {len(numbers)} ended so: {reason}"
            )
        return True

    def _is_interrupted(self) -> bool:
        self._interruption = self._interruption or self._stops.clock(self._progress())
        return self._interruption is not None

    # -- checkpoints ---------------------------------------------------------------------------

    def _restore(self) -> bool:
        """Begins at a checkpoint; False without one."""
        found = self._checkpoints.latest(self._last)
        if found is None:
            return False
        generation, state = found
        self._restore_programs(generation)
        for island, kept in zip(self._islands, state["islands"], strict=True):
            island.restore(kept)
        self._champion.restore(state["champion"])
        self._next = [generation * self._config.offspring] * self._config.islands
        self._reported = generation
        self._barrier = self._barrier_after(generation)
        return True

    def _restore_programs(self, generation: int) -> None:
        """What islands know of programs, and the scores, from what was committed until then."""
        facts, seen = committed_until(self._journal, self._places, generation)
        for number, (name, score) in facts.items():
            self._scores[number] = score
            if name != _NOTHING.hash:
                self._judging.committed(name, number)
        for step, island, number in seen:
            self._islands[island].note(facts[number][0], step, number)

    # -- asking --------------------------------------------------------------------------------

    def _open_step(self, island: int, step: int) -> None:
        """Opens a step; its question is put with the island as it is now."""
        number = self._number(island, step)
        generation, _ = self._places.place(step)
        if self._limit is not None and generation > self._limit:
            return
        opened = self._open[island][step] = _Step(entry=self._entry(number))
        if opened.entry is not None:
            opened.answered = True
            if step == self._last[island] and self._proposer.deterministic:
                self._compare(island, step, opened.entry.candidate)
        elif step < self._last[island]:
            opened.answered = True  # nothing new was found here, as later steps are committed
        elif number in self._pending:
            self._take(island, step, self._pending.pop(number))
        elif self._interruption is None:
            self._asking.put(island, step, self._request(island, step))

    def _request(self, island: int, step: int) -> Request:
        generation, slot = self._places.place(step)
        parents, proposal = (
            generator(self._config.seed, island, generation, slot, purpose)
            for purpose in (Purpose.PARENTS, Purpose.PROPOSAL)
        )
        return self._islands[island].request(generation, slot, parents, proposal)

    def _compare(self, island: int, step: int, committed: Candidate) -> None:
        """Sees whether the proposer still gives what it gave."""
        proposal = self._asking.answer(island, step, self._request(island, step))
        if proposal is None or (proposal.program or _NOTHING).hash != committed.program_hash:
            raise SldagentError(
                f"candidate #{committed.number} would now be another program than the one that "
                "was committed; this version proposes differently, so the run cannot be continued"
            )

    def _take_answers(self) -> int:
        wait = not self._judging.under_way
        count = 0
        for island, step, proposal in self._asking.answers(self._judging.room, wait):
            if proposal is not None and not self._proposer.deterministic:
                self._journal.proposed(self._number(island, step), proposal)
            self._take(island, step, proposal)
            count += 1
        return count

    def _take(self, island: int, step: int, proposal: Proposal | None) -> None:
        opened = self._open[island][step]
        opened.answered, opened.proposal = True, proposal
        if proposal is not None and proposal.program is not None:
            self._judging.submit(proposal.program)

    def _knew(self, island: int, step: int, program_hash: str) -> bool:
        """Whether an island had a program when it asked for this step."""
        seen = max(-1, step - self._config.lag)
        return self._islands[island].twin(program_hash, seen) is not None

    def _note_question(self, island: int, step: int) -> None:
        if not self._proposer.deterministic:
            self._journal.asked(self._number(island, step))

    # -- committing ----------------------------------------------------------------------------

    def _advance(self) -> Iterator[Generation]:
        """Commits all that can be, island by island, and moves candidates when all are there."""
        while self._end is None:
            for island in range(self._config.islands):
                while self._next[island] < self._barrier * self._config.offspring:
                    step = self._open[island].get(self._next[island])
                    if step is None or not self._is_ready(island, step):
                        break
                    self._commit_next(island)
            done = min(self._next) // self._config.offspring
            while self._reported < done:
                yield self._report(self._reported + 1)
            if done < self._barrier:
                return
            self._settle(done)
            for island in range(self._config.islands if self._end is None else 0):
                self._open_step(island, self._next[island] - 1 + self._config.lag)

    def _commit_next(self, island: int) -> None:
        at = self._next[island]
        step = self._open[island].pop(at)
        if step.proposal is not None or step.entry is not None:
            self._commit(island, at, *self._places.place(at), step)
        self._next[island] += 1
        if self._next[island] < self._barrier * self._config.offspring:
            self._open_step(island, at + self._config.lag)

    def _is_ready(self, island: int, step: _Step) -> bool:
        """Whether a step can be committed once those before it are."""
        if not step.answered or step.entry is not None or step.proposal is None:
            return step.answered
        program = step.proposal.program
        return (
            program is None
            or self._judging.has(program.hash)
            or self._islands[island].twin(program.hash) is not None
        )

    def _commit(self, island: int, at: int, generation: int, slot: int, step: _Step) -> None:
        entry = step.entry
        if entry is None:
            assert step.proposal is not None
            entry = self._new_entry(island, generation, slot, step.proposal)
            self._new.add(generation)
        candidate, arm, usd, tokens = entry
        known = self._islands[island].twin(candidate.program_hash) is not None
        if not known and candidate.program_hash != _NOTHING.hash:
            self._judging.committed(candidate.program_hash, candidate.number)
        self._islands[island].register(at, candidate, arm, usd, tokens, self._scores.get)
        self._scores[candidate.number] = candidate.evaluation.score
        if candidate.evaluation.status is Status.OK:
            self._champion.challenge(candidate)
        self._made[generation].append(candidate)

    def _new_entry(self, island: int, generation: int, slot: int, proposal: Proposal) -> Entry:
        """Makes and commits a candidate."""
        program = proposal.program or _NOTHING
        twin = self._islands[island].twin(program.hash)
        if proposal.program is None:
            evaluation = Evaluation(Status.REJECTED, proposal.reason)
        elif twin is not None:
            evaluation = Evaluation(Status.REJECTED, f"the same program as candidate #{twin}")
        else:
            evaluation = self._judging.evaluation(program.hash)
        candidate = Candidate(
            number=self._places.number(generation, island, slot),
            generation=generation,
            island=island,
            slot=slot,
            program_hash=program.hash,
            parents=proposal.parents,
            exemplars=proposal.exemplars,
            proposer=proposal.proposer or self._proposer.name,
            change=proposal.change,
            evaluation=evaluation,
        )
        usd, tokens = self._journal.commit(candidate, program, proposal)
        return Entry(candidate, proposal.arm, usd, tokens)

    def _entry(self, number: int) -> Entry | None:
        return self._journal.entry(number) if number in self._recorded else None

    def _number(self, island: int, step: int) -> int:
        generation, slot = self._places.place(step)
        return self._places.number(generation, island, slot)

    # -- between generations -------------------------------------------------------------------

    def _settle(self, generation: int) -> None:
        """All islands stand after this generation: ends the search, or moves candidates."""
        self._end = self._stops.reached(self._progress())
        if self._end is None and generation == self._limit:
            self._end = f"{generation} generations"
        if self._end is not None:
            return
        members = [island.population.members for island in self._islands]
        rng = generator(self._config.seed, 0, generation, 0, Purpose.RESEEDING)
        step = generation * self._config.offspring - 1
        moves = self._config.exchange.moves(generation, members, rng)
        for target in {move.target for move in moves if move.kind == RESEEDING}:
            self._islands[target].restart(until=max(self._open[target], default=step))
        taken = [move for move in moves if self._islands[move.target].receive(move.member, step)]
        if taken:
            self._journal.moved(taken)
        self._barrier = self._barrier_after(generation)
        if self._checkpoints.is_due(generation):
            islands = [island.state() for island in self._islands]
            self._checkpoints.keep(
                generation, {"champion": self._champion.state(), "islands": islands}
            )

    def _barrier_after(self, generation: int) -> int:
        barrier = self._config.exchange.next_after(generation, self._config.islands)
        return barrier if self._limit is None else min(barrier, self._limit)

    def _report(self, number: int) -> Generation:
        self._reported = number
        made = sorted(self._made.pop(number, []), key=lambda candidate: candidate.number)
        return Generation(
            number=number,
            candidates=tuple(made),
            best=self.best[0] if self.best else None,
            islands=tuple(island.view() for island in self._islands),
            recorded=number not in self._new,
        )

    def _progress(self) -> Progress:
        best, top = (m[0] if m else None for m in (self.best, self._champion.top))
        return Progress(self._reported, time.monotonic() - self._began, best, top)
