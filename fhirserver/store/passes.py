"""Passes: every resource of a type indexed again while the server answers, batch by batch, resumed where one ended.

State lies in `meta`: {_id: "pass/R5/Observation", rel, ty, done, job}. All resources of the type are indexed by every
search parameter up to the number `done`; `job` is the last pass, whether it goes on or has ended. One process works at
a time, the holder of {_id: "passes", holder, until}; two for a moment do no harm, since terms are written only where
the version is still the one that they were made from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.search.added import MARK, mark
from fhirserver.store.codec import Document
from fhirserver.store.context import Context
from fhirserver.store.documents import IndexEntry
from fhirserver.store.parameters import COUNTER
from fhirserver.store.reindexing import _update

BATCH = 200
"""Resources that are read and written together."""

LEASE_S = 15
"""Seconds after which a worker that was heard of no more has lost its turn."""

MARGIN = timedelta(minutes=2)
"""How long before a pass begins a write may have begun that it does not see: longer than any transaction lives."""

_SLICE_S = 0.002
_SHOWN = 10
_HOLDER = "passes"
_PREFIX = "pass/"
_AFTER = "pass0"
_BEYOND = MARK[:-1] + "}"
"""What follows every mark: '}' comes after '|'."""

Index = Callable[[Resource], IndexEntry]
Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One pass over the resources of a type.

    It brings them up to the parameters of number `target`; one that is for `all` writes the terms of every resource,
    another those of resources that were indexed by fewer parameters. `at` is the last id that was looked at, `settled`
    says that what was being written when it began was looked at once more.
    """

    asked: datetime
    target: int
    all: bool
    total: int = 0
    seen: int = 0
    written: int = 0
    failed: int = 0
    at: str = ""
    begun: datetime | None = None
    ended: datetime | None = None
    settled: bool = False
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pass:
    """The state of one type."""

    release: str
    type: str
    done: int = 0
    job: Job | None = None

    @property
    def going(self) -> Job | None:
        """The job, while it has not ended."""
        return self.job if self.job is not None and self.job.ended is None else None

    @property
    def unsettled(self) -> Job | None:
        """A job that ended, while there may be writes yet that it did not see."""
        return self.job if self.job is not None and self.job.ended and not self.job.settled else None

    @property
    def progress(self) -> str:
        """How far it is, in words."""
        job = self.going
        if job is None or job.begun is None:
            return "it begins in a moment"
        return f"{job.seen:,} of {max(job.total, job.seen):,} done"


