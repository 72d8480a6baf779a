"""The background of a server: it looks at what is in force, and indexes resources by parameters that are new.

One process of all that share a database works at a time, in small batches with a rest after each; whoever comes next
goes on where it stopped. https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import uuid4

from fhirserver import fhirjson
from fhirserver.errors import FhirError
from fhirserver.fhirjson import Resource
from fhirserver.interactions import in_force, write
from fhirserver.interactions.defining import adopt
from fhirserver.interactions.in_force import Known
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import Release
from fhirserver.search import added
from fhirserver.search.indexing import IndexEntry
from fhirserver.search.kinds.reference import targets
from fhirserver.search.parameters import parameters
from fhirserver.search.within import mark
from fhirserver.settings import Settings
from fhirserver.store.passes import LEASE_S, Pass
from fhirserver.store.store import Store

log = logging.getLogger("fhirserver.search")

REST = 0.5
"""How long to rest after a batch, as a share of the time that it took: requests come first."""

SETTLED = timedelta(seconds=75)
"""How long after a pass began a transaction may end that began before it; MongoDB ends them after a minute."""


AGAIN = timedelta(minutes=10)
"""How long after a pass that failed the next one begins by itself."""


class Tender:
    """The background work of one process on one store."""

    def __init__(self, settings: Settings, store: Store, release: Release = "R5") -> None:
        self.server = Server(settings, store, release, "")
        self._store = store
        self._holder = uuid4().hex
        self._turn = float("-inf")

    @property
    def known(self) -> Known:
        """What this process knows of the parameters in force."""
        return in_force.known(self._store)

    async def work(self) -> bool:
        """Does all there is to do and may be done now; whether it was this process's turn to do something."""
        await self._want()
        if not any(map(self._due, self.known.passes)) or not await self._mine():
            return False
        try:
            # As they are by now: another process may have done some of it.
            for one in filter(self._due, await self._store.passes.every()):
                await self._do(one)
        finally:
            with suppress(FhirError):
                await self._store.passes.leave(self._holder)
            self._turn = float("-inf")
        await self.known.look()
        return True

    async def _want(self) -> None:
        """Asks for the passes that parameters wait for."""
        now = self.known.now
        busy = {(each.release, each.type) for each in self.known.passes if each.going or _failed(each, now.number)}
        waiting: dict[Release, list[str]] = {}
        for release, type_ in now.waiting.keys() - busy:
            waiting.setdefault(release, []).append(type_)
        for release, types in waiting.items():
            await self._store.passes.ask(release, sorted(types), now.number, whole=False)
        if waiting:
            await self.known.look()

    def _due(self, one: Pass) -> bool:
        """Whether a pass can go on, or its end be settled."""
        if one.going is not None:
            everybody_knows = time.monotonic() - self.known.changed >= in_force.SETTLE_S
            return everybody_knows and one.going.target <= self.known.now.number
        late = one.unsettled
        return late is not None and fhirjson.now() - (late.begun or late.asked) >= SETTLED

    async def _mine(self) -> bool:
        """Whether it is this process's turn; asked again in time before the turn runs out."""
        at = time.monotonic()
        if at - self._turn > LEASE_S / 3:
            if not await self._store.passes.turn(self._holder):
                self._turn = float("-inf")
                return False
            self._turn = at
        return True

    async def _do(self, one: Pass) -> None:
        server = self.server.seen_in(one.release)

        def index(resource: Resource) -> IndexEntry:
            return write.index(server, resource)

        if one.going is None:
            await self._store.settle(one, index)
            return
        log.info("indexing %s", one.type)
        marks = (one.release, one.type) in self.known.now.by_type
        around = await self._around(one) if marks else None
        while one.going is not None and await self._mine():
            begun = time.monotonic()
            one = await self._store.sweep(one, index, marks=marks, around=around)
            await asyncio.sleep((time.monotonic() - begun) * REST)
        if one.going is None and one.job is not None:
            log.info("indexed %s: %d resources, %d failed", one.type, one.job.seen, one.job.failed)

    async def _around(self, one: Pass) -> Mapping[str, Sequence[str]]:
        """What there is that may contain resources of a type: its types, with the postings of those that do."""
        found: dict[str, list[str]] = {}
        with added.in_force(self.known.now):
            for type_ in await self._store.seen_in(one.release).types():
                for code, parameter in parameters(one.release, type_).items():
                    if parameter.kind == "reference" and one.type in targets(parameter):
                        found.setdefault(type_, []).append(mark(code, one.type))
        return found


def _failed(one: Pass, number: int) -> bool:
    """Whether a pass for these parameters met what it could not index, and it is too early to try again."""
    job = one.job
    if job is None or job.ended is None or not job.failed or job.target < number:
        return False
    return fhirjson.now() - job.ended < AGAIN


@asynccontextmanager
async def tending(settings: Settings, store: Store) -> AsyncIterator[None]:
    """Does the background work of a server as long as it is open."""
    async with in_force.watching(store):
        task = asyncio.create_task(_tend(Tender(settings, store)))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _tend(tender: Tender) -> None:
    adopted = False
    while True:
        try:
            if not adopted:
                await adopt(tender.server)
                adopted = True
            await tender.work()
        except FhirError as error:
            log.debug("the background waits: %s", error)
        except Exception as error:
            # Whatever it is, requests are still answered, and the next try may succeed.
            log.error("the background failed: %s", type(error).__name__)
        await asyncio.sleep(in_force.LOOK_S)
