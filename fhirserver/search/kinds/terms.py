"""Conditions on postings, which the kinds that compare by equality or by a beginning share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fhirserver.search.sink import LONGEST, bounded

Filter = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an index in its order, which holds all that a condition may find: where a page can be read from.

    Of the postings (`t`) those from `low` to `high`; of the ranges (`x`) the elements `k` with beginnings from `low` to
    `high`. None is without end; `after` leaves out what is `low`, `upto` includes what is `high`.
    """

    field: Literal["t", "x"]
    k: str
    low: Any = None
    high: Any = None
    after: bool = False
    upto: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing can lie in it."""
        if self.low is None or self.high is None:
            return False
        return bool(self.low > self.high) or (self.low == self.high and (self.after or not self.upto))


def term(code: str, suffix: str, sign: str = "|") -> Filter:
    """Documents that have the posting code|suffix."""
    return {"t": bounded(f"{code}{sign}{suffix}")}


def beginning(code: str, prefix: str, sign: str = "|") -> Filter:
    """Documents that have a posting code|prefix…; a range, never a pattern."""
    low = f"{code}{sign}{prefix}"[: LONGEST - 100]
    return {"t": {"$elemMatch": {"$gte": low, "$lt": low + "\U0010ffff"}}}


def spans(found: Filter) -> tuple[Span, ...] | None:
    """The parts of the postings that a condition on them alone reads; None when it is none of equality or beginning."""
    if found.keys() == {"$or"}:
        parts = [spans(each) for each in found["$or"]]
        return None if None in parts else tuple(span for part in parts if part for span in part)
    if found.keys() != {"t"}:
        return None
    wanted = found["t"]
    if isinstance(wanted, str):
        return (Span("t", "", wanted, wanted, upto=True),)
    if "$in" in wanted:
        return tuple(Span("t", "", each, each, upto=True) for each in wanted["$in"])
    if "$elemMatch" in wanted:
        ends = wanted["$elemMatch"]
        # Nothing lies between a string and the same with the least sign behind it.
        low = ends["$gte"] if "$gte" in ends else ends["$gt"] + "\0"
        return (Span("t", "", low, ends["$lt"] if "$lt" in ends else ends["$lte"] + "\0"),)
    return None


def present(code: str, sign: str = "|") -> Filter:
    """Documents that have any posting of the parameter."""
    return {"t": {"$elemMatch": {"$gte": f"{code}{sign}", "$lt": f"{code}{chr(ord(sign) + 1)}"}}}


def quote(text: str) -> str:
    """A part of a posting, free of the separators."""
    if "|" in text or "%" in text:
        return text.replace("%", "%25").replace("|", "%7C")
    return text


def join(parts: Sequence[str]) -> str:
    """The parts of a composite's posting, each whole."""
    return "$".join(part.replace("%", "%25").replace("$", "%24") for part in parts)
