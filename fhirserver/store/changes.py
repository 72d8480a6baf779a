"""The history of a type or of all: current and superseded versions in one order, in pages of constant cost.

https://hl7.org/fhir/R5/http.html#history

The order is that of instants; versions of one instant follow their type, id and number. A version keeps its place when
it is superseded, so it is met once, however many writes happen between two pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any

from fhirserver.store import superseding
from fhirserver.store.codec import PLAIN, Document
from fhirserver.store.context import Context
from fhirserver.store.documents import Version, history_id
from fhirserver.store.marks import FACTS, WHOLE, Key, Mark, Position, Window, bodies, fitting, mark_of
from fhirserver.store.reads import fetch, together

FEW = 8
"""Versions that each of many types is asked for at first, at least."""

LOOK = 500
"""Versions that a page looks at while it asks which of them were current at a time, before it ends early."""

_HEAD = {"v": 1, "at": 1}


@dataclass(frozen=True, slots=True)
class Changes:
    """A page; `last` continues it, and `more` says whether that makes sense. It may hold nothing and yet continue."""

    items: list[Version]
    last: Position | None
    more: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """A page that is wanted: within `window`, after `after`, at most `limit` versions."""

    window: Window = WHOLE
    descending: bool = True
    limit: int = 50
    after: Position | None = None


async def changes(ctx: Context, types: Sequence[str], ask: Ask) -> Changes:
    """A page of the history of `types`; TooCostly when it takes too long.

    Round trips: one for where the versions lie (two when there are several types), then as `bodies`; two more to ask
    what was current at a time.
    """
    if not types or ask.limit <= 0:
        return Changes([], None, False)
    wanted = ask.limit + 1 if ask.window.during is None else max(ask.limit + 1, LOOK)
    with ctx.translated():
        await superseding.flush(ctx)
        marks = await _marks(ctx, types, ask, wanted)
        found = await _current_then(ctx, marks, ask.window)
        page = fitting(found, ask.limit)
        items = await bodies(ctx, page)
    if len(page) < len(found):
        return Changes(items, page[-1].position, True)
    more = len(marks) == wanted
    return Changes(items, marks[-1].position if marks else None, more)


async def _marks(ctx: Context, types: Sequence[str], ask: Ask, wanted: int) -> list[Mark]:
    """The next `wanted` versions.

    Of many types each is asked for a few first; only those that gave nothing else than what is wanted are asked for
    more.
    """
    few = wanted if len(types) == 1 else min(wanted, max(FEW, isqrt(wanted)))
    found = await _ask(ctx, types, ask, few, 2 * wanted)
    if few < wanted:
        given = Counter((mark.type, mark.old) for mark in found)
        # Both of a type, the current ones first: what is superseded in between must not be missed.
        again = {type_ for (type_, _), number in given.items() if number == few}
        if again:
            found = [mark for mark in found if mark.type not in again]
            found += await _ask(ctx, sorted(again), ask, wanted, 2 * wanted)
    # A write that is half done, or crashed there, has its old version in history and current.
    once = {mark.key: mark for mark in found}
    return sorted(once.values(), key=lambda mark: mark.position, reverse=ask.descending)[:wanted]


async def _ask(ctx: Context, types: Sequence[str], ask: Ask, each: int, most: int) -> list[Mark]:
    """In one round trip the first `each` of every type, current and superseded, and of all these the first `most`.

    The current ones are read before the superseded ones: what moves from one to the other meanwhile is in the second.
    """
    sources = [(type_, old) for old in (False, True) for type_ in types]
    stages = [("history" if old else type_, _stages(type_, old, ask, each)) for type_, old in sources]
    if ctx.session is not None:
        # A transaction takes no union; it sees one state of all collections.
        return [mark for name, own in stages for mark in await _aggregated(ctx, name, own)]
    (name, pipeline), *others = stages
    sign = -1 if ask.descending else 1
    pipeline += [{"$unionWith": {"coll": other, "pipeline": own}} for other, own in others]
    pipeline += [{"$sort": {"at": sign, "ty": sign, "id": sign, "v": sign}}, {"$limit": most}]
    return await _aggregated(ctx, name, pipeline)


async def _aggregated(ctx: Context, name: str, pipeline: list[Document]) -> list[Mark]:
    cursor: Any = (
        ctx.db[name]
        .with_options(codec_options=PLAIN)
        .aggregate(pipeline, session=ctx.session, maxTimeMS=ctx.search_timeout_ms)
    )
    if hasattr(cursor, "__await__"):  # PyMongo's is a coroutine, Motor's is not
        cursor = await cursor
    return [mark_of(found["ty"], found["id"], found, old=found["old"]) for found in await cursor.to_list(None)]


def _stages(type: str, old: bool, ask: Ask, limit: int) -> list[Document]:
    """The first `limit` versions of one type that are current, or that are superseded."""
    sign = -1 if ask.descending else 1
    order = {"at": sign, "id": sign, "v": sign} if old else {"at": sign, "_id": sign}
    named = {"ty": 1, "id": 1} if old else {"ty": {"$literal": type}, "id": "$_id"}
    return [
        {"$match": _match(type, old, ask)},
        {"$sort": order},
        {"$limit": limit},
        {"$project": {"_id": 0, **FACTS, **named, "old": {"$literal": old}}},
    ]


def _match(type: str, old: bool, ask: Ask) -> Document:
    """What lies in the window and after the last page's end; each branch is one range of the index."""
    fixed: Document = {"ty": type} if old else {}
    bounds: Document = {}
    if ask.window.since is not None:
        bounds["$gte"] = ask.window.since
    if ask.window.during is not None:
        bounds["$lt"] = ask.window.during.high
    if ask.after is None:
        return {**fixed, "at": bounds} if bounds else fixed
    at, last_type, last_id, last_version = ask.after
    beyond = "$lt" if ask.descending else "$gt"
    later = {**fixed, "at": {**bounds, beyond: at}}
    if type != last_type:
        # Of the same instant, the types that come after the last page's all are still to come.
        whole = (type < last_type) == ask.descending
        return {**fixed, "at": {**bounds, f"{beyond}e": at}} if whole else later
    id_ = "id" if old else "_id"
    return {
        "$or": [
            {**fixed, "at": at, id_: last_id, "v": {beyond: last_version}},
            {**fixed, "at": at, id_: {beyond: last_id}},
            later,
        ]
    }


