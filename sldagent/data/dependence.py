"""Features that others determine: a law cannot say what they do by themselves.

Compute is six times size times data; layers and learning rate are often set by the model; tokens
may be twenty times the parameters in every run. Of such a set the one that says least is left out.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Choice, Use
from sldagent.data.naming import (
    Meaning,
    counts_active,
    counts_parameters,
    guess_by_name,
    is_derived,
    is_shape,
    is_step,
)
from sldagent.scales import on_scale
from sldagent.table import Table
from sldagent.task import Role

Floats = NDArray[np.float64]

# Standard deviation of what a product of powers of the others leaves, of a feature's own.
_EXACT = 0.01
_MOST_PARTS = 8  # of a sum
_ROUNDED = 1e-3  # relative, by which a sum may miss its parts
# Compute is often estimated, and all parameters of a mixture are not quite active ones times
# experts: these may differ from the product by some per cent.
_NEAR = 0.05
# What was counted after the run has another value in so many rows; chance leaves so much of it.
_MEASURED, _CHANCE = 0.8, 0.17
# Powers of what makes up another are small; larger ones are those of what hardly varies.
_HIGHEST = 4.0
# Correlation of two measures of one thing, such as parameters with and without embeddings.
_ALIKE, _NEARLY_ONE = 0.98, 0.998
_SINGLE = (Role.SIZE, Role.DATA)
_ADDED = (*_SINGLE, Role.LOGGED)  # what may be parts of a sum; amounts of which some are zero
# Of the pairs of values so many more must be in order than out of it, or there are so few values.
_ORDERED = 0.9
_FEW_VALUES = 6


def leave_out_determined(
    choices: Sequence[Choice], table: Table, asked: Sequence[str]
) -> list[Choice]:
    """The choices, with features left out that the other features determine.

    Args:
        choices: Of all columns.
        table: The rows, with the features in the order of their choices.
        asked: Features whose role the user gave: these stay.
    """
    codes = table.group_codes
    columns = {c.name: values for c, values in zip(_features(choices), table.x.T, strict=True)}
    kept = {c.name: c for c in _features(choices)}
    z = {name: _centred(_scaled(kept[name], values), codes) for name, values in columns.items()}
    reasons: dict[str, str] = {}
    for name in sorted(reversed(kept), key=lambda n: _worth(kept[n], columns[n]), reverse=True):
        if name in asked or kept[name].role is Role.FRACTION:
            continue
        others = [n for n, c in kept.items() if n != name and c.role is not Role.FRACTION]
        role = Role.SIZE if _is_shape(kept[name]) else kept[name].role
        alike = [n for n in others if kept[n].role is role and role in _SINGLE]
        loose = [] if kept[name].sure else [n for n in others if n not in alike]
        counted = len(np.unique(columns[name])) > len(codes) / 4  # not chosen, so about a product
        near = is_derived(name) or bool(alike) or (counted and not kept[name].sure)
        reason = (
            _made_of(name, [] if kept[name].sure else others, columns, codes)
            or _sum_of(name, [n for n in others if kept[n].role in _ADDED], columns)
            or _same(name, alike, z)
            or _in_order(name, loose, z, codes)
            or _reason(name, others, z, columns, codes, near=near)
            or _surface(name, others, z, codes, _left_of(kept[name], columns[name]))
        )
        if reason:
            reasons[name] = reason
            del kept[name]
    reasons |= _known_fraction(kept, z, columns, codes, asked)
    return [
        replace(c, use=Use.LEFT_OUT, role=None, why=reasons[c.name]) if c.name in reasons else c
        for c in choices
    ]


def leave_out_made_of_targets(
    choices: Sequence[Choice], table: Table, asked: Sequence[str]
) -> list[Choice]:
    """The choices, without features that are a target times others, or by them: a bandwidth.

    Only what was measured, so that most rows have a value of their own, and only where the powers
    are whole: a target may well be a product of powers of its causes.

    Args:
        choices: Of all columns.
        table: The rows, with the features in the order of their choices.
        asked: Features whose role the user gave: these stay.
    """
    given = zip(_features(choices), table.x.T, strict=True)
    columns = {c.name: values for c, values in given if (values > 0).all()}
    targets = [np.log(target) for target in table.y.T if (target > 0).all()]
    made = set()
    for name, values in columns.items():
        if name in asked or len(np.unique(values)) < _MEASURED * len(values):
            continue
        others = [np.log(v) for n, v in columns.items() if n != name and n not in made]
        for target in targets:
            design = np.stack([np.ones(len(values)), target, *others], axis=1)
            if len(values) < design.shape[1] + _FEW_VALUES or np.ptp(target) == 0:
                continue
            powers = np.linalg.lstsq(design, np.log(values), rcond=1e-9)[0][1:]
            whole = (
                np.abs(powers - np.round(powers)).max() < _ROUNDED and round(abs(powers[0])) == 1
            )
            left = np.log(values) - design[:, 1:] @ np.round(powers)
            if whole and left.std() < _ROUNDED * max(1.0, float(np.log(values).std())):
                made.add(name)
    why = "made of a target"
    return [
        replace(c, use=Use.LEFT_OUT, role=None, why=why) if c.name in made else c for c in choices
    ]


def _known_fraction(
    kept: dict[str, Choice],
    z: dict[str, Floats],
    columns: dict[str, Floats],
    codes: NDArray[np.intp],
    asked: Sequence[str],
) -> dict[str, str]:
    """A fraction that says only how two amounts are related, as entries seen and all entries.

    Of steps, which follow from the epochs and the fraction of the data, these go.
    """
    shares = [name for name, c in kept.items() if c.role is Role.FRACTION]
    if len(shares) != 1 or shares[0] in asked:
        return {}
    amounts = [n for n, c in kept.items() if c.role in _ADDED and (columns[n] >= 0).all()]
    for one, other in permutations(amounts, 2):
        total = columns[one] + columns[other]
        if (total > 0).all() and np.allclose(columns[shares[0]], columns[one] / total, atol=_EXACT):
            return {shares[0]: f"{one} of {one} and {other}"}
    if not (columns[shares[0]] > 0).all():
        return {}
    z = {**z, shares[0]: _centred(np.log(columns[shares[0]]), codes)}
    for name in [*filter(is_step, kept), *shares]:
        others = [n for n in kept if n != name]
        if reason := _reason(name, others, z, columns, codes, near=False):
            return {name: reason}
    return {}


def _made_of(
    name: str, others: list[str], columns: dict[str, Floats], codes: NDArray[np.intp]
) -> str:
    """Why a feature is but others together, as a total length is; empty where it is not."""
    keys = len(np.unique(np.column_stack([codes, columns[name]]), axis=0))
    if keys > len(codes) / 2:
        return ""
    parts = []
    for other in others:
        both = np.column_stack([codes, columns[name], columns[other]])
        if len(np.unique(both, axis=0)) == keys and len(np.unique(columns[other])) > 1:
            parts.append(other)
    # Two that say the same, as layers and width may, are one part.
    apart = len(parts) > 1 and not all(
        _is_function(columns[n], columns[parts[0]], codes) for n in parts[1:]
    )
    return f"made of {' and '.join(parts)}" if apart else ""


def _sum_of(name: str, alike: list[str], columns: dict[str, Floats]) -> str:
    """Why a feature is but the sum of others, as all tokens are of two languages.

    Of many there are too many sums to try.
    """
    if len(alike) > _MOST_PARTS:
        return ""
    for count in range(2, len(alike) + 1):
        for parts in combinations(alike, count):
            total = np.sum([columns[part] for part in parts], axis=0)
            if np.allclose(columns[name], total, rtol=_ROUNDED, atol=0):
                return f"the sum of {', '.join(parts)}"
    return ""


def _same(name: str, alike: list[str], z: dict[str, Floats]) -> str:
    """Why a feature measures what another that is alike measures; empty where none does."""
    for other in alike:
        scale = float(z[name].std() * z[other].std())
        # What is active of a mixture of experts and what there is in all are two things.
        least = _NEARLY_ONE if counts_active(name) != counts_active(other) else _ALIKE
        if scale > 0 and float((z[name] * z[other]).mean()) > least * scale:
            return f"moves as {other} does: their effects cannot be told apart"
    return ""


def _in_order(name: str, others: list[str], z: dict[str, Floats], codes: NDArray[np.intp]) -> str:
    """Why a feature whose name says little is but another, seen otherwise; empty where it is not.

    In every group in which it varies it rises or falls with the other, as the n of a best-of-n does
    with the divergence from the first policy. In groups of few rows that can be chance.
    """
    for other in others:
        of_group = []
        for group in np.flatnonzero(np.bincount(codes) >= _FEW_VALUES):
            a, b = _ranks(z[name][codes == group]), _ranks(z[other][codes == group])
            if a.any():
                of_group.append(
                    abs(float(a @ b)) / np.sqrt(float(a @ a) * max(float(b @ b), 1e-300))
                )
        if of_group and min(of_group) > _ALIKE:
            return f"moves as {other} does: their effects cannot be told apart"
    return ""


def _ranks(values: Floats) -> Floats:
    """Ranks about zero, those of equal values equal."""
    _, places, counts = np.unique(values.round(12), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return np.asarray(ranks - ranks.mean())


def _reason(
    name: str,
    others: list[str],
    z: dict[str, Floats],
    columns: dict[str, Floats],
    codes: NDArray[np.intp],
    *,
    near: bool,
) -> str:
    """Why a feature is determined by others; empty where it is not."""
    for other in others:
        many = len(np.unique(columns[other])) > _FEW_VALUES
        apart = many and counts_active(name) != counts_active(other)
        if not apart and _is_function(columns[name], columns[other], codes):
            return f"one value for each {other}: their effects cannot be told apart"
    own = float(z[name].std())
    others = [n for n in others if z[n].std() > 1e-12]
    design = np.stack([z[n] for n in others], axis=1) if others else np.empty((len(codes), 0))
    rows = len(np.unique(np.column_stack([design, z[name]]), axis=0))
    if not others or own < 1e-12 or rows < len(others) + 3:
        return ""
    powers = np.linalg.lstsq(design, z[name], rcond=1e-9)[0]
    left = float((z[name] - design @ powers).std())
    if left > (_NEAR if near else _EXACT) * own or np.abs(powers).max() > _HIGHEST:
        return ""
    terms = [f"{n}^{p:.2g}" for n, p in zip(others, powers, strict=True) if abs(p) > 0.02]
    within = f" within {np.expm1(2 * left):.1%}" if left > 1e-9 else ""
    return f"proportional to {' × '.join(terms)}{within}".replace("^1 ", " ").removesuffix("^1")


def _left_of(choice: Choice, values: Floats) -> float:
    """How much of a feature's own spread a surface may leave for it to follow from others.

    None of what was chosen; of compute little, and of what was counted afterwards, as the words
    that a corpus turned out to have, what chance made.
    """
    if is_derived(choice.name):
        return _NEAR
    counted = not choice.sure or choice.role in (Role.COUNT, Role.LOGGED, Role.UNIQUE_DATA)
    return _CHANCE if counted and len(np.unique(values)) > _MEASURED * len(values) else 0.0


def _surface(
    name: str, others: list[str], z: dict[str, Floats], codes: NDArray[np.intp], most: float
) -> str:
    """Why a feature follows from several others; empty where they leave more than `most` of it.

    For what is no product, as compute in which a teacher or attention has a part: a quadratic
    surface in logarithms for each group.
    """
    if len(others) < 2 or not most:
        return ""
    left = np.zeros(len(codes))
    for group in np.unique(codes):
        mine = codes == group
        design = [np.ones(int(mine.sum()))]
        for i, other in enumerate(others):
            design.append(z[other][mine])
            design += [z[other][mine] * z[more][mine] for more in others[i:]]
        if mine.sum() < len(design) + _FEW_VALUES:
            return ""
        terms = np.stack(design, axis=1)
        found = np.linalg.lstsq(terms, z[name][mine], rcond=1e-9)[0]
        left[mine] = z[name][mine] - terms @ found
    if left.std() > most * z[name].std():
        return ""
    return f"follows from {', '.join(others)}"


def _is_function(values: Floats, of: Floats, codes: NDArray[np.intp]) -> bool:
    """Whether a feature has one value for each value of another, which occurs in several rows.

    It must rise or fall with the other, or the other have few values: of many, without an order, no
    smooth law in the other can do what the feature does. Two that determine each other in every row
    are left to the comparison of their powers.
    """
    keys = len(np.unique(np.column_stack([codes, of]), axis=0))
    pairs = np.unique(np.column_stack([codes, of, values]), axis=0)
    if not len(pairs) == keys <= len(codes) / 2 or len(np.unique(values)) < 2:
        return False
    if len(np.unique(of)) <= _FEW_VALUES:
        return True
    group, a, b = pairs[:: 1 + len(pairs) // 500].T
    signs = np.sign((a[:, None] - a) * (b[:, None] - b)) * (group[:, None] == group)
    return bool(abs(signs.sum()) > _ORDERED * np.abs(signs).sum())


def _worth(choice: Choice, values: Floats) -> tuple[int, float, int, float]:
    """The order in which features are left out, the highest first.

    Of those whose names say nothing the one of most values goes first: it was made of the others.
    Of two with as many, as qubits and amplitudes, the one goes whose values are nearer together.
    """
    roles = (Role.SIZE, Role.DATA, Role.LOGGED, Role.UNIQUE_DATA, Role.COUNT, Role.RATE, Role.BATCH)
    guess = guess_by_name(choice.name)
    step = guess is not None and guess.meaning is Meaning.STEP
    if not choice.sure:
        low, high = float(values.min()), float(values.max())
        near = -high / low if low > 0 else 0.0
        return (int(step), len(roles), len(np.unique(values)), near)
    rank: float = roles.index(choice.role) if choice.role in roles else len(roles)
    if choice.role is Role.SIZE and not counts_parameters(choice.name):
        rank += 0.5  # "model" has names or rounded numbers
    return (2 if is_derived(choice.name) else int(step), rank, 0, 0.0)


def _is_shape(choice: Choice) -> bool:
    return choice.role is Role.COUNT and is_shape(choice.name)


def _features(choices: Sequence[Choice]) -> list[Choice]:
    return [choice for choice in choices if choice.use is Use.FEATURE]


def _scaled(choice: Choice, values: Floats) -> Floats:
    return on_scale(values, choice.role)


def _centred(values: Floats, codes: NDArray[np.intp]) -> Floats:
    means = np.bincount(codes, values) / np.bincount(codes)
    return np.asarray(values - means[codes])
