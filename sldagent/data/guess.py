"""Guesses what each column of a user's table is: by its name, its values and the other columns."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Choice, Use, Wishes
from sldagent.data.cleaning import is_crossed, is_label, is_planned
from sldagent.data.frames import Frame
from sldagent.data.naming import (
    Meaning,
    NameGuess,
    can_be_none,
    counts_machines,
    guess_by_name,
    is_cost,
    is_found,
    is_shape,
    is_step,
    is_time,
    may_be_a_graphs,
    multiple_by_name,
    words_of,
)
from sldagent.data.times import BY_NAME, judge_times
from sldagent.data.units import multiple_of, parse_number
from sldagent.errors import DataError
from sldagent.scales import AS_IT_IS, offset_of
from sldagent.task import Role

Floats = NDArray[np.float64]

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d\d?[./]\d\d?[./]\d{4}( .*)?")
_AMOUNT = re.compile(r"[~≈<>]?\s*\d[\d.,]*\s*[a-z]*\s*$", re.IGNORECASE)
_BOOLEAN = frozenset(("true", "false", "yes", "no"))
# Emptier columns are left out, rather than the rows that lack them.
_FULL = 0.8
# Rows at zero or below have no logarithm: so many are left out, for more the role changes. Zero
# steps or tokens are baselines; zero experts or weight decay may be as good a value as any.
_FEW = 0.05
_BASELINES = 0.5
# A group needs so many rows, on average, for a curve of its own, and these for each constant of it.
_ROWS_OF_GROUP = 6
_ROWS_OF_CONSTANT = 1.5
# Labels name the values of a feature whose largest is so many times its least.
_APART = 2.0
_MANY = 2e4  # of what a model has, a layer's units say, there are fewer
_CLUSTER = 256  # nodes; graphs have more
_YEARS = 1900, 2100  # that are dates
_DIMENSIONS = 1_000  # `d` stands for a dimension up to here, beyond for the size of a data set
_LABELS, _YES_OR_NO = "labels", "yes or no"
_REASONS = {
    Meaning.RESULT: "a result too, by its name",
    Meaning.SEED: "a seed, by its name: repeats stay rows of their own",
    Meaning.STATE: "the state of a run",
    Meaning.CLOCK: BY_NAME,
    Meaning.NOTE: "a note or the machine's, by its name",
    Meaning.RUN: "tells runs apart, by its name",
    Meaning.LABEL: "tells runs apart, by its name",
}
_SCALES = (Role.SIZE, Role.DATA, Role.UNIQUE_DATA)
_POSITIVE = (*_SCALES, Role.RATE, Role.BATCH, Role.COUNT)


def guess_columns(frame: Frame, wishes: Wishes) -> list[Choice]:
    """A choice for every column, in the order of the file.

    Raises:
        DataError: A column that the user names is not there or cannot be what they say.
    """
    frame.require(wishes.groups or (), "--group")
    frame.require(wishes.ignore, "--ignore")
    frame.require(wishes.roles, wishes.role_option)
    shares = _shares(frame, wishes)
    choices = {name: _one(frame, name, wishes, shares) for name in frame.columns}
    _leave_out_steps(wishes, choices)
    _find_size(wishes, choices)
    if wishes.groups is None:
        _choose_groups(frame, wishes, choices)
    judge_times(frame, wishes, choices)
    return list(choices.values())


def _one(frame: Frame, name: str, wishes: Wishes, shares: dict[str, float]) -> Choice:
    """A column by itself; columns of labels are left out for the moment."""
    guess = guess_by_name(name)
    if name in wishes.targets:
        return Choice(name, Use.TARGET, "asked for")
    if name in (wishes.groups or ()):
        return Choice(name, Use.GROUP, "asked for")
    if name in wishes.ignore:
        return Choice(name, Use.LEFT_OUT, "asked for")
    if name in wishes.roles:
        return _asked(frame, name, wishes, guess, shares)
    filled = ~frame.missing(name)
    if not filled.any():
        return Choice(name, Use.LEFT_OUT, "empty")
    texts = [text for text in frame.texts(name) if text]
    if filled.mean() < _FULL:
        return Choice(name, Use.LEFT_OUT, f"empty in {(~filled).mean():.0%} of the rows")
    if len(set(texts)) == 1:
        return Choice(name, Use.LEFT_OUT, f"constant: {' '.join(texts[0].split())[:30]}")
    if is_label(frame, name):
        if guess is not None and guess.meaning is Meaning.LABEL and is_planned(frame, name):
            guess = None
        return Choice(name, Use.LEFT_OUT, _label_reason(texts, guess))
    if name in shares:
        why = "shares that add up to one" if shares[name] == 1 else "percentages that add up to 100"
        return Choice(name, Use.FEATURE, why, Role.FRACTION, "share", factor=shares[name])
    numbers = frame.numbers(name)[filled]
    if guess is not None and is_planned(frame, name):
        dates = _YEARS[0] <= numbers.min() <= numbers.max() <= _YEARS[1]
        if guess.meaning is Meaning.CLOCK and guess.role is not None and not dates:
            return _by_value(name, numbers, guess)
        if guess.meaning is Meaning.RESULT:  # the loss of a teacher, or of the model begun with
            why = "named as a result, but of few values: planned"
            return replace(_by_value(name, numbers, None), why=why)
    if guess is not None and guess.meaning is Meaning.LABEL and is_planned(frame, name):
        return Choice(name, Use.LEFT_OUT, _LABELS)  # of a language or a corpus, by its number
    if any(is_found(name, target) for target in wishes.targets):
        return Choice(name, Use.LEFT_OUT, "a result too: an optimum, as the target is")
    if may_be_a_graphs(name) and (numbers.max() > _CLUSTER or is_crossed(frame, name, wishes)):
        return _by_value(name, numbers, None)
    if counts_machines(name) and any(is_time(target) for target in wishes.targets):
        why = "what a time depends on"
        return replace(_by_value(name, numbers, None), role=Role.COUNT, why=why, sure=True)
    if guess is not None and guess.role is Role.BATCH and all(map(is_cost, wishes.targets)):
        why = "what a cost depends on: not tuned for it, as for a loss"
        return replace(_by_value(name, numbers, None), role=Role.COUNT, why=why, sure=True)
    if guess is not None and guess.meaning in _REASONS:
        return Choice(name, Use.LEFT_OUT, _REASONS[guess.meaning])
    if guess is None and "_".join(words_of(name)) == "group":
        return Choice(name, Use.LEFT_OUT, _LABELS)
    if guess is None and _counts_rows(numbers):
        return Choice(name, Use.LEFT_OUT, "counts the rows")
    return _by_value(name, numbers, guess, tuned=not all(map(is_cost, wishes.targets)))


def _asked(
    frame: Frame, name: str, wishes: Wishes, guess: NameGuess | None, shares: dict[str, float]
) -> Choice:
    role, option = wishes.roles[name], wishes.role_option
    numbers = frame.numbers(name)
    if not np.isfinite(numbers).any():
        raise DataError(f"{frame.origin}: {option} {name}={role}: the column holds no numbers")
    unit = guess.unit if guess is not None and guess.role is role else ""
    if not unit and role in _SCALES:
        unit = multiple_by_name(name, counts=True)
    factor = shares.get(name, 1.0) if role is Role.FRACTION else 1.0
    return Choice(name, Use.FEATURE, "asked for", role, unit, factor=factor)


def _label_reason(texts: Sequence[str], guess: NameGuess | None) -> str:
    if np.mean([bool(_DATE.fullmatch(text)) for text in texts]) > _FULL:
        return "a date"
    if guess is not None and guess.meaning in _REASONS:
        return _REASONS[guess.meaning]
    wrong = [text for text in texts if _AMOUNT.match(text) and parse_number(text) is None]
    if guess is not None and guess.role in _SCALES and len(wrong) > (1 - _FULL) * len(texts):
        return f"cells such as '{wrong[0][:20]}' are no numbers: write 10M or 1e7"
    if len(set(texts)) == len(texts):
        return "labels that differ in every row"
    if {text.lower() for text in texts} <= _BOOLEAN:
        return _YES_OR_NO
    return _LABELS


def _counts_rows(numbers: Floats) -> bool:
    """Whether a column only numbers the rows, in whatever order they are."""
    ordered = np.sort(numbers)
    return len(ordered) > 5 and bool((np.diff(ordered) == 1).all()) and ordered[0] in (0, 1)


def _by_value(name: str, numbers: Floats, guess: NameGuess | None, tuned: bool = True) -> Choice:
    """A feature, with a role that its values allow; `tuned` says whether rates may be tuned."""
    finite = numbers[np.isfinite(numbers)]
    low, high = float(finite.min()), float(finite.max())
    whole = bool((finite == np.round(finite)).all())
    if name == "d" and whole and high <= _DIMENSIONS:
        return Choice(name, Use.FEATURE, "its name and values, a dimension", Role.COUNT)
    role = guess.role if guess is not None else None
    if role is Role.FRACTION and not 0 <= low <= high <= 1:
        guess = role = None
    if role is not None and guess is not None:
        most = _BASELINES if low == 0 and role in _SCALES else _FEW
        none = can_be_none(name, role) and bool((finite == 0).any())
        wrong = finite < 0 if none else finite <= 0
        if role in _POSITIVE and wrong.mean() > most:
            why = f"at zero or below, so taken as it is [--role {name}={role} leaves that out]"
            return Choice(name, Use.FEATURE, why, Role.LOGGED)
        why = "its name"
        if guess.meaning is Meaning.DERIVED:
            why = "its name; taken as what is spent, there is no other role for it"
        elif guess.meaning is Meaning.STEP:
            why = "its name; steps stand for data"
        elif guess.meaning is Meaning.CLOCK:
            why = "a time of few values: planned, so it stands for data"
        elif role is Role.LOGGED:
            why = "its name: already a logarithm"
        if none:
            why += f"; laws see {name} + {offset_of(finite, role):g}, for zero has no powers"
        return Choice(name, Use.FEATURE, why, role, guess.unit)
    multiple = multiple_of(multiple_by_name(name))
    if low <= 0:
        role, why = Role.LOGGED, "its values, at zero or below; taken as they are"
    elif re.match(r"N(?:nv|ne|emb)?(?![a-z])", name) and high > _MANY:
        why = "its name and values, N is a number of parameters"
        return Choice(name, Use.FEATURE, why, Role.SIZE)
    elif whole and words_of(name)[:1] in (["n"], ["num"]) and high * multiple > _MANY:
        role, why = Role.DATA, "its name and values, a large number of something"
    elif multiple > 1 and words_of(name)[:1] in (["n"], ["num"]):
        role, why = Role.DATA, "its name, a large number of something"
    elif multiple > 1e3:
        role, why = Role.SIZE, "its name, millions of something"
    elif whole and high < 1e6:
        role, why = Role.COUNT, "its values, small whole numbers"
    elif high <= 0.1 and tuned:
        role, why = Role.RATE, "its values, small"
    elif high / low >= 10:
        role, why = Role.SIZE, "its values, over a decade"
    elif high <= 1:
        role, why = Role.FRACTION, "its values, between 0 and 1"
    else:
        role, why = Role.LOGGED, "its values; taken as they are"
    return Choice(name, Use.FEATURE, why, role, sure=False)


def _shares(frame: Frame, wishes: Wishes) -> dict[str, float]:
    """Columns that together are a mixture, with the factor that makes shares of them.

    Tried are all columns of numbers from 0 to 1 (or 100), and those of them that the name calls
    shares, or that share their first or last word.
    """
    taken = (*wishes.targets, *wishes.ignore, *(wishes.groups or ()))
    taken += tuple(name for name, role in wishes.roles.items() if role is not Role.FRACTION)
    numbers = {}
    for name in frame.columns:
        guess = guess_by_name(name)
        # Names say little here, as any word may be that of a source: the sum decides.
        words = (Meaning.NOTE, Meaning.STATE, Meaning.CLOCK)
        causes = guess is None or guess.role in (Role.FRACTION, Role.DATA) or guess.meaning in words
        if name in taken or not causes or is_label(frame, name):
            continue
        values = frame.numbers(name)
        finite = values[np.isfinite(values)]
        if len(finite) and 0 <= finite.min() <= finite.max() <= 100 and np.ptp(finite) > 0:
            numbers[name] = values
    for names in _mixtures(list(numbers)):
        for total, factor in ((1.0, 1.0), (100.0, 0.01)):
            # Beside percentages, what is one at most is a share of something else, as dropout is.
            parts = [n for n in names if total == 1 or np.nanmax(numbers[n]) > 1]
            sums = np.sum([numbers[name] for name in parts], axis=0) if len(parts) > 1 else []
            sums = np.asarray(sums)[np.isfinite(sums)]
            if len(sums) and np.mean(np.abs(sums / total - 1) < 0.02) > 0.9:
                return dict.fromkeys(parts, factor)
    return {}


def _mixtures(names: list[str]) -> list[list[str]]:
    """Sets of two columns and more that may be the parts of one mixture, likeliest first."""
    found = [[n for n in names if (g := guess_by_name(n)) and g.role is Role.FRACTION]]
    for end in (0, -1):
        words = [words_of(name)[end] if words_of(name) else "" for name in names]
        found += [
            [n for n, w in zip(names, words, strict=True) if w == word]
            for word in dict.fromkeys(words)
        ]
    found.append(names)
    # Beside them may be another share, of something else.
    found += [[name for name in names if name != other] for other in names]
    return [columns for columns in found if len(columns) >= 2]


def _leave_out_steps(wishes: Wishes, choices: dict[str, Choice]) -> None:
    """Steps are no feature of their own where another column says how much data was seen."""
    seen = [
        c.name
        for c in choices.values()
        if c.role is Role.DATA
        and (guess := guess_by_name(c.name)) is not None
        and guess.meaning is Meaning.CAUSE
        and not {"dataset", "size"} & set(words_of(c.name))
    ]
    for name, choice in choices.items():
        if seen and is_step(name) and choice.use is Use.FEATURE and name not in wishes.roles:
            why = f"{seen[0]} says how far a run had come"
            choices[name] = Choice(name, Use.LEFT_OUT, why)


def _find_size(wishes: Wishes, choices: dict[str, Choice]) -> None:
    """Where no feature is a size, what a model is made of stands for it: width, features, trees.

    Only where there is one such count: of several none is the size of the whole.
    """
    roles = [choice.role for choice in choices.values()]
    shapes = [
        name
        for name, choice in choices.items()
        if choice.role is Role.COUNT and is_shape(name) and name not in wishes.roles
    ]
    if Role.SIZE not in roles and len(shapes) == 1:
        why = "its name; stands for the size, as there is no other"
        choices[shapes[0]] = replace(choices[shapes[0]], role=Role.SIZE, why=why, sure=True)


def _choose_groups(frame: Frame, wishes: Wishes, choices: dict[str, Choice]) -> None:
    """Makes groups of as many columns as leave a group enough rows, and says why not of others.

    Labels that only name the values of a feature, as `70M` for its size, are no groups. Numbers of
    two levels are: an exponent cannot be told from an offset there.
    """
    features = [c.name for c in choices.values() if c.use is Use.FEATURE]
    candidates = [name for name, choice in choices.items() if _may_group(frame, choice, wishes)]
    if not candidates and features and all(is_step(name) for name in features):
        candidates = [
            name
            for name, choice in choices.items()
            if choice.why == _REASONS[Meaning.RUN] and len(set(frame.texts(name))) < len(frame)
        ]
    shares = sum(choices[name].role is Role.FRACTION for name in features)
    constants = 2 + 2 * (len(features) - shares) + shares
    least = max(_ROWS_OF_GROUP, _ROWS_OF_CONSTANT * constants)
    found: list[str] = []
    # Labels first: where they make groups, a scale of two levels stays a scale.
    is_number = {name: choices[name].use is Use.FEATURE for name in candidates}
    for name in sorted(candidates, key=lambda n: (is_number[n], len(set(frame.texts(n))))):
        others = [feature for feature in features if feature != name]
        keys = _keys(frame, (*found, name))
        if choices[name].use is Use.FEATURE:
            follows = any(_follows(frame, name, feature) for feature in others)
            follows = follows or (bool(found) and len(keys) == len(_keys(frame, found)))
            scale = found and choices[name].role in (Role.SIZE, Role.DATA, Role.UNIQUE_DATA)
            if follows or scale or not others or len(frame) / len(keys) < least:
                continue
            features.remove(name)
            why = f"two values: each has its own curve [--role {name}={choices[name].role}]"
        else:
            named = [f for f in others if _follows(frame, name, f) and _follows(frame, f, name)]
            if any(f in wishes.roles or _is_scale(frame, choices[f]) for f in named):
                choices[name] = replace(choices[name], why=f"names the values of {named[0]}")
                continue
            if len(frame) / len(keys) < least:
                why = f"{len(keys)} groups would have {len(frame) / len(keys):.2g} rows each"
                choices[name] = replace(choices[name], why=f"{why} [--group {name}]")
                continue
            for number in named:  # as how many problems each benchmark has
                features.remove(number)
                choices[number] = Choice(number, Use.LEFT_OUT, f"one value for each {name}")
            why = f"{choices[name].why}: each has its own curve [--ignore {name}]"
        found.append(name)
        choices[name] = Choice(name, Use.GROUP, why)
    _leave_out_of_groups(frame, found, wishes, choices)


def _keys(frame: Frame, names: Sequence[str]) -> set[tuple[str, ...]]:
    """The combinations of labels that there are."""
    return set(zip(*(frame.texts(name) for name in names), strict=True))


def _leave_out_of_groups(
    frame: Frame, groups: Sequence[str], wishes: Wishes, choices: dict[str, Choice]
) -> None:
    """Leaves out features that have one value in every group: no law of a group can use them."""
    keys = list(zip(*(frame.texts(group) for group in groups), strict=True))
    for name, choice in choices.items():
        if groups and choice.use is Use.FEATURE and name not in wishes.roles:
            pairs = set(zip(keys, frame.texts(name), strict=True))
            if len(pairs) == len(set(keys)):
                why = f"one value for each {' and '.join(groups)}"
                choices[name] = Choice(name, Use.LEFT_OUT, why)


def _may_group(frame: Frame, choice: Choice, wishes: Wishes) -> bool:
    if choice.use is Use.FEATURE:
        fixed = choice.name in wishes.roles or choice.role is Role.FRACTION or is_step(choice.name)
        return not fixed and len(set(frame.texts(choice.name)) - {""}) == 2
    return choice.why in (_LABELS, _YES_OR_NO)


def _is_scale(frame: Frame, choice: Choice) -> bool:
    """Whether a feature's role is sure and its values are apart, so that labels only name them."""
    numbers = frame.numbers(choice.name)
    positive = numbers[numbers > 0]
    apart = choice.role in AS_IT_IS or bool(positive.max() >= _APART * positive.min())
    return choice.sure and apart


def _follows(frame: Frame, name: str, other: str) -> bool:
    """Whether a column has one value for each value of another, that is, never two."""
    cells = frame.texts(other)
    return len(set(zip(frame.texts(name), cells, strict=True))) == len(set(cells))
