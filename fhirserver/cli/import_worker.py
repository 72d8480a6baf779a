"""A process that imports records which another one reads.

Frames go both ways, each a length of four bytes and JSON; one for a record is followed by its bytes. The first frame
says which store it is. Several processes make use of several processors: mapping, checking and indexing take most.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fhirserver import fhirjson
from fhirserver.cli import common
from fhirserver.cli import import_report as report
from fhirserver.cli.import_gathering import AT_ONCE, Gathering
from fhirserver.cli.import_report import Row
from fhirserver.cli.sources import Source
from fhirserver.errors import StartupError
from fhirserver.garbage import settle
from fhirserver.settings import Settings

_LENGTH = struct.Struct(">I")
_LIMIT = 2**26


def _frame(said: Any) -> bytes:
    body = fhirjson.dumps(said)
    return _LENGTH.pack(len(body)) + body


async def _next(reader: asyncio.StreamReader) -> Any:
    """The next frame; None at the end."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return fhirjson.loads(await reader.readexactly(length))
    except asyncio.IncompleteReadError:
        return None


# -- the process that reads the records ------------------------------------------------------------------------------


class Worker:
    """A process of its own that imports records."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Row]] = {}
        self._numbers = itertools.count()
        self._listening = asyncio.create_task(self._listen())

    @property
    def busy(self) -> int:
        """Records that it has in the works."""
        return len(self._waiting)

    async def import_one(self, given: Source, traced: bool) -> Row:
        """What became of a record; one that ends the process has failed."""
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        said = {"number": number, "name": given.name, "asked": given.asked, "size": len(given.data), "traced": traced}
        assert self._process.stdin
        try:
            self._process.stdin.write(_frame(said) + given.data)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            self._waiting.pop(number, None)
            return report.failed(given, _ENDED)
        try:
            row: Row = await future
            return row
        except ChildProcessError as error:
            return report.failed(given, str(error))

    async def _listen(self) -> None:
        assert self._process.stdout
        while said := await _next(self._process.stdout):
            if future := self._waiting.pop(said["number"], None):
                future.set_result(said["row"])
        for future in self._waiting.values():
            future.set_exception(ChildProcessError(_ENDED))
        self._waiting.clear()

    async def end(self) -> None:
        """Lets it end once it is done."""
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()
        await self._listening


_ENDED = "The process that imported the record ended: import it again, alone, to see why."


@asynccontextmanager
async def workers(chosen: Settings, uri: str, number: int) -> AsyncIterator[Sequence[Worker]]:
    """So many processes on one store. Ctrl-C does not reach them: who started them ends them."""
    settings = chosen.model_dump(mode="json") | {"mongodb_uri": None}
    found = []
    for _ in range(number):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from fhirserver.cli.import_worker import main; main()",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LIMIT,
            start_new_session=True,
        )
        assert process.stdin
        process.stdin.write(_frame({"settings": settings, "uri": uri}))
        found.append(Worker(process))
    try:
        yield found
    finally:
        await asyncio.gather(*(worker.end() for worker in found))


# -- the process that imports them -----------------------------------------------------------------------------------


async def serve() -> None:
    """Imports what comes in on standard input until there is no more."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    first = await _next(reader)
    if first is None:
        return
    out = sys.stdout.buffer
    room = asyncio.Semaphore(AT_ONCE)
    async with common.opened(Settings(**first["settings"]), first["uri"]) as server, asyncio.TaskGroup() as tasks:
        gathering = Gathering(server)

        async def work(said: Any, data: bytes) -> None:
            try:
                row = await gathering.import_one(Source(said["name"], data, asked=said["asked"]), said["traced"])
                out.write(_frame({"number": said["number"], "row": row}))
                out.flush()
            finally:
                room.release()

        while said := await _next(reader):
            data = await reader.readexactly(said["size"])
            await room.acquire()
            tasks.create_task(work(said, data))


def main() -> None:
    """Runs the process; why it cannot start is one sentence on standard error."""
    settle()
    try:
        asyncio.run(serve())
    except StartupError as error:
        common.err.print(f"fhirserver: {error}", markup=False)
        sys.exit(2)
