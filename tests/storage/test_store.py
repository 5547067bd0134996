"""The database: what goes in comes out; what cannot be written ends in one line."""

import dataclasses
import json
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, inspect

from sldagent import api
from sldagent.candidate import Candidate, CutResult, Evaluation, Metrics, Status
from sldagent.errors import SldagentError, UsageError
from sldagent.program import Program
from sldagent.storage import migrations, schema
from sldagent.storage.reading import Filter
from sldagent.storage.store import FILE, Store

NOFILE = resource.RLIMIT_NOFILE
RUN = {
    "task": "toy",
    "config": {"seed": 0},
    "data_origin": "toy.csv",
    "data_sha256": "d",
    "evaluation_key": "k",
    "versions": {"numpy": "2"},
}
TEXT = Program("# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\n")
OTHER = Program("x = 2\n")
CALL = {
    "kind": "proposal", "model": "m", "prompt": "question", "reply": "answer", "input_tokens": 3,
    "output_tokens": None, "seconds": 1.5, "usd": 0.25, "outcome": "ok",
}  # fmt: skip
ANSWER = {
    "parents": [0], "exemplars": [], "change": "c", "arm": "a", "reason": "", "proposer": "p",
}  # fmt: skip


def candidate(number: int, evaluation: Evaluation, parents: tuple[int, ...] = ()) -> Candidate:
    return Candidate(number, 0, 0, number, TEXT.hash, parents, (), "test", "made up", evaluation)


def good(score: float = 0.8) -> Evaluation:
    metrics = Metrics(0.9, 0.1, 0.2)
    cut = CutResult("c", 5, 3, metrics, {"a": metrics, "b": None}, 0.01, -0.5, {"a": [1.0, 2.0]})
    return Evaluation(
        Status.OK,
        metrics=metrics,
        score=score,
        cuts=(cut,),
        groups={"a": metrics},
        params=2,
        literals=0,
        seconds={"cpu": 1.0, "wall": 2.0},
        warnings=("look out",),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "run", RUN, [(TEXT, "start", "mine")])


def scalar(store: Store, query: str) -> object:
    with sqlite3.connect(store.folder / FILE) as raw:
        return raw.execute(query).fetchone()[0]


def test_candidates_come_back_as_they_went_in(store: Store) -> None:
    first = candidate(0, good())
    second = candidate(1, Evaluation(Status.ERROR, "ValueError: no"), parents=(0,))
    # The first parent is the one that was edited, whatever its number.
    third = dataclasses.replace(candidate(2, good(), parents=(1, 0)), exemplars=(1, 0))
    for made in (first, second, third):
        store.add(made, TEXT)
    again = Store.open(store.folder)
    assert again.candidates() == [first, second, third]
    assert again.candidate(1) == second
    assert again.candidate(9) is None
    assert again.program(TEXT.hash) == TEXT


def test_a_program_is_stored_once(store: Store) -> None:
    store.add(candidate(0, good()), TEXT)
    store.add(candidate(1, good()), TEXT)
    assert scalar(store, "SELECT count(*) FROM program") == 1


def test_prompts_and_replies_are_stored_once_and_read_with_plain_sqlite(store: Store) -> None:
    store.add(candidate(0, good()), TEXT, "arm", [CALL, {**CALL, "kind": "repair"}])
    store.add(candidate(1, good()), TEXT, "arm", [CALL])
    assert scalar(store, "SELECT count(*) FROM content") == 2
    assert scalar(store, "SELECT group_concat(prompt || reply) FROM v_calls WHERE candidate=1") == (
        "questionanswer"
    )
    assert [call["kind"] for call in store.calls(0)] == ["proposal", "repair"]
    assert store.calls(0)[0]["prompt"] == "question"
    assert store.costs([0, 1]) == {0: (0.5, 6), 1: (0.25, 3)}
    spent = store.spent()
    assert spent is not None
    assert (spent["calls"], spent["priced"], spent["usd"]) == (3, 3, 0.75)
    assert spent["models"] == [CALL["model"]]
    assert spent["input_tokens"] == 3 * CALL["input_tokens"]
    assert [arm for _, arm in store.outlines([0, 1])] == ["arm", "arm"]


def test_an_answer_is_kept_until_its_candidate_is_committed(store: Store) -> None:
    store.add(candidate(0, good()), TEXT)
    store.add_question(1)
    store.add_question(2)
    store.add_proposal(1, OTHER, ANSWER, [CALL])
    again = Store.open(store.folder)
    assert again.waiting_proposals() == [{"candidate": 1, "program_hash": OTHER.hash, **ANSWER}]
    again.interrupt_questions()
    assert [call["outcome"] for call in again.calls(1)] == ["ok"]
    assert [call["outcome"] for call in again.calls(2)] == ["interrupted"]
    again.add(candidate(1, good(), (0,)), OTHER)
    assert again.waiting_proposals() == []


