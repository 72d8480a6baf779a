"""The tests of all kinds but composite, and the one table that says which module queries and matches each."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, get_args

from fhirserver.search.kinds import (
    date,
    displays,
    filtered,
    fulltext,
    near,
    number,
    quantity,
    reference,
    string,
    terms,
    token,
    uri,
)
from fhirserver.search.kinds.terms import Filter, Span

Test = (
    token.Test
    | string.Test
    | reference.Test
    | uri.Test
    | date.Test
    | number.Test
    | quantity.Test
    | near.Test
    | fulltext.Test
    | displays.Test
    | filtered.Test
)

_Query = Callable[[str, Any], Filter]
_Match = Callable[[Any, str, Any], bool]

_KINDS: MappingProxyType[type, tuple[_Query, _Match]] = MappingProxyType(
    {
        **dict.fromkeys(get_args(token.Test), (token.to_mongo, token.matches)),
        **dict.fromkeys((string.Starts, string.Contains, string.Says, string.Exact), (string.to_mongo, string.matches)),
        **dict.fromkeys(
            (reference.Ref, reference.RefIn, reference.Identifier, reference.Display, reference.Versions),
            (reference.to_mongo, reference.matches),
        ),
        **dict.fromkeys((uri.Uri, uri.Below, uri.Contains), (uri.to_mongo, uri.matches)),
        near.Near: (near.to_mongo, near.matches),
        displays.Shown: (displays.to_mongo, displays.matches),
        fulltext.Words: (fulltext.to_mongo, fulltext.matches),
        date.When: (date.to_mongo, date.matches),
        number.Number: (number.to_mongo, number.matches),
        quantity.Quantity: (quantity.to_mongo, quantity.matches),
        **dict.fromkeys(get_args(filtered.Test), (filtered.to_mongo, filtered.matches)),
    }
)


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test on the parameter `code`."""
    return _KINDS[type(test)][0](code, test)


def spans(code: str, test: Test) -> tuple[Span, ...] | None:
    """The parts of an index that hold all that a test may find; None for a test that no index answers."""
    match test:
        case date.When():
            return date.spans(code, test)
        case number.Number():
            return number.spans(code, test)
        case quantity.Quantity():
            return quantity.spans(code, test)
        case near.Near():
            return near.spans(code, test)
        case fulltext.Words():
            return fulltext.spans(code, test)
        case string.Starts() | string.Contains() | string.Says() | string.Exact():
            return string.spans(code, test)
    return terms.spans(to_mongo(code, test))


def pattern(code: str, test: Test) -> re.Pattern[str] | None:
    """What finds the postings of a test that are neither its own nor begin like it; None for any other test."""
    match test:
        case uri.Contains():
            return uri.sought(code, test)
        case displays.Shown():
            return displays.sought(code, test)
    return None


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    return _KINDS[type(test)][1](test, type_, value)
