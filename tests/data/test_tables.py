import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sldagent
from sldagent.data.sources import find_table, load_train
from sldagent.data.tables import ALL_ROWS, read_table
from sldagent.data.tasks import list_tasks
from sldagent.data.test_rows import load_test
from sldagent.errors import DataError, PrerequisiteError
from sldagent.scales import AS_IT_IS, CAN_BE_ZERO
from sldagent.table import Table
from sldagent.task import Column, Role, Task


def write_parquet(text: str, file: Path) -> None:
    """The rows of a CSV text as parquet, numbers as doubles."""
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = {
        name: [row[name] if name in ("note", "group") else float(row[name]) for row in rows]
        for name in rows[0]
    }
    pq.write_table(pa.table(columns), file)


def test_csv(toy: Task, csv_file: Path) -> None:
    table = read_table(csv_file, toy)
    assert table.x.tolist() == [[1e6, 0, -2], [2e6, 0.5, 0], [4e6, 1, 0.1], [8e6, 0.25, 3]]
    assert table.y.tolist() == [[3.5], [3.0], [-2.5], [2.25]]
    assert table.groups == ("1.30", "1.30", "x y", "x y")
    assert table.origin == str(csv_file)


def test_csv_and_parquet_agree(toy: Task, csv_file: Path, tmp_path: Path) -> None:
    write_parquet(csv_file.read_text(), tmp_path / "train.pq")
    tables = [read_table(file, toy) for file in (csv_file, tmp_path / "train.pq")]
    assert tables[0].sha256 == tables[1].sha256


def test_every_bit_of_a_number_survives(toy: Task, csv_file: Path, tmp_path: Path) -> None:
    values = np.random.default_rng(1).lognormal(size=200)
    lines = [f"n,g,{v!r},0.1,{-v!r},{v!r}" for v in values.tolist()]
    csv_file.write_text("note,group,size,share,bias,loss\n" + "\n".join(lines))
    write_parquet(csv_file.read_text(), tmp_path / "train.parquet")
    for file in (csv_file, tmp_path / "train.parquet"):
        assert (read_table(file, toy).x[:, 0] == values).all()


