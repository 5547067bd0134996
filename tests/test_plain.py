"""What JSON can carry, and files of which readers never see a part."""

import json
import math
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
