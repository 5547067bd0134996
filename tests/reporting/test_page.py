"""The page as text: what it carries, how large it gets, and what it does without rows."""

import json
import re
from pathlib import Path

import pytest
from reporting.made_up import HOSTILE, make_big_run, multiply

from sldagent import api
from sldagent.reporting.page import MOST_BYTES, render_page
from sldagent.reporting.summary import summarise
from sldagent.run import Run


def data_of(page: str) -> dict:
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]
    )


@pytest.fixture(scope="module")
def page(run: Run, folder: Path) -> str:
    return api.write_page(run, folder / "small.html").read_text("utf-8")


def test_it_carries_the_run(page: str, run: Run) -> None:
    data = data_of(page)
    best = run.best()
    assert best is not None
    assert data["best"] == best[0].number == 1
    assert data["path"] == [0, 1]
    assert data["candidates"]["number"] == [0, 1, 2]
    assert [data["candidates"]["words"][s] for s in data["candidates"]["status"]] == [
        "ok", "ok", "error",
    ]  # fmt: skip
    assert data["details"]["1"]["diff"].startswith("--- #0\n+++ #1")
    assert data["run"]["data"]["sha256"] == run.store.run()["data_sha256"]
    assert data["spent"] is None
    assert set(data["law"]["params"]) == {"stack", "pile"}


def test_its_law_is_typeset(page: str) -> None:
    formula = data_of(page)["law"]["formula"]
    assert formula["text"].startswith("loss = ")
    assert "num_params" in formula["text"]
    assert formula["mathml"].startswith("<math>")
    assert not re.search(r"&(?!amp;|lt;|gt;|#)", formula["mathml"])  # XML knows no other entities


def test_its_predictions_are_those_that_were_judged(page: str, run: Run) -> None:
    picture = data_of(page)["picture"]
    best = run.best()
    assert best is not None
    assert [cut["name"] for cut in picture["cuts"]] == [c.name for c in best[0].evaluation.cuts]
    for cut in picture["cuts"]:
        rows = cut["held_out"]
        actual = [picture["rows"]["y"][0][i] for i in rows]
        given = [cut["predicted"][0][i] for i in rows]
        mean = sum(actual) / len(actual)
        squares = sum((a - g) ** 2 for a, g in zip(actual, given, strict=True))
        r2 = 1 - squares / sum((a - mean) ** 2 for a in actual)
        assert r2 == pytest.approx(cut["r2"], abs=1e-3)
    curve = picture["curves"][0]
    assert curve["draws"] == 30
    assert all(
        a < b < c
        for a, b, c in zip(curve["low"][0], curve["fit"][0], curve["high"][0], strict=True)
    )
    assert curve["x"][-1] == pytest.approx(10 * curve["last"], rel=1e-5)
    assert sum(curve["points"]["held"]) > 0


def test_it_loads_nothing_and_runs_one_script_only(page: str) -> None:
    assert "default-src 'none'" in page
    assert "unsafe" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert not re.search(r"<(link|img|iframe|script src)", page)


def test_texts_cannot_end_the_data(hostile: Run) -> None:
    page = render_page(api.report(hostile))
    raw = page[page.index('id="data">') + 10 : page.index("</script>", page.index('id="data">'))]
    assert "<" not in raw
    assert ">" not in raw
    data = json.loads(raw)
    best = str(data["best"])
    assert any(evil in data["details"][best]["source"] for evil in HOSTILE)
    assert data["spent"]["calls"] == 41
    assert data["spent"]["input_tokens"] == 41_000
    assert data["spent"]["priced"] == sum(
        1 for k in range(120) if (k % 3 == 0 or k == 119) and k % 2
    )
    assert data["spent"]["usd"] == pytest.approx(0.01 * data["spent"]["priced"])


def test_five_thousand_candidates_stay_under_three_megabytes(tmp_path: Path) -> None:
    run = make_big_run(tmp_path, 100, size=400)
    multiply(run, 50)
    summary = summarise(run, api.load_task("parallel"))
    size = len(render_page({**summary, "picture": {"reason": "not drawn"}}).encode())
    assert size < MOST_BYTES
    assert len(summary["candidates"]["number"]) == 5003
    assert all(str(number) in summary["details"] for number in summary["path"])


def test_without_rows_it_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "parallel").mkdir()
    text = api.write_page(run, tmp_path / "x.html", data=str(tmp_path)).read_text("utf-8")
    assert "no training table" in data_of(text)["picture"]["reason"]


def test_numbers_that_are_not_finite_become_null(run: Run) -> None:
    summary = summarise(run, None)
    summary["picture"] = {"reason": "", "numbers": [float("nan"), float("inf"), 1.0]}
    assert data_of(render_page(summary))["picture"]["numbers"] == [None, None, 1.0]
