"""Forms as programs: the formula written out, and the fit that `program.py.txt` holds."""

import ast
import keyword
import math
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from sldagent.laws.codegen.form import Form, Link
from sldagent.laws.codegen.grammar import (
    FUNCTIONS,
    GrammarError,
    is_linear,
    names_in,
    read_formula,
    statements,
    text_of,
    to_code,
)
from sldagent.laws.codegen.plain import LEAST_WEIGHT
from sldagent.laws.expressions import Law, Parameter, Slot
from sldagent.laws.families.features import SCALES
from sldagent.laws.fitting import OBJECTIVES, Objective
from sldagent.laws.fitting.objectives import Rho
from sldagent.task import Role

_WIDTH = 98
_LONGEST_NAME = 80
_LEAST_PREDICTION = "1e-12"

_PLAIN = "    error = f - y\n"
_LOGS = (
    f"    safe = np.maximum(f, {_LEAST_PREDICTION})\n"
    f"    error = np.log(safe / np.maximum(y, {_LEAST_PREDICTION}))\n"
    f"    by_f = np.where(f > {_LEAST_PREDICTION}, 1 / safe, 0.0)\n"
)
_SPREAD = (
    "    spread = np.sqrt(np.average((y - np.average(y, weights=weights)) ** 2, weights=weights))\n"
    "    delta = {delta} * (spread or 1.0)\n"
)
_PREDICTIONS = {
    Link.IDENTITY: "formula(features(data_points), columns).T",
    Link.LOG: "np.exp(formula(features(data_points), columns)).T",
    Link.LOGIT: "(1 / (1 + np.exp(-formula(features(data_points), columns)))).T",
    Link.PERCENT: "(100 / (1 + np.exp(-formula(features(data_points), columns)))).T",
}
_OBSERVED = {
    Link.IDENTITY: "np.asarray(loss_values, dtype=float)",
    Link.LOG: "np.log(np.asarray(loss_values, dtype=float))",
    # None and all have odds without a logarithm; they weigh next to nothing (`_ODDS`).
    Link.LOGIT: "-np.log(1 / np.clip(np.array(loss_values, dtype=float), 1e-6, 1 - 1e-6) - 1)",
    Link.PERCENT: "-np.log(100 / np.clip(np.array(loss_values, dtype=float), 1e-4, 99.9999) - 1)",
}
_LEFT_SIDES = {
    Link.IDENTITY: "y",
    Link.LOG: "ln(y)",
    Link.LOGIT: "ln(y / (1 - y))",
    Link.PERCENT: "ln(y / (100 - y))",
}
# Errors of a target grow near its ends when they are taken over to its odds: rows there weigh less.
_ODDS = "    weights = weights / np.cosh(y / 2) ** 4  # errors of y, not of its odds\n"
_MISFITS = {  # (logarithmic, rho) -> what it says and does, between the error and the return
    (False, Rho.SQUARE): ("half the squared error", ""),
    (True, Rho.SQUARE): ("half the squared error of the logarithm", ""),
    (False, Rho.HUBER): (
        "squared error that turns absolute at {delta} spreads of y",
        _SPREAD + "    inside = np.clip(error, -delta, delta)\n",
    ),
    (True, Rho.HUBER): (
        "squared error of the logarithm that turns absolute at {delta}",
        "    inside = np.clip(error, -{delta}, {delta})\n",
    ),
    (False, Rho.SOFT_L1): (
        "squared error that bends towards absolute at {delta} spreads of y",
        _SPREAD + "    root = np.sqrt(1 + (error / delta) ** 2)\n",
    ),
    (True, Rho.SOFT_L1): (
        "squared error of the logarithm that bends towards absolute at {delta}",
        "    root = np.sqrt(1 + (error / {delta}) ** 2)\n",
    ),
}
_RETURNS = {  # value, slope in the error, curvature in the error
    Rho.SQUARE: ("error**2 / 2", "error", "np.ones_like(error)"),
    Rho.HUBER: (
        "inside * (error - inside / 2)",
        "inside",
        "1 / np.maximum(1, np.abs(error) / {delta})",
    ),
    Rho.SOFT_L1: ("error**2 / (1 + root)", "error / root", "1 / root"),
}


@cache
def template() -> str:
    """The text of every program, with its holes."""
    folder = resources.files("sldagent.laws.codegen")
    return (folder / "program.py.txt").read_text(encoding="utf-8")