async def _current_then(ctx: Context, marks: Sequence[Mark], window: Window) -> Sequence[Mark]:
    """Those of `marks` that the window's time holds: what was superseded before it began is left out."""
    if window.during is None:
        return marks
    begin = window.during.low
    doubtful = [mark for mark in marks if mark.old and mark.at <= begin]
    if not doubtful:
        return marks
    ended: set[Key] = set()
    asked: dict[str, set[str]] = {}
    for mark in doubtful:
        asked.setdefault(mark.type, set()).add(mark.id)
    # The current ones first: what is superseded in between is in history then.
    works = [partial(fetch, ctx, type_, sorted(ids), _HEAD) for type_, ids in asked.items()]
    heads = {
        (type_, head["_id"]): head
        for type_, found in zip(asked, await together(ctx, works), strict=True)
        for head in found
    }
    followed: dict[str, Mark] = {}
    for mark in doubtful:
        head = heads.get((mark.type, mark.id))
        if head is not None and head["v"] == mark.version + 1:
            if head["at"] <= begin:
                ended.add(mark.key)
        elif head is None or head["v"] > mark.version:
            followed[history_id(mark.type, mark.id, mark.version + 1)] = mark
    cursor = ctx.history.find({"_id": {"$in": list(followed)}, "at": {"$lte": begin}}, {"_id": 1}, session=ctx.session)
    ended |= {followed[found["_id"]].key for found in await cursor.to_list(None)}
    return [mark for mark in marks if mark.key not in ended]
