"""Calls models of OpenAI-compatible servers, within the budget, and books what each call took."""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sldagent.errors import PrerequisiteError, SldagentError, UsageError
from sldagent.proposing.base import Call, Request
from sldagent.proposing.llm.budget import Budget, Spent, most_tokens
from sldagent.proposing.llm.gate import Gate
from sldagent.proposing.llm.models import OPENAI_URL, ModelSpec

Messages = Sequence[Mapping[str, str]]
Keep = Callable[[Request | None, Call], None]  # told of every call as soon as it ended
_RETRIES = 2
_CHECK: Messages = ({"role": "user", "content": "Reply with the one word: ready"},)
_CHECK_TOKENS = 512  # a reasoning model thinks before it says one word
_MOST_WORDS = 300
_CAPS = ("max_completion_tokens", "max_tokens")
_NO_QUOTA = ("insufficient_quota", "billing_hard_limit_reached")


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """How models are called.

    Attributes:
        reply_tokens: Most tokens of a reply, reasoning included.
        temperature: Of sampling; None leaves it to the server.
        timeout: Seconds that a call may take.
        patience: Seconds that a server may be away before the run ends.
    """

    reply_tokens: int = 8192
    temperature: float | None = None
    timeout: float = 600.0
    patience: float = 120.0


class RefusedError(SldagentError):
    """The server will not serve this run: key, model or quota."""


