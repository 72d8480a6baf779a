"""Units of UCUM in base units: exact where they can be, and never comparable where they are not."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.search import numbers, ucum

SAME = [
    ("5.4", "g", "5400", "mg"),
    ("0.23", "m/h", "23", "cm/h"),
    ("1", "[lb_av]", "453.59237", "g"),
    ("120", "mm[Hg]", "15.99864", "kPa"),
    ("98.6", "[degF]", "37.0", "Cel"),
    ("-40", "[degF]", "-40", "Cel"),
    ("0", "Cel", "273.15", "K"),
    ("10", "10*3/uL", "10", "10*9/L"),
    ("72", "/min", "1.2", "Hz"),
    ("72", "{beats}/min", "72", "/min"),
    ("7", "g%", "70", "g/L"),
    ("1", "[Cal]", "4184", "J"),
    ("5", "meq/L", "5", "mmol/L"),
    ("1", "h", "60", "min"),
    ("1", "mg{total}/dL", "10", "mg/L"),
    ("5", "[IU]/L", "5000", "m[IU]/L"),
    ("5", "[IU]/mL", "5", "k[iU]/L"),
    ("1", "J/s", "1", "W"),
    ("2", "m2", "20000", "cm2"),
    ("50", "%", "0.5", "1"),
    ("1", "/m.s", "1", "s/m"),
    ("1", "kg.m/s2", "1", "N"),
    ("3", "[mi_i]", "4828.032", "m"),
]


@pytest.mark.parametrize(("one", "unit", "other", "other_unit"), SAME)
def test_quantities_that_are_the_same(one: str, unit: str, other: str, other_unit: str) -> None:
    first, second = ucum.unit(unit), ucum.unit(other_unit)
    assert first is not None
    assert second is not None
    assert first.name == second.name
    assert first.base(Decimal(one)) == second.base(Decimal(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("[IU]/L", "mol/L"), ("[IU]", "1"), ("[IU]", "[arb'U]"), ("mol/L", "/L"), ("mg", "mL"), ("K", "1")],
)
def test_units_that_no_factor_joins(one: str, other: str) -> None:
    first, second = ucum.unit(one), ucum.unit(other)
    assert first is not None
    assert second is not None
    assert first.name != second.name


@pytest.mark.parametrize(
    "code",
    [
        "", " ", "mgg", "bogus", "MG/DL?", "[pH]", "dB", "B[SPL]", "J/Cel", "mCel", "m0", "m99999999", "Ym30",
        "10*30.10*30.10*30", "mg/", "(mg", "mg)", "m\u00b2", "\u00b5g", "{" + "x" * 80 + "}", "(" * 200, "mg\n", "%s",
        "1" * 61,
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_no_error(code: str) -> None:
    assert ucum.unit(code) is None


def test_every_official_example_is_understood_but_scales_of_their_own() -> None:
    lines = (files("ucumvert") / "vendor" / "ucum_examples.tsv").read_text(encoding="utf-8").splitlines()[1:]
    codes = [line.split("\t")[1] for line in lines]
    assert len(codes) > 800
    assert {code for code in codes if ucum.unit(code) is None} <= {"dB", "[pH]", "Torr"}


VALUES = st.decimals(min_value=-(10**6), max_value=10**6, places=4)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["g", "/min", "[degF]", "[in_us]", "deg", "mm[Hg]"]), st.lists(VALUES, min_size=2, max_size=6))
def test_order_stays(code: str, values: list[Decimal]) -> None:
    unit = ucum.unit(code)
    assert unit is not None
    for low, high in pairwise(sorted(set(values))):
        assert unit.base(low) < unit.base(high)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["g", "mg", "ug", "kg", "10*9/L", "h", "[lb_av]"]), VALUES)
def test_factors_are_exact(code: str, value: Decimal) -> None:
    unit = ucum.unit(code)
    assert unit is not None
    assert Fraction(unit.base(value)) == Fraction(value) * Fraction(unit.numerator) / Fraction(unit.denominator)


def test_open_ends_stay_open() -> None:
    unit = ucum.unit("[degF]")
    assert unit is not None
    assert unit.base(numbers.HIGHEST) == numbers.HIGHEST
    assert unit.base(numbers.LOWEST) == numbers.LOWEST
