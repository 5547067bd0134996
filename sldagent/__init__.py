"""sldagent discovers scaling laws from small training runs.

`import sldagent` is cheap; the names of `sldagent.api` load on first use.
"""

from typing import Any

_API = (
    "allocate", "bench", "evaluate", "evolve", "export_bundle", "export_harbor", "export_law",
    "export_sldbench", "fit", "list_runs", "load_fit", "load_law", "load_program", "load_task",
    "new_task", "open_run", "predict", "resume", "task_from_table",
)  # fmt: skip
__all__ = ["EvolveConfig", *_API, "__version__"]  # noqa: PLE0604 -- strings, found by __getattr__


def __getattr__(name: str) -> Any:
    if name in _API:
        from sldagent import api

        return getattr(api, name)
    if name == "EvolveConfig":
        from sldagent.config import EvolveConfig

        return EvolveConfig
    if name == "__version__":
        from importlib import metadata

        return metadata.version("sldagent")
    raise AttributeError(f"module 'sldagent' has no attribute {name!r}")
