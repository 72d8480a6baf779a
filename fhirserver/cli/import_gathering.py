"""Records that one process has in the works: what waits while some are stored is stored together after them.

A record that comes alone is imported at once.
"""

from __future__ import annotations

from fhirserver.cli.import_report import Row
from fhirserver.cli.importing import import_one
from fhirserver.cli.sources import Source
from fhirserver.interactions.import_together import import_together
from fhirserver.interactions.server import Server
from fhirserver.store.rounds import Round, Rounds

TOGETHER = 16
"""Records of a transaction: with more the round trips that are saved weigh little, and one that fails costs more."""

UNDER_WAY = 2
"""Transactions at one time: one is mapped and checked while the database is at work on the other."""

AT_ONCE = TOGETHER * UNDER_WAY
"""Records that keep one process busy."""

LARGE = 2**20
"""Bytes from which on a record is imported by itself."""

Asked = tuple[Source, bool]
"""A record, and whether what became of each of its fields is told."""


class Gathering:
    """Imports of one process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._rounds: Rounds[Asked, Row] = Rounds(self._import, UNDER_WAY, TOGETHER)

    async def import_one(self, given: Source, traced: bool) -> Row:
        """What became of a record, and of each of its fields if `traced`; it does not raise."""
        if len(given.data) >= LARGE:
            return await import_one(self._server, given, traced)
        return await self._rounds.ask((given, traced))

    async def _import(self, together: Round[Asked, Row]) -> None:
        done = {}
        if len(together) > 1:
            done = await import_together(self._server, [each.asked[0].data for each in together])
        for number, each in enumerate(together):
            each.answer(await import_one(self._server, *each.asked, done.get(number)))
