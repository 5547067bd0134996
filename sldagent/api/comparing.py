"""Ways of searching compared."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sldagent.api.judging import build_evaluator
from sldagent.api.searching import evolve, plan, resume
from sldagent.api.tasks import load_task, summarize_tasks

if TYPE_CHECKING:
    from sldagent.bench.report import Bench
    from sldagent.candidate import Evaluation
    from sldagent.program import Program
    from sldagent.run import Run
    from sldagent.task import Task


def bench(
    folder: str | Path,
    tasks: Sequence[str] = (),
    watch: "Callable[[int, int, str], None]" = lambda *_: None,
    **settings: Any,
) -> "Bench":
    """Compares ways of searching over tasks and seeds; see `sldagent.bench.plan.BenchConfig`.

    Without `tasks` those of SLDBench whose training rows are at hand. What the folder has results
    for is not searched again.
    """
    from sldagent.bench.plan import BenchConfig
    from sldagent.bench.runner import Tools, run_bench

    at_hand = [row["name"] for row in summarize_tasks(settings.get("data")) if row["table"]]
    chosen = tuple(tasks) or tuple(name for name in at_hand if load_task(name).hub)
    config = BenchConfig(Path(folder), chosen, **settings)
    limits = dataclasses.replace(config.evaluation, reject_literals=False)

    def judge(
        run: "Run", task: "Task", program: "Program", data: str | None, own: bool
    ) -> "Evaluation":
        with build_evaluator(task, "test", data, limits, own) as evaluator:
            run.store.count_test_read()
            return evaluator.evaluate(program)

    return run_bench(config, Tools(evolve, resume, lambda c: plan(c).config, judge), watch)


def bench_markdown(result: "Bench") -> str:
    """A comparison as Markdown tables."""
    from sldagent.bench.report import markdown

    return markdown(result)
