"""The client against a made-up server: what servers refuse, fail at, and say wrongly."""

import time
from typing import Any

import pytest
from contracts.scripted_server import Script, ScriptedServer, error

from sldagent.errors import PrerequisiteError, SldagentError, UsageError
from sldagent.proposing.base import Call
from sldagent.proposing.llm.budget import Budget, BudgetLimits
from sldagent.proposing.llm.client import Client, ClientConfig
from sldagent.proposing.llm.models import ModelSpec, parse_model

KEY = "sk-test-8d1f2a"
ASK = ({"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"})
REQUEST: Any = None


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


class Harness:
    """A client with a server of its own."""

    def __init__(self, script: Script, limits: BudgetLimits | None = None, **config: Any) -> None:
        self.server = ScriptedServer(script)
        self.model: ModelSpec = parse_model("m,price=1/2", self.server.url)
        self.kept: list[Call] = []
        self.said: list[str] = []
        self.budget = Budget(limits or BudgetLimits())
        self.client = Client(
            (self.model,),
            ClientConfig(**{"patience": 1.5, "timeout": 5.0, "reply_tokens": 500, **config}),
            self.budget,
            lambda request, call: self.kept.append(call),
            self.said.append,
        )

    def ask(self) -> tuple[Call, ...]:
        return self.client.call("rewrite", self.model, ASK, REQUEST)


def answer(text: str) -> Script:
    return Script(answer=lambda body, number: text)


def failing(*statuses: int) -> Script:
    """Fails with these statuses, then answers."""
    left = list(statuses)

    def reply(body: dict[str, Any], number: int) -> Any:
        return (left.pop(0), error("made up")) if left else "fine"

    return Script(answer=reply)


def test_a_call_has_all_that_a_ledger_needs() -> None:
    harness = Harness(answer("good morning"))
    (call,) = harness.ask()
    assert (call.kind, call.model, call.reply, call.outcome) == (
        "rewrite", "m", "good morning", "ok",
    )  # fmt: skip
    assert call.prompt == "[system]\nbe brief\n\n[user]\nhello"
    assert (call.input_tokens, call.output_tokens) == (3, 4)
    assert call.usd == pytest.approx((3 + 2 * 4) / 1e6)
    assert call.seconds > 0
    assert (len(harness.kept), call.stored, harness.kept[0].stored) == (1, True, False)
    assert harness.budget.spent.tokens == 7
    assert harness.server.requests[0]["max_tokens"] == 500
    assert "temperature" not in harness.server.requests[0]
    assert harness.server.keys == {KEY}


def test_what_a_model_refuses_is_left_out_from_then_on() -> None:
    script = Script(answer=lambda body, number: "fine", refuses=("temperature", "max_tokens"))
    harness = Harness(script, temperature=0.7)
    assert harness.ask()[-1].outcome == "ok"
    assert harness.ask()[-1].outcome == "ok"
    sent = [set(body) - {"model", "messages"} for body in harness.server.requests]
    assert sent[-2:] == [{"max_completion_tokens"}] * 2
    assert len(sent) == 4


def test_a_server_that_takes_no_cap_at_all_is_an_outcome() -> None:
    harness = Harness(Script(refuses=("max_tokens", "max_completion_tokens")))
    (call,) = harness.ask()
    assert call.outcome.startswith("failed: the server refuses the request")
    with pytest.raises(PrerequisiteError, match="cannot be used"):
        harness.client.check()


def test_short_failures_are_left_to_the_clients_own_retries() -> None:
    harness = Harness(failing(500, 429))
    assert [call.outcome for call in harness.ask()] == ["ok"]
    assert len(harness.server.requests) == 3


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(key="another"), "refuses the key in OPENAI_API_KEY for model 'm'"),
        (Script(models=("gpt",)), "has no model 'm'"),
    ],
)
def test_the_first_call_finds_what_is_wrong(script: Script, words: str) -> None:
    harness = Harness(script)
    with pytest.raises(PrerequisiteError) as caught:
        harness.client.check()
    assert words in str(caught.value)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_named() -> None:
    harness = Harness(answer("fine"))
    harness.server.close()
    with pytest.raises(PrerequisiteError, match="cannot reach the model server http://127"):
        harness.client.check()


def test_a_first_call_beyond_the_budget_is_refused() -> None:
    harness = Harness(answer("fine"), BudgetLimits(tokens=100))
    with pytest.raises(UsageError, match="budget of 100 tokens"):
        harness.client.check()
    assert harness.server.requests == []


def test_a_used_up_quota_ends_the_run() -> None:
    harness = Harness(
        Script(answer=lambda b, n: (429, error("You exceeded your quota", "insufficient_quota")))
    )
    with pytest.raises(SldagentError, match=r"the quota at .* is used up: You exceeded"):
        harness.ask()


def test_an_outage_is_waited_out_up_to_a_point() -> None:
    harness = Harness(answer("fine"), patience=2.0)
    port = harness.server.port
    harness.server.close()
    began = time.monotonic()
    with pytest.raises(SldagentError, match=r"has not answered for \d+ s"):
        harness.ask()
    assert 2.0 < time.monotonic() - began < 30
    assert any("does not answer" in words for words in harness.said)
    assert {call.outcome.split(":")[0] for call in harness.kept} == {"failed"}
    harness.server = ScriptedServer(answer("fine"), port)
    assert harness.ask()[-1].outcome == "ok"


def test_a_call_without_an_answer_in_time_may_have_cost_all_that_was_set_aside() -> None:
    harness = Harness(Script(answer=lambda b, n: "fine", delay=1.0), timeout=0.2, patience=0.1)
    with pytest.raises(SldagentError, match="no answer within"):
        harness.ask()
    assert harness.budget.spent.tokens > 500
    assert harness.kept[0].output_tokens == 500


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{"message": None}]}])
def test_an_answer_that_is_no_chat_completion_is_an_outcome(body: dict[str, Any]) -> None:
    harness = Harness(Script(answer=lambda b, n: (200, body)))
    (call,) = harness.ask()
    assert call.outcome == "failed: the answer is no chat completion"


def test_tokens_that_are_not_told_are_booked_high() -> None:
    harness = Harness(Script(answer=lambda b, n: "fine", usage=False))
    (call,) = harness.ask()
    assert call.input_tokens is not None
    assert call.input_tokens > 30
    assert call.outcome.startswith("ok, tokens not told")


def test_a_key_that_a_server_gives_back_is_taken_out() -> None:
    assert Harness(answer(f"your key is {KEY}")).ask()[0].reply == "your key is [key]"
    harness = Harness(Script(answer=lambda b, n: (400, error(f"bad {KEY}\nline"))))
    assert harness.ask()[0].outcome == "failed: the server refuses the request: bad [key] line"


def test_a_model_has_no_more_calls_in_flight_than_it_may() -> None:
    import threading

    server = ScriptedServer(Script(answer=lambda b, n: "fine", delay=0.05))
    model = parse_model("m,concurrency=2", server.url)
    client = Client((model,), ClientConfig(), Budget(BudgetLimits()), lambda r, c: None, print)
    threads = [
        threading.Thread(target=client.call, args=("rewrite", model, ASK, REQUEST))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    assert not client.is_free(model)
    for thread in threads:
        thread.join()
    assert server.most_in_flight == 2
    assert client.is_free(model)
