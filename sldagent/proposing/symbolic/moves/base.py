"""What a move is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sldagent.laws.codegen import Form
from sldagent.proposing.symbolic.expansion import Expansion, expand, plainly
from sldagent.proposing.symbolic.setting import Setting

Rng = np.random.Generator
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made:
    """A changed form.

    Attributes:
        change: What was done, in words.
        mate: Which of the mates took part, if one did.
    """

    form: Form
    change: str
    mate: int | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a move is made on.

    Attributes:
        form: The form to change.
        mates: Forms to cross it with.
    """

    form: Form
    mates: tuple[Form, ...]
    setting: Setting

    @property
    def expansion(self) -> Expansion:
        """The form's law as a sum."""
        return expand(self.form.law, self.setting.features)

    def made(self, expansion: Expansion, change: str, mate: int | None = None) -> Made | None:
        """The move's result; None where the changed expansion is no law that fits the room."""
        form = self.setting.rebuilt(expansion, self.form)
        return None if form is None else Made(form, plainly(change), mate)


Move = Callable[[Subject, Rng], Made | None]  # None where the move cannot be made


def choose(options: Sequence[T], rng: Rng) -> T:
    """One of them, all alike."""
    return options[int(rng.integers(len(options)))]
