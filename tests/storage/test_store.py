"""The database: what goes in comes out; what cannot be written ends in one line."""

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from sldagent.candidate import Candidate, CutResult, Evaluation, Metrics, Status
from sldagent.errors import SldagentError, UsageError
from sldagent.program import Program
from sldagent.storage.store import FILE, Store

RUN = {
    "task": "toy",
    "config": {"seed": 0},
    "data_origin": "toy.csv",
    "data_sha256": "d",
    "evaluation_key": "k",
    "versions": {"numpy": "2"},
}
TEXT = Program("# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\n")


def candidate(number: int, evaluation: Evaluation, parents: tuple[int, ...] = ()) -> Candidate:
    return Candidate(number, 0, 0, number, TEXT.hash, parents, (), "test", "made up", evaluation)


def good() -> Evaluation:
    metrics = Metrics(0.9, 0.1, 0.2)
    cut = CutResult("c", 5, 3, metrics, {"a": metrics, "b": None}, 0.01, -0.5, {"a": [1.0, 2.0]})
    return Evaluation(
        Status.OK,
        metrics=metrics,
        score=0.8,
        cuts=(cut,),
        groups={"a": metrics},
        params=2,
        literals=0,
        seconds={"cpu": 1.0, "wall": 2.0},
        warnings=("look out",),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "run", RUN, [TEXT])


def test_candidates_come_back_as_they_went_in(store: Store) -> None:
    first = candidate(0, good())
    second = candidate(1, Evaluation(Status.ERROR, "ValueError: no"), parents=(0,))
    store.add(first, TEXT)
    store.add(second, TEXT)
    again = Store.open(store.folder)
    assert again.candidates() == [first, second]
    assert again.program(TEXT.hash) == TEXT


def test_a_program_is_stored_once(store: Store) -> None:
    store.add(candidate(0, good()), TEXT)
    store.add(candidate(1, good()), TEXT)
    with sqlite3.connect(store.folder / FILE) as raw:
        assert raw.execute("SELECT count(*) FROM program").fetchone() == (1,)


def test_plain_sqlite_reads_the_view_while_the_store_is_open(store: Store) -> None:
    store.add(candidate(0, good()), TEXT)
    with sqlite3.connect(f"file:{store.folder / FILE}?mode=ro", uri=True) as raw:
        rows = raw.execute("SELECT generation, number, score FROM v_best_by_generation").fetchall()
        mode = raw.execute("PRAGMA journal_mode").fetchone()
    assert rows == [(0, 0, 0.8)]
    assert mode == ("wal",)


def test_numbers_that_are_not_finite_become_null(store: Store) -> None:
    failed = Evaluation(Status.OK, seconds={"cpu": float("nan")})
    store.add(candidate(0, failed), TEXT)
    assert store.candidates()[0].evaluation.seconds == {"cpu": None}


def test_a_candidate_is_committed_whole_or_not_at_all(store: Store) -> None:
    orphan = candidate(0, good(), parents=(99,))
    other = Program("x = 2\n")
    with pytest.raises(SldagentError, match="FOREIGN KEY"):
        store.add(dataclasses.replace(orphan, program_hash=other.hash), other)
    assert store.candidates() == []
    with sqlite3.connect(store.folder / FILE) as raw:
        assert raw.execute("SELECT count(*) FROM program").fetchone() == (1,)  # the start program


def test_taken_name_and_missing_run_are_usage_errors(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        Store.create(store.folder, RUN, [])
    with pytest.raises(UsageError, match="no run in"):
        Store.open(tmp_path)


def test_a_database_of_a_newer_version_is_refused_and_intact(store: Store) -> None:
    store.add(candidate(0, good()), TEXT)
    with sqlite3.connect(store.folder / FILE) as raw:
        raw.execute("INSERT INTO migration VALUES (99, 'm099_future')")
    with pytest.raises(UsageError, match="newer version"):
        Store.open(store.folder)
    with sqlite3.connect(store.folder / FILE) as raw:
        assert raw.execute("SELECT count(*) FROM candidate").fetchone() == (1,)


def test_reads_of_the_test_rows_are_counted(store: Store) -> None:
    assert store.run()["test_reads"] == 0
    assert [store.count_test_read(), store.count_test_read()] == [1, 2]
