"""Resources of several types in one order, by id or by the time of their last change: the next page of them.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/unionWith/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fhirserver.store.codec import Document
from fhirserver.store.context import Context
from fhirserver.store.walks import Step, Stretch

Field = Literal["_id", "at"]
Key = tuple[Field, bool]
"""What to sort by, and whether descending."""
Place = tuple[str | datetime, ...]
"""Where a resource stands: the values of the keys, and its type."""


@dataclass(frozen=True, slots=True)
class Met:
    """A resource of a page, and where it stands in the order."""

    step: Step
    place: Place


async def merged(
    ctx: Context, stretches: Sequence[Stretch], keys: Sequence[Key], after: Place | None, limit: int
) -> list[Met]:
    """The next `limit` resources of these stretches, each of another type; TooCostly when it takes too long.

    `keys` end with the id, and ties go by type in the last key's direction. One round trip; in a transaction, which
    takes no union, one a stretch.
    """
    if not stretches or limit <= 0:
        return []
    own = [_stages(at, stretch, keys, after, limit) for at, stretch in enumerate(stretches)]
    order: dict[str, int] = {field: -1 if down else 1 for field, down in keys}
    order["ty"] = -1 if keys[-1][1] else 1
    if ctx.session is None:
        union = [
            {"$unionWith": {"coll": stretch.type, "pipeline": stages}}
            for stretch, stages in zip(stretches[1:], own[1:], strict=True)
        ]
        rows = await _rows(ctx, stretches[0].type, [*own[0], *union, {"$sort": order}, {"$limit": limit}])
    else:
        rows = [
            row
            for stretch, stages in zip(stretches, own, strict=True)
            for row in await _rows(ctx, stretch.type, stages)
        ]
        for field, sign in reversed(order.items()):
            rows.sort(key=lambda row: row[field], reverse=sign < 0)
        rows = rows[:limit]
    return [Met(Step(row["n"], row["ty"], row["_id"], row["v"]), tuple(row[field] for field in order)) for row in rows]


def _stages(at: int, stretch: Stretch, keys: Sequence[Key], after: Place | None, limit: int) -> list[Document]:
    wanted: Document = dict(stretch.filter)
    if after is not None:
        wanted = {"$and": [wanted, _beyond(stretch.type, keys, after)]}
    some = {"v": 1, "at": 1, "n": {"$literal": at}, "ty": {"$literal": stretch.type}}
    order = {field: -1 if down else 1 for field, down in keys}
    return [{"$match": wanted}, {"$sort": order}, {"$limit": limit}, {"$project": some}]


def _beyond(type: str, keys: Sequence[Key], after: Place) -> Document:
    """What of a type comes after a place in the order."""
    *values, last = after
    branches: list[Document] = []
    ties: Document = {}
    for (field, down), value in zip(keys, values, strict=True):
        branches.append({**ties, field: {"$lt" if down else "$gt": value}})
        ties = {**ties, field: value}
    if (type < str(last)) if keys[-1][1] else (type > str(last)):
        branches.append(ties)
    return {"$or": branches}


async def _rows(ctx: Context, type: str, pipeline: list[Document]) -> list[Document]:
    with ctx.translated():
        found: Any = ctx.plain(type).aggregate(pipeline, session=ctx.session, maxTimeMS=ctx.search_timeout_ms)
        if hasattr(found, "__await__"):  # PyMongo's is a coroutine, Motor's is not
            found = await found
        rows: list[Document] = await found.to_list(None)
    return rows
