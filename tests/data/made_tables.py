"""Tables of runs as people have them, made from published laws with noise: one function each.

Each writes a file of its own shape into a folder and returns it.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

Rows = Iterator[Sequence[object]]
SIZES = (70e6, 160e6, 300e6, 700e6, 1.3e9, 2.8e9)
TOKENS = (2e9, 5e9, 1e10, 2e10, 5e10, 1e11, 2e11, 4e11)


def chinchilla(n: float, d: float) -> float:
    """arXiv 2404.10102, the constants of Epoch's refit."""
    return 1.8172 + 482.01 * n**-0.3478 + 2085.43 * d**-0.3658


def short(value: float) -> str:
    """1300000000 as 1.3B."""
    for suffix, scale in (("T", 1e12), ("B", 1e9), ("M", 1e6)):
        if value >= scale:
            return f"{value / scale:g}{suffix}"
    return f"{value:g}"


def write_csv(file: Path, header: Sequence[str], rows: Rows, separator: str = ",") -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened, delimiter=separator)
        writer.writerow(header)
        writer.writerows(rows)
    return file


def grid_with_compute(folder: Path) -> Path:
    """Sizes as 1.3B, a compute column, a run id, a date, a seed and a constant: 48 rows."""
    rng = np.random.default_rng(1)

    def rows() -> Rows:
        for i, (n, d) in enumerate(product(SIZES, TOKENS)):
            loss = chinchilla(n, d) + 0.004 * rng.normal()
            flops = 6 * n * d * (1 + 0.01 * rng.normal())
            day = f"2024-03-{1 + i % 28:02d}"
            yield f"run-{i}", day, short(n), f"{d:,.0f}", f"{flops:.3e}", 0, 2048, f"{loss:.5f}"

    header = ("run_id", "date", "params", "tokens", "flops", "seed", "context", "loss")
    return write_csv(folder / "grid.csv", header, rows())


def corpora_with_semicolons(folder: Path) -> Path:
    """Kaplan et al. 2020, L(N) on four corpora, decimal commas, two seeds: 64 rows."""
    rng = np.random.default_rng(2)

    def rows() -> Rows:
        for (i, corpus), n, seed in product(
            enumerate(("web", "code", "books", "wiki")), np.geomspace(1e6, 1e9, 8), (1, 2)
        ):
            loss = (1 + 0.1 * i) * (8.8e13 / n) ** 0.076 + 0.005 * rng.normal()
            yield corpus, round(n), seed, f"{loss:.4f}".replace(".", ",")

    return write_csv(folder / "corpora.csv", ("corpus", "N", "seed", "test_loss"), rows(), ";")


def repeated_tokens(folder: Path) -> Path:
    """arXiv 2305.16264, loss over unique tokens, size and tokens, tabs: 126 rows."""
    rng = np.random.default_rng(3)

    def rows() -> Rows:
        for u, n, e in product((1e8, 4e8, 1.5e9), SIZES, (1, 2, 4, 8, 16, 32, 64)):
            d = u * e
            seen = u + u * 15.4 * (1 - np.exp(-(e - 1) / 15.4))
            yield u, n, d, chinchilla(n, seen) + 0.01 * rng.normal()

    header = ("unique_tokens", "params", "tokens", "val_loss")
    return write_csv(folder / "repeats.tsv", header, rows(), "\t")


def experts_as_parquet(folder: Path) -> Path:
    """arXiv 2202.01169, log L = a log N + b log E + c log N log E + d, with names: 49 rows."""
    import pyarrow
    import pyarrow.parquet

    rng = np.random.default_rng(4)
    columns: dict[str, list[object]] = {"name": [], "num_experts": [], "dense_size": [], "loss": []}
    for e, n in product((1, 2, 4, 8, 16, 32, 64), np.geomspace(1.5e7, 1.3e9, 7)):
        loss = 10 ** (
            -0.082 * np.log10(n) - 0.108 * np.log10(e) + 0.009 * np.log10(n) * np.log10(e)
        )
        loss = 10**1.104 * loss + 0.003 * rng.normal()
        for name, value in zip(columns, (f"moe-{e}x{short(n)}", e, n, loss), strict=True):
            columns[name].append(value)
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "moe.parquet")
    return folder / "moe.parquet"


