"""Whole comparisons with tiny budgets; programs are judged by their hash, tables are read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from contracts.scripted_runs import HashPool
from export.made_run import write_tables

from sldagent import api, driving
from sldagent.bench.arms import search_config
from sldagent.bench.plan import Arm, BenchConfig, Cell
from sldagent.bench.report import markdown
from sldagent.bench.runner import Tools, run_bench
from sldagent.candidate import Evaluation
from sldagent.config import EvolveConfig
from sldagent.data.sources import load_train
from sldagent.data.tasks import find_task
from sldagent.data.test_rows import load_test
from sldagent.errors import UsageError
from sldagent.program import Program
from sldagent.run import Run
from sldagent.table import Table
from sldagent.task import Task


class Inline:
    """What a comparison is run with, in this process; notes what it was asked to do."""

    def __init__(self) -> None:
        self.searched: list[EvolveConfig] = []
        self.resumed: list[str] = []
        self.stopped = False

    def tools(self) -> Tools:
        return Tools(self.evolve, self.resume, lambda c: driving.plan(c).config, self.judge)

    def evolve(self, config: EvolveConfig) -> Run:
        self.searched.append(config)
        return driving.evolve(config, self._pool, self._watch())

    def resume(self, path: Path) -> Run:
        self.resumed.append(path.name)
        return driving.resume(path, self._pool, self._watch())

    def judge(
        self, run: Run, task: Task, program: Program, data: str | None, own: bool
    ) -> Evaluation:
        assert own
        load_test(task, load_train(task, data), data)
        run.store.count_test_read()
        return HashPool().judge(program)

    def _watch(self) -> driving.Watch:
        return driving.Watch(stop=lambda: "enough" if self.stopped else None)

    def _pool(self, task: Task, table: Table, cuts: object, config: EvolveConfig) -> HashPool:
        return HashPool()


def settings(folder: Path, **more: object) -> BenchConfig:
    usual = BenchConfig(
        folder / "bench", ("parallel",), seeds=2, evaluations=20, start_programs=3,
        data=str(folder / "data"),
    )  # fmt: skip
    return replace(usual, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    write_tables(folder / "data")
    return folder


def test_a_comparison_says_what_was_measured_and_what_others_published(made: Path) -> None:
    inline = Inline()
    said: list[str] = []
    config = settings(made, baselines=("human",), ablations=("best-of-n",))
    result = run_bench(config, inline.tools(), lambda *words: said.append(str(words)))
    assert [c.seed for c in inline.searched] == [0, 0, 1, 1]
    assert len(said) == 4
    arms = [row["arm"] for row in result.summary]
    assert arms == ["published form, fitted here", "symbolic", "symbolic, best-of-n"]
    own = result.summary[1]
    assert own["seeds"] == own["beyond"]["seeds"] == 2
    assert own["beyond"]["std"] is not None
    cells = [row for row in result.cells if row["arm"] == "symbolic"]
    mean = sum(max(-1, min(1, row["beyond"]["r2"])) for row in cells) / 2
    assert own["beyond"]["mean"] == pytest.approx(mean, rel=1e-12)
    assert all(row["wall_seconds"] > 0 and row["cpu_seconds"] >= 0 for row in cells)
    assert {row["evaluations"] for row in result.cells if row["seed"] is not None} == {16}
    # The made-up table has as many rows as SLDBench's, so others' numbers are shown.
    assert result.published["parallel"]["human"] == 1.0
    text = (made / "bench" / "results.md").read_text("utf-8")
    assert text == markdown(result) + "\n"
    assert "others' numbers, not computed here" in text
    assert json.loads((made / "bench" / "results.json").read_text("utf-8"))["split"] == "test"
    run = api.open_run("parallel-symbolic-s0", made / "bench" / "runs")
    assert run.store.run()["test_reads"] == 1


def test_what_has_a_result_is_not_searched_again(made: Path) -> None:
    inline = Inline()
    config = settings(made, ablations=("best-of-n",))
    first = run_bench(config, inline.tools())
    searched = len(inline.searched)
    again = run_bench(replace(config, seeds=1), inline.tools())
    assert len(inline.searched) == searched
    assert again.summary[0]["seeds"] == 1
    cells = [row for row in first.cells if row["seed"] == 0]
    assert cells == [row for row in again.cells if row["seed"] == 0]
    with pytest.raises(UsageError, match="another evaluations"):
        run_bench(replace(config, evaluations=21), inline.tools())


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    write_tables(tmp_path / "data", test=False)
    inline = Inline()
    inline.stopped = True
    with pytest.raises(KeyboardInterrupt):
        run_bench(settings(tmp_path, seeds=1), inline.tools())
    inline.stopped = False
    result = run_bench(settings(tmp_path, seeds=1), inline.tools())
    assert inline.resumed == ["parallel-symbolic-s0"]
    (cell,) = result.cells
    assert cell["resumed"]
    assert cell["beyond"] is None
    assert "no test table" in cell["reason"]
    assert any(note.startswith("No test rows at hand for parallel") for note in result.notes)
    run = api.open_run("parallel-symbolic-s0", tmp_path / "bench" / "runs")
    assert run.store.run()["test_reads"] == 0


def test_pseudo_tests_hide_training_rows_and_read_no_test_rows(tmp_path: Path) -> None:
    write_tables(tmp_path / "data")
    (tmp_path / "data" / "parallel" / "test.csv").write_text("nobody shall read this\n")
    inline = Inline()
    config = settings(tmp_path, seeds=1, split="pseudo", pseudo_tests=2, baselines=("human",))
    result = run_bench(config, inline.tools())
    table = load_train(find_task("parallel"), tmp_path / "data")
    for part in (0, 1):
        folder = tmp_path / "bench" / "pseudo" / "parallel" / str(part)
        seen, hidden = (len(load_train(find_task("parallel"), folder / f"{n}.csv"))
                        for n in ("train", "test"))  # fmt: skip
        assert seen + hidden == len(table)
    searched = [row for row in result.cells if row["seed"] is not None]
    assert [row["part"] for row in searched] == [0, 1]
    assert len({row["cut"] for row in searched}) == 2
    unprinted = "Of the published forms of parallel no constants are at hand"
    assert any(note.startswith(unprinted) for note in result.notes)
    own = next(row for row in result.summary if row["arm"] == "symbolic")
    assert own["beyond"]["seeds"] == 1
    assert "pseudo-test R²" in markdown(result)


@pytest.mark.parametrize(
    ("ablation", "field", "value"),
    [
        ("best-of-n", "lag", 20),
        ("random", "selection", "uniform"),
        ("no-islands", "islands", 1),
        ("no-exemplars", "exemplars", 0),
        ("no-seeds", "seeds", 0),
    ],
)
def test_an_ablation_lacks_one_thing(
    made: Path, tmp_path: Path, ablation: str, field: str, value: object
) -> None:
    config = replace(settings(made), folder=tmp_path)
    resolve = Inline().tools().resolve
    plain, without = (
        search_config(Cell("parallel", Arm("symbolic", a), 3), config, "parallel",
                      config.data, resolve)
        for a in ("", ablation)
    )  # fmt: skip
    assert getattr(without, field) == value != getattr(plain, field)
    assert without.evaluations == plain.evaluations
    full, lacking = resolve(plain), resolve(without)
    assert full.offspring is not None
    assert lacking.offspring is not None
    assert lacking.islands * lacking.offspring == full.islands * full.offspring


def test_only_searches_that_ask_are_given_models(made: Path, tmp_path: Path) -> None:
    asking = {"models": ("some-model",), "max_cost_usd": 1.0}
    config = replace(settings(made), folder=tmp_path, asking=asking)
    made_of = {
        name: search_config(
            Cell("parallel", Arm(name), 0), config, "parallel", config.data, lambda c: c
        )
        for name in ("symbolic", "mixed")
    }
    assert made_of["symbolic"].models == ()
    assert made_of["mixed"].models == ("some-model",)
    assert made_of["mixed"].max_cost_usd == 1.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seeds": -1}, "--seeds"),
        ({"ablations": ("no-mercy",)}, "--ablate"),
        ({"split": "train"}, "--split"),
        ({"tasks": ()}, "task"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        settings(tmp_path, **wrong)
