"""From tables as people have them to tasks: a dozen made of laws, and what can go wrong."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas
import pytest
from data.made_tables import SIZES, TABLES, TOKENS, chinchilla, short, write_csv

from sldagent import api
from sldagent.cuts import make_cuts
from sldagent.data.choices import Use, make_wishes, parse_roles
from sldagent.data.newtask import Draft, draft_task
from sldagent.data.sources import anchor, load_train
from sldagent.data.tasks import list_tasks, read_task
from sldagent.data.test_rows import load_test
from sldagent.data.writing import write_task
from sldagent.errors import DataError, UsageError
from sldagent.task import CutKind, Task

GRID = [(n, d, chinchilla(n, d)) for n, d in product(SIZES, TOKENS)]

# Of each table: features with roles, columns of groups, number of groups, rows, parameter limit.
EXPECTED: dict[str, tuple[str, str, int, int, int]] = {
    "grid": ("params=size tokens=data", "", 1, 48, 6),
    "corpora": ("N=size", "corpus", 4, 64, 4),
    "repeats": ("unique_tokens=unique_data params=size tokens=data", "", 1, 126, 8),
    "experts": ("num_experts=count dense_size=size", "", 1, 49, 6),
    "rates": ("lr=rate batch_size=batch tokens=data non_embedding_params=size", "", 1, 400, 14),
    "mixtures": (
        "web=fraction code=fraction books=fraction papers=fraction", "model", 2, 60, 12,
    ),
    "mixed": (
        "params=size tokens=data w_web=fraction w_code=fraction w_books=fraction w_wiki=fraction",
        "lang", 2, 300, 10,
    ),
    "long": ("model_params=size train_tokens=data", "arch", 2, 80, 6),
    "charts": ("n=size d=data", "", 1, 36, 6),
    "tuning": ("examples=data", "model+dataset", 15, 209, 4),
    "vocabularies": (
        "non_vocab_parameters=size vocab_size=count num_characters=data", "tied", 2, 148, 8,
    ),
    "history": ("params=size tokens=data", "", 1, 19, 5),
    "curve": ("Step=data", "", 1, 60, 4),
}  # fmt: skip


def draft(file: Path, targets: Sequence[str] = ("loss",), **wishes: object) -> Draft:
    test = wishes.pop("test", None)
    assert test is None or isinstance(test, Path)
    return draft_task(file, make_wishes(targets, **wishes), test=test)  # type: ignore[arg-type]


def table(folder: Path, header: str, rows: Sequence[Sequence[object]]) -> Path:
    return write_csv(folder / "runs.csv", header.split(), iter(rows))


def roles(made: Draft) -> str:
    return " ".join(f"{c.name}={c.role}" for c in made.task.features)


def reason(made: Draft, name: str) -> str:
    (choice,) = (c for c in made.columns if c.name == name)
    assert choice.use is Use.LEFT_OUT
    return choice.why


def said(made: Draft) -> str:
    return "\n".join(f"{f}  {f.overrule}" for f in made.findings)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_becomes_a_task_that_can_tell_laws_apart(name: str, tmp_path: Path) -> None:
    make, targets = TABLES[name]
    made = draft(make(tmp_path), targets)
    features, groups, number, rows, limit = EXPECTED[name]
    assert roles(made) == features
    assert (made.task.group_column or "") == groups
    assert (len(made.table.group_names), len(made.table)) == (number, rows)
    assert made.task.parameter_limit == limit
    assert made.task.target_names == targets
    assert made.check.problems == ()
    assert len(made.cuts) >= 2
    assert all(len(cut.held_out) >= 4 for cut in made.cuts)
    assert len(made.drawings()) == len(made.cuts)


@pytest.mark.parametrize("name", TABLES)
def test_the_folder_reads_back_to_the_same_task_and_rows(name: str, tmp_path: Path) -> None:
    make, targets = TABLES[name]
    made = draft(make(tmp_path), targets)
    folder = write_task(made, tmp_path / "tasks" / made.task.name)
    task = read_task(folder / "task.toml")
    assert task.sha256 == made.task.sha256
    assert (task.title, task.description, task.provenance, task.ignored) == (
        made.task.title, made.task.description, made.task.provenance, made.task.ignored,
    )  # fmt: skip
    rows = load_train(task)  # the table beside the task's file needs no --data
    assert anchor(task) == str(folder.resolve())
    assert rows.sha256 == made.table.sha256
    assert [cut.name for cut in make_cuts(task, rows)] == [cut.name for cut in made.cuts]
    with pytest.raises(UsageError, match="exists"):
        write_task(made, folder)
    assert sorted(p.name for p in (tmp_path / "tasks").iterdir()) == [made.task.name]


def test_numbers_are_those_of_the_law(tmp_path: Path) -> None:
    make, targets = TABLES["grid"]
    made = draft(make(tmp_path), targets)
    assert set(made.table.x[:, 0]) == set(SIZES)
    assert set(made.table.x[:, 1]) == set(TOKENS)
    truth = np.array([chinchilla(n, d) for n, d in made.table.x])
    assert np.abs(made.table.y[:, 0] - truth).max() < 0.02


def test_compute_that_size_and_data_make_up_is_left_out(tmp_path: Path) -> None:
    made = draft(table(tmp_path, "N D C loss", [(n, d, 6 * n * d, y) for n, d, y in GRID]))
    assert reason(made, "C") == "proportional to N × D"
    kept = draft(tmp_path / "runs.csv", roles={"C": "data"}, ignore=["D"])
    assert roles(kept) == "N=size C=data"


def test_compute_in_which_a_teacher_has_a_part_is_left_out(tmp_path: Path) -> None:
    rows = []
    for size in (2e8, 1e9, 4e9):
        for n, d in product(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 5)):
            rows.append((f"T{size:.0e}", n, d, d * (6 * n + 2 * size), chinchilla(n, d)))
    made = draft(table(tmp_path, "teacher student_params tokens flops_total loss", rows))
    assert made.task.group_column == "teacher"
    assert roles(made) == "student_params=size tokens=data"
    assert reason(made, "flops_total") == "follows from student_params, tokens"


def test_what_was_counted_afterwards_is_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for n, length, rep in product(np.geomspace(100, 4000, 7).astype(int), (4, 8, 16, 32), (0, 1)):
        words = int(20 * n**0.6 * length**0.5 * np.exp(0.03 * rng.normal()))
        rows.append((rep, n, length, words, 2 * n**-0.3 + length**-0.5 + 0.1 / words))
    made = draft(table(tmp_path, "rep trainDocs docLen vocabFound err", rows), ["err"])
    assert roles(made) == "trainDocs=data docLen=count"
    assert reason(made, "vocabFound") == "follows from trainDocs, docLen"
    assert reason(made, "rep").startswith("a seed")


def test_what_semicolons_part_has_decimal_commas(tmp_path: Path) -> None:
    def write(header: str, size: str) -> Draft:
        file = tmp_path / "runs.csv"
        cells = (f"{size.format(int(n))};{d:.0f};{y:.3f}".replace(".", ",", 0) for n, d, y in GRID)
        lines = [";".join([*c.split(";")[:2], c.split(";")[2].replace(".", ",")]) for c in cells]
        file.write_text("\n".join([header, *lines]) + "\n")
        return draft(file)

    made = write("params;tokens;loss", "{}")
    assert made.table.y.max() < 10
    assert made.table.y[0, 0] == pytest.approx(GRID[0][2], abs=1e-3)
    sizes, steps = [10**6 * 4**i for i in range(4)], [10_000 * 2**j for j in range(4)]
    lines = [f"{n:,};{s:,};{90 - i - j}" for i, n in enumerate(sizes) for j, s in enumerate(steps)]
    (tmp_path / "english.csv").write_text("\n".join(["params;steps;ppl", *lines, ""]))
    english = draft(tmp_path / "english.csv", ["ppl"], keep=["steps"])
    assert english.table.x.max(axis=0).tolist() == [6.4e7, 8e4]
    dotted = write("params;tokens;loss", "{:,}")  # commas in both: thousands and decimals
    assert dotted.table.y.max() < 10


def test_scores_of_benchmarks_are_results(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(n, d, 1 / y, rng.uniform(0.2, 0.9), y) for n, d, y in GRID]
    made = draft(table(tmp_path, "params tokens hellaswag foo loss", rows))
    assert roles(made) == "params=size tokens=data"
    assert reason(made, "hellaswag").startswith("a result")
    assert "no target depends" in reason(made, "foo")


def test_amounts_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    rows = [(f"~{n:.0f}", f"{d / 1e6:.0f} Mio", i, y) for i, (n, d, y) in enumerate(GRID[::-1])]
    rows = [rows[k] for k in np.random.default_rng(0).permutation(len(rows))]
    with pytest.raises(DataError) as caught:
        draft(table(tmp_path, "params tokens order loss", rows))
    assert "params (cells such as '~" in str(caught.value)
    assert "Mio' are no numbers: write 10M or 1e7" in str(caught.value)
    assert "order (counts the rows)" in str(caught.value)


def test_numbers_of_corpora_are_groups(tmp_path: Path) -> None:
    rows = [(i, n, d, y + i / 10) for i in (0, 1, 2) for n, d, y in GRID]
    made = draft(table(tmp_path, "dataset_id params tokens loss", rows))
    assert made.task.group_column == "dataset_id"


def test_a_frame_s_index_is_a_column_where_it_has_a_name() -> None:
    frame = pandas.DataFrame(GRID, columns=["params", "tokens", "loss"])
    made, _ = api.new_task(frame.set_index("params"), "loss", dry_run=True)
    assert made.task.feature_names == ("params", "tokens")


def test_why_no_cut_can_be_made_is_said(tmp_path: Path) -> None:
    constant = table(tmp_path, "params tokens loss", [(n, d, 2.5) for n, d, _ in GRID])
    with pytest.raises(DataError, match=r"loss is 2\.5 in every row"):
        draft(constant)
    rows = [
        (f"r{i}", s, n, n**-0.1 + 1 / s + 0.01 * i)
        for i, n in enumerate((1e6, 1e9) * 5)
        for s in (1, 2, 3, 4, 5)
    ]
    with pytest.raises(DataError, match=r"no cut can be made.*--keep steps"):
        draft(table(tmp_path, "run step params loss", rows))


def test_a_label_on_which_nothing_depends_makes_no_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(n, d, corpus, "abc"[rng.integers(3)],
             y * (1 + (corpus == "web")) + 0.003 * rng.normal())
            for n, d, y in GRID for corpus in ("web", "books") for _ in range(2)]  # fmt: skip
    made = draft(table(tmp_path, "params tokens corpus annotator loss", rows))
    assert made.task.group_column == "corpus"
    assert reason(made, "annotator").endswith("as far as can be seen [--group annotator]")
    asked = draft(tmp_path / "runs.csv", groups=["corpus", "annotator"])
    assert asked.task.group_column == "corpus+annotator"


def test_what_a_time_was_measured_on_makes_groups(tmp_path: Path) -> None:
    sizes, batches = (1e8, 3e8, 1e9, 3e9), (1, 4, 16, 64)
    rows = [(gpu, n, b, (n * b) ** 0.8 * (2e-9 if gpu == "A100" else 1e-9))
            for gpu in ("A100", "H100") for n in sizes for b in batches]  # fmt: skip
    made = draft(table(tmp_path, "gpu params batch_size latency_s", rows), ["latency_s"])
    assert made.task.group_column == "gpu"
    made = draft(table(tmp_path, "gpu params batch_size loss", rows))
    assert made.task.group_column is None
    # Large models ran on other machines: nobody can tell what made them slower.
    rows = [("A100" if n < 5e8 else "H100", n, b, y) for _, n, b, y in rows]
    made = draft(table(tmp_path, "gpu params batch_size latency_s", rows), ["latency_s"])
    assert made.task.group_column is None


@pytest.mark.parametrize(
    ("header", "level", "value"),
    [
        ("dataset n_train mse", "hard", 40.0),
        ("params context ppl", 3e9, 0.02),
        ("bits params ppl", 2, 30.0),
    ],
)
def test_what_a_column_tells_from_all_others_has_not_diverged(
    tmp_path: Path, header: str, level: object, value: float
) -> None:
    first = {"hard": ("hard", "easy"), 3e9: (3e9, 1e9, 1e8), 2: (2, 3, 4, 8)}[level]
    rows = [(a, d, (value if a == level else 1.0) * (1 + 1e3 * d**-0.5))
            for a in first for d in np.geomspace(1e4, 1e7, 9)]  # fmt: skip
    made = draft(table(tmp_path, header, rows), [header.split()[-1]])
    assert len(made.table) == len(rows)


def test_where_more_is_better_nothing_diverges_upwards(tmp_path: Path) -> None:
    rows = [(n, d, 60.0 if i in (5, 20) else 100 * d / (d + 1e12)) for i, (n, d, _) in
            enumerate(GRID)]  # fmt: skip
    file = table(tmp_path, "params tokens gsm8k_accuracy", rows)
    assert len(draft(file, ["gsm8k_accuracy"]).table) == 48
    rows = [(n, d, lr, 50.0 if lr == 1e-2 else y) for n, d, y in GRID for lr in (1e-4, 1e-3, 1e-2)]
    file = table(tmp_path, "params tokens lr loss", rows)
    assert "taken for diverged" in said(draft(file))  # at the highest rate all of them


def test_a_list_in_a_cell_makes_no_decimal_commas(tmp_path: Path) -> None:
    rows = [(f'"{i % 2},{i % 2 + 1}"', n, d, f"{y:.3f}" if i else f"{y:.2f}")
            for i, (n, d, y) in enumerate(GRID)]  # fmt: skip
    made = draft(table(tmp_path, "cuda_devices params tokens loss", rows))
    assert made.table.y.max() < 1000


@pytest.mark.parametrize("name", ["refine_iterations", "reasoning_steps", "denoise_steps", "steps"])
def test_rounds_of_one_thing_are_no_checkpoints(tmp_path: Path, name: str) -> None:
    rows = [(n, k, 1 + n**-0.1 + 1 / k) for n in np.geomspace(1e7, 1e10, 16) for k in range(1, 6)]
    made = draft(table(tmp_path, f"params {name} loss", rows))
    assert len(made.table) == 80
    assert name in made.task.feature_names
    assert made.runs is None


@pytest.mark.parametrize(
    ("target", "role"),
    [
        ("loss", "batch"), ("val_ppl", "batch"), ("accuracy", "batch"), ("step_time_s", "count"),
        ("steps_to_target", "count"), ("tokens_per_sec", "count"), ("peak_memory_gb", "count"),
        ("n_evals", "count"),
    ],
)  # fmt: skip
def test_a_batch_is_tuned_for_a_loss_and_not_for_a_cost(
    target: str, role: str, tmp_path: Path
) -> None:
    rows = [
        (n, b, 0.2 + 0.5 * (n / 1e6) ** -0.2 * b**-0.1)
        for n in np.geomspace(1e6, 1e9, 6) for b in (16, 32, 64, 128)
    ]  # fmt: skip
    made = draft(table(tmp_path, f"params batch_size {target}", rows), targets=(target,))
    assert roles(made) == f"params=size batch_size={role}"


@pytest.mark.parametrize(
    ("target", "levels", "role"),
    [
        ("error", (0.05, 0.1, 0.3, 0.7), "size"), ("error", (0.2, 0.4, 0.6, 0.8), "fraction"),
        ("error", (1e-5, 1e-4, 1e-3), "rate"), ("iterations", (1e-5, 1e-4, 1e-3), "size"),
    ],
)  # fmt: skip
def test_what_spans_a_decade_is_an_amount_unless_it_may_be_a_rate_that_is_tuned(
    target: str, levels: Sequence[float], role: str, tmp_path: Path
) -> None:
    rows = [(n, k, 0.2 + n**-0.2 / k**0.1) for n in np.geomspace(1e3, 1e6, 6) for k in levels]
    made = draft(table(tmp_path, f"n_samples kappa {target}", rows), targets=(target,))
    assert roles(made) == f"n_samples=data kappa={role}"


def test_a_job_that_trains_several_models_is_no_run(tmp_path: Path) -> None:
    rows = [
        (f"job{j}", n, d, 1.7 + 400 / n**0.34 + 410 / d**0.28)
        for j, d in enumerate(np.geomspace(1e9, 1e11, 9)) for n in np.geomspace(1e7, 1e9, 6)
    ]  # fmt: skip
    made = draft(table(tmp_path, "job params tokens loss", rows))
    assert len(made.table) == 54
    assert made.runs is None
    assert set(made.task.feature_names) == {"params", "tokens"}


def test_a_cell_may_have_a_multiple_of_its_own(tmp_path: Path) -> None:
    rows = [(f"{n / 1e6:.0f}M" if d > 1e10 else n / 1e6, d / 1e9, y) for n, d, y in GRID]
    made = draft(table(tmp_path, "params_(M) tokens_(B) loss", rows))
    assert np.unique(made.table.x[:, 0]).tolist() == [n / 1e6 for n in SIZES]
    assert made.task.features[0].unit == "millions of parameters"


def test_runs_that_are_said_to_have_diverged_are_left_out(tmp_path: Path) -> None:
    rows = [(n, d, i % 12 == 0, y) for i, (n, d, y) in enumerate(GRID)]
    made = draft(table(tmp_path, "width_params tokens diverged loss", rows))
    assert len(made.table) == 44
    assert "diverged is true in 4 rows: left out" in said(made)


def test_what_is_constant_in_the_rows_that_are_left_is_no_feature(tmp_path: Path) -> None:
    rows = [(n if i % 12 else "", d, 0 if i % 12 else 5, y) for i, (n, d, y) in enumerate(GRID)]
    made = draft(table(tmp_path, "params tokens unique_tokens loss", rows))
    assert roles(made) == "params=size tokens=data"
    assert reason(made, "unique_tokens") == "constant: 0 in the rows that are left"


def test_a_budget_of_time_is_a_cause(tmp_path: Path) -> None:
    rows = [(n, h, 1 + n**-0.1 + h**-0.3) for n in SIZES for h in (1, 2, 4, 8, 16)]
    made = draft(table(tmp_path, "params train_time_hours loss", rows))
    assert roles(made) == "params=size train_time_hours=data"
    rng = np.random.default_rng(0)  # machines of all kinds
    measured = [(n, d, n * d / 1e16 * np.exp(rng.normal(0, 2)), y) for n, d, y in GRID]
    made = draft(table(tmp_path, "params tokens Runtime loss", measured))
    assert roles(made) == "params=size tokens=data"


@pytest.mark.parametrize(
    ("name", "role"),
    [("index_size", "size"), ("reward_model_params", "size"), ("path_length", "count"),
     ("top_k", "count"), ("adam_b", "logged")],
)  # fmt: skip
def test_one_word_of_a_name_does_not_decide(tmp_path: Path, name: str, role: str) -> None:
    levels = [10, 30, 100, 300, 1000] if role != "logged" else [0.3, 0.5, 0.7, 1.5, 2.5]
    rows = [(x, d, 1 + x**-0.3 + d**-0.2) for x in levels for d in TOKENS]
    made = draft(table(tmp_path, f"{name} tokens loss", rows))
    assert roles(made) == f"{name}={role} tokens=data"


def test_sums_and_what_a_target_is_made_of_are_left_out(tmp_path: Path) -> None:
    rows = [(n, a, b, a + b, n**-0.1 + 30 * a**-0.2 + 20 * b**-0.2)
            for n in SIZES for a in (1e9, 3e9, 1e10) for b in (1e9, 4e9, 2e10)]  # fmt: skip
    made = draft(table(tmp_path, "params tokens_en tokens_zh tokens_total loss", rows))
    assert reason(made, "tokens_total") == "the sum of tokens_en, tokens_zh"
    rng = np.random.default_rng(0)
    rows = [(b, e, steps, round(b * steps)) for b in (8, 32, 128, 512) for e in (0.1, 0.2, 0.3, 0.5)
            for steps in [(1e5 / b + 3e3) / e * np.exp(0.02 * rng.normal())]]  # fmt: skip
    names = "bs target_err steps_to_target examples"
    made = draft(table(tmp_path, names, rows), ["steps_to_target"])
    assert reason(made, "examples") == "made of a target"


def test_many_columns_of_one_kind_are_read_in_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(*rng.integers(1e6, 1e9, 25), y) for _, _, y in GRID]
    names = " ".join(f"tokens_{chr(97 + i)}x" for i in range(25))
    made = draft(table(tmp_path, f"{names} loss", rows))  # of 2**25 sums none is tried
    assert len(made.columns) == 26


def test_active_parameters_are_not_all_parameters(tmp_path: Path) -> None:
    rows = [(n, n * k, d, n**-0.1 * k**-0.05 + 30 * d**-0.2)
            for n in np.geomspace(1e7, 1e11, 6) for k in (1, 1.5, 2.5) for d in TOKENS]  # fmt: skip
    made = draft(table(tmp_path, "active_params total_params tokens loss", rows))
    assert roles(made) == "active_params=size total_params=size tokens=data"


def test_of_few_runs_every_step_is_used(tmp_path: Path) -> None:
    rows = [(n, seed, 50 * s, kl + 0.01 * seed, kl * (1 + np.log(n) / 10) - kl**2 / 3)
            for n in (1e6, 1e7, 1e8, 1e9) for seed in (0, 1)
            for s, kl in enumerate(np.geomspace(0.1, 2, 8), 1)]  # fmt: skip
    made = draft(table(tmp_path, "params seed step kl_policy gold", rows), ["gold"])
    assert roles(made) == "params=size kl_policy=data"
    assert reason(made, "step") == "kl_policy says how far a run had come"
    rows = [(n, seed, s, gold) for n, seed, s, _, gold in rows]
    made = draft(table(tmp_path, "params seed step gold", rows), ["gold"])
    assert len(made.table) == 64
    assert "8 rows each along step: too few runs for a law of their ends alone" in said(made)


def test_nodes_are_a_clusters_unless_they_were_planned(tmp_path: Path) -> None:
    rows = [(v, k, v * k // 2 + (7 * v + k) % 5, np.log(v) / np.log(k) + 1 / v)
            for v in (50, 100, 200, 400, 800) for k in (4, 6, 9, 13, 20, 28)]  # fmt: skip
    made = draft(table(tmp_path, "n_nodes mean_degree n_edges path", rows), ["path"])
    assert roles(made) == "n_nodes=count mean_degree=count"
    assert reason(made, "n_edges").startswith("proportional to n_nodes × mean_degree")
    rows = [(n, d, 1 + int(n > 1e8), y) for n, d, y in GRID]
    made = draft(table(tmp_path, "params tokens nodes loss", rows))
    assert reason(made, "nodes") == "a note or the machine's, by its name"


def test_of_a_sweeps_optima_none_is_a_cause_of_another(tmp_path: Path) -> None:
    rows = [(n, d, 0.1 * n**-0.3 * (1 + 1e8 / d), (d / n) ** 0.3 + n / 1e10) for n, d, _ in GRID]
    made = draft(table(tmp_path, "N D lr_opt optimal_bs", rows), ["lr_opt"])
    assert roles(made) == "N=size D=data"
    assert reason(made, "optimal_bs") == "a result too: an optimum, as the target is"


def test_a_fraction_of_what_is_counted_beside_it_is_left_out(tmp_path: Path) -> None:
    rows = [(n, p, r, p * n * n, (n * r / (p * n * n)) ** 0.4)
            for n in (50, 100, 200, 400) for p in (0.1, 0.2, 0.4) for r in (2, 4, 8)]  # fmt: skip
    made = draft(table(tmp_path, "n obs_frac rank n_obs rmse", rows), ["rmse"])
    assert roles(made) == "n=size rank=count n_obs=data"
    assert reason(made, "obs_frac") == "proportional to n^-2 × n_obs"


def test_a_number_of_parameters_is_kept_rather_than_what_a_model_is_called(tmp_path: Path) -> None:
    rows = [(f"{n / 1e6:.0f}M", round(0.97 * n), d, y) for n, d, y in GRID]
    made = draft(table(tmp_path, "model n_params tokens loss", rows))
    assert roles(made) == "n_params=size tokens=data"


def test_tokens_in_a_fixed_ratio_to_size_are_left_out(tmp_path: Path) -> None:
    sizes = np.geomspace(1e7, 1e10, 30)
    rows = [(n, 20 * n, chinchilla(n, 20 * n)) for n in sizes]
    made = draft(table(tmp_path, "params tokens loss", rows))
    assert roles(made) == "params=size"
    assert reason(made, "tokens") == "proportional to params"


def test_what_the_model_sets_is_left_out_and_its_name_is_no_group(tmp_path: Path) -> None:
    shape = {n: (6 + 3 * i, 10 ** -(2.5 + 0.3 * (i % 4))) for i, n in enumerate(SIZES)}
    rows = [(f"M-{short(n)}", n, *shape[n], d, y) for n, d, y in GRID]
    made = draft(table(tmp_path, "model_name params layers lr tokens loss", rows))
    assert roles(made) == "params=size tokens=data"
    assert reason(made, "layers") == "moves as params does: their effects cannot be told apart"
    assert reason(made, "lr").startswith("one value for each params")
    assert made.task.group_column is None


def test_of_a_product_and_its_factors_the_product_is_left_out(tmp_path: Path) -> None:
    rows = [(n, n * s, s, 0.7 * (1 + 2 / n) + (n / s) ** 0.4)
            for n in (30, 60, 120, 240) for s in (20, 60, 200, 600, 2000)]  # fmt: skip
    made = draft(table(tmp_path, "cities proposals tries tour", rows), ["tour"])
    assert roles(made) == "cities=count tries=count"
    assert reason(made, "proposals") == "proportional to cities × tries"


def test_a_sum_is_made_of_its_parts(tmp_path: Path) -> None:
    rows = [(c, h, c + h, (2 + 40 / c) * h**0.3 + 1e-3 * i)
            for c in (64, 128, 256, 512) for h in (8, 16, 32, 64) for i in range(3)]  # fmt: skip
    made = draft(table(tmp_path, "ctx_len horizon total_len err", rows), ["err"])
    assert roles(made) == "ctx_len=count horizon=count"
    assert reason(made, "total_len") == "made of ctx_len and horizon"


def test_sums_and_shares_of_amounts_that_can_be_zero_are_left_out(tmp_path: Path) -> None:
    amounts = [(r, s) for r in (0, 5e4, 1e5, 2e5, 4e5, 8e5) for s in (0, 1e5, 3e5, 7e5, 2e6, 6e6)]
    rows = [
        (r, s, s / (r + s), r + s, 30 + 900 * (r + s / 4 + 1e3) ** -0.35)
        for r, s in amounts if r + s
    ]  # fmt: skip
    made = draft(
        table(tmp_path, "n_real n_synthetic synthetic_frac n_total error", rows), ["error"]
    )
    assert roles(made) == "n_real=logged n_synthetic=logged"
    assert reason(made, "n_total") == "the sum of n_real, n_synthetic"
    assert reason(made, "synthetic_frac") == "n_synthetic of n_synthetic and n_real"


def test_processors_are_a_feature_of_times_only(tmp_path: Path) -> None:
    rows = [(n, 2**n, g, 2.0**n / g / 1e6 + 0.3 * np.log2(2 * g))
            for n in range(20, 28) for g in (1, 2, 4, 8)]  # fmt: skip
    made = draft(table(tmp_path, "q amplitudes n_gpu wall_clock_s", rows), ["wall_clock_s"])
    assert roles(made) == "amplitudes=size n_gpu=count"
    assert reason(made, "q").startswith("moves as amplitudes does")
    other = draft(table(tmp_path, "q amplitudes n_gpu loss", rows))
    assert reason(other, "n_gpu") == "a note or the machine's, by its name"


def test_years_are_data_or_dates(tmp_path: Path) -> None:
    rows = [(p, y, 2018 - y, 100 / p**0.3 + 50 / y**0.4)
            for p in (5, 15, 50, 150) for y in (3, 6, 12, 20) for _ in range(2)]  # fmt: skip
    made = draft(table(tmp_path, "P_[M] training_years first_year rmse", rows), ["rmse"])
    assert roles(made) == "P_[M]=size training_years=data"
    assert reason(made, "first_year") == "a time, by its name"


def test_a_high_power_of_what_hardly_varies_makes_up_nothing(tmp_path: Path) -> None:
    rows = [(v, c, c * v**0.08, 5 - 0.1 * np.log(v) + c**-0.2)
            for v in (4096, 8192, 16384, 32768, 65536)
            for c in (2e9, 4e9, 8e9, 16e9, 32e9)]  # fmt: skip
    made = draft(table(tmp_path, "vocab_size chars tokens loss", rows))
    assert roles(made) == "vocab_size=count chars=data"
    assert reason(made, "tokens").startswith("moves as chars does")


def test_two_measures_of_one_thing_count_once(tmp_path: Path) -> None:
    rows = [(n, n - 0.1 * n**0.9, d, y) for n, d, y in GRID]
    made = draft(table(tmp_path, "params non_embedding_params tokens loss", rows))
    assert roles(made) == "params=size tokens=data"
    assert reason(made, "non_embedding_params").startswith(("moves as params", "one value for"))
    other = draft(tmp_path / "runs.csv", ignore=["params"])
    assert roles(other) == "non_embedding_params=size tokens=data"


def test_columns_of_no_use_are_named(tmp_path: Path) -> None:
    rows = [
        (i, f"2024-01-{1 + i % 9:02d}", 3.5 + i, "x", n, d, y + 1, y, "" if i % 2 else 3)
        for i, (n, d, y) in enumerate(GRID)
    ]
    made = draft(table(tmp_path, "id day gpu_hours host N D val_ppl loss rare", rows))
    assert roles(made) == "N=size D=data"
    assert reason(made, "id") == "tells runs apart, by its name"
    assert reason(made, "day") == "a date"
    assert reason(made, "gpu_hours") == "a time, by its name"
    assert reason(made, "host") == "constant: x"
    assert reason(made, "val_ppl") == "a result too, by its name"
    assert reason(made, "rare") == "empty in 50% of the rows"
    assert "The same in all rows: host x." in made.task.description


def test_a_time_of_few_values_was_planned(tmp_path: Path) -> None:
    rows = [
        (h, n, 1.5 * n / 1e6 + h, 3 + 40 * n**-0.3 + 9 * h**-0.4)
        for h in (100, 1000, 10000)
        for n in (1e6, 3e6, 1e7, 3e7)
    ]
    made = draft(table(tmp_path, "speech_hours params train_seconds loss", rows))
    assert roles(made) == "speech_hours=data params=size"
    assert reason(made, "train_seconds") == "a time, by its name"


def test_a_time_that_nothing_explains_was_chosen(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for n in np.repeat([1e6, 3e6, 1e7, 3e7], 9):
        hours = round(10 ** rng.uniform(1, 4), 1)
        wall = n * hours * rng.lognormal(0, 0.2) / 1e6
        rows.append((hours, n, wall, rng.lognormal(1, 0.2), 3 + 40 * n**-0.3 + 9 * hours**-0.4))
    made = draft(table(tmp_path, "hours params wall_hours idle_minutes loss", rows))
    assert roles(made) == "hours=data params=size"
    assert made.columns[0].why.startswith("a time that no other column explains")
    assert reason(made, "wall_hours") == "a time, by its name"
    assert reason(made, "idle_minutes") == "a time, by its name"  # varies too little to be chosen


def test_a_time_of_few_values_that_others_explain_was_measured(tmp_path: Path) -> None:
    rows = [(n, ef, round(2e-6 * n**1.1, 2), 1 - np.exp(-0.4 * ef**0.6 / n**0.1))
            for n in (2e4, 5e4, 1e5, 2e5, 5e5, 1e6) for ef in (8, 16, 32, 64, 128)]  # fmt: skip
    made = draft(table(tmp_path, "n_vectors ef build_s recall", rows), ["recall"])
    assert roles(made) == "n_vectors=data ef=count"
    assert reason(made, "build_s") == "a time, by its name"


def test_a_time_that_stands_alone_is_the_feature(tmp_path: Path) -> None:
    rows = [
        (name, round(h * (1 + 0.1 * i)), 0.8 - h**-0.3)
        for name in ("ppo", "grpo")
        for i, h in enumerate(np.geomspace(30, 3000, 12))
    ]
    made = draft(table(tmp_path, "recipe compute_gpu_hours pass_rate", rows), ["pass_rate"])
    assert roles(made) == "compute_gpu_hours=data"


def test_sizes_and_data_of_isoflop_curves_both_stay(tmp_path: Path) -> None:
    rows = [
        (c, n, c / 6 / n, scale, 400 * n**-0.34 + 410 * (c / 6 / n) ** -0.28 + (scale - 2) ** 2)
        for c in (1e17, 1e18, 1e19, 1e20)
        for n in c**0.5 * np.array([0.003, 0.006, 0.01, 0.02, 0.04])
        for scale in (1.0, 1.5, 3.0)
    ]
    made = draft(table(tmp_path, "compute_FLOPs params tokens cfg_scale loss", rows))
    assert roles(made) == "params=size tokens=data cfg_scale=logged"


def test_nodes_of_a_search_are_no_machines(tmp_path: Path) -> None:
    rows = [
        (d, n, 1 + i % 3, 3 + d**-0.3 + n**-0.5)
        for i, (d, n) in enumerate(product(np.geomspace(1e6, 1e9, 6), (8, 32, 128, 512)))
    ]
    made = draft(table(tmp_path, "samples mcts_nodes num_nodes loss", rows))
    assert roles(made) == "samples=data mcts_nodes=count"


def test_a_rate_of_zero_is_a_value(tmp_path: Path) -> None:
    rows = [
        (d, wd, 3 + d**-0.3 - wd)
        for d, wd in product(np.geomspace(1e6, 1e9, 8), (0, 0.01, 0.03, 0.1))
    ]
    made = draft(table(tmp_path, "tokens weight_decay loss", rows))
    assert roles(made) == "tokens=data weight_decay=logged"
    assert len(made.table) == len(rows)


def test_a_result_of_few_values_was_planned(tmp_path: Path) -> None:
    rows = [
        (t, n, round(2 + n**-0.1, 1), t + 40 * n**-0.3 + 0.01 * t * n**-0.1)
        for t in (2.0, 2.4, 2.9)
        for n in (1e6, 3e6, 1e7, 3e7)
    ]
    made = draft(table(tmp_path, "teacher_loss params train_loss loss", rows))
    assert roles(made) == "teacher_loss=logged params=size"


def test_names_that_say_nothing_are_judged_by_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for a, b, c in product(np.geomspace(1e6, 1e9, 5), (1, 2, 4, 8), (0.001, 0.003, 0.01)):
        rows += [
            (a, b, c, z, flag, a**-0.1 + 1 / b + c + z + 0.5 * (flag == "yes"))
            for z in (-1, 0, 1)
            for flag in rng.choice(["yes", "no"], 1)
        ]
    made = draft(table(tmp_path, "alpha beta gamma delta flag y", rows), ["y"])
    assert roles(made) == "alpha=size beta=count gamma=rate delta=logged"
    assert all(not c.sure for c in made.columns if c.use is Use.FEATURE)
    assert made.task.group_column == "flag"


def test_what_a_model_is_made_of_is_its_size_where_nothing_else_is(tmp_path: Path) -> None:
    rows = [(w, d, w**-0.3 + d**-0.2) for w, d in product((64, 256, 1024, 4096), (300, 3000, 9000))]
    made = draft(table(tmp_path, "hash_dim n_docs err", rows), ["err"])
    assert roles(made) == "hash_dim=size n_docs=data"
    large = [(w * 1e4, d, y) for w, d, y in rows]
    assert roles(draft(table(tmp_path, "n_latents n_docs err", rows), ["err"])).startswith(
        "n_latents=size"
    )
    assert roles(draft(table(tmp_path, "N_nv n_docs err", large), ["err"])).startswith("N_nv=size")
    both = [(n, w, d, y) for n, (w, d, y) in zip((3, 1, 2) * 4, rows, strict=True)]
    assert roles(draft(table(tmp_path, "params width n_docs err", both), ["err"])).startswith(
        "params=size width=count"
    )


def test_a_measurement_that_tells_nothing_is_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for n, d, y in GRID:
        distance = np.exp(rng.normal())
        rows.append((n, d, rng.uniform(0.007, 0.012), distance, y + 0.1 * distance))
    made = draft(table(tmp_path, "params tokens load_balance distance loss", rows))
    assert roles(made) == "params=size tokens=data distance=size"
    assert reason(made, "load_balance").startswith("no target depends on it")
    asked = draft(tmp_path / "runs.csv", roles={"load_balance": "rate"})
    assert "load_balance=rate" in roles(asked)


def test_a_number_of_two_values_that_tells_nothing_is_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [
        (n, d, samples, depth, y + 0.01 * rng.normal() + 0.1 * (depth > 1))
        for n, d, y in GRID for samples in (128, 512) for depth in (1, 2)
    ]  # fmt: skip
    names = "params tokens calib_samples passes loss"
    made = draft(table(tmp_path, names, rows), groups=[])
    assert roles(made) == "params=size tokens=data passes=count"
    assert reason(made, "calib_samples").endswith("[--role calib_samples=data]")


def test_what_is_another_column_seen_otherwise_is_left_out(tmp_path: Path) -> None:
    rows = []
    for n in SIZES[:4]:
        for k in (2, 4, 8, 16, 64, 256):
            rows.append((n, np.log(k) - (k - 1) / k, k, "bon", n**0.1 * np.log(k)))
            rows.append((n, 0.3 * k, 0, "rl", n**0.1 * np.log(k) - 0.01 * k))
    made = draft(table(tmp_path, "params kl best_of how reward", rows), ["reward"])
    assert roles(made) == "params=size kl=data"
    assert reason(made, "best_of").startswith("moves as kl does")


def test_the_bytes_of_a_file_are_left_out_rather_than_its_bits(tmp_path: Path) -> None:
    rows = [
        (b, n, d, n * b / 8e6, y + np.exp(-b)) for b, (n, d, y) in product((3, 4, 8), GRID[::2])
    ]
    made = draft(table(tmp_path, "w_bits params tokens size_MB loss", rows))
    assert roles(made) == "w_bits=count params=size tokens=data"
    assert reason(made, "size_MB").startswith("proportional to")


def test_a_loss_that_is_aimed_at_falls(tmp_path: Path) -> None:
    levels = product((3.8, 3.5, 3.2, 3.0), (2**16, 2**17, 2**18, 2**19))
    rows = [(t, b, (t - 2.4) ** -2 * (1 + 1e5 / b)) for t, b in levels]
    made = draft(table(tmp_path, "target_loss batch_tokens steps", rows), ["steps"])
    assert [c.falls for c in made.task.features] == [True, False]
    assert [cut.name for cut in made.cuts] == ["target_loss<3.2", "batch_tokens>262144"]
    again = read_task(write_task(made, tmp_path / "made") / "task.toml")
    assert (again.features, again.sha256) == (made.task.features, made.task.sha256)


def test_a_number_that_belongs_to_a_label_is_no_feature(tmp_path: Path) -> None:
    problems = {"math": 1280, "proofs": 1300, "code": 1400}
    rows = [(b, n, d, p, y * p / 1000) for n, d, y in GRID for b, p in problems.items()]
    made = draft(table(tmp_path, "benchmark N D n_problems loss", rows))
    assert (roles(made), made.task.group_column) == ("N=size D=data", "benchmark")
    assert made.table.group_names == tuple(problems)
    asked = draft(tmp_path / "runs.csv", roles={"n_problems": "count"})
    assert asked.task.group_column is None
    sizes = [(f"m{n:g}", n, d, y) for n, d, y in GRID]
    named = draft(table(tmp_path, "model_name N D loss", sizes))
    assert (roles(named), named.task.group_column) == ("N=size D=data", None)


def test_zero_or_one_is_a_group(tmp_path: Path) -> None:
    rows = [(n, d, m, y - 0.1 * m) for n, d, y in GRID for m in (0, 1)]
    made = draft(table(tmp_path, "N D use_moe loss", rows))
    assert made.task.group_column == "use_moe"
    assert made.table.group_names == ("0", "1")
    alone = draft(tmp_path / "runs.csv", groups=[])
    assert alone.task.group_column is None


def test_none_among_labels_is_a_label(tmp_path: Path) -> None:
    rows = [(start, n, d, chinchilla(n, d) + (start == "none"))
            for start in ("none", "text", "code") for n, d, _ in GRID]  # fmt: skip
    made = draft(table(tmp_path, "pretraining N D loss", rows))
    assert made.table.group_names == ("none", "text", "code")
    empty = [(n, "none" if i == 5 else d, loss) for i, (n, d, loss) in enumerate(GRID)]
    assert "D has no number in 1 row" in said(draft(table(tmp_path, "N D loss", empty)))


def test_a_number_of_one_value_in_every_group_is_no_feature(tmp_path: Path) -> None:
    heat = {"math": 0.6, "code": 0.8, "facts": 0.6}
    rows = [(name, heat[name], n, d, chinchilla(n, d)) for name in heat for n, d, _ in GRID]
    made = draft(table(tmp_path, "benchmark temperature N D loss", rows))
    assert roles(made) == "N=size D=data"
    assert reason(made, "temperature") == "one value for each benchmark"
    asked = draft(
        table(tmp_path, "benchmark temperature N D loss", rows), roles={"temperature": "rate"}
    )
    assert roles(asked).startswith("temperature=rate")


def test_groups_as_asked_for(tmp_path: Path) -> None:
    rows = [(n, d, "ab"[i % 2], "uvw"[i % 3], y * (1 + i % 2 + 0.3 * (i % 3)))
            for n, d, y in GRID for i in range(6)]  # fmt: skip
    file = table(tmp_path, "N D first second loss", rows)
    assert draft(file).task.group_column == "first+second"
    assert draft(file, groups=["second"]).task.group_column == "second"
    assert draft(file, groups=["second"]).table.group_names == ("u", "v", "w")
    assert draft(file, groups=[]).table.group_names == ("all_data",)
    assert draft(file, ignore=["first"]).task.group_column == "second"


def test_groups_of_several_columns_are_not_mixed_up(tmp_path: Path) -> None:
    labels = (("a+b", "c"), ("a", "b+c"), ("a", "c"))
    rows = [(n, d, *pair, y) for n, d, y in GRID for pair in labels]
    file = table(tmp_path, "N D first second loss", rows)
    with pytest.raises(DataError, match=r"'\+' joins the group columns first, second"):
        draft(file, groups=["first", "second"])
    assert draft(file, groups=["first"]).table.group_names == ("a+b", "a")
    alike = table(tmp_path, "N D first aug+mix loss", [(n, d, "u", "v", y) for n, d, y in GRID])
    with pytest.raises(DataError, match=r"joins the group columns first, aug\+mix"):
        draft(alike, groups=["first", "aug+mix"])


def test_small_groups_are_left_out(tmp_path: Path) -> None:
    rows = [(n, d, "big", y) for n, d, y in GRID] + [(1e8, 1e9, "tiny", 3.0)]
    made = draft(table(tmp_path, "N D corpus loss", rows), groups=["corpus"])
    assert "1 group of 1 or 2 rows (tiny): left out" in said(made)
    assert made.table.group_names == ("big",)


def test_copies_repeats_and_empty_cells(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows: list[tuple[object, ...]] = [
        (n, d, seed, y + 0.01 * rng.normal()) for n, d, y in GRID for seed in (1, 2)
    ]
    file = table(tmp_path, "N D seed loss", [*rows, rows[0], ("", 1e9, 1, 3.0), (1e8, 1e9, 1, "")])
    made = draft(file)
    assert len(made.table) == len(rows)
    assert "copies of another row, in every cell: 1 row (line 98): left out  --keep copies" in said(
        made
    )
    assert "N has no number in 1 row (line 99): left out  --ignore N" in said(made)
    assert "no loss in 1 row (line 100): left out" in said(made)
    assert "standard deviation among repeats" in "\n".join(made.check.warnings)
    assert len(draft(file, keep=["copies"]).table) == len(rows) + 1


def test_diverged_runs_are_left_out_and_steep_laws_are_not(tmp_path: Path) -> None:
    bad = [(1e8, 3e9, "nan"), (1e8, 4e9, "diverged"), (1e8, 5e9, 1e4), (1e8, 6e9, 80)]
    file = table(tmp_path, "N D loss", [*GRID, *bad])
    made = draft(file)
    assert len(made.table) == len(GRID)
    assert "loss is diverged, nan in 2 rows (line 50, line 51): diverged or no number" in said(made)
    assert "loss is 80 and more in 2 rows (line 52, line 53)" in said(made)
    assert len(draft(file, keep=["diverged"]).table) == len(GRID) + 2
    near = [(1e8, 3e9, 2.2 * max(y for *_, y in GRID)), (1e8, 4e9, 9.5)]
    made = draft(table(tmp_path, "N D loss", [*GRID, *near]))
    assert len(made.table) == len(GRID)
    assert "taken for diverged" in said(made)
    named = [(f"config {i}", *row) for i, row in enumerate([*GRID, *near])]
    assert len(draft(table(tmp_path, "config N D loss", named)).table) == len(GRID)
    # One language is harder than all others, one model far smaller: nothing diverged there.
    hard = [("abcdefghijklmnop"[i // 6], n, 2 + (i // 6 == 3) * 2 + 20 / n**0.1)
            for i, n in enumerate((1e6, 4e6, 1.6e7, 6.4e7, 2.6e8, 1e9) * 16)]  # fmt: skip
    assert len(draft(table(tmp_path, "lang N loss", hard), groups=["lang"]).table) == len(hard)
    small = [*GRID, (1e5, 2e9, chinchilla(1e5, 2e9))]
    assert len(draft(table(tmp_path, "N D loss", small)).table) == len(small)
    steep = [(n, 1e18 / n**2) for n in 10.0 ** np.arange(3, 9, 0.5)]
    assert len(draft(table(tmp_path, "N loss", steep)).table) == len(steep)


def test_a_run_that_diverged_to_a_loss_that_others_have_is_left_out(tmp_path: Path) -> None:
    steps = 2.0 ** np.arange(8)
    rows = [[1e6 * n, 1e8 * d, 2 + 4 * n**-0.3 + 3 * d**-0.3] for n in steps for d in steps]
    rows[36][2] = 8.2  # of 9 for the smallest run, and 5 about it
    file = table(tmp_path, "N D loss", rows)
    made = draft(file)
    assert len(made.table) == len(rows) - 1
    assert "loss is 8.2 and more in 1 row (line 38), and" in said(made)
    assert len(draft(file, keep=["diverged"]).table) == len(rows)
    # A run at the edge of the table may be as high as the law makes it, and a group steep.
    valley = [(n, r, 2 + 1e3 / n**0.5 + (n / 1e6) ** 0.3 * np.log(r / 1e-3) ** 4)
              for n in SIZES for r in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)]  # fmt: skip
    assert len(draft(table(tmp_path, "N lr loss", valley)).table) == len(valley)
    # Where every run with the highest rate diverged the table shows how far one may go.
    many = [(n, r, 9.5 if r == 1e-2 else loss) for n, r, loss in valley]
    assert len(draft(table(tmp_path, "N lr loss", many)).table) == len(valley)


def test_curves_give_their_last_row_unless_asked(tmp_path: Path) -> None:
    make, targets = TABLES["history"]
    file = make(tmp_path)
    made = draft(file, targets)
    assert "19 runs (by run) have 25 rows each along _step: of each run only the last row" in said(
        made
    )
    assert made.table.x[:, 1].max() == TOKENS[3]
    assert "of each run only the last row, its final checkpoint, is used" in made.task.provenance
    kept = draft(file, targets, keep=["steps", "unfinished"])
    assert len(kept.table) == 500
    assert roles(kept) == "params=size tokens=data"
    assert reason(kept, "_step") == "tokens says how far a run had come"


def test_curves_without_a_run_column_or_a_step(tmp_path: Path) -> None:
    rows = [(n, 1e-3 * (i + 1), s, chinchilla(n, 1e6 * s)) for n in SIZES for i in range(5)
            for s in range(1000, 9000, 1000)]  # fmt: skip
    made = draft(table(tmp_path, "params lr step loss", rows))
    assert len(made.table) == 30
    assert "30 runs (by params, lr) have 8 rows each" in said(made)
    rows = [(f"r{i}", n, d * s, chinchilla(n, d * s)) for i, (n, d, _) in enumerate(GRID)
            for s in (0.25, 0.5, 0.75, 1)]  # fmt: skip
    made = draft(table(tmp_path, "run params tokens loss", rows))
    assert len(made.table) == len(GRID)


def test_two_rows_at_one_step_are_two_runs(tmp_path: Path) -> None:
    rows = [(r, n, s, chinchilla(n, 1e6 * s) + 0.01 * r) for r in (1, 4, 16) for n in SIZES
            for s in (1000, 2000, 3000, 4000)]  # fmt: skip
    made = draft(table(tmp_path, "alpha params step loss", rows), keep=[])
    assert len(made.table) == len(rows) / 4  # curves along step, one for each alpha and size
    twice = [*rows, *((*row[:3], row[3] + 0.02) for row in rows)]
    assert len(draft(table(tmp_path, "alpha params step loss", twice)).table) == len(twice)
    resumed = [*rows, (*rows[0][:3], rows[0][3] + 0.02)]
    assert len(draft(table(tmp_path, "alpha params step loss", resumed)).table) == len(rows) / 4
    named = [(f"r{i}", *row) for i, row in enumerate(rows)]
    assert len(draft(table(tmp_path, "run alpha params step loss", named)).table) == len(rows)


def test_names_of_what_differs_are_groups_and_names_of_runs_are_none(tmp_path: Path) -> None:
    rows = [(c, n, d, y + 0.1 * i) for n, d, y in GRID for i, c in enumerate(("c4", "pile"))]
    made = draft(table(tmp_path, "dataset_name N D loss", rows))
    assert made.task.group_column == "dataset_name"
    rows = [(f"m{i}", n, d, y) for i, (n, d, y) in enumerate(GRID)]
    made = draft(table(tmp_path, "model_name N D loss", rows))
    assert made.task.group_column is None
    assert roles(made) == "N=size D=data"


def test_dropout_is_no_part_of_a_mixture(tmp_path: Path) -> None:
    rows = [(w, c, 100 - w - c, p, 3 - w / 100 + 0.4 * c / 100 + p**2)
            for w in (10, 30, 50) for c in (5, 20, 40) for p in (0.0, 0.1, 0.3)]  # fmt: skip
    made = draft(table(tmp_path, "web_pct code_pct books_pct dropout loss", rows))
    assert made.table.x.max(axis=0).tolist() == pytest.approx([0.5, 0.4, 0.85, 0.3])
    assert not any("collinear" in words for words in made.check.warnings)


def test_any_word_may_name_a_share(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = rng.dirichlet([1, 1, 1], 40)
    rows = [(*part, 3 - part[0] + 0.3 * part[1] ** 2) for part in parts]
    made = draft(table(tmp_path, "GitHub path time loss", rows))
    assert roles(made) == "GitHub=fraction path=fraction time=fraction"


def test_steps_that_grow_by_a_factor_are_budgets(tmp_path: Path) -> None:
    rows = [(n, b, s, chinchilla(n, b * s)) for n in SIZES for b in (64, 256)
            for s in (1000, 2500, 6300, 16000)]  # fmt: skip
    made = draft(table(tmp_path, "params batch_size steps loss", rows))
    assert len(made.table) == len(rows)
    assert "steps grows by a factor from level to level" in said(made)
    named = [(f"r{i // 4}", *row) for i, row in enumerate(rows)]
    made = draft(table(tmp_path, "run params batch_size steps loss", named))
    assert len(made.table) == len(rows) / 4


def test_steps_of_several_batch_sizes_are_budgets(tmp_path: Path) -> None:
    rows = []
    for n, (batch, tokens) in product(
        SIZES[:4], product((2**18, 2**19, 2**20), (1e9, 3e9, 1e10, 4e10))
    ):
        rows.append((n, round(tokens / batch), batch, chinchilla(n, tokens)))
    made = draft(table(tmp_path, "params train_steps global_batch_size loss", rows))
    assert len(made.table) == len(rows)
    assert roles(made) == "params=size train_steps=data global_batch_size=batch"


def test_a_folder_of_curves(tmp_path: Path) -> None:
    folder = tmp_path / "tensorboard"
    folder.mkdir()
    for n, d, _ in GRID:
        rows = [(1.7e9 + s, s, chinchilla(n, d * s / 50)) for s in range(5, 51, 5)]
        file = folder / f"run-n={short(n)},d={short(d)}-tag-loss.csv"
        write_csv(file, ("Wall time", "Step", "Value"), iter(rows))
    made = draft(folder)
    assert roles(made) == "n=size d=data"
    assert len(made.table) == len(GRID)
    assert made.layout == "48 files, CSV with commas"
    truth = [chinchilla(n, d) for n, d in made.table.x]
    assert made.table.y[:, 0].tolist() == truth
    curves = draft(folder, keep=["steps"], ignore=["n", "d"], groups=["run"])
    assert roles(curves) == "Step=data"
    assert len(curves.table.group_names) == len(GRID)
    (folder / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"x.csv: other columns than .*run-n="):
        draft(folder)


def test_curves_that_nothing_tells_apart_are_groups(tmp_path: Path) -> None:
    rows = [(f"r{i}", s, i + s**-0.5) for i in range(4) for s in range(10, 200, 10)]
    made = draft(table(tmp_path, "run step loss", rows))
    assert (roles(made), made.task.group_column) == ("step=data", "run")


def test_a_packaged_task_keeps_its_name(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "moe.csv", ("N", "D", "loss"), iter(GRID))
    assert draft(file).task.name == "moe_own"
    with pytest.raises(UsageError, match="--name must be a plain folder name"):
        draft_task(file, make_wishes("loss"), "a/b")


def test_several_targets(tmp_path: Path) -> None:
    rows = [(n, d, y, y + 0.5, "" if i == 2 else y / 2) for i, (n, d, y) in enumerate(GRID)]
    made = draft(table(tmp_path, "N D loss_a loss_b loss_c", rows), ["loss_a", "loss_c"])
    assert made.task.target_names == ("loss_a", "loss_c")
    assert made.table.y.shape == (47, 2)
    assert made.task.parameter_limit == 12
    assert reason(made, "loss_b") == "a result too, by its name"


def test_a_long_table_with_two_targets_and_seeds(tmp_path: Path) -> None:
    rows = [(n, d, seed, metric, scale * y + 0.001 * seed) for n, d, y in GRID for seed in (1, 2)
            for metric, scale in (("loss", 1), ("bpb", 1.4))]  # fmt: skip
    made = draft(table(tmp_path, "N D seed metric value", rows), ["loss", "bpb"])
    assert made.table.y.shape == (96, 2)
    assert np.allclose(made.table.y[:, 0] * 1.4, made.table.y[:, 1], atol=0.01)


def test_a_level_of_noise_is_no_axis_where_there_are_scales(tmp_path: Path) -> None:
    rows = [
        (z, n, d, b, y + z + 2**-b)
        for (n, d, y), z, b in product(GRID[::3], (0.0, 0.1, 0.2, 0.4), (3, 4, 8))
    ]
    file = table(tmp_path, "flip_rate params tokens bits loss", rows)
    cut = {axis for rule in draft(file).task.cut_rules for axis in rule.axes}
    assert cut == {"params", "tokens"}
    alone = table(tmp_path, "flip_rate bits loss", [(z, b, y) for z, _, _, b, y in rows[:12]])
    assert {axis for rule in draft(alone).task.cut_rules for axis in rule.axes} == {"flip_rate"}


def test_a_small_d_is_a_dimension_and_a_sum_of_rates_is_progress(tmp_path: Path) -> None:
    rows = [(d, n, 0.2 + n ** (-1 / d)) for d in (2, 3, 4, 6, 8) for n in (1e2, 1e3, 1e4, 1e5)]
    assert roles(draft(table(tmp_path, "d N rmse", rows), ["rmse"])) == "d=count N=size"
    large = [(d * 1e6, n, 0.2 + n**-0.3 + d**-0.2) for d, n, _ in rows]
    assert roles(draft(table(tmp_path, "d N rmse", large), ["rmse"])) == "d=data N=size"
    sums = [(r, s, r * s, 2 + (r * s) ** -0.5) for r in (1e-4, 3e-4, 1e-3, 3e-3)
            for s in range(1000, 9000, 1000)]  # fmt: skip
    made = draft(table(tmp_path, "peak_lr step lr_sum loss", sums), keep=["steps"])
    assert roles(made) == "peak_lr=rate lr_sum=data"


def test_axes_and_limit_as_asked_for(tmp_path: Path) -> None:
    file = table(tmp_path, "N D loss", GRID)
    made = draft(file, axes=["D"], limit=5)
    assert {axis for rule in made.task.cut_rules for axis in rule.axes} == {"D"}
    assert made.task.parameter_limit == 5
    assert draft(file, limit=0).task.parameter_limit is None
    assert draft(file).task.cut_rules[-1].kind is CutKind.CORNER


def test_too_few_rows_lower_the_limit(tmp_path: Path) -> None:
    rows = [(n, d, chinchilla(n, d)) for n, d in product(SIZES[:4], TOKENS[:3])]
    made = draft(table(tmp_path, "N D loss", rows))
    assert made.task.parameter_limit == 3
    assert "6 parameters would be usual: the limit is 3  --limit 6, or more runs" in said(made)
    tuned = [
        (n, d, lr, y + (np.log(lr) + 6) ** 2)
        for i, (n, d, y) in enumerate(rows) for lr in (1e-3, 2e-3, 4e-3)[i % 2 : i % 2 + 2]
    ]  # fmt: skip
    made = draft(table(tmp_path, "N D lr loss", tuned))
    assert made.task.parameter_limit == 10  # half of what a cut leaves would be fewer


def test_no_data_at_all_is_an_amount_like_others(tmp_path: Path) -> None:
    rows = [(d, 2 + 3 * (d + 50) ** -0.3) for d in (0, 10, 30, 100, 300, 1000, 3000, 1e4, 3e4)]
    file = table(tmp_path, "examples loss", rows)
    made = draft(file)
    assert (roles(made), len(made.table)) == ("examples=data", 9)
    (choice,) = [c for c in made.columns if c.name == "examples"]
    assert "laws see examples + 5" in choice.why
    assert roles(draft(file, roles={"examples": "logged"})) == "examples=logged"
    steps = draft(table(tmp_path, "step loss", rows))
    assert "step has no value that role data can have in 1 row (line 2)" in said(steps)
    many = [(d + 7 * i, y - i / 50) for d, y in rows[1:] for i in range(3)]
    unknown = draft(table(tmp_path, "examples loss", [rows[0], *many, (-1, 2.5)]))
    assert (roles(unknown), unknown.table.x.min()) == ("examples=data", 0)
    assert "examples has no value that role data can have in 1 row" in said(unknown)
    negative = table(tmp_path, "examples loss", [(d - 500, y) for d, y in rows])
    assert roles(draft(negative)) == "examples=logged"


def test_what_a_tracker_s_table_of_runs_holds(tmp_path: Path) -> None:
    header = (
        "Name State Notes User Created Runtime Sweep n_layer n_params n_tokens optimizer lr"
        " val/loss train/loss _step"
    )
    rng = np.random.default_rng(0)
    rows = [
        (f"dawn-{i}", "failed" if i % 17 == 0 else "finished", "-", "me", "2024-01-01T00:00:00Z",
         3600 + i, "", 8 if n < 4e8 else 16, n, d, optimizer, 3e-4 * (1e9 / n) ** 0.5,
         y * (1 + 0.1 * (optimizer == "lion")) + 0.004 * rng.normal(), y + 0.3, i)
        for i, ((n, d, y), optimizer) in enumerate(product(GRID, ("adamw", "lion")))
    ]  # fmt: skip
    made = draft(table(tmp_path, header, rows), ["val/loss"])
    assert roles(made) == "n_params=size n_tokens=data"
    assert made.task.group_column == "optimizer"
    assert "State is failed in 6 rows: left out  --keep unfinished" in said(made)
    assert reason(made, "n_layer").startswith("one value for each n_params")


def test_labels_that_would_leave_too_few_rows_are_offered(tmp_path: Path) -> None:
    rows = [(n, d, f"corpus {i % 9}", y) for i, (n, d, y) in enumerate(GRID)]
    made = draft(table(tmp_path, "N D corpus loss", rows))
    assert reason(made, "corpus") == "9 groups would have 5.3 rows each [--group corpus]"


def test_a_fixed_test_table_is_read_as_the_training_table_is(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "test.tsv", ("tokens", "params", "loss"),
        iter([("1T", "7B", 2.0), ("2T", "7B", 1.95), ("400B", "70M", 3.1), ("1T", "", 2)]), "\t",
    )  # fmt: skip
    rows = [(short(n), short(d), y) for n, d, y in GRID]
    made = draft(table(tmp_path, "params tokens loss", rows), test=tmp_path / "test.tsv")
    assert made.test is not None
    assert made.test.x[0].tolist() == [7e9, 1e12]
    assert "1 of 4 test rows lack a number or are earlier steps: left out" in said(made)
    assert "1 test rows have the features of a training row" in said(made)
    without = draft(tmp_path / "runs.csv")
    assert made.task.sha256 == without.task.sha256
    task = read_task(write_task(made, tmp_path / "mine") / "task.toml")
    assert load_test(task, load_train(task)).sha256 == made.test.sha256


def test_a_test_table_with_an_unknown_group_is_an_error(tmp_path: Path) -> None:
    test = write_csv(tmp_path / "test.csv", ("N", "corpus", "loss"), iter([(1e9, "c", 2.0)] * 3))
    rows = [(n, c, n**-0.1) for n in np.geomspace(1e6, 1e9, 9) for c in "ab"]
    with pytest.raises(DataError, match="group 'c' of the test table has no training rows"):
        draft(table(tmp_path, "N corpus loss", rows), test=test)


def test_a_random_target_is_a_problem(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = draft(table(tmp_path, "N D loss", [(n, d, rng.normal(3, 0.1)) for n, d, _ in GRID]))
    assert "no headroom" in made.check.problems[0]


@pytest.mark.parametrize(
    ("header", "rows", "wishes", "words"),
    [
        ("N D loss", GRID, {"targets": ["los"]}, r"--target 'los' is no column \(did you mean"),
        ("N D loss", GRID, {"groups": ["x"]}, "--group 'x' is no column"),
        ("N D loss", GRID, {"axes": ["loss"]}, "--axis 'loss' is no feature"),
        ("N D loss", GRID, {"roles": {"N": "sizes"}}, "no such role; roles are: size, data"),
        ("N D loss", GRID, {"keep": ["all"]}, "--keep all: no such rows"),
        ("N D loss", GRID, {"ignore": ["loss"]}, "named by --target and by --ignore"),
        ("N D loss", GRID, {"ignore": ["N", "D"]}, "no feature is left for a law: N .asked for."),
        ("N D loss", GRID, {"limit": -1}, "--limit must be"),
        ("N D loss", GRID, {"targets": []}, "name at least one --target"),
        ("N D loss", [(1, 2, "x")] * 3, {}, "no row is left"),
        ("N D loss", [], {}, "the table has no rows"),
        ("1 2 3", GRID, {}, "must hold the columns' names"),
        ("N N loss", GRID, {}, "column 'N' is there 2 times"),
        ("N loss", [(1e6, 2.0), (2e6, 1.5)] * 2, {"roles": {"N": "size"}}, "no cut can be made"),
        ("N tag loss", [(1, "a", 2), (2, "b", 3)], {"roles": {"tag": "size"}}, "holds no numbers"),
        ("N tag x", [(1, "loss", 2), (2, "acc", 3)], {}, "no column 'value' holds their numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line(
    header: str,
    rows: list[tuple[object, ...]],
    wishes: dict[str, object],
    words: str,
    tmp_path: Path,
) -> None:
    with pytest.raises((DataError, UsageError), match=words) as caught:
        draft(table(tmp_path, header, rows), **{"targets": ["loss"], **wishes})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_column_has_one_role() -> None:
    assert parse_roles(["a=size", "b=c=data"]) == {"a": "size", "b=c": "data"}
    with pytest.raises(UsageError, match="--role names column 'a' twice"):
        parse_roles(["a=size", "a=data"])
    with pytest.raises(UsageError, match="--role a=sizes: no such role; roles are: size"):
        make_wishes("loss", roles={"a": "sizes"})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.csv", "", "the file is empty"),
        ("x.jsonl", '{"a": 1}\n[1]\n', "line 2: not JSON lines"),
        ("x.json", "[1, 2]", "not JSON lines"),
        ("x.csv", "a,b\n1\n", "line 2: 1 cells, but the header has 2"),
        ("x.csv", "a;b\n\xff;1\n", "x.csv, line 2: no UTF-8 text: save it as UTF-8$"),
        ("x.csv", "a,b\r\n" + "1,2\r\n" * 20000 + "1,\xb5\r\n", "line 20002: no UTF-8 text"),
        ("x.csv", "\xff\xfea\0,\0b\0\n\0", "line 1: no UTF-8 text: save it as UTF-8$"),
        ("x.jsonl", '{"a": 1}\n' * 20000 + '{"a": "\xb5"}\n', "line 20001: no UTF-8 text"),
        ("x.xlsx", "PK\x03\x04 and more", "an Excel or zip file: save the sheet as CSV"),
    ],
)
def test_files_that_are_no_tables(name: str, text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=words):
        draft(file, ["b"])
    with pytest.raises(DataError, match="cannot be read"):
        draft(tmp_path / "absent.csv", ["b"])


def test_the_same_rows_make_the_same_task_from_every_kind_of_file(tmp_path: Path) -> None:
    import json

    import pyarrow
    import pyarrow.parquet

    names = ("params", "tokens", "loss")
    csv_file = write_csv(tmp_path / "t.csv", names, iter(GRID))
    tabs = write_csv(tmp_path / "t.tsv", names, iter(GRID), "\t")
    (tmp_path / "t.jsonl").write_text(
        "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in GRID)
    )
    columns = {
        name: list(cells) for name, cells in zip(names, zip(*GRID, strict=True), strict=True)
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    made = [draft(file) for file in (csv_file, tabs, tmp_path / "t.jsonl", tmp_path / "t.parquet")]
    assert len({m.task.sha256 for m in made}) == len({m.table.sha256 for m in made}) == 1


@pytest.mark.parametrize("task", list_tasks(), ids=lambda task: task.name)
def test_the_benchmark_s_columns_are_guessed_as_they_are(task: Task, shared_data: Path) -> None:
    made = draft(shared_data / task.name / "train.csv", task.target_names)
    assert [(c.name, c.role) for c in made.task.features] == [
        (c.name, c.role) for c in task.features
    ]
    known = load_train(task, shared_data)
    assert len(made.table) == len(known)
    assert set(made.table.groups) in (set(known.groups), {"all_data"})
    assert made.check.problems == ()
