"""Creates of several requests that are under way at the same time, written in one MongoDB transaction.

A transaction of a few creates is mostly round trips; those that arrive while one is under way share the next one's. New
resources under new ids cannot get into each other's way, so whether the others are there makes no difference to any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fhirserver.errors import Duplicate, TooLarge, Unprocessable
from fhirserver.store import batches
from fhirserver.store.context import Context
from fhirserver.store.documents import Create, Put, Written
from fhirserver.store.rounds import Round, Rounds
from fhirserver.store.transactions import transact
from fhirserver.store.turns import Turns

AT_ONCE = 3
"""Transactions under way: some are written while the next one is prepared."""

MOST = 18
"""Resources after which a transaction takes no more requests: others prepare theirs meanwhile."""

_AT_A_TIME = 20
"""Resources that are indexed before the event loop goes round."""

Creates = Sequence[Create]


class Combiner:
    """The creates of one process."""

    def __init__(self, ctx: Context, turns: Turns) -> None:
        self._ctx = ctx
        # Who has a turn or waits for one is likely to come here next.
        self._rounds: Rounds[Creates, list[Written]] = Rounds(
            self._together, AT_ONCE, MOST, len, lambda: turns.under_way
        )

    async def create(self, creates: Creates) -> list[Written]:
        """Writes all `creates`, or none; refusals concern this request alone."""
        return await self._rounds.ask(creates)

    async def _together(self, together: Round[Creates, list[Written]]) -> None:
        try:
            puts = await _puts(together)
        except Exception:
            await self._apart(together)
            return
        try:
            await self._write(together, puts)
        except (Unprocessable, TooLarge, Duplicate):
            await self._apart(together)

    async def _write(self, together: Round[Creates, list[Written]], puts: Sequence[Put]) -> None:
        done = await transact(self._ctx, lambda ctx: batches.put_many(ctx, puts))
        written = {(put.type, put.id): each for put, each in zip(puts, done, strict=True)}
        for request in together:
            request.answer([written[create.type, create.id] for create in request.asked])

    async def _apart(self, together: Round[Creates, list[Written]]) -> None:
        """Each for itself: something is wrong with one of them, and nothing was written."""
        for request in together:
            try:
                await self._write([request], await _puts([request]))
            except Exception as error:
                request.fail(error)


async def _puts(together: Round[Creates, list[Written]]) -> list[Put]:
    """What is to be written, type by type: indexing the same type again is a good deal faster than the next one."""
    creates = sorted((create for request in together for create in request.asked), key=lambda create: create.type)
    puts: list[Put] = []
    for number, create in enumerate(creates, 1):
        puts.append(create.put())
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)
    return puts
