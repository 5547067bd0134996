"""One training run: what is asked for and what came of it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

WINDOW = 64  # bytes that a model sees at once
VOCABULARY = 128
LAYERS = 6

Stage = Literal["tuning", "train", "test"]


def count_inner(width: int) -> int:
    """Parameters of a model without those of its embedding."""
    return LAYERS * 5 * width**2 + (LAYERS + 1) * width


def count_params(width: int) -> int:
    """All parameters of a model; its embedding is its output layer, too."""
    return VOCABULARY * width + count_inner(width)


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run of a plan.

    Attributes:
        stage: What it is for: finding learning rates, the training table or the test table.
        width: Of the model.
        unique_tokens: Distinct tokens.
        tokens: Tokens seen, repeats counted.
        batch: Windows in one step.
        rate: Peak learning rate; None takes the tuned one.
        seed: Of the weights, the choice of text and its order.
    """

    stage: Stage
    width: int
    unique_tokens: int
    tokens: int
    batch: int
    rate: float | None = None
    seed: int = 0

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return self.tokens // (self.batch * WINDOW)

    @property
    def params(self) -> int:
        """All parameters of the model."""
        return count_params(self.width)

    @property
    def flops(self) -> float:
        """Floating-point operations of training: six for a parameter and token."""
        return 6.0 * self.params * self.tokens

    @property
    def key(self) -> str:
        """Names the run in its journal; two runs of a plan never share it."""
        rate = "tuned" if self.rate is None else f"{self.rate:.3g}"
        return (
            f"{self.stage}-w{self.width}-u{self.unique_tokens}-t{self.tokens}"
            f"-b{self.batch}-r{rate}-s{self.seed}"
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A finished run; its losses are None where training diverged.

    Attributes:
        key: Of its RunSpec.
        params: All parameters of the model.
        inner_params: Those without the embedding.
        rate: Peak learning rate that was used.
        loss: Validation loss in nats per byte.
        train_loss: Mean loss of the last twentieth of the steps.
        seconds: Wall seconds of training and validation, compiling included.
        cpu_seconds: The same of the processor, which a busy machine does not stretch.
        finished: UTC.
    """

    key: str
    stage: str
    width: int
    params: int
    inner_params: int
    unique_tokens: int
    tokens: int
    batch: int
    rate: float
    seed: int
    loss: float | None
    train_loss: float | None
    seconds: float
    cpu_seconds: float
    finished: str

    @property
    def flops(self) -> float:
        """Floating-point operations of training."""
        return 6.0 * self.params * self.tokens

    def as_dict(self) -> dict[str, Any]:
        """Values by column."""
        return asdict(self)
