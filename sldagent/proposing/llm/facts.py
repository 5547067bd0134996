"""What a prompt shows of candidates, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sldagent.candidate import Candidate, CutResult, Evaluation, Status
from sldagent.program import Program
from sldagent.proposing.base import Member, Request

_WORST_GROUPS = 3
_FEW_GROUPS = 4  # fewer are all shown by the cut's own metrics
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Insight:
    """What is known of a law beside its metrics.

    Attributes:
        formula: The formula, or why there is none.
        residuals: Where it errs on the rows that no cut holds out, in words.
    """

    formula: str
    residuals: tuple[str, ...] = ()


class Reader(Protocol):
    """Looks into programs, without running them in this process."""

    def insight(self, candidate: Candidate, program: Program) -> Insight:
        """What is known of the candidate's law; called from many threads."""
        ...


def shown(request: Request, reader: Reader) -> dict[str, Any]:
    """What the templates show of a request: parent, other, exemplars, siblings."""
    parent, *others = request.parents
    score = parent[0].evaluation.score
    return {
        "parent": _law(parent, reader),
        "other": _law(others[0], reader) if others else None,
        "exemplars": [_law(member, reader) for member in request.exemplars],
        "siblings": [_child(sibling, score) for sibling in request.siblings],
    }


def brought_nothing(siblings: Sequence[Candidate], parent: Candidate) -> bool:
    """Whether the last three children were no better than their parent."""
    score = parent.evaluation.score
    last = siblings[-3:]
    return len(last) == 3 and not any(_better(child.evaluation, score) for child in last)


def _better(evaluation: Evaluation, score: float | None) -> bool:
    return evaluation.score is not None and score is not None and evaluation.score > score


def _law(member: Member, reader: Reader) -> dict[str, Any]:
    candidate, program = member
    evaluation = candidate.evaluation
    insight = reader.insight(candidate, program)
    return {
        "number": candidate.number,
        "score": _number(evaluation.score),
        "r2": _number(evaluation.metrics.r2 if evaluation.metrics else None),
        "params": evaluation.params,
        "literals": evaluation.literals,
        "formula": insight.formula,
        "source": program.source,
        "cuts": [_cut(cut) for cut in evaluation.cuts],
        "residuals": list(insight.residuals),
        "warnings": list(evaluation.warnings)[:5],
    }


def _cut(cut: CutResult) -> dict[str, Any]:
    worst = sorted(
        (metrics.r2, name) for name, metrics in cut.groups.items() if metrics is not None
    )
    return {
        "name": cut.name,
        "r2": _number(cut.metrics.r2),
        "error": f"{cut.relative_error:.2%}",
        "bias": f"{abs(cut.bias):.3g} too {'high' if cut.bias > 0 else 'low'}",
        "worst": [
            {"name": name, "r2": _number(r2)}
            for r2, name in (worst[:_WORST_GROUPS] if len(cut.groups) >= _FEW_GROUPS else [])
        ],
    }


def _child(child: Candidate, score: float | None) -> dict[str, Any]:
    evaluation = child.evaluation
    outcome = evaluation.status.value
    if evaluation.status is Status.OK and evaluation.score is not None and score is not None:
        outcome = f"score {evaluation.score:.4f} ({evaluation.score - score:+.4f})"
    return {
        "number": child.number,
        "change": child.change[:_MOST_WORDS],
        "outcome": outcome,
        "reason": evaluation.reason[:_MOST_WORDS],
    }


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
