"""The page in a real browser: it draws, answers mouse, keys and touch, and lets nothing out."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api

from sldagent import api
from sldagent.run import Run

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip
SECTIONS = [
    "winner", "curves", "fit", "path", "progress", "lineage", "pareto", "statuses", "run",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(hostile: Run, folder: Path) -> Path:
    return api.write_page(hostile, folder / "hostile.html")


class Watched:
    """A page with what went wrong on it and what it asked the network for."""

    def __init__(self, browser: Any, file: Path, **settings: Any) -> None:
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_page(**settings)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-drawn=yes]")
        self.page.wait_for_selector("#lineage svg")

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())


@pytest.fixture
def watched(browser: Any, file: Path) -> Iterator[Watched]:
    watched = Watched(browser, file, viewport={"width": 1280, "height": 900})
    yield watched
    assert watched.troubles == []
    assert watched.requests == [file.as_uri()]
    assert watched.page.evaluate("document.documentElement.dataset.owned") is None
    watched.page.close()


def test_every_panel_is_drawn(watched: Watched) -> None:
    page = watched.page
    assert page.evaluate("[...document.querySelectorAll('section')].map(s => s.id)") == SECTIONS
    for section in ("curves", "fit", "progress", "lineage", "pareto"):
        page.locator(f"#{section}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{section} svg path")
    assert watched.count("#formula math mi") > 3
    assert watched.count("#winner tbody tr") >= 5
    assert page.locator("#path li").count() == len(page.evaluate("D.path"))
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


def test_a_click_on_a_point_opens_its_candidate(watched: Watched) -> None:
    page = watched.page
    best = page.evaluate("D.best")
    ring = page.locator("#lineage svg circle[r='8']")
    ring.scroll_into_view_if_needed()
    box = ring.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    assert f"#{best} " in page.locator("#tip").inner_text()
    page.mouse.click(box["x"] + 8, box["y"] + 8)
    assert page.locator("#candidate-title").inner_text() == f"Candidate #{best}"
    page.locator("#candidate button:has-text('#')").first.click()  # its parent
    assert page.locator("#candidate-title").inner_text() != f"Candidate #{best}"
    page.keyboard.press("Escape")
    assert not page.evaluate("document.getElementById('candidate').open")


def test_keys_walk_and_open(watched: Watched) -> None:
    page = watched.page
    page.locator("#lineage svg").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tip").inner_text().startswith("#0 ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("document.getElementById('candidate').open")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.tagName") == "svg"
    page.locator("#lineage input").fill("1")
    page.keyboard.press("Enter")
    assert page.locator("#candidate-title").inner_text() == "Candidate #1"


def test_hostile_texts_are_text(watched: Watched) -> None:
    page = watched.page
    for number in page.evaluate("Object.keys(D.details).map(Number).slice(0, 20)"):
        page.evaluate(f"open({number})")
        for summary in page.locator("#candidate summary").all():
            summary.click()
    best = page.evaluate("D.best")
    page.evaluate(f"open({best})")
    shown = page.locator("#candidate").inner_text()
    assert "<!--<script>" in shown
    assert page.evaluate(f"D.details[{best}].calls[0].reply") in page.locator(
        "#candidate"
    ).evaluate("node => node.textContent")
    assert watched.count("img, iframe, script[src], dialog style") == 0


def test_choices_redraw(watched: Watched) -> None:
    page = watched.page
    page.locator("#fit svg").first.scroll_into_view_if_needed()
    before = page.locator("#fit svg").first.inner_html()
    page.locator("#fit select").first.select_option(index=1)
    assert page.locator("#fit svg").first.inner_html() != before
    before = page.locator("#curves svg").inner_html()
    page.locator("#curves select").first.select_option(index=1)
    assert page.locator("#curves svg").inner_html() != before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(browser: Any, file: Path, scheme: str) -> None:
    watched = Watched(
        browser, file, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True
    )
    page = watched.page
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)"
    )
    assert (red + green + blue > 600) == (scheme == "light")
    small = page.evaluate(
        "[...document.querySelectorAll('svg text')]"
        ".filter(t => parseFloat(getComputedStyle(t).fontSize) < 11).length"
    )
    assert small == 0
    page.locator("#path button").first.tap()
    assert page.evaluate("document.getElementById('candidate').open")
    assert watched.troubles == []
    page.close()


def test_a_run_without_rows_or_valid_candidates_is_drawn_too(
    browser: Any, run: Run, tmp_path: Path
) -> None:
    from sldagent.reporting.page import render_page
    from sldagent.reporting.summary import summarise

    summary = summarise(run, None)
    summary["picture"] = {"reason": "the rows are gone"}
    (tmp_path / "a.html").write_text(render_page(summary), "utf-8")
    watched = Watched(browser, tmp_path / "a.html")
    assert "the rows are gone" in watched.page.locator("#fit").inner_text()
    watched.page.close()
    columns = summary["candidates"]
    failed = {"r2": None, "score": None, "params": None}
    none = {
        name: [failed.get(name, value[2])] for name, value in columns.items() if name != "words"
    }
    none |= {"words": columns["words"], "number": [0], "parents": [[]]}
    summary |= {"best": None, "path": [], "details": {}, "candidates": none}
    (tmp_path / "b.html").write_text(render_page(summary), "utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "b.html").as_uri())
    page.wait_for_selector("html[data-drawn=yes]")
    assert "no valid candidate yet" in page.locator("#top").inner_text()
    page.close()
