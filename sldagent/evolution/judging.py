"""Evaluates every program once, whichever islands propose it."""

from collections.abc import Callable, Sequence

from sldagent.candidate import Evaluation
from sldagent.evaluation.base import EvaluatorPool
from sldagent.program import Program
from sldagent.proposing.base import Member


class Judging:
    """A pool of evaluators and what it has said.

    Args:
        pool: Evaluates.
        recall: Gives committed candidates by number.
    """

    def __init__(
        self, pool: EvaluatorPool, recall: Callable[[Sequence[int]], list[Member]]
    ) -> None:
        self._pool = pool
        self._recall = recall
        self._keys: dict[int, str] = {}  # key in the pool -> hash of a program under way
        self._under_way: set[str] = set()
        self._fresh: dict[str, Evaluation] = {}  # by program hash, until it is committed
        self._committed: dict[str, int] = {}  # program hash -> a candidate with its evaluation
        self._count = 0

    @property
    def under_way(self) -> int:
        """Programs that are being evaluated."""
        return len(self._keys)

    @property
    def room(self) -> int:
        """How many more keep every worker busy."""
        return max(0, self._pool.width - len(self._keys))

    def submit(self, program: Program) -> None:
        """Has a program evaluated, where it was not before and is not now."""
        name = program.hash
        if name in self._under_way or self.has(name):
            return
        self._keys[self._count] = name
        self._under_way.add(name)
        self._pool.submit(self._count, program)
        self._count += 1

    def wait(self, timeout: float | None = None) -> None:
        """Waits for one result, for so many seconds at most."""
        found = next(self._pool.results(timeout), None)
        if found is None:
            return
        key, evaluation = found
        name = self._keys.pop(key)
        self._under_way.remove(name)
        self._fresh[name] = evaluation

    def has(self, program_hash: str) -> bool:
        """Whether a program's evaluation is known."""
        return program_hash in self._fresh or program_hash in self._committed

    def evaluation(self, program_hash: str) -> Evaluation:
        """A program's evaluation, which must be known."""
        fresh = self._fresh.get(program_hash)
        if fresh is not None:
            return fresh
        return self._recall([self._committed[program_hash]])[0][0].evaluation

    def committed(self, program_hash: str, number: int) -> None:
        """A candidate with this evaluation is committed: it is recalled from there."""
        self._committed.setdefault(program_hash, number)
        self._fresh.pop(program_hash, None)
