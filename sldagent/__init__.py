"""sldagent discovers scaling laws from small training runs.

`import sldagent` is cheap; the names of `sldagent.api` load on first use.
"""

from importlib import metadata
from typing import Any

__version__ = metadata.version("sldagent")

_API = (
    "evaluate", "evolve", "fit", "list_runs", "load_program", "load_task", "open_run", "resume",
)  # fmt: skip
__all__ = [*_API, "__version__"]  # noqa: PLE0604 -- every name is a string


def __getattr__(name: str) -> Any:
    if name in _API:
        from sldagent import api

        return getattr(api, name)
    raise AttributeError(f"module 'sldagent' has no attribute {name!r}")
