"""Models and symbolic mutation in one search."""

from dataclasses import replace

from sldagent.program import PARSING
from sldagent.proposing.base import Proposal, Proposer, Request
from sldagent.proposing.llm.bandit import draw_side
from sldagent.proposing.llm.proposer import LLMProposer


class MixedProposer:
    """Asks a model or symbolic mutation, as each has done on the island; see `bandit`.

    Whoever writes a program is named with the candidate, and a model that cannot be asked ends the
    search; symbolic mutation never takes its place unsaid.
    """

    name = "mixed"
    deterministic = False

    def __init__(self, llm: LLMProposer, symbolic: Proposer) -> None:
        self._llm = llm
        self._symbolic = symbolic
        self.concurrency = llm.concurrency
        self._arms = llm.arms

    def propose(self, request: Request) -> Proposal | None:
        """A proposal of one side, or of the other where the first has nothing to change."""
        if self._llm.serves(request.island) and draw_side(self._arms, request.arms, request.rng):
            return self._llm.propose(request)
        with PARSING:  # it parses and prints formulas all the time
            proposal = self._symbolic.propose(request)
        if proposal is None:
            return None
        return replace(proposal, proposer=proposal.proposer or self._symbolic.name)
