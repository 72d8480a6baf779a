"""fhirserver export-record: the registry's record of a stored study, onto standard output."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import quote

import typer

from fhirserver import fhirjson
from fhirserver.cli import common
from fhirserver.cli.common import Database, DataDir, Uri
from fhirserver.errors import NotFound, StartupError
from fhirserver.interactions import conditional
from fhirserver.interactions.export_record import FORMATS, export_record
from fhirserver.interactions.gathering import STUDY
from fhirserver.interactions.server import Server


def export(
    study: Annotated[str, typer.Argument(help="The study: its id, ResearchStudy/id, or its NCT number.")],
    wanted: Annotated[str, typer.Option("--format", help="Format of the record: ctgov-v2.")] = "ctgov-v2",
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Print the registry's record of a study, rebuilt from its FHIR resources alone."""
    if wanted not in FORMATS:
        raise StartupError(f"There is no format '{wanted}' here: choose {' or '.join(FORMATS)}.")
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    record = common.with_server(chosen, lambda server: _record(server, study.removeprefix(f"{STUDY}/")))
    sys.stdout.buffer.write(fhirjson.dumps_pretty(record) + b"\n")


async def _record(server: Server, named: str) -> fhirjson.Resource:
    """The record of the study with this id, else of the only one with this number."""
    try:
        return await export_record(server, named)
    except NotFound:
        criteria = conditional.Criteria(STUDY, f"identifier={quote(named)}")
        found = await conditional.every(server, server.store, criteria)
        if len(found) != 1:
            raise
        return await export_record(server, found[0])
