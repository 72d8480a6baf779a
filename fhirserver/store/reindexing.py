"""Index terms made anew: after an upgrade that indexes differently, or when in doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo import UpdateOne

from fhirserver.fhirjson import Resource
from fhirserver.store import indexes
from fhirserver.store.codec import storable
from fhirserver.store.context import Context
from fhirserver.store.documents import IndexEntry

_TOGETHER = 500


async def types(ctx: Context) -> list[str]:
    """The resource types that have a collection: their names begin with a capital, ours do not."""
    with ctx.translated():
        return sorted(name for name in await ctx.db.list_collection_names() if name[:1].isupper())


async def reindex(ctx: Context, type: str, index: Callable[[Resource], IndexEntry]) -> int:
    """Writes new terms where the version is still the one they were made from; a newer one has new terms already."""
    collection = ctx.of(type)
    done = 0
    with ctx.translated():
        await indexes.ensure(ctx, type)
        updates: list[UpdateOne] = []
        async for found in collection.find({"gone": False}, {"v": 1, "r": 1}):
            updates.append(_update(found, index(found["r"])))
            done += 1
            if len(updates) == _TOGETHER:
                await collection.bulk_write(updates, ordered=False)
                updates = []
        if updates:
            await collection.bulk_write(updates, ordered=False)
    return done


def _update(found: dict[str, Any], entry: IndexEntry) -> UpdateOne:
    terms = {"t": entry.t, "x": storable(entry.x), "s": storable(entry.s), "f": entry.f}
    return UpdateOne({"_id": found["_id"], "v": found["v"]}, {"$set": terms})
