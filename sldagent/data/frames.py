"""Reads any table of runs as it is: CSV with commas, semicolons or tabs, parquet, JSON lines.

Nothing is known of the columns yet: cells stay what the file holds. `sldagent.data.tables` reads
the tables of tasks, whose columns are known.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.data.tables import Row, csv_lines, csv_rows, is_parquet, not_utf8, read_parquet
from sldagent.data.tasks import did_you_mean
from sldagent.data.units import is_missing, means_decimal_commas, parse_number, says_none
from sldagent.errors import DataError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RUN = "run"
SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".parquet")
_TENSORBOARD = re.compile(r"^run-(.+)-tag-.*$")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class Frame:
    """Rows of a file before anything is known of their columns.

    Attributes:
        columns: Cells by name of the column, all of the same length.
        places: For each row where it stands in the file, as a person would look it up.
        origin: The file.
        layout: What kind of file it is, in words.
        decimal_comma: Whether numbers in it have a comma where others have a point.
    """

    columns: dict[str, tuple[Any, ...]]
    places: tuple[str, ...]
    origin: str
    layout: str
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.places)

    def numbers(self, name: str) -> Floats:
        """A column as numbers; NaN where there is none."""
        return self._parsed(name)[0]

    def numeric(self, name: str) -> Bools:
        """Which cells of a column are numbers, NaN and infinity among them."""
        return self._parsed(name)[1]

    def _parsed(self, name: str) -> tuple[Floats, Bools]:
        if name not in self._columns_parsed:
            cells = [parse_number(cell, self.decimal_comma) for cell in self.columns[name]]
            numbers = np.array([np.nan if v is None else v for v in cells], dtype=np.float64)
            numeric = np.array([v is not None for v in cells], dtype=np.bool_)
            self._columns_parsed[name] = numbers, numeric
        return self._columns_parsed[name]

    @cached_property
    def _columns_parsed(self) -> dict[str, tuple[Floats, Bools]]:
        return {}

    def missing(self, name: str) -> Bools:
        """Which cells of a column say that there is no value."""
        return np.array([not text for text in self.texts(name)], dtype=np.bool_)

    def texts(self, name: str) -> tuple[str, ...]:
        """A column as text, without blanks at either end; empty where there is no value."""
        if name not in self._columns_as_text:
            cells = self.columns[name]
            given = [not is_missing(cell) for cell in cells]
            if any(given) and not self.numeric(name)[given].any():
                given = [known or says_none(cell) for known, cell in zip(given, cells, strict=True)]
            self._columns_as_text[name] = tuple(
                str(cell).strip() if known else "" for known, cell in zip(given, cells, strict=True)
            )
        return self._columns_as_text[name]

    @cached_property
    def _columns_as_text(self) -> dict[str, tuple[str, ...]]:
        return {}

    def rows(self, keep: Bools | Sequence[int]) -> "Frame":
        """The chosen rows."""
        chosen = np.arange(len(self))[np.asarray(keep)]
        columns = {name: tuple(cells[i] for i in chosen) for name, cells in self.columns.items()}
        return replace(self, columns=columns, places=tuple(self.places[i] for i in chosen))

    def at(self, places: Sequence[str]) -> "Frame":
        """The rows that stand at these places, in their order."""
        index = {place: i for i, place in enumerate(self.places)}
        return self.rows([index[place] for place in places])

    def require(self, names: Iterable[str], option: str) -> None:
        """Raises DataError for a name that is no column."""
        for name in names:
            if name not in self.columns:
                hint = did_you_mean(name, tuple(self.columns))
                raise DataError(
                    f"{self.origin}: {option} '{name}' is no column{hint}; columns:"
                    f" {', '.join(self.columns)}"
                )


def read_frame(path: Path) -> Frame:
    """The rows of a file, or of all files of a folder, which must have the same columns.

    Rows of a folder have a column `run` with the file's name; of `run-NAME-tag-loss.csv`, as
    TensorBoard calls its files, it is NAME.

    Raises:
        DataError: A file cannot be read, or is no table.
    """
    return _read_folder(path) if path.is_dir() else _read_file(path)


def _read_folder(folder: Path) -> Frame:
    files = table_files(folder)
    if not files:
        raise DataError(f"{folder}: the folder has no table: *{', *'.join(SUFFIXES)}")
    frames = [_read_file(file) for file in files]
    names = list(frames[0].columns)
    for frame in frames:
        if list(frame.columns) != names:
            raise DataError(f"{frame.origin}: other columns than {frames[0].origin} has")
    cells = {n: tuple(cell for f in frames for cell in f.columns[n]) for n in names}
    if RUN not in cells:
        runs = [_TENSORBOARD.sub(r"\1", file.stem) for file in files]
        cells[RUN] = tuple(run for run, f in zip(runs, frames, strict=True) for _ in f.places)
    return Frame(
        cells,
        tuple(f"{Path(f.origin).name} {place}" for f in frames for place in f.places),
        str(folder),
        f"{len(files)} files, {frames[0].layout}",
        any(frame.decimal_comma for frame in frames),
    )


def table_files(path: Path) -> list[Path]:
    """The file itself, or a folder's tables by name."""
    if not path.is_dir():
        return [path]
    return sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())


