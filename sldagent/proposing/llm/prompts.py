"""Fills the prompt templates; users may have their own (`--prompts DIR`).

A prompt is bounded in size. What is cut first, until it fits: what was tried before, the oldest
first; exemplars, the weakest first; the second parent's text, whose law stays; the residuals. The
parent's text is never cut: where the prompt does not fit with it alone, the model is not asked.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from sldagent.errors import UsageError

KINDS = ("rewrite", "diff", "crossover", "reflection")
FILES = ("system.md", "shown.md", *(f"{kind}.md" for kind in KINDS), "repair.md")
_RUN = re.compile(r"`{3,}")


@dataclass(frozen=True, slots=True)
class Template:
    """The text of a template, and the file that it came from, for messages."""

    text: str
    origin: str


class Prompts:
    """The templates of a run, checked.

    Args:
        templates: By file name, one for each of FILES.
        system: What `system.md` shows: `task` in words, and `cuts`.
        limit: The parameters that a law may have, in words.
        most_bytes: Most bytes of what a model is sent beside `system.md`.

    Raises:
        UsageError: A template is wrong; the message names file and line.
    """

    def __init__(
        self,
        templates: Mapping[str, Template],
        system: Mapping[str, Any],
        limit: str,
        most_bytes: int,
    ) -> None:
        self._templates = templates
        self._limit = limit
        self._most = most_bytes
        self._environment = SandboxedEnvironment(
            loader=jinja2.DictLoader({name: found.text for name, found in templates.items()}),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # the result is text for a model, not HTML
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters["quoted"] = _quoted
        self._environment.filters["fenced"] = fenced
        for name in FILES:
            self._compile(name)
        self.system = self._fill("system.md", system)
        for kind in KINDS:
            self._fill(f"{kind}.md", {**sample("pass"), "limit": limit})
        self.repair("it does not parse")

    def ask(self, kind: str, shown: Mapping[str, Any]) -> str | None:
        """What a model is asked for one proposal; None where the parent alone is too large."""
        values = {**shown, "limit": self._limit}
        while True:
            text = self._fill(f"{kind}.md", values)
            if len(text.encode("utf-8", "replace")) <= self._most:
                return text
            if not _cut(values):
                return None

    def repair(self, reason: str) -> str:
        """What a model is told about an answer that cannot be used."""
        return self._fill("repair.md", {"reason": reason})

    def _compile(self, name: str) -> None:
        if name not in self._templates:
            raise UsageError(f"no template prompts/{name} here, nor in the installation")
        found = self._templates[name]
        try:
            self._environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            raise UsageError(f"{found.origin}, line {error.lineno}: {error.message}") from error

    def _fill(self, name: str, values: Mapping[str, Any]) -> str:
        try:
            text: str = self._environment.get_template(name).render(values)
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise UsageError(f"{self._templates[name].origin}: {error}") from error
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _quoted(text: object) -> str:
    """On one line, in quotation marks: it cannot pass for prose of the prompt."""
    return json.dumps(str(text), ensure_ascii=False)


def fenced(text: object) -> str:
    """In a fence that the text itself cannot close."""
    body = str(text).rstrip("\n")
    longest = max((len(run) for run in _RUN.findall(body)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{body}\n{fence}"


def _cut(values: dict[str, Any]) -> bool:
    """Takes out what can be spared most; False where nothing is left."""
    if values["siblings"]:
        values["siblings"] = values["siblings"][1:]
    elif values["exemplars"]:
        values["exemplars"] = values["exemplars"][:-1]
    elif values.get("other") and values["other"]["source"]:
        values["other"] = {**values["other"], "source": ""}
    elif values["parent"]["residuals"]:
        values["parent"] = {**values["parent"], "residuals": []}
    else:
        return False
    return True


def sample(source: str, cuts: int = 1) -> dict[str, Any]:
    """Made-up values of every name that the templates may use, as large as usual ones."""
    cut = {"name": "tokens>2e10", "r2": "0.9000", "error": "1.00%", "bias": "0.01 too high",
           "worst": [{"name": "group", "r2": "0.8000"}]}  # fmt: skip
    law = {"number": 1, "score": "0.9000", "r2": "0.9000", "params": 5, "literals": 0,
           "formula": "loss = 311.7/params**0.3191 + 320.8/tokens**0.2656 + 1.418",
           "source": source, "cuts": [cut] * cuts, "residuals": ["along a feature: none"] * 4,
           "warnings": ["a prediction beyond the data is not finite"]}  # fmt: skip
    child = {"number": 2, "change": "couple the two terms by an exponent that they share",
             "outcome": "score 0.8900 (-0.0100)", "reason": "none"}  # fmt: skip
    return {"parent": law, "other": law, "exemplars": [law] * 3, "siblings": [child] * 6}