def learning_rates_as_json(folder: Path) -> Path:
    """arXiv 2503.04715, loss around the best rate and batch, with a diverged run: 400 rows."""
    rng = np.random.default_rng(5)
    file = folder / "sweep.jsonl"
    with file.open("w") as opened:
        for n, d in product((6e7, 2e8, 5e8, 1e9, 2e9), (4e9, 1e10, 3e10, 1e11)):
            best_lr, best_bs = 1.79 * n**-0.713 * d**0.307, 0.58 * d**0.571
            for i, j in product((-2, -1, 0, 1, 2), (-1, 0, 1, 2)):
                lr, bs = 10 ** (round(2 * np.log10(best_lr)) / 2 + i / 4), 2.0 ** (17 + j)
                loss = chinchilla(n, d) + 0.02 * np.log(lr / best_lr) ** 2
                loss += 0.01 * np.log(bs / best_bs) ** 2 + 0.003 * rng.normal()
                config = {"lr": lr, "batch_size": bs, "tokens": d, "non_embedding_params": n}
                row = {"config": config, "loss": loss, "tokens_per_sec": 1e5 * rng.random()}
                opened.write(json.dumps(row) + "\n")
    return file


def mixtures_in_percent(folder: Path) -> Path:
    """arXiv 2403.16952, two losses over four shares for two sizes of model: 60 rows."""
    rng = np.random.default_rng(6)
    weights = np.array([[-1.2, 0.1, 0.2, 0.3], [0.2, -2.0, 0.1, -0.4]])

    def rows() -> Rows:
        for model, floor in (("70M", 2.2), ("160M", 1.9)):
            for _ in range(30):
                shares = np.round(100 * rng.dirichlet(np.ones(4) * 1.5), 1)
                shares[3] = 100 - shares[:3].sum()
                losses = floor + 0.8 * np.exp(weights @ (shares / 100)) + 0.002 * rng.normal(size=2)
                yield model, *(f"{share:.1f}" for share in shares), *losses

    header = ("model", "web", "code", "books", "papers", "loss_web", "loss_code")
    return write_csv(folder / "mixtures.csv", header, rows())


def mixtures_over_scales(folder: Path) -> Path:
    """Mixing law and Chinchilla law at once: four shares, size and tokens, in two languages."""
    rng = np.random.default_rng(13)

    def rows() -> Rows:
        for (i, language), n, d in product(enumerate(("en", "de")), SIZES[:5], TOKENS[:5]):
            for shares in rng.dirichlet(np.ones(4), size=6):
                loss = chinchilla(n, d) + (0.3 + 0.1 * i) * np.exp(-2 * shares[0] + shares[2])
                yield language, n, d, *shares, loss + 0.004 * rng.normal()

    header = ("lang", "params", "tokens", "w_web", "w_code", "w_books", "w_wiki", "loss")
    return write_csv(folder / "mixed.csv", header, rows())


def long_with_metrics(folder: Path) -> Path:
    """Two metrics of two architectures, one number a row: 160 rows."""
    rng = np.random.default_rng(7)

    def rows() -> Rows:
        for (i, arch), n, d in product(enumerate(("dense", "ssm")), SIZES[:5], TOKENS[:8]):
            loss = (1 + 0.03 * i) * chinchilla(n, d) + 0.004 * rng.normal()
            yield arch, n, d, "eval/loss", loss
            yield arch, n, d, "accuracy", 1 - loss / 8

    header = ("arch", "model_params", "train_tokens", "metric", "value")
    return write_csv(folder / "long.csv", header, rows())


def charts_of_a_tracker(folder: Path) -> Path:
    """Loss curves of 36 runs, a column each, settings in the runs' names: 20 steps each."""
    rng = np.random.default_rng(8)
    runs = [(n, d) for n, d in product(SIZES, TOKENS[:6])]
    names = [f"n={short(n)}_d={short(d)}" for n, d in runs]
    header = ["Step"]
    for name in names:
        header += [f"{name} - train/loss", f"{name} - train/loss__MIN", f"{name} - train/loss__MAX"]

    def rows() -> Rows:
        for step in range(500, 10_001, 500):
            cells: list[object] = [step]
            for n, d in runs:
                loss = chinchilla(n, d * step / 10_000) + 0.003 * rng.normal()
                cells += [loss, loss, loss]
            yield cells

    return write_csv(folder / "charts.csv", header, rows())


