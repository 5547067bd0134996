"""A law for a table in one call: recovery, choice, intervals, allocation, bad input."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from contracts.command import sldagent

import sldagent as package
from sldagent import api
from sldagent.errors import DataError, UsageError

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
    answer = api.predict_at(found, {"params": 7e10, "tokens": 1.4e12})
    truth = 1.8172 + 482.01 * 7e10**-ALPHA + 2085.43 * 1.4e12**-BETA
    row = answer["values"][0]
    assert row["low"] < truth < row["high"]
    assert answer["warnings"] == []
    assert api.predict_at(found, {"params": 1e15, "tokens": 1e17})["warnings"]


def test_allocation_agrees_with_the_closed_form(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], law="chinchilla", draws=100)
    row = api.allocate(found, 1e22)[0]
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


def test_auto_chooses_what_extrapolates(table: Path) -> None:
    found = api.fit(table, features=ROLES, targets=["loss"], draws=50)
    assert found.choice is not None
    assert found.fit.law.name == "chinchilla(N,D)"
    assert "| chinchilla(N,D) |" in found.report()


@pytest.mark.parametrize(
    ("features", "targets", "law", "error", "words"),
    [
        (["params"], ["loss"], "auto", UsageError, "NAME=ROLE"),
        (["params=sizes"], ["loss"], "auto", UsageError, "a role of: size"),
        ([], ["loss"], "auto", UsageError, "at least one"),
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
    wrong = sldagent("fit", cwd=tmp_path, env=None)
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
