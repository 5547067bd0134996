"""Tables of our own: named, or where no other source is there; never in place of a named one."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from data.conftest import CSV

from sldagent.data.sources import at_hand, find_table, load_or_measured, load_train
from sldagent.data.tasks import find_task, lasting_name, read_task
from sldagent.errors import DataError, PrerequisiteError, SourceWarning, TaskError, UsageError
from sldagent.task import Task

TASKS = Path(__file__).resolve().parents[2] / "tasks"
SHIPPED = [name for name in ("data_constrained", "lr_bsz") if (TASKS / name / "measured").is_dir()]
HUB = """
[hub]
repo = "someone/toys"
config = "toy"
revision = "0123456789012345678901234567890123456789"
train_rows = 4
test_rows = 2

[published]
source = "A paper."
human = 0.9

[measured]
provenance = "Our own toys."

[[cuts]]"""


@pytest.fixture
def task(write_task: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Task:
    """A task with tables on a hub that cannot be reached, and with measured ones."""
    file = write_task(("\n[[cuts]]", HUB))
    folder = file.parent / "measured"
    folder.mkdir()
    (folder / "train.csv").write_text(CSV)
    (folder / "test.csv").write_text(CSV)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return read_task(file)


@pytest.fixture
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SourceWarning)
        yield


def test_where_nothing_is_named_and_no_hub_answers_ours_serve_with_one_line(task: Task) -> None:
    with pytest.warns(SourceWarning) as caught:
        own, table = load_or_measured(task)
    (warning,) = caught
    words = str(warning.message)
    assert "\n" not in words
    assert "127.0.0.1:9" in words
    assert "toy@measured/train.csv" in words
    assert "published figures do not compare" in words
    assert table.origin == "toy@measured/train.csv"
    assert own.source == "measured"
    assert (own.hub, own.published, own.provenance) == (None, {}, "Our own toys.")
    assert own.sha256 == task.sha256  # the same problem, other rows


@pytest.mark.usefixtures("no_warning")
def test_what_is_loaded_later_is_never_ours_unasked(task: Task) -> None:
    with pytest.raises(PrerequisiteError, match="name toy@measured for our own, give --data"):
        load_train(task)
    with pytest.raises(PrerequisiteError):
        find_table(task, "test")
    assert at_hand([task]) == [None]


@pytest.mark.usefixtures("no_warning")
def test_named_data_are_never_replaced(
    task: Task, csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PrerequisiteError, match="no training table"):
        load_or_measured(task, tmp_path / "empty")
    with pytest.raises(DataError, match="no such file"):
        load_or_measured(task, tmp_path / "absent")
    monkeypatch.setenv("SLDAGENT_DATA", str(tmp_path / "empty"))
    with pytest.raises(PrerequisiteError, match="no training table"):
        load_or_measured(task)
    found, table = load_or_measured(task, csv_file)
    assert (found, table.origin) == (task, str(csv_file))


@pytest.mark.usefixtures("no_warning")
def test_ours_are_chosen_by_name_from_any_folder_whatever_else_is_there(
    task: Task, csv_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLDAGENT_DATA", str(csv_file))
    own = find_task(f"{task.origin}@measured")
    for loaded in (own, find_task(lasting_name(own), tmp_path / "elsewhere")):
        assert load_or_measured(loaded)[1].origin == "toy@measured/train.csv"
        assert find_table(loaded, "test").origin == "toy@measured/test.csv"
        assert load_train(loaded, str(csv_file)).origin == "toy@measured/train.csv"  # the variable
    (source,) = at_hand([own])
    assert source is not None
    assert source.origin == "toy@measured/train.csv"
    monkeypatch.delenv("SLDAGENT_DATA")
    with pytest.raises(UsageError, match="leave out --data"):
        load_train(own, csv_file)


@pytest.mark.usefixtures("no_warning")
def test_a_task_without_measured_tables_says_so(
    toy: Task, task: Task, write_task: Callable[..., Path]
) -> None:
    with pytest.raises(TaskError, match=r"no \[measured\]"):
        find_task(f"{write_task()}@measured")
    (Path(task.origin).parent / "measured" / "train.csv").unlink()
    with pytest.raises(PrerequisiteError, match="cannot be reached"):
        load_or_measured(task)
    write_task(("\n[[cuts]]", HUB))
    with pytest.raises(PrerequisiteError, match="sldagent measure toy -o"):
        load_train(find_task(f"{task.origin}@measured"))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_fits_its_task_and_says_how_it_was_made(name: str) -> None:
    own = find_task(f"{name}@measured")
    train = load_train(own)
    test = find_table(own, "test").read(own)
    assert train.x.shape[1] == len(own.features)
    assert all((test.x > 0).all(axis=0))
    top = train.x.max(axis=0)
    assert (test.x > top).any()  # it reaches beyond the training rows
    folder = TASKS / name / "measured"
    recipe = json.loads((folder / "recipe.json").read_text())
    card = (folder / "card.md").read_text()
    assert recipe["text"]["sha256"] in card
    assert f"{len(train)} in `train.csv`, {len(test)} larger ones in `test.csv`" in card
