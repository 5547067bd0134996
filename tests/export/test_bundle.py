"""A bundle is a run's folder that lacks nothing."""

import json
import sqlite3
from pathlib import Path

import pytest

from sldagent import api
from sldagent.errors import UsageError
from sldagent.run import Run


def test_a_bundle_is_read_like_the_run(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "handed"
    names = api.export_bundle(run, folder)
    assert all((folder / name).exists() for name in names)
    copy = api.open_run(folder)
    best, known = copy.best(), run.best()
    assert best is not None
    assert known is not None
    assert best[1].source == known[1].source == (folder / "best/program.py").read_text("utf-8")
    assert best[0] == known[0]
    assert copy.rows() == run.rows()
    environment = json.loads((folder / "environment.json").read_text("utf-8"))
    assert environment["data_sha256"] == run.store.run()["data_sha256"]
    assert environment["now"]["packages"]["numpy"]
    assert json.loads((folder / "config.json").read_text("utf-8"))["task"] == "parallel"


def test_the_database_is_one_file(run: Run, tmp_path: Path) -> None:
    """What a driver has committed but SQLite keeps in its write-ahead log is copied, too."""
    api.export_bundle(run, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*-wal"))
    with sqlite3.connect(tmp_path / "out" / "lineage.sqlite") as connection:
        (count,) = connection.execute("SELECT count(*) FROM candidate").fetchone()
    assert count == len(run.rows())


def test_nothing_is_replaced_unless_forced(run: Run, tmp_path: Path) -> None:
    api.export_bundle(run, tmp_path / "out")
    with pytest.raises(UsageError, match="--force"):
        api.export_bundle(run, tmp_path / "out")
    for end in ("-wal", "-shm"):  # a reader that was killed
        (tmp_path / "out" / f"lineage.sqlite{end}").write_bytes(b"old")
    api.export_bundle(run, tmp_path / "out", force=True)
    assert not list((tmp_path / "out").glob("lineage.sqlite-*"))
    with pytest.raises(UsageError, match="own folder"):
        api.export_bundle(run, run.folder, force=True)
