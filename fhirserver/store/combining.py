"""Creates of several requests that are under way at the same time, written in one MongoDB transaction.

A transaction of a few creates is mostly round trips; those that arrive while one is under way share the next one's. New
resources under new ids cannot get into each other's way, so whether the others are there makes no difference to any.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.errors import Duplicate, TooLarge, Unprocessable
from fhirserver.store import batches
from fhirserver.store.context import Context
from fhirserver.store.documents import Put, Written
from fhirserver.store.rounds import Round, Rounds, Wanted
from fhirserver.store.transactions import transact
from fhirserver.store.turns import Turns

AT_ONCE = 2
"""Transactions under way: one is written while the next one is prepared."""

MOST = 24
"""Resources after which a transaction takes no more requests: others prepare theirs meanwhile."""

Items = Sequence[Put]


class Combiner:
    """The creates of one process."""

    def __init__(self, ctx: Context, turns: Turns) -> None:
        self._ctx = ctx
        # Who has a turn or waits for one is likely to come here next.
        self._rounds: Rounds[Items, list[Written]] = Rounds(self._together, AT_ONCE, MOST, len, lambda: turns.under_way)

    async def create(self, items: Items) -> list[Written]:
        """Writes all `items`, which are new under new ids, or none; refusals concern this request alone."""
        return await self._rounds.ask(items)

    async def _together(self, together: Round[Items, list[Written]]) -> None:
        try:
            await self._write(together)
        except (Unprocessable, TooLarge, Duplicate):
            # Something is wrong with one of them, and nothing was written: each for itself.
            for request in together:
                await self._alone(request)

    async def _write(self, together: Round[Items, list[Written]]) -> None:
        items = [item for request in together for item in request.asked]
        written = iter(await transact(self._ctx, lambda ctx: batches.put_many(ctx, items)))
        for request in together:
            request.answer([next(written) for _ in request.asked])

    async def _alone(self, request: Wanted[Items, list[Written]]) -> None:
        try:
            await self._write([request])
        except Exception as error:
            request.fail(error)
