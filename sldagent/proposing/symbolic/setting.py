"""What holds for every form of one task: its features, its room, and how fits may be made."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sldagent.laws.codegen import Form, Link, plain_units, write
from sldagent.laws.expressions import Law, Parameter, amplitude
from sldagent.laws.families.features import SCALES, Features
from sldagent.laws.families.signs import takes_either_sign
from sldagent.laws.fitting import OBJECTIVES, Objective, Units
from sldagent.program import Program
from sldagent.proposing.symbolic.expansion import (
    Expansion,
    Term,
    collapse,
    expand,
    factors_of,
    join,
    pattern,
)
from sldagent.proposing.symbolic.ingredients import Ingredient, draw
from sldagent.scoring import possible_range
from sldagent.table import Table
from sldagent.task import Task

_ROOM_WITHOUT_LIMIT = 30
_GROWN = "terms drawn from the grammar of scaling laws"


@dataclass(frozen=True)
class Setting:
    """Facts of a task and its training table that every proposal needs.

    Attributes:
        features: Slots of the table.
        room: Parameters that the law of one target may have.
        positive: All values that are fitted are positive.
        links: What formulas may give in this task.
        units: In which programs write the features.
        link: Of all its forms; a formula of a logarithm takes either sign.
    """

    features: Features
    room: int
    positive: bool
    units: Units
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    links: tuple[Link, ...] = (Link.IDENTITY,)
    link: Link = Link.IDENTITY

    @classmethod
    def of(cls, task: Task, table: Table) -> "Setting":
        """The setting of a task with its training rows."""
        roles = tuple(column.role for column in task.features)
        limit = task.parameter_limit
        signed = takes_either_sign(table.x, table.y, table.group_codes, roles)
        return cls(
            features=Features.of(roles, signed=signed),
            room=_ROOM_WITHOUT_LIMIT if limit is None else limit // len(task.targets),
            positive=bool(np.all(table.y > 0)),
            units=plain_units(table.x, roles),
            feature_names=task.feature_names,
            target_names=task.target_names,
            links=_links(table.y),
        )

    def linked(self, link: Link) -> "Setting":
        """The setting for formulas of a logarithm."""
        if link is Link.IDENTITY:
            return self
        features = replace(self.features, signed=True)
        return replace(self, features=features, positive=False, link=link)

    @property
    def has_scales(self) -> bool:
        """Whether rows have a place along scales, by which a fit can weigh them."""
        return any(slot.role in SCALES for slot in self.features.slots)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What fits may minimise: logarithms need positive targets."""
        return tuple(o for o in OBJECTIVES.values() if self.positive or not o.log)

    def form(self, law: Law, like: Form | None = None) -> Form:
        """A law in the task's units, fitted as another form is."""
        made = Form(law, self.units, link=self.link)
        if like is None:
            return made
        return replace(made, objective=like.objective, emphasis=like.emphasis)

    def program(self, form: Form) -> Program:
        """The program of a form."""
        return Program(write(form, self.feature_names, self.target_names))

    def sign(self, wanted: int | None) -> Parameter:
        """An amplitude of that sign; None as floors and power laws have it."""
        default = 0 if self.features.signed else 1
        return amplitude("A", default if wanted is None else wanted)

    def rebuilt(self, expansion: Expansion, form: Form) -> Form | None:
        """The form of a changed expansion; None where it is no law or has no room."""
        source = form.law.source
        if not source.startswith(("derived from ", _GROWN)):
            source = f"derived from {source}"
        law = collapse(expansion, self.features, source)
        if law is None or len(law.parameters) > self.room:
            return None
        return replace(self.form(law, form))

    def add(self, expansion: Expansion, new: Ingredient) -> tuple[Expansion, str]:
        """One more term, and its text."""
        joined, text = join(expansion, new.text, new.shapes)
        term = Term(self.sign(new.sign), factors_of(text))
        return replace(joined, terms=(*joined.terms, term)), term.text

    def structure(self, law: Law) -> str:
        """The formula without names of parameters; equal where only names and boxes differ."""
        same = collapse(expand(law, self.features), self.features, law.source) or law
        return pattern(same.formula, same.names)

    def grown(self, rng: np.random.Generator) -> Form | None:
        """A form of one to three random terms, mostly over a floor."""
        terms = [Term(self.sign(None), ())] if rng.random() < 0.8 and self.room > 2 else []
        expansion = Expansion(tuple(terms), (), {})
        for _ in range(int(rng.integers(1, 4))):
            new = draw(self.features, rng, self.room - expansion.size - 1)
            if new is not None:
                expansion, _ = self.add(expansion, new)
        law = collapse(expansion, self.features, _GROWN)
        if law is None or len(law.parameters) > self.room:
            return None
        return self.form(law)


def _links(y: NDArray[np.float64]) -> tuple[Link, ...]:
    """What formulas may give: the logarithm of what is positive, that of the odds of shares."""
    low, high = possible_range(y)
    if low < 0:
        return (Link.IDENTITY,)
    odds = {1.0: (Link.LOGIT,), 100.0: (Link.PERCENT,)}
    return Link.IDENTITY, *((Link.LOG,) if np.all(y > 0) else ()), *odds.get(high, ())
