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
from fhirserver.interactions import bundle
from fhirserver.interactions.server import Server
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.resources import bundle as render
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.registry import VERSIONS, Release

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
    outcomes = await bundle.transaction(server, mapped, keep_ids=True, merge=_merge)
    counts: Counter[str] = Counter()
    study = ""
    for result in outcomes:
        counts["created" if result.created else "updated" if result.changed else "unchanged"] += 1
        if result.version and result.version.type == "ResearchStudy" and not study:
            study = f"ResearchStudy/{result.version.id}"
    return Imported(study, counts, issues, [bundle.written(server, one, False) for one in outcomes])


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


def operation_definition(release: Release, base: str) -> Resource:
    """The OperationDefinition of ResearchStudy/$import-record."""
    return {
        "resourceType": "OperationDefinition",
        "url": f"{base}/OperationDefinition/ResearchStudy-import-record",
        "version": VERSIONS[release],
        "name": "ImportRecord",
        "title": "Import a trial record",
        "status": "active",
        "kind": "operation",
        "affectsState": True,
        "description": (
            "Takes a raw trial record as the request's body (a ClinicalTrials.gov API v2 study as application/json, a "
            "registry page as text/plain or text/html), maps it to ResearchStudy, PlanDefinition, Group and the "
            "resources around them, and stores these in one transaction. The same record again changes nothing. The "
            "answer is a transaction-response Bundle; its last entry is an OperationOutcome of what was not mapped."
        ),
        "code": "import-record",
        "resource": ["ResearchStudy"],
        "system": False,
        "type": True,
        "instance": False,
        "parameter": [
            {
                "name": "record",
                "use": "in",
                "min": 1,
                "max": "1",
                "documentation": "The record: the body itself, not a Parameters resource.",
                "type": "Binary",
            },
            {
                "name": "return",
                "use": "out",
                "min": 1,
                "max": "1",
                "documentation": "What was stored, and an OperationOutcome of what was not mapped.",
                "type": "Bundle",
            },
        ],
    }
