"""A made-up table of a packaged task, and the real command line."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of an additive law with a little noise, as `data_constrained` wants them."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "train.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "unique_tokens", "params", "tokens", "loss"])
        for params in (1e7, 3e7, 1e8, 3e8, 1e9):
            for unique in (1e8, 1e9, 1e10):
                for repeats in (1, 2, 4):
                    loss = 1.8 + 480 * params**-0.35 + 900 * unique**-0.34
                    loss += 1100 * (unique * repeats) ** -0.36
                    row = [unique, params, unique * repeats, loss + 0.002 * rng.normal()]
                    writer.writerow(["all_data", *row])
    return path


@pytest.fixture
def environment() -> dict[str, str]:
    """The developer's environment without what would change a run."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("SLDAGENT_", "OPENAI_"))}
