"""The shapes that the resources of a type have had: noted before the first resource of a shape is written.

https://hl7.org/fhir/R5/search.html#modifiermissing; see search/shapes.
"""

from __future__ import annotations

from collections.abc import Iterable

from pymongo import UpdateOne

from fhirserver.search.shapes import Shape, Shapes
from fhirserver.store.context import Context


async def note(ctx: Context, found: Iterable[tuple[str, Shape]]) -> None:
    """Makes sure that the shapes of types are stored; costs nothing for those that are known to be."""
    fresh = {(type_, shape.name): shape for type_, shape in found if (type_, shape.name) not in ctx.shaped}
    if not fresh:
        return
    # Not part of a transaction: a shape without resources does no harm, a resource without its shape would be lost.
    await ctx.shapes.bulk_write([upsert(type_, shape) for (type_, _), shape in fresh.items()], ordered=False)
    ctx.shaped.update(fresh)


def upsert(type: str, shape: Shape) -> UpdateOne:
    """What notes a shape."""
    return UpdateOne({"_id": f"{type}/{shape.name}"}, {"$set": {"p": list(shape.codes)}}, upsert=True)


MOST = 2000
"""Shapes of a type that a search looks through."""


async def of(ctx: Context, type: str) -> Shapes:
    """All shapes of a type, in one round trip."""
    within = {"_id": {"$gt": f"{type}/", "$lt": f"{type}0"}}
    with ctx.translated():
        rows = await ctx.shapes.find(within, batch_size=MOST + 1).limit(MOST + 1).to_list(None)
    if len(rows) > MOST:
        return Shapes((), whole=False)
    return Shapes([Shape(row["_id"].partition("/")[2], tuple(row["p"])) for row in rows])