def test_events_are_noted_once(store: Store) -> None:
    store.add(candidate(0, good()), TEXT)
    row = {"generation": 5, "kind": "migration", "source": 0, "target": 1, "candidate": 0}
    store.add_events([row])
    store.add_events([row])
    assert store.events() == [row]


def test_cpu_seconds_are_summed_in_the_database(store: Store) -> None:
    assert store.cpu_seconds() == 0.0
    failed = Evaluation(Status.REJECTED, "no block")
    for number, evaluation in enumerate((good(), failed, good())):
        store.add(candidate(number, evaluation), TEXT)
    assert store.cpu_seconds() == 2.0


def test_rows_are_filtered_in_the_database(store: Store) -> None:
    scores = [0.1, None, 0.7, 0.4]
    for number, score in enumerate(scores):
        evaluation = Evaluation(Status.ERROR, "no") if score is None else good(score)
        made = candidate(number, evaluation, parents=(0,) if number else ())
        made = dataclasses.replace(
            made, generation=number // 2, island=number % 2, proposer="ab"[number // 2]
        )
        store.add(made, TEXT)

    def numbers(**wanted: object) -> list[int]:
        return [row["number"] for row in store.rows(Filter(**wanted))]  # type: ignore[arg-type]

    assert numbers() == [0, 1, 2, 3]
    assert numbers(status="error") == [1]
    assert numbers(island=1) == [1, 3]
    assert numbers(proposer="b") == [2, 3]
    assert numbers(since=1) == [2, 3]
    assert numbers(top=2) == [2, 3]
    assert numbers(top=9, island=0) == [2, 0]
    assert store.rows()[2]["parents"] == [0]
    assert store.counts() == [("a", "error", 1), ("a", "ok", 1), ("b", "ok", 2)]
    assert store.children() == {0: [1, 2, 3]}
    assert store.ancestors(3) == [0, 3]
    assert [row["number"] for row in store.rows_of([3, 1])] == [3, 1]


def test_plain_sqlite_reads_the_views_while_the_store_is_open(store: Store) -> None:
    store.add(candidate(0, good()), TEXT)
    store.add(candidate(1, good(0.5), (0,)), TEXT)
    with sqlite3.connect(f"file:{store.folder / FILE}?mode=ro", uri=True) as raw:
        best = raw.execute("SELECT generation, number, score FROM v_best_by_generation").fetchall()
        islands = raw.execute("SELECT * FROM v_islands").fetchall()
        parents = raw.execute("SELECT number, parents FROM v_candidates").fetchall()
        mode = raw.execute("PRAGMA journal_mode").fetchone()
    assert best == [(0, 0, 0.8)]
    assert islands == [(0, 0, 2, 2, 0.8)]
    assert parents == [(0, None), (1, "0")]
    assert mode == ("wal",)


def test_numbers_that_are_not_finite_become_null(store: Store) -> None:
    failed = Evaluation(Status.OK, seconds={"cpu": float("nan")})
    store.add(candidate(0, failed), TEXT)
    assert store.candidates()[0].evaluation.seconds == {"cpu": None}


def test_a_candidate_is_committed_whole_or_not_at_all(store: Store) -> None:
    orphan = candidate(0, good(), parents=(99,))
    with pytest.raises(SldagentError, match="FOREIGN KEY"):
        store.add(dataclasses.replace(orphan, program_hash=OTHER.hash), OTHER, calls=[CALL])
    assert store.candidates() == []
    assert scalar(store, "SELECT count(*) FROM program") == 1  # the start program
    assert scalar(store, "SELECT count(*) FROM content") == 0


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
    assert scalar(store, "SELECT count(*) FROM candidate") == 1


def test_what_is_no_database_is_refused_in_one_line(store: Store) -> None:
    store.close()
    (store.folder / FILE).write_bytes(b"no database at all" * 1000)
    with pytest.raises(UsageError, match="cannot read"):
        Store.open(store.folder)


