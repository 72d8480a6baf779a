"""Tests that only _filter asks for: whole strings, their ends and order, dates that hold one, and values that differ.

A value that differs is one of its own: 'code ne a' finds what has the codes a and b, which ':not' does not.
https://hl7.org/fhir/R5/search_filter.html#ops
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fhirserver.search import text
from fhirserver.search.kinds import date, ranges, string, terms, token, token_index
from fhirserver.search.kinds.terms import Filter, quote
from fhirserver.search.systems import same

Order = Literal["gt", "lt", "ge", "le"]


@dataclass(frozen=True, slots=True)
class Whole:
    """A string that is this from its beginning to its end; normalised."""

    text: str


@dataclass(frozen=True, slots=True)
class Ends:
    """A string that ends so; normalised."""

    text: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """Strings before or after this one, by the code points of what is normalised; shorter than text.TERM."""

    order: Order
    text: str


@dataclass(frozen=True, slots=True)
class OtherString:
    """A string that is not this; normalised, shorter than text.TERM."""

    text: str


@dataclass(frozen=True, slots=True)
class OtherToken:
    """A code that is not this one; `bare` where the parameter's values never have a system."""

    token: token.Token
    bare: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """A span of time that holds all of [low, high)."""

    low: datetime
    high: datetime
    wide: bool = True


Test = Whole | Ends | Ordered | OtherString | OtherToken | Holds


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    match test:
        case Whole(whole):
            found = terms.term(code, whole[: text.TERM])
            return found if len(whole) < text.TERM else {"$and": [found, {f"f.{code}": whole}]}
        case Ends(end):
            return {f"f.{code}": {"$regex": re.escape(end) + "$"}}
        case Ordered(order, bound):
            return _ordered(f"{code}|", order, bound)
        case OtherString(whole):
            return _other(f"{code}|", f"{code}}}", f"{code}|{whole}", empty=True)
        case OtherToken(token.Token(None, wanted, _), _):
            return _other(f"{code}|", f"{code}}}", f"{code}|{quote(wanted)}")
        case OtherToken(_, True):
            return {"t": {"$elemMatch": {"$gt": f"{code}|", "$lt": f"{code}}}"}}}
        case OtherToken(token.Token(system, wanted, _), _):
            # 'A' follows '@', and '}' follows '|'.
            low = f"{code}@{quote(system or '')}|{quote(wanted)}"
            return _other(f"{code}@", f"{code}A", low, None if wanted else low[:-1] + "}")
        case Holds(low, high):
            inside: Filter = {"lo": {"$lte": low}, "hi": {"$gte": high}}
            return ranges.element(code, inside)


def _ordered(prefix: str, order: Order, bound: str) -> Filter:
    first, last, at = prefix, prefix[:-1] + "}", prefix + bound
    match order:
        case "gt":
            return {"t": {"$elemMatch": {"$gt": at, "$lt": last}}}
        case "ge":
            return {"t": {"$elemMatch": {"$gte": at, "$lt": last}}}
        case "lt":
            return {"t": {"$elemMatch": {"$gte": first, "$lt": at}}}
        case "le":
            return {"t": {"$elemMatch": {"$gte": first, "$lte": at}}}


def _other(first: str, last: str, low: str, high: str | None = None, *, empty: bool = False) -> Filter:
    """Documents with a posting in (first, last) but `low`, or but [low, high); `first` itself with `empty`.

    The posting that is nothing but its beginning says of a token that there is a value without a code.
    """
    above = {"$gt": low, "$lt": last} if high is None else {"$gte": high, "$lt": last}
    below = {"$gte" if empty else "$gt": first, "$lt": low}
    return {"$or": [{"t": {"$elemMatch": below}}, {"t": {"$elemMatch": above}}]}


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    match test:
        case Whole() | Ends() | Ordered() | OtherString():
            return any(_string(test, text.normalise(each)) for each in string.strings(type_, value))
        case OtherToken(wanted, bare):
            return any(_differs(wanted, bare, *pair) for pair in token_index.pairs(type_, value))
        case Holds(low, high):
            found = date.span(type_, value)
            return found is not None and found[0] <= low and high <= found[1]


def _string(test: Whole | Ends | Ordered | OtherString, value: str) -> bool:
    match test:
        case Whole(whole):
            return value == whole
        case Ends(end):
            return value.endswith(end)
        case Ordered("gt", bound):
            return value > bound
        case Ordered("ge", bound):
            return value >= bound
        case Ordered("lt", bound):
            return value < bound
        case Ordered("le", bound):
            return value <= bound
        case OtherString(whole):
            return value != whole
    raise TypeError(test)


def _differs(wanted: token.Token, bare: bool, system: str | None, code: str | None) -> bool:
    """A code without a system is asked of codes alone; a system without a code differs from every code in a system."""
    if not code and (wanted.system is None or bare or not system):
        return False
    written = (code or "").casefold() if wanted.fold else (code or "")
    here = wanted.system is None or same(system or "") == wanted.system
    return not (here and (not wanted.code or written == wanted.code))
