"""Searching one type: segments in their order, and pages that continue where the last one ended.

https://hl7.org/fhir/R5/http.html#paging; keyset paging costs the same on every page, and no page is lost or
repeated when resources come and go in between.
"""

from __future__ import annotations

import heapq
import re
from bisect import insort
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

from fhirserver.errors import TooCostly
from fhirserver.search.asks import RANGES, Ask
from fhirserver.search.kinds.terms import Span
from fhirserver.search.scans import Leap, Scan
from fhirserver.search.segments import Keyed, Ordered, Placed, Segment, behind
from fhirserver.store.codec import Document
from fhirserver.store.context import Context
from fhirserver.store.documents import BODY, Page, Query, Version, stored_of
from fhirserver.store.reads import fetch, read_version, whole

Row = dict[str, Any]

_ANY = re.compile("")


async def find(ctx: Context, type: str, query: Query) -> Page:
    """A page of what a filter finds; TooCostly when the database takes longer than the setting search_timeout_s."""
    segment = Keyed(dict(query.filter), _complete(query.sort)) if query.sort else Placed(dict(query.filter))
    return await page(ctx, type, (segment,), query.limit, query.after)


async def page(
    ctx: Context, type: str, segments: Sequence[Segment], limit: int, after: tuple[Any, ...] | None = None
) -> Page:
    """A page of what segments find, behind the position (segment, its own position …); TooCostly as in `find`."""
    if limit <= 0:
        return Page([], None, False)
    with ctx.translated():
        met = await heads(ctx, type, segments, limit + 1, after)
        more, met = len(met) > limit, met[:limit]
        items = await bodies(ctx, type, [row for _, row in met])
    last = (met[-1][0], *segments[met[-1][0]].position(met[-1][1])) if met else None
    return Page(items, last, more)


async def heads(
    ctx: Context, type: str, segments: Sequence[Segment], limit: int, after: tuple[Any, ...] | None = None
) -> list[tuple[int, Row]]:
    """At most `limit` matches behind a position: the number of the segment, and a row with id, version and place."""
    if after is not None and not _is_position(segments, after):
        raise ValueError("the position is not one of this search")
    if segments and isinstance(segments[0], Leap):
        segments = await landed(ctx, type, segments[0], segments, after)
    begins = segments[0] if after is None and segments else None
    if isinstance(begins, Scan) and begins.several:
        # One query instead of one for each part of the index: all there is, or what comes first.
        every = await rows_of(ctx, type, begins.together(), limit)
        if len(every) < limit:
            return [(0, row) for row in every]
        if (
            begins.alike
            and (ordered := _in_order(segments, every))
            and await _nothing(ctx, type, segments[: ordered[0][0]])
        ):
            return ordered
    first, inner = (after[0], after[1:]) if after is not None else (0, None)
    met: list[tuple[int, Row]] = []
    for at in range(first, len(segments)):
        rows = await _rows(ctx, type, segments[at], inner if at == first else None, limit - len(met))
        met += [(at, row) for row in rows]
        if len(met) >= limit:
            break
    return met


def _in_order(segments: Sequence[Segment], rows: Sequence[Row]) -> list[tuple[int, Row]]:
    """The rows of scans that were asked for together, each with the number of its own.

    None at all if a scan may have been passed over: MongoDB reads the alternatives in an order of its own.
    """
    places = [segments[0].position(row) for row in rows]
    if any(place >= following for place, following in pairwise(places)):
        return []
    met: list[tuple[int, Row]] = []
    for place, row in zip(places, rows, strict=True):
        last = at = met[-1][0] if met else 0
        while at < len(segments) and not _holds(segments[at], place):
            at += 1
        if at == len(segments) or (met and at > last + 1):
            return []
        met.append((at, row))
    return met


def _holds(segment: Segment, place: tuple[Any, ...]) -> bool:
    return isinstance(segment, Scan) and segment.holds(place)


async def _nothing(ctx: Context, type: str, segments: Sequence[Segment]) -> bool:
    """Whether segments are empty."""
    return not [True for each in segments if await _rows(ctx, type, each, None, 1)]


def _is_position(segments: Sequence[Segment], after: tuple[Any, ...]) -> bool:
    return bool(after) and isinstance(after[0], int) and 0 <= after[0] < len(segments)


async def _rows(ctx: Context, type: str, segment: Segment, after: tuple[Any, ...] | None, limit: int) -> list[Row]:
    """The next rows of a segment in its order."""
    asks = segment.asks(after)
    if isinstance(segment, Ordered) and len(asks) > 1:
        several = [await rows_of(ctx, type, ask, limit) for ask in asks]
        return list(islice(heapq.merge(*several, key=segment.position, reverse=segment.direction < 0), limit))
    found: list[Row] = []
    for ask in asks:
        if len(found) < limit:
            found += await rows_of(ctx, type, ask, limit - len(found))
    return found


async def rows_of(ctx: Context, type: str, ask: Ask, limit: int) -> list[Row]:
    """At most `limit` rows of one query: id, version and its fields."""
    # Of all keys and fields that order a result, those of ranges alone are numbers.
    collection = ctx.of(type) if ask.index == RANGES or ask.computed else ctx.plain(type)
    if ask.computed:
        found: Any = collection.aggregate(
            stages(ask, limit), session=ctx.session, maxTimeMS=ctx.search_timeout_ms, batchSize=limit + 1
        )
        if hasattr(found, "__await__"):  # PyMongo's is a coroutine, Motor's is not
            found = await found
        gathered: list[Row] = await found.to_list(None)
        return gathered
    cursor = collection.find(ask.filter, {"v": 1, **ask.fields}, batch_size=limit + 1, session=ctx.session)
    if ask.sort:
        cursor = cursor.sort(list(ask.sort))
    if ask.index:
        cursor = cursor.hint(ask.index)
    if ask.low:
        cursor = cursor.min(list(ask.low)).max(list(ask.high))
    rows: list[Row] = await cursor.limit(limit).max_time_ms(ctx.search_timeout_ms).to_list(None)
    return rows


