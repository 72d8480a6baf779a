"""Passes over the resources of a type, which index them again while the server answers: which there are and how far.

Their state lies in `meta`: {_id: "pass/R5/Observation", rel, ty, done, job}. All of the type are indexed by every
search parameter up to the number `done`; `job` is the last pass, whether it goes on or has ended. One process works at
a time, the holder of {_id: "passes", holder, until}; two for a moment do no harm, since terms are written only where
the version is still the one that they were made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from fhirserver import fhirjson
from fhirserver.resources.registry import Release
from fhirserver.store.codec import Document
from fhirserver.store.context import Context
from fhirserver.store.parameters import COUNTER, NAMED

LEASE_S = 15
"""Seconds after which a worker that was heard of no more has lost its turn."""

_HOLDER = "passes"
_PREFIX = "pass/"
_AFTER = "pass0"


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

    release: Release
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
    """The state of the passes of one database; what they do is in `sweeps`."""

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

    async def ask(self, release: Release, types: Sequence[str], target: int, *, whole: bool) -> None:
        """Has a pass done over each of these types, unless one that does as much goes on already."""
        known = {each.type: each for each in await self.every() if each.release == release}
        for type_ in types:
            there = known.get(type_, Pass(release, type_))
            if there.going is None or (whole and not there.going.all):
                await self.save(there, Job(fhirjson.now(), target, whole), there.done, news=True)

    async def turn(self, holder: str) -> bool:
        """Whether it is the turn of this worker, for LEASE_S from now."""
        # By the database's clock: those of two machines may differ by more than a turn.
        free = {"$or": [{"$in": ["$holder", [holder, None]]}, {"$lt": ["$until", "$$NOW"]}]}
        mine = {
            "holder": {"$cond": [free, holder, "$holder"]},
            "until": {"$cond": [free, {"$add": ["$$NOW", LEASE_S * 1000]}, "$until"]},
        }
        with self._ctx.translated():
            found = await self._meta.find_one_and_update(
                {"_id": _HOLDER}, [{"$set": mine}], upsert=True, return_document=True
            )
        return found is not None and found["holder"] == holder

    async def leave(self, holder: str) -> None:
        """Ends this worker's turn, so that another need not wait for it to run out."""
        with self._ctx.translated():
            await self._meta.delete_one({"_id": _HOLDER, "holder": holder})

    async def save(self, current: Pass, job: Job, done: int, *, news: bool = False) -> Pass:
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


def _pass(found: Mapping[str, Any]) -> Pass:
    job = found.get("job")
    return Pass(
        NAMED[found["rel"]],
        found["ty"],
        int(found["done"]),
        Job(**{**job, "errors": tuple(job["errors"])}) if job else None,
    )
