"""A law for a table in one call: recovery, choice, intervals, allocation, bad input."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas
import pytest
from click.testing import CliRunner
from contracts.command import sldagent

import sldagent as package
from sldagent import api
from sldagent.cli import cli
from sldagent.cli.predict import allocation_lines
from sldagent.errors import DataError, UsageError
from sldagent.fitted import FittedLaw
from sldagent.table import Table
from sldagent.tablefit import TableFit, fit_table
from sldagent.task import Column, CutKind, CutRule, Role, Task

ALPHA, BETA = 0.3478, 0.3658
ROLES = ("params=size", "tokens=data")


def write(path: Path, noise: float = 0.003, group: bool = False) -> Path:
    """Rows of a Chinchilla law with Epoch's constants (arXiv 2404.10102) and a little noise."""
    rng = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["params", "tokens", "loss", *(["corpus"] if group else [])])
        for corpus, floor in (("web", 1.8172), ("code", 1.2)) if group else (("web", 1.8172),):
            for n in np.geomspace(1e8, 1e10, 6):
                for d in np.geomspace(1e9, 3e11, 7):
                    loss = floor + 482.01 * n**-ALPHA + 2085.43 * d**-BETA + noise * rng.normal()
                    writer.writerow([n, d, loss, *([corpus] if group else [])])
    return path


def task_of(target: str, **roles: str) -> Task:
    """A task whose cuts are the tops of all its features."""
    features = tuple(Column(name, Role(role)) for name, role in roles.items())
    rule = CutRule(CutKind.AXIS, tuple(roles), (0.2, 0.35))
    return Task("made", "", "", features, (Column(target),), (rule,))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("fit") / "runs.csv")


def test_named_law_is_recovered_with_intervals_that_hold_the_truth(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], law="chinchilla", draws=200)
    intervals = found.drawn.params(level=0.999)  # one seed: 95 % would miss one time in twenty
    for name, truth in (("alpha", ALPHA), ("beta", BETA), ("E", 1.8172)):
        low, high = intervals[name]
        assert low < truth < high
        assert high - low < 0.1
    assert "alpha = " in found.report()
    assert found.as_dict()["sha256"] == found.table.sha256


def test_prediction_far_beyond_the_data_has_an_interval_and_a_warning(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], law="chinchilla", draws=200)
    points = [{"params": 7e10, "tokens": 1.4e12}, {"params": 1e15, "tokens": 1e17}]
    near, far = api.predict(found.law, points)
    truth = 1.8172 + 482.01 * 7e10**-ALPHA + 2085.43 * 1.4e12**-BETA
    values = near["values"]["loss"]
    assert values["low"] < truth < values["high"]
    assert values["parameter"] > 0
    assert values["model"] == 0  # one law only
    assert near["warnings"] == []
    assert far["warnings"]


def test_allocation_agrees_with_the_closed_form(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], law="chinchilla", draws=100)
    row = api.allocate(found.law, 1e22)[0]
    g = (ALPHA * 482.01 / (BETA * 2085.43)) ** (1 / (ALPHA + BETA))
    size = g * (1e22 / 6) ** (BETA / (ALPHA + BETA))
    assert row["intervals"]["size"][0] < size < row["intervals"]["size"][1]
    assert 6 * row["size"] * row["data"] == pytest.approx(1e22)


def test_the_family_is_found_and_groups_have_their_own_constants(tmp_path: Path) -> None:
    path = write(tmp_path / "two.csv", group=True)
    found = package.fit(
        path, features=ROLES, targets=["loss"], group="corpus", law="chinchilla", draws=50
    )
    assert found.fit.params("web")["E"] == pytest.approx(1.8172, abs=0.03)
    assert found.fit.params("code")["E"] == pytest.approx(1.2, abs=0.03)


@pytest.fixture(scope="module")
def chosen(table: Path) -> TableFit:
    return api.fit(table, targets=["loss"], draws=40)


def test_auto_chooses_what_extrapolates(chosen: TableFit) -> None:
    found = chosen
    assert found.choice is not None
    assert found.fit.law.name == "chinchilla(N,D)"
    assert "| chinchilla(N,D) |" in found.report()


@pytest.mark.parametrize(
    ("features", "targets", "law", "error", "words"),
    [
        (["params"], ["loss"], "auto", UsageError, "--feature .* COLUMN=ROLE"),
        (["params=sizes"], ["loss"], "auto", UsageError, "--feature params=sizes: no such role"),
        (["parms=size"], ["loss"], "auto", DataError, "--feature 'parms' is no column"),
        (["loss=data"], ["loss"], "auto", UsageError, "named by --target and by --feature"),
        (["params=size", "params=data"], ["loss"], "auto", UsageError, "--feature names .* twice"),
        ([], [], "auto", UsageError, "target"),
        (["params=size"], [], "auto", UsageError, "at least one"),
        (["params=size"], ["losses"], "auto", DataError, "losses"),
        (["params=size"], ["loss"], "nonsense", DataError, "no law 'nonsense'"),
    ],
)
def test_bad_input_is_one_line(
    features: list[str], targets: list[str], law: str, error: type, words: str, table: Path
) -> None:
    with pytest.raises(error, match=words) as caught:
        api.fit(table, features=features, targets=targets, law=law)
    assert "\n" not in str(caught.value)


def test_what_contradicts_itself_is_refused(table: Path) -> None:
    for wrong, words in (
        ({"features": ROLES, "roles": {"params": "size"}}, "without --feature"),
        ({"features": ROLES, "ignore": ["tokens"]}, "without --feature"),
        ({"task": "data_constrained"}, "either a TABLE"),
    ):
        with pytest.raises(UsageError, match=words):
            api.fit(table, targets="loss", **wrong)
    with pytest.raises(UsageError, match="a task says them already"):
        api.fit(task="data_constrained@measured", ignore=["tokens"])


