"""An exported law: the program's own numbers, from a file that needs numpy only."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from export.made_run import BETTER, START, make_run

from sldagent import api
from sldagent.data.sources import load_train
from sldagent.errors import UsageError
from sldagent.export.card import Options
from sldagent.export.load import _expressions
from sldagent.export.refit import RefitError, Refitter, bootstrap
from sldagent.export.winner import measured_ends
from sldagent.program import Program
from sldagent.run import Run
from sldagent.sandbox.protocol import End, Job, Limits, Outcome
from sldagent.sandboxes import open_sandbox

FEW = Options(draws=12, seconds=30.0)


@pytest.fixture(scope="module")
def exported(run: Run, folder: Path) -> Path:
    api.export_law(run, folder / "law", FEW)
    return folder / "law"


def in_this_process(source: str, run: Run) -> tuple[dict, list]:
    """Parameters and predictions for all training rows as the program itself computes them."""
    task = api.load_task("parallel")
    table = load_train(task, run.config().data)
    space: dict = {}
    exec(source, space)
    params, predicted = {}, np.empty(len(table))
    for g, name in enumerate(table.group_names):
        mine = table.group_codes == g
        params[name] = space["fit_scaling_law"](table.x[mine], table.y[mine, 0])
        predicted[mine] = space["scaling_law_func"](table.x[mine], params[name])
    rows = [
        {"num_params": x[0], "parallel_size": x[1], "group": group}
        for x, group in zip(table.x, table.groups, strict=True)
    ]
    return params, [rows, predicted]


def test_predictions_are_the_programs_own(run: Run, exported: Path) -> None:
    law = api.load_law(exported)
    best = run.best()
    assert best is not None
    params, (rows, predicted) = in_this_process(best[1].source, run)
    given = [row["loss"] for row in law.predict(rows)]
    np.testing.assert_allclose(given, predicted, rtol=1e-12)
    assert law.groups == ("stack", "pile")
    np.testing.assert_allclose(law.params["pile"], params["pile"], rtol=1e-12)
    assert law.card["law"]["difference"] <= 1e-12
    (expression,) = law.sympy().values()
    constants = {f"p{i}": value for i, value in enumerate(law.params["pile"])}
    row = next(row for row in rows if row["group"] == "pile")
    value = expression.subs({**constants, "num_params": row["num_params"],
                             "parallel_size": row["parallel_size"]})  # fmt: skip
    assert float(value) == pytest.approx(given[rows.index(row)], rel=1e-9)


def test_a_formulas_features_may_be_called_anything() -> None:
    given = "loss = p0 + p1/Params (M)**p2 + E\nacc = log(Params (M)*E)"
    found = _expressions(given, ["E", "Params (M)"])
    assert {str(s) for s in found["loss"].free_symbols} == {"p0", "p1", "p2", "Params (M)", "E"}
    assert {str(s) for s in found["acc"].free_symbols} == {"Params (M)", "E"}


def test_the_file_needs_numpy_only_and_nothing_of_sldagent(exported: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); import law\n"
        "rows = [{'num_params': 1e10, 'parallel_size': 8, 'group': 'pile'}]\n"
        "low, high = law.predict_interval(rows)[0]['loss']\n"
        "assert low < law.predict(rows)[0]['loss'] < high\n"
        "assert law.law(rows, 'pile') == law.predict(rows)\n"
        "print(sorted({'scipy', 'sldagent', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=exported, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert "scipy" not in (exported / "law.py").read_text("utf-8")


def test_a_group_may_be_named_by_its_parts(exported: Path, tmp_path: Path) -> None:
    text = (exported / "law.py").read_text("utf-8")
    renamed = text.replace("GROUP_COLUMN = 'group'", "GROUP_COLUMN = 'set+half'")
    renamed = renamed.replace("'pile': ", "'pile+2': ")
    (tmp_path / "law.py").write_text(renamed, "utf-8")
    row = {"num_params": 1e10, "parallel_size": 8}
    (want,) = api.load_law(exported / "law.py").predict([{**row, "group": "pile"}])
    law = api.load_law(tmp_path / "law.py")
    assert law.predict([{**row, "set": "pile", "half": 2}, {**row, "set+half": "pile+2"}]) == [
        want,
        want,
    ]
    with pytest.raises(ValueError, match=r"no group in set\+half"):
        law.predict([{**row, "set": "pile"}])


def test_unknown_groups_and_missing_intervals_are_said(run: Run, exported: Path, tmp_path: Path):
    law = api.load_law(exported / "law.py")
    row = {"num_params": 1e9, "parallel_size": 2, "group": "stack"}
    for wrong, words in (
        ({"num_params": "10B"}, "row 0: num_params is no number: '10B'"),
        ({"num_params": float("inf")}, "must be a finite number"),
    ):
        with pytest.raises(ValueError, match=words):
            law.predict([{**row, **wrong}])
    with pytest.raises(ValueError, match="row 0 has no parallel_size"):
        law.predict([{"num_params": 1e9, "group": "stack"}])
    with pytest.raises(ValueError, match="level must lie"):
        law.predict_interval([row], level=-1)
    with pytest.raises(ValueError, match=r"row 0: unknown group 'x' in group; known: stack, pile"):
        law.predict([{"num_params": 1e9, "parallel_size": 1, "group": "x"}])
    export = api.export_law(run, tmp_path, Options(draws=0, baseline=False))
    assert export.card["uncertainty"]["draws"] == 0
    assert "No interval is given" in (tmp_path / "card.md").read_text("utf-8")
    with pytest.raises(ValueError, match="without refits"):
        api.load_law(tmp_path).predict_interval([])


def test_the_card_says_what_one_must_know(run: Run, exported: Path) -> None:
    card = json.loads((exported / "card.json").read_text("utf-8"))
    assert card["data"]["rows"] == 36
    assert card["data"]["sha256"] == run.store.run()["data_sha256"]
    assert card["selection"]["candidates"] == 3
    assert card["selection"]["statuses"] == {"ok": 2, "error": 1}
    assert card["selection"]["distinct_valid_programs"] == 2
    assert [row["name"][:4] for row in card["baselines"]] == ["this", "mean", "best", "best"]
    assert card["baselines"][1]["mean_r2"] < card["baselines"][0]["mean_r2"]
    assert card["uncertainty"]["draws"] == 12
    assert card["uncertainty"]["calibration"]["of"] == 12
    assert card["leakage"]["test_reads"] == 0
    assert card["test"]["metrics"] is None
    for place in card["uncertainty"]["predictions"]:
        ends = place["values"]["loss"]
        assert ends["low"] < ends["value"] < ends["high"]
    assert card["warnings"] == []  # three levels of parallel_size, and nothing repeated
    text = (exported / "card.md").read_text("utf-8")
    for words in ("winner's curse", "Range of validity", "No test row was read", "Warnings"):
        assert words in text


def test_rows_are_checked_and_labels_read_as_tables_write_them(exported: Path) -> None:
    law = api.load_law(exported)
    (value,) = law.predict([{"num_params": 1e9, "parallel_size": 2, "group": " pile "}])
    assert value == law.predict([{"num_params": 1e9, "parallel_size": 2, "group": "pile"}])[0]
    assert law.predict({"num_params": 1e9, "parallel_size": 2, "group": "pile"}) == [value]
    for size, words in ((0, "row 0: num_params cannot be 0: it must be above zero"),
                        (np.nan, "num_params cannot be nan")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            law.predict([{"num_params": size, "parallel_size": 2, "group": "pile"}])


def test_the_card_says_why_a_higher_score_was_not_taken(tmp_path: Path) -> None:
    run = make_run(tmp_path, [START, BETTER])
    start, program = next(iter(run.store.candidates())), Program(START)
    run.keep_best(start, program)  # as where the search has gained too little
    api.export_law(run, tmp_path / "law", Options(draws=0, baseline=False))
    chosen = json.loads((tmp_path / "law" / "card.json").read_text("utf-8"))["selection"]
    assert chosen["rank"] == 2
    assert "takes its place only with 5% less error" in chosen["words"]


def test_nothing_is_replaced_unasked(run: Run, exported: Path) -> None:
    with pytest.raises(UsageError, match=r"law\.py exists already"):
        api.export_law(run, exported, Options(draws=0, baseline=False))


def test_rows_that_are_not_the_runs_are_refused(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "train.csv"
    table.write_text("num_params,parallel_size,group,loss\n" + "1e8,1,a,2\n2e8,2,a,3\n" * 4)
    with pytest.raises(UsageError, match="are not those that run 'made'"):
        api.export_law(run, tmp_path / "out", FEW, data=str(table))
    assert not (tmp_path / "out").exists()


def test_candidates_without_a_law_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="candidate #2 is no law: error"):
        api.export_law(run, tmp_path, FEW, candidate=2)
    with pytest.raises(UsageError, match="no candidate #9"):
        api.export_law(run, tmp_path, FEW, candidate=9)


AWKWARD = {
    "names that the module uses itself": BETTER.replace("logs", "predict"),
    "a helper called as one of the module's": BETTER.replace("logs", "_checked"),
    "names looked up at run time": BETTER.replace("u = logs(", "u = globals()['logs']("),
    "windows line ends": BETTER.replace("\n", "\r\n"),
    "quotes of every kind": BETTER.replace("logs", "predict").replace(
        "# natural", "r'''\\ \"\"\" '''; r'\\d'; # natural \"\"\""
    ),
    "scipy in the law": BETTER.replace("np.exp(a", "expit(40) * np.exp(a").replace(
        "import numpy as np", "import numpy as np\nfrom scipy.special import expit"
    ),
    "a matrix of parameters": BETTER.replace("a, b, c = params", "a, b, c = params.ravel()")
    .replace("ftol=1e-14).x", "ftol=1e-14).x.reshape(3, 1)"),
}  # fmt: skip


@pytest.mark.parametrize("what", AWKWARD)
def test_awkward_programs_are_exported_too(what: str, tmp_path: Path) -> None:
    run = make_run(tmp_path, [AWKWARD[what]])
    export = api.export_law(run, tmp_path / "out", Options(draws=2, baseline=False))
    assert export.card["law"]["difference"] <= 1e-12
    # The whole program comes along where names are looked up, and with it what only the fit needs.
    needs = ["numpy", "scipy"] if "scipy" in what or "looked up" in what else ["numpy"]
    assert export.card["law"]["needs"] == needs
    law = api.load_law(tmp_path / "out")
    rows = [{"num_params": 1e9, "parallel_size": 2, "group": "stack"}]
    assert law.predict(rows)[0]["loss"] == pytest.approx(4 * 1e9**-0.07 * 2**-0.02, rel=0.01)


def test_failed_refits_are_counted(run: Run) -> None:
    task = api.load_task("parallel")
    table = load_train(task, run.config().data)
    # Fails whenever a row was drawn twice, that is on nearly every draw.
    fussy = Program(
        START.replace(
            "    def error",
            "    if len(np.unique(loss_values)) < len(loss_values):\n        raise ValueError\n"
            "    def error",
        )
    )
    with open_sandbox() as sandbox:
        refitter = Refitter(task, sandbox, run.config().evaluation)
        assert set(refitter.fit(fussy, table)) == {"stack", "pile"}
        draws = bootstrap(refitter, fussy, table, 20, 30.0)
        none = bootstrap(refitter, fussy, table, 20, -1.0)
        with pytest.raises(RefitError, match="NameError"):
            refitter.fit(Program(START.replace("least_squares(", "nothing(")), table)
    assert (len(draws.params), draws.failed) == (0, 5)
    assert "5 failed" in draws.words
    assert "20 found no time" in none.words


@pytest.mark.parametrize(
    "frame",
    [
        ({"shape": [3]}, b"\0" * 16), ({"shape": [-1]}, b""), ({"shape": "3"}, b"\0" * 24),
        ({}, b"\0" * 8), ({"shape": [1] * 9}, b"\0" * 8), ({"shape": [1e3]}, b"\0" * 8),
        ({"shape": [1]}, np.array([np.nan]).tobytes()),
    ],
)  # fmt: skip
def test_what_a_hostile_process_sends_is_an_error_not_a_crash(run: Run, frame: tuple) -> None:
    class Liar:
        def run(self, job: Job, limits: Limits) -> Outcome:
            return Outcome((frame, frame, ({"done": True}, b"")), End.FINISHED)

    task = api.load_task("parallel")
    table = load_train(task, run.config().data)
    refitter = Refitter(task, Liar(), run.config().evaluation)  # type: ignore[arg-type]
    with pytest.raises(RefitError):
        refitter.fit(Program(START), table)


def test_no_interval_holds_what_cannot_be(exported: Path, tmp_path: Path) -> None:
    text = (exported / "law.py").read_text()
    noisy = re.sub(r"NOISE = \{\n(.*?)\n\}", "NOISE = {g: [[-99.0], [99.0]] for g in PARAMS}", text,
                   flags=re.DOTALL)  # fmt: skip
    (tmp_path / "law.py").write_text(noisy)
    (row,) = api.load_law(tmp_path).predict_interval(
        {"num_params": 1e9, "parallel_size": 2, "group": "pile"}
    )
    assert row["loss"][0] == 0.0
    assert row["loss"][1] > 90


def test_an_interval_holds_noise_and_constants() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(0, 3, (1000, 1, 1))
    noise = rng.normal(0, 4, (1000, 1))
    low, high = measured_ends(np.tile(drawn, (1, 2, 1)), noise, 0.9)
    assert low[0, 0] == low[1, 0]
    assert low[0, 0] == pytest.approx(-1.645 * 5, rel=0.1)
    assert high[0, 0] == pytest.approx(1.645 * 5, rel=0.1)


@pytest.mark.parametrize("text", ["", "x = 1\n", "raise OSError('gone')\n", "def predict(:"])
def test_what_is_no_law_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "law.py").write_text(text)
    with pytest.raises(UsageError, match=r"law\.py"):
        api.load_law(tmp_path)
    with pytest.raises(UsageError, match="no law in"):
        api.load_law(tmp_path / "absent")
