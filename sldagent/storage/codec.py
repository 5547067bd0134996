"""Evaluations and other values as JSON, without numbers that JSON cannot carry."""

import json
from math import nan
from typing import Any

from sldagent.candidate import CutResult, Evaluation, Metrics, Status
from sldagent.plain import finite


def dumps(value: Any) -> str:
    """JSON; a number that is not finite becomes null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(finite(value))


def evaluation(row: dict[str, Any]) -> Evaluation:
    """The evaluation that `Evaluation.as_dict` wrote."""
    cuts = tuple(
        CutResult(
            **{
                **cut,
                "metrics": Metrics(**cut["metrics"]),
                "groups": {name: _metrics(value) for name, value in cut["groups"].items()},
            }
        )
        for cut in row["cuts"]
    )
    return Evaluation(
        **{
            **row,
            "status": Status(row["status"]),
            "metrics": _metrics(row["metrics"]),
            "groups": {name: _metrics(value) for name, value in row["groups"].items()},
            "cuts": cuts,
            "warnings": tuple(row["warnings"]),
            "beyond": tuple(nan if value is None else value for value in row.get("beyond", ())),
        }
    )


def _metrics(value: dict[str, float] | None) -> Metrics | None:
    return None if value is None else Metrics(**value)
