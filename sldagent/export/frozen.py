"""Writes a law as one module: constants frozen, nothing of sldagent needed."""

import ast
import math
import pprint
import re
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from sldagent.evaluation.probes import probe_points
from sldagent.export.embed import defined_names, predicting_source
from sldagent.export.refit import Draws, Floats, RefitError, Refitter
from sldagent.export.winner import Winner, residual_quantiles
from sldagent.program import Program, ProgramKind
from sldagent.scales import domain_of
from sldagent.scoring import possible_values

TOLERANCE = 1e-12  # relative, between the program's predictions and the written file's
_PROBES = 32  # points beyond the data, for each group, at which the two are compared

_TAIL = '''

FEATURES = {features}
TARGETS = {targets}
GROUP_COLUMN = {group_column}
RANGES = {ranges}
DOMAINS = {domains}  # of features that cannot be every number: least, most, words
POSSIBLE = {possible}  # the least and the most of targets that cannot be every number
FORMULA = {formula}
LATEX = {latex}

# Fitted to all training rows, one set for each group.
PARAMS = {params}

# Bootstrap refits, and residuals of the training rows, for predict_interval.
DRAWS = {draws}
NOISE = {noise}


def predict(rows):
    """Predictions for rows: one dictionary of target values for each.

    A row is a mapping with a number for every name in FEATURES and the group's name under
    GROUP_COLUMN, or its parts under theirs where that is several names joined by a plus sign; with
    one group only it may be left out. A single row, or a pandas table, works too.
    """
    rows = _checked(rows)
    values = np.empty((len(rows), len(TARGETS)))
    for group, mine in _by_group(rows):
        values[mine] = _evaluate(_table(rows, mine), PARAMS[group])
    return [dict(zip(TARGETS, row)) for row in values.tolist()]


def predict_interval(rows, level=0.9):
    """Where a new run may land: for each row and target a pair (low, high).

    From bootstrap refits (the law's constants) and residuals (noise of a run), without what cannot
    be. That the form itself may be wrong is not in it: such intervals are too narrow far beyond the
    data.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1: {{level}}")
    if not any(DRAWS.values()):
        raise ValueError("this law was written without refits, so it has no intervals")
    rows = _checked(rows)
    ends = np.empty((2, len(rows), len(TARGETS)))
    least, most = np.array([POSSIBLE.get(name, (-np.inf, np.inf)) for name in TARGETS]).T
    for group, mine in _by_group(rows):
        x = _table(rows, mine)
        value = _evaluate(x, PARAMS[group])
        inside = (value >= least) & (value <= most)
        drawn = np.stack([_evaluate(x, params) for params in DRAWS[group]])
        noise = np.array(NOISE[group])
        for k, i in enumerate(mine):
            values = (drawn[:, k, None] + noise[None]).reshape(-1, len(TARGETS))
            found = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
            ends[:, i] = np.where(inside[k], np.clip(found, least, most), found)
    return [
        {{name: (float(ends[0, i, t]), float(ends[1, i, t])) for t, name in enumerate(TARGETS)}}
        for i in range(len(rows))
    ]


def law(input_data: list[dict[str, float]], group: str) -> list[dict[str, float]]:
    """The same predictions as SLDBench asks for them: rows of one group."""
    if group not in PARAMS:
        raise ValueError(f"unknown group {{group!r}}; known: {{', '.join(PARAMS)}}")
    values = _evaluate(_table(input_data, range(len(input_data))), PARAMS[group])
    return [dict(zip(TARGETS, row)) for row in values.tolist()]


def _checked(rows):
    rows = [rows] if isinstance(rows, dict) else rows
    rows = rows.to_dict("records") if hasattr(rows, "to_dict") else list(rows)
    for i, row in enumerate(rows):
        for name in FEATURES:
            if name not in row:
                raise ValueError(f"row {{i}} has no {{name}}; needed: {{', '.join(FEATURES)}}")
            try:
                value = float(row[name])
            except (TypeError, ValueError):
                raise ValueError(f"row {{i}}: {{name}} is no number: {{row[name]!r}}") from None
            low, high, words = DOMAINS.get(name, (-np.inf, np.inf, "a finite number"))
            words = words if np.isfinite(value) else "a finite number"
            if not (np.isfinite(value) and low <= value <= high):
                raise ValueError(f"row {{i}}: {{name}} cannot be {{value:g}}: it must be {{words}}")
    return rows


def _table(rows, mine):
    table = [[float(rows[i][name]) for name in FEATURES] for i in mine]
    return np.array(table, dtype=float).reshape(len(mine), len(FEATURES))


def _by_group(rows):
    only = next(iter(PARAMS)) if len(PARAMS) == 1 else None
    numbers = {{}}
    for i, row in enumerate(rows):
        group = _group_of(row, only)
        if group not in PARAMS:
            known = ", ".join(PARAMS)
            what = "no group" if group is None else f"unknown group {{group!r}}"
            column = GROUP_COLUMN or "group"
            raise ValueError(f"row {{i}}: {{what}} in {{column}}; known: {{known}}")
        numbers.setdefault(group, []).append(i)
    return numbers.items()


def _group_of(row, only):
    column = "group" if "group" in row and "group" not in FEATURES else GROUP_COLUMN
    if not column:
        return only
    parts = [column] if column in row else column.split("+")
    if not all(part in row for part in parts):
        return only
    names = ["+".join(label(row[part]) for part in parts) for label in (str, _label)]
    return names[0] if names[0] in PARAMS else names[1]


def _label(value):
    """As tables write it: without blanks about it, and 1.0 of a column with gaps is 1."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value).strip()


def _evaluate(x, params):
    with np.errstate(all="ignore"):
        values = {function}(x, np.array(params, dtype=float))
    return np.asarray(values, dtype=float).reshape(len(x), len(TARGETS))
'''

