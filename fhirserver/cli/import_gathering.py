"""Records that one process has in the works: what waits while some are stored is stored together after them.

Nothing waits for company: a record that comes alone is imported at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from fhirserver.cli.import_report import Row
from fhirserver.cli.importing import import_one
from fhirserver.cli.sources import Source
from fhirserver.interactions.import_together import import_together
from fhirserver.interactions.server import Server

TOGETHER = 16
"""Records of a transaction: with more the round trips that are saved weigh little, and one that fails costs more."""

UNDER_WAY = 2
"""Transactions at one time: one is mapped and checked while the database is at work on the other."""

AT_ONCE = TOGETHER * UNDER_WAY
"""Records that keep one process busy."""

LARGE = 2**20
"""Bytes from which on a record is imported by itself."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    given: Source
    done: asyncio.Future[Row]


@dataclass(slots=True)
class Gathering:
    """Imports of one process."""

    server: Server
    _waiting: deque[_Wanted] = field(default_factory=deque)
    _under_way: int = 0
    _writers: set[asyncio.Task[None]] = field(default_factory=set)

    async def import_one(self, given: Source, traced: bool) -> Row:
        """What became of a record, and of each of its fields if `traced`; it does not raise."""
        if len(given.data) >= LARGE:
            return await import_one(self.server, given, traced)
        wanted = _Wanted(given, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        if self._under_way < UNDER_WAY:
            self._under_way += 1
            writer = asyncio.create_task(self._import_all(traced))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await wanted.done

    async def _import_all(self, traced: bool) -> None:
        try:
            # Those that come in one go come one after the other: let them.
            await asyncio.sleep(0)
            while self._waiting:
                together = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
                await self._import(together, traced)
        finally:
            self._under_way -= 1

    async def _import(self, together: Sequence[_Wanted], traced: bool) -> None:
        done = {}
        if len(together) > 1:
            done = await import_together(self.server, [each.given.data for each in together])
        for number, each in enumerate(together):
            row = await import_one(self.server, each.given, traced, done.get(number))
            if not each.done.done():  # whoever asked may have gone
                each.done.set_result(row)
