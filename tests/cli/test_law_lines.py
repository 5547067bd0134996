"""What the end of a search prints of its law."""

from typing import Any

from sldagent.cli._results import law_lines


def place(group: str, low: float | None, where: str = "largest run") -> dict[str, Any]:
    value = {"value": 2.0, "low": low, "high": None if low is None else 2.5}
    return {"group": group, "where": where, "at": {"size": 1e9}, "values": {"loss": value}}


def report(law: dict[str, Any]) -> dict[str, Any]:
    return {
        "best": 1,
        "law": {"level": 0.8, "draws": 40, "formula": {"text": "loss = p0", "reason": ""}, **law},
    }


def test_one_group_has_its_constants_and_interval() -> None:
    places = [place("all_data", 1.5), place("all_data", 1.0, "10 times larger")]
    lines = list(law_lines(report({"lines": {"all_data": "loss = 2"}, "largest": places})))
    assert lines == [
        "formula       loss = 2",
        "largest run   loss 2, 80% interval 1.5 to 2.5, at size=1e+09",
    ]


def test_a_feature_that_the_law_does_not_use_is_named() -> None:
    law = {"lines": {"all_data": "loss = 2"}, "largest": [], "unused": ["params"]}
    _, warning = law_lines(report(law))
    assert warning.startswith("warning       the law does not use params")


def test_of_many_groups_the_first_are_shown() -> None:
    names = [f"g{i}" for i in range(5)]
    law = {"lines": dict.fromkeys(names, "loss = 2"), "largest": [place(n, 1.5) for n in names]}
    lines = list(law_lines(report(law)))
    assert lines[:2] == ["formula       loss = p0", "  g0          loss = 2"]
    assert lines[4] == "largest run   g0: loss 2, 80% interval 1.5 to 2.5, at size=1e+09"
    assert lines[-1].endswith("and 2 more groups: see the report")
    assert len(lines) == 8


def test_what_is_missing_is_said() -> None:
    law = {
        "lines": {},
        "formula": {"text": None, "reason": "not traceable: a loop"},
        "largest": [place("g", None)],
    }
    assert list(law_lines(report(law))) == [
        "formula       not traceable: a loop",
        "largest run   loss 2, no interval, at size=1e+09",
    ]
    gone = {"best": 1, "picture": {"reason": "no rows"}}
    assert list(law_lines(gone)) == ["formula       no rows"]
    assert list(law_lines({"best": None, "picture": {"reason": "nothing valid"}})) == []
