"""What an evaluator and a pool of them are to a search."""

from collections.abc import Iterator
from typing import Protocol

from sldagent.candidate import Evaluation
from sldagent.program import Program


class Evaluator(Protocol):
    """Judges programs on one task's rows."""

    def evaluate(self, program: Program) -> Evaluation:
        """Judges one program. Its failure is a status; raises only where the judge is broken."""
        ...


class EvaluatorPool(Protocol):
    """Judges many programs at once; results come as they are ready, in any order."""

    @property
    def width(self) -> int:
        """How many programs should be waiting or running for no worker to idle."""
        ...

    def submit(self, key: int, program: Program) -> None:
        """Queues a program under a key of the caller's."""
        ...

    def results(self, timeout: float | None = None) -> Iterator[tuple[int, Evaluation]]:
        """Waits for and yields results until nothing is queued; may be called again.

        With a `timeout` it ends, too, where so many seconds bring none.
        """
        ...

    def close(self) -> None:
        """Ends the workers; what they were doing is lost."""
        ...
