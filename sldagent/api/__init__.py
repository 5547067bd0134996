"""What `import sldagent` and the command line offer; heavy modules load where they are used."""

from sldagent.api.comparing import bench, bench_markdown
from sldagent.api.exports import export_bundle, export_harbor, export_law, export_sldbench, load_law
from sldagent.api.fits import (
    allocate,
    fit,
    load_fit,
    plot_fit,
    point_names,
    predict,
    price_worth,
    read_number,
)
from sldagent.api.judging import (
    build_evaluator,
    evaluate,
    formula,
    load_program,
)
from sldagent.api.measuring import measure, measuring_cost, open_measured
from sldagent.api.reports import report, report_at_end, write_page, write_plots
from sldagent.api.rerunning import best_formula, candidate_formula
from sldagent.api.searching import (
    describe_models,
    estimate,
    evolve,
    list_runs,
    make_watch,
    open_run,
    plan,
    resume,
)
from sldagent.api.tasks import (
    check_task,
    describe_task,
    diagnose,
    fetch_tasks,
    load_task,
    name_or_draft,
    new_task,
    parse_roles,
    summarize_tasks,
    task_details,
    task_from_table,
)
from sldagent.sandboxes import open_tracer

__all__ = [
    "allocate",
    "bench",
    "bench_markdown",
    "best_formula",
    "build_evaluator",
    "candidate_formula",
    "check_task",
    "describe_models",
    "describe_task",
    "diagnose",
    "estimate",
    "evaluate",
    "evolve",
    "export_bundle",
    "export_harbor",
    "export_law",
    "export_sldbench",
    "fetch_tasks",
    "fit",
    "formula",
    "list_runs",
    "load_fit",
    "load_law",
    "load_program",
    "load_task",
    "make_watch",
    "measure",
    "measuring_cost",
    "name_or_draft",
    "new_task",
    "open_measured",
    "open_run",
    "open_tracer",
    "parse_roles",
    "plan",
    "plot_fit",
    "point_names",
    "predict",
    "price_worth",
    "read_number",
    "report",
    "report_at_end",
    "resume",
    "summarize_tasks",
    "task_details",
    "task_from_table",
    "write_page",
    "write_plots",
]
