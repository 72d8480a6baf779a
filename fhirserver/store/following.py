"""What searches within searches ask of other resources: whom they refer to, whom they hold; never more than a limit.

All is read in a stream, heads and references alone, and no further than to the first one beyond the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fhirserver.search.kinds import date
from fhirserver.store.codec import Document
from fhirserver.store.context import Context
from fhirserver.store.members import OPEN

_BATCH = 2000


async def referred(
    ctx: Context, type: str, filter: Mapping[str, Any], prefixes: Sequence[str], limit: int
) -> list[str]:
    """The ids behind postings of these beginnings, such as 'subject|Patient/', in the documents that match, each once.

    Ends at `limit`; TooCostly when it takes too long.
    """
    found = _postings(ctx, type, filter, prefixes)
    return await _distinct(ctx, found, lambda row: row["t"], prefixes, limit)


async def canonicals(
    ctx: Context, type: str, filter: Mapping[str, Any], prefixes: Sequence[str], limit: int
) -> list[str]:
    """The URLs behind postings of these beginnings, such as 'url|', in the documents that match; see `referred`."""
    found = _postings(ctx, type, filter, prefixes)
    return await _distinct(ctx, found, lambda row: row["t"], prefixes, limit, whole=True)


def _postings(ctx: Context, type: str, filter: Mapping[str, Any], prefixes: Sequence[str]) -> Any:
    """A cursor over the documents that match, with no more than their postings of these beginnings."""
    wanted = [{"$and": [{"$gte": ["$$p", low]}, {"$lt": ["$$p", high]}]} for low, high in map(_range, prefixes)]
    some = {"_id": 0, "t": {"$filter": {"input": "$t", "as": "p", "cond": {"$or": wanted}}}}
    found = ctx.plain(type).find(dict(filter), some, batch_size=_BATCH, session=ctx.session)
    return found.max_time_ms(ctx.search_timeout_ms)


async def held(
    ctx: Context, groups: Sequence[str], prefixes: Sequence[str], limit: int, at: datetime | None = None
) -> list[str]:
    """The ids behind the members of Groups whose references begin so, such as 'Patient/', each once; see `referred`.

    With `at` only those that are active members then.
    """
    where = {"g": {"$in": list(groups)}, "to": OPEN, "$or": [_between("e", prefix) for prefix in prefixes]}
    if at is not None:
        where["m.inactive"] = {"$ne": True}
    rows = ctx.members.find(where, {"_id": 0, "e": 1, "m.period": 1}, batch_size=_BATCH, session=ctx.session)
    rows = rows.max_time_ms(ctx.search_timeout_ms)

    def references(row: Document) -> list[str]:
        return [row["e"]] if at is None or _during(row.get("m", {}).get("period"), at) else []

    return await _distinct(ctx, rows, references, prefixes, limit)


async def holding(ctx: Context, references: Sequence[str], limit: int) -> list[str]:
    """The ids of Groups that have one of these references as a member now, each once; see `referred`."""
    where = {"e": {"$in": list(references)}, "to": OPEN}
    rows = ctx.members.find(where, {"_id": 0, "g": 1}, batch_size=_BATCH, session=ctx.session)
    return await _distinct(ctx, rows.max_time_ms(ctx.search_timeout_ms), lambda row: [row["g"]], [""], limit)


async def entries(
    ctx: Context, type: str, id: str, array: str, reference: str, prefixes: Sequence[str], limit: int, at: datetime
) -> list[str]:
    """The ids behind references of the elements of an array of a resource, such as entry and item; see `referred`.

    Elements that are marked as deleted, and whose time does not hold `at`, are left out.
    """
    field = f"e.{reference}.reference"
    stages: list[Document] = [
        {"$match": {"_id": id, "gone": False}},
        {"$project": {"_id": 0, "e": f"$r.{array}"}},
        {"$unwind": "$e"},
        {"$match": {"e.deleted": {"$ne": True}, "$or": [_between(field, prefix) for prefix in prefixes]}},
        {"$project": {"e": f"${field}", "p": {"$ifNull": ["$e.coveragePeriod", "$e.period"]}}},
    ]
    rows: Any = ctx.plain(type).aggregate(
        stages, session=ctx.session, maxTimeMS=ctx.search_timeout_ms, batchSize=_BATCH
    )
    if hasattr(rows, "__await__"):  # PyMongo's is a coroutine, Motor's is not
        rows = await rows
    return await _distinct(ctx, rows, lambda row: [row["e"]] if _during(row.get("p"), at) else [], prefixes, limit)


async def _distinct(
    ctx: Context,
    rows: Any,
    texts: Callable[[Document], Sequence[str]],
    prefixes: Sequence[str],
    limit: int,
    *,
    whole: bool = False,
) -> list[str]:
    found: dict[str, None] = {}
    with ctx.translated():
        try:
            async for row in rows:
                for text in texts(row):
                    prefix = next((each for each in prefixes if text.startswith(each)), None)
                    if prefix is not None:
                        end = text[len(prefix) :]
                        # Of a reference to a version the version comes after the id.
                        found[end if whole else end.partition("/")[0]] = None
                if len(found) >= limit:
                    break
        finally:
            await rows.close()
    return list(found)[:limit]


def _during(period: Any, at: datetime) -> bool:
    span = date.span("Period", period) if period else None
    return span is None or span[0] <= at < span[1]


def _between(field: str, prefix: str) -> Document:
    low, high = _range(prefix)
    return {field: {"$gte": low, "$lt": high}}


def _range(prefix: str) -> tuple[str, str]:
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
