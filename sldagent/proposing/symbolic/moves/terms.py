"""Moves that change which terms a law has."""

from dataclasses import replace

from sldagent.proposing.symbolic.expansion import Term
from sldagent.proposing.symbolic.ingredients import draw
from sldagent.proposing.symbolic.moves.base import Made, Rng, Subject, choose


def add_term(subject: Subject, rng: Rng) -> Made | None:
    """A term of the grammar more."""
    setting, old = subject.setting, subject.expansion
    new = draw(setting.features, rng, setting.room - old.size - 1)
    if new is None:
        return None
    expansion, text = setting.add(old, new)
    return subject.made(expansion, f"add a term A*{text}")


def drop_term(subject: Subject, rng: Rng) -> Made | None:
    """A term less."""
    old = subject.expansion
    terms = [i for i, term in enumerate(old.terms) if term.factors]
    if len(terms) < 2:
        return None
    gone = choose(terms, rng)
    return subject.made(old.with_term(gone), f"drop the term {old.terms[gone].name}")


def replace_term(subject: Subject, rng: Rng) -> Made | None:
    """A term of the grammar in the place of another."""
    setting, old = subject.setting, subject.expansion
    terms = [i for i, term in enumerate(old.terms) if term.factors]
    gone = choose(terms, rng)
    left = old.with_term(gone)
    new = draw(setting.features, rng, setting.room - left.size - 1)
    if new is None:
        return None
    expansion, text = setting.add(left, new)
    change = f"replace the term {old.terms[gone].name} by A*{text}"
    return subject.made(expansion, change)


def change_floor(subject: Subject, rng: Rng) -> Made | None:
    """Drops the irreducible part, or adds one."""
    old = subject.expansion
    floors = [i for i, term in enumerate(old.terms) if not term.factors]
    if floors:
        return subject.made(old.with_term(floors[0]), "drop the floor E")
    floor = Term(subject.setting.sign(None), ())
    return subject.made(replace(old, terms=(floor, *old.terms)), "add a floor E")


def fresh(subject: Subject, rng: Rng) -> Made | None:
    """A form of random terms that has nothing of the one before."""
    form = subject.setting.grown(rng)
    return None if form is None else Made(form, f"begin anew with {form.law.formula}")
