"""The collections, their indexes, and the number of their layout.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-multikey/
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure

from fhirserver.errors import StartupError
from fhirserver.search.indexing import REFERS, TRACED, references
from fhirserver.store.codec import Document
from fhirserver.store.context import Context

LAYOUT = 2
"""The number of the layout that this code reads and writes."""

POSTINGS = "postings"
RANGES = "ranges"
CHANGES = "changes"

_OF_A_TYPE = [
    IndexModel([("t", ASCENDING), ("_id", ASCENDING)], name=POSTINGS),
    IndexModel([("x.k", ASCENDING), ("x.lo", ASCENDING), ("x.hi", ASCENDING)], name=RANGES),
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

Migration = Callable[[AsyncDatabase[Document]], Awaitable[None]]


async def _from_first(db: AsyncDatabase[Document]) -> None:
    """Layout 1 had a superseded version's type and id in its `_id` alone, and no postings of all references."""
    parts = {"$split": ["$_id", "/"]}
    named = {"ty": {"$arrayElemAt": [parts, 0]}, "id": {"$arrayElemAt": [parts, 1]}}
    await db["history"].update_many({"ty": {"$exists": False}}, [{"$set": named}])
    for type_ in TRACED:
        async for found in db[type_].find({"gone": False}, {"r": 1}):
            traces = [REFERS + text for text in references(found["r"])]
            await db[type_].update_one({"_id": found["_id"]}, {"$addToSet": {"t": {"$each": traces}}})


MIGRATIONS: dict[int, Migration] = {1: _from_first}
"""From a layout to the next: migration N takes a database from N to N + 1."""


async def ensure(ctx: Context, type: str) -> None:
    """Makes the collection and the indexes of a type; costs nothing from the second call on."""
    if type in ctx.prepared:
        return
    with ctx.translated():
        await ctx.of(type).create_indexes(_OF_A_TYPE)
    ctx.prepared.add(type)


async def prepare(db: AsyncDatabase[Document]) -> None:
    """Checks the layout's number, migrating an older one; makes the collections that are not of a type."""
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
        await migration(db)
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
