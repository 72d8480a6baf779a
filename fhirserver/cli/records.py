"""fhirserver import and map: trial records into the store, or onto standard output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from fhirserver import fhirjson
from fhirserver.cli import common, import_worker
from fhirserver.cli.common import Database, DataDir, Uri
from fhirserver.cli.import_gathering import AT_ONCE, Gathering
from fhirserver.cli.import_report import ReportFile, Row, Tally, sentence
from fhirserver.cli.importing import Run, stopping
from fhirserver.cli.sources import Source, size, sources
from fhirserver.errors import StartupError, Unavailable
from fhirserver.interactions.server import Server
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.settings import Settings

Report = Annotated[
    Path | None,
    typer.Option(
        help="File to add a line of JSON to for every record: what became of each of its fields, and why.",
        show_default="no file",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Processes that import.", show_default="processors, 8 at most; 1 for few records"),
]
Again = Annotated[
    bool, typer.Option("--again", help="Import also records that are stored as they are.", show_default="left out")
]

_FEW = 2**21
"""Bytes of records that one process has stored before others have started."""


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files, folders, zip files; - for standard input.", metavar="PATH", allow_dash=True),
    ],
    report: Report = None,
    workers: Workers = None,
    again: Again = False,
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Store trial records; the format is detected. Importing again changes what changed, no more."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    total = size(paths)
    tally = Tally()
    number = workers or (1 if total is not None and total < _FEW else min(8, os.cpu_count() or 1))

    async def work(server: Server, uri: str) -> Run:
        with ExitStack() as stack:
            file = stack.enter_context(ReportFile(report)) if report else None
            show = stack.enter_context(common.progress_of_bytes("importing", total))

            def told(source: Source, row: Row) -> None:
                tally.add(row)
                if row["outcome"] == "failed":
                    common.complain(row["record"], sentence(row))
                if file:
                    file.write(row)
                show(source.weight)

            run = await _run(server, uri, number, told, sources(paths), traced=file is not None, again=again)
            if file:
                file.write(tally.told(run.stopped))
            return run

    with common.database(chosen) as uri:
        run = asyncio.run(_opened(chosen, uri, work))
    if not tally.records and not run.stopped:
        raise StartupError(f"There is no file that may hold a record in {', '.join(map(str, paths))}.")
    tally.show()
    if run.unavailable:
        raise Unavailable("The store went away: import again when it is back; what is stored by then is skipped.")
    if run.stopped:
        common.out.print("Stopped. The same command goes on from here: what is stored is skipped.")
        raise KeyboardInterrupt
    if tally.records["failed"]:
        raise typer.Exit(1)


async def _opened(chosen: Settings, uri: str, work: Callable[[Server, str], Awaitable[Run]]) -> Run:
    async with common.opened(chosen, uri) as server:
        return await work(server, uri)


async def _run(
    server: Server,
    uri: str,
    number: int,
    told: Callable[[Source, Row], None],
    found: Iterator[Source],
    *,
    traced: bool,
    again: bool,
) -> Run:
    """Imports in this process, or in so many others beside it."""
    if number == 1:
        gathering = Gathering(server)

        async def here(given: Source) -> Row:
            return await gathering.import_one(given, traced)

        run = Run(server, here, AT_ONCE, told, again)
        with stopping(run):
            await run.go(found)
        return run
    async with import_worker.workers(server.settings, uri, number) as processes:

        async def there(given: Source) -> Row:
            return await min(processes, key=lambda one: one.busy).import_one(given, traced)

        run = Run(server, there, AT_ONCE * number, told, again)
        with stopping(run):
            await run.go(found)
        return run


def map_(
    file: Annotated[Path, typer.Argument(help="A trial record; - reads standard input.", allow_dash=True)],
    release: Annotated[str, typer.Option(help="FHIR release, R5 or R4.")] = "R5",
) -> None:
    """Print a trial record as the transaction Bundle that import would store; needs no database."""
    named = common.release_named(release)
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise StartupError(f"Cannot read {file}: {error.strerror}.") from None
    mapped, issues = transaction(read(data), release=named)
    sys.stdout.buffer.write(fhirjson.dumps_pretty(mapped) + b"\n")
    for issue in issues:
        common.complain(", ".join(issue.expression) or "record", issue.diagnostics)