class Client:
    """The models of a run; used from many threads.

    Args:
        models: Which.
        config: How they are called.
        budget: What may be spent.
        keep: Told of every call as soon as it ended, in the thread that made it.
        say: Told what a person should know.

    Raises:
        PrerequisiteError: A key is missing.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec],
        config: ClientConfig,
        budget: Budget,
        keep: Keep,
        say: Callable[[str], None],
    ) -> None:
        from openai import OpenAI

        self.config = config
        self.budget = budget
        self._keep = keep
        self._models = tuple(models)
        self._secrets = {model: model.secret() for model in models}
        self._clients = {
            model: OpenAI(
                api_key=secret,
                base_url=model.url,
                timeout=config.timeout,
                max_retries=_RETRIES,
                # The rest of what the library takes from the environment is not this model's.
                organization="" if model.url != OPENAI_URL else None,
                project="" if model.url != OPENAI_URL else None,
            )
            for model, secret in self._secrets.items()
        }
        self._gates = {model.url: Gate(model.url, config.patience, say) for model in models}
        self._room = {
            model: threading.BoundedSemaphore(model.concurrency)
            for model in models
            if model.concurrency is not None
        }
        self._settings = {model: self._first_settings(model) for model in models}
        self._refused: dict[ModelSpec, set[str]] = {model: set() for model in models}

    def check(self) -> None:
        """Calls every model once: whatever is wrong with key, name or server is found here.

        Raises:
            PrerequisiteError: A model cannot be used.
            UsageError: The budget does not allow the call.
        """
        for model in self._models:
            try:
                call = self._once("check", model, _CHECK, _CHECK_TOKENS)
            except RefusedError as error:
                raise PrerequisiteError(str(error)) from None
            except _Transient as error:
                raise PrerequisiteError(
                    f"cannot reach the model server {model.url}: {error}; start it, or name "
                    "another with --base-url"
                ) from None
            if call is None:
                raise UsageError(f"{self.budget.refused}: not even a first one")
            self._keep(None, call)
            if call.outcome.startswith("failed"):
                raise PrerequisiteError(
                    f"model '{model.name}' at {model.url} cannot be used: "
                    f"{call.outcome.removeprefix('failed: ')}"
                )

    def is_free(self, model: ModelSpec) -> bool:
        """Whether a call of the model would begin at once."""
        room = self._room.get(model)
        if room is None:
            return True
        if free := room.acquire(blocking=False):
            room.release()
        return free

    def call(
        self, kind: str, model: ModelSpec, messages: Messages, request: Request
    ) -> tuple[Call, ...]:
        """The calls that asking a model took: the last one has the reply or the reason for none.

        None at all where the budget does not allow one.

        Raises:
            SldagentError: The server is away for too long, or will not serve this run any more.
        """
        gate = self._gates[model.url]
        made: list[Call] = []
        while True:
            gate.enter()
            began = time.monotonic()
            try:
                call = self._once(kind, model, messages, self.config.reply_tokens)
            except _Transient as error:
                call = self._failure(kind, model, messages, began, str(error), error.may_cost)
                self._keep(request, call)
                made.append(_stored(call))
                if gate.failed(began, str(error)):
                    return tuple(made)
                continue
            except BaseException:
                gate.passed()  # whoever waits for this try tries for itself
                raise
            gate.passed()
            if call is not None:
                self._keep(request, call)
                made.append(_stored(call))
            return tuple(made)

    def _once(self, kind: str, model: ModelSpec, messages: Messages, cap: int) -> Call | None:
        """One call; None where the budget does not allow it."""
        prompt = as_text(messages)
        room = self._room.get(model)
        if room is not None:
            room.acquire()
        try:
            reserved = self.budget.reserve(model, prompt, cap)
            if reserved is None:
                return None
            used = Spent(calls=1)
            try:
                call = self._ask(kind, model, messages, cap, prompt)
                tokens = (call.input_tokens or 0) + (call.output_tokens or 0)
                used = Spent(1, tokens, call.usd or 0.0)
                return call
            except _Transient as error:
                # Nobody knows what a server did for a call that it did not answer in time.
                used = reserved if error.may_cost else used
                raise
            finally:
                self.budget.settle(reserved, used)
        finally:
            if room is not None:
                room.release()

    def _ask(self, kind: str, model: ModelSpec, messages: Messages, cap: int, prompt: str) -> Call:
        import openai

        began = time.monotonic()
        while True:
            settings = self._settings[model]
            try:
                given: Any = {n: cap if n in _CAPS else value for n, value in settings.items()}
                sent: Any = [dict(message) for message in messages]
                reply = self._clients[model].chat.completions.create(
                    model=model.name, messages=sent, **given
                )
                return self._read(kind, model, prompt, reply, time.monotonic() - began)
            except openai.BadRequestError as error:
                if not self._adapt(model, settings, str(error)):
                    words = f"failed: the server refuses the request: {self._words(error)}"
                    return Call(kind, model.name, prompt, "", 0, 0, _since(began), 0.0, words)
            except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
                variable = f" in {model.key}" if model.key else ""
                raise RefusedError(
                    f"{model.url} refuses the key{variable} for model '{model.name}': "
                    f"{self._words(error)}"
                ) from None
            except openai.NotFoundError as error:
                raise RefusedError(
                    f"{model.url} has no model '{model.name}': {self._words(error)}"
                ) from None
            except openai.RateLimitError as error:
                if error.code in _NO_QUOTA or any(word in str(error) for word in _NO_QUOTA):
                    raise RefusedError(
                        f"the quota at {model.url} is used up: {self._words(error)}"
                    ) from None
                raise _Transient(f"rate limit: {self._words(error)}") from None
            except openai.APITimeoutError:
                words = f"no answer within {self.config.timeout:g} s"
                raise _Transient(words, may_cost=True) from None
            except openai.APIConnectionError as error:
                raise _Transient(f"{error} ({error.__cause__})") from None
            except openai.APIStatusError as error:
                raise _Transient(f"status {error.status_code}: {self._words(error)}") from None
            except (openai.OpenAIError, ValueError) as error:
                words = f"failed: the answer is no chat completion: {self._words(error)}"
                return self._unread(kind, model, prompt, began, words)

    def _read(self, kind: str, model: ModelSpec, prompt: str, reply: Any, seconds: float) -> Call:
        """What came back, as a call."""
        try:
            choice = reply.choices[0]
            text = choice.message.content or ""
            refusal = getattr(choice.message, "refusal", None) or ""
            usage = reply.usage
        except (AttributeError, IndexError, TypeError):
            words = "failed: the answer is no chat completion"
            return self._unread(kind, model, prompt, time.monotonic() - seconds, words)
        text = self._without_keys(text if isinstance(text, str) else str(text))
        outcome = "ok"
        if choice.finish_reason == "length":
            outcome = "cut off at the most tokens of a reply"
        elif not text.strip():
            outcome = f"empty: {self._without_keys(str(refusal))[:_MOST_WORDS] or 'no text'}"
        tokens_in = getattr(usage, "prompt_tokens", None)
        tokens_out = getattr(usage, "completion_tokens", None)
        if not isinstance(tokens_in, int) or not isinstance(tokens_out, int):
            tokens_in, tokens_out = most_tokens(prompt), most_tokens(text)
            outcome += ", tokens not told: booked as one a byte"
        details = getattr(usage, "prompt_tokens_details", None)
        cached = min(getattr(details, "cached_tokens", None) or 0, tokens_in)
        usd = model.dollars(tokens_in, tokens_out, cached)
        return Call(kind, model.name, prompt, text, tokens_in, tokens_out, seconds, usd, outcome)

    def _unread(self, kind: str, model: ModelSpec, prompt: str, began: float, words: str) -> Call:
        tokens = most_tokens(prompt)
        usd = model.dollars(tokens, 0)
        return Call(kind, model.name, prompt, "", tokens, 0, _since(began), usd, words)

    def _failure(
        self, kind: str, model: ModelSpec, messages: Messages, began: float, words: str, cost: bool
    ) -> Call:
        prompt = as_text(messages)
        tokens_in, tokens_out = (most_tokens(prompt), self.config.reply_tokens) if cost else (0, 0)
        usd = model.dollars(tokens_in, tokens_out) if cost else 0.0
        return Call(
            kind, model.name, prompt, "", tokens_in, tokens_out, _since(began), usd,
            f"failed: {words}",
        )  # fmt: skip

    # -- what servers understand ---------------------------------------------------------------

    def _first_settings(self, model: ModelSpec) -> dict[str, Any]:
        # Reasoning models refuse the old name, older servers ignore the new one.
        settings: dict[str, Any] = {_CAPS[0 if model.url == OPENAI_URL else 1]: None}
        if self.config.temperature is not None:
            settings["temperature"] = self.config.temperature
        return settings

    def _adapt(self, model: ModelSpec, tried: Mapping[str, Any], words: str) -> bool:
        """Leaves out or renames what a server says that it does not take; False where nothing."""
        refused = next((name for name in tried if name in words), None)
        if refused is None:
            return False
        settings = {name: value for name, value in tried.items() if name != refused}
        self._refused[model].add(refused)
        if refused in _CAPS:
            other = _CAPS[1 - _CAPS.index(refused)]
            if other in self._refused[model]:
                return False
            settings[other] = None
        self._settings[model] = settings
        return True

    def _words(self, error: Exception) -> str:
        """A server's words on one line, without keys."""
        body = getattr(error, "body", None)
        message = body.get("message") if isinstance(body, dict) else None
        text = message if isinstance(message, str) else str(error)
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return self._without_keys(line)[:_MOST_WORDS]

    def _without_keys(self, text: str) -> str:
        for secret in self._secrets.values():
            if len(secret) > len("none"):
                text = text.replace(secret, "[key]")
        return text


class _Transient(Exception):
    """A call failed in a way that another one need not."""

    def __init__(self, words: str, may_cost: bool = False) -> None:
        super().__init__(words)
        self.may_cost = may_cost


def as_text(messages: Messages) -> str:
    """All that is sent, as one text."""
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)


def _since(began: float) -> float:
    return time.monotonic() - began


def _stored(call: Call) -> Call:
    return dataclasses.replace(call, stored=True)
