"""Evolving in this process: what ends a run, recordings, what a plan says, the run's own reads."""

import json
import sqlite3
from pathlib import Path

import pytest
from contracts.scripted_runs import Driver, lineage

from sldagent import driving
from sldagent.config import EvolveConfig
from sldagent.errors import UsageError
from sldagent.evolution.search import Generation
from sldagent.proposing.symbolic import SymbolicProposer
from sldagent.run import Run
from sldagent.storage.store import FILE


def test_the_lineage_follows_from_seed_and_lag_alone(driver: Driver, whole: Run) -> None:
    assert lineage(driver.evolve("again", workers=3, concurrency=16)) == lineage(whole)
    assert lineage(driver.evolve("seed", seed=1)) != lineage(whole)


def test_evaluations_bound_a_run_in_whole_generations(driver: Driver) -> None:
    run = driver.evolve("bounded", generations=None, evaluations=20)
    assert len(run.rows()) == 3 + 2 * 6
    assert run.store.run()["ended_because"] == "2 generations"


def test_a_target_ends_a_run_after_a_migrations_generation(driver: Driver) -> None:
    run = driver.evolve("goal", goal=0.9)
    best = run.best()
    assert best is not None
    assert best[0].evaluation.metrics is not None
    assert best[0].evaluation.metrics.r2 >= 0.9
    last = max(row["generation"] for row in run.rows())
    assert last in (2, 4, 6)
    assert "reached the target" in run.store.run()["ended_because"]


def test_a_stall_ends_a_run(driver: Driver) -> None:
    run = driver.evolve("stall", generations=500, stall=9)
    rows = run.rows()
    best = max((row for row in rows if row["score"] is not None), key=lambda row: row["score"])
    assert max(row["generation"] for row in rows) - best["generation"] in (9, 10)


def test_a_time_limit_leaves_a_run_to_be_resumed(driver: Driver, whole: Run) -> None:
    run = driver.evolve("clock", time_limit=1e-9)
    assert run.store.run()["finished_at"] is None
    assert run.store.run()["ended_because"].startswith("time limit")


def test_a_recording_repeats_a_search_without_its_proposer(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "search.jsonl"
    recorded = driver.evolve("recorded", record=str(file))
    monkeypatch.setattr(SymbolicProposer, "propose", None)
    replayed = driver.evolve("replayed", replay=str(file), islands=1, offspring=1, lag=1)
    assert lineage(replayed) == lineage(recorded)
    with pytest.raises(UsageError, match="exists already"):
        driver.evolve("other", record=str(file))


def test_a_plan_derives_what_is_left_open(driver: Driver) -> None:
    plan = driving.plan(driver.config("plan", offspring=None, lag=None))
    assert (plan.config.proposer, plan.config.offspring, plan.config.lag) == ("symbolic", 3, 6)
    assert plan.most_evaluations == 3 + 7 * 3 * 3
    assert plan.deterministic
    open_end = driving.plan(driver.config("plan", generations=None, time_limit=5.0))
    assert open_end.most_evaluations is None
    assert not (driver.folder / "plan").exists()


def test_a_folder_named_like_the_task_means_nothing(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.folder.mkdir()
    monkeypatch.chdir(driver.folder)
    (driver.folder / "data_constrained").mkdir()
    monkeypatch.setenv("SLDAGENT_DATA", str(driver.data))
    config = driving.plan(EvolveConfig("data_constrained")).config
    assert (config.task, config.data) == ("data_constrained", str(driver.data))


def test_a_run_of_settings_that_are_gone_is_named(driver: Driver) -> None:
    run = driver.evolve("old", driving.Watch(stop=lambda: "at once"))
    with sqlite3.connect(run.folder / FILE) as database:
        database.execute("UPDATE run SET config = json_set(config, '$.wings', 2)")
    with pytest.raises(UsageError, match=r"run 'old' was started by .* does not have: wings"):
        driver.resume("old")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"proposer": "oracle"}, "no proposer 'oracle'"),
        ({"islands": 0}, "--islands must be at least 1"),
        ({"generations": None}, "give the search an end"),
        ({"goal": 1.5}, "at most 1"),
        ({"time_limit": 0.0}, "--time-limit must be positive"),
        ({"record": "a", "replay": "b"}, "exclude each other"),
        ({"replay": "absent.jsonl"}, "cannot read the recording"),
    ],
)
def test_what_cannot_be_done_is_said(driver: Driver, settings: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        driver.evolve("wrong", **settings)
    assert not (driver.folder / "wrong").exists()


def test_a_resumed_run_tells_what_was_there_before(driver: Driver) -> None:
    seen: list[Generation] = []
    calls = 0

    def stop() -> str | None:
        nonlocal calls
        calls += 1
        return "stop" if calls > 25 else None

    driver.evolve("parts", driving.Watch(stop=stop))
    driver.resume("parts", driving.Watch(generation=seen.append))
    flags = [generation.recorded for generation in seen]
    assert flags[0]
    assert not flags[-1]
    assert flags == sorted(flags, reverse=True)


def test_best_is_kept_as_files(whole: Run) -> None:
    best = whole.best()
    assert best is not None
    fit = json.loads((whole.folder / "best" / "fit.json").read_text())
    assert fit["number"] == best[0].number
    assert fit["score"] == max(row["score"] for row in whole.rows() if row["score"] is not None)


def test_candidates_as_a_data_frame(whole: Run) -> None:
    frame = whole.frame()
    assert frame.index.name == "number"
    assert {"generation", "island", "status", "program_hash", "score", "parents"} <= set(frame)
    assert len(frame) == len(whole.rows())
    assert len(whole.rows(top=3)) == 3
    with pytest.raises(UsageError, match="no candidate #9999"):
        whole.candidate(9999)
