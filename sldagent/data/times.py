"""Columns of times: measured, as those of most runs, or chosen, as hours of speech."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sldagent.data.choices import Choice, Use, Wishes
from sldagent.data.frames import Frame
from sldagent.data.naming import guess_by_name, is_clock, words_of

Floats = NDArray[np.float64]

BY_NAME = "a time, by its name"
# A time that was measured follows from what was run; one that varies so much in logarithms, with
# so much of its variance left by the other features, was chosen: hours of speech.
_VARIES = 0.7
_UNEXPLAINED = 0.4
_LITTLE = 0.1  # of a time of few values, so that it was measured all the same
_CLOCKED = frozenset(("time", "walltime", "runtime", "elapsed", "latency", "clock"))
_RUN_TIME = frozenset(("wall", "gpu", "tpu", "train", "training", "elapsed", "run"))


def judge_times(frame: Frame, wishes: Wishes, choices: dict[str, Choice]) -> None:
    """Makes features of times that are none by name but that no other feature explains.

    Times of few values that the others explain are none: an index was built once, and asked often.
    `choices` of all columns, by name, are changed.
    """
    features = [c.name for c in choices.values() if c.use is Use.FEATURE]
    groups = [c.name for c in choices.values() if c.use is Use.GROUP]
    for name in [n for n in features if n not in wishes.roles and is_clock(n)]:
        numbers, others = frame.numbers(name), [n for n in features if n != name]
        if not (numbers > 0).all():
            continue
        _, left = _unexplained(frame, np.log(numbers), others, groups)
        if left < _LITTLE:
            choices[name] = Choice(name, Use.LEFT_OUT, BY_NAME)
            features.remove(name)
    for name in sorted(choices, key=lambda name: bool(_RUN_TIME & set(words_of(name)))):
        guess = guess_by_name(name)
        if choices[name].why != BY_NAME or guess is None or guess.role is None:
            continue
        if _CLOCKED & set(words_of(name)):
            continue  # noise of the machine explains nothing, and makes it no cause
        numbers = frame.numbers(name)
        if not (numbers > 0).all():
            continue
        if features:
            deviation, left = _unexplained(frame, np.log(numbers), features, groups)
            if not (deviation >= _VARIES and left > _UNEXPLAINED):
                continue
        why = "a time that no other column explains: chosen, so it stands for data"
        role = guess.role
        choices[name] = Choice(name, Use.FEATURE, f"{why} [--ignore {name}]", role, sure=False)
        features.append(name)  # what took longer for more hours of speech is explained by them


def _unexplained(
    frame: Frame, logarithms: Floats, features: Sequence[str], groups: Sequence[str]
) -> tuple[float, float]:
    """A column's deviation within groups, and the share of its variance that the features leave.

    They explain it by their powers. NaN where there are too few rows to tell.
    """
    keys = list(zip(*(frame.texts(name) for name in groups), strict=True)) or [()] * len(frame)
    index = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    codes = np.array([index[key] for key in keys])
    columns = []
    for name in features:
        values = frame.numbers(name)
        if not np.isfinite(values).all():
            continue
        columns.append(np.log(values) if (values > 0).all() else values)
    columns.append(logarithms)
    sums = [np.bincount(codes, column) / np.bincount(codes) for column in columns]
    *z, own = (column - mean[codes] for column, mean in zip(columns, sums, strict=True))
    if len(frame) < len(z) + len(index) + 5 or not own.any():
        return float(own.std()), np.nan
    design = np.stack([*z, np.zeros(len(frame))], axis=1)
    left = own - design @ np.linalg.lstsq(design, own, rcond=1e-9)[0]
    return float(own.std()), float(left.var() / own.var())
