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
from fhirserver.search.kinds.terms import Filter, Span
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
            sink.x += elements(code, *found)
            sink.sort(code, found[0])

    return index


def elements(code: str, low: Decimal, high: Decimal, more: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The elements of x for a closed range; only one that is more than a point has an end of its own."""
    whole = {"k": code, "lo": low, "hi": high, **(more or {})}
    return [whole] if low == high else [whole, {"k": f"{code}{ranges.ENDS}", "lo": high, **(more or {})}]


def to_mongo(code: str, test: Test, extra: Filter | None = None) -> Filter:
    """The filter of a test; `extra` is asked of the same element."""
    value, low, high = test.value, test.low, test.high
    match test.prefix:
        case "eq":
            return ranges.element(code, {"lo": {"$gte": low, "$lt": high}, "hi": {"$lt": high}}, extra)
        case "ne":
            return ranges.element(code, {"$or": [{"lo": {"$lt": low}}, {"hi": {"$gte": high}}]}, extra)
        case "gt":
            return _ending(code, test, {"$gt": value}, extra)
        case "ge":
            return _ending(code, test, {"$gte": value}, extra)
        case "lt":
            return ranges.element(code, {"lo": {"$lt": value}}, extra)
        case "le":
            return ranges.element(code, {"lo": {"$lte": value}}, extra)
        case "sa":
            return ranges.element(code, {"lo": {"$gt": value}}, extra)
        case "eb":
            return ranges.element(code, {"lo": {"$lt": value}, "hi": {"$lt": value}}, extra)
        case "ap":
            earliest = {} if test.wide else {"$gte": low}
            return ranges.element(code, {"lo": {"$lte": high, **earliest}, "hi": {"$gte": low}}, extra)


def _ending(code: str, test: Number, end: Filter, extra: Filter | None) -> Filter:
    """A point is its own end; ranges have theirs apart."""
    points = ranges.element(code, {"lo": end}, extra)
    return ranges.either(points, ranges.element(f"{code}{ranges.ENDS}", {"lo": end}, extra)) if test.wide else points


def conditions(test: Test, low: str, high: str) -> Filter:
    """The conditions of a test on a closed range that lies in two fields."""
    match test.prefix:
        case "eq":
            return {low: {"$gte": test.low}, high: {"$lt": test.high}}
        case "ne":
            return {"$or": [{low: {"$lt": test.low}}, {high: {"$gte": test.high}}]}
        case "gt":
            return {high: {"$gt": test.value}}
        case "ge":
            return {high: {"$gte": test.value}}
        case "lt":
            return {low: {"$lt": test.value}}
        case "le":
            return {low: {"$lte": test.value}}
        case "sa":
            return {low: {"$gt": test.value}}
        case "eb":
            return {high: {"$lt": test.value}}
        case "ap":
            return {low: {"$lte": test.high}, high: {"$gte": test.low}}


def spans(code: str, test: Test) -> tuple[Span, ...]:
    """The parts of the index that hold all that a test may find."""
    value, low, high, ends = test.value, test.low, test.high, f"{code}{ranges.ENDS}"
    found: list[Span] = []
    match test.prefix:
        case "eq":
            found = [ranges.between(code, low, high)]
        case "ne":
            found = [ranges.between(code)]
        case "gt" | "ge":
            after = test.prefix == "gt"
            found = [ranges.between(code, value, after=after)]
            if test.wide:
                found.append(ranges.between(ends, value, after=after))
        case "lt" | "eb":
            found = [ranges.between(code, high=value)]
        case "le":
            found = [ranges.between(code, high=value, upto=True)]
        case "sa":
            found = [ranges.between(code, value, after=True)]
        case "ap":
            found = [ranges.between(code, low, high, upto=True)]
            if test.wide:
                found.append(ranges.between(ends, low))
    return tuple(found)


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
