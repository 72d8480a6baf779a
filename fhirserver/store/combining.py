"""Creates of several requests that are under way at the same time, written in one MongoDB transaction.

A transaction of a few creates is mostly round trips; those that arrive while one is under way share the next one's.
Nothing waits for company: what arrives alone is written at once. New resources under new ids cannot get into each
other's way, so whether the others are there makes no difference to any of them.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from dataclasses import dataclass, field

from fhirserver.errors import Duplicate, TooLarge, Unprocessable
from fhirserver.store import batches
from fhirserver.store.context import Context
from fhirserver.store.documents import Put, Written
from fhirserver.store.transactions import transact

AT_ONCE = 2
"""Transactions under way: one is written while the next one is prepared."""

MOST = 256
"""Resources after which a transaction takes no more requests."""


@dataclass(frozen=True, slots=True)
class _Request:
    items: Sequence[Put]
    done: asyncio.Future[list[Written]]


@dataclass(slots=True)
class Combiner:
    """The requests of one process that wait, and the tasks that write them."""

    ctx: Context
    _waiting: list[_Request] = field(default_factory=list)
    _under_way: int = 0
    _writers: set[asyncio.Task[None]] = field(default_factory=set)

    async def create(self, items: Sequence[Put]) -> list[Written]:
        """Writes all `items`, which are new under new ids, or none; refusals concern this request alone."""
        request = _Request(items, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._under_way < AT_ONCE:
            self._under_way += 1
            # It works for many requests: what it does is counted and logged as none's.
            writer = asyncio.create_task(self._write_all(), context=contextvars.Context())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await request.done

    async def _write_all(self) -> None:
        try:
            await self._write_waiting()
        finally:
            # At once, not when the task is seen to have ended: who comes in between would wait for nobody.
            self._under_way -= 1

    async def _write_waiting(self) -> None:
        while self._waiting:
            together = self._next()
            try:
                await self._write(together)
            except (Unprocessable, TooLarge, Duplicate):
                # Something is wrong with one of them, and nothing was written: each for itself.
                for request in together:
                    await self._alone(request)
            except BaseException as error:
                for request in together:
                    if not request.done.done():
                        request.done.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                if not isinstance(error, Exception):
                    raise

    def _next(self) -> list[_Request]:
        together = [self._waiting.pop(0)]
        size = len(together[0].items)
        while self._waiting and size + len(self._waiting[0].items) <= MOST:
            size += len(self._waiting[0].items)
            together.append(self._waiting.pop(0))
        return together

    async def _write(self, together: Sequence[_Request]) -> None:
        items = [item for request in together for item in request.items]
        written = iter(await transact(self.ctx, lambda ctx: batches.put_many(ctx, items)))
        for request in together:
            own = [next(written) for _ in request.items]
            if not request.done.done():  # whoever asked may have gone
                request.done.set_result(own)

    async def _alone(self, request: _Request) -> None:
        try:
            await self._write([request])
        except Exception as error:
            if not request.done.done():
                request.done.set_exception(error)
