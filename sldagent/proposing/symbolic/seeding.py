"""The first population: the field's families, and forms grown from the grammar."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from sldagent.laws.codegen import Form
from sldagent.laws.expressions import Law
from sldagent.laws.families import applicable
from sldagent.laws.fitting import HUBER_LOG, SOFT_L1
from sldagent.program import Program
from sldagent.proposing.base import Start
from sldagent.proposing.symbolic.setting import Setting
from sldagent.table import Table
from sldagent.task import Task

_MOST, _MOST_LONG = 120, 40
_LONG_ROWS, _MANY_FITS = 1500, 20
_GROWN = 0.25  # share of grown forms
_SEED = 0


def seeds(task: Task, table: Table) -> list[Start]:
    """Programs to begin a search with, most promising first; no two have the same hash.

    At most 120, or 40 where judging one takes long: more than 1,500 rows, or groups times targets
    from 20 on, as each of them is fitted by itself. First every family over all features with the
    squared error, small ones first; then in turn families over fewer features, the same families
    with a robust objective, and forms grown from the grammar, which are always the same for the
    same roles.
    """
    setting = Setting.of(task, table)
    fits = len(table.group_names) * len(task.targets)
    long = len(table) > _LONG_ROWS or fits >= _MANY_FITS
    most = _MOST_LONG if long else _MOST
    chosen: dict[tuple[str, str], tuple[Form, str]] = {}
    for form, change in _forms(setting, most):
        # Forms of one structure and objective may have programs of one hash; one of them is enough.
        key = setting.structure(form.law), form.objective.name
        chosen.setdefault(key, (form, change))
        if len(chosen) == most:
            break
    return [Start(setting.program(form), "symbolic", change) for form, change in chosen.values()]


def plainest(task: Task, table: Table) -> Program:
    """The program of the law with the fewest parameters, to begin a search with nothing known."""
    setting = Setting.of(task, table)
    laws = [form.law for form, _ in _forms(setting, 1)]
    law = min(laws, key=lambda law: (len(law.parameters), -len(law.slots), len(law.formula)))
    return setting.program(setting.form(law))


def _forms(setting: Setting, most: int) -> Iterator[tuple[Form, str]]:
    features = setting.features
    roles: list[object] = [None] * (1 + max(slot.column for slot in features.slots))
    for slot in features.slots:
        roles[slot.column] = slot.role
    laws = applicable(roles, signed=features.signed, limit=setting.room)  # type: ignore[arg-type]
    width = len(features.slots)
    ranked = sorted(laws, key=lambda law: (width - len(law.slots), len(law.parameters)))
    whole = [law for law in ranked if len(law.slots) == width]
    robust = HUBER_LOG if setting.positive else SOFT_L1
    for law in whole:
        yield setting.form(law), _words(law)
    rest = ((setting.form(law), _words(law)) for law in ranked[len(whole) :])
    again = (
        (replace(setting.form(law), objective=robust), f"{_words(law)}, fitted by {robust.name}")
        for law in ranked
    )
    grown = _grown(setting, round(_GROWN * most))
    for turn in zip_longest(rest, again, grown):
        yield from (made for made in turn if made is not None)


def _words(law: Law) -> str:
    return f"{law.name}, {law.source}"


def _grown(setting: Setting, count: int) -> Iterator[tuple[Form, str]]:
    """At most so many grown forms."""
    rng = np.random.default_rng(_SEED)
    for _ in range(count):
        form = setting.grown(rng)
        if form is not None:
            yield form, f"grown from the grammar: {form.law.formula}"
