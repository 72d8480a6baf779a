"""The collections, their indexes, and the number of their layout.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-multikey/
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from fhirserver.errors import StartupError
from fhirserver.resources.registry import has_lens
from fhirserver.search.asks import POSTINGS, RANGES
from fhirserver.search.indexing import REFERS, TRACED, entry, references
from fhirserver.search.richness import Richness
from fhirserver.store import reindexing
from fhirserver.store.codec import Document
from fhirserver.store.context import Context

log = logging.getLogger(__name__)

LAYOUT = 5
"""The number of the layout that this code reads and writes."""

CHANGES = "changes"
SORTS = "sorts"

OF_A_TYPE = [
    IndexModel([("t", ASCENDING), ("w", ASCENDING), ("o", ASCENDING)], name=POSTINGS),
    IndexModel([("x.k", ASCENDING), ("x.lo", ASCENDING), ("_id", ASCENDING)], name=RANGES),
    IndexModel([("s.$**", ASCENDING)], name=SORTS),
    IndexModel([("at", ASCENDING), ("_id", ASCENDING)], name=CHANGES),
]
_OF_HISTORY = [
    IndexModel([("ty", ASCENDING), ("at", ASCENDING), ("id", ASCENDING), ("v", ASCENDING)], name=CHANGES),
]
_OF_MEMBERS = [
    IndexModel([("g", ASCENDING), ("to", ASCENDING)], name="of_group"),
    IndexModel([("e", ASCENDING), ("to", ASCENDING), ("g", ASCENDING)], name="of_entity"),
]
# A walk through the pages of a record may take a day.
_OF_WALKS = [IndexModel([("at", ASCENDING)], name="life", expireAfterSeconds=24 * 3600)]

Migration = Callable[[AsyncDatabase[Document], Richness], Awaitable[None]]


async def _from_first(db: AsyncDatabase[Document], _: Richness) -> None:
    """Layout 1 had a superseded version's type and id in its `_id` alone, and no postings of all references."""
    parts = {"$split": ["$_id", "/"]}
    named = {"ty": {"$arrayElemAt": [parts, 0]}, "id": {"$arrayElemAt": [parts, 1]}}
    await db["history"].update_many({"ty": {"$exists": False}}, [{"$set": named}])
    for type_ in TRACED:
        async for found in db[type_].find({"gone": False}, {"r": 1}):
            traces = [REFERS + text for text in references(found["r"])]
            await db[type_].update_one({"_id": found["_id"]}, {"$addToSet": {"t": {"$each": traces}}})


async def _from_second(db: AsyncDatabase[Document], richness: Richness) -> None:
    """Layout 2 kept postings by id, ranges as narrow or wide ones, and no indexes of sort keys: all terms anew."""
    for type_ in sorted(name for name in await db.list_collection_names() if name[:1].isupper()):
        log.info("Indexing %s anew: the layout of the database has changed.", type_)
        for name in (POSTINGS, RANGES):
            with contextlib.suppress(OperationFailure):
                await db[type_].drop_index(name)
        await db[type_].create_indexes(OF_A_TYPE)
        await reindexing.renew(db, type_, partial(entry, richness=richness))


async def _from_third(db: AsyncDatabase[Document], richness: Richness) -> None:
    """Layout 3 had neither names of Patients by their parts, words and last letters of strings, nor R4's parameters."""
    for type_ in sorted(name for name in await db.list_collection_names() if name[:1].isupper()):
        if has_lens(type_):
            log.info("Indexing %s by what R4 asks for: the layout of the database has changed.", type_)
            await reindexing.seen_otherwise(db, type_, partial(entry, richness=richness))
        if richness.parts_some(type_):
            log.info("Indexing parts of the strings of %s: the layout of the database has changed.", type_)
            await reindexing.parted(db, type_, richness)


async def _from_fourth(db: AsyncDatabase[Document], _: Richness) -> None:
    """Layout 4 told three lengths of a main date's span apart, where there are five now."""
    for type_ in sorted(name for name in await db.list_collection_names() if name[:1].isupper()):
        log.info("Ordering %s anew: the layout of the database has changed.", type_)
        await reindexing.classed(db, type_)


MIGRATIONS: dict[int, Migration] = {1: _from_first, 2: _from_second, 3: _from_third, 4: _from_fourth}
"""From a layout to the next: migration N takes a database from N to N + 1."""


async def ensure(ctx: Context, type: str) -> None:
    """Makes the collection and the indexes of a type; costs nothing from the second call on."""
    if type in ctx.prepared:
        return
    with ctx.translated():
        await ctx.of(type).create_indexes(OF_A_TYPE)
    ctx.prepared.add(type)


async def types(ctx: Context) -> list[str]:
    """The resource types that have a collection: their names begin with a capital, ours do not."""
    with ctx.translated():
        return sorted(name for name in await ctx.db.list_collection_names() if name[:1].isupper())


async def prepare(db: AsyncDatabase[Document], richness: Richness) -> None:
    """Checks the layout's number, migrating an older one; makes the collections that are not of a type.

    `richness` is what the settings say: of which types words and parts are indexed.
    """
    meta = db["meta"]
    found = await meta.find_one({"_id": "layout"})
    number = found.get("number") if found else None
    if found and not isinstance(number, int):
        raise StartupError(f"The database '{db.name}' is not one of this server: choose another with --database.")
    if isinstance(number, int) and number > LAYOUT:
        raise StartupError(
            f"The database '{db.name}' was written by a newer version of this server (layout {number}, this one reads "
            f"{LAYOUT}): install that version or choose another database with --database."
        )
    for step in range(LAYOUT if number is None else int(number), LAYOUT):
        migration = MIGRATIONS.get(step)
        if migration is None:
            raise StartupError(
                f"The database '{db.name}' has layout {step}, which this version cannot migrate: "
                "run `fhirserver reindex` of the version that wrote it, or load the data anew."
            )
        await migration(db, richness)
        await meta.update_one({"_id": "layout"}, {"$set": {"number": step + 1}})
    # Transactions cannot make what they write to on every version of MongoDB.
    await db["members"].create_indexes(_OF_MEMBERS)
    await db["history"].create_indexes(_OF_HISTORY)
    await db["walks"].create_indexes(_OF_WALKS)
    try:
        await db.create_collection("locks", check_exists=False)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != _EXISTS:
            raise
    if found is None:
        await meta.update_one({"_id": "layout"}, {"$setOnInsert": {"number": LAYOUT}}, upsert=True)


_EXISTS = 48
