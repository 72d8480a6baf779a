"""Reading one resource, one version or many resources.

https://hl7.org/fhir/R5/http.html#read, #vread
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from fhirserver.store import members, superseding
from fhirserver.store.context import Context
from fhirserver.store.documents import BODY, NUMBER, Stored, Version, history_id, stored_of, version_of

T = TypeVar("T")


async def read(ctx: Context, type: str, id: str) -> Version | None:
    """The current version, also when it is a deletion; one round trip unless another process replaced it."""
    with ctx.translated():
        if ctx.session is None and ctx.newest(type, id):
            number = await ctx.number(type, id)
            if number is None:
                return None
            if kept := ctx.kept(type, id, number):
                return kept
        stored = await current(ctx, type, id)
        return await whole(ctx, type, id, stored) if stored else None


async def current(ctx: Context, type: str, id: str) -> Stored | None:
    """The current document without its index terms."""
    if ctx.session is None:
        found = await ctx.of(type).find_one({"_id": id}, BODY)
        return stored_of(found) if found else None
    await see(ctx, type, [id])
    return ctx.seen[type, id]


async def see(ctx: Context, type: str, ids: Sequence[str]) -> None:
    """Reads, within a transaction, those current documents that it has not seen yet."""
    unseen = [id_ for id_ in ids if (type, id_) not in ctx.seen]
    found = {found["_id"]: stored_of(found) for found in await fetch(ctx, type, unseen, BODY)}
    ctx.seen.update({(type, id_): found.get(id_) for id_ in unseen})


async def whole(ctx: Context, type: str, id: str, stored: Stored) -> Version:
    """The version to serve of a stored one, remembered."""
    if kept := ctx.kept(type, id, stored.version):
        return kept
    resource = stored.resource
    if resource is not None and members.has_rows(stored):
        resource = members.filled(resource, await members.at(ctx, id, stored.version))
    return ctx.keep(version_of(type, id, stored, resource))


async def read_version(ctx: Context, type: str, id: str, version: int) -> Version | None:
    """One version; none, one or two round trips."""
    if kept := ctx.kept(type, id, version):
        return kept
    collection = ctx.of(type)
    if not 0 < version < 2**31:
        return None
    with ctx.translated():
        await superseding.flush(ctx)
        # In this order: a version that is superseded between the two looks is found by the second.
        found = await collection.find_one({"_id": id, "v": version}, BODY, session=ctx.session)
        if found is None:
            found = await ctx.history.find_one({"_id": history_id(type, id, version)}, session=ctx.session)
        return await whole(ctx, type, id, stored_of(found)) if found else None


async def read_many(ctx: Context, refs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Version]:
    """The current versions of `refs` that exist and are not gone, in the order asked; one round trip a type."""
    if not refs:
        return {}
    wanted: dict[str, list[str]] = {}
    for type_, id_ in dict.fromkeys(refs):
        wanted.setdefault(type_, []).append(id_)
    found: dict[tuple[str, str], Version] = {}
    with ctx.translated():
        works = [partial(_read_type, ctx, type_, ids) for type_, ids in wanted.items()]
        for versions in await together(ctx, works):
            found.update({(v.type, v.id): v for v in versions if not v.gone})
    return {ref: found[ref] for ref in dict.fromkeys(refs) if ref in found}


async def _read_type(ctx: Context, type: str, ids: list[str]) -> list[Version]:
    if ctx.session is not None:
        await see(ctx, type, ids)
        return [await whole(ctx, type, id_, stored) for id_ in ids if (stored := ctx.seen[type, id_])]
    likely = [id_ for id_ in ids if ctx.newest(type, id_)]
    unlikely = sorted(set(ids) - set(likely))
    heads, bodies = await together(
        ctx, [partial(fetch, ctx, type, likely, NUMBER), partial(fetch, ctx, type, unlikely, BODY)]
    )
    found = [await whole(ctx, type, b["_id"], stored_of(b)) for b in bodies]
    moved = []
    for head in heads:
        kept = ctx.kept(type, head["_id"], head["v"])
        if kept:
            found.append(kept)
        else:
            moved.append(head["_id"])
    found += [await whole(ctx, type, b["_id"], stored_of(b)) for b in await fetch(ctx, type, moved, BODY)]
    return found


async def fetch(ctx: Context, type: str, ids: list[str], projection: dict[str, int]) -> list[dict[str, Any]]:
    """The documents with these ids, in no order; no round trip for none."""
    if not ids:
        return []
    query: dict[str, Any] = {"_id": ids[0]} if len(ids) == 1 else {"_id": {"$in": ids}}
    collection = ctx.plain(type) if projection is NUMBER else ctx.of(type)
    cursor = collection.find(query, projection, batch_size=len(ids) + 1, session=ctx.session)
    return await cursor.to_list(None)


async def together(ctx: Context, works: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Does all, at the same time where that is allowed: a transaction takes one operation after the other."""
    if ctx.session is None and len(works) > 1:
        return await asyncio.gather(*(work() for work in works))
    return [await work() for work in works]
