"""Waits out a server's short outages, and ends the run where one lasts."""

import threading
import time
from collections.abc import Callable

from sldagent.errors import SldagentError

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 15.0


class Gate:
    """Stands before one server; many threads go through it.

    While the server is down one call at a time tries it, the others wait here.

    Args:
        url: The server, for the message.
        patience: Seconds without any success after which an outage ends the run.
        say: Told once of an outage that is waited out, and of its end.
    """

    def __init__(self, url: str, patience: float, say: Callable[[str], None]) -> None:
        self._say = say
        self._url = url
        self._patience = patience
        self._change = threading.Condition()
        self._succeeded = 0.0
        self._down_since: float | None = None
        self._tried = False  # one call tries the server now
        self._tries = 0

    def enter(self) -> None:
        """Waits for the turn of a call."""
        with self._change:
            while self._down_since is not None and self._tried:
                self._change.wait()
            self._tried = self._down_since is not None

    def passed(self) -> None:
        """The server answered."""
        with self._change:
            self._succeeded = time.monotonic()
            if self._tries > 1:
                self._say(f"the model server {self._url} answers again")
            self._down_since, self._tried, self._tries = None, False, 0
            self._change.notify_all()

    def failed(self, began: float, words: str) -> bool:
        """Whether a call that failed is given up, as the server answers others; else it waits.

        Args:
            began: When the call began, by `time.monotonic`.
            words: What went wrong.

        Raises:
            SldagentError: The server has been down for too long.
        """
        with self._change:
            now = time.monotonic()
            if self._succeeded > began:
                return True
            if self._down_since is None:
                self._down_since = now
            elif now - self._down_since > self._patience:
                self._tried = False
                self._change.notify_all()
                raise SldagentError(
                    f"the model server {self._url} has not answered for "
                    f"{now - self._down_since:.0f} s: {words}"
                )
            wait = min(_FIRST_WAIT * 2**self._tries, _LONGEST_WAIT, self._patience / 4)
            self._tries += 1
            self._tried = True
            if self._tries == 2:
                self._say(
                    f"the model server {self._url} does not answer ({words}); waiting for it, "
                    f"{self._patience:.0f} s at most"
                )
        time.sleep(wait)
        with self._change:
            self._tried = False
            self._change.notify()
        return False
