"""What selection compares. It is no metric of the benchmark and is never shown as one."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_GAIN = 0.05  # of the best start program's error, 1 - score, below which no search has won
_MOST_ERROR = 2.0  # 1 - R² has no upper bound: one hopeless cut must not hide what the others say
_LEAST_ERROR = 1e-3  # below it no difference tells laws apart
_PER_NUMBER = 0.01  # for each fitted parameter and each literal in the law of one target
_NOT_FINITE = _IMPOSSIBLE = 0.7  # predictions beyond the data that no target can have
_TURNS = 2.3  # predictions beyond the data that turn round where no series of runs does
_SURELY_PERCENT = 50  # losses hardly reach it
# Names of targets that are shares, so that one or a hundred is their top; what else lies below one,
# as seconds and errors of regressions may, has none. The second pattern decides before the first.
_TOPPED = re.compile(
    r"acc|recall|precision|success|correct|solved|percent|pct|%|top.?[15]|pass|brier|correl|pearson"
    r"|spearman|coverage|fidelity|overlap|agreement|hellaswag|piqa|mmlu|winogrande|boolq|lambada"
    r"|triviaqa|gsm8k|humaneval|mbpp|openbookqa|truthfulqa|exact.?match"
    r"|(?:^|[^a-z])(?:rate|ratio|frac(?:tion)?|share|prob(?:ability)?|f1|auc|auroc|auprc|roc|m?ap"
    r"|m?iou|dice|hits?|hr|em|ndcg|mrr|wer|cer|err(?:or)?s?|win|score|r2|mcc|ssim|bleu|rouge"
    r"|yield|efficiency|arc)(?:$|[^a-z])"
)
_TOPLESS = re.compile(
    r"loss|ppl|perplexity|nll|bp[bcd]|bits|entropy|xent|(?:^|[^a-z])ce(?:$|[^a-z])|ms[ed]|rms|mae"
    r"|mape|(?:^|[^a-z])(?:l[12]|rel|relative|abs|absolute|squared)(?:$|[^a-z])"
)


def clearly_better(score: float, start: float) -> bool:
    """Whether a score takes enough off the best start program's error for a search to have won."""
    return 1 - score <= (1 - LEAST_GAIN) * (1 - start)


def possible_range(y: NDArray[np.float64]) -> tuple[float, float]:
    """Between what targets like these (N, T) can be.

    A guess from the values: what is positive stays so, and what lies between 0 and 1, or reaches 50
    and no more than 100, is taken for an accuracy or an error rate, of which some may be at an end.
    """
    if np.any(y < 0):
        return -np.inf, np.inf
    if np.all(y <= 1) and np.any((y > 0) & (y < 1)):
        return 0.0, 1.0
    if np.all(y <= 100) and np.any((y > _SURELY_PERCENT) & (y < 100)):
        return 0.0, 100.0
    return -np.inf if np.any(y == 0) else 0.0, np.inf


def possible_values(
    y: NDArray[np.float64], names: Sequence[str]
) -> tuple[tuple[float, float], ...]:
    """The same for each target of a table (N, T), with a top for those that have one by their name.

    Seconds may pass 1 and 100, and losses and squared errors have no top, however small they are.
    """
    ranges = (possible_range(column) for column in y.T)
    return tuple(
        (low, high if _has_top(name.lower()) else np.inf)
        for (low, high), name in zip(ranges, names, strict=True)
    )


def is_error(name: str) -> bool:
    """Whether a target is a loss or an error by its name, which better runs have less of."""
    return bool(_TOPLESS.search(name.lower()))


def _has_top(name: str) -> bool:
    return bool(_TOPPED.search(name)) and not _TOPLESS.search(name)


def within_possible(
    value: NDArray[np.float64], ends: NDArray[np.float64],
    possible: Sequence[tuple[float, float]],
) -> NDArray[np.float64]:  # fmt: skip
    """Ends (2, N, T) of intervals without what targets cannot be, as what runs measure is possible.

    Those of values (N, T) that are impossible themselves stay as they are.
    """
    low, high = np.array(possible, dtype=float).T
    inside = (value >= low) & (value <= high)
    return np.where(inside, np.clip(ends, low, high), ends)


def selection_score(
    cut_r2: Sequence[float], numbers: float, finite_beyond: bool, possible_beyond: bool = True,
    steady_beyond: bool = True,
) -> float:  # fmt: skip
    """One less the squared mean over cuts of sqrt(1 - R²), times prices; higher is better.

    sqrt(1 - R²) is the error of a cut in spreads of its targets. Its mean lies between the mean of
    1 - R², by which the cut on which all laws err most decides alone, and the geometric mean, which
    forgives a law that fails on one cut. Prices: 1 - R² larger by `_PER_NUMBER` for every parameter
    and literal; by `_NOT_FINITE` where the law does not stay finite ten times beyond the data, and
    by `_IMPOSSIBLE` where it leaves `possible_values` there: twice the error of a law that does; by
    `_TURNS` where it turns round as no series of runs does: ten times the error.

    Args:
        cut_r2: Pooled R² of each cut.
        numbers: Fitted parameters and literals, for one target.
        finite_beyond: Whether predictions beyond the data are finite.
        possible_beyond: Whether they are what targets can be.
        steady_beyond: Whether they go on as all series of runs do; see `trends`.
    """
    errors = np.minimum(1.0 - np.asarray(cut_r2, dtype=float), _MOST_ERROR)
    price = _PER_NUMBER * numbers
    price += (0.0 if finite_beyond else _NOT_FINITE) + (0.0 if possible_beyond else _IMPOSSIBLE)
    price += 0.0 if steady_beyond else _TURNS
    return 1.0 - float(np.sqrt(errors + _LEAST_ERROR).mean() ** 2 * np.exp(price))
