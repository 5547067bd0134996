"""Figures for a paper: one a subject, in every format, the same bytes from the same run."""

from pathlib import Path

import pytest

from sldagent import api
from sldagent.errors import UsageError
from sldagent.reporting.plots import write_plots
from sldagent.run import Run

SIGNATURES = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


@pytest.fixture(scope="module")
def report(run: Run) -> dict:
    return api.report(run)


def test_every_figure_comes_in_every_format(report: dict, tmp_path: Path) -> None:
    files = write_plots(report, tmp_path, ("png", "pdf", "svg"))
    names = {"score", "pareto", "predicted", "residuals", "extrapolation"}
    assert {path.name for path in files} == {f"{n}.{kind}" for n in names for kind in SIGNATURES}
    for path in files:
        content = path.read_bytes()
        assert content.startswith(SIGNATURES[path.suffix[1:]])
        assert len(content) > 4000
    assert "parallel_size" in (tmp_path / "residuals.svg").read_text("utf-8")  # text stays text


def test_the_same_data_give_the_same_files(report: dict, tmp_path: Path) -> None:
    left = {**report, "picture": {"reason": "as fast as can be"}}
    first = write_plots(left, tmp_path / "a", ("svg", "pdf"))
    again = write_plots(left, tmp_path / "b", ("svg", "pdf"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]


def test_without_predictions_the_rest_is_drawn(report: dict, tmp_path: Path) -> None:
    left = {**report, "picture": {"reason": "no rows"}}
    assert {p.stem for p in write_plots(left, tmp_path, ("svg",))} == {"score", "pareto"}


def test_names_that_look_like_mathematics_are_text(report: dict, tmp_path: Path) -> None:
    picture = report["picture"]
    odd = {**picture, "groups": ["$\\frac", "$x_$"]}
    assert write_plots({**report, "picture": odd}, tmp_path, ("svg",))


def test_unknown_formats_are_refused(report: dict, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not as 'gif'"):
        write_plots(report, tmp_path / "x", ("gif",))
    assert not (tmp_path / "x").exists()
