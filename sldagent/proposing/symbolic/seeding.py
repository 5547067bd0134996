"""The first population: the field's families, and forms grown from the grammar."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from sldagent.laws.codegen import Form, Link
from sldagent.laws.expressions import Law
from sldagent.laws.families import applicable
from sldagent.laws.fitting import HUBER_LOG, LOG_SQUARED, SOFT_L1, SQUARED, Objective
from sldagent.program import Program
from sldagent.proposing.base import Start
from sldagent.proposing.symbolic.setting import Setting
from sldagent.table import Table
from sldagent.task import Task

_MOST, _MOST_LONG = 120, 80
_LONG_ROWS, _MANY_FITS = 1500, 20
_GROWN = 0.2  # share of grown forms
_EMPHASIS = 2.0  # of the forms that weigh rows by their place
_ABOUND = 30  # rows a group and parameter
_SEED = 0
_OF = {Link.LOG: "target", Link.LOGIT: "odds", Link.PERCENT: "odds"}

Seed = tuple[Form, str]
Fit = tuple[Setting, Objective, float]


def seeds(task: Task, table: Table) -> list[Start]:
    """Programs to begin a search with, most promising first; no two have the same hash.

    At most 120, or 80 where judging one takes long: more than 1,500 rows, or groups times targets
    from 20 on, as each of them is fitted by itself. Families over all features come first, small
    ones before large ones where rows are few and after them where rows abound. Each way to fit has
    its turn: the squared error, rows near the top of the scales weigh more, a robust or logarithmic
    objective, the formula is one of the logarithm of the target or of its odds. In between come
    forms grown from the grammar, which are always the same for the same roles.
    """
    setting = Setting.of(task, table)
    fits = len(table.group_names) * len(task.targets)
    long = len(table) > _LONG_ROWS or fits >= _MANY_FITS
    most = _MOST_LONG if long else _MOST
    chosen: dict[tuple[object, ...], Seed] = {}
    abound = len(table) >= _ABOUND * setting.room * len(table.group_names)
    for form, change in _forms(setting, most, abound):
        # Forms of one structure and fit may have programs of one hash; one of them is enough.
        key = setting.structure(form.law), form.objective.name, form.emphasis, form.link
        chosen.setdefault(key, (form, change))
        if len(chosen) == most:
            break
    return [Start(setting.program(form), "symbolic", change) for form, change in chosen.values()]


def plainest(task: Task, table: Table) -> Program:
    """The program of the law with the fewest parameters, to begin a search with nothing known."""
    setting = Setting.of(task, table)
    law = min(
        _ranked(setting, abound=False),
        key=lambda law: (len(law.parameters), -len(law.slots), len(law.formula)),
    )
    return setting.program(setting.form(law))


def _forms(setting: Setting, most: int, abound: bool) -> Iterator[Seed]:
    """Seeds, the most promising first, duplicates included."""
    streams = [_seeds(fit, _ranked(fit[0], abound)) for fit in _fits(setting)]
    streams.append(_grown(setting, round(_GROWN * most)))
    for turn in zip_longest(*streams):
        yield from (made for made in turn if made is not None)


def _fits(setting: Setting) -> list[Fit]:
    """Ways to fit a law; the first is the plain one."""
    robust = HUBER_LOG if setting.positive else SOFT_L1
    emphasis = _EMPHASIS if setting.has_scales else 0.0
    fits = [(setting, SQUARED, 0.0), (setting, SQUARED, emphasis), (setting, robust, emphasis)]
    fits += [(setting.linked(link), SQUARED, emphasis) for link in setting.links[1:]]
    if setting.positive:
        fits.append((setting, LOG_SQUARED, 0.0))
    return list(dict.fromkeys(fits))


def _ranked(setting: Setting, abound: bool) -> list[Law]:
    """Laws that fit the room, those over all features first, then by their parameters."""
    sign = -1 if abound else 1
    features = setting.features
    roles: list[object] = [None] * (1 + max(slot.column for slot in features.slots))
    for slot in features.slots:
        roles[slot.column] = slot.role
    laws = applicable(roles, signed=features.signed, limit=setting.room)  # type: ignore[arg-type]
    return sorted(laws, key=lambda law: (-len(law.slots), sign * len(law.parameters)))


def _seeds(fit: Fit, laws: Sequence[Law]) -> Iterator[Seed]:
    setting, objective, emphasis = fit
    how = f", fitted by {objective.name}" if objective is not SQUARED else ""
    how += ", with more weight near the top of the scales" if emphasis else ""
    how += f", as the logarithm of the {_OF[setting.link]}" if setting.link in _OF else ""
    for law in laws:
        form = replace(setting.form(law), objective=objective, emphasis=emphasis)
        yield form, f"{law.name}, {law.source}{how}"


def _grown(setting: Setting, count: int) -> Iterator[Seed]:
    """At most so many grown forms."""
    rng = np.random.default_rng(_SEED)
    for _ in range(count):
        form = setting.grown(rng)
        if form is not None:
            yield form, f"grown from the grammar: {form.law.formula}"
