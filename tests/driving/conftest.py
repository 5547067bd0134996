"""A task's table, and a run that nothing interrupted."""

import csv
from pathlib import Path

import pytest
from contracts.scripted_runs import Driver

from sldagent.run import Run


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "unique_tokens", "params", "tokens", "loss"])
        for params in (1e7, 3e7, 1e8, 3e8, 1e9):
            for unique in (1e8, 1e9, 1e10):
                for repeats in (1, 2, 4):
                    loss = 1.8 + 480 * params**-0.35 + 900 * (unique * repeats) ** -0.34
                    writer.writerow(["all_data", unique, params, unique * repeats, loss])
    return path


@pytest.fixture
def driver(tmp_path: Path, table: Path) -> Driver:
    return Driver(tmp_path / "runs", table)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Run:
    """A run that nothing interrupted."""
    return Driver(tmp_path_factory.mktemp("whole"), table).evolve("whole")
