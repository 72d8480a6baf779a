"""The work of a pass: resources read, indexed and written in batches, with requests answered in between.

A write that goes on meanwhile is never undone: terms are written only where the version is still the one that they
were made from, and what was written by a process that did not know a parameter yet is looked for when the pass ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from pymongo import UpdateOne

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import place
from fhirserver.search.added import MARK, mark
from fhirserver.store.context import Context
from fhirserver.store.documents import IndexEntry, Version
from fhirserver.store.passes import Job, Pass, Passes
from fhirserver.store.reindexing import renewed

BATCH = 100
"""Resources that are read and written together."""

MARGIN = timedelta(minutes=2)
"""How long before a pass begins a write may have begun that it does not see: longer than any transaction lives."""

_SLICE_S = 0.002
_SHOWN = 10
_BEYOND = MARK[:-1] + "}"
"""What follows every mark: '}' comes after '|'."""

Index = Callable[[Resource], IndexEntry]
Found = Mapping[str, Any]


async def step(
    ctx: Context,
    current: Pass,
    index: Index,
    *,
    marks: bool,
    around: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Pass:
    """Does one batch of a pass that goes on; the state after it, in which the pass has perhaps ended.

    `marks` says whether `index` marks what it indexes, as it does where parameters were added to the type. `around` are
    the types that contain resources of the type, each with the postings of those that do.
    """
    job = current.going
    if job is None:
        return current
    collection = ctx.of(place(current.release, current.type))
    with ctx.translated():
        if job.begun is None:
            job = replace(job, begun=fhirjson.now(), total=await collection.estimated_document_count())
        cursor = collection.find({"_id": {"$gt": job.at}}, _projection(job)).sort("_id", 1).limit(BATCH)
        found = await cursor.to_list(None)
        if found:
            mine = [each for each in found if not each["gone"]]
            job = await _write(ctx, current, job, [each for each in mine if job.all or not each.get("t")], index)
            job = replace(job, at=found[-1]["_id"], seen=job.seen + len(found))
            return await Passes(ctx).save(current, job, current.done)
        for type_, postings in around.items():
            job = await _around(ctx, current, job, index, type_, postings)
        job = await _late(ctx, current, job, index) if marks else replace(job, settled=True)
    job = replace(job, ended=fhirjson.now(), total=job.seen)
    done = current.done if job.failed else max(current.done, job.target)
    return await Passes(ctx).save(current, job, done, news=True)


async def renew(ctx: Context, version: Version, entry: IndexEntry) -> bool:
    """Gives one version new terms; False when it is not the current one any more."""
    with ctx.translated():
        update = renewed({"_id": version.id, "v": version.version}, entry)
        done = await ctx.of(version.type).bulk_write([update])
    return bool(done.matched_count)


async def settle(ctx: Context, current: Pass, index: Index) -> Pass:
    """Looks once more for what was being written when a pass that has ended began."""
    job = current.unsettled
    if job is None:
        return current
    with ctx.translated():
        job = replace(await _late(ctx, current, job, index), settled=True)
    return await Passes(ctx).save(current, job, current.done, news=True)


async def _around(ctx: Context, current: Pass, job: Job, index: Index, type: str, postings: Sequence[str]) -> Job:
    """Indexes what contains resources of the type, whose entries hold those of what they contain."""
    at = ""
    while True:
        where = {"t": {"$in": list(postings)}, "_id": {"$gt": at}, "gone": False}
        found = (
            await ctx.of(place(current.release, type))
            .find(where, _projection(job))
            .sort("_id", 1)
            .limit(BATCH)
            .to_list(None)
        )
        if not found:
            return job
        job = await _write(ctx, replace(current, type=type), job, found, index)
        at = found[-1]["_id"]


async def _late(ctx: Context, current: Pass, job: Job, index: Index) -> Job:
    """Indexes what was written by who did not know the target yet: a pass sees only what is there when it comes."""
    unmarked = {"$not": {"$elemMatch": {"$gte": mark(job.target), "$lt": _BEYOND}}}
    begin, end = (job.begun or job.asked) - MARGIN, fhirjson.now()
    after: dict[str, Any] = {"at": {"$gte": begin}}
    while True:
        where = {"$and": [{"at": {"$lte": end}}, after], "gone": False, "t": unmarked}
        cursor = (
            ctx.of(place(current.release, current.type))
            .find(where, {**_projection(job), "at": 1})
            .sort([("at", 1), ("_id", 1)])
        )
        found = await cursor.limit(BATCH).to_list(None)
        if not found:
            return job
        job = await _write(ctx, current, job, found, index)
        last = found[-1]
        after = {"$or": [{"at": {"$gt": last["at"]}}, {"at": last["at"], "_id": {"$gt": last["_id"]}}]}
        after = {"$and": [{"at": {"$gte": last["at"]}}, after]}


async def _write(ctx: Context, current: Pass, job: Job, found: Sequence[Found], index: Index) -> Job:
    """Gives resources new terms; the job with what came of it."""
    updates: list[UpdateOne] = []
    errors: list[str] = []
    begun = time.perf_counter()
    for each in found:
        try:
            entry = index(each["r"])
            updates.append(renewed(each, entry))
        except Exception as error:
            # One resource that cannot be indexed must not keep the others from it; the state names it.
            errors.append(f"{current.type}/{each['_id']}: {type(error).__name__}")
        if time.perf_counter() - begun > _SLICE_S:
            await asyncio.sleep(0)  # requests are answered in between
            begun = time.perf_counter()
    written = 0
    if updates:
        done = await ctx.of(place(current.release, current.type)).bulk_write(updates, ordered=False)
        written = done.matched_count
    failed, shown = job.failed + len(errors), (*job.errors, *errors)[:_SHOWN]
    return replace(job, written=job.written + written, failed=failed, errors=shown)


def _projection(job: Job) -> dict[str, Any]:
    """The resource, and of its postings a mark that says that it needs no more."""
    enough = {"$elemMatch": {"$gte": mark(job.target), "$lt": _BEYOND}}
    return {"v": 1, "gone": 1, "r": 1, "t": enough}