def write(form: Form, features: Sequence[str], targets: Sequence[str]) -> str:
    """The program of a form, one block with all that it needs.

    Args:
        form: What to write.
        features: Names of the feature columns, any text; they stand in comments and docstrings.
        targets: Names of the target columns, likewise.

    Raises:
        GrammarError: The formula has a part that programs are not written with, or a symbol that
            cannot stand in one.
    """
    law = form.law
    tree = read_formula(law.formula)
    check(law, tree, len(features))
    scales = [slot for slot in law.slots if slot.role in SCALES]
    weighted = form.emphasis != 0 and bool(scales)
    lines, value = statements(law, tree)
    body = "".join(_assignment(f"{name} =", node) for name, node in lines)
    holes = {
        "TITLE": f"The law {_name(law)}, fitted by {form.objective.name.replace('_', ' ')}.",
        "FEATURES": ", ".join(map(plain, features)),
        "TARGETS": ", ".join(map(plain, targets)),
        "AMPLITUDES": _bounds(law.amplitudes),
        "SHAPES": _bounds(law.shapes),
        "LOGARITHMIC": _tuple(repr(p.name).replace("'", '"') for p in law.shapes if p.log),
        "CONSTANTS": _emphasis(form.emphasis) if weighted else "",
        "COLUMNS": "\n".join(_column(slot, form, features) for slot in law.slots),
        "SYMBOLS": _tuple((slot.symbol for slot in law.slots), bare=True),
        "DOCSTRING": _docstring(form, tree, features),
        "PARAMETERS": _wrapped(law.names),
        "BODY": (body + _assignment("return", value)).rstrip("\n"),
        "MISFIT": misfit(form.objective),
        "WEIGHTS": weights(law.slots if weighted else ()),
        "PREDICTION": _PREDICTIONS[form.link],
        "OBSERVED": _OBSERVED[form.link],
        "ODDS": _ODDS if form.link in (Link.LOGIT, Link.PERCENT) else "",
    }
    text = template()
    for name, filling in holes.items():
        text = text.replace(f"@{name}@", filling)
    return text.replace("SHAPES = {\n\n}", "SHAPES = {}")


