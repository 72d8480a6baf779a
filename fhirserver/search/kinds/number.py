"""Numbers: a value of a resource is a point (or a Range), a search value has the precision of its digits.

Comparisons other than eq, ne and ap take the search value as exact. https://hl7.org/fhir/R5/search.html#number
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.search import escapes, numbers
from fhirserver.search.kinds import ranges
from fhirserver.search.kinds.ranges import Prefix
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A comparison with a value; [low, high) is its implicit precision, for 'ap' the closed range around it."""

    prefix: Prefix
    value: Decimal
    low: Decimal
    high: Decimal
    wide: bool = True


Test = Number


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value."""
    return read(escapes.plain(value, given), given, parameter.wide)


def read(value: str, given: str, wide: bool) -> Number:
    """A comparison as written: 'lt5.4'."""
    prefix, written = ranges.prefixed(value, given)
    number = numbers.read(written)
    if number is None:
        raise BadRequest(
            f"'{written}' is no number: write 100, 5.40 or 5.4e-3 after an optional prefix.", expression=given
        )
    low, high = numbers.about(number) if prefix == "ap" else (number.low, number.high)
    return Number(prefix, number.value, low, high, wide)


def _point(value: Any) -> Decimal | None:
    return numbers.bounded(value) if type(value) in (int, Decimal) else None


def span(type_: str, value: Any) -> tuple[Decimal, Decimal] | None:
    """The closed range of a value."""
    if type_ == "Range" and isinstance(value, dict):
        low, high = (_point((value.get(end) or {}).get("value")) for end in ("low", "high"))
        if low is None and high is None:
            return None
        return numbers.LOWEST if low is None else low, numbers.HIGHEST if high is None else high
    point = _point(value)
    return None if point is None else (point, point)


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code = parameter.code

    def index(value: Any, sink: Sink) -> None:
        found = span(type_, value)
        if found:
            low, high = found
            sink.x.append(ranges.entry(code, low, high, low != high))
            sink.sort(code, low)

    return index


def conditions(test: Number) -> tuple[Filter, Filter | None]:
    """The conditions on a narrow range (a point), and on a wide one (None where there is none)."""
    value, low, high = test.value, test.low, test.high
    narrow: Filter = {}
    wide: Filter = {}
    match test.prefix:
        case "eq":
            narrow = wide = {"lo": {"$gte": low, "$lt": high}, "hi": {"$lt": high}}
        case "ne":
            narrow = wide = {"$or": [{"lo": {"$lt": low}}, {"hi": {"$gte": high}}]}
        case "gt":
            narrow, wide = {"lo": {"$gt": value}}, {"hi": {"$gt": value}}
        case "ge":
            narrow, wide = {"lo": {"$gte": value}}, {"hi": {"$gte": value}}
        case "lt":
            narrow = wide = {"lo": {"$lt": value}}
        case "le":
            narrow = wide = {"lo": {"$lte": value}}
        case "sa":
            narrow = wide = {"lo": {"$gt": value}}
        case "eb":
            narrow = wide = {"lo": {"$lt": value}, "hi": {"$lt": value}}
        case "ap":
            narrow = {"lo": {"$gte": low, "$lte": high}}
            wide = {"lo": {"$lte": high}, "hi": {"$gte": low}}
    return narrow, wide if test.wide else None


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    return ranges.element(code, *conditions(test))


def compare(test: Number, low: Decimal, high: Decimal) -> bool:
    """R5's words on the ranges of the parameter and of the resource."""
    contained = test.low <= low and high < test.high
    match test.prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "gt":
            return high > test.value
        case "ge":
            return high >= test.value
        case "lt":
            return low < test.value
        case "le":
            return low <= test.value
        case "sa":
            return low > test.value
        case "eb":
            return high < test.value
        case "ap":
            return low <= test.high and high >= test.low


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    found = span(type_, value)
    return found is not None and compare(test, *found)