def test_column_order_extra_columns_and_layout_do_not_matter(toy: Task, csv_file: Path) -> None:
    want = read_table(csv_file, toy).sha256
    rows = list(csv.DictReader(csv_file.open()))
    with csv_file.open("w", encoding="utf-8-sig", newline="") as file:
        file.write("\r\n")
        writer = csv.DictWriter(file, [*reversed(rows[0]), "extra"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(row | {"extra": "two\nlines"} for row in rows)
    assert read_table(csv_file, toy).sha256 == want


def test_without_a_group_column_all_rows_are_one_group(toy: Task, csv_file: Path) -> None:
    table = read_table(csv_file, replace(toy, group_column=None))
    assert table.groups == (ALL_ROWS,) * 4


def test_a_group_of_several_columns_is_read_from_them_or_from_one(
    toy: Task, csv_file: Path
) -> None:
    joined = replace(toy, group_column="note+group")
    table = read_table(csv_file, joined)
    assert table.groups[0].endswith("+1.30")
    text = csv_file.read_text().replace("note,group", "old,note+group")
    csv_file.write_text(text)
    assert read_table(csv_file, joined).groups == ("1.30", "1.30", "x y", "x y")
    csv_file.write_text(text.replace("old,note+group", "note,set"))
    with pytest.raises(DataError, match="no column 'note\\+group'"):
        read_table(csv_file, joined)


def test_numeric_groups_of_parquet_are_text(toy: Task, tmp_path: Path) -> None:
    columns = {"size": [1.0], "share": [0.0], "bias": [0.0], "loss": [1.0]}
    pq.write_table(pa.table({"group": [13], **columns}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", toy).groups == ("13",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("loss\n", "lossy\n", r"no column 'loss' \(did you mean 'lossy'\?\); columns: note, gr"),
        ("note,group", "note,set", "no column 'group'"),
        ("note,", "loss,", "column 'loss' is there 2 times"),
        ("2e6", "2 e6", "line 3, column size: '2 e6' is not a number"),
        ("2e6", "2_000", "line 3, column size: '2_000' is not a number"),
        ("2e6", "0", "line 3, column size: 0 cannot be: a feature of role size is above zero"),
        ("2e6", "-2e6", "line 3, column size: -2e6 cannot be: a feature of role size"),
        ("0.25", "1.25", "line 5, column share: 1.25 cannot be: .* is a share between 0 and 1"),
        ("3.5", "", "line 2, column loss: the cell is empty"),
        ("3.5", "nan", "line 2, column loss: nan is not a finite number"),
        ("3.5", "-inf", "line 2, column loss: -inf is not a finite number"),
        ("3.5", "1e999", "line 2, column loss: 1e999 is not a finite number"),
        ("x y", "", "line 4, column group: the cell is empty"),
        ("b,1.30", "\n\nb,1.30,", "line 5: 7 cells, but the header has 6"),
        ("a,1.30", '"a\nb",1.30,', "line 2: 7 cells"),
        ("b,1.30", '"b\nb",', "line 3, column group: the cell is empty"),
        ("3.5", '"3.5', "neither CSV nor parquet"),
    ],
)
def test_a_wrong_cell_is_named_as_an_editor_shows_it(
    old: str, new: str, message: str, toy: Task, csv_file: Path
) -> None:
    text = csv_file.read_text()
    assert old in text
    csv_file.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        read_table(csv_file, toy)
    assert str(caught.value).startswith(str(csv_file))
    assert "\n" not in str(caught.value)


def test_lines_are_counted_after_cells_of_two_lines(toy: Task, csv_file: Path) -> None:
    csv_file.write_text(csv_file.read_text().replace("a,", '"a\na",').replace("2e6", "?"))
    with pytest.raises(DataError, match="line 4, column size"):
        read_table(csv_file, toy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"note,group,size,share,bias,loss\n", "the table has no rows"),
        (b"a;b\n1;2\n", "separated by semicolons"),
        (b"a\tb\n1\t2\n", "separated by tabs"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "line 1: no UTF-8 text: save it as UTF-8$"),
        (b"\xff\xfes\0i\0z\0e\0\n\0", "line 1: no UTF-8 text: save it as UTF-8$"),
        (
            b"note,group,size,share,bias,loss\n" + b"n,g,1,0.1,1,2\n" * 9000 + b"\xb5,g\n",
            "line 9002: no UTF-8 text",
        ),
        (b"PAR1 and nothing else", "damaged parquet"),
    ],
)
def test_a_file_that_is_no_table(content: bytes, message: str, toy: Task, tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(file, toy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("size", None, "row 2, column size: the cell is empty"),
        ("loss", float("nan"), "row 2, column loss: nan is not a finite number"),
        ("group", None, "row 2, column group: the cell is empty"),
    ],
)
def test_a_wrong_cell_of_parquet(
    column: str, value: object, message: str, toy: Task, tmp_path: Path
) -> None:
    columns: dict[str, list[object]] = {n: [1.0, 1.0] for n in (*toy.feature_names, "loss")}
    columns["group"] = ["a", "b"]
    columns[column][1] = value
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "t.parquet", toy)