_QUOTED = """
# The program is kept as text and run in a namespace of its own: {why}.
_PROGRAM = {source}
_namespace = {{"__name__": "program"}}
exec(compile(_PROGRAM, "<program>", "exec"), _namespace)
"""


@dataclass(frozen=True)
class FrozenLaw:
    """A law's module as text, checked against the program that it comes from.

    Attributes:
        difference: The largest relative difference between the program's predictions and the
            module's, over all training rows and points beyond them.
        needs: Packages that the module imports.
    """

    source: str
    difference: float
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Header:
    """What a module says of itself: a first line, further lines, and the formula if known."""

    title: str
    lines: tuple[str, ...]
    formula: str | None = None
    latex: str | None = None


def freeze(winner: Winner, refitter: Refitter, header: Header, draws: Draws) -> FrozenLaw:
    """Writes the winner as a module and runs the text in the sandbox to compare it.

    Raises:
        RefitError: No way of writing it gives the program's own predictions.
    """
    calls = _calls(winner)
    wanted = refitter.predict(winner.found.program, calls)
    worst = math.inf
    for head, function in _embeddings(winner.found.program):
        text = _module(winner, header, draws, head, function)
        try:
            given = refitter.predict(Program(text), calls, ProgramKind.LAW)
        except RefitError:
            continue
        worst = _difference(wanted, given)
        if worst <= TOLERANCE:
            return FrozenLaw(text, worst, _packages(text))
    raise RefitError(
        "the written law does not give the program's own predictions"
        + (f" (relative difference {worst:.1e})" if math.isfinite(worst) else "")
        + ": does scaling_law_func keep something that only the fit computes?"
    )


def _calls(winner: Winner) -> list[tuple[Floats, Floats, str]]:
    """All training rows, and points beyond them, group by group."""
    found, calls = winner.found, []
    for g, name in enumerate(found.table.group_names):
        x = found.table.x[found.table.group_codes == g]
        calls.append((x, winner.params[name], name))
        beyond = probe_points(found.task.features, x, _PROBES)
        calls.append((beyond, winner.params[name], name))
    return calls


