"""One HTML page of a run: self-contained, drawn by its own script from data that it carries."""

import base64
import hashlib
import html
import json
from importlib import resources
from typing import Any

from sldagent.plain import finite

MOST_BYTES = 3_000_000
_SCRIPTS = ("charts.js", "candidates.js", "page.js")  # one script in this order


def render_page(data: dict[str, Any]) -> str:
    """The page as text. `data` is what `summary.summarise` gives, with `law` and `picture` added.

    Whatever stands in programs, replies or names stays text: the script never parses a string as
    markup, and the page's policy lets it run no other script and load nothing.
    """
    style, script = _asset("page.css"), "\n".join(_asset(name) for name in _SCRIPTS)
    name = data["run"]["name"]
    return (
        _asset("page.html")
        .replace("@TITLE@", html.escape(f"{name}: scaling law"))
        .replace("@STYLE_HASH@", _hash(style))
        .replace("@SCRIPT_HASH@", _hash(script))
        .replace("@STYLE@", style)
        .replace("@SCRIPT@", script)
        .replace("@DATA@", _embedded(data))
    )


def _embedded(data: dict[str, Any]) -> str:
    """JSON that no string in it can end early; numbers that are not finite become null."""
    text = json.dumps(finite(data), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _asset(name: str) -> str:
    return resources.files("sldagent.reporting").joinpath("assets", name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
