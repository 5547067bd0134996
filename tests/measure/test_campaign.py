"""Real training of a three-run grid, through the command line and its processes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts.command import COMMAND, sldagent
from measure.made_rows import PLAN, SPECS

from sldagent.errors import PrerequisiteError, UsageError
from sldagent.measure import campaign
from sldagent.measure.journal import Journal
from sldagent.measure.plans import make_plan
from sldagent.measure.spec import WINDOW, RunSpec
from sldagent.measure.text import choose_windows, read_text

pytest.importorskip("jax")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sittings in one folder: two runs, then what is left."""
    folder = tmp_path_factory.mktemp("measured")
    told: list[str] = []
    watch = campaign.Watch(finished=lambda row, cost: told.append(f"{row.key} {cost.runs}"))
    campaign.run(Journal(folder, PLAN), workers=1, most=2, watch=watch)
    assert [line.split()[1] for line in told] == ["2", "1"]
    campaign.run(Journal(folder, PLAN), workers=1, watch=watch)
    assert [line.split()[0] for line in told] == [spec.key for spec in SPECS]
    return folder


def test_a_grid_is_trained_in_two_sittings(trained: Path) -> None:
    journal = Journal(trained, PLAN)
    rows = [journal.rows[spec.key] for spec in SPECS]
    for row in rows:
        assert row.loss is not None
        assert 2.0 < row.loss < np.log(128) - 0.3  # learned something, in so few steps
        assert row.seconds > 0
    assert rows[0].loss != rows[1].loss
    assert len((trained / "train.csv").read_text().splitlines()) == 3
    assert campaign.remaining(journal).runs == 0


def test_trained_together_or_alone_models_are_the_same(trained: Path) -> None:
    from sldagent.measure.training import train_together

    known = Journal(trained, PLAN).rows
    same, lost = train_together(SPECS[:2], [0.03, 1e30], read_text())
    assert same.loss == pytest.approx(known[SPECS[0].key].loss, abs=1e-3)
    assert lost.loss is None  # a learning rate far too high spoils no neighbour


def test_runs_that_share_their_steps_are_grouped() -> None:
    specs = [RunSpec("train", w, 2**15, 2**15, 8, 0.01, s) for s in (0, 1, 2) for w in (8, 16)]
    groups = list(campaign._groups(specs, 2))
    assert [[(s.width, s.seed) for s in group] for group in groups] == [
        [(8, 0), (8, 1)], [(16, 0), (16, 1)], [(8, 2)], [(16, 2)],
    ]  # fmt: skip


def test_validation_text_is_never_trained_on_and_choices_are_nested() -> None:
    text = read_text()
    assert text.train_tokens >= 2**22
    small, large = (choose_windows(text, tokens, 0) for tokens in (2**12, 2**14))
    assert small.shape == (2**12 // WINDOW, WINDOW + 1)
    assert (large[: len(small)] == small).all()
    assert not (choose_windows(text, 2**12, 1) == small).all()
    files = {window.tobytes() for window in text.validation}
    shared = sum(window.tobytes() in files for window in text.train)
    assert shared < 0.02 * len(text.validation)  # licence texts and the like


def test_a_python_without_sources_says_so(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="hardly any Python sources"):
        read_text(tmp_path)


def test_bad_numbers_and_a_missing_jax_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "table", PLAN)
    with pytest.raises(UsageError, match="--workers must be at least 1"):
        campaign.run(journal, workers=0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PrerequisiteError, match="sldagent\\[measure\\]"):
        campaign.run(journal)
    assert not journal.folder.exists()


@pytest.fixture
def sigint_as_in_a_terminal() -> Iterator[None]:
    """What a shell runs in the background ignores SIGINT, and so does all that this starts."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.usefixtures("sigint_as_in_a_terminal")
@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_whatever_ends_the_command_its_processes_end_too(
    ending: signal.Signals, code: int, tmp_path: Path
) -> None:
    command = [*COMMAND, "measure", "data_constrained", "-o", "table", "--workers", "1"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert wait_for(lambda: _training_below(process.pid))
        (child,) = _training_below(process.pid)
        process.send_signal(ending)
        _, words = process.communicate(timeout=60)
    assert process.returncode == code, words
    assert "Traceback" not in words
    assert wait_for(lambda: not _runs(child))
    Journal(tmp_path / "table", make_plan("data_constrained"))


def wait_for(condition: Callable[[], object], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(condition())


def _runs(pid: str) -> bool:
    """Whether a process has not ended; one that nobody waits for has an empty command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _training_below(pid: int) -> list[str]:
    """The children of a process that train, by their command lines."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


def test_the_command_shows_plan_and_cost_without_training(tmp_path: Path) -> None:
    done: subprocess.CompletedProcess[str] = sldagent(
        "measure", "lr_bsz", "--dry-run", "--json", cwd=tmp_path, env=dict(os.environ)
    )
    assert done.returncode == 0
    assert "larger ones to test" in done.stderr
    assert "assumed" in done.stderr
    assert '"done": 0' in done.stdout
    assert list(tmp_path.iterdir()) == []
