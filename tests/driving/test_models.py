"""Runs with models against a made-up server: what fails, what it costs, what is kept and found."""

import json
import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from contracts.scripted_runs import Driver
from contracts.scripted_server import Script, ScriptedServer, change, error, law

from sldagent import driving, llmrun
from sldagent.errors import PrerequisiteError, SldagentError, UsageError
from sldagent.run import Run
from sldagent.storage.store import FILE

KEY = "sk-test-5e0c77b1"
MODEL = "m,price=1/2"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def evolve(
    driver: Driver, server: ScriptedServer, name: str = "run", said: list[str] | None = None,
    **settings: Any,
) -> tuple[Run, list[str]]:  # fmt: skip
    said = [] if said is None else said
    usual: dict[str, Any] = {"models": (MODEL,), "patience": 20.0, "proposer": "llm"}
    watch = driving.Watch(notice=said.append)
    run = driver.evolve(name, watch, base_url=server.url, **{**usual, **settings})
    return run, said


def spent(run: Run) -> dict[str, Any]:
    found = run.store.spent()
    assert found is not None
    return found


def reasons(run: Run) -> list[str]:
    return [row["reason"] for row in run.rows(proposer="llm") if row["reason"]]


def test_models_and_symbolic_mutation_share_a_run(driver: Driver) -> None:
    with ScriptedServer(Script(delay=0.1)) as server:
        run, _ = evolve(driver, server, proposer=None)
    rows = {row["proposer"]: row for row in run.store.spent_by_proposer()}
    assert set(rows) == {"symbolic", "llm"}
    assert run.config().proposer == "mixed"
    assert rows["llm"]["candidates"] + rows["symbolic"]["candidates"] == len(run.rows())
    assert rows["llm"]["calls"] == len(server.requests) - 1  # the first one belongs to none
    assert rows["symbolic"]["calls"] is None
    assert rows["llm"]["usd"] == pytest.approx(
        sum(row["usd"] for row in run.store.spent_by_kind() if row["kind"] != "check")
    )
    total = spent(run)
    assert total["calls"] == len(server.requests) == total["priced"]
    assert (total["failed"], total["interrupted"]) == (0, 0)
    number = next(row["number"] for row in run.rows(proposer="llm"))
    (call, *_) = run.store.calls(number)
    assert "You find scaling laws" in call["prompt"]
    assert call["reply"].startswith("Change: ")
    assert server.most_in_flight > 1
    parents = {row["number"]: row["proposer"] for row in run.rows()}
    crossed = {
        (row["proposer"], parents[row["parents"][0]]) for row in run.rows() if row["parents"]
    }
    assert {("llm", "symbolic"), ("symbolic", "llm")} <= crossed
    assert (run.folder / "prompts" / "diff.md").is_file()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(key="another"), "refuses the key in OPENAI_API_KEY"),
        (Script(models=()), "has no model 'm'"),
        (None, "cannot reach the model server"),
    ],
)
def test_what_the_first_call_finds_leaves_nothing_behind(
    driver: Driver, script: Script | None, words: str
) -> None:
    server = ScriptedServer(script)
    if script is None:
        server.close()
    with pytest.raises(PrerequisiteError, match=words):
        evolve(driver, server)
    assert driver.pools == []  # nothing was evaluated, no worker started
    assert not (driver.folder / "run").exists()


def test_without_a_key_the_first_line_says_so(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(PrerequisiteError, match="no key for model 'gpt-5-mini'") as caught:
        driver.evolve("run", models=("gpt-5-mini",))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"models": ("nobody",), "max_cost_usd": 1.0}, "--max-cost-usd needs to know"),
        ({"models": ("a", "a")}, "named twice"),
        ({"models": ("a,island=7",)}, "no island 7"),
        ({"models": ("a",), "proposer": "symbolic"}, "for the proposers llm and mixed"),
        ({"models": (), "proposer": "llm"}, "needs a --model"),
        ({"models": (), "proposer": None, "max_calls": 3}, "--max-calls is for models"),
        ({"models": ("a",), "max_calls": 0}, "--max-calls must be at least 1"),
        ({"models": ("a",), "max_cost_usd": 0.0}, "--max-cost-usd must be positive"),
        ({"models": ("a",), "prompts": "absent"}, "--prompts .*absent: no such folder"),
    ],
)
def test_what_cannot_be_asked_for_is_said(driver: Driver, settings: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        driver.evolve("run", **settings)
    assert not (driver.folder / "run").exists()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_calls": 9}, "the budget of 9 model calls is used up"),
        ({"max_tokens": 60_000}, "the budget of 60,000 tokens"),
        ({"max_cost_usd": 0.07}, r"the budget of \$0.07"),
    ],
)
def test_a_budget_ends_a_run_and_is_never_exceeded(
    driver: Driver, limits: dict[str, Any], words: str
) -> None:
    with ScriptedServer(Script(delay=0.02)) as server:
        run, _ = evolve(driver, server, reply_tokens=600, **limits)
    total = spent(run)
    assert len(server.requests) == total["calls"]
    for name, value in (
        ("max_calls", total["calls"]),
        ("max_tokens", total["input_tokens"] + total["output_tokens"]),
        ("max_cost_usd", total["usd"]),
    ):
        assert value <= limits.get(name, float("inf"))
    row = run.store.run()
    assert row["finished_at"]
    assert row["ended_because"].startswith(words.replace("\\", ""))
    assert 3 <= total["calls"] < 40


