from collections.abc import Callable
from pathlib import Path

import pytest

from sldagent.data.tasks import find_task, lasting_name, list_tasks, read_task
from sldagent.errors import TaskError
from sldagent.task import CutKind, Role, Task

BENCHMARK = {
    "data_constrained": 7,
    "domain_mixture": 35,
    "easy_question": 6,
    "lr_bsz": None,
    "moe": 6,
    "parallel": 4,
    "sft": 4,
    "vocab": 7,
}


def test_the_benchmark_is_packaged(tmp_path: Path) -> None:
    tasks = {task.name: task for task in list_tasks(tmp_path)}
    assert {name: task.parameter_limit for name, task in tasks.items()} == BENCHMARK
    for task in tasks.values():
        assert task.hub is not None
        assert task.hub.config == f"{task.name}_scaling_law"
        assert task.group_column == "group"
        assert "arXiv" in task.provenance
        assert {"source", "human"} < set(task.published)
        assert all(column.description for column in (*task.features, *task.targets))


@pytest.mark.parametrize("name", BENCHMARK)
def test_columns_are_those_of_the_benchmark_in_their_order(name: str, shared_data: Path) -> None:
    task = find_task(name)
    header = (shared_data / name / "train.csv").open().readline().strip().split(",")
    left = [c for c in header if c not in (task.group_column, *task.ignored)]
    assert left == [*task.feature_names, *task.target_names]
    assert set(task.ignored) <= set(header)


def test_a_lasting_name_finds_the_task_from_any_folder(
    tmp_path: Path, write_task: Callable[..., Path]
) -> None:
    assert lasting_name(find_task("moe", tmp_path)) == "moe"
    own = find_task(write_task().parent)
    (tmp_path / "elsewhere").mkdir()
    assert find_task(lasting_name(own), tmp_path / "elsewhere") == own


def test_long_names_are_understood(tmp_path: Path) -> None:
    assert find_task("moe_scaling_law", tmp_path) == find_task("moe", tmp_path)


def test_a_local_task_wins_and_others_stay(tmp_path: Path, write_task: Callable[..., Path]) -> None:
    toml = write_task().read_text()
    for name in ("moe", "mine"):
        folder = tmp_path / "tasks" / name
        folder.mkdir(parents=True)
        (folder / "task.toml").write_text(toml)
    (tmp_path / "tasks" / "vocab").mkdir()  # empty: contains no task
    assert find_task("moe", tmp_path).title == "Toy"
    assert find_task("moe", tmp_path).origin.startswith(str(tmp_path))
    assert find_task("vocab", tmp_path).title == "Vocabulary size"
    assert {t.name for t in list_tasks(tmp_path)} == {*BENCHMARK, "mine"}


@pytest.mark.parametrize("as_text", [True, False])
def test_a_path_names_a_task(as_text: bool, write_task: Callable[..., Path]) -> None:
    file = write_task()
    for path in (file, file.parent):
        assert find_task(str(path) if as_text else path).name == "toy"
    assert find_task("toy/task.toml", file.parent.parent).name == "toy"
    assert find_task(".", file.parent).name == "toy"


@pytest.mark.parametrize("name", ["vocb", "vocb_scaling_law"])
def test_an_unknown_name_gets_a_hint_and_the_list(name: str, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"no task .*did you mean 'vocab'.*lr_bsz, moe"):
        find_task(name, tmp_path)


@pytest.mark.parametrize("name", ["", "_scaling_law", "zzz"])
def test_a_strange_name_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no task"):
        find_task(name, tmp_path)


def test_a_path_without_a_task_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no such task file"):
        find_task(tmp_path)


def test_read(toy: Task) -> None:
    assert toy.name == "toy"
    assert toy.feature_names == ("size", "share", "bias")
    assert [c.role for c in toy.features] == [Role.SIZE, Role.FRACTION, Role.LOGGED]
    assert toy.targets[0].role is None
    assert toy.cut_rules[0].kind is CutKind.AXIS
    assert toy.cut_rules[0].shares == (0.25, 0.5)
    assert toy.hub is None
    assert toy.published == {}


def test_limit_and_group_may_be_left_out(write_task: Callable[..., Path]) -> None:
    task = read_task(write_task(('group = "group"\nparameter_limit = 3\n', "")))
    assert task.group_column is None
    assert task.parameter_limit is None


def test_the_hash_is_of_what_decides_a_score(toy: Task, write_task: Callable[..., Path]) -> None:
    def changed(old: str, new: str) -> str:
        return read_task(write_task((old, new))).sha256

    assert changed("Toy", "Another") == toy.sha256
    assert changed("0.25, 0.5", "0.25") != toy.sha256
    assert changed("parameter_limit = 3", "parameter_limit = 4") != toy.sha256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Toy"', 'titel = "Toy"', r"'title' is missing \(did you mean 'titel'\?\)"),
        ("parameter_limit", "parameter_limt", r"unknown key 'parameter_limt' \(did you mean"),
        ('unit = "nats"', 'units = "nats"', r"\[\[targets\]\] 1: unknown key 'units'.*'unit'"),
        ('role = "logged"', 'role = "loged"', r"\[\[features\]\] 3: 'role' is 'loged' .*'logged'"),
        ('role = "logged"', "", r"\[\[features\]\] 3: 'role' is missing"),
        ('unit = "nats"', 'role = "size"', "unknown key 'role'"),
        ("= 3", "= true", "'parameter_limit' must be a whole number, not True"),
        ("= 3", "= 0", "'parameter_limit' must be 1 or more"),
        ('"note"', "1", "an entry of 'ignored' must be text, not 1"),
        ('"note"', '"loss"', "column 'loss' is named twice"),
        ('name = "share"', 'name = "size"', "column 'size' is named twice"),
        ('name = "share"', 'name = ""', "column '' is empty"),
        ('axes = ["size"]', 'axes = ["sise"]', r"axis 'sise' is no feature .*'size'"),
        ('axes = ["size"]', 'axes = ["size", "size"]', "axis 'size' is named twice"),
        ('axes = ["size"]', "axes = []", "must have an entry each"),
        ('"axis"', '"corner"', "a corner needs two axes"),
        ('"axis"', '"axes"', r"'kind' is 'axes' .*one of axis, corner, far"),
        ("0.25, 0.5", "1.5", "'shares' must lie between 0 and 1, not 1.5"),
        ("0.25, 0.5", "nan", "an entry of 'shares' must be a finite number"),
        ("[[cuts]]", "[cuts]", "'cuts' must be a list"),
        ("[[cuts]]", "[[cut]]", "'cuts' is missing"),
        ("[[features]]", "[[features", "line"),
    ],
)
def test_a_wrong_file_is_one_line(
    old: str, new: str, message: str, write_task: Callable[..., Path]
) -> None:
    file = write_task((old, new))
    with pytest.raises(TaskError, match=message) as caught:
        read_task(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_published_results_need_a_source(write_task: Callable[..., Path]) -> None:
    file = write_task()
    file.write_text(file.read_text() + "\n[published]\nhuman = 1\n")
    with pytest.raises(TaskError, match=r"\[published\]: 'source' is missing"):
        read_task(file)
