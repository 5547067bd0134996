from pathlib import Path

import pytest
from export.made_run import make_run

from sldagent.run import Run

from reporting.made_up import make_big_run  # isort: skip


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run with real evaluations."""
    return make_run(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Islands, model calls, failures, and texts that try to get out."""
    return make_big_run(tmp_path_factory.mktemp("hostile"), 120)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")
