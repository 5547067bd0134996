"""What an evaluation depends on beside the program."""

import hashlib
from collections.abc import Sequence
from importlib import metadata

from sldagent.config import HARNESS_VERSION, EvaluationConfig
from sldagent.cuts import Cut
from sldagent.table import Table
from sldagent.task import Task


def evaluation_key(task: Task, table: Table, cuts: Sequence[Cut], config: EvaluationConfig) -> str:
    """Hash of task, rows, cuts, limits, harness, numpy and scipy versions.

    Two evaluations of programs with one hash are the same if their keys are; no result is reused
    under another key.
    """
    digest = hashlib.sha256()
    versions = [metadata.version(package) for package in ("numpy", "scipy")]
    for part in (task.sha256, table.sha256, config, HARNESS_VERSION, versions):
        digest.update(repr(part).encode() + b"\0")
    for cut in cuts:
        digest.update(cut.name.encode() + b"\0" + cut.fit.tobytes() + cut.held_out.tobytes())
    return digest.hexdigest()
