"""Which models are asked, how often each, where, and what a token costs.

NAME[,weight=0.3][,concurrency=4][,island=2][,url=http://gpu:8000/v1][,key=VARIABLE][,price=IN/OUT]
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from sldagent.errors import PrerequisiteError, UsageError

OPENAI_URL = "https://api.openai.com/v1"
_KEY = "OPENAI_API_KEY"
_NO_KEY = "none"  # what servers that ask for no key are sent
_MILLION = 1e6
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class ModelSpec:
    """One model of a run.

    Attributes:
        name: As the endpoint knows it.
        weight: How often it is preferred to the others, beside what it brings.
        concurrency: Most calls of it in flight; None leaves it to the run.
        island: The only island that asks it; None lets all.
        url: Its endpoint, up to and including `/v1`.
        key: The environment variable that holds its key; empty sends none.
        price: Dollars per million tokens in and out; None looks the name up.
    """

    name: str
    weight: float
    concurrency: int | None
    island: int | None
    url: str
    key: str
    price: tuple[float, float] | None

    def secret(self) -> str:
        """Its key; raises PrerequisiteError where none is set and one is needed."""
        value = os.environ.get(self.key, "").strip() if self.key else _NO_KEY
        if value:
            return value
        if self.key == _KEY and self.url != OPENAI_URL:
            return _NO_KEY
        raise PrerequisiteError(
            f"no key for model '{self.name}': set {self.key}, or name a server of your own with "
            "--base-url; without --model symbolic mutation needs no key"
        )

    @cached_property
    def _looked_up(self) -> Any:
        """The price list's entry; None where it does not know the model."""
        import genai_prices

        usage = genai_prices.Usage(input_tokens=1, output_tokens=1)
        try:
            return genai_prices.calc_price(usage, self.name, provider_api_url=self.url)
        except LookupError:
            return None

    @property
    def priced(self) -> bool:
        """Whether its price is known."""
        return self.price is not None or self._looked_up is not None

    @property
    def basis(self) -> str:
        """Where its price comes from, in words."""
        if self.price is not None:
            return f"${self.price[0]:g} and ${self.price[1]:g} a million tokens, as given"
        if self._looked_up is None:
            return "price unknown: tokens only"
        return f"price of {self._looked_up.provider.id}'s {self._looked_up.model.id} (genai-prices)"

    def dollars(self, tokens_in: int, tokens_out: int, cached: int = 0) -> float | None:
        """What a call costs; None where the price is unknown."""
        if self.price is not None:
            return (tokens_in * self.price[0] + tokens_out * self.price[1]) / _MILLION
        if self._looked_up is None:
            return None
        import genai_prices

        usage = genai_prices.Usage(
            input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=cached
        )
        found = genai_prices.calc_price(usage, self.name, provider_api_url=self.url)
        return float(found.total_price)


def base_url(given: str | None) -> str:
    """The endpoint of models without a `url`: the option, OPENAI_BASE_URL, or OpenAI's.

    Raises:
        UsageError: It is no URL, or holds a password.
    """
    url = (given or os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI_URL).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"no URL of a server: '{url}'; write e.g. http://localhost:8000/v1")
    if parts.username or parts.password or parts.query:
        raise UsageError(
            "the URL of a server holds a user, a password or a query, which would be stored with "
            "the run; put a key into OPENAI_API_KEY"
        )
    return url


def parse_model(text: str, url: str) -> ModelSpec:
    """The model that an option `--model` names; `url` is the endpoint where it says none.

    Raises:
        UsageError: It says something that is no such thing.
    """
    name, *settings = (part.strip() for part in text.split(","))
    if not name:
        raise UsageError("--model needs the name of a model")
    said: dict[str, Any] = {}
    for setting in settings:
        word, equals, value = setting.partition("=")
        if not equals or word not in _READERS or word in said:
            raise UsageError(
                f"--model {name}: cannot read '{setting}'; there is {', '.join(_READERS)}, "
                "each as NAME=VALUE"
            )
        try:
            said[word] = _READERS[word](value)
        except ValueError:
            raise UsageError(f"--model {name}: '{setting}' has no such value") from None
    own = base_url(said["url"]) if "url" in said else url
    return ModelSpec(
        name=name,
        weight=said.get("weight", 1.0),
        concurrency=said.get("concurrency"),
        island=said.get("island"),
        url=own,
        # A key is for the server it was made for, never for another one.
        key=said.get("key", "" if "url" in said else _KEY),
        price=said.get("price"),
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def _island(text: str) -> int:
    if int(text) < 0:
        raise ValueError
    return int(text)


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError
    return text


def _price(text: str) -> tuple[float, float]:
    parts = [float(part) for part in text.split("/")]
    if len(parts) != 2 or not all(0 <= part < float("inf") for part in parts):
        raise ValueError
    return parts[0], parts[1]


_READERS: dict[str, Callable[[str], Any]] = {
    "weight": _positive,
    "concurrency": _count,
    "island": _island,
    "url": str,
    "key": _variable,
    "price": _price,
}
