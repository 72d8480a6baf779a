"""Index terms made anew: after an upgrade that indexes differently, or when in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release
from fhirserver.search.shapes import Shape
from fhirserver.store import shapes
from fhirserver.store.codec import Document, storable
from fhirserver.store.documents import IndexEntry, terms

_TOGETHER = 500

Index = Callable[[Release, Resource], IndexEntry]


async def renew(db: AsyncDatabase[Document], type: str, index: Index) -> int:
    """Writes new terms where the version is still the one they were made from; a newer one has new terms already."""
    collection, notes, done = db[type], db["shapes"], 0
    updates: list[UpdateOne] = []
    found_shapes: set[Shape] = set()
    async for found in collection.find({"gone": False}, {"v": 1, "r": 1, "rel": 1}):
        entry = index(found["rel"], found["r"])
        found_shapes.add(entry.shape)
        updates.append(renewed(found, entry))
        done += 1
        if len(updates) == _TOGETHER:
            await _write(collection, notes, type, updates, found_shapes)
            updates, found_shapes = [], set()
    if updates:
        await _write(collection, notes, type, updates, found_shapes)
    return done


async def _write(collection: Any, notes: Any, type: str, updates: list[UpdateOne], found: set[Shape]) -> None:
    await notes.bulk_write([shapes.upsert(type, each) for each in found], ordered=False)
    await collection.bulk_write(updates, ordered=False)


def renewed(found: Mapping[str, Any], entry: IndexEntry) -> UpdateOne:
    """What gives a document new terms, if it is still the version that was read."""
    return UpdateOne({"_id": found["_id"], "v": found["v"]}, {"$set": storable(terms(entry, found["_id"]))})
