"""One query to MongoDB, as the segments of a search ask it.

https://www.mongodb.com/docs/manual/reference/method/cursor.min/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhirserver.search.kinds.terms import Filter

Keys = tuple[tuple[str, int], ...]
Bound = tuple[tuple[str, Any], ...]
Position = tuple[Any, ...]

POSTINGS: Final = "postings"
RANGES: Final = "ranges"


@dataclass(frozen=True, slots=True)
class Ask:
    """One query: a filter in an order, or the part of an index from `low` to before `high` in the index's own order.

    `fields` are what a row has beside its id and version: stored ones by 1, computed ones by what computes them.
    """

    filter: Filter
    sort: Keys = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    index: str | None = None
    low: Bound = ()
    high: Bound = ()
    computed: bool = False


def and_(*filters: Filter) -> Filter:
    """All of them, without an $and inside an $and."""
    parts = [part for each in filters for part in (each["$and"] if each.keys() == {"$and"} else (each,)) if part]
    return parts[0] if len(parts) == 1 else {"$and": parts} if parts else {}