def test_a_parquet_column_of_another_type(toy: Task, tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {n: [1.0] for n in (*toy.feature_names, "loss")}
    pq.write_table(pa.table({**columns, "group": ["a"], "bias": [True]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="'True' is not a number"):
        read_table(tmp_path / "t.parquet", toy)


@pytest.mark.parametrize("role", sorted(Role))
def test_only_data_fractions_and_logs_may_be_zero(role: Role, toy: Task, csv_file: Path) -> None:
    task = replace(toy, features=(Column("share", role),))
    if role in (*AS_IT_IS, *CAN_BE_ZERO):
        assert read_table(csv_file, task).x.min() == 0
        return
    with pytest.raises(DataError, match=f"0 cannot be: a feature of role {role} is above zero"):
        read_table(csv_file, task)


@pytest.mark.parametrize("folder", ["toy", "toy_scaling_law", "."])
def test_folders_that_hold_a_table(folder: str, toy: Task, csv_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / folder).mkdir(parents=True)
    csv_file.rename(data / folder / "train.csv")
    table = load_train(toy, data)
    assert len(table) == 4
    assert len(load_train(replace(toy, name="toy_scaling_law"), data)) == 4


def test_the_folder_of_the_task_comes_first(toy: Task, csv_file: Path, tmp_path: Path) -> None:
    (tmp_path / "toy" / "train.csv").write_text(csv_file.read_text())
    assert find_table(toy, "train", tmp_path).file.parent.name == "toy"


def test_one_table(toy: Task, csv_file: Path) -> None:
    file = csv_file.rename(csv_file.with_name("runs.txt"))
    table = load_train(toy, file)
    assert len(table) == 4
    with pytest.raises(PrerequisiteError, match="is one table, so task 'toy' has no test table"):
        load_test(toy, table, file)


def test_the_environment_serves_where_nothing_is_given(
    toy: Task, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PrerequisiteError, match="give --data PATH or set SLDAGENT_DATA"):
        load_train(toy)
    monkeypatch.setenv("SLDAGENT_DATA", str(csv_file))
    assert len(load_train(toy)) == 4
    with pytest.raises(DataError, match="no such file or folder"):
        load_train(toy, "elsewhere")


def test_data_without_the_task(toy: Task, tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"no training table of task 'toy'.*toy/train.csv"):
        load_train(toy, tmp_path)


def test_two_tables_of_one_split(toy: Task, csv_file: Path, tmp_path: Path) -> None:
    write_parquet(csv_file.read_text(), tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"has train.csv and train.parquet; keep one"):
        load_train(toy, tmp_path)


def test_test_rows(toy: Task, csv_file: Path, tmp_path: Path) -> None:
    train = load_train(toy, tmp_path)
    with pytest.raises(PrerequisiteError, match="has no test table of task 'toy'"):
        load_test(toy, train, tmp_path)
    test = csv_file.with_name("test.csv")
    test.write_text(csv_file.read_text())
    assert load_test(toy, train, tmp_path).sha256 == train.sha256
    test.write_text(csv_file.read_text().replace("x y", "xy"))
    with pytest.raises(DataError, match=r"test.csv, column group: group 'xy' is not in .*train"):
        load_test(toy, train, tmp_path)


def test_training_does_not_touch_the_test_table(toy: Task, csv_file: Path) -> None:
    csv_file.with_name("test.csv").mkdir()  # cannot be opened
    assert len(load_train(toy, csv_file.parent)) == 4


def test_one_module_alone_asks_for_test_rows() -> None:
    package = Path(sldagent.__file__).parent
    asking = {f.name for f in package.rglob("*.py") if 'find_table(task, "test"' in f.read_text()}
    assert asking == {"test_rows.py"}


def test_the_benchmark_fits_its_tasks(shared_data: Path, tmp_path: Path) -> None:
    for task in list_tasks(tmp_path):
        assert task.hub is not None
        assert len(load_train(task, shared_data)) == task.hub.train_rows


def test_blank_lines_are_no_rows(toy: Task, csv_file: Path) -> None:
    want = read_table(csv_file, toy).sha256
    csv_file.write_text(csv_file.read_text().replace("\n", "\n\n"))
    assert read_table(csv_file, toy).sha256 == want


def test_names_of_groups_command_no_terminal(toy: Task, csv_file: Path) -> None:
    table = read_table(csv_file, toy)
    hostile = Table(table.x, table.y, ("\x1b]0;owned\x07",) * len(table))
    assert hostile.group_names == ("\ufffd]0;owned\ufffd",)
