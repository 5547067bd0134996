"""What `import sldagent` and the command line offer; heavy modules load where they are used."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.config import EvaluationConfig, EvolveConfig
from sldagent.errors import SandboxError

if TYPE_CHECKING:
    from sldagent.candidate import Evaluation
    from sldagent.cuts import Cut
    from sldagent.data.overview import Check
    from sldagent.evaluation.evaluator import SandboxEvaluator
    from sldagent.evolution.loop import Generation
    from sldagent.program import Program
    from sldagent.run import Run
    from sldagent.sandbox.process import TemplateSandbox
    from sldagent.task import Task


def load_task(name_or_path: str | Path) -> "Task":
    """The task of that name, or the one in that folder or `task.toml`."""
    from sldagent.data.tasks import find_task

    return find_task(name_or_path)


def summarize_tasks(data: str | None = None) -> list[dict[str, Any]]:
    """Every task in short; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.summarize_tasks(data)


def task_details(name: str, data: str | None = None) -> dict[str, Any]:
    """All that a task file says; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.task_details(name, data)


def describe_task(name: str, data: str | None = None) -> str:
    """A task in words, for people and models; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.describe_task(name, data)


def check_task(name: str, data: str | None = None) -> "Check":
    """What a task's training table holds, its cuts, warnings; see `sldagent.data.overview`."""
    from sldagent.data import overview

    return overview.check_task(name, data)


def load_program(path: str | Path) -> "Program":
    """The program in a file; raises ProgramError where it cannot be read."""
    from sldagent.program import Program

    return Program.read(Path(path))


def open_sandbox() -> "TemplateSandbox":
    """A sandbox whose children run the evaluation harness; close it after use."""
    from sldagent import evaluation
    from sldagent.sandbox.process import TemplateSandbox

    # The harness is never imported here: it takes the interpreter over that it is loaded into.
    return TemplateSandbox(Path(str(evaluation.__file__)).with_name("harness.py"))


def require_protection(sandbox: "TemplateSandbox", unprotected: bool) -> None:
    """Refuses code of strangers where the kernel offers no protection and nobody consented.

    Raises:
        SandboxError: Neither Landlock nor seccomp can be used here.
    """
    if not unprotected and not sandbox.protection.holds_strangers:
        raise SandboxError(
            "this machine offers neither Landlock nor seccomp, so a program could do whatever you "
            "can; use Linux 5.13 or newer with libseccomp, or type --unprotected for code you trust"
        )


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
    from sldagent.data.sources import load_train

    table = load_train(task, data)
    if split == "test":
        from sldagent.data.test_rows import join_test, load_test

        table, cut = join_test(task, table, load_test(task, table, data))
        cuts: tuple[Cut, ...] = (cut,)
    else:
        cuts = make_cuts(task, table)
    return _evaluator(task, table, cuts, config or EvaluationConfig(), split, unprotected)


def _evaluator(
    task: "Task",
    table: Any,
    cuts: Any,
    config: EvaluationConfig,
    split: str,
    unprotected: bool,
) -> "SandboxEvaluator":
    from sldagent.evaluation.evaluator import SandboxEvaluator

    sandbox = open_sandbox()
    try:
        require_protection(sandbox, unprotected)
    except SandboxError:
        sandbox.close()
        raise
    return SandboxEvaluator(task, table, cuts, sandbox, config, split)


def evaluate(
    program: "Program | str | Path",
    task: "Task | str",
    split: str = "held-out",
    data: str | None = None,
    config: EvaluationConfig | None = None,
    unprotected: bool = False,
) -> "Evaluation":
    """Judges one program, anybody's, through the whole evaluation; starts no Ray.

    The program's failure is in the Evaluation's status; raised is only what is wrong with the task,
    the data or the machine.
    """
    from sldagent.program import Program

    loaded = program if isinstance(program, Program) else load_program(program)
    chosen = load_task(task) if isinstance(task, str) else task
    with build_evaluator(chosen, split, data, config, unprotected) as judge:
        return judge.evaluate(loaded)


def evolve(
    config: EvolveConfig,
    observe: "Callable[[Generation], None] | None" = None,
    started: "Callable[[Run], None] | None" = None,
) -> "Run":
    """Searches for a task's law and returns the finished run.

    `started` is called when the run's folder exists, `observe` after every generation. Its
    candidates are committed one by one: whatever ends the search, what was evaluated is kept.
    """
    from sldagent.cuts import make_cuts
    from sldagent.data.sources import load_train
    from sldagent.evaluation.pool import RayPool
    from sldagent.evolution.loop import Search, SearchConfig
    from sldagent.proposing.perturb import PerturbProposer
    from sldagent.proposing.start import start_program
    from sldagent.run import Run

    task = load_task(config.task)
    table = load_train(task, config.data)
    cuts = make_cuts(task, table)
    starts = [load_program(path) for path in config.starts] or [start_program(task)]
    for program in starts:
        _ = program.block  # a start program without its markers is an error now, not later
    run = Run.create(config, task, table, cuts)
    if started is not None:
        started(run)
    # The start programs are the user's or our own, and the proposer writes our own text: what
    # protection there is suffices.
    build = partial(_evaluator, task, table, cuts, config.evaluation, "held-out", True)
    pool = RayPool(build, config.workers, config.ray_address)
    try:
        size = SearchConfig(config.generations, config.offspring, seed=config.seed)
        search = Search(size, starts, PerturbProposer(task), pool, run.store.add)
        for generation in search.run():
            if search.best is not None:
                run.keep_best(*search.best)
            if observe is not None:
                observe(generation)
        run.store.finish()
    finally:
        pool.close()
    return run


def open_run(path: str | Path) -> "Run":
    """An existing run, by the path of its folder."""
    from sldagent.run import Run

    return Run.open(Path(path))


def diagnose(data: str | None = None) -> list[tuple[str, bool, str]]:
    """What this machine offers: for each item its name, whether it is well, and a line of words."""
    from sldagent.doctor import diagnose as look

    return look(data)
