"""Sort keys sort like the values they stand for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.resources.registry import Release
from fhirserver.search import order
from fhirserver.search.kinds.date import EARLIEST, LATEST
from fhirserver.search.numbers import HIGHEST, LOWEST, bounded

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False).map(bounded),
    st.integers(-2000, 2000).map(lambda number: Decimal(number) / 100),
    st.sampled_from([HIGHEST, LOWEST, Decimal("-0"), Decimal("1E+3"), Decimal("1000.00"), Decimal("-1E-6176")]),
)
INSTANTS = st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)


@given(NUMBERS, NUMBERS)
def test_keys_of_numbers(one: Decimal, other: Decimal) -> None:
    first, second = (order.key(each) + order.end("same") for each in (one, other))
    assert (first < second, first == second) == (one < other, one == other)


@given(INSTANTS, INSTANTS)
def test_keys_of_instants(one: datetime, other: datetime) -> None:
    assert (order.key(one) < order.key(other), order.key(one) == order.key(other)) == (one < other, one == other)
    assert len(order.instant(one)) == order.DIGITS


@given(st.text(), st.text(), st.sampled_from(["a", "b", "x" * 64]))
def test_keys_end_in_something_of_the_id_and_never_confuse_values(one: str, other: str, id_: str) -> None:
    first, second = order.key(one) + order.end(id_), order.key(other) + order.end(id_)
    assert first.count(order.END) == 1
    plain = one.replace(order.END, ""), other.replace(order.END, "")
    assert (first == second) == (plain[0] == plain[1])
    if plain[0] < plain[1]:
        assert first < second


@pytest.mark.parametrize(
    ("release", "type_", "code"),
    [
        ("R5", "Observation", "date"),
        ("R5", "Patient", "birthdate"),
        ("R5", "Condition", "recorded-date"),
        ("R5", "Organization", None),
        ("R4", "MedicationRequest", "authoredon"),
    ],
)
def test_a_type_has_the_main_date_that_it_is_asked_by(release: Release, type_: str, code: str | None) -> None:
    assert order.main_date(release, type_) == code


def test_a_place_tells_how_much_later_than_its_beginning_a_date_may_end() -> None:
    at = datetime(2020, 1, 1, tzinfo=UTC)

    def element(days: float, low: datetime = at) -> dict[str, object]:
        return {"k": "date", "lo": low, "hi": low + timedelta(days=days)}

    start = order.instant(at)
    assert order.place(None, [element(1)]) == (order.NONE, "")
    assert order.place("date", []) == (order.NONE, "-")
    assert order.place("date", [element(1), {"k": "other", "lo": at}]) == (order.DAYS, start)
    assert order.place("date", [element(1 / 1440)]) == (order.MOMENTS, start)
    assert order.place("date", [element(1.5)]) == (order.MONTHS, start)
    assert order.place("date", [element(31.5)]) == (order.YEARS, start)
    assert order.place("date", [element(367)]) == (order.LONG, start)
    assert order.place("date", [element(1, at + timedelta(1)), element(1)]) == (order.LONG, start)
