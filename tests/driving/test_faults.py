"""Whatever breaks a run at whatever point: what it goes on to is the uninterrupted lineage."""

import dataclasses
import fcntl
import threading
from pathlib import Path
from typing import Any

import pytest
from contracts.scripted_runs import Driver, HashPool, lineage
from sqlalchemy import event

from sldagent import driving
from sldagent import run as run_module
from sldagent.errors import UsageError
from sldagent.evolution.search import Generation
from sldagent.proposing.symbolic import SymbolicProposer
from sldagent.run import Run
from sldagent.storage import store as store_module
from sldagent.storage.store import Store


class FaultError(Exception):
    pass


def break_at(patch: pytest.MonkeyPatch, owner: Any, name: str, nth: int, after: bool) -> None:
    """The nth call of a function fails, before or after it did its work."""
    usual = getattr(owner, name)
    calls = 0

    def broken(*args: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and not after:
            raise FaultError
        result = usual(*args, **settings)
        if calls == nth:
            raise FaultError
        return result

    patch.setattr(owner, name, broken)


# What fails, at which call, before or after its work.
POINTS = {
    "the first evaluation": (HashPool, "judge", 1, False),
    "a later evaluation": (HashPool, "judge", 19, True),
    "a proposal": (SymbolicProposer, "propose", 9, False),
    "before a commit": (Store, "add", 5, False),
    "after a commit": (Store, "add", 23, True),
    "inside a commit's transaction": (store_module, "_keep_calls", 14, True),
    "before a migration is noted": (Store, "add_events", 1, False),
    "after a migration is noted": (Store, "add_events", 2, True),
    "before a reseeding is noted": (Store, "add_events", 3, False),
    "between the two files of the best program": (run_module, "replace_file", 3, True),
    "before the best program is kept": (Run, "keep_best", 2, False),
    "before the end is noted": (Store, "finish", 1, False),
    "after the end is noted": (Store, "finish", 1, True),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_broke_goes_on_to_the_same_lineage(
    point: str, driver: Driver, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_at(patch, *POINTS[point])
        with pytest.raises(FaultError):
            driver.evolve("broken")
    before = {row["number"]: row for row in Run.open(driver.folder / "broken").rows()}
    resumed = driver.resume("broken")
    assert lineage(resumed) == lineage(whole)
    after = {row["number"]: row for row in resumed.rows()}
    assert {number: after[number]["evaluated_at"] for number in before} == {
        number: row["evaluated_at"] for number, row in before.items()
    }
    if len(driver.pools) > 1:
        committed = {row["program_hash"] for row in before.values()}
        assert not committed & set(driver.pools[-1].evaluated)
    best, expected = resumed.best(), whole.best()
    assert best is not None
    assert expected is not None
    assert best[1] == expected[1]
    assert resumed.store.run()["ended_because"] == "7 generations"


def test_a_run_that_breaks_again_and_again_gets_there(
    driver: Driver, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks = 0
    search = driver.evolve
    while True:
        with monkeypatch.context() as patch:
            break_at(patch, Store, "add", 4, breaks % 2 == 0)
            try:
                run = search("broken")
                break
            except FaultError:
                breaks += 1
                search = driver.resume
    assert breaks > 5
    assert lineage(run) == lineage(whole)


def test_a_run_stopped_by_its_clock_is_gone_on_with(driver: Driver, whole: Run) -> None:
    asked = 0

    def stop() -> str | None:
        nonlocal asked
        asked += 1
        return "enough for today" if asked > 25 else None

    run = driver.evolve("stopped", driving.Watch(stop=stop))
    row = run.store.run()
    assert (row["finished_at"], row["ended_because"]) == (None, "enough for today")
    count = len(run.rows())
    assert 0 < count < len(whole.rows())
    committed = {row["program_hash"] for row in run.rows()}
    evaluated = set(driver.pools[0].evaluated)
    assert committed <= evaluated
    # What was under way is finished; what lies behind a migration that is not due is judged again.
    config = run.config()
    assert len(evaluated - committed) < config.islands * (config.lag or 0)
    assert lineage(driver.resume("stopped")) == lineage(whole)


def test_a_run_is_gone_on_with_from_a_checkpoint(
    driver: Driver, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = driving._search_config
    monkeypatch.setattr(
        driving,
        "_search_config",
        lambda config: dataclasses.replace(usual(config), checkpoint_every=1),
    )
    with monkeypatch.context() as patch:
        break_at(patch, Store, "add", 40, True)
        with pytest.raises(FaultError):
            driver.evolve("broken")
    seen: list[Generation] = []
    resumed = driver.resume("broken", driving.Watch(generation=seen.append))
    assert seen[0].number > 2
    assert lineage(resumed) == lineage(whole)


def test_a_run_stopped_before_its_starts_are_judged_is_gone_on_with(
    driver: Driver, whole: Run
) -> None:
    run = driver.evolve("stopped", driving.Watch(stop=lambda: "at once"))
    assert run.rows() == []
    assert lineage(driver.resume("stopped")) == lineage(whole)


def test_two_drivers_of_one_run_are_one_too_many(driver: Driver) -> None:
    run = driver.evolve("one", driving.Watch(stop=lambda: "at once"))
    with run.driving():
        assert run.is_driven()
        with pytest.raises(UsageError, match="going on in another process"):
            driver.resume("one")
    assert not run.is_driven()
    with open(run.folder / "lock") as file:  # somebody looks
        fcntl.flock(file, fcntl.LOCK_SH)
        threading.Timer(0.1, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        with run.driving():
            assert run.is_driven()


def test_a_file_system_without_shared_memory_is_said_once(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, said = store_module._engine, []

    def without_wal(path: Path) -> Any:
        engine = usual(path)

        @event.listens_for(engine, "connect")
        def _fall_back(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA journal_mode=DELETE")

        return engine

    monkeypatch.setattr(store_module, "_engine", without_wal)
    run = driver.evolve("away", driving.Watch(notice=said.append), generations=2)
    assert run.store.run()["finished_at"]
    assert len([words for words in said if "journal mode delete" in words]) == 1


def test_a_finished_run_is_returned_as_it_is(driver: Driver) -> None:
    driver.evolve("done", generations=1)
    count = len(driver.pools)
    driver.resume("done")
    assert len(driver.pools) == count
