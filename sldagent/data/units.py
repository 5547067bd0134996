"""Numbers as people write them in tables: `1.3B`, `300M`, `2e9`, `1,024`, `6.4%`, `2x10^9`.

Suffixes are those of papers: k, M, B or G, T, P, in either case, since nobody counts parameters in
thousandths. `%` divides by a hundred. A word for what is counted may follow: `300M tokens`.
"""

import math
import re
from collections.abc import Iterable
from typing import Any

_SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15, "%": 1e-2}
_MULTIPLES = {
    "k": 1e3, "K": 1e3, "thousand": 1e3, "M": 1e6, "million": 1e6, "mio": 1e6,
    "B": 1e9, "G": 1e9, "bn": 1e9, "billion": 1e9, "T": 1e12, "trillion": 1e12,
}  # fmt: skip
_MISSING = frozenset(
    ("", "-", "–", "—", "?", "na", "n/a", "#n/a", "null", "none", "nil", "missing", "tbd")
)
_SPECIAL = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}
# Groups of three digits; one kind of mark all through.
_GROUPED = re.compile(
    r"\d{1,3}(?:,\d{3})+|\d{1,3}(?:_\d{3})+|\d{1,3}(?:'\d{3})+|\d{1,3}(?: \d{3})+"
)
_WORDS = (
    "tokens?|params?|parameters?|examples?|samples?|sequences?|steps?|flops?|bytes|characters|words"
)
_NUMBER = re.compile(
    r"""(?P<sign>[+-]?)
    (?: (?P<mantissa> \d+(?:[,_' ]\d{3})+(?:\.\d+)? | \d+\.?\d* | \.\d+ )
        (?: e(?P<exponent>[+-]?\d+) | \ ?[x×*]\ ?10(?:\^|\*\*)(?P<power>[+-]?\d+) )?
      | 10(?:\^|\*\*)(?P<alone>[+-]?\d+) )
    (?: \ ?(?P<suffix>[kmbgtp%]) )?
    (?: \ (?:"""
    + _WORDS
    + r""") )?""",
    re.VERBOSE | re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:e[+-]?\d+)?[kmbgtp%]?", re.IGNORECASE)
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:e[+-]?\d+)?[kmbgtp%]?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+[kmbgtp%]?", re.IGNORECASE)
_POINT_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+[kmbgtp%]?", re.IGNORECASE)


def multiple_of(unit: str) -> float:
    """1e6 for `millions of parameters`, `M` and `1e6`, and 1 for what is counted one by one."""
    word = unit.partition(" ")[0]
    if re.fullmatch(r"1e\d+", word):
        return float(word)
    return _MULTIPLES.get(word, _MULTIPLES.get(word.lower().removesuffix("s"), 1.0))


def is_missing(cell: Any) -> bool:
    """Whether a cell says that there is no value; NaN is a value: runs diverge."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in _MISSING)


def says_none(cell: Any) -> bool:
    """Whether a cell is the word `none`, which among labels is one: no pretraining."""
    return isinstance(cell, str) and cell.strip().lower() == "none"


def parse_number(cell: Any, decimal_comma: bool = False) -> float | None:
    """The number in a cell, which may be infinite or NaN; None where there is none.

    A boolean is no number. With `decimal_comma`, `3,25` is three and a quarter, and `.` groups
    digits.
    """
    if isinstance(cell, bool):
        return None
    if not isinstance(cell, str):
        return _plain(cell)
    if not decimal_comma and "_" not in cell:
        plain = _plain(cell)  # most cells, and much the fastest
        if plain is not None:
            return plain
    text = " ".join(cell.split()).replace("−", "-").lstrip("$€£")
    if decimal_comma and ("," in text or _POINT_THOUSANDS.fullmatch(text)):
        text = text.replace(".", "").replace(",", ".")
    special = _SPECIAL.get(text.lower().lstrip("+-"))
    if special is not None:
        return -special if text.startswith("-") else special
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    digits = found["mantissa"] or "1"
    whole = digits.partition(".")[0]
    if not whole.isdigit() and whole and not _GROUPED.fullmatch(whole):
        return None
    for mark in ",_' ":
        digits = digits.replace(mark, "")
    exponent = found["exponent"] or found["power"] or found["alone"] or "0"
    # Through one literal: 2.3e9 must be the float that a reader of "2.3e9" gets, to the last bit.
    value = float(f"{found['sign']}{digits}e{exponent}")
    suffix = (found["suffix"] or "").lower()
    if suffix == "%":
        return value / 100
    return float(f"{found['sign']}{digits}e{int(exponent) + _power(suffix)}")


def has_decimal_comma(cell: Any) -> bool:
    """Whether a cell can only be read with a decimal comma, as `3,25` and `0,125`."""
    text = cell.strip() if isinstance(cell, str) else ""
    return bool(_DECIMAL_COMMA.fullmatch(text)) and not _THOUSANDS.fullmatch(text)


def counts_from_one(cell: Any) -> bool:
    """Whether a cell has a multiple of its own, as `7B`, whatever its column counts in."""
    found = _NUMBER.fullmatch(cell.strip()) if isinstance(cell, str) else None
    return found is not None and (found["suffix"] or "%") != "%"


def means_decimal_commas(cells: Iterable[Any], separator: str) -> bool:
    """Whether commas in a table's numbers are decimal ones.

    They are where a cell says so, and where semicolons part the cells, as `4,624` is no thousand
    there, unless some number has a decimal point or most end with `,000`. Where commas part the
    cells, one with a comma may be a list: there no number has a decimal point.
    """
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    if separator == "," and any(_DECIMAL_POINT.fullmatch(text) for text in texts):
        return False
    if any(has_decimal_comma(text) for text in texts):
        return True
    with_comma = [text for text in texts if _DECIMAL_COMMA.fullmatch(text)]
    round_ones = sum(text.endswith(",000") for text in with_comma)
    if separator != ";" or not with_comma or 2 * round_ones > len(with_comma):
        return False
    return not any(
        _DECIMAL_POINT.fullmatch(text) and not _POINT_THOUSANDS.fullmatch(text) for text in texts
    )


def _power(suffix: str) -> int:
    return round(math.log10(_SUFFIXES[suffix])) if suffix else 0


def _plain(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
