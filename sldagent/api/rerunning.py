"""A run's candidate at hand again: its rows, a sandbox, its formula."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sldagent.errors import SldagentError
from sldagent.sandboxes import open_sandbox, open_tracer, require_protection

if TYPE_CHECKING:
    from sldagent.export.formulas import FormulaText
    from sldagent.export.refit import Params, Refitter
    from sldagent.export.winner import Found, Winner
    from sldagent.export.write import Trace
    from sldagent.formula import Formula
    from sldagent.run import Run
    from sldagent.sandbox.process import TemplateSandbox
    from sldagent.tracer import Tracing


def best_formula(
    run: "Run", data: str | None = None, unprotected: bool = False
) -> "tuple[Formula, Params]":
    """The formula of a run's best program, and its parameters by group, fitted to all rows.

    Raises:
        SldagentError: The program is not traceable, in words, or it fails when it is run again.
    """
    from sldagent.formula import Formula

    with at_hand(run, None, data, unprotected) as (found, refitter):
        params = refitter.fit(found.program, found.table)
        traced = trace_candidate(found, params, unprotected)
    if not isinstance(traced, Formula):
        raise SldagentError(str(traced))
    return traced, params


def candidate_formula(
    run: "Run",
    number: int,
    sandbox: "TemplateSandbox",
    data: str | None = None,
    unprotected: bool = False,
) -> "FormulaText":
    """The formula of a candidate whose parameters are stored, or the reason why there is none.

    `sandbox` is from `open_tracer`.

    Raises:
        SldagentError: The rows are not at hand, or nothing protects from the program here.
    """
    import numpy as np

    from sldagent.export.formulas import FormulaText
    from sldagent.export.winner import find_rows
    from sldagent.tracer import trace_group

    candidate = run.candidate(number)
    stored = next((cut.params for cut in candidate.evaluation.cuts if cut.params), None)
    if stored is None:
        return FormulaText(reason="it was never fitted")
    params = {group: np.asarray(values, float) for group, values in stored.items()}
    program = run.store.program(candidate.program_hash)
    task, table, _ = find_rows(run, data)
    require_protection(sandbox, unprotected)
    traced = trace_group(program, task, table, params, sandbox)
    return formula_text(traced, params)


@contextmanager
def at_hand(
    run: "Run", candidate: int | None, data: str | None, unprotected: bool
) -> "Iterator[tuple[Found, Refitter]]":
    """A run's candidate with its rows, and a sandbox to run it in again."""
    from sldagent.export.refit import Refitter
    from sldagent.export.winner import Found, find_candidate, find_rows

    chosen, program = find_candidate(run, candidate)
    task, table, cuts = find_rows(run, data)
    with open_sandbox() as sandbox:
        require_protection(sandbox, unprotected)
        refitter = Refitter(task, sandbox, run.config().evaluation)
        yield Found(run, task, table, cuts, chosen, program), refitter


def trace_candidate(found: "Found", params: "Mapping[str, Any]", unprotected: bool) -> "Tracing":
    """The formula of a candidate; `params` are a fit's, by group."""
    from sldagent.tracer import trace_group

    with open_tracer() as sandbox:
        require_protection(sandbox, unprotected)
        return trace_group(found.program, found.task, found.table, params, sandbox)


def tracer(found: "Found", unprotected: bool) -> "Trace":
    """Finds the formula of an export's law, or says why there is none."""

    def trace(winner: "Winner") -> "FormulaText":
        return formula_text(trace_candidate(found, winner.params, unprotected), winner.params)

    return trace


def formula_text(traced: "Tracing", params: "Params") -> "FormulaText":
    """A formula as files show it, or the reason why there is none."""
    from sldagent.export.formulas import FormulaText, write_formula
    from sldagent.formula import Formula

    if isinstance(traced, Formula):
        return write_formula(traced, params)
    return FormulaText(reason=str(traced))
