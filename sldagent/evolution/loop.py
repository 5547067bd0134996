"""A plain search: one population, rank-based parents, a generation at a time.

    evaluate the start programs
    repeat for every generation:
        choose parents and propose, `offspring` times, from the population as it is
        evaluate the proposals in parallel
        commit each candidate in the order of its slot, then take it into the population

The order of results does not matter: proposals are made before any of them is evaluated and are
committed by slot, and every random generator is a function of seed, generation and slot. So a
search that was interrupted is repeated from its start, with what it had committed in place of the
evaluations: that costs milliseconds and cannot come out differently.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sldagent.candidate import Candidate, Evaluation
from sldagent.errors import BudgetError, SldagentError
from sldagent.evaluation.base import EvaluatorPool
from sldagent.evolution.population import Population
from sldagent.program import Program
from sldagent.proposing.base import Proposal, Proposer

_ATTEMPTS = 8  # at a proposal whose program is new to the run


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How long and how wide a search is.

    Attributes:
        generations: Generations after the start programs.
        offspring: Proposals a generation.
        capacity: Most members of the population.
        seed: Of every random generator.
    """

    generations: int
    offspring: int
    capacity: int = 40
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """What one generation gave: the candidates it committed and the best so far."""

    number: int
    candidates: tuple[Candidate, ...]
    best: Candidate | None


class Search:
    """One search; iterate over `run()`.

    Args:
        config: Its size and seed.
        starts: Start programs, at least one.
        proposer: Writes new programs.
        pool: Evaluates them.
        commit: Called once for each new candidate, in order, before it can have children.
        committed: What an interrupted search had committed, by number.
    """

    def __init__(
        self,
        config: SearchConfig,
        starts: Sequence[Program],
        proposer: Proposer,
        pool: EvaluatorPool,
        commit: Callable[[Candidate, Program], None],
        committed: Mapping[int, Candidate] | None = None,
    ) -> None:
        self._config = config
        self._starts = starts
        self._proposer = proposer
        self._pool = pool
        self._commit = commit
        self._population = Population(config.capacity)
        self._committed = committed or {}
        self._known: set[str] = set()

    @property
    def best(self) -> tuple[Candidate, Program] | None:
        """The best candidate so far and its program."""
        return self._population.best()

    def run(self) -> Iterator[Generation]:
        """Yields generation 0, the start programs, and then every other.

        Raises:
            BudgetError: No start program was valid, so there is nothing to evolve.
        """
        starts = {
            slot: Proposal(program, (), (), "start program")
            for slot, program in enumerate(self._starts)
        }
        yield self._generation(0, starts, "start")
        if not len(self._population):
            raise BudgetError("no start program could be evaluated; see its reason above")
        for number in range(1, self._config.generations + 1):
            yield self._generation(number, self._propose(number), self._proposer.name)

    def _propose(self, generation: int) -> dict[int, Proposal]:
        """A proposal for each slot; a slot where nothing new was found stays empty."""
        proposals = {}
        for slot in range(self._config.offspring):
            rng = np.random.default_rng([self._config.seed, generation, slot])
            for _ in range(_ATTEMPTS):
                proposal = self._proposer.propose([self._population.select(rng)], rng)
                if proposal is not None and proposal.program.hash not in self._known:
                    self._known.add(proposal.program.hash)
                    proposals[slot] = proposal
                    break
        return proposals

    def _number(self, generation: int, slot: int) -> int:
        """A candidate's number depends on its place alone."""
        if generation == 0:
            return slot
        return len(self._starts) + (generation - 1) * self._config.offspring + slot

    def _generation(
        self, generation: int, proposals: Mapping[int, Proposal], proposer: str
    ) -> Generation:
        for slot, proposal in proposals.items():
            self._known.add(proposal.program.hash)
            if self._earlier(generation, slot, proposal) is None:
                self._pool.submit(slot, proposal.program)
        evaluations: dict[int, Evaluation] = dict(self._pool.results())
        made = []
        for slot, proposal in proposals.items():
            candidate = self._earlier(generation, slot, proposal)
            if candidate is None:
                candidate = Candidate(
                    number=self._number(generation, slot),
                    generation=generation,
                    island=0,
                    slot=slot,
                    program_hash=proposal.program.hash,
                    parents=proposal.parents,
                    exemplars=proposal.exemplars,
                    proposer=proposer,
                    change=proposal.change,
                    evaluation=evaluations[slot],
                )
                self._commit(candidate, proposal.program)
            self._population.add(candidate, proposal.program)
            made.append(candidate)
        best = self._population.best()
        return Generation(generation, tuple(made), best[0] if best else None)

    def _earlier(self, generation: int, slot: int, proposal: Proposal) -> Candidate | None:
        """The candidate that an interrupted search committed at this place.

        Raises:
            SldagentError: It is another program: the run cannot be continued exactly.
        """
        candidate = self._committed.get(self._number(generation, slot))
        if candidate is not None and candidate.program_hash != proposal.program.hash:
            raise SldagentError(
                f"candidate #{candidate.number} would now be another program than the one that "
                "was committed; this version proposes differently, so the run cannot be continued"
            )
        return candidate
