"""Keys that serialise: within this process by queueing, between processes by a document that transactions touch.

Keys fall into a fixed number of slots, so the lock collection stays small however many keys there ever were; two keys
that share a slot merely wait for each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Sequence

SLOTS = 2**20


def slots(keys: Sequence[str]) -> list[int]:
    """The slots of `keys`, ascending: everyone takes them in this order, so nobody waits in a circle."""
    return sorted({zlib.crc32(key.encode()) % SLOTS for key in keys})


class Queues:
    """One queue for each thing somebody waits for now; forgotten when nobody does."""

    def __init__(self) -> None:
        self._locks: dict[object, tuple[asyncio.Lock, list[None]]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, things: Sequence[object]) -> AsyncIterator[None]:
        """Waits until it is our turn with all of `things`, which the caller gives in an order all callers keep."""
        if not things:
            yield
            return
        joined: list[tuple[object, asyncio.Lock, list[None]]] = []
        mine = 0
        try:
            for thing in things:
                lock, users = self._locks.setdefault(thing, (asyncio.Lock(), []))
                users.append(None)
                joined.append((thing, lock, users))
                await lock.acquire()
                mine += 1
            yield
        finally:
            for at, (thing, lock, users) in enumerate(joined):
                if at < mine:
                    lock.release()
                users.pop()
                if not users:
                    del self._locks[thing]
