"""What a proposer is to a search: asked with a Request, it answers with a Proposal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sldagent.candidate import Candidate
from sldagent.program import Program

if TYPE_CHECKING:
    import numpy as np

Member = tuple[Candidate, Program]


@dataclass(frozen=True, slots=True)
class Arm:
    """What one way of proposing has brought on one island.

    Attributes:
        tries: Candidates that it made.
        valid: Those of them whose evaluation is ok.
        accepted: Those of them that the island's population took in.
        gain: Sum of what they improved on the score of their first parent; never negative.
        usd: Dollars that their model calls cost, as far as known.
        tokens: Tokens that their model calls took, in and out.
    """

    tries: int = 0
    valid: int = 0
    accepted: int = 0
    gain: float = 0.0
    usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What an island asks for one proposal with; the same question always has the same answer.

    Attributes:
        island: Number of the island.
        generation: Generation of the proposal.
        parents: The first is the one to edit; a second, where the island has it, to cross with.
        exemplars: Other good and different members of the island, best first.
        siblings: The latest children of the first parent on this island, at most 12, the latest
            last, failures included.
        arms: By name, what each way of proposing has brought on this island.
        rng: The only source of randomness.
        slot: Which proposal of its island and generation it is.
    """

    island: int
    generation: int
    parents: tuple[Member, ...]
    exemplars: tuple[Member, ...]
    siblings: tuple[Candidate, ...]
    arms: Mapping[str, Arm]
    rng: "np.random.Generator"
    slot: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model.

    Attributes:
        kind: What it was for, e.g. `proposal` or `repair`.
        model: Name of the model as the endpoint knows it.
        prompt: All that was sent, as text.
        reply: All that came back, as text; empty where nothing did.
        input_tokens: Tokens sent; None where unknown.
        output_tokens: Tokens that came back; None where unknown.
        seconds: How long it took.
        usd: What it cost; None where unknown.
        outcome: `ok`, or what went wrong in a word or two.
        stored: It is in the run's ledger already.
    """

    kind: str
    model: str
    prompt: str
    reply: str
    input_tokens: int | None
    output_tokens: int | None
    seconds: float
    usd: float | None
    outcome: str
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new program with where it comes from; it carries all that registering it needs.

    Attributes:
        program: What is to be judged; None where the reply held no usable program, which becomes
            a rejected candidate with `reason` and costs no evaluation.
        parents: Numbers of the candidates it was edited from.
        exemplars: Numbers of the candidates the proposer was shown.
        change: What was done, in words.
        arm: The way of proposing, by which what it brings is counted; empty counts nowhere.
        calls: The calls of models behind it.
        reason: Why there is no program, in words for a person and for a model.
        proposer: Who wrote it, where a proposer speaks for several; empty means the one asked.
    """

    program: Program | None
    parents: tuple[int, ...]
    exemplars: tuple[int, ...]
    change: str
    arm: str = ""
    calls: tuple[Call, ...] = ()
    reason: str = ""
    proposer: str = ""

    def __post_init__(self) -> None:
        if (self.program is None) != bool(self.reason):
            raise ValueError("a proposal has a program, or a reason why it has none")


@dataclass(frozen=True, slots=True)
class Start:
    """A program that a search begins with.

    Attributes:
        program: Its text.
        proposer: Who wrote it, e.g. `start` or `symbolic`.
        change: What it is, in words.
    """

    program: Program
    proposer: str
    change: str


class Proposer(Protocol):
    """Writes a new program from what a request shows."""

    @property
    def name(self) -> str:
        """Short name, stored with every candidate."""
        ...

    @property
    def concurrency(self) -> int:
        """Calls worth having in flight: 1 is called inline, more from as many threads."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether the same request always gives the same proposal."""
        ...

    def propose(self, request: Request) -> Proposal | None:
        """One proposal; None where nothing can be changed."""
        ...
