"""Tables of our own: what they cost, and training what is missing."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sldagent.measure.campaign import Cost
    from sldagent.measure.journal import Journal
    from sldagent.measure.spec import Row
    from sldagent.measure.tuning import TunedRate


def open_measured(task: str, folder: "str | Path") -> "Journal":
    """The runs of a table of our own in a folder, which need not exist; see `measure`."""
    from sldagent.measure.campaign import open_journal
    from sldagent.measure.plans import make_plan

    return open_journal(make_plan(task), Path(folder))


def measuring_cost(journal: "Journal") -> "Cost":
    """What the runs that are missing cost."""
    from sldagent.measure.campaign import remaining

    return remaining(journal)


def measure(
    journal: "Journal",
    workers: int | None = None,
    together: int = 1,
    most: int | None = None,
    tuned: "Callable[[TunedRate], None]" = lambda rate: None,
    finished: "Callable[[Row, Cost], None]" = lambda row, cost: None,
) -> None:
    """Trains what is missing of a table of our own; see `sldagent.measure.campaign.run`."""
    from sldagent.measure import campaign

    campaign.run(journal, workers, together, most, campaign.Watch(tuned, finished))
