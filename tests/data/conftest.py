"""A small synthetic task whose files tests write, change and read back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sldagent.data.tasks import read_task
from sldagent.task import Task

TOML = """
title = "Toy"
description = "Loss over size and tokens."
group = "group"
parameter_limit = 3
ignored = ["note"]

[[features]]
name = "size"
role = "size"
unit = "parameters"
description = "Parameters."

[[features]]
name = "share"
role = "fraction"

[[features]]
name = "bias"
role = "logged"

[[targets]]
name = "loss"
unit = "nats"

[[cuts]]
kind = "axis"
axes = ["size"]
shares = [0.25, 0.5]
"""

CSV = """\
note,group,size,share,bias,loss
a,1.30,1e6,0,-2,3.5
b,1.30,2e6,0.5,0,3.0
c,x y,4e6,1,0.1,-2.5
d,x y,8000000,0.25,3,2.25
"""


@pytest.fixture
def write_task(tmp_path: Path) -> Callable[..., Path]:
    """Writes toy/task.toml with replacements made in it; returns the file."""

    def write(*changes: tuple[str, str]) -> Path:
        text = TOML
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        file = tmp_path / "toy" / "task.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    return write


@pytest.fixture
def toy(write_task: Callable[..., Path]) -> Task:
    return read_task(write_task())


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """train.csv of the toy task."""
    file = tmp_path / "train.csv"
    file.write_text(CSV)
    return file
