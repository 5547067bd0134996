"""Jobs of the sandbox that fit a program or have it predict, and what they may take."""

import base64
from typing import Any

from sldagent.config import EvaluationConfig
from sldagent.program import Program, ProgramKind
from sldagent.sandbox.protocol import Limits
from sldagent.task import Task


def header(
    op: str, program: Program, kind: ProgramKind, task: Task, more: dict[str, Any]
) -> dict[str, Any]:
    """What the harness is told of a job, with what is special to it."""
    code = program.code
    return {
        "op": op,
        "source": program.source.removeprefix("\ufeff"),
        "code": None if code is None else base64.b64encode(code).decode(),
        "kind": kind.value,
        "features": task.feature_names,
        "targets": task.target_names,
        **more,
    }


def limits(config: EvaluationConfig, reply_bytes: int) -> Limits:
    """A step may take the seconds of a fit, a whole job ten times as long."""
    seconds = config.fit_seconds
    return Limits(
        cpu_seconds=seconds,
        total_cpu_seconds=10 * seconds,
        wall_seconds=2 * seconds + 30,
        total_wall_seconds=20 * seconds + 30,
        memory_bytes=config.memory_mib << 20,
        reply_bytes=reply_bytes,
    )