def _embeddings(program: Program) -> list[tuple[str, str]]:
    """Ways of putting the program into a module: text, and what its function is called then."""
    quoted = "import numpy as np\n" + _QUOTED
    inside = '_namespace["scaling_law_func"]'
    part = predicting_source(program)
    whole = _quoted(program.source)
    if part is None:
        why = "it looks names up at run time"
        return [(quoted.format(source=whole, why=why), inside)]
    why = "cut down to what predicts, it gave other numbers"
    last = (quoted.format(source=whole, why=why), inside)
    if not defined_names(part) & defined_names(_TAIL.format_map(_Blank())):
        return [(_with_numpy(part), "scaling_law_func"), last]
    why = "it uses names that this module uses for something else"
    return [(quoted.format(source=_quoted(part), why=why), inside), last]


class _Blank(dict[str, str]):
    """Fills every place of a template, so that its text is a module."""

    def __missing__(self, _place: str) -> str:
        return "_"


def _with_numpy(part: str) -> str:
    """The text with `np` imported, which the module's own functions use."""
    lines = part.split("\n")
    if "import numpy as np" in lines:
        return part
    at = sum(line.startswith("from __future__") for line in lines)
    return "\n".join([*lines[:at], "import numpy as np", *lines[at:]])


def _module(winner: Winner, header: Header, draws: Draws, head: str, function: str) -> str:
    found = winner.found
    task, table = found.task, found.table
    params = {name: winner.params[name].tolist() for name in table.group_names}
    drawn = {name: [d[name].tolist() for d in draws.params] for name in table.group_names}
    noise = residual_quantiles(winner) if draws.params else {}
    ranges = {
        name: (float(low), float(high))
        for name, low, high in zip(
            task.feature_names, table.x.min(axis=0), table.x.max(axis=0), strict=True
        )
    }
    domains = {}
    for column, least in zip(task.features, table.x.min(axis=0), strict=True):
        low, high, words = domain_of(column.role, float(least))
        if words:  # Python has no literal for infinity
            domains[column.name] = (low, min(high, sys.float_info.max), words)
    possible = {
        name: (max(low, -sys.float_info.max), min(high, sys.float_info.max))
        for name, (low, high) in zip(
            task.target_names, possible_values(table.y, task.target_names), strict=True
        )
        if np.isfinite([low, high]).any()
    }
    tail = _TAIL.format(
        features=_literal(task.feature_names),
        targets=_literal(task.target_names),
        group_column=_literal(task.group_column),
        ranges=_literal(ranges),
        domains=_literal(domains),
        possible=_literal(possible),
        formula=_literal(header.formula),
        latex=_literal(header.latex),
        params=_by_line(params),
        draws=_by_line(drawn),
        noise=_by_line({name: values.tolist() for name, values in noise.items()}),
        function=function,
    )
    words = "\n".join([header.title, "", *header.lines]).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{words}\n"""\n\n{head.rstrip()}\n{tail}'


def _literal(value: Any) -> str:
    return pprint.pformat(value, width=100, sort_dicts=False)


def _by_line(values: dict[str, Any]) -> str:
    lines = "".join(f"    {name!r}: {value!r},\n" for name, value in values.items())
    return f"{{\n{lines}}}" if lines else "{}"


def _quoted(source: str) -> str:
    """The source as a literal that reads like the source where that is possible."""
    plain = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    block = f"r'''\n{plain}'''"
    try:
        if ast.literal_eval(block) == "\n" + plain:
            return block
    except (SyntaxError, ValueError):
        pass
    return repr(plain)


def _difference(wanted: list[Floats], given: list[Floats]) -> float:
    """Largest relative difference where both are finite; infinite where only one is."""
    worst = 0.0
    for a, b in zip(wanted, given, strict=True):
        known = np.isfinite(a)
        if (known != np.isfinite(b)).any():
            return math.inf
        scale = np.maximum(np.abs(a[known]), 1e-300)
        worst = max(worst, float((np.abs(a[known] - b[known]) / scale).max(initial=0.0)))
    return worst


def _packages(source: str) -> tuple[str, ...]:
    """Which of numpy and scipy the text imports, or a program that it carries as text."""
    return tuple(sorted(set(re.findall(r"\b(?:from|import)\s+(numpy|scipy)\b", source))))
