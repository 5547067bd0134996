"""What JSON can carry, and files of which readers never see a part."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from sldagent.plain import finite, replace_file


def test_numbers_that_are_not_finite_become_none() -> None:
    value = {"a": [1.0, math.nan, (math.inf, np.float64(-math.inf))], 2: np.float32(0.5), "n": None}
    assert finite(value) == {"a": [1.0, None, [None, None]], "2": 0.5, "n": None}
    assert json.loads(json.dumps(finite(value), allow_nan=False)) == finite(value)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    replace_file(file, "old\r\n")
    assert file.read_bytes() == b"old\r\n"
    with pytest.raises(UnicodeEncodeError):
        replace_file(file, "new \ud800")
    assert file.read_bytes() == b"old\r\n"
    assert list(tmp_path.iterdir()) == [file]


def test_links_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link, target = tmp_path / "link.html", folder / "page.html"
    link.symlink_to(target)
    for text in ("new", "newer"):  # the first time the link leads nowhere yet
        replace_file(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert list(folder.iterdir()) == [target]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    replace_file(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()
    with pytest.raises(IsADirectoryError):
        replace_file(folder, "page")
