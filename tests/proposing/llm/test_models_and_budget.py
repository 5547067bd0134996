"""How models are named, where keys come from, and that a budget is never exceeded."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sldagent.errors import PrerequisiteError, UsageError
from sldagent.keys import hidden_keys, is_key, without_keys
from sldagent.proposing.llm.budget import Budget, BudgetLimits, Spent, most_tokens
from sldagent.proposing.llm.models import OPENAI_URL, base_url, parse_model


def test_a_model_says_how_it_is_asked() -> None:
    plain = parse_model("gpt-5-mini", OPENAI_URL)
    assert (plain.weight, plain.concurrency, plain.island, plain.price) == (1.0, None, None, None)
    assert plain.key == "OPENAI_API_KEY"
    assert plain.priced
    own = parse_model(
        "llama3.2:1b, weight=0.3, url=http://gpu:8000/v1/, concurrency=4, island=2, price=0.1/0.4",
        OPENAI_URL,
    )
    assert (own.name, own.url, own.key) == ("llama3.2:1b", "http://gpu:8000/v1", "")
    assert (own.weight, own.concurrency, own.island) == (0.3, 4, 2)
    assert own.dollars(1_000_000, 500_000) == pytest.approx(0.3)
    unknown = parse_model("llama3.2:1b", "http://localhost:11434/v1")
    assert unknown.dollars(1, 1) is None
    assert "tokens only" in unknown.basis


@pytest.mark.parametrize(
    "text",
    ["", ",weight=1", "a,weight", "a,weight=0", "a,weight=x", "a,colour=1", "a,weight=1,weight=2",
     "a,concurrency=0", "a,island=-1", "a,price=1", "a,price=-1/2", "a,key=a b", "a,url=gpu",
     "a,url=http://me:secret@gpu/v1", "a,url=http://gpu/v1?key=secret"],
)  # fmt: skip
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_model(text, OPENAI_URL)


def test_a_key_goes_to_the_server_that_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("GPU_KEY", "sk-gpu")
    assert parse_model("a", OPENAI_URL).secret() == "sk-openai"
    assert parse_model("a,url=http://gpu/v1", OPENAI_URL).secret() == "none"
    assert parse_model("a,url=http://gpu/v1,key=GPU_KEY", OPENAI_URL).secret() == "sk-gpu"
    monkeypatch.delenv("OPENAI_API_KEY")
    assert parse_model("a", "http://localhost/v1").secret() == "none"
    with pytest.raises(PrerequisiteError, match="no key for model 'a': set OPENAI_API_KEY"):
        parse_model("a", OPENAI_URL).secret()
    with pytest.raises(PrerequisiteError, match="set OTHER"):
        parse_model("a,url=http://gpu/v1,key=OTHER", OPENAI_URL).secret()


def test_the_server_is_the_options_then_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert base_url(None) == OPENAI_URL
    monkeypatch.setenv("OPENAI_BASE_URL", "http://here:1/v1/")
    assert base_url(None) == "http://here:1/v1"
    assert base_url("http://there/v1") == "http://there/v1"


def test_keys_are_hidden_from_children(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("MY_SECRET", "sk-2")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "for ray")
    with hidden_keys():
        assert "OPENAI_API_KEY" not in os.environ
        assert "MY_SECRET" not in os.environ
        assert os.environ["RAY_AUTH_TOKEN"] == "for ray"
    assert os.environ["OPENAI_API_KEY"] == "sk-1"
    assert not any(map(is_key, without_keys(os.environ)))


def test_no_tokenizer_makes_more_tokens_than_bytes() -> None:
    assert most_tokens("é" * 100) >= 200
    assert most_tokens("\ud800") > 0


@pytest.mark.parametrize(
    "limits",
    [BudgetLimits(calls=7), BudgetLimits(tokens=9_000), BudgetLimits(usd=0.05),
     BudgetLimits(usd=0.05, tokens=8_000, calls=50)],
)  # fmt: skip
def test_a_budget_is_never_exceeded_by_calls_at_once(limits: BudgetLimits) -> None:
    model = parse_model("m,price=2/10", OPENAI_URL)
    budget = Budget(limits)
    rng = np.random.default_rng(0)
    used = rng.uniform(0.1, 1.0, 200)
    began = threading.Barrier(8)

    def work(worker: int) -> Spent:
        began.wait()
        own = Spent()
        for share in used[worker::8]:
            reserved = budget.reserve(model, "x" * 300, 500)
            if reserved is None:
                break
            tokens = int(reserved.tokens * share)
            took = Spent(1, tokens, reserved.usd * share)
            budget.settle(reserved, took)
            own = own.plus(took)
        return own

    with ThreadPoolExecutor(8) as pool:
        total = Spent()
        for own in pool.map(work, range(8)):
            total = total.plus(own)
    assert (total.calls, total.tokens) == (budget.spent.calls, budget.spent.tokens)
    assert total.usd == pytest.approx(budget.spent.usd)
    assert total.calls > 3
    for name in ("calls", "tokens", "usd"):
        most = getattr(limits, name)
        assert most is None or getattr(total, name) <= most
    assert "budget" in budget.refused


def test_a_call_waits_for_what_others_have_set_aside() -> None:
    model = parse_model("m,price=0/0", OPENAI_URL)
    budget = Budget(BudgetLimits(tokens=1_000))
    first = budget.reserve(model, "", 600)
    assert first is not None
    later: list[Spent | None] = []
    thread = threading.Thread(target=lambda: later.append(budget.reserve(model, "", 600)))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    budget.settle(first, Spent(1, 100, 0.0))
    thread.join(5)
    assert later[0] is not None
    assert budget.refused == ""
