"""Fixtures for all tests. No test needs the network, a key, or data outside the repository."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no data that the developer's shell points at."""
    monkeypatch.delenv("SLDAGENT_DATA", raising=False)


@pytest.fixture(autouse=True, scope="session")
def _no_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test asks the hub, nor sees its cache or a token; those with a server of their own do."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("HF_", "HUGGINGFACE_"))]:
            patch.delenv(name)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the benchmark's tables beside the checkout; skips where it is not."""
    folder = REPOSITORY.parent / "shared" / "sldbench"
    if not folder.is_dir():
        pytest.skip("the benchmark's tables are not beside the checkout")
    return folder
