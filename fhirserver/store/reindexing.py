"""Index terms made anew: after an upgrade that indexes differently, or when in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release, placed
from fhirserver.search import infix, order
from fhirserver.search.kinds.string import whole
from fhirserver.search.parameters import viewed
from fhirserver.search.presence import MARK
from fhirserver.search.richness import Richness
from fhirserver.store.codec import Document, storable
from fhirserver.store.documents import IndexEntry, terms

_TOGETHER = 500

Index = Callable[[Release, Resource], IndexEntry]


async def renew(db: AsyncDatabase[Document], type: str, index: Index) -> int:
    """Writes new terms where the version is still the one they were made from; a newer one has new terms already."""
    collection, done = db[type], 0
    updates: list[UpdateOne] = []
    async for found in collection.find({"gone": False}, {"v": 1, "r": 1, "rel": 1}):
        updates.append(renewed(found, index(found["rel"], found["r"])))
        done += 1
        if len(updates) == _TOGETHER:
            await collection.bulk_write(updates, ordered=False)
            updates = []
    if updates:
        await collection.bulk_write(updates, ordered=False)
    return done


async def parted(db: AsyncDatabase[Document], type: str, richness: Richness) -> None:
    """Adds the postings of words and parts of strings, which the strings that a document holds tell alone."""
    collection = db[type]
    words = not richness.texts(type)
    updates: list[UpdateOne] = []
    async for found in collection.find({"gone": False}, {"f": 1}):
        strings = found.get("f", {})
        codes = richness.parted(type, [code for code in strings if whole(code) in strings])
        postings = list(infix.postings(strings, codes, words=words))
        if postings:
            updates.append(UpdateOne({"_id": found["_id"]}, {"$addToSet": {"t": {"$each": postings}}}))
        if len(updates) == _TOGETHER:
            await collection.bulk_write(updates, ordered=False)
            updates = []
    if updates:
        await collection.bulk_write(updates, ordered=False)


async def seen_otherwise(db: AsyncDatabase[Document], type: str, index: Index) -> None:
    """Adds the terms of what another release reads from its own form; all others stay as they are."""
    collection = db[type]
    updates: list[UpdateOne] = []
    async for found in collection.find({"gone": False}, {"v": 1, "r": 1, "rel": 1}):
        made = terms(index(found["rel"], found["r"]), found["_id"])
        keys = {f"{field}.{code}": made[field][code] for field in ("s", "f") for code in made[field] if _other(code)}
        added = {
            "t": {"$each": list(filter(_other, made["t"]))},
            "x": {"$each": [x for x in made["x"] if _other(x["k"])]},
        }
        update = {"$addToSet": added, **({"$set": keys} if keys else {})}
        updates.append(UpdateOne({"_id": found["_id"], "v": found["v"]}, storable(update)))
        if len(updates) == _TOGETHER:
            await collection.bulk_write(updates, ordered=False)
            updates = []
    if updates:
        await collection.bulk_write(updates, ordered=False)


async def classed(db: AsyncDatabase[Document], type: str) -> None:
    """Gives the class of the main date's span anew, which the ranges that a document holds tell alone."""
    collection = db[type]
    updates: list[UpdateOne] = []
    async for found in collection.find({"gone": False}, {"v": 1, "rel": 1, "w": 1, "x": 1}):
        class_, _ = order.place(order.main_date(found["rel"], placed(type)), found.get("x", []))
        if class_ != found.get("w"):
            updates.append(UpdateOne({"_id": found["_id"], "v": found["v"]}, {"$set": {"w": class_}}))
        if len(updates) == _TOGETHER:
            await collection.bulk_write(updates, ordered=False)
            updates = []
    if updates:
        await collection.bulk_write(updates, ordered=False)


def _other(key: str) -> bool:
    mark = viewed("")
    return key.lstrip("~").startswith((mark, f"{MARK}{mark}")) or f"^{mark}" in key


def renewed(found: Mapping[str, Any], entry: IndexEntry) -> UpdateOne:
    """What gives a document new terms, if it is still the version that was read."""
    return UpdateOne({"_id": found["_id"], "v": found["v"]}, {"$set": storable(terms(entry, found["_id"]))})
