"""What conditions on the main date of a type leave of the order that its resources lie in.

https://hl7.org/fhir/R5/search.html#date
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from fhirserver.resources.registry import Release
from fhirserver.search import order
from fhirserver.search.ast import Node, Param
from fhirserver.search.kinds import date
from fhirserver.search.segments import Window


def windows(release: Release, type_: str, conjuncts: Sequence[Node]) -> tuple[Window, ...] | None:
    """The parts of the type's order that conditions on its main date leave; None when there are no conditions."""
    tests = list(_dates(release, type_, conjuncts))
    if not tests:
        return None
    found: list[Window] = []
    for class_, length in order.LENGTHS.items():
        if any(_excludes(test, class_) for test in tests):
            continue
        bounds = [_bounds(test, class_, length) for test in tests]
        low = max((low for low, _ in bounds if low is not None), default=None)
        high = min((high for _, high in bounds if high is not None), default=None)
        if low is None or high is None or low < high:
            found.append(Window(class_, low, high))
    return tuple(found)


def _dates(release: Release, type_: str, conjuncts: Sequence[Node]) -> Iterable[date.When]:
    main = order.main_date(release, type_)
    for each in conjuncts:
        if isinstance(each, Param) and each.code == main and isinstance(each.test, date.When):
            yield each.test


def wanted(release: Release, type_: str, conjuncts: Sequence[Node]) -> bool:
    """Whether the order of the type bounds its main date better than the index of ranges: both ways, or by length."""
    tests = list(_dates(release, type_, conjuncts))
    return len(tests) > 1 or tests[0].prefix == "ap" or any(_excludes(tests[0], each) for each in order.LENGTHS)


def _excludes(test: date.When, class_: int) -> bool:
    """Whether the spans of a class are too long to lie within what is asked for."""
    return test.prefix == "eq" and class_ > order.MOMENTS and test.high - test.low <= order.LENGTHS[class_ - 1]


def _bounds(test: date.When, class_: int, length: timedelta) -> tuple[str | None, str | None]:
    """Where the order key of a resource of a class can lie that satisfies a test."""
    low, high = order.instant(test.low), order.instant(test.high)
    upper = {"eq": high, "le": high, "ap": high, "lt": low, "eb": low}.get(test.prefix)
    if class_ == order.LONG:
        return None, upper
    match test.prefix:
        case "eq":
            return low, upper
        case "sa":
            return high, upper
        case "gt":
            return order.instant(date.before(test.high, length)), upper
        case "ge" | "ap":
            return order.instant(date.before(test.low, length)), upper
    return None, upper
