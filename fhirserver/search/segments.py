"""The segments of a search: each a query that reads an index in its order, so that any page costs what it returns.

A page reads segment after segment until it is full; it goes on behind the position of its last resource, whatever was
written in between. https://hl7.org/fhir/R5/http.html#paging, https://www.mongodb.com/docs/manual/core/indexes/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhirserver.search import order
from fhirserver.search.asks import Ask, Keys, Position, and_
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.scans import Leap, Points, Scan


@dataclass(frozen=True, slots=True)
class Window:
    """A class of the type's order, and the part of its order keys that a condition on the main date leaves."""

    class_: int
    low: str | None = None
    high: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """In the order of the type's places, or, `direction` set, of its main date."""

    filter: Filter
    windows: tuple[Window, ...] | None = None
    direction: int = 0

    def asks(self, after: Position | None) -> tuple[Ask, ...]:
        """The query behind a position (class, order key)."""
        sort: Keys = (("o", self.direction),) if self.direction else (("w", 1), ("o", 1))
        branches = self._branches(after)
        if branches == [{}]:
            found = self.filter
        elif len(branches) == 1:
            found = and_(self.filter, branches[0])
        else:
            # Whole alternatives: only so are all of an index's bounds tight in each.
            found = {"$or": [and_(self.filter, branch) for branch in branches]} if branches else {"_id": {"$in": []}}
        return (Ask(found, sort, {"w": 1, "o": 1}),)

    def _branches(self, after: Position | None) -> list[Filter]:
        if self.windows is None:
            if self.direction:
                classes: Filter = {"w": {"$in": [order.NONE, *order.LENGTHS]}}
                return [classes if after is None else {**classes, "o": {_beyond(self.direction): after[1]}}]
            if after is None:
                return [{}]
            return [{"w": after[0], "o": {"$gt": after[1]}}, {"w": {"$gt": after[0]}}]
        found: list[Filter] = []
        for window in self.windows:
            bounds: Filter = {}
            if window.low is not None:
                bounds["$gte"] = window.low
            if window.high is not None:
                bounds["$lt"] = window.high
            if after is not None and (self.direction or window.class_ <= after[0]):
                if not self.direction and window.class_ < after[0]:
                    continue
                bounds = _tightened(bounds, _beyond(self.direction or 1), after[1])
            found.append({"w": window.class_, "o": bounds} if bounds else {"w": window.class_})
        return found

    def position(self, row: Mapping[str, Any]) -> Position:
        """Where a row lies."""
        return row["w"], row["o"]


@dataclass(frozen=True, slots=True)
class Ordered:
    """In the order of the sort keys of one parameter: those that have one."""

    filter: Filter
    code: str
    direction: int
    whole: bool = False

    def asks(self, after: Position | None) -> tuple[Ask, ...]:
        """The queries behind a position (key,): descending also that of the resources whose highest key is another.

        Where all have a highest key, which `whole` says, that is the only one.
        """
        lowest, highest = f"s.{self.code}", f"s.{self.code}{order.HIGHEST}"
        bounds: Filter = {"$gt": ""}
        if after is not None:
            bounds = {**bounds, _beyond(self.direction): after[0]}
        fields, by = {lowest: 1, highest: 1}, self.direction
        if self.direction > 0:
            return (Ask(and_({lowest: bounds}, self.filter), ((lowest, by),), fields),)
        several = Ask(and_({highest: bounds}, self.filter), ((highest, by),), fields)
        if self.whole:
            return (several,)
        return Ask(and_({lowest: bounds, highest: None}, self.filter), ((lowest, by),), fields), several

    def position(self, row: Mapping[str, Any]) -> Position:
        """Where a row lies."""
        keys = row["s"]
        return (keys[self.code] if self.direction > 0 else keys.get(self.code + order.HIGHEST) or keys[self.code],)


