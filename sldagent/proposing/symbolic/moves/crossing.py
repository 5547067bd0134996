"""Moves that take something of another form."""

from dataclasses import replace

from sldagent.proposing.symbolic.expansion import Expansion, expand, pattern, used
from sldagent.proposing.symbolic.moves.base import Made, Rng, Subject, choose


def _mate(subject: Subject, rng: Rng) -> tuple[int, Expansion] | None:
    """One of the mates, mostly the first, with shapes that share no name with the subject's."""
    if not subject.mates:
        return None
    index = 0 if rng.random() < 0.5 else int(rng.integers(len(subject.mates)))
    other = expand(subject.mates[index].law, subject.setting.features)
    names = {name: f"{name}_9{i}" for i, name in enumerate(other.shapes)}
    shapes = {new: replace(other.shapes[old], name=new) for old, new in names.items()}
    return index, replace(other.renamed(names), shapes=shapes)


def cross_terms(subject: Subject, rng: Rng) -> Made | None:
    """A sample of the terms of both, as far as there is room."""
    found = _mate(subject, rng)
    if found is None:
        return None
    index, other = found
    own = subject.expansion
    terms = [*own.terms, *other.terms]
    both = Expansion((), own.common if rng.random() < 0.5 else other.common, {})
    both = replace(both, shapes={**own.shapes, **other.shapes})
    keep_all = rng.random() < 0.5
    structures: set[str] = set()
    for k in rng.permutation(len(terms)):
        structure = pattern(terms[k].text, both.shapes)
        if structure in structures:
            continue
        more = replace(both, terms=(*both.terms, terms[k]))
        if more.size <= subject.setting.room and (keep_all or rng.random() < 0.6):
            both = more
            structures.add(structure)
    if not both.terms:
        return None
    return subject.made(
        both, f"cross its terms with those of {subject.mates[index].law.name}", index
    )


def swap_term(subject: Subject, rng: Rng) -> Made | None:
    """A term of the other in the place of one of its own."""
    found = _mate(subject, rng)
    if found is None:
        return None
    index, other = found
    own = subject.expansion
    places = [k for k, term in enumerate(own.terms) if term.factors]
    offered = [term for term in other.terms if term.factors]
    k, new = choose(places, rng), choose(offered, rng)
    needed = [other.shapes[name] for name in used(new.factors, other.shapes)]
    expansion = own.with_shapes(needed).with_term(k, new)
    change = (
        f"put {new.text} of {subject.mates[index].law.name} in the place of {own.terms[k].text}"
    )
    return subject.made(expansion, change, index)


def cross_fit(subject: Subject, rng: Rng) -> Made | None:
    """Its formula, fitted as the other is."""
    if not subject.mates:
        return None
    index = int(rng.integers(len(subject.mates)))
    other = subject.mates[index]
    if (other.objective, other.emphasis) == (subject.form.objective, subject.form.emphasis):
        return None
    form = subject.setting.form(subject.form.law, other)
    change = f"fit as {other.law.name} is: {other.objective.name}, emphasis {other.emphasis:g}"
    return Made(form, change, index)
