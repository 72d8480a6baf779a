"""Walks over several types in pages: what comes next, and what an earlier page of the same walk has given already.

A page costs the same wherever it lies: the types are read one after the other from their indexes, and only until the
page is full. https://www.mongodb.com/docs/manual/reference/operator/aggregation/unionWith/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.errors import BulkWriteError

from fhirserver import fhirjson
from fhirserver.store.context import Context
from fhirserver.store.documents import Version
from fhirserver.store.failures import is_duplicate
from fhirserver.store.reads import together
from fhirserver.store.searches import bodies

Place = tuple[int, str]
"""The class and the order key of a resource, search/order."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a walk: the resources of a type that a filter finds, in the order of the type's places."""

    type: str
    filter: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """Where a walk meets a resource: the number of the stretch, the version that was met, and its place there."""

    stretch: int
    type: str
    id: str
    version: int
    place: Place = (0, "")


async def steps(ctx: Context, stretches: Sequence[Stretch], limit: int) -> list[Step]:
    """The next `limit` steps, stretch after stretch, in one round trip; TooCostly when it takes too long.

    A transaction takes no union: there it is one round trip a stretch, until the page is full.
    """
    if not stretches or limit <= 0:
        return []
    stages = [_stages(at, stretch, limit) for at, stretch in enumerate(stretches)]
    if ctx.session is None:
        further = [
            {"$unionWith": {"coll": stretch.type, "pipeline": own}}
            for stretch, own in zip(stretches[1:], stages[1:], strict=True)
        ]
        rows = await _rows(ctx, stretches[0].type, [*stages[0], *further, {"$limit": limit}], limit)
    else:
        rows = []
        for stretch, own in zip(stretches, stages, strict=True):
            if len(rows) < limit:
                rows += await _rows(ctx, stretch.type, own, limit)
    return [
        Step(row["n"], stretches[row["n"]].type, row["_id"], row["v"], (row["w"], row["o"])) for row in rows[:limit]
    ]


async def _rows(ctx: Context, type: str, pipeline: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    with ctx.translated():
        found: Any = ctx.plain(type).aggregate(
            pipeline, session=ctx.session, maxTimeMS=ctx.search_timeout_ms, batchSize=limit + 1
        )
        if hasattr(found, "__await__"):  # PyMongo's is a coroutine, Motor's is not
            found = await found
        rows: list[dict[str, Any]] = await found.to_list(None)
    return rows


def _stages(at: int, stretch: Stretch, limit: int) -> list[dict[str, Any]]:
    return [
        {"$match": dict(stretch.filter)},
        {"$sort": {"w": 1, "o": 1}},
        {"$limit": limit},
        {"$project": {"v": 1, "w": 1, "o": 1, "n": {"$literal": at}}},
    ]


async def versions(ctx: Context, met: Sequence[Step]) -> list[Version]:
    """The versions that were met, in that order; one round trip a type for those that are not remembered."""
    by_type: dict[str, list[Step]] = {}
    for step in met:
        by_type.setdefault(step.type, []).append(step)
    with ctx.translated():
        works = [
            partial(bodies, ctx, type_, [{"_id": step.id, "v": step.version} for step in every])
            for type_, every in by_type.items()
        ]
        found = {(v.type, v.id, v.version): v for some in await together(ctx, works) for v in some}
    return [found[key] for step in met if (key := (step.type, step.id, step.version)) in found]


async def begin(ctx: Context, walk: str) -> None:
    """Opens a walk that will have more than one page."""
    with ctx.translated():
        await ctx.walks.insert_one({"_id": walk, "at": fhirjson.now()})


async def first_met(ctx: Context, walk: str, page: str, names: Sequence[str]) -> set[str] | None:
    """Those of `names` that no other page of the walk has claimed, which are this page's from now on.

    Asked again for the same page it says the same. None when the walk is over or its time is up.
    """
    marks = {f"{walk} {name}": name for name in names}
    with ctx.translated():
        at = fhirjson.now()
        if marks:
            try:
                await ctx.walks.insert_many([{"_id": mark, "p": page, "at": at} for mark in marks], ordered=False)
            except BulkWriteError as error:
                if not is_duplicate(error):
                    raise
        query = {"$or": [{"_id": walk}, {"_id": {"$in": list(marks)}, "p": page}]}
        found = {row["_id"] async for row in ctx.walks.find(query, {"_id": 1})}
    return {name for mark, name in marks.items() if mark in found} if walk in found else None