@dataclass(frozen=True, slots=True)
class Keyed:
    """In the order of fields of the document: its id, or the instant of its version."""

    filter: Filter
    keys: Keys

    def asks(self, after: Position | None) -> tuple[Ask, ...]:
        """The query behind a position, a value for each key."""
        fields = {name: 1 for name, _ in self.keys if name != "_id"}
        if after is None:
            return (Ask(self.filter, self.keys, fields),)
        branches = behind(self.keys, after)
        whole = [and_(self.filter, branch) for branch in branches]
        return (Ask(whole[0] if len(whole) == 1 else {"$or": whole}, self.keys, fields),)

    def position(self, row: Mapping[str, Any]) -> Position:
        """Where a row lies."""
        return tuple(row[name] for name, _ in self.keys)


@dataclass(frozen=True, slots=True)
class Gathered:
    """By several sort keys: all that the filter finds is looked at, only a page of it is kept.

    A key is the codes of the parameters whose values make it, none for the main date, and whether results descend.
    """

    filter: Filter
    sort: tuple[tuple[tuple[str, ...], bool], ...]

    def asks(self, after: Position | None) -> tuple[Ask, ...]:
        """The query behind a position, a value for each key."""
        keys: Keys = (*((f"k{n}", -1 if down else 1) for n, (_, down) in enumerate(self.sort)), ("_id", 1))
        fields = {f"k{n}": _value(codes, down) for n, (codes, down) in enumerate(self.sort)}
        low = tuple(zip((name for name, _ in keys), after, strict=True)) if after else ()
        return (Ask(self.filter, keys, fields, low=low, computed=True),)

    def position(self, row: Mapping[str, Any]) -> Position:
        """Where a row lies."""
        return (*(row.get(f"k{n}") for n in range(len(self.sort))), row["_id"])


Segment = Placed | Ordered | Keyed | Scan | Points | Leap | Gathered


def _value(codes: tuple[str, ...], down: bool) -> Any:
    """What computes the value of a sort key without its end."""
    if codes in (("_id",), ("_lastUpdated",)):
        return "$_id" if codes == ("_id",) else "$at"
    if not codes:
        return {"$cond": [{"$gt": ["$w", order.NONE]}, {"$substrBytes": ["$o", 0, order.DIGITS]}, None]}
    # Codes of search parameters, plain in a path of fields.
    keys: list[Any] = [f"$s.{code}" for code in codes]
    if down:
        keys = [{"$ifNull": [f"{key}{order.HIGHEST}", key]} for key in keys]
    key = keys[0] if len(keys) == 1 else {"$max" if down else "$min": keys}
    return {"$ifNull": [{"$arrayElemAt": [{"$split": [key, order.END]}, 0]}, None]}


def behind(keys: Keys, after: Position) -> list[Filter]:
    """The alternatives of what comes after an item in the order of `keys`; none when nothing can.

    MongoDB sorts a missing value as null, before every other; its comparisons never match null.
    """
    branches: list[Filter] = []
    ties: Filter = {}
    for (name, direction), value in zip(keys, after, strict=True):
        if value is None and direction > 0:
            branches.append({**ties, name: {"$ne": None}})
        elif value is not None:
            branches.append({**ties, name: {_beyond(direction): value}})
            if direction < 0 and name not in ("_id", "at"):
                branches.append({**ties, name: None})
        ties = {**ties, name: {"$eq": value}}
    return branches


def _beyond(direction: int) -> str:
    return "$gt" if direction > 0 else "$lt"


def _tightened(bounds: Filter, operator: str, value: str) -> Filter:
    if operator == "$gt":
        low = bounds.get("$gte")
        return bounds if low is not None and low > value else {**_but(bounds, "$gte"), "$gt": value}
    high = bounds.get("$lt")
    return bounds if high is not None and high < value else {**bounds, "$lt": value}


def _but(bounds: Filter, name: str) -> Filter:
    return {each: value for each, value in bounds.items() if each != name}
