"""Writing one resource on its own: create, update, delete.

https://hl7.org/fhir/R5/http.html#create, #update, #delete

An update first puts the version it replaces into `history`, then replaces the document where it still has that
version. A crash between the two leaves a copy that readers leave out, never a gap.
"""

from __future__ import annotations

import asyncio
import random

from fhirserver import fhirjson
from fhirserver.errors import Conflict
from fhirserver.resources.registry import placed
from fhirserver.store import indexes, reads
from fhirserver.store.codec import encoded
from fhirserver.store.context import Context
from fhirserver.store.documents import Expected, Put, Stored, Version, Written, superseded
from fhirserver.store.versions import Step, check, deletion, is_unchanged, step

_TRIES = 10
_PAUSE_S = 0.01


async def put(ctx: Context, item: Put) -> Written:
    """Writes a resource as `item` asks; see `Store.put`."""
    await indexes.ensure(ctx, item.type)
    with ctx.translated():
        if item.create_only:
            first = step(item, None)
            if await _insert(ctx, item.type, first):
                return _done(ctx, first)
        # Writers of one resource in this process queue here instead of defeating each other in the database.
        async with ctx.queues.turn([(item.type, item.id)]):
            return await _likely(ctx, item) or await _surely(ctx, item)


async def _likely(ctx: Context, item: Put) -> Written | None:
    """An update on the version we remember, without reading it first; None when it is not that simple.

    Were it no longer current, its copy in `history` exists already and the replacement finds nothing to replace.
    """
    kept = ctx.newest(item.type, item.id)
    if kept is None or kept.gone or item.create_only or item.expected not in (None, kept.version):
        return None
    current = Stored(kept.version, kept.at, False, kept.release, fhirjson.loads(kept.body), origin=kept.origin)
    if is_unchanged(item, current):
        number = await ctx.number(item.type, item.id)
        return Written(kept, False, False) if number == kept.version else None
    after = step(item, current)
    return _done(ctx, after) if await _replace(ctx, item.type, current, after) else None


async def _surely(ctx: Context, item: Put) -> Written:
    for _ in range(_TRIES):
        current = await reads.current(ctx, item.type, item.id)
        check(item.type, item.id, current, item.expected, item.create_only)
        if current is not None and is_unchanged(item, current):
            return Written(await reads.whole(ctx, item.type, item.id, current), False, False)
        after = step(item, current)
        if current is None:
            won = await _insert(ctx, item.type, after)
        else:
            won = await _replace(ctx, item.type, current, after)
        if won:
            return _done(ctx, after)
        await asyncio.sleep(_PAUSE_S * random.random())  # noqa: S311
    raise _contended(item.type, item.id)


async def remove(ctx: Context, type: str, id: str, expected: Expected | None) -> Written | None:
    """Writes the version that says the resource is gone; see `Store.remove`."""
    await indexes.ensure(ctx, type)
    with ctx.translated():
        async with ctx.queues.turn([(type, id)]):
            for _ in range(_TRIES):
                current = await reads.current(ctx, type, id)
                check(type, id, current, expected)
                if current is None:
                    return None
                if current.gone:
                    return Written(await reads.whole(ctx, type, id, current), False, False)
                after = deletion(type, id, current)
                if await _replace(ctx, type, current, after):
                    return _done(ctx, after)
                await asyncio.sleep(_PAUSE_S * random.random())  # noqa: S311
    raise _contended(type, id)


async def _insert(ctx: Context, type: str, first: Step) -> bool:
    return await ctx.insert(type, first.document)


async def _replace(ctx: Context, type: str, current: Stored, after: Step) -> bool:
    id_ = after.version.id
    # It is there already when a writer before us put it there.
    await ctx.insert("history", encoded(superseded(type, id_, current)))
    done = await ctx.of(type).replace_one({"_id": id_, "v": current.version}, after.document)
    return done.matched_count == 1


def _done(ctx: Context, after: Step) -> Written:
    kept: Version = ctx.keep(after.version)
    return Written(kept, after.created, True)


def _contended(type: str, id: str) -> Conflict:
    return Conflict(f"{placed(type)}/{id} is being changed by many clients at once: try again in a moment.")
