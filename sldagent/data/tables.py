"""Reads a table, CSV or parquet, into the arrays of its task.

Every number is checked here and trusted from here on: what a feature can be follows from its role
(`sldagent.scales.domain_of`), since laws take logarithms and negative powers of most; a target may
be any finite number.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sldagent.data.tasks import did_you_mean
from sldagent.errors import DataError
from sldagent.scales import domain_of
from sldagent.table import Table
from sldagent.task import Column, Task

# The group of every row where a task has no group column; the benchmark calls it so too.
ALL_ROWS = "all_data"
# Between the parts of a group's name, where several columns make it, and between theirs.
JOIN = "+"

# A row and where it stands in its file, as a person would look it up.
Row = tuple[str, Sequence[Any]]


def read_table(path: Path, task: Task) -> Table:
    """The rows of a file in file order; columns that the task does not name are not looked at.

    CSV and parquet files of the same rows give equal tables. Group names are kept as written.

    Raises:
        DataError: The file is no such table; the message names file, line or row, and column.
    """
    try:
        header, rows = read_parquet(path) if is_parquet(path) else _read_csv(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    columns = [*task.features, *task.targets]
    places = [_position(path, header, column.name) for column in columns]
    group = _group_positions(path, header, task.group_column)
    numbers: list[list[float]] = []
    groups: list[str] = []
    for place, cells in rows:
        where = f"{path}, {place}"
        numbers.append([_number(cells[i], c, where) for i, c in zip(places, columns, strict=True)])
        groups.append(JOIN.join(_group(cells[i], header[i], where) for i in group) or ALL_ROWS)
    if not numbers:
        raise DataError(f"{path}: the table has no rows")
    values = np.array(numbers, dtype=np.float64)
    split = len(task.features)
    return Table(values[:, :split], values[:, split:], tuple(groups), str(path))


def is_parquet(path: Path) -> bool:
    """Whether the file begins as a parquet file does, whatever its name."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_csv(path: Path) -> tuple[list[str], Iterator[Row]]:
    """Header and rows. The csv module, not pandas, since errors must name the line of the file."""
    lines = csv_lines(path)
    header = next(lines, (0, []))[1]
    if not header:
        raise DataError(f"{path}: the file is empty")
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise DataError(
                f"{path}: columns are separated by {name}; separate them by commas, or"
                " make a task of the file with `sldagent tasks new`"
            )
    return header, csv_rows(path, len(header), lines)


def csv_rows(path: Path, width: int, lines: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    """The rows below the header; raises DataError for one that is not of its width."""
    for line, cells in lines:
        if len(cells) != width:
            raise DataError(f"{path}, line {line}: {len(cells)} cells, but the header has {width}")
        yield f"line {line}", cells


def csv_lines(path: Path, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of everything but blank lines; raises DataError where it is no CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True, delimiter=separator)
        start = 1
        try:
            for cells in reader:
                if cells:
                    yield start, cells
                start = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}, line {start}: neither CSV nor parquet: {error}") from error
        except UnicodeDecodeError:
            raise not_utf8(path) from None


def not_utf8(path: Path) -> DataError:
    """The error for a file of other text, with the line of its first byte that is not UTF-8.

    A decoder that is fed in parts knows no place in the file.
    """
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        data = data[: error.start]
    line = len((data + b".").splitlines())
    return DataError(f"{path}, line {line}: no UTF-8 text: save it as UTF-8")


def read_parquet(path: Path) -> tuple[list[str], Iterator[Row]]:
    """Names of the columns, and the rows; raises DataError where the file is damaged."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged parquet: {str(error).splitlines()[0]}") from error
    columns = [column.to_pylist() for column in table.columns]
    rows = enumerate(zip(*columns, strict=True), 1)
    return list(table.column_names), ((f"row {number}", cells) for number, cells in rows)


def _position(path: Path, header: list[str], name: str) -> int:
    times = Counter(header)[name]
    if times > 1:
        raise DataError(f"{path}: column '{name}' is there {times} times")
    if times == 0:
        hint = did_you_mean(name, header)
        raise DataError(f"{path}: no column '{name}'{hint}; columns: {', '.join(header)}")
    return header.index(name)


def _group_positions(path: Path, header: list[str], name: str | None) -> list[int]:
    """Where the columns stand that name a row's group: one, or the parts of `arch+optimiser`."""
    if name is None:
        return []
    parts = name.split(JOIN)
    if name in header or any(part not in header for part in parts):
        parts = [name]
    return [_position(path, header, part) for part in parts]


def _group(cell: Any, column: str, where: str) -> str:
    if cell is None or cell != cell or not str(cell).strip():
        raise DataError(f"{where}, column {column}: the cell is empty")
    return str(cell)


def _number(cell: Any, column: Column, where: str) -> float:
    where = f"{where}, column {column.name}"
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise DataError(f"{where}: the cell is empty")
    try:
        # float() takes 1_000, which no spreadsheet means as a number, and True.
        if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
            raise ValueError
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{where}: {str(cell)[:40]!r} is not a number") from None
    if not math.isfinite(value):
        raise DataError(f"{where}: {cell} is not a finite number")
    least, most, words = domain_of(column.role, least=0.0)
    if not least <= value <= most:
        raise DataError(f"{where}: {cell} cannot be: a feature of role {column.role} is {words}")
    return value
