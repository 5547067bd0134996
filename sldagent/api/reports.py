"""What a run looks like: reports, pages, plots."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.api.rerunning import at_hand, formula_text, trace_candidate
from sldagent.api.searching import is_own_text
from sldagent.errors import SldagentError, UsageError
from sldagent.plain import replace_file

if TYPE_CHECKING:
    from sldagent.run import Run

_LEVEL = 0.8  # of the intervals that the end of a search prints
_OF_BANDS = 0.7  # of a report's time for refits, for the bands of its curves


def report(
    run: "Run", data: str | None = None, unprotected: bool = False, seconds: float = 30.0
) -> dict[str, Any]:
    """All that pages and plots of a run show, as plain data; works while the run goes on.

    The winner is run again in the sandbox for its predictions; its bootstrap refits may take so
    many `seconds`. Where that cannot be, as the rows are not at hand or there is no protection,
    `picture` has the `reason`. `law` has the formula, with each group's constants in `lines`, and
    what a new run may measure at the `largest` runs.
    """
    from sldagent.errors import TaskError
    from sldagent.export.picture import Effort, draw_picture
    from sldagent.export.refit import bootstrap
    from sldagent.export.winner import fit_winner, predict_largest
    from sldagent.formula import Formula
    from sldagent.reporting.summary import summarise

    try:
        task = run.task()
    except TaskError:
        task = None
    summary = summarise(run, task)
    try:
        with at_hand(run, summary["best"], data, unprotected) as (found, refitter):
            winner = fit_winner(found, refitter)
            traced = trace_candidate(found, winner.params, unprotected)
            effort = Effort(seconds=seconds * _OF_BANDS)
            draws = bootstrap(
                refitter, found.program, found.table, effort.draws, seconds - effort.seconds
            )
            summary["law"] = {
                "formula": dataclasses.asdict(formula_text(traced, winner.params)),
                "lines": (
                    {name: traced.text(params) for name, params in winner.params.items()}
                    if isinstance(traced, Formula)
                    else {}
                ),
                "unused": list(traced.unused) if isinstance(traced, Formula) else [],
                "params": {name: params.tolist() for name, params in winner.params.items()},
                "level": _LEVEL,
                "refits": draws.words,
                "draws": len(draws.params),
                "largest": predict_largest(winner, refitter, draws, _LEVEL),
            }
            summary["picture"] = draw_picture(winner, refitter, effort)
    except SldagentError as error:
        summary["picture"] = {"reason": str(error)}
    return summary


def report_at_end(run: "Run", seconds: float) -> dict[str, Any]:
    """The `report` of a run that has just ended, with the protection that the run was allowed."""
    config = run.config()
    return report(run, unprotected=is_own_text(config) or config.unprotected, seconds=seconds)


def write_page(
    run: "Run", file: str | Path, data: str | None = None, unprotected: bool = False,
    known: "Mapping[str, Any] | None" = None,
) -> Path:  # fmt: skip
    """Writes the run as one HTML page that needs nothing else; replaces a file, fills a pipe.

    `known` is the run's `report`, where it was made already.
    """
    from sldagent.reporting.page import render_page

    path = Path(file)
    text = render_page(dict(known or report(run, data, unprotected)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return path


def write_plots(
    run: "Run",
    folder: str | Path,
    formats: "Sequence[str]" = ("pdf",),
    data: str | None = None,
    unprotected: bool = False,
) -> list[Path]:
    """Writes the run's figures into a folder, files of those names replaced; returns the files."""
    from sldagent.reporting.plots import write_plots as write

    return write(report(run, data, unprotected), Path(folder), tuple(formats))
