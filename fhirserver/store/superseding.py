"""Superseded versions within a transaction: kept back until it ends, and then written to `history` together.

Nobody else sees them before the commit, so that a transaction with many small changes needs one round trip for all.
"""

from __future__ import annotations

from typing import Any

from pymongo import UpdateOne

from fhirserver.store.codec import Document, encoded
from fhirserver.store.context import Context


def keep(ctx: Context, old: list[Document]) -> None:
    """Takes superseded versions, to be written by `flush`."""
    ctx.superseded.extend(old)


async def flush(ctx: Context) -> None:
    """Puts what was kept back into history; a copy that a crashed write left there is no obstacle."""
    if not ctx.superseded:
        return
    changes = [({"_id": made.pop("_id")}, {"$setOnInsert": encoded(made)}) for made in ctx.superseded]
    ctx.superseded.clear()
    if len(changes) == 1:
        await ctx.history.update_one(*changes[0], upsert=True, session=ctx.session)
    else:
        operations: list[Any] = [UpdateOne(where, change, upsert=True) for where, change in changes]
        await ctx.history.bulk_write(operations, session=ctx.session)
