"""Which search parameters are in force: those of the release, and those that this database's SearchParameters define.

Every process looks at a counter in the database at least once a second, so that all of them index what they write by
a new parameter before the resources that were there are indexed by it. https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

from fhirserver.errors import FhirError, Unavailable
from fhirserver.resources.registry import Release
from fhirserver.search import defined
from fhirserver.search.added import NONE, InForce, Place
from fhirserver.search.defined import Compiled, Definition
from fhirserver.store.parameters import Registered, Snapshot
from fhirserver.store.passes import Pass
from fhirserver.store.store import Store

log = logging.getLogger("fhirserver.search")

LOOK_S = 1.0
"""Seconds after which a process looks again at what is in force."""

SETTLE_S = 2.5
"""Seconds after a change from which every process knows of it: then the resources that are there are indexed."""

_EXPECTED_S = 5.0


class Known:
    """What one process knows of the parameters of one database; `changed` is when it learned of the last change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self._revision = -1
        self._looked = float("-inf")
        self._expected = float("-inf")
        self.now: InForce = NONE
        self.changed = float("-inf")
        self.compiled: Mapping[Release, Compiled] = {}
        self.definitions: tuple[Registered, ...] = ()
        self.passes: tuple[Pass, ...] = ()

    async def look(self) -> InForce:
        """What is in force now: a look-up by key, and more where something is new."""
        async with self._lock:
            await self._look()
        return self.now

    async def fresh(self) -> InForce:
        """The same, without looking when that was done a moment ago."""
        if self._stale():
            async with self._lock:
                # Many may have waited for one that looked meanwhile.
                if self._stale():
                    await self._look()
        return self.now

    def _stale(self) -> bool:
        at = time.monotonic()
        return at - self._looked > LOOK_S or at < self._expected

    async def _look(self) -> None:
        at = time.monotonic()
        revision = await self._store.parameters.revision()
        if revision != self._revision:
            await self._load()
            self._expected = float("-inf")
        elif self.now.waiting:
            await self._refresh()
        self._looked = at

    def expect(self) -> None:
        """Says that this process is about to change something itself: what comes next looks again."""
        self._expected = time.monotonic() + _EXPECTED_S

    async def _load(self) -> None:
        snapshot = await self._store.parameters.load()
        if snapshot.number != self.now.number or not self.compiled:
            # Many definitions for many types take a while to compile.
            self.compiled = await asyncio.to_thread(_compiled, snapshot)
            self.definitions = snapshot.definitions
            self.changed = time.monotonic() if snapshot.number else float("-inf")
        await self._refresh(snapshot.number)
        self._revision = snapshot.revision

    async def _refresh(self, number: int | None = None) -> None:
        self.passes = tuple(await self._store.passes.every())
        indexed = {place(each): each.done for each in self.passes}
        progress = {place(each): each.progress for each in self.passes}
        self.now = defined.in_force(
            self.compiled, self.now.number if number is None else number, indexed, progress, self.now
        )


def place(one: Pass) -> Place:
    """The release and the type of a pass."""
    return ("R4" if one.release == "R4" else "R5"), one.type


def _compiled(snapshot: Snapshot) -> Mapping[Release, Compiled]:
    releases: dict[Release, list[Registered]] = {}
    for each in snapshot.definitions:
        releases.setdefault("R4" if each.release == "R4" else "R5", []).append(each)
    return {release: defined.compiled(release, definitions(each)) for release, each in releases.items()}


def definitions(registered: Iterable[Registered]) -> list[Definition]:
    """What is registered, as definitions."""
    return [Definition(each.id, each.number, each.resource) for each in registered]


_KNOWN: WeakKeyDictionary[Store, Known] = WeakKeyDictionary()


def known(store: Store) -> Known:
    """What this process knows of the parameters of a store's database."""
    # Of a database, whichever release it is seen in.
    whole = store.seen_in("R5")
    found = _KNOWN.get(whole)
    if found is None:
        found = _KNOWN[whole] = Known(whole)
    return found


async def seen(store: Store) -> InForce:
    """What a request goes by: what is in force, or while the database is away what was."""
    here = known(store)
    with suppress(Unavailable):
        return await here.fresh()
    return here.now


@asynccontextmanager
async def watching(store: Store) -> AsyncIterator[Known]:
    """Looks every LOOK_S seconds, as long as it is open: a request that takes long knows of what came meanwhile."""
    here = known(store)
    await here.look()
    task = asyncio.create_task(_watch(here))
    try:
        yield here
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(here: Known) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        with suppress(FhirError):  # a database that is away for a moment; whoever needs it is told so
            await here.look()
