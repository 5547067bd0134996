"""Asks a model for a program, reads its reply, and has it repaired once where it cannot be used."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sldagent.program import Program
from sldagent.proposing.base import Call, Proposal, Request
from sldagent.proposing.llm.bandit import draw_arm
from sldagent.proposing.llm.client import Client, Messages, as_text
from sldagent.proposing.llm.facts import Reader, brought_nothing, shown
from sldagent.proposing.llm.models import ModelSpec
from sldagent.proposing.llm.prompts import KINDS, Prompts
from sldagent.proposing.llm.repeats import Repeats
from sldagent.proposing.llm.reply import Read, plain, read_reply

Recall = Callable[[Request], Sequence[Call]]  # replies that came for a proposal that was lost
_SHOWN_REPLY = 12_000  # characters of an answer that its repair shows
_MOST_REASON = 500


class LLMProposer:
    """Rewrites the EVOLVE-BLOCK with a model.

    Args:
        models: Which models are asked.
        client: Calls them.
        prompts: The templates.
        reader: Looks into the programs that are shown.
        recall: Replies that an earlier driver paid for and whose proposal was lost with it.
        say: Told what a person should know.
        concurrency: Most calls in flight.
    """

    name = "llm"
    deterministic = False

    def __init__(
        self,
        models: Sequence[ModelSpec],
        client: Client,
        prompts: Prompts,
        reader: Reader,
        recall: Recall,
        say: Callable[[str], None],
        concurrency: int,
    ) -> None:
        self.concurrency = concurrency
        self._models = {model.name: model for model in models}
        self._priced = all(model.priced for model in models)
        self._client = client
        self._prompts = prompts
        self._reader = reader
        self._recall = recall
        self._repeats = Repeats(say)

    @property
    def arms(self) -> list[str]:
        """Names of all ways of proposing."""
        return [_arm(model, kind) for model in self._models.values() for kind in KINDS]

    def serves(self, island: int) -> bool:
        """Whether any model may be asked by an island."""
        return any(model.island in (None, island) for model in self._models.values())

    def propose(self, request: Request) -> Proposal | None:
        """What a model made of the parent; None where the budget allows no call."""
        program = request.parents[0][1]
        facts = shown(request, self._reader)
        model, kind = self._choose(request)
        question = self._prompts.ask(kind, facts)
        links = _Links(request, kind, _arm(model, kind))
        if question is None:
            return links.nothing("the program to change is too long for a prompt", ())
        messages: Messages = (
            {"role": "system", "content": self._prompts.system},
            {"role": "user", "content": question},
        )
        calls = self._ask(kind, model, messages, request)
        if not calls:
            return None
        read = _read(calls[-1], program)
        if read.program is None and calls[-1].reply.strip():
            answer = calls[-1].reply[:_SHOWN_REPLY]
            again: Messages = (
                *messages,
                {"role": "assistant", "content": answer},
                {"role": "user", "content": self._prompts.repair(read.reason)},
            )
            more = self._ask("repair", model, again, request)
            calls += more
            if more:
                repaired = _read(more[-1], program)
                read = replace(repaired, change=repaired.change or read.change)
        self._repeats.note(model.name, read.program, calls[-1].reply)
        if read.program is None:
            return links.nothing(read.reason, calls)
        return links.proposal(read, calls)

    def _choose(self, request: Request) -> tuple[ModelSpec, str]:
        """The model and the kind of prompt."""
        kinds = [
            kind
            for kind in KINDS
            if (kind != "crossover" or len(request.parents) > 1)
            and (kind != "reflection" or brought_nothing(request.siblings, request.parents[0][0]))
        ]
        models = [m for m in self._models.values() if m.island in (None, request.island)]
        free = [model for model in models if self._client.is_free(model)] or models
        ways = {_arm(model, kind): (model, kind) for model in free for kind in kinds}
        weights = [model.weight for model, _ in ways.values()]
        return ways[draw_arm(list(ways), weights, request.arms, self._priced, request.rng)]

    def _ask(
        self, kind: str, model: ModelSpec, messages: Messages, request: Request
    ) -> tuple[Call, ...]:
        prompt = as_text(messages)
        for call in self._recall(request):
            if (call.kind, call.model, call.prompt) == (kind, model.name, prompt):
                return (replace(call, stored=True),)
        return self._client.call(kind, model, messages, request)


class _Links:
    """What all outcomes of one request have in common."""

    def __init__(self, request: Request, kind: str, arm: str) -> None:
        own = request.parents if kind == "crossover" else request.parents[:1]
        self._parents = tuple(candidate.number for candidate, _ in own)
        self._exemplars = tuple(
            c.number for c, _ in request.exemplars if c.number not in self._parents
        )
        self._arm = arm

    def nothing(self, reason: str, calls: tuple[Call, ...]) -> Proposal:
        return Proposal(
            None, self._parents, self._exemplars, f"{self._arm}: no program", self._arm, calls,
            plain(reason, _MOST_REASON), LLMProposer.name,
        )  # fmt: skip

    def proposal(self, read: Read, calls: tuple[Call, ...]) -> Proposal:
        change = f"{self._arm}: {read.change}" if read.change else self._arm
        return Proposal(
            read.program, self._parents, self._exemplars, change, self._arm, calls, "",
            LLMProposer.name,
        )  # fmt: skip


def _arm(model: ModelSpec, kind: str) -> str:
    return f"{model.name} {kind}"


def _read(call: Call, program: Program) -> Read:
    if not call.reply.strip():
        return Read(None, f"the model gave no answer: {call.outcome}")
    read = read_reply(call.reply, program)
    if read.program is None and call.outcome.startswith("cut off"):
        return replace(read, reason=f"the reply was {call.outcome}, and {read.reason}")
    return read
