"""Dates: every value and every search value is a half-open span [lo, hi) of UTC.

A date of a resource is as long as its precision; a Period runs from its start to the end of its end, open ends are the
ends of time; of a Timing only the outer limits count. https://hl7.org/fhir/R5/search.html#date
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.search import escapes
from fhirserver.search.kinds import ranges
from fhirserver.search.kinds.ranges import Prefix
from fhirserver.search.kinds.terms import Filter, Span
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ()
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
DAY = timedelta(days=1)

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class When:
    """A comparison with [low, high); for 'ap' the span is widened already."""

    prefix: Prefix
    low: datetime
    high: datetime
    wide: bool = True


Test = When


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value."""
    prefix, written = ranges.prefixed(escapes.plain(value, given), given)
    # In a URL that was not escaped, the plus of a time zone arrives as a blank.
    written = written.replace(" ", "+") if "T" in written else written
    try:
        span = fhirjson.interval(written)
    except BadRequest as error:
        raise BadRequest(error.issues[0].diagnostics, expression=given) from None
    low, high = span.low, span.high
    if prefix == "ap":
        slack = abs(fhirjson.now() - low) / 10
        low = low - slack if low - EARLIEST > slack else EARLIEST
        high = high + slack if LATEST - high > slack else LATEST
        low, high = _millis(low), _millis(high)
    return When(prefix, low, high, parameter.wide)


def _millis(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


# -- index -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _span(written: str) -> Interval | None:
    try:
        found = fhirjson.interval(written)
    except BadRequest:
        return None
    return found.low, found.high


def span(type_: str, value: Any) -> Interval | None:
    """The span of a value; None for what has no time in it."""
    if isinstance(value, str):
        return _span(value)
    if not isinstance(value, dict):
        return None
    match type_:
        case "Period":
            return _period(value)
        case "Timing":
            events = [found for each in value.get("event") or () if each and (found := _span(each))]
            outer = _period((value.get("repeat") or {}).get("boundsPeriod") or {})
            spans = [*events, outer] if outer else events
            return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
        case "Extension":
            return next((span("dateTime", v) for k, v in value.items() if k in ("valueDate", "valueDateTime")), None)
    return None


def _period(value: dict[str, Any]) -> Interval | None:
    start, end = value.get("start"), value.get("end")
    first = _span(start) if start else None
    last = _span(end) if end else None
    if first is None and last is None:
        return None
    low = first[0] if first else EARLIEST
    high = last[1] if last else LATEST
    return (low, high) if low < high else (low, low + timedelta(milliseconds=1))


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, ends = parameter.code, f"{parameter.code}{ranges.ENDS}" if parameter.wide else None

    def index(value: Any, sink: Sink) -> None:
        found = span(type_, value)
        if found:
            sink.x += elements(code, ends, *found)
            sink.sort(code, found[0])

    return index


def elements(code: str, ends: str | None, low: datetime, high: datetime) -> list[dict[str, Any]]:
    """The elements of x for a span; `ends` is the key of its end, if one is kept."""
    whole = {"k": code, "lo": low, "hi": high}
    return [whole] if ends is None else [whole, {"k": ends, "lo": high}]


# -- query -----------------------------------------------------------------------------------------------------------


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    low, high = test.low, test.high
    contained = {"lo": {"$gte": low, "$lt": high}, "hi": {"$lte": high}}
    match test.prefix:
        case "eq":
            return ranges.element(code, contained)
        case "ne":
            return ranges.element(code, {"$or": [{"lo": {"$lt": low}}, {"hi": {"$gt": high}}]})
        case "gt":
            return _ending(code, test, high)
        case "ge":
            return ranges.either(_ending(code, test, high), ranges.element(code, contained))
        case "lt":
            return ranges.element(code, {"lo": {"$lt": low}})
        case "le":
            return ranges.element(code, {"lo": {"$lt": high}, "$or": [{"lo": {"$lt": low}}, {"hi": {"$lte": high}}]})
        case "sa":
            return ranges.element(code, {"lo": {"$gte": high}})
        case "eb" if test.wide:
            return ranges.element(f"{code}{ranges.ENDS}", {"lo": {"$lte": low}})
        case "eb":
            return ranges.element(code, {"lo": {"$lt": low}, "hi": {"$lte": low}})
        case "ap":
            earliest = {} if test.wide else {"$gte": before(low)}
            return ranges.element(code, {"lo": {"$lt": high, **earliest}, "hi": {"$gt": low}})


def _ending(code: str, test: When, at: datetime) -> Filter:
    """Spans that end after an instant."""
    if test.wide:
        return ranges.element(f"{code}{ranges.ENDS}", {"lo": {"$gt": at}})
    return ranges.element(code, {"lo": {"$gte": before(at)}, "hi": {"$gt": at}})


def spans(code: str, test: Test) -> tuple[Span, ...]:
    """The parts of the index that hold all that a test may find."""
    low, high, ends = test.low, test.high, f"{code}{ranges.ENDS}"
    match test.prefix:
        case "eq":
            return (ranges.between(code, low, high),)
        case "ne":
            return (ranges.between(code),)
        case "gt":
            return (ranges.between(ends, high, after=True) if test.wide else ranges.between(code, before(high)),)
        case "ge":
            return (ranges.between(ends, low, after=True) if test.wide else ranges.between(code, before(low)),)
        case "lt":
            return (ranges.between(code, high=low),)
        case "le":
            return (ranges.between(code, high=high),)
        case "sa":
            return (ranges.between(code, high),)
        case "eb":
            return (ranges.between(ends, high=low, upto=True) if test.wide else ranges.between(code, high=low),)
        case "ap" if test.wide:
            # What begins within, then what began before and ends after its beginning: first what ends soon after it.
            return (ranges.between(code, low, high), ranges.between(ends, low, after=True))
        case "ap":
            return (ranges.between(code, before(low), high),)


def before(at: datetime, length: timedelta = DAY) -> datetime:
    """A span of at most `length` that ends after `at` begins no earlier than this."""
    return at - length if at - EARLIEST > length else EARLIEST


# -- match -----------------------------------------------------------------------------------------------------------


def compare(test: When, low: datetime, high: datetime) -> bool:
    """R5's words on the ranges of the parameter and of the resource."""
    contained = test.low <= low and high <= test.high
    match test.prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "gt":
            return high > test.high
        case "lt":
            return low < test.low
        case "ge":
            return high > test.high or contained
        case "le":
            return low < test.low or contained
        case "sa":
            return low >= test.high
        case "eb":
            return high <= test.low
        case "ap":
            return low < test.high and high > test.low


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    found = span(type_, value)
    return found is not None and compare(test, *found)
