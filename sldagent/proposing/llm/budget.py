"""What a run may spend on models. A call reserves the most that it can take before it is made."""

import threading
from dataclasses import dataclass, field

from sldagent.proposing.llm.models import ModelSpec

# A tokenizer makes at most one token of a byte; chat templates add some of their own.
_TEMPLATE_TOKENS = 256


def most_tokens(text: str) -> int:
    """A number of tokens that a prompt cannot exceed, whatever the tokenizer."""
    return len(text.encode("utf-8", "replace")) + _TEMPLATE_TOKENS


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """The most that a run may spend; None sets no limit.

    Attributes:
        usd: Dollars.
        tokens: Tokens, in and out together.
        calls: Calls of a model.
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None


@dataclass(slots=True)
class Spent:
    """What was spent.

    Attributes:
        calls: Calls of a model.
        tokens: Tokens, in and out together.
        usd: Dollars, as far as known.
    """

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def plus(self, other: "Spent", sign: int = 1) -> "Spent":
        """The sum, or the difference with sign -1."""
        return Spent(
            self.calls + sign * other.calls,
            self.tokens + sign * other.tokens,
            self.usd + sign * other.usd,
        )


@dataclass(slots=True)
class Budget:
    """A run's limits and its ledger; used from many threads.

    Attributes:
        limits: The limits.
        spent: What is known to be spent, earlier drivers of the run included.
        refused: Why a call could not be afforded; empty as long as all could.
    """

    limits: BudgetLimits
    spent: Spent = field(default_factory=Spent)
    refused: str = ""
    _held: Spent = field(default_factory=Spent)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _settled: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self._settled = threading.Condition(self._lock)

    def reserve(self, model: ModelSpec, prompt: str, reply_tokens: int) -> Spent | None:
        """Sets aside the most that a call can take; None where that would exceed a limit.

        Where it would fit but for what other calls have set aside, it waits for them.
        """
        tokens_in = most_tokens(prompt)
        usd = model.dollars(tokens_in, reply_tokens) or 0.0
        most = Spent(1, tokens_in + reply_tokens, usd)
        with self._settled:
            while not self.refused:
                self.refused = self._exceeded(self.spent.plus(most))
                if self.refused:
                    break
                if not self._exceeded(self.spent.plus(self._held).plus(most)):
                    self._held = self._held.plus(most)
                    return most
                self._settled.wait(1.0)
            self._settled.notify_all()
            return None

    def settle(self, reserved: Spent, used: Spent) -> None:
        """Books what a call took in the place of what was set aside for it."""
        with self._settled:
            self._held = self._held.plus(reserved, -1)
            self.spent = self.spent.plus(used)
            self._settled.notify_all()

    def _exceeded(self, total: Spent) -> str:
        for name, words in (
            ("calls", "the budget of {} model calls is used up"),
            ("tokens", "the budget of {} tokens does not allow another call"),
            ("usd", "the budget of ${} does not allow another call"),
        ):
            most = getattr(self.limits, name)
            if most is not None and getattr(total, name) > most:
                return words.format(f"{most:,}" if name != "usd" else f"{most:g}")
        return ""
