"""A run of imports: records read ahead a little, a few in the works at one time, stopped and taken up again.

Nothing is kept of a record but a row that is written out at once, so that a run of any length takes the same memory.
"""

from __future__ import annotations

import asyncio
import re
import signal
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from fhirserver.cli import import_report as report
from fhirserver.cli.import_report import Row
from fhirserver.cli.sources import Source
from fhirserver.errors import FhirError
from fhirserver.interactions.import_record import Imported, import_record, source, stored
from fhirserver.interactions.server import Server

TOGETHER = 32
"""Records that are read ahead together, and looked for in the store with one question."""

_AHEAD = 16 * 2**20
"""Bytes of records that are read ahead together."""

_NUMBER = re.compile(rb"NCT\d{8}|ISRCTN\d{8}|\b20\d\d-5\d{5}-\d\d|\b(?:19|20)\d\d-00\d{4}-\d\d")
"""What may be a registry's number: records with the same one are imported one after the other, in their order."""

Import = Callable[[Source], Awaitable[Row]]
"""What imports one record and says what became of it; it does not raise."""


async def import_one(server: Server, given: Source, traced: bool, done: Imported | None = None) -> Row:
    """Imports a record in this process, unless it is `done` already, and says what became of it.

    One that meets a fault of ours does not end the run of all the others.
    """
    try:
        return report.imported(given, done or await import_record(server, given.data), traced)
    except FhirError as error:
        return report.failed(given, error)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
        said = f"A fault of this program ({where}): please report it."
        return report.failed(replace(given, asked=True), RuntimeError(said))


@dataclass(slots=True)
class Run:
    """One run: `told` is called with every row; `again` imports what is stored already as well.

    `unavailable` where it was stopped because the store went away.
    """

    server: Server
    each: Import
    at_once: int
    told: Callable[[Source, Row], None]
    again: bool = False
    stopped: bool = False
    unavailable: bool = False
    _chains: dict[bytes, asyncio.Task[None]] = field(default_factory=dict)

    async def go(self, found: Iterator[Source]) -> None:
        """Imports all records, or those that were begun when it was stopped."""
        room = asyncio.Semaphore(self.at_once)
        async with asyncio.TaskGroup() as tasks:
            while not self.stopped and (batch := await asyncio.to_thread(_take, found)):
                known = await self._known(batch)
                for given, name in batch:
                    if self._over():
                        break
                    if given.wrong is not None:
                        self.told(given, report.failed(given, given.wrong))
                    elif name in known:
                        self.told(given, report.skipped(given, known[name]))
                    else:
                        await room.acquire()
                        self._begin(tasks, given, room)

    async def _known(self, batch: list[tuple[Source, str]]) -> dict[str, str]:
        names = [name for given, name in batch if given.wrong is None]
        return {} if self.again or not names else await stored(self.server, names)

    def _begin(self, tasks: asyncio.TaskGroup, given: Source, room: asyncio.Semaphore) -> None:
        number = _NUMBER.search(given.data, 0, 4096)
        key = number[0] if number else b""
        before = self._chains.get(key) if key else None

        async def work() -> None:
            try:
                if before is not None:
                    await asyncio.wait([before])
                row = await self.each(given)
                self.told(given, row)
                if any(issue["code"] == "transient" for issue in row.get("issues", ())):
                    self.stopped = self.unavailable = True
            finally:
                room.release()
                if self._chains.get(key) is task:
                    del self._chains[key]

        task = tasks.create_task(work())
        if key:
            self._chains[key] = task

    def _over(self) -> bool:
        return self.stopped

    def stop(self) -> None:
        """Begins no more records."""
        self.stopped = True


def _take(found: Iterator[Source]) -> list[tuple[Source, str]]:
    """The next records with the names of their bytes."""
    batch: list[tuple[Source, str]] = []
    size = 0
    for given in found:
        batch.append((given, "" if given.wrong is not None else source(given.data)))
        size += len(given.data)
        if len(batch) == TOGETHER or size > _AHEAD:
            break
    return batch


@contextmanager
def stopping(run: Run) -> Iterator[None]:
    """Lets the first Ctrl-C end the run in order; the second ends the command at once."""
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        run.stop()
        loop.remove_signal_handler(signal.SIGINT)

    # Windows has no such handlers: there Ctrl-C ends the command at once, and no transaction is left half done.
    with suppress(NotImplementedError, RuntimeError):
        loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError):
            loop.remove_signal_handler(signal.SIGINT)
