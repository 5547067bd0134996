"""One proposal: the right call, its reply, one repair; and who is asked how often."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contracts.scripted_server import Script, ScriptedServer
from proposing.llm.made_request import Reader, prompts, request

from sldagent.proposing.base import Arm, Call, Proposal, Request
from sldagent.proposing.llm.bandit import draw_arm, draw_side
from sldagent.proposing.llm.budget import Budget, BudgetLimits
from sldagent.proposing.llm.client import Client, ClientConfig
from sldagent.proposing.llm.mixed import MixedProposer
from sldagent.proposing.llm.models import parse_model
from sldagent.proposing.llm.proposer import LLMProposer

GOOD = """Change: a \x1b[1mconstant\x1b[0m

```python
import numpy as np


def scaling_law_func(data_points, params):
    return params[0] * np.ones(len(data_points))


def fit_scaling_law(data_points, loss_values):
    return [float(np.mean(loss_values))]
```
"""


class Harness:
    def __init__(
        self,
        answers: list[str],
        limits: BudgetLimits | None = None,
        lost: tuple[Call, ...] = (),
        models: str = "m",
    ) -> None:
        left = list(answers)
        self.server = ScriptedServer(Script(answer=lambda body, number: left.pop(0)))
        self.said: list[str] = []
        specs = tuple(parse_model(text, self.server.url) for text in models.split())
        self.client = Client(
            specs, ClientConfig(), Budget(limits or BudgetLimits()), lambda r, c: None, print
        )
        self.proposer = LLMProposer(
            specs, self.client, prompts(), Reader(), lambda request: lost, self.said.append, 4
        )

    def propose(self, asked: Request | None = None) -> Proposal:
        proposal = self.proposer.propose(asked or request())
        assert proposal is not None
        return proposal


def test_a_reply_becomes_a_proposal_with_all_that_its_lineage_needs() -> None:
    harness = Harness([GOOD])
    proposal = harness.propose()
    assert proposal.program is not None
    assert proposal.parents[0] == 1
    assert proposal.exemplars == (10, 11)
    model, kind = proposal.arm.split(" ")
    assert (model, proposal.proposer) == ("m", "llm")
    assert proposal.change == f"m {kind}: a  [1mconstant [0m".replace("a  [", "a [")
    assert [call.kind for call in proposal.calls] == [kind]
    (body,) = harness.server.requests
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_a_reply_that_cannot_be_used_is_repaired_once() -> None:
    harness = Harness(["I would rather not.", GOOD])
    proposal = harness.propose()
    assert proposal.program is not None
    assert [call.kind for call in proposal.calls][1] == "repair"
    first, second = (body["messages"] for body in harness.server.requests)
    assert second[: len(first)] == first  # so that a prompt cache hits
    assert second[2] == {"role": "assistant", "content": "I would rather not."}
    assert "the reply holds no code" in second[3]["content"]


def test_what_cannot_be_used_twice_is_an_outcome_in_words() -> None:
    harness = Harness(["No.", "```python\ndef f(:\n```"])
    proposal = harness.propose()
    assert proposal.program is None
    assert proposal.reason == "the program does not parse: invalid syntax (line 2)"
    assert len(proposal.calls) == 2
    empty = Harness([""]).propose()
    assert empty.reason == "the model gave no answer: empty: no text"
    assert len(empty.calls) == 1


def test_a_reply_that_was_paid_for_is_not_paid_for_twice() -> None:
    paid = Harness([GOOD]).propose().calls[0]
    harness = Harness([], lost=(replace(paid, stored=False),))
    again = harness.propose()
    assert again.program is not None
    assert again.calls == (paid,)
    assert harness.server.requests == []
    other = Harness([GOOD], lost=(replace(paid, prompt="another"),))
    assert other.propose().program is not None
    assert len(other.server.requests) == 1


def test_without_a_budget_nothing_is_proposed() -> None:
    harness = Harness([GOOD], BudgetLimits(calls=1))
    harness.propose()
    assert harness.proposer.propose(request()) is None
    assert harness.client.budget.refused == "the budget of 1 model calls is used up"


def test_a_model_that_repeats_itself_is_noticed() -> None:
    harness = Harness([GOOD] * 40)
    for seed in range(40):
        harness.propose(request(seed=seed))
    assert [words.split(":")[0] for words in harness.said] == ["model 'm' repeats itself"] * 3
    assert "its last 8 replies" in harness.said[0]


def test_a_model_of_one_island_is_asked_by_no_other() -> None:
    harness = Harness([GOOD] * 20, models="near far,island=3")
    for seed in range(20):
        harness.propose(request(seed=seed))
    assert {body["model"] for body in harness.server.requests} == {"near"}
    assert harness.proposer.serves(3)
    assert not Harness([], models="far,island=3").proposer.serves(0)


def test_kinds_of_prompts_need_what_they_show() -> None:
    asked = request(siblings=2)
    alone = replace(asked, parents=asked.parents[:1])
    kinds = Counter(
        Harness([GOOD]).propose(replace(alone, rng=np.random.default_rng(seed))).arm
        for seed in range(15)
    )
    assert set(kinds) <= {"m rewrite", "m diff"}
    later = Counter(Harness([GOOD]).propose(request(3, seed=seed)).arm for seed in range(25))
    assert {"m reflection", "m crossover"} <= set(later)


class Symbolic:
    name, concurrency, deterministic = "symbolic", 1, True

    def propose(self, asked: Request) -> Proposal | None:
        return Proposal(asked.parents[0][1], (1,), (), "a move", "move")


def shares(arms: dict[str, Arm]) -> float:
    rng = np.random.default_rng(0)
    drawn = [draw_side(["m rewrite", "m diff"], arms, rng) for _ in range(600)]
    return sum(drawn) / len(drawn)


def test_the_share_of_models_follows_what_they_bring_and_neither_side_dies_out() -> None:
    good, bad = Arm(40, 40, 20, 2.0), Arm(40, 40, 1, 0.01)
    assert 0.4 < shares({}) < 0.6
    assert 0.65 < shares({"m rewrite": good, "move": bad}) < 0.8
    assert 0.2 < shares({"m rewrite": bad, "m diff": bad, "move": good}) < 0.35


def test_arms_are_drawn_by_improvement_for_their_cost() -> None:
    names = ["cheap", "dear"]
    arms = {"cheap": Arm(30, 30, 9, 1.0, 0.03, 3000), "dear": Arm(30, 30, 9, 1.0, 0.3, 3000)}

    def share(priced: bool, weights: tuple[float, float] = (1, 1), **changed: Any) -> float:
        rng = np.random.default_rng(1)
        known = {**arms, **changed}
        drawn = [draw_arm(names, weights, known, priced, rng) for _ in range(500)]
        return drawn.count("cheap") / len(drawn)

    assert share(priced=True) > 0.85
    assert 0.4 < share(priced=False) < 0.6
    assert share(priced=False, weights=(1, 4)) < 0.35
    assert share(priced=False, dear=Arm(30, 30, 1, 0.01, 0.3, 3000)) > 0.8


def test_a_mixture_names_who_wrote_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness([GOOD] * 30)
    mixed = MixedProposer(harness.proposer, Symbolic())
    assert (mixed.name, mixed.concurrency, mixed.deterministic) == ("mixed", 4, False)
    made = [mixed.propose(request(seed=seed)) for seed in range(30)]
    counts = Counter(proposal.proposer for proposal in made if proposal is not None)
    assert set(counts) == {"llm", "symbolic"}
    assert all(p.calls == () for p in made if p is not None and p.proposer == "symbolic")
    assert counts["llm"] == len(harness.server.requests)
