"""The folder of a measured table: a row for every finished run, and the recipe that they share."""

import csv
import fcntl
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from sldagent.errors import DataError, UsageError
from sldagent.measure.card import write_card
from sldagent.measure.plans import Plan
from sldagent.measure.spec import Row
from sldagent.plain import replace_file

_COLUMNS = [field.name for field in fields(Row)]


class Journal:
    """`runs.csv` with all finished runs, `recipe.json`, and the tables and card made of them.

    A row is on the disk before the next run is reported; a line that a power cut tore is dropped.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self._file = folder / "runs.csv"
        self._recipe = folder / "recipe.json"
        self.rows: dict[str, Row] = {row.key: row for row in self._read()}

    def agree(self, recipe: dict[str, Any]) -> None:
        """Stores what all runs share; `sitting` tells of this one only.

        Raises:
            UsageError: The folder's runs were made by another recipe, and would not compare.
        """
        file = self._recipe
        sitting = recipe.pop("sitting")
        recipe["sittings"] = [sitting]
        if file.is_file():
            old = json.loads(file.read_text("utf-8"))
            for name, value in recipe.items():
                if name != "sittings" and old.get(name) != value:
                    raise UsageError(
                        f"{self.folder} was measured with another {name}: {old.get(name)}, not "
                        f"{value}; its runs would not compare with new ones: give another --output"
                    )
            known = old["sittings"]
            recipe["sittings"] = known if sitting in known else [*known, sitting]
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(file, json.dumps(recipe, indent=2) + "\n")
        if not self._file.is_file():
            replace_file(self._file, _csv(_COLUMNS, []))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps others from adding to the folder; raises UsageError where someone does."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise UsageError(f"another process is measuring into {self.folder}") from None
        finally:
            os.close(folder)

    def add(self, rows: Sequence[Row]) -> None:
        """Commits finished runs, and writes the tables anew."""
        with self._file.open("a", encoding="utf-8", newline="") as file:
            file.write(_csv(None, [list(_words(row)) for row in rows]))
            file.flush()
            os.fsync(file.fileno())
        self.rows.update((row.key, row) for row in rows)
        self.write_tables()

    def write_tables(self) -> None:
        """`train.csv` and `test.csv` of the finished runs, in the order of the plan; the card."""
        columns = self.plan.columns
        for split in ("train", "test"):
            keys = [spec.key for spec in self.plan.grid if spec.stage == split]
            done = [self.rows[key] for key in keys if key in self.rows]
            lines = [
                [str(value(row)) for value in columns.values()]
                for row in done
                if row.loss is not None
            ]
            if lines:
                replace_file(self.folder / f"{split}.csv", _csv(list(columns), lines))
        recipe = json.loads(self._recipe.read_text("utf-8"))
        replace_file(self.folder / "card.md", write_card(self.plan, self.rows, recipe))

    def _read(self) -> list[Row]:
        if not self._file.is_file():
            return []
        text = self._file.read_text("utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            replace_file(self._file, whole)
        lines = list(csv.DictReader(io.StringIO(whole)))
        try:
            return [_parse(line) for line in lines]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{self._file}: not a journal of training runs ({error!r})") from error


def _parse(line: dict[str, str]) -> Row:
    def number(name: str) -> float | None:
        return float(line[name]) if line[name] else None

    return Row(
        key=line["key"],
        stage=line["stage"],
        width=int(line["width"]),
        params=int(line["params"]),
        inner_params=int(line["inner_params"]),
        unique_tokens=int(line["unique_tokens"]),
        tokens=int(line["tokens"]),
        batch=int(line["batch"]),
        rate=float(line["rate"]),
        seed=int(line["seed"]),
        loss=number("loss"),
        train_loss=number("train_loss"),
        seconds=float(line["seconds"]),
        cpu_seconds=float(line["cpu_seconds"]),
        finished=line["finished"],
    )


def _words(row: Row) -> Sequence[str]:
    return ["" if value is None else str(value) for value in row.as_dict().values()]


def _csv(header: Sequence[str] | None, lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()
