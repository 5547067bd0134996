"""Moves that keep the formula: the box of a shape, the objective, the weights of rows."""

import re
from dataclasses import replace

from sldagent.laws.codegen import Link
from sldagent.laws.expressions import Parameter
from sldagent.proposing.symbolic.moves.base import Made, Rng, Subject, choose

_EMPHASES = (0.0, 0.5, 1.0, 2.0, 4.0)
_WIDEST, _LEAST, _MOST = 50.0, 1e-6, 1e6
_FASTEST = 1.0  # power that grows in a logarithm


def change_box(subject: Subject, rng: Rng) -> Made | None:
    """The box of a shape becomes narrower or wider, or even in its logarithm."""
    form = subject.form
    if not form.law.shapes:
        return None
    p = choose(list(form.law.shapes), rng)
    kind = choose(["narrow", "widen", "search"], rng)
    new = {"narrow": _narrower, "widen": _wider, "search": _even}[kind](p, rng)
    if new is not None and kind == "widen" and form.link is not Link.IDENTITY:
        new = _bounded_growth(new, p, form.law.formula)
    if new is None or not new.lower < new.upper:
        return None
    parameters = tuple(new if old is p else old for old in form.law.parameters)
    how = " by its logarithm" if new.log and kind == "search" else ""
    change = f"{kind} {p.name}{how} in [{new.lower:g}, {new.upper:g}]"
    law = replace(form.law, parameters=parameters)
    return Made(replace(subject.setting.form(law, form)), change)


def _narrower(p: Parameter, rng: Rng) -> Parameter | None:
    share = rng.uniform(0.0, 0.5)
    if p.log:
        factor = p.upper / p.lower
        return _box(p, p.lower * factor**share, p.lower * factor ** (share + 0.5))
    width = p.upper - p.lower
    return _box(p, p.lower + share * width, p.lower + (share + 0.5) * width)


def _wider(p: Parameter, rng: Rng) -> Parameter | None:
    if p.log:
        return _box(p, max(p.lower / 10, _LEAST), min(p.upper * 10, _MOST))
    more = (p.upper - p.lower) / 2
    low = p.lower / 2 if p.lower >= 0 else max(p.lower - more, -_WIDEST)
    high = p.upper / 2 if p.upper <= 0 else min(p.upper + more, _WIDEST)
    return _box(p, low, high)


def _bounded_growth(new: Parameter, old: Parameter, formula: str) -> Parameter | None:
    """A wider box in which no power grows faster than its base; None where it is no wider.

    What is the exponential of x**2.5 holds where it was fitted, and is a thousand times too much
    at three times the largest x. Of x itself it is what times grow by that double with every bit.
    """
    low, high = new.lower, new.upper
    if f"**(-{old.name})" in formula:
        low = max(low, min(old.lower, -_FASTEST))
    elif re.search(rf"\*\*\(?{re.escape(old.name)}\b", formula):
        high = min(high, max(old.upper, _FASTEST))
    return replace(new, lower=low, upper=high) if (low, high) != (old.lower, old.upper) else None


def _even(p: Parameter, rng: Rng) -> Parameter | None:
    if p.log:
        return replace(p, log=False) if p.upper / p.lower < 1e3 else None
    return replace(p, log=True) if p.lower > 0 else None


def _box(p: Parameter, low: float, high: float) -> Parameter:
    return replace(p, lower=float(f"{low:.2g}"), upper=float(f"{high:.2g}"))


def change_objective(subject: Subject, rng: Rng) -> Made | None:
    """The fit minimises something else."""
    form = subject.form
    others = [o for o in subject.setting.objectives if o != form.objective]
    objective = choose(others, rng)
    law = subject.setting.form(form.law, form)
    return Made(
        replace(law, objective=objective),
        f"fit by {objective.name} instead of {form.objective.name}",
    )


def change_emphasis(subject: Subject, rng: Rng) -> Made | None:
    """Rows near the top of the scales weigh more or less."""
    form = subject.form
    emphasis = choose([e for e in _EMPHASES if e != form.emphasis], rng)
    law = subject.setting.form(form.law, form)
    return Made(
        replace(law, emphasis=emphasis), f"weigh rows by their place to the power {emphasis:g}"
    )
