"""A plain search: one population, rank-based parents, a generation at a time.

    evaluate the start programs
    repeat for every generation:
        choose parents and propose, `offspring` times, from the population as it is
        evaluate the proposals in parallel
        commit each candidate in the order of its slot, then take it into the population

The order of results does not matter: proposals are made before any of them is evaluated and are
committed by slot, and every random generator is a function of seed, generation and slot.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sldagent.candidate import Candidate, Evaluation
from sldagent.errors import BudgetError
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
        commit: Called once for each candidate, in order of number, before it can have children.
    """

    def __init__(
        self,
        config: SearchConfig,
        starts: Sequence[Program],
        proposer: Proposer,
        pool: EvaluatorPool,
        commit: Callable[[Candidate, Program], None],
    ) -> None:
        self._config = config
        self._starts = starts
        self._proposer = proposer
        self._pool = pool
        self._commit = commit
        self._population = Population(config.capacity)
        self._known: set[str] = set()
        self._next = 0

    @property
    def best(self) -> tuple[Candidate, Program] | None:
        """The best candidate so far and its program."""
        return self._population.best()

    def run(self) -> Iterator[Generation]:
        """Yields generation 0, the start programs, and then every other.

        Raises:
            BudgetError: No start program was valid, so there is nothing to evolve.
        """
        starts = [Proposal(program, (), (), "start program") for program in self._starts]
        yield self._generation(0, starts, "start")
        if not len(self._population):
            raise BudgetError("no start program could be evaluated; see its reason above")
        for number in range(1, self._config.generations + 1):
            yield self._generation(number, self._propose(number), self._proposer.name)

    def _propose(self, generation: int) -> list[Proposal]:
        proposals = []
        for slot in range(self._config.offspring):
            rng = np.random.default_rng([self._config.seed, generation, slot])
            for _ in range(_ATTEMPTS):
                proposal = self._proposer.propose([self._population.select(rng)], rng)
                if proposal is not None and proposal.program.hash not in self._known:
                    self._known.add(proposal.program.hash)
                    proposals.append(proposal)
                    break
        return proposals

    def _generation(self, number: int, proposals: Sequence[Proposal], proposer: str) -> Generation:
        for slot, proposal in enumerate(proposals):
            self._known.add(proposal.program.hash)
            self._pool.submit(slot, proposal.program)
        evaluations: dict[int, Evaluation] = dict(self._pool.results())
        made = []
        for slot, proposal in enumerate(proposals):
            candidate = Candidate(
                number=self._next,
                generation=number,
                island=0,
                slot=slot,
                program_hash=proposal.program.hash,
                parents=proposal.parents,
                exemplars=proposal.exemplars,
                proposer=proposer,
                change=proposal.change,
                evaluation=evaluations[slot],
            )
            self._next += 1
            self._commit(candidate, proposal.program)
            self._population.add(candidate, proposal.program)
            made.append(candidate)
        best = self._population.best()
        return Generation(number, tuple(made), best[0] if best else None)
