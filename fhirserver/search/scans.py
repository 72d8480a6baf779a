"""Segments that read the index of postings or of ranges in its own order, where a resource has several entries.

A resource is met at its first entry. https://www.mongodb.com/docs/manual/core/indexes/index-types/index-multikey/
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.search.asks import POSTINGS, RANGES, Ask, Position, and_
from fhirserver.search.kinds.terms import Filter, Span

_LAST: Final = "\U0010ffff"
"""Behind every id."""

_KEY: Final = "key"


@dataclass(frozen=True, slots=True)
class Scan:
    """In the order of an index with several entries a resource, each where its first entry in the span is.

    What has an entry in one of the `earlier` spans was found there. With `several`, this is the first of several scans
    of postings, whose `filter` names all of their spans; `alike` if what it asks beside them is the same for each.
    """

    filter: Filter
    span: Span
    earlier: tuple[Span, ...] = ()
    several: bool = False
    alike: bool = False

    def together(self) -> Ask:
        """The query that finds what all scans find, in no order."""
        return Ask(self.filter, fields={_KEY: {"$meta": "indexKey"}}, index=POSTINGS)

    def holds(self, position: Position) -> bool:
        """Whether a position among postings lies in the span."""
        term, span = position[0], self.span
        return bool(span.low <= term and (term <= span.high if span.upto else term < span.high))

    def asks(self, after: Position | None) -> tuple[Ask, ...]:
        """The query behind a position: the key of the index."""
        span = self.span
        seen = [_without(each) for each in self.earlier]
        names = ("t", "w", "o") if span.field == "t" else ("x.k", "x.lo", "_id")
        low, high = _bounds(span)
        if after is not None:
            low = (*after[:-1], after[-1] + "\0")
            seen += _seen(span, after)
        ask = Ask(
            and_(self.filter, *seen),
            fields={_KEY: {"$meta": "indexKey"}},
            index=POSTINGS if span.field == "t" else RANGES,
            low=tuple(zip(names, low, strict=True)),
            high=tuple(zip(names, high, strict=True)),
        )
        return (ask,)

    def position(self, row: Mapping[str, Any]) -> Position:
        """Where a row lies."""
        return tuple(row[_KEY].values())


@dataclass(frozen=True, slots=True)
class Points:
    """In the order of many terms: each resource at the first of them that it has; `terms` ascend, `filter` is the rest.

    So many that merging their resources into one order would cost more than the page. The filter is not of terms, which
    the database might follow instead.
    """

    filter: Filter
    terms: tuple[str, ...]

    def asks(self, after: Position | None) -> tuple[Ask, ...]:
        """The queries behind a position: what is left of its own term, and the terms behind it."""
        key = {_KEY: {"$meta": "indexKey"}}
        if after is None:
            return (Ask(and_({"t": {"$in": list(self.terms)}}, self.filter), fields=key, index=POSTINGS),)
        at = bisect_left(self.terms, after[0])
        passed: Filter = _having_none(self.terms[:at])
        ahead = self.terms[bisect_right(self.terms, after[0]) :]
        found = Scan(and_(passed, self.filter), Span("t", "", after[0], after[0], upto=True)).asks(after)
        if not ahead:
            return found
        passed = _having_none((*self.terms[:at], after[0]))
        rest = and_({"t": {"$in": list(ahead)}}, passed, self.filter)
        return (*found, Ask(rest, fields=key, index=POSTINGS))

    def position(self, row: Mapping[str, Any]) -> Position:
        """Where a row lies."""
        return tuple(row[_KEY].values())


@dataclass(frozen=True, slots=True)
class Leap:
    """In the order of postings, those of the terms in a span that a pattern finds.

    Its terms are sought first, one after the other; `terms` make a segment of them. `filter` is not of terms.
    """

    filter: Filter
    span: Span
    pattern: re.Pattern[str]

    def seek(self, after: str | None) -> Ask:
        """The query whose first row has the next term of the span behind another."""
        (low, high), names = _bounds(self.span), ("t", "w", "o")
        if after is not None:
            low = (f"{after}\0", None, "")
        fields = {_KEY: {"$meta": "indexKey"}}
        return Ask({}, (), fields, POSTINGS, tuple(zip(names, low, strict=True)), tuple(zip(names, high, strict=True)))

    def beside(self, terms: Sequence[str]) -> Ask:
        """The query that finds a resource with a term of the span beside these; its position tells the term."""
        bounds = {"$gte": self.span.low, "$lte" if self.span.upto else "$lt": self.span.high, "$nin": list(terms)}
        return Ask({"t": {"$elemMatch": bounds}}, (), {_KEY: {"$meta": "indexKey"}}, POSTINGS)

    def points(self, terms: Sequence[str]) -> Points:
        """The segment of all terms of the span, without those that the pattern does not find."""
        return Points(self.filter, tuple(term for term in terms if self.pattern.search(term)))

    def asks(self, after: Position | None) -> tuple[Ask, ...]:
        """No query before its terms are known."""
        return ()

    def position(self, row: Mapping[str, Any]) -> Position:
        """Where a row lies."""
        return tuple(row[_KEY].values())


def _bounds(span: Span) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first key of a span and the first behind it; null comes before every number, string and date."""
    if span.field == "t":
        return (span.low, None, ""), (f"{span.high}\0" if span.upto else span.high, None, "")
    low = (span.k, span.low, _LAST if span.after else "")
    high = (f"{span.k}\0", None, "") if span.high is None else (span.k, span.high, _LAST if span.upto else "")
    return low, high


def _seen(span: Span, after: Position) -> list[Filter]:
    """What was not found before a position: neither by an earlier key, nor by the position's own in another place."""
    if span.field == "t":
        term, class_, key = after
        passed: Filter = {"$or": [{"w": {"$lt": class_}}, {"w": class_, "o": {"$lte": key}}]}
        same: Filter = {"t": term}
        before = Span("t", "", span.low, term, span.after)
    else:
        k, low, id_ = after
        passed = {"_id": {"$lte": id_}}
        same = {"x": {"$elemMatch": {"k": k, "lo": low}}}
        before = Span("x", k, span.low, low, span.after)
    found: list[Filter] = [{"$nor": [{"$and": [same, passed]}]}]
    return found if before.is_empty else [_without(before), *found]


def _having_none(terms: tuple[str, ...]) -> Filter:
    # No index follows the negation of an $elemMatch; by a $nin, also as $nor, it would read all that is between.
    return {"t": {"$not": {"$elemMatch": {"$in": list(terms)}}}} if terms else {}


def _without(span: Span) -> Filter:
    """Resources that have no entry in a span."""
    bounds: Filter = {}
    if span.low is not None:
        bounds["$gt" if span.after else "$gte"] = span.low
    if span.high is not None:
        bounds["$lte" if span.upto else "$lt"] = span.high
    if span.field == "t":
        return {"t": {"$not": {"$elemMatch": bounds}}}
    element = {"k": span.k, "lo": bounds} if bounds else {"k": span.k}
    return {"x": {"$not": {"$elemMatch": element}}}