def _read_file(path: Path) -> Frame:
    try:
        with path.open("rb") as file:
            start = file.read(256)
        if start.startswith(b"PK\x03\x04"):
            raise DataError(f"{path}: an Excel or zip file: save the sheet as CSV")
        if is_parquet(path):
            header, rows = read_parquet(path)
            layout = "parquet"
        elif start.decode("utf-8-sig", "replace").lstrip()[:1] in ("{", "["):
            header, rows = _read_json(path)
            layout = "JSON lines"
        else:
            header, rows, layout = _read_separated(path)
        placed = list(rows)
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    names = _names(path, header)
    if not placed:
        raise DataError(f"{path}: the table has no rows")
    columns = dict(zip(names, zip(*(cells for _, cells in placed), strict=True), strict=True))
    cells = (cell for column in columns.values() for cell in column)
    separator = next((s for s, words in _SEPARATORS.items() if layout.endswith(words)), "")
    decimal_comma = means_decimal_commas(cells, separator)
    places = tuple(place for place, _ in placed)
    return Frame(columns, places, str(path), layout, decimal_comma)


def files_sha256(path: Path) -> str:
    """Hash of a file's bytes, or of those of all tables of a folder."""
    digest = hashlib.sha256()
    for file in table_files(path):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read_separated(path: Path) -> tuple[list[str], Iterator[Row], str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = next((line for line in file if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    lines = csv_lines(path, separator)
    header = next(lines, (0, []))[1]
    if not header:
        raise DataError(f"{path}: the file is empty")
    if all(parse_number(name) is not None for name in header):
        raise DataError(f"{path}: the first line holds numbers; it must hold the columns' names")
    layout = f"CSV with {_SEPARATORS[separator]}"
    return header, csv_rows(path, len(header), lines), layout


def _read_json(path: Path) -> tuple[list[str], Iterator[Row]]:
    """Objects, one a line or in one list.

    Of an object inside a row come columns `outer.inner`, or `inner` where no other is called so.
    """
    text = path.read_text(encoding="utf-8-sig")
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        if text.lstrip().startswith("["):
            found = [(f"row {i}", _flat(value)) for i, value in enumerate(json.loads(text), 1)]
        else:
            for i, line in enumerate(text.split("\n"), 1):  # U+2028 may be in a string
                if line.strip():
                    where = i
                    found.append((f"line {i}", _flat(json.loads(line))))
    except (ValueError, TypeError) as error:
        line_number = "" if text.lstrip().startswith("[") else f", line {where}"
        raise DataError(f"{path}{line_number}: not JSON lines, an object a line: {error}") from None
    names = list(dict.fromkeys(name for _, values in found for name in values))
    leaves = Counter(name.rpartition(".")[2] for name in names)
    header = [leaf if leaves[leaf := name.rpartition(".")[2]] == 1 else name for name in names]
    return header, ((place, [values.get(name) for name in names]) for place, values in found)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a row is no object")
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= _flat(inner, f"{prefix}{key}.")
        else:
            flat[prefix + key] = inner
    return flat


def _names(path: Path, header: list[str]) -> list[str]:
    names = [" ".join(str(name).split()) or f"column {i}" for i, name in enumerate(header, 1)]
    for name, times in Counter(names).items():
        if times > 1:
            raise DataError(f"{path}: column '{name}' is there {times} times; rename or remove one")
    return names
