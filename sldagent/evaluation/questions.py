"""What a task's children are asked: requests to fit, and calls of the law, as numbers.

Made once for a task's rows and cuts; only the fitted parameters change from program to program.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sldagent.cuts import Cut
from sldagent.evaluation.probes import probe_points
from sldagent.table import Table
from sldagent.task import Task
from sldagent.trends import Trend, ladder, steady_trends

Floats = NDArray[np.float64]

TOGETHER, ALONE, TURNED = "together", "alone", "turned"  # ways of asking; see the harness
_PROBES = 64  # points beyond the data in all, shared by the groups
_LADDERS = 16  # likewise, of each steady trend: rows from which points go on along it


@dataclass(frozen=True, slots=True)
class Call:
    """One batch of rows for the law: a group's rows (or probe points) with a cut's parameters."""

    cut: int
    group: str
    x: Floats
    rows: NDArray[np.intp] | None  # in the table; None for probe points
    trend: Trend | None = None  # along which the probe points go on


class Questions:
    """Every message that the children of one task get."""

    def __init__(self, task: Task, table: Table, cuts: Sequence[Cut]) -> None:
        self._task = task
        self._table = table
        self._cuts = tuple(cuts)
        self._secret = secrets.randbits(64)  # or a law could compute where the decoys are

    @cached_property
    def fits(self) -> list[tuple[tuple[str, ...], dict[str, Any], bytes]]:
        """For every cut: its groups, the job's header, and its fit rows ordered by group."""
        requests = []
        for cut in self._cuts:
            fit = self._table.rows(cut.fit)
            order = np.argsort(fit.group_codes, kind="stable")
            header = {"rows": np.bincount(fit.group_codes).tolist()}
            body = fit.x[order].tobytes() + fit.y[order].tobytes()
            requests.append((fit.group_names, header, body))
        return requests

    @cached_property
    def chains(self) -> list[list[int]]:
        """The cuts, those in one list whose fit rows contain each other, fewest first.

        One child may predict such a list: the parameters that it has got by then tell of no row
        that is still to be predicted. Another cut's could, being fitted on rows that this one
        holds out.
        """
        fits = [set(cut.fit.tolist()) for cut in self._cuts]
        chains: list[list[int]] = []
        for c in sorted(range(len(fits)), key=lambda c: len(fits[c])):
            found = next((own for own in chains if fits[own[-1]] <= fits[c]), None)
            if found is None:
                chains.append([c])
            else:
                found.append(c)
        return chains

    @cached_property
    def calls(self) -> list[Call]:
        """What the law is asked, chain after chain.

        It is every cut's held-out rows; all rows and the probes once: points all over a box beyond
        the data, and those that go on along each steady trend.
        """
        table, calls = self._table, []
        widest = max(range(len(self._cuts)), key=lambda c: len(self._cuts[c].fit))
        each = max(2, _PROBES // len(table.group_names))
        ladders = max(1, _LADDERS // len(table.group_names))
        roles, falls = zip(*((c.role, c.falls) for c in self._task.features), strict=True)
        trends = steady_trends(roles, falls, table)
        for c in chain.from_iterable(self.chains):
            cut = self._cuts[c]
            rows = np.arange(len(table)) if c == widest else cut.held_out
            codes = table.group_codes[rows]
            for g, name in enumerate(table.group_names):
                mine = rows[codes == g]
                if len(mine):
                    calls.append(Call(c, name, table.x[mine], mine))
                if c == widest:
                    own = table.x[table.group_codes == g]
                    points = probe_points(self._task.features, own, each)
                    calls.append(Call(c, name, points, None))
                    for trend in trends:
                        calls.append(Call(c, name, ladder(trend, own, ladders), None, trend))
        return calls

    def predicting(self, cuts: Sequence[int]) -> list[tuple[str, list[int]]]:
        """The messages that have a chain predicted: way of asking and calls, group after group."""
        mine = [i for i, call in enumerate(self.calls) if call.cut in cuts]
        return [(TOGETHER, list(part)) for _, part in groupby(mine, key=self._part)]

    def checking(self) -> list[tuple[str, list[int]]]:
        """The messages that have everything predicted again, row by row, in the reverse order."""
        order = reversed(range(len(self.calls)))
        parts = [list(part) for _, part in groupby(order, key=self._part)]
        return [(how, part) for how in (ALONE, TURNED) for part in parts]

    def message(
        self, fitted: Sequence[dict[str, Floats]], chosen: Sequence[int], how: str
    ) -> tuple[dict[str, Any], bytes]:
        """The message that asks for these calls."""
        calls, body = [], bytearray()
        for i in chosen:
            call = self.calls[i]
            params = fitted[call.cut][call.group]
            x, _ = self.rows(i, how)
            calls.append({"rows": len(x), "shape": params.shape, "group": call.group})
            body += x.tobytes() + params.tobytes()
        return {"calls": calls, "how": how}, bytes(body)

    def rows(self, i: int, how: str) -> tuple[Floats, NDArray[np.intp]]:
        """The rows that a call sends, and which of them are its own."""
        if how == ALONE:
            return self._disguised[i]
        return self.calls[i].x, np.arange(len(self.calls[i].x))

    def _part(self, i: int) -> tuple[int, str]:
        return self.calls[i].cut, self.calls[i].group

    @cached_property
    def _disguised(self) -> list[tuple[Floats, NDArray[np.intp]]]:
        """For each call its rows with decoys among them, and where the real ones are.

        A law could dig the other rows out of its process's memory. Among decoys it finds there
        something else than in the process that predicted.
        """
        disguised = []
        for i, call in enumerate(self.calls):
            rng = np.random.default_rng([i, self._secret])
            count = len(call.x) + max(1, len(call.x) // 8)
            real = np.sort(rng.permutation(count)[: len(call.x)])
            x = np.column_stack([_decoys(column, count, rng) for column in call.x.T])
            x[real] = call.x
            disguised.append((x, real))
        return disguised


def _decoys(column: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Values that could be the column's: some of its own, some between two, whole where it is."""
    one, other = rng.choice(column, (2, count))
    between = (one + other) / 2
    if (column == np.rint(column)).all():
        between = np.rint(between)
    return np.asarray(np.where(rng.random(count) < 0.5, one, between))
