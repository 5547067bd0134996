"""Anybody's programs in the sandbox: judged, and their formulas found."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.api.tasks import load_task
from sldagent.config import EvaluationConfig
from sldagent.errors import SldagentError, UsageError
from sldagent.sandboxes import open_sandbox, open_tracer, require_protection

if TYPE_CHECKING:
    from sldagent.candidate import Evaluation
    from sldagent.cuts import Cut
    from sldagent.data.newtask import Draft
    from sldagent.evaluation.evaluator import SandboxEvaluator
    from sldagent.program import Program
    from sldagent.table import Table
    from sldagent.task import Task
    from sldagent.tracer import Tracing


def load_program(path: str | Path) -> "Program":
    """The program in a file; raises ProgramError where it cannot be read."""
    from sldagent.program import Program

    return Program.read(Path(path))


def build_evaluator(
    task: "Task",
    split: str = "held-out",
    data: str | None = None,
    config: EvaluationConfig | None = None,
    unprotected: bool = False,
) -> "SandboxEvaluator":
    """A judge for programs on a task's rows, with a sandbox of its own; close it after use.

    `split` is `held-out` (cuts of the training rows) or `test` (fitted on all training rows, judged
    on the test rows, which are read now).
    """
    from sldagent.cuts import make_cuts
    from sldagent.data.sources import load_or_measured, load_train

    if split == "test":
        from sldagent.data.test_rows import join_test, load_test

        # Of a source that nobody named no test row is read.
        table = load_train(task, data)
        table, cut = join_test(task, table, load_test(task, table, data))
        cuts: tuple[Cut, ...] = (cut,)
    else:
        task, table = load_or_measured(task, data)
        cuts = make_cuts(task, table)
    return make_evaluator(task, table, cuts, config or EvaluationConfig(), split, unprotected)


def make_evaluator(
    task: "Task",
    table: "Table",
    cuts: "Sequence[Cut]",
    config: EvaluationConfig,
    split: str,
    unprotected: bool,
) -> "SandboxEvaluator":
    """The same for rows and cuts that are at hand."""
    from sldagent.evaluation.evaluator import SandboxEvaluator

    sandbox = open_sandbox()
    try:
        require_protection(sandbox, unprotected)
    except SldagentError:
        sandbox.close()
        raise
    return SandboxEvaluator(task, table, cuts, sandbox, config, split)


def evaluate(
    program: "Program | str | Path",
    task: "Task | Draft | str",
    split: str = "held-out",
    data: str | None = None,
    config: EvaluationConfig | None = None,
    unprotected: bool = False,
) -> "Evaluation":
    """Judges one program, anybody's, through the whole evaluation; starts no Ray.

    A draft, as `new_task` makes of a table, has its rows with it. The program's failure is in the
    Evaluation's status; raised is only what is wrong with the task, the data or the machine.
    """
    from sldagent.data.newtask import Draft
    from sldagent.program import Program

    loaded = program if isinstance(program, Program) else load_program(program)
    if isinstance(task, Draft):
        if split == "test":
            raise UsageError("a table has no test rows; make a task of it with `tasks new --test`")
        limits = config or EvaluationConfig()
        judge = make_evaluator(task.task, task.table, task.cuts, limits, split, unprotected)
    else:
        chosen = load_task(task) if isinstance(task, str) else task
        judge = build_evaluator(chosen, split, data, config, unprotected)
    with judge:
        return judge.evaluate(loaded)


def formula(
    program: "Program | str | Path",
    task: "Task | str",
    params: Any = None,
    data: str | None = None,
    group: str | None = None,
    unprotected: bool = False,
) -> "Tracing":
    """The formula of any program's law; a NotTraceable that says why where it has none.

    `params` are fitted parameters, one group's or by group; without them the program is fitted to
    the training rows of the group (the first unless named). See `sldagent.tracer` and, for what a
    Formula offers, `sldagent.formula`.
    """
    from sldagent.data.sources import load_or_measured
    from sldagent.program import Program
    from sldagent.tracer import trace_group

    loaded = program if isinstance(program, Program) else load_program(program)
    chosen, table = load_or_measured(load_task(task) if isinstance(task, str) else task, data)
    with open_tracer() as sandbox:
        require_protection(sandbox, unprotected)
        return trace_group(loaded, chosen, table, params, sandbox, group)