class Passes:
    """The passes of one database."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @property
    def _meta(self) -> AsyncCollection[Document]:
        return self._ctx.db["meta"]

    async def every(self) -> list[Pass]:
        """The state of every type that ever had a pass, in the order of their names."""
        with self._ctx.translated():
            found = await self._meta.find({"_id": {"$gt": _PREFIX, "$lt": _AFTER}}).sort("_id", 1).to_list(None)
        return [_pass(each) for each in found]

    async def ask(self, release: str, types: Sequence[str], target: int, *, whole: bool) -> None:
        """Has a pass done over each of these types, unless one that does as much goes on already."""
        known = {each.type: each for each in await self.every() if each.release == release}
        for type_ in types:
            there = known.get(type_, Pass(release, type_))
            if there.going is None or (whole and not there.going.all):
                await self._save(there, Job(fhirjson.now(), target, whole), there.done, news=True)

    async def turn(self, holder: str) -> bool:
        """Whether it is the turn of this worker, for LEASE_S from now."""
        # By the database's clock: those of two machines may differ by more than a turn.
        free = {"$or": [{"$eq": ["$holder", holder]}, {"$lt": ["$until", "$$NOW"]}]}
        mine = {"holder": holder, "until": {"$add": ["$$NOW", LEASE_S * 1000]}}
        with self._ctx.translated():
            try:
                done = await self._meta.update_one({"_id": _HOLDER, "$expr": free}, [{"$set": mine}], upsert=True)
            except DuplicateKeyError:  # it is another's
                return False
        return done.matched_count == 1 or done.upserted_id is not None

    async def leave(self, holder: str) -> None:
        """Ends this worker's turn, so that another need not wait for it to run out."""
        with self._ctx.translated():
            await self._meta.delete_one({"_id": _HOLDER, "holder": holder})

    async def step(self, current: Pass, index: Index) -> Pass:
        """Does one batch of a pass that goes on; the state after it, in which the pass has perhaps ended."""
        job = current.going
        if job is None:
            return current
        with self._ctx.translated():
            if job.begun is None:
                total = await self._ctx.of(current.type).estimated_document_count()
                job = replace(job, begun=fhirjson.now(), total=total)
            cursor = self._ctx.of(current.type).find({"_id": {"$gt": job.at}}, _shown(job)).sort("_id", 1)
            found = await cursor.limit(BATCH).to_list(None)
            if found:
                mine = [each for each in found if not each["gone"] and each["rel"] == current.release]
                job = await self._write(current, job, [each for each in mine if job.all or not each.get("t")], index)
                job = replace(job, at=found[-1]["_id"], seen=job.seen + len(found))
                return await self._save(current, job, current.done)
            job = replace(await self._late(current, job, index), ended=fhirjson.now(), total=job.seen)
        done = current.done if job.failed else max(current.done, job.target)
        return await self._save(current, job, done, news=True)

    async def settle(self, current: Pass, index: Index) -> Pass:
        """Looks once more at what was being written when a pass that has ended began."""
        job = current.unsettled
        if job is None:
            return current
        with self._ctx.translated():
            job = replace(await self._late(current, job, index), settled=True)
        return await self._save(current, job, current.done)

    async def _late(self, current: Pass, job: Job, index: Index) -> Job:
        """Indexes what was written by who did not know the target yet: a pass sees only what is there when it comes."""
        since = (job.begun or job.asked) - MARGIN
        below = {"$not": {"$elemMatch": {"$gte": mark(job.target), "$lt": _BEYOND}}}
        where = {"at": {"$gte": since}, "gone": False, "rel": current.release, "t": below}
        while True:
            found = await self._ctx.of(current.type).find(where, _shown(job)).limit(BATCH).to_list(None)
            if not found:
                return job
            before, job = job, await self._write(current, job, found, index)
            if job.failed > before.failed:
                return job

    async def _write(self, current: Pass, job: Job, found: Sequence[Found], index: Index) -> Job:
        updates: list[UpdateOne] = []
        errors: list[str] = []
        begun = time.perf_counter()
        for each in found:
            try:
                updates.append(_update(dict(each), index(each["r"])))
            except Exception as error:
                # One resource that cannot be indexed must not keep the others from it; the state names it.
                errors.append(f"{current.type}/{each['_id']}: {type(error).__name__}")
            if time.perf_counter() - begun > _SLICE_S:
                await asyncio.sleep(0)  # requests are answered in between
                begun = time.perf_counter()
        written = 0
        if updates:
            done = await self._ctx.of(current.type).bulk_write(updates, ordered=False)
            written = done.matched_count
        failed, shown = job.failed + len(errors), (*job.errors, *errors)[:_SHOWN]
        return replace(job, written=job.written + written, failed=failed, errors=shown)

    async def _save(self, current: Pass, job: Job, done: int, *, news: bool = False) -> Pass:
        """Writes the state, unless it is another job's by now; `news` lets every server look at it."""
        key = f"{_PREFIX}{current.release}/{current.type}"
        asked = current.job.asked if current.job else None
        row = {"rel": current.release, "ty": current.type, "done": done, "job": asdict(job)}
        with self._ctx.translated():
            try:
                await self._meta.update_one({"_id": key, "job.asked": asked}, {"$set": row}, upsert=True)
            except DuplicateKeyError:
                found = await self._meta.find_one({"_id": key})
                return _pass(found) if found else current
            if news:
                await self._meta.update_one({"_id": COUNTER}, {"$inc": {"rev": 1, "n": 0}}, upsert=True)
        return Pass(current.release, current.type, done, job)


def _shown(job: Job) -> dict[str, Any]:
    """The projection of a pass: the resource, and of its postings a mark that says that it needs no more."""
    enough = {"$elemMatch": {"$gte": mark(job.target), "$lt": _BEYOND}}
    return {"v": 1, "rel": 1, "gone": 1, "r": 1, "t": enough}


def _pass(found: Found) -> Pass:
    job = found.get("job")
    return Pass(
        found["rel"], found["ty"], int(found["done"]), Job(**{**job, "errors": tuple(job["errors"])}) if job else None
    )