def test_features_that_are_named_are_read_as_those_that_are_guessed(table: Path) -> None:
    guessed = api.fit(table, targets="loss", law="chinchilla", draws=20)
    named = api.fit(table, features=ROLES, targets="loss", law="chinchilla", draws=20)
    assert named.task.cut_rules == guessed.task.cut_rules
    assert named.fit == guessed.fit
    one = api.fit(table, features=ROLES[:1], targets="loss", law="power", draws=20)
    assert one.draft is not None
    assert "tokens" not in one.task.feature_names


def checkpoints(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Rows as a logger writes them: curves of runs, two of which crashed."""
    sizes = rows.params.unique()
    run = rows.params.map({size: f"run{i}" for i, size in enumerate(sizes)})
    state = np.where(rows.params >= sizes[-2], "crashed", "finished")
    return rows.assign(run=run, state=state, step=rows.tokens / 1e6)


def test_columns_that_are_not_named_remove_no_rows(table: Path) -> None:
    rows = pandas.read_csv(table)
    logged = checkpoints(rows)

    def named(frame: pandas.DataFrame, *features: str) -> TableFit:
        return api.fit(frame, features=features, targets="loss", law="chinchilla", draws=20)

    found = named(logged, *ROLES)
    assert found.fit == named(rows, *ROLES).fit
    assert found.draft is not None
    left_out = [c.name for c in found.draft.columns if c.use == "left out"]
    assert left_out == ["run", "state", "step"]
    # What differs elsewhere is a repeat, what does not a copy.
    twice = pandas.concat([rows.assign(seed=0), rows.assign(seed=1)])
    assert len(named(twice, *ROLES).table) == 2 * len(rows)
    assert len(named(twice.assign(seed=0), *ROLES).table) == len(rows)
    with pytest.raises(DataError, match="'tokns' is no column"):
        named(logged, "params=size", "tokns=data")


def test_rows_can_be_kept(table: Path, tmp_path: Path) -> None:
    logged = checkpoints(pandas.read_csv(table)).drop(columns=["run", "step"])
    file = tmp_path / "runs.csv"
    logged.to_csv(file, index=False)
    assert len(api.fit(file, targets="loss", law="chinchilla", draws=20).table) == 28
    kept = api.fit(file, targets="loss", law="chinchilla", draws=20, keep=["unfinished"])
    assert len(kept.table) == 42
    with pytest.raises(UsageError, match="--keep all: no such rows"):
        api.fit(file, targets="loss", keep=["all"])
    with pytest.raises(UsageError, match="a task says them already"):
        api.fit(task="data_constrained@measured", keep=["copies"])
    words = ("fit", "runs.csv", "--target", "loss", "--law", "chinchilla", "--draws", "20")
    done = sldagent(*words, "--keep", "unfinished", cwd=tmp_path, env=None)
    assert done.stdout.startswith("runs.csv: 42 rows"), done.stderr


def test_a_named_law_is_fitted_where_no_rows_can_be_held_out(tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("params,usd,loss\n1e7,1,3.9\n1e8,4,3.3\n3e8,9,3.1\n1e9,30,2.9\n")
    for found in (
        api.fit(file, features=["params=size"], targets="loss", law="power", draws=20),
        api.fit(file, ignore=["usd"], targets="loss", law="power", draws=20),
    ):
        assert found.fit.params()["a_N"] == pytest.approx(0.065, abs=0.002)
        assert "not calibrated (no rows can be held out)" in found.report()
    with pytest.raises(DataError, match="no cut can be made: of 4 rows"):
        api.fit(file, features=["params=size"], targets="loss")
    done = sldagent(
        "fit", "few.csv", "--feature", "params=size", "--target", "loss", "--law", "power",
        "--draws", "20", "--price", "usd", cwd=tmp_path, env=None,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cuts      none: no rows can be held out" in done.stderr
    assert "worth it above" in done.stdout


def test_columns_are_guessed_where_none_is_named(table: Path) -> None:
    found = api.fit(table, targets=["loss"], law="chinchilla", draws=30)
    assert found.task.feature_names == ("params", "tokens")
    assert found.fit.params()["alpha"] == pytest.approx(ALPHA, abs=0.03)


def test_a_fit_comes_back_from_its_json_and_says_the_same(chosen: TableFit, tmp_path: Path) -> None:
    found = chosen
    assert len(found.law.ensemble.members) > 1
    assert abs(found.drawn.correlations()[0][2]) > 0.9
    assert " correlated: " in found.report()
    file = tmp_path / "fit.json"
    file.write_text(found.to_json(), "utf-8")
    again = api.load_fit(file)
    points = [{"params": 2e10, "tokens": 1e12}]
    assert api.predict(again, points) == api.predict(found.law, points)
    values = api.predict(again, points)[0]["values"]["loss"]
    assert values["model"] > 0
    assert api.allocate(again, 1e22) == api.allocate(found.law, 1e22)
    file.write_text('{"law": "chinchilla"}')
    with pytest.raises(DataError, match="--json"):
        api.load_fit(file)


def test_laws_over_some_of_the_features_come_back_too() -> None:
    rng = np.random.default_rng(0)
    x = 10 ** rng.uniform(7, 9, (60, 3))
    y = 2 + 50 * x[:, 1] ** -0.3 + 30 * x[:, 2] ** -0.25 + 1e-3 * rng.normal(size=60)
    task = task_of("loss", n="size", m="size", d="data")
    made = fit_table(task, Table(x, y[:, None], ("all",) * 60), "coupled(N2,D)", draws=20)
    again = FittedLaw.from_dict(json.loads(json.dumps(made.law.as_dict())))
    np.testing.assert_array_equal(again.fit.predict(x), made.fit.predict(x))


def test_points_are_checked(table: Path) -> None:
    law = api.fit(table, targets=["loss"], law="chinchilla", draws=20).law
    for point, words in (
        ({"params": 1e9}, "a value is missing"),
        ({"params": 1e9, "lr": 1}, "no feature 'lr'"),
        ({"params": 1e9, "tokens": "many"}, "must be numbers"),
        ({"params": 1e9, "tokens": 1e9, "group": "code"}, "no group 'code'"),
    ):
        with pytest.raises(UsageError, match=words):
            api.predict(law, [point])
    one = api.predict(law, [{"params": 7e9, "tokens": 2e12}])
    assert api.predict(law, [{"params": "7B", "tokens": "2T", "loss": "3.1"}]) == one


def test_frames_are_tables_and_points(table: Path) -> None:
    rows = pandas.read_csv(table)
    fitted = api.fit(rows, targets=["loss"], law="chinchilla", draws=20)
    assert fitted.table.x.tolist() == rows[["params", "tokens"]].to_numpy().tolist()
    given = api.fit(rows, features=["params=size", "tokens=data"], targets=["loss"],
                    law="chinchilla", draws=20)  # fmt: skip
    points = rows[["params", "tokens"]].head(2)
    found = api.predict(fitted, points)
    assert found == api.predict(given.law, points.to_dict("records"))
    assert len(found) == 2


def test_an_index_with_a_name_is_a_column(table: Path) -> None:
    rows = pandas.read_csv(table)
    fitted = api.fit(rows, targets="loss", law="chinchilla", draws=20)
    points = rows.head(2)
    for names, drop in (["params"], True), (["params"], False), (["tokens", "params"], True):
        again = api.fit(rows.set_index(names, drop=drop), targets="loss", law="chinchilla",
                        draws=20)  # fmt: skip
        assert again.fit.params() == pytest.approx(fitted.fit.params(), rel=1e-3)
        found = api.predict(fitted, points.set_index(names, drop=drop))
        assert found == api.predict(fitted, points)
    mixed = points.set_index(["params", pandas.Index([0, 1])])  # a part of it has no name
    assert api.predict(fitted, mixed) == api.predict(fitted, points)


def test_points_name_a_group_by_its_own_columns(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    levels = {("a", "adam"): 1.0, ("a", "sgd"): 2.0, ("b", "adam"): 3.0, ("b", "sgd"): 4.0}
    lines = ["params,tokens,data,optimizer,loss"]
    for n in np.geomspace(1e7, 1e9, 4):
        for d in np.geomspace(1e9, 1e11, 4):
            for (data, optimizer), level in levels.items():
                loss = level + 400 * n**-0.34 + 400 * d**-0.28
                lines.append(f"{n},{d},{data},{optimizer},{loss}")
    file.write_text("\n".join(lines) + "\n")
    columns = ["params=size", "tokens=data"]
    law = api.fit(
        file, features=columns, targets=["loss"], group=["data", "optimizer"], law="chinchilla",
        draws=20,
    ).law  # fmt: skip
    law = FittedLaw.from_dict(json.loads(json.dumps(law.as_dict())))
    where = {"params": 1e9, "tokens": 1e11}
    (row,) = api.predict(law, [{**where, "data": "b", "optimizer": "adam"}])
    assert row["group"] == "b+adam"
    assert len(api.predict(law, [where])) == 4
    with pytest.raises(UsageError, match="names a group by data needs optimizer too"):
        api.predict(law, [{**where, "data": "b"}])
    with pytest.raises(UsageError, match="no group 'b\\+lion'"):
        api.predict(law, [{**where, "data": "b", "optimizer": "lion"}])
    common = ("predict", str(file), "--target", "loss", "--law", "chinchilla", "--feature",
              columns[0], "--feature", columns[1], "--column", "data", "--column",
              "optimizer", "--at")  # fmt: skip
    done = sldagent(*common, "params=1e9,tokens=1e11,data=b,optimizer=sgd", cwd=tmp_path, env=None)
    assert done.stdout.startswith("[b+sgd] at params=1e+09"), done.stderr
    assert "form unknown" in done.stdout
    done = sldagent(*common, "params=1e9,tokens=1e11,optimiser=sgd", cwd=tmp_path, env=None)
    assert "no feature or group column 'optimiser'" in done.stderr


def test_a_point_names_its_group_as_the_table_does(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    lines = ["params,tokens,depth,mix,loss"]
    for depth, mix in ((6, "web, code"), (12, "web")):
        for n, d in ((n, d) for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10, 1e11)):
            loss = depth / 6 + 400 * n**-0.34 + 400 * d**-0.28
            lines.append(f'{n},{d},{depth},"{mix}",{loss}')
    file.write_text("\n".join(lines) + "\n")
    common = ("predict", str(file), "--target", "loss", "--law", "chinchilla", "--feature",
              "params=size", "--feature", "tokens=data", "--column", "mix", "--column",
              "depth", "--at")  # fmt: skip
    point = "params=1e9,mix=web, code,tokens=1e11,depth=6"
    done = sldagent(*common, point, cwd=tmp_path, env=None)
    assert done.stdout.startswith("[6+web, code] at params=1e+09, tokens=1e+11"), done.stderr
    law = api.fit(
        file, features=["params=size", "tokens=data"], targets=["loss"], group="depth",
        law="chinchilla", draws=20,
    ).law  # fmt: skip
    for depth in (6, 6.0, np.float64(6), "6 "):  # as tables with gaps and cells of text have it
        (row,) = api.predict(law, [{"params": 1e9, "tokens": 1e11, "depth": depth}])
        assert row["group"] == "6"


def test_a_budget_is_spent_in_the_table_s_own_units(table: Path, tmp_path: Path) -> None:
    rows = pandas.read_csv(table)
    plain = api.fit(rows, targets="loss", law="chinchilla", draws=20)
    short = pandas.DataFrame(
        {"Params (M)": rows.params / 1e6, "Tokens (Billion)": rows.tokens / 1e9, "loss": rows.loss}
    )
    fitted = api.fit(short, targets="loss", law="chinchilla", draws=20)
    (one,), (other,) = api.allocate(plain, 1e22), api.allocate(fitted, 1e22)
    assert other["size"] * 1e6 == pytest.approx(one["size"], rel=1e-3)
    assert other["data"] * 1e9 == pytest.approx(one["data"], rel=1e-3)
    assert other["ratio"] == pytest.approx(one["ratio"], rel=1e-3)
    assert other["intervals"]["ratio"] == pytest.approx(one["intervals"]["ratio"], rel=1e-2)
    assert other["flops"] == pytest.approx(1e22)
    assert other["units"] == {"size": "millions of parameters", "data": "billions of tokens"}
    file = tmp_path / "fit.json"
    file.write_text(fitted.to_json())
    assert api.allocate(api.load_fit(file), 1e22) == [other]
    named = {"Params (M)": "model_M", "Tokens (Billion)": "corpus_B"}
    roles = ["model_M=size", "corpus_B=data"]
    asked = api.fit(
        short.rename(columns=named), features=roles, targets="loss", law="chinchilla", draws=20
    )
    assert api.allocate(asked, 1e22)[0]["size"] == pytest.approx(other["size"])
    (fixed,) = api.allocate(fitted, None, {"Params (M)": 1e3, "Tokens (Billion)": 20.0})
    assert fixed["flops"] == pytest.approx(1.2e20)


def test_a_limit_holds_for_a_law_that_is_named(table: Path) -> None:
    with pytest.raises(
        UsageError, match="chinchilla has 5 parameters a group, more than --limit 3"
    ):
        api.fit(table, targets="loss", law="chinchilla", limit=3, draws=20)
    with pytest.raises(DataError, match="with at most 1 parameters"):
        api.fit(table, targets="loss", limit=1, draws=20)


def test_one_point_may_stand_alone(table: Path) -> None:
    fitted = api.fit(table, targets="loss", law="chinchilla", draws=20)
    point = {"params": 7e9, "tokens": 2e12}
    assert api.predict(fitted, point) == api.predict(fitted, [point])


def test_an_accuracy_is_to_be_largest(table: Path) -> None:
    rows = pandas.read_csv(table)
    loss = api.fit(rows, targets="loss", law="chinchilla", draws=20)
    rows["reward"] = 9 - rows.pop("loss")
    reward = api.fit(rows, targets="reward", law="signed chinchilla", draws=20)
    (least,), (most,) = api.allocate(loss, 1e22), api.allocate(reward, 1e22)
    assert most["size"] == pytest.approx(least["size"], rel=0.02)
    assert 9 - most["loss"] == pytest.approx(least["loss"], rel=1e-3)
    assert (least["target"], most["target"]) == ("loss", "reward")


def test_what_is_impossible_is_in_no_interval(table: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pandas.read_csv(table)
    rows["accuracy"] = (3.4 - rows.pop("loss") + 0.05 * rng.normal(size=len(rows))) / 2
    rows["accuracy"] = rows.accuracy.clip(0.01, 0.99)
    fitted = api.fit(rows, targets="accuracy", law="translog", draws=40)
    far, near = api.predict(
        fitted, [{"params": 1e15, "tokens": 1e17}, {"params": 1e10, "tokens": 3e11}]
    )
    assert any(words.startswith("accuracy cannot be ") for words in far["warnings"])
    assert 0 <= near["values"]["accuracy"]["low"] <= near["values"]["accuracy"]["high"] <= 1
    again = FittedLaw.from_dict(json.loads(json.dumps(fitted.law.as_dict())))
    assert again.possible == fitted.law.possible == ((0.0, 1.0),)


def test_a_mixture_in_per_cent_is_predicted_by_its_own_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), 60)
    loss = 2 + np.exp(-(shares @ [1.0, 2.0, 0.5]))
    rows = pandas.DataFrame(100 * shares, columns=["web %", "code %", "books %"]).round(1)
    rows["loss"] = loss
    fitted = api.fit(rows, targets="loss", draws=20)
    assert fitted.table.x.max() <= 1
    found = api.predict(fitted, rows.head(3))
    assert [row["values"]["loss"]["value"] for row in found] == pytest.approx(loss[:3], abs=0.02)
    assert found[0]["at"]["web %"] == pytest.approx(shares[0, 0], abs=1e-3)


def test_a_share_of_something_else_beside_percentages_stays_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shares, dropout = rng.dirichlet(np.ones(3), 60), rng.choice([0.0, 0.1, 0.3], 60)
    loss = 2 + np.exp(-(shares @ [1.0, 2.0, 0.5])) + dropout
    rows = pandas.DataFrame(shares, columns=["web", "code", "books"])
    rows["dropout"], rows["loss"] = dropout, loss
    fitted = api.fit(rows, targets="loss", draws=10)
    point = {"web": 0.628, "code": 0.078, "books": 0.294, "dropout": 0.3}
    percent = {"web": 62.8, "code": 7.8, "books": 29.4, "dropout": 0.3}
    one, other = api.predict(fitted, [point, percent])
    assert other["at"] == pytest.approx(point)
    assert other["values"]["loss"]["value"] == pytest.approx(one["values"]["loss"]["value"])


def test_losses_below_one_have_no_top(table: Path) -> None:
    rows = pandas.read_csv(table)
    rows["bpb"] = rows.pop("loss") / 4
    fitted = api.fit(rows, targets="bpb", law="chinchilla", draws=10)
    (row,) = api.predict(fitted, [{"params": 1e5, "tokens": 1e8}])
    assert row["values"]["bpb"]["value"] > 1
    assert not any("cannot be" in words for words in row["warnings"])


def test_every_target_has_a_budget_of_its_own(table: Path) -> None:
    rows = pandas.read_csv(table)
    rows["reward"] = 9 - 2 * rows.loss - 3e3 / rows.params**0.5
    one, two = (
        api.fit(rows, targets=targets, law="signed chinchilla", draws=20)
        for targets in ("reward", ["loss", "reward"])
    )
    (alone,), both = api.allocate(one, 1e22), api.allocate(two, 1e22)
    assert [row["target"] for row in both] == ["loss", "reward"]
    assert both[1]["size"] == pytest.approx(alone["size"], rel=1e-6)
    assert both[1]["size"] > 1.1 * both[0]["size"]
    assert both[1]["intervals"].keys() == both[0]["intervals"].keys()
    said = [line for line in allocation_lines(both) if "FLOPs for reward: size" in line]
    assert said[0].startswith(f"[all_data] 1e+22 FLOPs for reward: size {alone['size']:.4g}")


def test_what_no_budget_can_be_spent_on_is_said(table: Path) -> None:
    rows = pandas.read_csv(table)
    compute = pandas.DataFrame(
        {"params": rows.params, "flops": 6 * rows.params * rows.tokens, "loss": rows.loss}
    )
    fitted = api.fit(compute, targets="loss", law="chinchilla", draws=20)
    with pytest.raises(UsageError, match="flops is no amount of data"):
        api.allocate(fitted, 1e22)


def test_zero_hours_are_predicted_where_the_law_has_seen_some() -> None:
    rng = np.random.default_rng(0)
    sizes, hours = (a.ravel() for a in np.meshgrid(np.geomspace(4e7, 1e9, 5), [0, 1, 3, 10, 30]))
    words = 5 + 40 * (hours + 2 * (sizes / 4e7) ** 0.7) ** -0.5 + 0.1 * rng.normal(size=25)
    task = task_of("wer", params="size", hours="data")
    table = Table(np.stack([sizes, hours], axis=1), words[:, None], ("all",) * 25)
    law = fit_table(task, table, "transferred", draws=20).law
    points = [
        {"params": 1e9, "hours": 0},
        {"params": 1e9, "hours": 30},
        {"params": 1e9, "hours": 1e5},
    ]
    none, known, far = api.predict(law, points)
    assert none["values"]["wer"]["value"] == pytest.approx(
        words[(hours == 0) & (sizes > 9e8)], abs=1
    )
    assert none["warnings"] == known["warnings"] == []
    assert far["warnings"]
    with pytest.raises(UsageError, match="hours cannot be -1: it must be zero or more"):
        api.predict(law, [{"params": 1e9, "hours": -1}])
    some = hours > 0
    without = fit_table(task, table.rows(np.flatnonzero(some)), "transferred", draws=20).law
    with pytest.raises(UsageError, match="hours cannot be 0: it must be above zero"):
        api.predict(without, points[:1])


def test_the_commands_predict_and_allocate_from_json_and_tables(
    table: Path, tmp_path: Path
) -> None:
    def call(*words: str) -> tuple[int, str, str]:
        done = sldagent(*words, cwd=tmp_path, env=None)
        return done.returncode, done.stdout, done.stderr

    fitted = call("fit", str(table), "--target", "loss", "--law", "chinchilla", "--draws", "40",
                  "--json", "--plot", "fit.png")  # fmt: skip
    assert fitted[0] == 0, fitted[2]
    assert (tmp_path / "fit.png").stat().st_size > 5000
    (tmp_path / "fit.json").write_text(fitted[1])
    (tmp_path / "points.csv").write_text("params,tokens\n7e10,1.4e12\n1e9,1e11\n")
    code, out, err = call("predict", "fit.json", "--points", "points.csv")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("[all_data] at params=7e+10, tokens=1.4e+12: loss 1.9")
    assert "parameters ± " in out
    assert "form unknown" in out
    code, out, _ = call("allocate", "fit.json", "--flops", "1e22", "--json")
    assert json.loads(out)[0]["size"] > 1e9
    code, out, _ = call(
        "predict", str(table), "--target", "loss", "--law", "chinchilla", "--at",
        "params=1e10,tokens=1e12",
    )  # fmt: skip
    assert code == 0
    assert call("predict", "fit.json")[0] == 2
    assert call("predict", "fit.json", "--at", "params")[0] == 2
    assert call("predict", "nothing", "--at", "params=1")[0] == 2
    (tmp_path / "points.tsv").write_text("params\ttokens\n7B\t1.4T\n")
    code, out, _ = call("predict", "fit.json", "--points", "points.tsv")
    assert (code, out.split(":")[0]) == (0, "[all_data] at params=7e+09, tokens=1.4e+12")
    (tmp_path / "comma.csv").write_text("params;tokens;note\n7B;1,4T;a, b\n")
    assert call("predict", "fit.json", "--points", "comma.csv")[1] == out
    assert api.read_points(tmp_path / "comma.csv")[0]["note"] == "a, b"
    (tmp_path / "empty.csv").write_text("")
    code, _, err = call("predict", "fit.json", "--points", "empty.csv")
    assert (code, "empty" in err) == (2, True)
    code, _, err = call("predict", "gone.csv", "--target", "loss", "--at", "params=1,tokens=1")
    assert (code, "gone.csv" in err) == (2, True)
    code, _, err = call(
        "predict", "fit.json", "--at", "params=1e9,tokens=1e10", "--level", "0.55"
    )  # fmt: skip
    assert (code, "fit again with --level 0.55" in err) == (2, True)


def test_a_price_column_says_what_more_of_it_buys(tmp_path: Path) -> None:
    with open(tmp_path / "runs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["params", "tokens", "usd", "recipe", "loss"])
        for recipe, floor, a in (("plain", 2.0, 1.0), ("fancy", 1.8, 3.0)):
            for n in np.geomspace(1e8, 1e10, 6):
                usd = (n / 1e8) ** 1.5
                row = [n, 20 * n * (1 + n / 1e10), usd, recipe, floor + a * usd**-0.5]
                writer.writerow(row)
    done = sldagent(
        "fit", "runs.csv", "--feature", "params=size", "--target", "loss", "--group", "recipe",
        "--law", "product", "--draws", "30", "--price", "usd", cwd=tmp_path, env=None,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "worth it above" in done.stdout
    assert "fancy is worth more than plain above usd = " in done.stdout


def test_the_command_prints_a_report_or_json(table: Path, tmp_path: Path) -> None:
    common = (
        "fit", str(table), "--feature", "params=size", "--feature", "tokens=data", "--target",
        "loss", "--law", "chinchilla", "--draws", "50", "--flops", "1e22", "--predict",
        "params=7e10,tokens=1.4e12",
    )  # fmt: skip
    text = sldagent(*common, cwd=tmp_path, env=None)
    assert text.returncode == 0, text.stderr
    assert "FLOPs: size" in text.stdout
    assert "at params=7e+10, tokens=1.4e+12" in text.stdout
    values = json.loads(sldagent(*common, "--json", cwd=tmp_path, env=None).stdout)
    assert values["intervals"]["all_data"]["loss"].keys() == {"E", "A", "B", "alpha", "beta"}
    assert values["allocation"][0]["flops"] == 1e22
    latex = sldagent(*common, "--latex", cwd=tmp_path, env=None).stdout
    assert "N^{" in latex
    guess = ("fit", str(table), "--target", "loss", "--draws", "20", "--law", "power")
    guessed = sldagent(
        *guess, "--role", "params=count", "--ignore", "tokens", "--limit", "3", cwd=tmp_path,
        env=None,
    )  # fmt: skip
    assert "features params (count)" in guessed.stdout, guessed.stderr
    assert "left out  tokens (asked for)" in guessed.stderr
    assert "limit     3 a group: asked for" in guessed.stderr
    wrong = sldagent(*common, "--role", "params=size", cwd=tmp_path, env=None)
    assert "without --feature" in wrong.stderr
    wrong = sldagent("fit", cwd=tmp_path, env=None)
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1


def test_points_have_no_names_that_the_law_does_not_know(table: Path, tmp_path: Path) -> None:
    words = ("fit", str(table), "--target", "loss", "--law", "chinchilla", "--draws", "20")
    done = sldagent(*words, "--predict", "params=1e9,tokens=1e9,zz=4", cwd=tmp_path, env=None)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "sldagent: --predict: no feature or group column 'zz': params, tokens, group"
    )


def test_nonsense_is_refused_in_one_line(table: Path, tmp_path: Path) -> None:
    file = tmp_path / "fit.json"
    made = api.fit(table, targets=["loss"], law="chinchilla", draws=20)
    file.write_text(made.to_json())
    for arguments, words in (
        (("allocate", "--flops", "-1e22"), "flops must be above zero"),
        (("allocate", "--flops", "nan"), "flops must be above zero"),
        (("allocate", "--flops", "1e22", "--fixed", "params=7e9"), "a budget decides size and"),
        (("allocate", "--fixed", "params=7e9,tokens=-2"), "must be above zero"),
        (("allocate", "--fixed", "params=nan,tokens=2e12"), "must be a finite number"),
        (("predict", "--at", "params=nan,tokens=1e9"), "params cannot be nan"),
        (("predict", "--at", "params=0,tokens=1e9"), "params cannot be 0"),
        (("predict", "--at", "params=7e9,params=1e3"), "gives a value twice"),
        (("predict", "--at", "params=7e9,tokens=1e9", "--level", "nan"), "level must be"),
    ):
        name, *rest = arguments
        done = CliRunner().invoke(cli, [name, str(file), *rest])
        error = done.exception
        assert isinstance(error, UsageError | DataError | click.ClickException), arguments
        message = error.message if isinstance(error, click.ClickException) else str(error)
        assert words in message
        assert len(message.splitlines()) == 1


def test_what_the_rows_do_not_determine_has_no_interval(tmp_path: Path) -> None:
    """Two sizes cannot tell an exponent from an amplitude: whatever fits them fits as well."""
    path = tmp_path / "two.csv"
    lines = ["params,tokens,loss"]
    for n in (1e8, 1e9):
        for d in np.geomspace(1e9, 1e11, 7):
            lines.append(f"{n},{d},{1.69 + 406 * n**-0.34 + 410 * d**-0.285}")
    path.write_text("\n".join(lines))
    found = api.fit(path, features=ROLES, targets=["loss"], law="chinchilla", draws=50)
    assert "alpha = " in found.report()
    assert found.report().count("(not determined by the rows)") == 2
    assert found.as_dict()["intervals"]["all_data"]["loss"]["alpha"] == [None, None]
    words = "intervals are far too narrow: the rows do not determine A and alpha"
    assert words in found.predict({"params": 3e8, "tokens": 1e10})[0]["warnings"]
    assert words in api.allocate(found, 1e19)[0]["warning"]


def test_checkpoints_of_a_run_are_redrawn_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["run,params,tokens,loss"]
    for run, n in enumerate(np.geomspace(1e7, 1e10, 10)):
        luck = 0.03 * rng.normal()
        for d in np.geomspace(1e9, 1e11, 20):
            lines.append(f"r{run},{n},{d},{1.7 + 400 * n**-0.34 + 400 * d**-0.28 + luck}")
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines))
    settings = {"targets": ["loss"], "law": "chinchilla", "draws": 100}
    runs = api.fit(path, keep=["steps"], **settings)  # type: ignore[arg-type]
    assert "bootstrap over runs" in runs.report()
    rows = fit_table(runs.task, runs.table, "chinchilla", 100)
    widths = [np.ptp(found.drawn.params()["alpha"]) for found in (runs, rows)]
    assert widths[0] > 2 * widths[1]


def test_a_law_that_falls_is_refused_for_what_rises(tmp_path: Path) -> None:
    path = tmp_path / "acc.csv"
    lines = ["params,tokens,accuracy"]
    for n in np.geomspace(1e7, 1e10, 6):
        for d in np.geomspace(1e9, 1e11, 6):
            lines.append(f"{n},{d},{0.9 - 20 * n**-0.3 - 30 * d**-0.25}")
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"accuracy is negative, or gets larger .*'signed chinch"):
        api.fit(path, features=ROLES, targets=["accuracy"], law="chinchilla")
    found = api.fit(path, features=ROLES, targets=["accuracy"], law="signed chinchilla", draws=20)
    assert found.fit.r2 > 0.999


def test_a_fit_predicts_and_is_a_formula_itself(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], law="chinchilla", draws=20)
    point = {"params": 1e9, "tokens": 1e10}
    assert found.predict(point) == api.predict(found.law, point)
    assert found.predict(pandas.DataFrame([point])) == found.predict([point])
    formula = found.sympy()
    value = formula.subs({s: {"N": 1e9, "D": 1e10}[s.name] for s in formula.free_symbols})
    assert float(value) == pytest.approx(found.predict(point)[0]["values"]["loss"]["value"])
    assert "N^{" in found.latex()


@pytest.mark.parametrize(
    ("prices", "words"), [([0.0, 1.0], "0 in some row"), ([5.0, 5.0], "one value in every row")]
)
def test_what_is_no_price_is_told(prices: list[float], words: str, tmp_path: Path) -> None:
    path = tmp_path / "paid.csv"
    lines = ["params,loss,usd"]
    lines += [
        f"{n},{2 + 50 * n**-0.3},{prices[i % 2]}" for i, n in enumerate(np.geomspace(1e6, 1e9, 12))
    ]
    path.write_text("\n".join(lines))
    found = api.fit(path, targets=["loss"], ignore=["usd"], law="product", draws=20)
    with pytest.raises(DataError, match=f"usd has {words}"):
        api.price_worth(found, path, "usd")


def test_a_price_of_accuracies_is_for_more_of_it(tmp_path: Path) -> None:
    path = tmp_path / "paid.csv"
    lines = ["params,accuracy,usd"]
    lines += [f"{n},{0.9 - 20 * n**-0.3},{n / 1e6}" for n in np.geomspace(1e6, 1e9, 20)]
    path.write_text("\n".join(lines))
    found = api.fit(path, targets=["accuracy"], ignore=["usd"], law="signed product", draws=20)
    (single,), crossings, rises = api.price_worth(found, path, "usd")
    assert rises
    assert crossings == []
    assert single.exponent.value == pytest.approx(0.3, rel=1e-3)
    assert single.gain.value == pytest.approx(20 * (1e9**-0.3 - 1e10**-0.3), rel=1e-3)


def test_what_extrapolations_missed_widens_no_interval_among_the_data(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], law="chinchilla", draws=50)
    wide = replace(found.law, ensemble=replace(found.law.ensemble, stretch=20.0))
    plain = replace(found.law, ensemble=replace(found.law.ensemble, stretch=1.0))

    def width(law: FittedLaw, size: float) -> float:
        values = api.predict(law, {"params": size, "tokens": 1e11})[0]["values"]["loss"]
        return float(values["high"] - values["low"])

    assert width(wide, 1e9) == width(plain, 1e9)
    assert width(wide, 1e12) == pytest.approx(20 * width(plain, 1e12))
    assert width(plain, 1.2e10) < width(wide, 1.2e10) < 20 * width(plain, 1.2e10)


def test_rows_that_lie_far_off_are_forgiven_by_a_robust_objective(tmp_path: Path) -> None:
    lines = write(tmp_path / "runs.csv").read_text().splitlines()
    for row in (5, 20, 33):
        cells = lines[row].split(",")
        lines[row] = ",".join([*cells[:2], str(1.25 * float(cells[2]))])
    (tmp_path / "runs.csv").write_text("\n".join(lines))
    settings = {"features": ROLES, "targets": ["loss"], "law": "chinchilla", "draws": 20}
    off = {
        name: abs(
            api.fit(tmp_path / "runs.csv", objective=name, **settings).fit.params()["alpha"]  # type: ignore[arg-type]
            - ALPHA
        )
        for name in ("squared", "huber_log", "soft_l1")
    }
    assert off["huber_log"] < 0.02
    assert off["huber_log"] < off["squared"] / 3
    with pytest.raises(DataError, match="no objective 'l2'; there are squared"):
        api.fit(tmp_path / "runs.csv", objective="l2", **settings)  # type: ignore[arg-type]


def test_a_law_that_the_features_do_not_allow_is_told_with_what_was_left_out(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ratio.csv"
    lines = ["params,tokens,loss"]
    lines += [f"{n},{20 * n},{2 + 50 * n**-0.3}" for n in np.geomspace(1e6, 1e9, 9)]
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match="left out are tokens: proportional to params"):
        api.fit(path, targets=["loss"], law="chinchilla")


def _checkpoints(runs: int, steps: int = 8, groups: int = 1) -> pandas.DataFrame:
    """Named runs of one size each, with a row for every thousand steps, and what these cost."""
    rng = np.random.default_rng(0)
    rows = []
    for g in range(groups):
        for r, n in enumerate(np.geomspace(1e7, 1e9, runs) * (1 + g)):
            own = 0.02 * rng.normal()
            for step in range(1, steps + 1):
                loss = 1.7 + 400 / n**0.34 + 40 / (1000 * step) ** 0.5 + own
                loss += 0.002 * rng.normal()
                rows.append((f"g{g}", f"g{g}r{r}", n, 1000 * step, step * n / 1e8, loss))
    return pandas.DataFrame(rows, columns=["recipe", "run", "params", "step", "usd", "loss"])


def test_a_price_is_that_of_the_rows_that_are_fitted() -> None:
    """Earlier checkpoints and crashed runs were cheap, and do not have the final loss."""
    whole = _checkpoints(12)
    whole["state"] = "finished"
    crashed = whole.iloc[[-1]].assign(run="x", state="crashed", usd=0.1, step=9000)
    table = pandas.concat([whole, crashed])
    ends = whole[whole.step == 8000]
    worths = []
    for rows in (table, ends):
        found = api.fit(rows, targets="loss", ignore=["usd"], law="product(N)", draws=20)
        ((single,), _, rises) = api.price_worth(found, rows, "usd")
        assert not rises
        worths.append(single)
    assert worths[0] == worths[1]


def test_groups_at_other_prices_do_not_turn_the_target_round() -> None:
    tokens = np.geomspace(1e7, 1e10, 16)
    rows = pandas.concat(
        pandas.DataFrame(
            {
                "recipe": name, "tokens": tokens, "usd": factor * tokens,
                "value": floor + 200 * tokens**-0.3,
            }
        )
        for name, factor, floor in (("cheap", 1e-6, 1.7), ("dear", 1e-3, 3.0))
    )  # fmt: skip
    found = api.fit(
        rows, targets="value", group="recipe", ignore=["usd"], law="product(D)", draws=20
    )
    singles, _, rises = api.price_worth(found, rows, "usd")
    assert not rises
    assert [single.exponent.value for single in singles] == pytest.approx([0.3, 0.3], rel=1e-3)


def test_few_runs_are_told_and_have_intervals() -> None:
    rows = _checkpoints(1, steps=30, groups=3)
    found = api.fit(rows, features=["step=data"], targets="loss", group="recipe", law="product(D)",
                    draws=50)  # fmt: skip
    assert found.few_runs == ("g0", "g1", "g2")
    assert any("fewer than 5 runs" in words for words in found.warnings())
    low, high = found.drawn.params("g0")["E"]
    assert high > low


def test_runs_are_known_where_features_are_named_and_redrawn_whole() -> None:
    rows = _checkpoints(7, steps=10)
    named, guessed = (
        api.fit(rows, targets="loss", law="chinchilla", draws=50, **more)  # type: ignore[arg-type]
        for more in (
            {"features": ["params=size", "step=data"]},
            {"roles": {"params": "size", "step": "data"}},
        )
    )
    assert named.runs == guessed.runs
    assert named.runs is not None
    assert len(set(named.runs)) == 7
    assert "bootstrap over runs" in named.report()


def test_a_constant_without_effect_is_open_and_predictions_are_not(table: Path) -> None:
    rows = pandas.read_csv(table)
    rng = np.random.default_rng(0)
    rows["loss"] = 2 + 400 / rows.tokens**0.3 + 1e-3 * np.log(rows.params)
    rows["loss"] += 0.002 * rng.normal(size=len(rows))
    found = api.fit(rows, features=ROLES, targets=["loss"], law="chinchilla", draws=20)
    assert found.fit.loose() == ("alpha",)
    assert "alpha" in next(line for line in found.report().split("\n") if "not determined" in line)
    assert not any("do not determine" in words for words in found.warnings())
    (row,) = api.predict(found, {"params": 1e9, "tokens": 1e11})
    assert row["warnings"] == []


def test_a_point_off_the_ratio_of_the_data_is_told() -> None:
    sizes = np.geomspace(1e7, 1e9, 12)
    loss = 1.7 + 400 / sizes**0.34 + 410 / (20 * sizes) ** 0.28
    rows = pandas.DataFrame({"params": sizes, "tokens": 20 * sizes, "loss": loss})
    found = api.fit(rows, features=ROLES, targets="loss", law="chinchilla", draws=20)
    on, off = api.predict(found, [{"params": 1e8, "tokens": t} for t in (2e9, 4e8)])
    words = "tokens/params = 4 there, and 20 in the data"
    assert words in off["warnings"]
    assert words not in on["warnings"]
    alone = api.fit(rows, features=ROLES, targets="loss", law="product(N)", draws=20)
    assert alone.law.ratio is None
    law = FittedLaw.from_dict(found.law.as_dict())
    assert words in api.predict(law, {"params": 1e8, "tokens": 4e8})[0]["warnings"]


def test_points_and_targets_that_are_none_are_told(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], law="chinchilla", draws=5)
    point = pandas.Series({"params": 1e9, "tokens": 1e10})
    (row,) = found.predict(point)
    assert found.predict(p for p in [dict(point)]) == [row]
    value = found.sympy().subs({"N": 1e9, "D": 1e10})
    assert float(value) == pytest.approx(row["values"]["loss"]["value"])
    with pytest.raises(UsageError, match="a point is a mapping"):
        found.predict([[1e9, 1e10]])  # type: ignore[list-item]
    with pytest.raises(DataError, match="no target 3"):
        found.latex(target=3)
