"""Writes exports: the law with its card, and what SLDBench takes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sldagent.errors import UsageError
from sldagent.export import card_text
from sldagent.export.card import Options, TestResult, make_card
from sldagent.export.formulas import FormulaText
from sldagent.export.frozen import FrozenLaw, Header, freeze
from sldagent.export.refit import Draws, Refitter, bootstrap
from sldagent.export.winner import Found, Winner, fit_winner, write_new
from sldagent.program import Program, ProgramKind

_NO_DRAWS = Draws((), 0, 0, 0.0)

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
    winner = _fitted(found, refitter)
    formula = trace(winner)
    draws = bootstrap(refitter, found.program, found.table, options.draws, options.seconds)
    law = freeze(winner, refitter, _header(winner, formula), draws)
    test = _tested(score_test, law, found, "this export was not asked to read them (--test)")
    card = make_card(winner, refitter, draws, options, law, test)
    files = {
        "law.py": law.source,
        "card.md": card_text.markdown(card, formula),
        "card.json": _dumps(card),
    }
    write_new(folder, files, force)
    return Export(folder, tuple(files), card, test)


def export_sldbench(
    found: Found, refitter: Refitter, folder: Path, trace: Trace, score_test: ScoreTest | None,
    force: bool = False,
) -> Export:  # fmt: skip
    """Writes what the benchmark takes: `best_program.py`, `law.py`, `explain.md`, `metrics.json`.

    `best_program.py` is the program, which the benchmark's evaluator fits itself; `law.py` has the
    constants that it gets on all training rows, for `law(input_data, group)`.

    Raises:
        UsageError: A file is there already.
        RefitError: The program fails now, or the written file does not give its predictions.
    """
    winner = _fitted(found, refitter)
    formula = trace(winner)
    law = freeze(winner, refitter, _header(winner, formula), _NO_DRAWS)
    test = _tested(score_test, law, found, "this export was told not to read them (--no-test)")
    options = Options(draws=0, baseline=False)
    card = make_card(winner, refitter, _NO_DRAWS, options, law, test)
    metrics = {key: card[key] for key in ("held_out", "cuts", "fit", "test", "leakage")}
    files = {
        "best_program.py": found.program.source,
        "law.py": law.source,
        "explain.md": _explanation(winner, card, formula),
        "metrics.json": _dumps(metrics),
    }
    write_new(folder, files, force)
    return Export(folder, tuple(files), card, test)


def _fitted(found: Found, refitter: Refitter) -> Winner:
    if found.program.kind is not ProgramKind.PROGRAM:
        raise UsageError(
            f"candidate #{found.candidate.number} is a law whose constants are frozen already: "
            "its source is the export"
        )
    return fit_winner(found, refitter)


def _tested(
    score_test: ScoreTest | None, law: FrozenLaw, found: Found, otherwise: str
) -> TestResult:
    if score_test is None:
        return TestResult(None, otherwise)
    return score_test(Program(law.source), found.program)


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


def _constants(values: Any) -> list[str]:
    if isinstance(values, list):
        return [text for value in values for text in _constants(value)]
    return [f"{values:.6g}"]


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