def stages(ask: Ask, limit: int) -> list[Document]:
    """The aggregation that computes the fields of a query and sorts by them; `low` is where it goes on."""
    found: list[Document] = [{"$match": ask.filter}, {"$project": {"v": 1, **ask.fields}}]
    if ask.low:
        branches = behind(ask.sort, tuple(value for _, value in ask.low))
        found.append({"$match": {"$or": branches} if branches else {"_id": {"$in": []}}})
    return [*found, {"$sort": dict(ask.sort)}, {"$limit": limit}]


FEW_LEAPS = 64
"""Different terms that are sought before a scan of a small type is taken for the cheaper way."""

MOST_LEAPS = 4_000
"""Different terms that are sought for one page; each takes a third of a millisecond."""


NEW_LEAPS = 8
"""Terms that may have come since a search remembered the others; with more of them all are sought again."""


async def landed(
    ctx: Context, type: str, leap: Leap, segments: Sequence[Segment], after: tuple[Any, ...] | None
) -> Sequence[Segment]:
    """The segments of a search that begins with a leap: its terms alone, or what follows it, where the type is small.

    A position says which of the two the first page was. TooCostly when there are very many terms.
    """
    if after is not None and after[0] != 0:
        return segments
    terms = await _remembered(ctx, type, leap)
    if terms is None:
        terms = []
        async for term in _terms(ctx, type, leap):
            terms.append(term)
            if len(terms) == FEW_LEAPS and after is None and await size(ctx, type) <= ctx.max_scanned:
                return segments
            if len(terms) >= MOST_LEAPS:
                raise TooCostly(
                    f"{type} has more than {MOST_LEAPS} different values that would have to be looked through: narrow "
                    "the search down by a parameter with a whole value, or ask for how a value begins."
                )
    ctx.leaps.remember((type, leap.span), terms)
    return (leap.points(terms),)


async def values(ctx: Context, type: str, span: Span, most: int) -> list[str] | None:
    """The different terms of a span of postings in their order; None when there are more than `most`."""
    every = Leap({}, span, _ANY)
    found = await _remembered(ctx, type, every)
    if found is None:
        found = []
        async for term in _terms(ctx, type, every):
            found.append(term)
            if len(found) > most:
                return None
    ctx.leaps.remember((type, span), found)
    return found if len(found) <= most else None


async def _terms(ctx: Context, type: str, leap: Leap) -> AsyncIterator[str]:
    """The terms of a leap's span, one query each."""
    last: str | None = None
    while rows := await rows_of(ctx, type, leap.seek(last), 1):
        last = leap.position(rows[0])[0]
        yield last


async def _remembered(ctx: Context, type: str, leap: Leap) -> list[str] | None:
    """The terms that an earlier search sought, with those that are new; None when there are none, or many new ones.

    Terms that no resource has any more do no harm.
    """
    terms = ctx.leaps.known((type, leap.span))
    for _ in range(NEW_LEAPS if terms else 0):
        rows = await rows_of(ctx, type, leap.beside(terms), 1)
        if not rows:
            return terms
        insort(terms, leap.position(rows[0])[0])
    return None


async def size(ctx: Context, type: str) -> int:
    """About how many resources of a type are stored, known without counting."""
    return int(await ctx.of(type).estimated_document_count())


async def bodies(ctx: Context, type: str, heads: list[dict[str, Any]]) -> list[Version]:
    """The versions of `heads` in their order; only what is not remembered is fetched."""
    found = [ctx.kept(type, head["_id"], head["v"]) for head in heads]
    if None not in found:
        return [version for version in found if version]
    missing = [head["_id"] for head, version in zip(heads, found, strict=True) if not version]
    fetched: dict[tuple[str, int], Version] = {}
    for body in await fetch(ctx, type, missing, BODY):
        version = await whole(ctx, type, body["_id"], stored_of(body))
        fetched[version.id, version.version] = version
    for at, head in enumerate(heads):
        if found[at] is None:
            id_, number = head["_id"], head["v"]
            # Replaced since the search saw it: what the search saw is served.
            found[at] = fetched.get((id_, number)) or await read_version(ctx, type, id_, number)
    return [version for version in found if version]


async def rows(
    ctx: Context, type: str, filter: Mapping[str, Any], projection: dict[str, int], limit: int
) -> list[dict[str, Any]]:
    """Some fields, no decimals, of at most `limit` documents that match; TooCostly when it takes too long."""
    with ctx.translated():
        cursor = ctx.plain(type).find(dict(filter), projection, batch_size=limit + 1, session=ctx.session)
        return await cursor.limit(limit).max_time_ms(ctx.search_timeout_ms).to_list(None)


async def count(ctx: Context, type: str, filter: Mapping[str, Any], *, cap: int | None = None) -> int:
    """How many match, at most `cap`; TooCostly when the database takes too long."""
    options: dict[str, Any] = {"maxTimeMS": ctx.search_timeout_ms}
    if cap is not None:
        if cap <= 0:
            return 0
        options["limit"] = cap
    with ctx.translated():
        return int(await ctx.of(type).count_documents(dict(filter), session=ctx.session, **options))


def _complete(sort: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """The sort keys made total: ties are broken by id."""
    keys = tuple(sort)
    return keys if any(name == "_id" for name, _ in keys) else (*keys, ("_id", 1))
