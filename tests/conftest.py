"""Fixtures for all tests. No test needs the network, a key, or data outside the repository."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no data that the developer's shell points at."""
    monkeypatch.delenv("SLDAGENT_DATA", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the benchmark's tables beside the checkout; skips where it is not."""
    folder = REPOSITORY.parent / "shared" / "sldbench"
    if not folder.is_dir():
        pytest.skip("the benchmark's tables are not beside the checkout")
    return folder
