"""Writes exports: the law with its card, and what SLDBench and Harbor take.

Programs are written first and run again from their files; only then are test rows read, once, and
what the files say of themselves written.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sldagent.errors import UsageError
from sldagent.export import card_text
from sldagent.export.card import Options, TestResult, make_card
from sldagent.export.formulas import FormulaText
from sldagent.export.frozen import Header, freeze
from sldagent.export.refit import Draws, Refitter, bootstrap
from sldagent.export.rerun import Judge, rerun_law, rerun_program
from sldagent.export.winner import Found, Winner, fit_winner, make_room, write_files
from sldagent.program import Program, ProgramKind

_NO_DRAWS = Draws((), 0, 0, 0.0)
_MEASURED = "@measured"  # in the origin of tables that sldagent trained the runs of

ScoreTest = Callable[[Program, Program], TestResult]
"""Scores a written law and the program that it comes from on the test rows, in one reading."""


Trace = Callable[[Winner], FormulaText]
"""Finds the formula of a winner's law."""


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    Attributes:
        folder: Where.
        files: Names of the files there.
        card: The law card.
        test: What the test rows said, if they were read.
    """

    folder: Path
    files: tuple[str, ...]
    card: dict[str, Any]
    test: TestResult


def export_law(
    found: Found, refitter: Refitter, folder: Path, options: Options, trace: Trace,
    score_test: ScoreTest | None = None, force: bool = False,
) -> Export:  # fmt: skip
    """Writes `law.py`, `card.md` and `card.json`.

    Raises:
        UsageError: A file is there already.
        RefitError: The program fails now, or the written file does not give its predictions.
    """
    names = ("law.py", "card.md", "card.json")
    make_room(folder, names, force)
    winner = _fitted(found, refitter)
    formula = trace(winner)
    draws = bootstrap(refitter, found.program, found.table, options.draws, options.seconds)
    law = freeze(winner, refitter, _header(winner, formula), draws)
    write_files(folder, {"law.py": law.source})
    written = rerun_law(folder / "law.py", winner, refitter)
    otherwise = "this export was not asked to read them (--test)"
    test = score_test(written, found.program) if score_test else TestResult(None, otherwise)
    card = make_card(winner, refitter, draws, options, law, test)
    write_files(folder, {"card.md": card_text.markdown(card, formula), "card.json": _dumps(card)})
    return Export(folder, names, card, test)


def export_sldbench(
    found: Found, refitter: Refitter, folder: Path, trace: Trace, judge: Judge,
    score_test: ScoreTest | None, force: bool = False, measured: bool = False,
) -> Export:  # fmt: skip
    """Writes what the benchmark takes: `best_program.py`, `law.py`, `explain.md`, `metrics.json`.

    `best_program.py` is the program, which the benchmark's evaluator fits itself; `law.py` has the
    constants that it gets on all training rows, for `law(input_data, group)`.

    Raises:
        UsageError: A file is there already, or the rows are measured and that was not consented to.
        RefitError: The program fails now, or the written files do not give the run's numbers.
    """
    names = ("best_program.py", "law.py", "explain.md", "metrics.json")
    return _for_benchmark(found, refitter, folder, trace, judge, score_test, names, force, measured)


def export_harbor(
    found: Found, refitter: Refitter, folder: Path, trace: Trace, score_test: ScoreTest | None,
    force: bool = False, measured: bool = False,
) -> Export:  # fmt: skip
    """Writes what a Harbor task of SLDBench asks for: `law.py` with frozen constants, `explain.md`.

    Raises:
        UsageError: A file is there already, or the rows are measured and that was not consented to.
        RefitError: The program fails now, or the written file does not give the run's numbers.
    """
    names = ("law.py", "explain.md")
    return _for_benchmark(found, refitter, folder, trace, None, score_test, names, force, measured)


def _for_benchmark(
    found: Found, refitter: Refitter, folder: Path, trace: Trace, judge: Judge | None,
    score_test: ScoreTest | None, names: tuple[str, ...], force: bool, measured: bool,
) -> Export:  # fmt: skip
    if _MEASURED in found.table.origin and not measured:
        raise UsageError(
            f"the rows ({found.table.origin}) were measured by sldagent and are not the "
            "benchmark's; type --measured to export a law of them in the benchmark's form"
        )
    make_room(folder, names, force)
    winner = _fitted(found, refitter)
    formula = trace(winner)
    law = freeze(winner, refitter, _header(winner, formula), _NO_DRAWS)
    sources = {"law.py": law.source}
    if judge is not None:
        note = f"# {_own_rows(found)}\n" if _own_rows(found) else ""
        sources["best_program.py"] = note + found.program.source
    write_files(folder, sources)
    written, program = rerun_law(folder / "law.py", winner, refitter), found.program
    if judge is not None:
        program = rerun_program(folder / "best_program.py", winner, judge)
    otherwise = "this export was told not to read them (--no-test)"
    test = score_test(written, program) if score_test else TestResult(None, otherwise)
    options = Options(draws=0, baseline=False)
    card = make_card(winner, refitter, _NO_DRAWS, options, law, test)
    metrics = {key: card[key] for key in ("held_out", "cuts", "fit", "test", "leakage")}
    texts = {"explain.md": _explanation(winner, card, formula), "metrics.json": _dumps(metrics)}
    write_files(folder, {name: text for name, text in texts.items() if name in names})
    return Export(folder, names, card, test)


def _fitted(found: Found, refitter: Refitter) -> Winner:
    if found.program.kind is not ProgramKind.PROGRAM:
        raise UsageError(
            f"candidate #{found.candidate.number} is a law whose constants are frozen already: "
            "its source is the export"
        )
    return fit_winner(found, refitter)


def _header(winner: Winner, formula: FormulaText) -> Header:
    found = winner.found
    targets = ", ".join(found.task.target_names)
    features = ", ".join(found.task.feature_names)
    lines = [
        f"Task {found.task.name}; candidate #{found.candidate.number} of run "
        f"{found.run.folder.name}, fitted to all {len(found.table)} training rows.",
        f"Rows: {found.table.origin} (SHA-256 {found.table.sha256}).",
        "",
        "predict(rows), predict_interval(rows), law(input_data, group); see the law card for how",
        "far to trust it.",
    ]
    if formula.text:
        lines += ["", *formula.text.splitlines()]
    title = f"Scaling law: {targets} from {features}."
    return Header(title, tuple(lines), formula.text, formula.latex)


def _explanation(winner: Winner, card: dict[str, Any], formula: FormulaText) -> str:
    found = winner.found
    law = card["law"]
    lines = [f"# {found.task.title or found.task.name}", ""]
    lines += [_own_rows(found), ""] if _own_rows(found) else []
    lines += ["## The law", ""]
    if formula.latex:
        lines += ["$$", formula.latex, "$$", ""]
    elif not formula.text:
        why = f" ({formula.reason})" if formula.reason else ""
        lines += [f"The form is the code of `scaling_law_func` in `law.py`{why}.", ""]
    if formula.text:
        lines += ["```", formula.text, "```", ""]
    lines.append(
        f"{law['parameters_per_group']} fitted constants a group; the form is the same for all "
        f"{len(law['groups'])} groups. Features, in the order of the table: "
        f"{', '.join(found.task.feature_names)}."
    )
    rows = [[name, *_constants(values)] for name, values in card["parameters"].items()]
    width = max(len(row) for row in rows)
    head = ["group", *(f"params[{i}]" for i in range(width - 1))]
    lines += ["", card_text.table(head, [row + [""] * (width - len(row)) for row in rows])]
    held_out, fit = card["held_out"]["metrics"], card["fit"]["metrics"]
    lines += [
        "",
        "## How it was found",
        "",
        "An evolutionary search over fitting programs, selected by how well they predict the "
        "larger runs of the training table from its smaller ones "
        f"({len(card['cuts'])} cuts; held-out R² {card_text.number(held_out['r2'])}). "
        f"{card['selection']['words']}",
        "",
        f"The constants are the program's own fit to all {len(found.table)} training rows "
        f"(R² there {card_text.number(fit['r2'])}).",
    ]
    return "\n".join(lines) + "\n"


def _own_rows(found: Found) -> str:
    """A sentence that must not be missing from a law of rows that are not the benchmark's."""
    if _MEASURED not in found.table.origin:
        return ""
    return f"Fitted to rows measured by sldagent ({found.table.origin}), not to the benchmark's."


def _constants(values: Any) -> list[str]:
    if isinstance(values, list):
        return [text for value in values for text in _constants(value)]
    return [f"{values:.6g}"]


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
