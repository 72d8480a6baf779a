"""Small facts about the whole database: what was done once, and the key that page positions are signed with."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from fhirserver.store import locks
from fhirserver.store.context import Context

CURSOR_KEY = "cursor-key"


async def marked(ctx: Context, name: str) -> bool:
    """Whether `mark` was called with this name."""
    with ctx.translated():
        return await ctx.db["meta"].find_one({"_id": f"mark/{name}"}, session=ctx.session) is not None


async def mark(ctx: Context, name: str) -> None:
    """Notes that something was done, for good."""
    with ctx.translated():
        await ctx.db["meta"].update_one(
            {"_id": f"mark/{name}"}, {"$set": {"done": True}}, upsert=True, session=ctx.session
        )


async def secret(ctx: Context) -> bytes:
    """A random key, the same for every server of the database, made when first asked for."""
    with ctx.translated():
        await ctx.db["meta"].update_one(
            {"_id": CURSOR_KEY}, {"$setOnInsert": {"value": secrets.token_bytes(32)}}, upsert=True
        )
        found = await ctx.db["meta"].find_one({"_id": CURSOR_KEY})
    return bytes(found["value"]) if found else b""


async def turns(ctx: Context, keys: Sequence[str]) -> int:
    """How often one of `keys` was locked by a transaction that was committed; keys that share a slot count too."""
    with ctx.translated():
        cursor = ctx.locks.find({"_id": {"$in": locks.slots(keys)}}, {"n": 1}, session=ctx.session)
        return sum(int(found["n"]) for found in await cursor.to_list(None))