def fine_tuning(folder: Path) -> Path:
    """arXiv 2402.02314, B / (D_l + D^b) + E for 15 pairs: 210 rows, one diverged."""
    rng = np.random.default_rng(9)

    def rows() -> Rows:
        pairs = product(("gpt2", "t5", "opt", "bart", "llama"), ("flan", "wmt", "gigaword"))
        for i, (model, data) in enumerate(pairs):
            for d in 200 * 2 ** np.arange(14):
                loss = (20 + 3 * i) / (60 + d**0.5) + 1 + 0.1 * (i % 4) + 0.004 * rng.normal()
                yield model, data, d, "nan" if (i, d) == (3, 800) else f"{loss:.5f}"

    return write_csv(folder / "sft.csv", ("model", "dataset", "examples", "loss"), rows())


def vocabularies(folder: Path) -> Path:
    """arXiv 2407.13623, loss over other parameters, vocabulary and characters, untidy: 153 rows."""
    rng = np.random.default_rng(10)

    def rows() -> Rows:
        for n, v, h in product(
            np.geomspace(3e7, 1e9, 5), (4096, 8192, 16384, 32768, 65536), np.geomspace(1e9, 1e11, 6)
        ):
            loss = 5.0 * n**-0.3 * 100 + 900 * h**-0.3 + 0.3 * v**-0.1 - 3.0 + 0.004 * rng.normal()
            share, tied = rng.random(), rng.random() > 0.5
            yield round(n), v if share > 0.02 else "", round(h), tied, loss + 3 + 0.1 * tied
        yield round(3e7), 4096, round(1e9), True, 900.0
        yield round(3e7), 8192, round(1e9), True, "inf"
        yield round(3e7), 16384, round(1e9), True, ""

    header = ("non_vocab_parameters", "vocab_size", "num_characters", "tied", "loss")
    return write_csv(folder / "vocab.csv", header, rows())


def curves_with_runs(folder: Path) -> Path:
    """A runs table with 25 rows a run, a state, and compute: 20 runs, one crashed."""
    rng = np.random.default_rng(11)

    def rows() -> Rows:
        for i, (n, d) in enumerate(product(SIZES[:5], TOKENS[:4])):
            for step in range(1, 26):
                seen = d * step / 25
                loss = chinchilla(n, seen) + 0.003 * rng.normal()
                state = "crashed" if i == 7 else "finished"
                yield f"r{i}", state, step * 1000, n, seen, loss, 1.7e9 + step

    header = ("run", "State", "_step", "params", "tokens", "loss", "_timestamp")
    return write_csv(folder / "history.csv", header, rows())


def one_curve(folder: Path) -> Path:
    """A scalar of TensorBoard: one curve of 60 steps."""
    rng = np.random.default_rng(12)

    def rows() -> Rows:
        for step in range(100, 6001, 100):
            yield 1.7e9 + step, step, 2.0 + 40 * step**-0.5 + 0.004 * rng.normal()

    return write_csv(folder / "run-a-tag-loss.csv", ("Wall time", "Step", "Value"), rows())


TABLES: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "grid": (grid_with_compute, ("loss",)),
    "corpora": (corpora_with_semicolons, ("test_loss",)),
    "repeats": (repeated_tokens, ("val_loss",)),
    "experts": (experts_as_parquet, ("loss",)),
    "rates": (learning_rates_as_json, ("loss",)),
    "mixtures": (mixtures_in_percent, ("loss_web", "loss_code")),
    "mixed": (mixtures_over_scales, ("loss",)),
    "long": (long_with_metrics, ("eval/loss",)),
    "charts": (charts_of_a_tracker, ("train/loss",)),
    "tuning": (fine_tuning, ("loss",)),
    "vocabularies": (vocabularies, ("loss",)),
    "history": (curves_with_runs, ("loss",)),
    "curve": (one_curve, ("loss",)),
}