def plain(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name that can stand in a docstring or comment: one line, no quotes, no backslashes."""
    kept = "".join(c if c.isprintable() and c not in "\"'\\@" else "_" for c in name)
    kept = " ".join(kept.split())
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def _name(law: Law) -> str:
    return plain(law.name) or "unnamed"


def check(law: Law, tree: ast.expr, width: int) -> None:
    """Raises GrammarError where no program can be written of a law, `tree` being its formula."""
    symbols = [*(slot.symbol for slot in law.slots), *law.names]
    taken = {"np", "inputs", "params", *FUNCTIONS}
    for symbol in symbols:
        usable = symbol.isidentifier() and symbol.isascii() and not keyword.iskeyword(symbol)
        if not usable or symbol in taken:
            raise GrammarError(f"{symbol!r} cannot be a symbol in a program")
    unknown = set(names_in(tree)) - set(symbols)
    if unknown:
        raise GrammarError(f"the formula has unknown symbols: {', '.join(sorted(unknown))}")
    if len(set(symbols)) < len(symbols):
        raise GrammarError("two symbols of the law have the same name")
    if not law.slots or any(slot.column >= width for slot in law.slots):
        raise GrammarError("the law reads columns that the table does not have")
    if not is_linear(tree, frozenset(p.name for p in law.amplitudes)):
        raise GrammarError(f"{law.name}: the formula is not linear in its amplitudes")


def _bounds(parameters: Iterable[Parameter]) -> str:
    return "\n".join(f'    "{p.name}": ({number(p.lower)}, {number(p.upper)}),' for p in parameters)


def number(value: float) -> str:
    """A number as a person writes it: whole ones without a point."""
    if math.isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    if value == int(value) and abs(value) < 1e4:
        return str(int(value))
    return repr(float(value)).replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def scale_text(value: float) -> str:
    """A unit: powers of ten by their exponent."""
    exponent = round(math.log10(value))
    if value == float(f"1e{exponent}") and not 0 <= exponent <= 2:
        return f"1e{exponent}"
    return number(value)


def _in_units(text: str, slot: Slot, form: Form) -> str:
    shift, scale = form.units.shift[slot.column], form.units.scale[slot.column]
    if shift:
        text = f"{text} {'-' if shift > 0 else '+'} {number(abs(shift))}"
        text = f"({text})" if scale != 1 else text
    return text if scale == 1 else f"{text} / {scale_text(scale)}"


def _column(slot: Slot, form: Form, features: Sequence[str]) -> str:
    code = _in_units(f"x[:, {slot.column}]", slot, form)
    return f"    {slot.symbol} = {code}  # {plain(features[slot.column])}"


def _tuple(parts: Iterable[str], *, bare: bool = False) -> str:
    found = list(parts)
    if bare and len(found) > 1:
        return ", ".join(found)
    return f"({found[0]},)" if len(found) == 1 else f"({', '.join(found)})"


def _wrapped(names: Sequence[str]) -> str:
    """Names to unpack into, in as many lines as they need."""
    line = _tuple(names, bare=True)
    if len(line) < _WIDTH - 20:
        return line
    rows: list[str] = []
    row = ""
    for name in names:
        if len(row) + len(name) > _WIDTH - 14:
            rows, row = [*rows, row.rstrip()], ""
        row += f"{name}, "
    return "(\n" + "".join(f"        {r}\n" for r in [*rows, row.rstrip()]) + "    )"


def _assignment(head: str, node: ast.expr) -> str:
    """A line, or where it is too long for one, the terms of its sum below each other."""
    code = to_code(node)
    if len(head) + len(code) < _WIDTH - 4 or not _is_sum(node):
        return f"    {head} {code}\n"
    rows = []
    while _is_sum(node):
        assert isinstance(node, ast.BinOp)
        sign = "+" if isinstance(node.op, ast.Add) else "-"
        part = to_code(node.right)
        rows.append(f"{sign} ({part})" if _is_sum(node.right) else f"{sign} {part}")
        node = node.left
    rows.append(to_code(node))
    return f"    {head} (\n" + "".join(f"        {row}\n" for row in reversed(rows)) + "    )\n"


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


_MEANINGS = {
    Role.SIZE: "size",
    Role.DATA: "data",
    Role.UNIQUE_DATA: "unique data",
    Role.RATE: "rate",
    Role.BATCH: "batch",
    Role.FRACTION: "share",
    Role.LOGGED: "logged",
    Role.COUNT: "count",
}
ROLES = {meaning: role for role, meaning in _MEANINGS.items()}


def _docstring(form: Form, tree: ast.expr, features: Sequence[str]) -> str:
    """The first line is the law's name; the formula, its symbols and its source follow."""
    law = form.law
    formula = textwrap.fill(
        f"{_LEFT_SIDES[form.link]} = {text_of(tree)}", _WIDTH - 4, subsequent_indent="    "
    )
    lines = [_name(law), "", *formula.splitlines(), ""]
    for slot in law.slots:
        name = _in_units(plain(features[slot.column]), slot, form)
        lines.append(f"{slot.symbol} = {name} ({_MEANINGS[slot.role]})")
    lines += ["", f"Source: {plain(law.source, 300)}"]
    return "\n".join(f"    {line}" if line else "" for line in lines).lstrip()


def _emphasis(power: float) -> str:
    return (
        f"EMPHASIS = {number(power)}"
        "  # power of a row's place, from lowest to highest, that it weighs by\n"
    )


def misfit(objective: Objective) -> str:
    """The function that says how far predictions are off."""
    if OBJECTIVES.get(objective.name) != objective:
        raise GrammarError(f"programs are not written with the objective {objective.name!r}")
    delta = number(objective.delta)
    words, between = _MISFITS[objective.log, objective.rho]
    value, slope, curve = _RETURNS[objective.rho]
    curve = curve.replace("{delta}", delta if objective.log else "delta")
    if objective.log:
        slope = f"by_f * {slope}"
        curve = "by_f**2" if objective.rho is Rho.SQUARE else f"by_f**2 * {curve}"
    words = words.replace("{delta}", delta)
    return (
        "def misfit(f, y, weights):\n"
        f'    """{words[0].upper()}{words[1:]}; its slope and curvature in the prediction f."""\n'
        + (_LOGS if objective.log else _PLAIN)
        + between.replace("{delta}", delta)
        + f"    return {value}, {slope}, {curve}"
    )


def weights(slots: Sequence[Slot]) -> str:
    """The function that weighs rows; without slots all weigh the same."""
    if not slots:
        return "def row_weights(inputs):\n    return np.ones(len(inputs[0]))"
    symbols = _tuple((slot.symbol for slot in slots), bare=True)
    places = ", ".join(
        s.symbol if s.role is Role.LOGGED else f"np.log(np.maximum({s.symbol}, 1e-12))"
        for s in slots
        if s.role in SCALES
    )
    return (
        "def row_weights(inputs):\n"
        '    """Rows weigh the more, the nearer they are to the top of all scales."""\n'
        f"    {symbols} = inputs\n"
        f"    scales = [{places}]\n"
        "    places = [(s - s.min()) / max(np.ptp(s), 1e-12) for s in scales]\n"
        f"    return np.mean(places, axis=0) ** EMPHASIS + {LEAST_WEIGHT}"
    )
