"""The history of one resource: its versions are numbered without gaps, so a page is a range of numbers.

https://hl7.org/fhir/R5/http.html#history
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fhirserver.store import superseding
from fhirserver.store.context import Context
from fhirserver.store.documents import HEAD, Stored, Version, history_id, stored_of
from fhirserver.store.marks import FACTS, Mark, Window, bodies, fitting, mark_of


@dataclass(frozen=True, slots=True)
class Extent:
    """The versions of a resource that a window holds: from `first` to `last`; none when `last` is the smaller one."""

    first: int
    last: int


async def extent(ctx: Context, type: str, id: str, window: Window) -> Extent | None:
    """Which versions a window holds; None when there never was such a resource.

    Instants ascend with the versions' numbers, so each bound of time is found by halving: for a million versions, in
    twenty looks at one key each.
    """
    with ctx.translated():
        await superseding.flush(ctx)
        head = await ctx.plain(type).find_one({"_id": id}, HEAD, session=ctx.session)
        if head is None:
            return None
        now = stored_of(head)
        first, last = 1, now.version
        if window.since is not None:
            since = window.since
            first = 1 + await _count(ctx, type, id, now, lambda at: at < since)
        if window.during is not None:
            begin, end = window.during.low, window.during.high
            # Current at the beginning is the last version that is not younger.
            first = max(first, await _count(ctx, type, id, now, lambda at: at <= begin))
            last = await _count(ctx, type, id, now, lambda at: at < end)
        return Extent(first, last)


async def _count(ctx: Context, type: str, id: str, now: Stored, older: Callable[[datetime], bool]) -> int:
    """How many versions are older, where `older` holds for the instants up to a certain one."""
    if older(now.at):
        return now.version
    counted, beyond = 0, now.version
    while beyond - counted > 1:
        middle = (counted + beyond) // 2
        between = {"$gte": history_id(type, id, middle), "$lt": history_id(type, id, now.version)}
        found = await ctx.history.find_one({"_id": between}, {"at": 1}, sort=[("_id", 1)], session=ctx.session)
        if found is not None and older(found["at"]):
            counted = middle
        else:
            beyond = middle
    return counted


async def versions(ctx: Context, type: str, id: str, numbers: range) -> list[Version]:
    """The versions with these numbers in their order, as many as make a page.

    Round trips: one for the current version's head, one for the range in `history`, one for bodies.
    """
    if not numbers:
        return []
    low, high = min(numbers), max(numbers)
    with ctx.translated():
        await superseding.flush(ctx)
        # In this order: a version that is superseded between the two looks is found by the second.
        head = await ctx.plain(type).find_one({"_id": id}, FACTS, session=ctx.session)
        marks: list[Mark] = []
        # A write that crashed half-way leaves its old version in history and current: this leaves that copy out.
        end = high + 1 if head is None else min(high + 1, head["v"])
        if low < end:
            where = {"_id": {"$gte": history_id(type, id, low), "$lt": history_id(type, id, end)}}
            cursor = ctx.history.find(where, FACTS, batch_size=len(numbers) + 1, session=ctx.session)
            marks = [mark_of(type, id, found, old=True) for found in await cursor.sort("_id", 1).to_list(None)]
        if head is not None and low <= head["v"] <= high:
            marks.append(mark_of(type, id, head, old=False))
        return await bodies(ctx, fitting(marks if numbers.step > 0 else marks[::-1], len(numbers)))
