"""A law's formula in the ways that files and pages show it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

from sldagent.export.refit import Params
from sldagent.formula import Formula

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class FormulaText:
    """A law's formula; or the reason why there is none.

    Attributes:
        text: A line `target = formula` for each target, which sympy reads; p0, p1, … are the
            constants of a group.
        latex: The same as LaTeX, ready for a display.
        mathml: The same as one MathML element.
        numbers: With the constants in their places, where there is one group.
        reason: Why the law has no formula, in words.
    """

    text: str | None = None
    latex: str | None = None
    mathml: str | None = None
    numbers: str | None = None
    reason: str = ""


def write_formula(formula: Formula, params: Params) -> FormulaText:
    """The formula as text, LaTeX and MathML; with its constants too where there is one group."""
    numbers = None
    if len(params) == 1:
        numbers = _mathml(formula, formula.substituted(next(iter(params.values()))))
    return FormulaText(
        formula.text(), _aligned(formula.latex()), _mathml(formula, formula.expressions), numbers
    )


def _aligned(latex: str) -> str:
    """Several lines of LaTeX as one display."""
    lines = latex.split("\n")
    if len(lines) == 1:
        return latex
    inner = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in lines)
    return f"\\begin{{aligned}}\n{inner}\n\\end{{aligned}}"


def _mathml(formula: Formula, expressions: Sequence[Any]) -> str:
    """One `math` element; targets below each other."""
    import sympy
    from sympy.printing.mathml import mathml

    # The printer would take underscores and digits in the names of features for subscripts.
    names = [f"feature{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(len(formula.features))]
    stand_in = {
        symbol: sympy.Symbol(name)
        for symbol, name in zip(formula.feature_symbols, names, strict=True)
    }
    rows = []
    for target, expression in zip(formula.targets, expressions, strict=True):
        short = {value: sympy.Float(value, _DIGITS) for value in expression.atoms(sympy.Float)}
        text = mathml(
            expression.xreplace(short | stand_in), printer="presentation", mul_symbol="dot"
        )
        for name, feature in zip(names, formula.features, strict=True):
            text = text.replace(f"<mi>{name}</mi>", f"<mi>{escape(feature)}</mi>")
        cells = f"<mtd><mi>{escape(target)}</mi></mtd><mtd><mo>=</mo></mtd><mtd>{text}</mtd>"
        rows.append(f"<mtr>{cells}</mtr>")
    whole = f"<math><mtable>{''.join(rows)}</mtable></math>"
    # Entities of HTML are none of XML.
    return re.sub(r"&(?!(?:amp|lt|gt|quot|apos);)\w+;", lambda found: unescape(found[0]), whole)