def test_a_third_of_calls_failing_is_counted_and_gone_on_with(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sldagent.proposing.llm.client._RETRIES", 0)
    monkeypatch.setattr("sldagent.proposing.llm.gate._FIRST_WAIT", 0.02)
    rng = random.Random(0)

    def answer(body: dict[str, Any], number: int) -> Any:
        return (503, error("overloaded")) if rng.random() < 0.3 else change(body, number)

    with ScriptedServer(Script(answer=answer)) as server:
        run, _ = evolve(driver, server)
    total = spent(run)
    assert run.store.run()["ended_because"] == "7 generations"
    assert 5 < total["failed"] < total["calls"] / 2
    assert total["calls"] == len(server.requests)
    lost = [reason for reason in reasons(run) if "status 503" in reason]
    assert len(lost) < 3 + total["failed"]


def test_a_server_that_comes_back_is_waited_for(driver: Driver) -> None:
    server = ScriptedServer()
    port = server.port

    def answer(body: dict[str, Any], number: int) -> str:
        if number == 12:
            threading.Thread(target=restart).start()
        return change(body, number)

    def restart() -> None:
        server.close()
        end = time.monotonic() + 15  # a loaded machine calls late
        while not waited() and time.monotonic() < end:
            time.sleep(0.1)
        later.append(ScriptedServer(port=port))

    def waited() -> bool:
        return any("does not answer" in words for words in said)

    said: list[str] = []
    later: list[ScriptedServer] = []
    server.script.answer = answer
    run, _ = evolve(driver, server, said=said)
    later[0].close()
    assert waited()
    assert run.store.run()["ended_because"] == "7 generations"
    assert later[0].answered > 5


def test_a_server_that_stays_away_ends_the_driver_and_not_the_run(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sldagent.proposing.llm.client._RETRIES", 0)
    server = ScriptedServer()
    port = server.port

    def answer(body: dict[str, Any], number: int) -> str:
        if number == 12:
            threading.Thread(target=server.close).start()
        return change(body, number)

    server.script.answer = answer
    with pytest.raises(SldagentError, match="has not answered for") as caught:
        evolve(driver, server, patience=1.0)
    assert caught.value.exit_code == 1
    run = Run.open(driver.folder / "run")
    assert run.store.run()["finished_at"] is None
    assert "has not answered for" in run.store.run()["ended_because"]
    before = {row["number"]: row["evaluated_at"] for row in run.rows()}
    with pytest.raises(PrerequisiteError, match="cannot reach the model server"):
        driver.resume("run")
    with ScriptedServer(port=port):
        resumed = driver.resume("run")
    assert resumed.store.run()["ended_because"] == "7 generations"
    after = {row["number"]: row["evaluated_at"] for row in resumed.rows()}
    assert {number: after[number] for number in before} == before


def test_a_used_up_quota_ends_the_driver(driver: Driver) -> None:
    def answer(body: dict[str, Any], number: int) -> Any:
        over = (429, error("You exceeded your current quota", "insufficient_quota"))
        return over if number > 6 else change(body, number)

    with (
        ScriptedServer(Script(answer=answer)) as server,
        pytest.raises(SldagentError, match=r"the quota at .* is used up"),
    ):
        evolve(driver, server)
    assert Run.open(driver.folder / "run").store.run()["finished_at"] is None


def test_replies_of_a_megabyte_and_of_several_programs(driver: Driver) -> None:
    def answer(body: dict[str, Any], number: int) -> str:
        if number % 2:
            return "word " * 210_000
        return f"```\n{law(number)}```\nor\n```\n{law(1000 + number)}```\n"

    with ScriptedServer(Script(answer=answer)) as server:
        run, _ = evolve(driver, server, generations=2)
    assert any("the reply is longer than 200000 characters" in reason for reason in reasons(run))
    sources = [
        run.store.program(row["program_hash"]).source
        for row in run.rows(proposer="llm", status="ok")
    ]
    assert sources
    assert all("in (1" in source for source in sources)  # the last of the two programs


def test_a_model_that_repeats_itself_is_said(driver: Driver) -> None:
    with ScriptedServer(Script(answer=lambda body, number: f"```\n{law(1)}```")) as server:
        run, said = evolve(driver, server)
    assert any("model 'm' repeats itself: its last 8 replies" in words for words in said)
    again = [reason for reason in reasons(run) if "the same program as candidate" in reason]
    assert len(again) > 10
    assert len({row["program_hash"] for row in run.rows(proposer="llm")}) <= 3


def crash_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, nth: int) -> None:
    usual, calls = getattr(owner, name), 0

    def broken(*args: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise ZeroDivisionError
        return usual(*args, **settings)

    monkeypatch.setattr(owner, name, broken)


@pytest.mark.parametrize("nth", [1, 9, 20])
def test_replies_that_came_are_not_paid_for_twice(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """The driver breaks after a reply is booked and before its proposal is kept."""
    from sldagent.storage.store import Store

    with ScriptedServer() as server:
        with monkeypatch.context() as patch:
            crash_at(patch, Store, "add_proposal", nth)
            with pytest.raises(ZeroDivisionError):
                evolve(driver, server, concurrency=1, lag=1)
        time.sleep(0.3)  # calls in flight still come and are booked
        paid = len(server.requests)
        broken = Run.open(driver.folder / "run")
        assert spent(broken)["calls"] == paid
        lost = {row["candidate"] for row in broken.store.lost_replies()}
        assert lost
        resumed = driver.resume("run")
        again = [call for number in lost for call in resumed.store.calls(number)]
        assert [call["outcome"] for call in again if call["model"]].count("ok") == len(lost)
        total = spent(resumed)
        assert total["calls"] == len(server.requests)
        made = len(resumed.rows(proposer="llm"))
        assert total["calls"] == made + 2 + sum(
            row["calls"] for row in resumed.store.spent_by_kind() if row["kind"] == "repair"
        )  # and one first call of each driver


def test_a_resumed_run_goes_on_with_its_budget(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:
        watch = driving.Watch(stop=lambda: "enough" if len(server.requests) > 7 else None)
        driver.evolve("run", watch, base_url=server.url, models=(MODEL,), max_calls=25,
                      proposer="llm", lag=1)  # fmt: skip
        first = len(server.requests)
        assert 3 < first < 25
        resumed = driver.resume("run")
        assert len(server.requests) == spent(resumed)["calls"] <= 25
    assert resumed.store.run()["ended_because"] == "the budget of 25 model calls is used up"


def test_a_call_in_flight_at_the_end_counts_as_the_dearest(driver: Driver) -> None:
    with ScriptedServer() as server:
        stopped = driving.Watch(stop=lambda: "at once")
        run = driver.evolve("run", stopped, base_url=server.url, models=(MODEL,))
        run.store.add_question(40)
        config, task = run.config(), run.task()
        from sldagent.cuts import make_cuts
        from sldagent.data.sources import load_train

        table = load_train(task, config.data)
        llm = llmrun.LLMRun(
            config,
            task,
            table,
            make_cuts(task, table),
            lambda: None,
            print,
            run,  # type: ignore[arg-type, return-value]
        )
        try:
            llm.attach(run)
            assert llm._budget.spent.calls == 2
            assert llm._budget.spent.tokens > config.prompt_bytes
        finally:
            llm.close()


def test_a_key_is_found_nowhere(driver: Driver, tmp_path: Path) -> None:
    def answer(body: dict[str, Any], number: int) -> Any:
        if number % 3 == 0:
            return f"your key is {KEY}\n```python\n{law(number)}# {KEY}\n```"
        return (400, error(f"wrong: {KEY}")) if number % 3 == 1 else change(body, number)

    recording = tmp_path / "recording.jsonl"
    with ScriptedServer(Script(answer=answer)) as server:
        run, said = evolve(driver, server, record=str(recording))
    assert KEY in server.keys
    run.store.close()
    files = [recording, *(f for f in run.folder.rglob("*") if f.is_file())]
    assert len(files) > 5
    for file in files:
        assert KEY.encode() not in file.read_bytes(), file
    assert not any(KEY in words for words in said)


def test_a_recording_repeats_a_run_without_its_models(driver: Driver, tmp_path: Path) -> None:
    recording = tmp_path / "recording.jsonl"
    with ScriptedServer() as server:
        run, _ = evolve(driver, server, record=str(recording), proposer="mixed", generations=3)
        asked = len(server.requests)
        replayed = driver.evolve("again", replay=str(recording), generations=3)
        assert len(server.requests) == asked
    keys = ("number", "program_hash", "proposer", "arm", "change", "score", "parents")
    assert [[row[k] for k in keys] for row in replayed.rows()] == [
        [row[k] for k in keys] for row in run.rows()
    ]
    first = json.loads(recording.read_text().splitlines()[1])
    assert "api_key" not in json.dumps(first)
    assert spent(replayed)["usd"] == 0.0


def test_views_tell_what_models_cost(driver: Driver) -> None:
    with ScriptedServer() as server:
        run, _ = evolve(driver, server, generations=2)
    with sqlite3.connect(run.folder / FILE) as database:
        kinds = dict(database.execute("SELECT kind, calls FROM v_spent"))
        proposers = database.execute(
            "SELECT proposer, candidates, ok, better, calls, tokens FROM v_proposers"
        ).fetchall()
    assert kinds["check"] == 1
    assert {row[0] for row in proposers} == {"llm", "symbolic"}
