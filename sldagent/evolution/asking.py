"""Asks a proposer: inline where it computes, from threads where it waits for a model."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator

from sldagent.proposing.base import Proposal, Proposer, Request

_ATTEMPTS = 8  # at a program that is new to the island

Answer = tuple[int, int, Proposal | None]  # island, step, proposal


class Asking:
    """Questions in, answers out; with one call at a time an answer is computed when it is taken.

    Args:
        proposer: Who is asked.
        known: Whether an island knows a program as of the question's moment.
        asked: Called in the driver's thread before a question is put.
        goes_on: Whether a waiting question may still be put: a call may have to be paid.
    """

    def __init__(
        self,
        proposer: Proposer,
        known: Callable[[int, int, str], bool],
        asked: Callable[[int, int], None],
        goes_on: Callable[[], bool],
    ) -> None:
        self._proposer = proposer
        self._known = known
        self._asked = asked
        self._goes_on = goes_on
        self._waiting: deque[tuple[int, int, Request]] = deque()
        self._running = 0
        self._done: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        self._inline = proposer.concurrency == 1

    @property
    def in_flight(self) -> int:
        """Questions without an answer yet."""
        return len(self._waiting) + self._running

    @property
    def waits(self) -> bool:
        """Whether an answer may come by itself meanwhile."""
        return self._running > 0

    def put(self, island: int, step: int, request: Request) -> None:
        """Puts a question."""
        self._waiting.append((island, step, request))
        self._start()

    def answers(self, room: int, wait: bool) -> Iterator[Answer]:
        """Answers to take: as many as there is room for where computed, else all there are.

        With `wait` it waits for a first one, if any is on its way.
        """
        while self._inline and self._waiting and room > 0:
            island, step, request = self._waiting.popleft()
            self._asked(island, step)
            yield island, step, self.answer(island, step, request)
            room -= 1
        while not self._inline:
            try:
                answer = self._done.get(block=wait and self._running > 0)
            except queue.Empty:
                return
            wait = False
            self._running -= 1
            self._start()
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    def stop(self) -> None:
        """Forgets what was not started; what is running still answers."""
        self._waiting.clear()

    def _start(self) -> None:
        while (
            not self._inline
            and self._waiting
            and self._running < self._proposer.concurrency
            and self._goes_on()
        ):
            island, step, request = self._waiting.popleft()
            self._asked(island, step)
            self._running += 1
            # A thread of its own, as one that waits for a model must not hold up a hard stop.
            threading.Thread(target=self._work, args=(island, step, request), daemon=True).start()

    def _work(self, island: int, step: int, request: Request) -> None:
        try:
            self._done.put((island, step, self.answer(island, step, request)))
        except BaseException as error:
            self._done.put(error)

    def answer(self, island: int, step: int, request: Request) -> Proposal | None:
        """A proposal; one that can be had again for nothing is asked for until it is new."""
        latest = None
        for _ in range(_ATTEMPTS):
            proposal = self._proposer.propose(request)
            latest = proposal or latest
            program = proposal.program if proposal is not None else None
            if program is not None and not self._known(island, step, program.hash):
                break
            if proposal is None and not self._proposer.deterministic:
                break
            if proposal is not None and proposal.calls:  # it was paid for
                break
        return latest