def test_a_run_that_is_given_up_while_it_is_made_leaves_its_name_free(tmp_path: Path) -> None:
    def ctrl_c(_folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store.create(tmp_path / "run", RUN, [], ctrl_c)
    assert not (tmp_path / "run").exists()
    Store.create(tmp_path / "run", RUN, [])


def test_many_runs_are_listed_with_few_open_files(store: Store) -> None:
    store.close()
    for i in range(40):
        shutil.copytree(store.folder, store.folder.with_name(f"copy{i}"))
    before, (soft, hard) = len(os.listdir("/proc/self/fd")), resource.getrlimit(NOFILE)
    resource.setrlimit(NOFILE, (before + 30, hard))
    damaged: list[str] = []
    try:
        found = api.list_runs(store.folder.parent, damaged.append)
        for run in found:
            assert run.frame().empty
            run.close()
    finally:
        resource.setrlimit(NOFILE, (soft, hard))
    assert (len(found), damaged) == (41, [])
    assert len(os.listdir("/proc/self/fd")) <= before


def test_reads_of_the_test_rows_are_counted(store: Store) -> None:
    assert store.run()["test_reads"] == 0
    assert [store.count_test_read(), store.count_test_read()] == [1, 2]


def test_the_migrations_make_the_tables_that_the_schema_says(store: Store) -> None:
    made = inspect(create_engine(f"sqlite:///{store.folder / FILE}"))
    fresh_engine = create_engine("sqlite://")
    schema.metadata.create_all(fresh_engine)
    fresh = inspect(fresh_engine)
    assert sorted(made.get_table_names()) == sorted(fresh.get_table_names())
    for table in fresh.get_table_names():
        columns = [
            {column["name"]: (str(column["type"]), column["nullable"]) for column in side}
            for side in (made.get_columns(table), fresh.get_columns(table))
        ]
        assert columns[0] == columns[1], table
        assert made.get_pk_constraint(table) == fresh.get_pk_constraint(table), table


def test_a_database_of_the_first_release_is_brought_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    engine = create_engine(f"sqlite:///{folder / FILE}")
    with engine.begin() as connection:
        schema.migration.create(connection)
        migrations.m001_initial(connection)
        connection.execute(schema.migration.insert().values(number=1, name="m001_initial"))
        row = [json.dumps(value) if isinstance(value, dict) else value for value in RUN.values()]
        connection.exec_driver_sql(
            "INSERT INTO run (name, created_at, task, config, data_origin, data_sha256, "
            "evaluation_key, versions, starts, test_reads) VALUES ('old', 't', ?, ?, ?, ?, ?, ?, "
            "?, 3)",
            (*row, json.dumps([TEXT.hash])),
        )
        connection.exec_driver_sql("INSERT INTO program VALUES (?, ?)", (TEXT.hash, TEXT.source))
        connection.exec_driver_sql(
            "INSERT INTO candidate VALUES (0, 0, 0, 0, ?, 'start', '', 'ok', '', 0.8, 0.9, '2', 0, "
            "?, 'then')",
            (TEXT.hash, json.dumps(good().as_dict())),
        )
    engine.dispose()
    store = Store.open(folder)
    assert store.candidates() == [
        dataclasses.replace(candidate(0, good()), proposer="start", change="")
    ]
    assert store.run()["starts"] == [
        {"hash": TEXT.hash, "proposer": "start", "change": "start program"}
    ]
    assert store.rows()[0]["arm"] == ""
    store.add(candidate(1, good(), (0,)), TEXT, "arm", [CALL])


# -- a full disk, a folder that cannot be written -------------------------------------------------


def fill(store: Store) -> None:
    for number in range(5000):
        store.add(candidate(number, good()), TEXT)


def test_a_full_database_ends_in_one_line_and_stays_intact(store: Store) -> None:
    @event.listens_for(store._engine, "begin")
    def _limit(connection: object) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 60")  # type: ignore[attr-defined]

    with pytest.raises(SldagentError, match=r"cannot write .*full.*committed is intact") as caught:
        fill(store)
    assert "\n" not in str(caught.value)
    again = Store.open(store.folder)
    count = len(again.numbers())
    assert count > 3
    assert again.numbers() == list(range(count))
    assert again.candidates()[-1] == candidate(count - 1, good())
    assert scalar(again, "PRAGMA integrity_check") == "ok"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_in_one_line_and_what_was_there_stays(small_disk: Path) -> None:
    store = Store.create(small_disk / "run", RUN, [(TEXT, "start", "mine")])
    with pytest.raises(SldagentError, match=r"cannot write .*committed is intact"):
        fill(store)
    store.close()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    again = Store.open(small_disk / "run")
    count = len(again.numbers())
    assert count > 3
    assert again.numbers() == list(range(count))
    again.add(candidate(count, good()), TEXT)
    again.close()


def test_a_run_that_finds_no_room_leaves_no_folder(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (1 << 20))
    with pytest.raises(SldagentError, match=r"cannot (write|make)"):
        Store.create(small_disk / "run", RUN, [(TEXT, "start", "mine")])
    assert not (small_disk / "run").exists()


def test_a_folder_that_cannot_be_written_is_read_all_the_same(small_disk: Path) -> None:
    store = Store.create(small_disk / "run", RUN, [(TEXT, "start", "mine")])
    store.add(candidate(0, good()), TEXT)
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    again = Store.open(small_disk / "run")
    assert again.candidates() == [candidate(0, good())]
    with pytest.raises(SldagentError, match="cannot write"):
        again.add(candidate(1, good()), TEXT)
    with pytest.raises(UsageError, match="cannot make the run's folder"):
        Store.create(small_disk / "other", RUN, [])
    again.close()
