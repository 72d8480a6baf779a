"""Importing a trial record: read, mapped, stored in one transaction, and what was not mapped reported.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from fhirserver import fhirjson
from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource
from fhirserver.interactions import bundle_writes
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.server import Server
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.resources import bundle as render
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.registry import Release

LARGE = 100_000
"""Bytes of a record above which it is mapped off the event loop, so that others are served meanwhile."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: the study's Type/id, entries created, updated and unchanged, issues, the response Bundle."""

    study: str
    counts: Counter[str]
    issues: tuple[Issue, ...]
    entries: list[render.Entry]

    @property
    def response(self) -> bytes:
        """A transaction-response Bundle; its last entry says what was not mapped."""
        said = render.Entry(
            body=fhirjson.dumps(outcome(self.issues)), response=render.Response("200 OK"), full_url=None
        )
        return render.render("transaction-response", [*self.entries, said])


async def import_record(server: Server, data: bytes) -> Imported:
    """Stores the trial; refuses what is no trial record. The same record again changes nothing."""
    mapping = asyncio.to_thread(_map, data, server.release) if len(data) > LARGE else None
    mapped, issues = await mapping if mapping else _map(data, server.release)
    outcomes = await bundle_writes.transaction(server, mapped, keep_ids=True, merge=_merge)
    counts: Counter[str] = Counter()
    study = ""
    for result in outcomes:
        counts["created" if result.created else "updated" if result.changed else "unchanged"] += 1
        if result.version and result.version.type == "ResearchStudy" and not study:
            study = f"ResearchStudy/{result.version.id}"
    return Imported(study, counts, issues, [bundle_writes.written(server, one, False) for one in outcomes])


def _map(data: bytes, release: Release) -> tuple[Resource, tuple[Issue, ...]]:
    return transaction(read(data), release=release)


def _merge(before: Resource, after: Resource) -> Resource:
    """The record's study keeps the count of subjects enrolled here, unless the record has one of its own."""
    counted = before.get("recruitment", {}).get("actualNumber")
    recruitment = after.get("recruitment")
    if counted is None or (recruitment and "actualNumber" in recruitment):
        return after
    merged: Resource = {}
    for name, value in (recruitment or {}).items():
        merged[name] = value
        if name == "targetNumber":
            merged["actualNumber"] = counted
    merged.setdefault("actualNumber", counted)
    return after | {"recruitment": merged}


async def _invoked(server: Server, call: Call, given: Arguments) -> Answer:
    return Answer((await import_record(server, call.raw or b"")).response)


IMPORT_RECORD = Operation(
    code="import-record",
    title="Import a trial record",
    description=(
        "Takes a raw trial record as the request's body (a ClinicalTrials.gov API v2 study as application/json, a "
        "registry page as text/plain or text/html), maps it to ResearchStudy, PlanDefinition, Group and the "
        "resources around them, and stores these in one transaction. The same record again changes nothing. The "
        "answer is a transaction-response Bundle; its last entry is an OperationOutcome of what was not mapped."
    ),
    handler=_invoked,
    levels=("type",),
    types=("ResearchStudy",),
    parameters=(Parameter("record", "Binary", "The record: the body itself, not a Parameters resource.", min=1),),
    returns=Parameter("return", "Bundle", "What was stored, and an OperationOutcome of what was not mapped.", min=1),
    affects_state=True,
    raw=True,
    alone=True,
)
