"""The law card as Markdown."""

from collections.abc import Sequence
from typing import Any

from sldagent.export.card import NARROW
from sldagent.export.formulas import FormulaText


def markdown(card: dict[str, Any], formula: FormulaText) -> str:
    """The card as text, with the law's formula or why it has none."""
    sections = [
        _title(card, formula),
        _data(card),
        _held_out(card),
        _test(card),
        _uncertainty(card),
        _parameters(card),
        _selection(card),
        _baselines(card),
        _validity(card),
        _search(card),
    ]
    return "\n".join(sections)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; cells are text, and a bar in one is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    text = number(value) if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def number(value: float | None, digits: int = 5) -> str:
    """A number for people; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}g}"


def _title(card: dict[str, Any], formula: FormulaText) -> str:
    law = card["law"]
    targets = ", ".join(column["name"] for column in law["targets"])
    features = ", ".join(column["name"] for column in law["features"])
    lines = [f"# Law card: {law['title'] or law['task']}", ""]
    lines.append(f"{targets} from {features}; {_count(len(law['groups']), 'group')}.")
    lines.append("")
    if formula.latex:
        lines += ["$$", formula.latex, "$$", ""]
    if formula.text:
        lines += ["```", formula.text, "```", ""]
    else:
        lines += [f"The form is code, in `law.py`: {formula.reason}.", ""]
    allowed = law["parameter_limit"]
    limit = f" of {allowed} allowed" if allowed is not None else ""
    packages = " and ".join(law["needs"])
    lines.append(
        f"{law['parameters_per_group']} fitted numbers a group{limit}, {law['literals']} literals "
        f"in the form. `law.py` needs {packages}; run from the written file, its predictions "
        f"differ from the program's by at most {law['difference']:.0e} of their value."
    )
    return "\n".join(lines) + "\n"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _data(card: dict[str, Any]) -> str:
    data = card["data"]
    lines = ["## Data", "", f"{data['rows']} rows from `{data['origin']}`", ""]
    lines.append(f"SHA-256 of the values `{data['sha256']}`. {data['provenance']}")
    return "\n".join(lines) + "\n"


def _metric_rows(groups: dict[str, Any]) -> list[list[object]]:
    return [
        [name, *([m["r2"], m["nmse"], m["nmae"]] if m else [None, None, None])]
        for name, m in groups.items()
    ]


def _held_out(card: dict[str, Any]) -> str:
    head = ["cut", "fit rows", "held out", "R²", "NMSE", "NMAE", "relative error", "bias at top"]
    rows: list[list[object]] = []
    for cut in card["cuts"]:
        m = cut["metrics"]
        sizes = [cut["name"], cut["fit_rows"], cut["held_out_rows"]]
        error = f"{cut['relative_error']:.2%}"
        rows.append([*sizes, m["r2"], m["nmse"], m["nmae"], error, cut["bias"]])
    pooled, fit = card["held_out"]["metrics"], card["fit"]["metrics"]
    lines = ["## Beyond the fitted rows", ""]
    lines.append(
        "Each cut fits the law again on the smaller runs only and predicts the larger ones. Over "
        f"all cuts R² {number(pooled['r2'])}. (On the {card['data']['rows']} rows that the "
        f"constants of `law.py` were fitted to: R² {number(fit['r2'])}, which says little.)"
    )
    lines += ["", table(head, rows)]
    if len(card["held_out"]["groups"]) > 1:
        groups = _metric_rows(card["held_out"]["groups"])
        lines += ["", table(["group, all cuts", "R²", "NMSE", "NMAE"], groups)]
    return "\n".join(lines) + "\n"


def _test(card: dict[str, Any]) -> str:
    test = card["test"]
    lines = ["## Test rows", ""]
    if test["metrics"] and test["metrics"]["metrics"]:
        m = test["metrics"]["metrics"]
        lines.append(
            f"Test R² {number(m['r2'])}, NMSE {number(m['nmse'])}, NMAE {number(m['nmae'])} "
            f"({test['rows']})."
        )
        if len(test["metrics"]["groups"]) > 1:
            rows = _metric_rows(test["metrics"]["groups"])
            lines += ["", table(["group", "R²", "NMSE", "NMAE"], rows)]
    elif test["metrics"]:
        lines.append(f"Not scored: {test['metrics']['status']}: {test['metrics']['reason']}")
    else:
        lines.append(f"Not scored: {test['reason']}.")
    lines += ["", card["leakage"]["words"]]
    others = {name: value for name, value in test["published"].items() if name != "source"}
    if others:
        rows = [[name, value] for name, value in others.items()]
        lines += ["", table(["published by others", "test R²"], rows), ""]
        lines.append(
            "Figures of others for the benchmark's own tables: they compare with this law's only "
            "where these rows are that table. "
            + " ".join(str(test["published"].get("source", "")).split())
        )
    return "\n".join(lines) + "\n"


def _uncertainty(card: dict[str, Any]) -> str:
    known = card["uncertainty"]
    lines = ["## How sure", "", f"{known['method'][0].upper()}{known['method'][1:]}."]
    lines.append(known["words"])
    level = known["level"]
    head = ["group", "where", "target", "prediction"]
    head += [f"{level:.0%} interval of a new run"] if level else []
    rows = []
    for place in known["predictions"]:
        for target, v in place["values"].items():
            row: list[object] = [place["group"], place["where"], target, v["value"]]
            if level:
                row.append(f"{number(v['low'])} to {number(v['high'])}")
            rows.append(row)
    lines += ["", table(head, rows)]
    if known["calibration"]:
        c = known["calibration"]
        lines += [
            "",
            f"Checked on cut {c['cut']}: {level:.0%} intervals made from its fit rows held "
            f"{c['covered']} of {c['of']} held-out values ({c['share']:.0%}; {c['draws']} refits). "
            + (
                "They were too narrow there: trust them less beyond the data."
                if c["share"] < c["level"] - NARROW
                else "That is what they promise."
            ),
        ]
    elif level:
        lines += ["", "Whether such intervals hold was not checked."]
    return "\n".join(lines) + "\n"


def _parameters(card: dict[str, Any]) -> str:
    lines = ["## Constants", "", "At full precision in `law.py` and `card.json`.", ""]
    ends = card["uncertainty"]["parameters"]
    rows = []
    for group, values in card["parameters"].items():
        known = ends.get(group)
        low, high = (_flat(known["low"]), _flat(known["high"])) if known else ([], [])
        for i, value in enumerate(_flat(values)):
            interval = f"{number(low[i])} to {number(high[i])}" if known else "–"
            rows.append([group, f"params[{i}]", number(value, 8), interval])
    head = ["group", "number", "value", "interval"]
    shown = rows[:60]
    lines.append(table(head, shown))
    if len(rows) > len(shown):
        lines.append(f"\n… and {len(rows) - len(shown)} more.")
    return "\n".join(lines) + "\n"


def _flat(values: Any) -> list[float]:
    if isinstance(values, list):
        return [number for value in values for number in _flat(value)]
    return [values]


def _selection(card: dict[str, Any]) -> str:
    chosen = card["selection"]
    states = ", ".join(f"{count} {name}" for name, count in sorted(chosen["statuses"].items()))
    lines = ["## How it was chosen", ""]
    lines.append(
        f"Candidate #{card['law']['candidate']} of run `{card['search']['run']}`, score "
        f"{number(chosen['score'])}, among {chosen['candidates']} candidates ({states}). "
        f"{chosen['words']}"
    )
    if chosen["next"]:
        rows = [[f"#{c['candidate']}", c["score"], c["r2"]] for c in chosen["next"]]
        lines += ["", table(["next best", "score", "held-out R²"], rows)]
    return "\n".join(lines) + "\n"


def _baselines(card: dict[str, Any]) -> str:
    rows = [[b["name"], b["r2"], b["mean_r2"], b["parameters"]] for b in card["baselines"]]
    head = ["on the same held-out rows", "R², rows pooled", "mean over cuts", "parameters a group"]
    lines = ["## Baselines", "", table(head, rows)]
    lines += ["", "The mean over cuts is of R² clipped to [-1, 1]."]
    return "\n".join(lines) + "\n"


def _validity(card: dict[str, Any]) -> str:
    ranges = card["data"]["ranges"]
    units = {column["name"]: column["unit"] for column in card["law"]["features"]}
    rows = [[name, r["low"], r["high"], r["levels"], units[name]] for name, r in ranges.items()]
    lines = ["## Range of validity", "", "Fitted to rows in this box; beyond it, it extrapolates."]
    lines += ["", table(["feature", "from", "to", "levels", "unit"], rows), "", "## Warnings", ""]
    lines += [f"- {words}" for words in card["warnings"]] or ["None."]
    return "\n".join(lines) + "\n"


def _search(card: dict[str, Any]) -> str:
    search, versions = card["search"], card["versions"]
    rows = [["started", search["started"]], ["finished", search["finished"]]]
    rows.append(["CPU seconds of all candidates", f"{search['cpu_seconds']:.1f}"])
    rows.append(["dollars for models, as far as known", f"{search['usd']:.2f}"])
    for name, value in search["config"].items():
        if value is not None and value != [] and value != {}:
            rows.append([name, value])
    for where, known in versions.items():
        rows.append([f"versions ({where})", ", ".join(f"{k} {v}" for k, v in known.items())])
    return "\n".join(["## Search", "", table(["what", "value"], rows)]) + "\n"
