"""Compares rules of choice on the pool of `choosing_pool.py`: what each would pick, and its R2.

For every pseudo-test each rule ranks the entries by what the inner cuts say; the pick's predictions
on the hidden rows give the R2 that its user would have had. Prints Markdown tables.

    PYTHONPATH=tests python tests/benchmarks/choosing_rules.py POOL [--picks] [TASK ...]
"""

import argparse
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.choosing_pool import Entry, FittedTest

from sldagent.laws.fitting import pooled_r2

Rule = Callable[[FittedTest], np.ndarray]  # a score per entry


def r2(y, p) -> float:
    return pooled_r2(y, p) if np.isfinite(p).all() else -np.inf


def cut_r2(test: FittedTest) -> np.ndarray:
    """R2 (entries, cuts), clipped to [-1, 1]."""
    table = [[r2(y, p) for y, p in zip(test.inner, e.inner, strict=True)] for e in test.entries]
    return np.clip(np.array(table), -1, 1)


def parameters(test: FittedTest) -> np.ndarray:
    return np.array([e.parameters for e in test.entries])


def priced(price: float, spread: float = 0.0) -> Rule:
    def score(test):
        found = cut_r2(test)
        return found.mean(axis=1) - price * parameters(test) - spread * found.std(axis=1)

    return score


def geometric(price: float, floor: float = 1e-3) -> Rule:
    """Mean of log NMSE, with a floor as no error below it tells laws apart."""

    def score(test):
        return -np.log(1 - cut_r2(test) + floor).mean(axis=1) - price * parameters(test)

    return score


def in_spreads(price: float, floor: float = 1e-3) -> Rule:
    """The mean of sqrt(1 - R2), which is what selection goes by."""

    def score(test):
        mean = np.sqrt(1 - cut_r2(test) + floor).mean(axis=1)
        return -2 * np.log(mean) - price * parameters(test)

    return score


def worst(price: float) -> Rule:
    return lambda test: cut_r2(test).min(axis=1) - price * parameters(test)


def ranks(price: float) -> Rule:
    def score(test):
        found = cut_r2(test)
        order = (-found).argsort(axis=0).argsort(axis=0) / len(found)
        return -order.mean(axis=1) - price * parameters(test)

    return score


def smoothed(base: Rule, share: float) -> Rule:
    """A law's score is mixed with the mean over its own objectives and weightings."""

    def score(test):
        own = base(test)
        names = np.array([e.law for e in test.entries])
        mean = {n: own[names == n].mean() for n in set(names)}
        return (1 - share) * own + share * np.array([mean[n] for n in names])

    return score


def only(wanted: Callable[[Entry], bool]) -> Rule:
    """The geometric rule among some entries; among all where none is wanted."""

    def score(test):
        keep = np.array([wanted(e) for e in test.entries])
        return np.where(keep | ~keep.any(), geometric(0, 1e-3)(test), -np.inf)

    return score


def training(test: FittedTest) -> np.ndarray:
    return np.array([r2(test.seen.y, e.inside) for e in test.entries])


def bic(test: FittedTest) -> np.ndarray:
    n, g = test.seen.y.size, len(test.seen.group_names) * test.seen.y.shape[1]
    error = 1 - np.minimum(training(test), 1 - 1e-12)
    return -(n * np.log(error) + parameters(test) * g * np.log(n))


RULES: dict[str, Rule] = {
    "training R2": training,
    "BIC": bic,
    "mean clipped": priced(0),
    **{f"mean - {p}p": priced(p) for p in (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)},
    **{
        f"mean - {p}p - {s}std": priced(p, s)
        for p in (0.0005, 0.002, 0.005)
        for s in (0.1, 0.3, 1.0)
    },
    **{f"worst - {p}p": worst(p) for p in (0, 0.002, 0.005)},
    **{
        f"geometric {f} - {p}p": geometric(p, f)
        for f in (1e-4, 1e-3, 1e-2)
        for p in (0, 0.01, 0.02, 0.05, 0.1)
    },
    **{f"ranks - {p}p": ranks(p) for p in (0, 0.01)},
    **{f"in spreads - {p}p": in_spreads(p) for p in (0, 0.01, 0.02, 0.05)},
    "smoothed .5 mean - .002p": smoothed(priced(0.002), 0.5),
    "smoothed 1 mean - .002p": smoothed(priced(0.002), 1.0),
    "smoothed .5 geo": smoothed(geometric(0.02, 1e-2), 0.5),
    "squared only": only(lambda e: e.objective == "squared" and not e.link),
    "log only": only(lambda e: e.objective == "log_squared"),
    "robust only": only(lambda e: e.objective in ("huber_log", "soft_l1")),
    "link only": only(lambda e: e.link == "log"),
    "no link": only(lambda e: e.link == ""),
    "even only": only(lambda e: e.emphasis == 0),
    "emphasised only": only(lambda e: e.emphasis > 0),
}  # fmt: skip


def average(base: Rule, k: int, middle=np.mean) -> Callable[[FittedTest], float]:
    """R2 of the mean prediction of the best k laws (each with its best objective)."""

    def value(test):
        order, used, kept = np.argsort(-base(test), kind="stable"), set(), []
        for i in order:
            if test.entries[i].law not in used:
                used.add(test.entries[i].law)
                kept.append(test.entries[i].hidden)
            if len(kept) == k:
                break
        return r2(test.hidden.y, middle(kept, axis=0))

    return value


def main() -> None:
    """Prints one table over tasks, and with --picks what was picked where."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pool", type=Path)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--picks", default="")
    given = parser.parse_args()
    tasks = given.tasks or sorted(p.stem for p in given.pool.glob("*.pickle"))
    pools: dict[str, list[FittedTest]] = {
        t: pickle.loads((given.pool / f"{t}.pickle").read_bytes()) for t in tasks
    }
    print("| rule | " + " | ".join(tasks) + " | mean |\n" + "|---" * (len(tasks) + 2) + "|")

    def row(name, value) -> None:
        means = [float(np.mean([np.clip(value(t), -1, 1) for t in pools[k]])) for k in tasks]
        print(f"| {name} | " + " | ".join(f"{m:.4f}" for m in means) + f" | {np.mean(means):.4f} |")

    row("best possible", lambda t: max(r2(t.hidden.y, e.hidden) for e in t.entries))
    for name, rule in RULES.items():
        row(name, lambda t, rule=rule: r2(t.hidden.y, t.entries[int(np.argmax(rule(t)))].hidden))
    for k in (2, 3, 5, 8):
        row(f"average of {k}", average(priced(0.002), k))
        row(f"median of {k}", average(priced(0.002), k, np.median))
    if given.picks:
        for task in tasks:
            for t in pools[task]:
                rule = RULES[given.picks](t)
                print(f"\n{task}, {t.name} hidden ({len(t.hidden)} rows); inner {t.inner_names}")
                seen = np.argsort(-rule, kind="stable")[:6]
                best = np.argsort([-r2(t.hidden.y, e.hidden) for e in t.entries], kind="stable")[:4]
                for i in [*seen, *best]:
                    e: Entry = t.entries[i]
                    cuts = " ".join(
                        f"{r2(y, p):.3f}" for y, p in zip(t.inner, e.inner, strict=True)
                    )
                    print(f"  {rule[i]:.4f} hidden {r2(t.hidden.y, e.hidden):.4f} | {e.law}"
                          f" {e.link} {e.objective} {e.emphasis} p={e.parameters} | {cuts} |"
                          f" train {r2(t.seen.y, e.inside):.4f} {e.seconds:.1f} s")  # fmt: skip


if __name__ == "__main__":
    main()
