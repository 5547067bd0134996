"""Numbers as people write them, read back: what is written is what is meant."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sldagent.data.units import has_decimal_comma, is_missing, multiple_of, parse_number

finite = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(min_value=0, max_value=10**15)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.3B", 1.3e9), ("300M", 3e8), ("2e9", 2e9), ("1,024", 1024), ("70b", 7e10),
        ("6.4%", 0.064), ("1,024.5", 1024.5), ("1_000_000", 1e6), ("1 300 000", 1.3e6),
        ("2x10^9", 2e9), ("2.5 × 10^9", 2.5e9), ("10**6", 1e6), ("1.5T", 1.5e12), (".5", 0.5),
        ("-3", -3), ("−3", -3), (" 7 ", 7), ("300M tokens", 3e8), ("1.4 B params", 1.4e9),
        ("32k", 32000), ("1e3M", 1e9), ("inf", math.inf), ("-Infinity", -math.inf),
    ],
)  # fmt: skip
def test_numbers_of_papers(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "abc", "7B-it", "1 2", "1,02", "1,0244", "1_0", "2024-01-02", "e9", "B", "1..2", "true",
     "1.3BB", "0x10", "1,024_000", "--1", "1e", "%"],
)  # fmt: skip
def test_other_text_is_no_number(text: str) -> None:
    assert parse_number(text) is None


def test_cells_that_are_no_text() -> None:
    assert parse_number(True) is None
    assert parse_number(None) is None
    assert parse_number([1]) is None
    assert parse_number(3) == 3.0
    assert math.isnan(parse_number("NaN") or 0.0)


@given(finite)
def test_what_python_writes_reads_back_to_the_last_bit(value: float) -> None:
    assert parse_number(repr(value)) == value
    assert parse_number(value) == value


@given(whole)
def test_grouped_digits_are_the_number(value: int) -> None:
    assert parse_number(f"{value:,}") == value
    assert parse_number(f"{value:_}") == value


@given(st.decimals(min_value=0, max_value=9999, places=3), st.sampled_from("kKmMbBtTgG"))
def test_a_suffix_is_the_power_of_ten_to_the_last_bit(value: object, suffix: str) -> None:
    power = {"k": 3, "m": 6, "b": 9, "g": 9, "t": 12}[suffix.lower()]
    assert parse_number(f"{value}{suffix}") == float(f"{value}e{power}")


@given(st.decimals(min_value=0, max_value=100, places=2))
def test_a_percentage_is_a_share(value: object) -> None:
    assert parse_number(f"{value}%") == pytest.approx(float(str(value)) / 100)


@given(st.decimals(min_value=-9999, max_value=9999, places=2))
def test_a_decimal_comma_is_a_point(value: object) -> None:
    text = str(value).replace(".", ",")
    assert has_decimal_comma(text)
    assert parse_number(text, decimal_comma=True) == float(str(value))
    assert parse_number("1.024", decimal_comma=True) == 1024


@given(st.text(max_size=12))
def test_no_text_breaks_the_parser(text: str) -> None:
    value = parse_number(text)
    assert value is None or isinstance(value, float)
    assert isinstance(has_decimal_comma(text), bool)
    assert isinstance(is_missing(text), bool)


@pytest.mark.parametrize("cell", [None, "", "  ", "NA", "n/a", "null", "-"])
def test_missing(cell: object) -> None:
    assert is_missing(cell)
    assert not is_missing("nan")
    assert not is_missing(0)


@pytest.mark.parametrize(
    ("unit", "multiple"),
    [("millions of parameters", 1e6), ("million parameters", 1e6), ("M", 1e6), ("1e6", 1e6),
     ("Billions", 1e9), ("B tokens", 1e9), ("tokens", 1.0), ("", 1.0), ("bytes", 1.0)],
)  # fmt: skip
def test_multiples_of_units(unit: str, multiple: float) -> None:
    assert multiple_of(unit) == multiple
