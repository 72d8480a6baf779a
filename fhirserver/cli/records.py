"""fhirserver import and map: trial records into the store, or onto standard output."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from fhirserver import fhirjson
from fhirserver.cli import common
from fhirserver.cli.common import Database, DataDir, Paths, Uri
from fhirserver.errors import FhirError, StartupError
from fhirserver.interactions.import_record import Imported, import_record
from fhirserver.interactions.server import Server
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.resources.registry import Release

ENDINGS = (".json", ".xml", ".txt", ".html", ".htm")
AT_ONCE = 4
"""Records in the works at one time: enough to keep the database busy while the next one is mapped."""
MOST = 40
"""Kinds of fields that the report names."""
_INDEX = re.compile(r"\[\d+\]")


def import_(
    paths: Paths,
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Store trial records (files or folders; the format is detected). Importing again changes what changed, no more."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    found = common.files(paths, ENDINGS)
    failed = common.with_server(chosen, lambda server: _import_all(server, found))
    if failed:
        raise typer.Exit(1)


async def _import_all(server: Server, paths: list[Path]) -> int:
    """Imports every file and prints the report; the number of files that failed."""
    imported: list[Imported] = []
    failed = 0
    todo = iter(paths)
    with common.progress("importing", len(paths)) as advance:

        async def worker() -> None:
            nonlocal failed
            for path in todo:
                try:
                    imported.append(await import_record(server, path.read_bytes()))
                except (FhirError, OSError) as error:
                    failed += 1
                    common.complain(path, error)
                advance()

        await asyncio.gather(*(worker() for _ in range(min(AT_ONCE, len(paths)))))
    _report(imported, failed)
    return failed


def _report(imported: list[Imported], failed: int) -> None:
    counts: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for one in imported:
        counts.update(one.counts)
        left.update({_INDEX.sub("[*]", (issue.expression or (issue.diagnostics,))[0]) for issue in one.issues})
    common.out.print(
        f"{len(imported)} records imported, {failed} failed: "
        f"{counts['created']} resources created, {counts['updated']} updated, {counts['unchanged']} unchanged.",
        soft_wrap=True,
    )
    if len(imported) == 1:
        common.out.print(f"The study is {imported[0].study}.")
    if left:
        lines = [f"{records:>7}  {place}" for place, records in sorted(left.items(), key=_most_first)]
        if len(lines) > MOST:
            lines[MOST:] = [f"         and {len(lines) - MOST} more"]
        heading = "Not mapped, for it has no place in the resources yet (records, field):"
        common.out.print("\n".join([heading, *lines]), markup=False, soft_wrap=True)


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    place, records = item
    return -records, place


def map_(
    file: Annotated[Path, typer.Argument(help="A trial record; - reads standard input.", allow_dash=True)],
    release: Annotated[str, typer.Option(help="FHIR release, R5 or R4.")] = "R5",
) -> None:
    """Print a trial record as the transaction Bundle that import would store; needs no database."""
    if release not in ("R5", "R4"):
        raise StartupError(f"There is no FHIR release '{release}' here: choose R5 or R4.")
    named: Release = "R5" if release == "R5" else "R4"
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise StartupError(f"Cannot read {file}: {error.strerror}.") from None
    mapped, issues = transaction(read(data), release=named)
    sys.stdout.buffer.write(fhirjson.dumps_pretty(mapped) + b"\n")
    for issue in issues:
        common.complain(", ".join(issue.expression) or "record", issue.diagnostics)
