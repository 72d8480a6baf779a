"""Importing a trial record: read, mapped, stored in one transaction, and what was not mapped reported.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from urllib.parse import quote

from fhirserver import __version__, fhirjson
from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource
from fhirserver.interactions import bundle_writes, conditional, write
from fhirserver.interactions.ended_sites import ended
from fhirserver.interactions.import_changes import Change, changes
from fhirserver.interactions.operation import Answer, Call, Operation
from fhirserver.interactions.server import Server
from fhirserver.interactions.withdrawn import names, withdrawn
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.mappers.trial import Reading
from fhirserver.resources import bundle as render
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.registry import Release
from fhirserver.store.locks import Queues

LARGE = 100_000
"""Bytes of a record above which it is mapped off the event loop, so that others are served meanwhile."""


_TURNS = Queues()
"""Records that share a resource wait for each other here: in the database one would have to begin anew."""

_ENROLLED = frozenset({"actualNumber", "actualGroup"})
_RECRUITMENT = ("targetNumber", "actualNumber", "eligibility", "actualGroup")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: the study's Type/id, entries created, updated and unchanged, issues, the response Bundle.

    `changes` are those of resources that were there; `reading` and `bundle` are the record as it was read and mapped.
    """

    study: str
    counts: Counter[str]
    issues: tuple[Issue, ...]
    entries: list[render.Entry]
    changes: tuple[Change, ...]
    reading: Reading
    bundle: Resource

    @property
    def response(self) -> bytes:
        """A transaction-response Bundle; its last entry says what changed and what was not mapped."""
        told = [_changed(change) for change in self.changes]
        said = render.Entry(
            body=fhirjson.dumps(outcome([*told, *self.issues])), response=render.Response("200 OK"), full_url=None
        )
        return render.render("transaction-response", [*self.entries, said])


async def import_record(server: Server, data: bytes) -> Imported:
    """Stores the trial; refuses what is no trial record. The same record again changes nothing."""
    record = (
        await asyncio.to_thread(mapped, data, server.release) if len(data) > LARGE else mapped(data, server.release)
    )
    bundle, over = record.bundle, list[Resource]()
    if await known(server, [record]):
        over = [*await ended(server, bundle), *await withdrawn(server, bundle)]
    sent = bundle | {"entry": [*bundle["entry"], *over]}
    async with turn([record]):
        outcomes = await bundle_writes.transaction(server, sent, keep_ids=True, merge=merge)
    return imported(server, record, outcomes, await changes(server, outcomes, names(over)))


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record as it was read and as the Bundle that stores it; `issues` are what could not be placed."""

    reading: Reading
    bundle: Resource
    issues: tuple[Issue, ...]

    @property
    def study(self) -> Resource:
        """The study, which comes first."""
        study: Resource = self.bundle["entry"][0]["resource"]
        return study


def mapped(data: bytes, release: Release) -> Mapped:
    """The record's Bundle, whose study says where it comes from; refuses what is no trial record."""
    reading = read(data)
    found = Mapped(reading, *transaction(reading, release=release))
    found.study["meta"] = {"source": source(data)}
    return found


def imported(
    server: Server, record: Mapped, outcomes: Sequence[write.Outcome], changed: tuple[Change, ...] = ()
) -> Imported:
    """What the import of a record did, by what became of each entry."""
    counts: Counter[str] = Counter()
    name = ""
    for result in outcomes:
        counts["created" if result.created else "updated" if result.changed else "unchanged"] += 1
        if result.version and result.version.type == "ResearchStudy" and not name:
            name = f"ResearchStudy/{result.version.id}"
    entries = [bundle_writes.written(server, one, False) for one in outcomes]
    return Imported(name, counts, record.issues, entries, changed, record.reading, record.bundle)


async def known(server: Server, records: Sequence[Mapped]) -> set[str]:
    """The ids of those studies that are stored: of a new one nothing can have been withdrawn."""
    by_id = {
        record.study["id"]: conditional.Criteria(
            "ResearchStudy", record.bundle["entry"][0]["request"]["url"].partition("?")[2]
        )
        for record in records
    }
    found, _ = await conditional.matches(server, server.store, by_id.values())
    return {id_ for id_, criteria in by_id.items() if found[criteria]}


def turn(records: Sequence[Mapped]) -> AbstractAsyncContextManager[None]:
    """Waits for other imports of this process that write what these records write."""
    return _TURNS.turn(sorted({name for record in records for name in _shared(record)}))


def _shared(record: Mapped) -> list[str]:
    """What other records may write at the same time: the study, and resources that are the same in every study."""
    study = record.study["id"]
    ids = ((entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in record.bundle["entry"])
    return [f"{type_}/{id_}" for type_, id_ in ids if not id_.startswith(f"{study}-")]


def source(data: bytes) -> str:
    """What the study of a record says of where it comes from: the record's hash, and the version that mapped it."""
    return f"nih:sha-256;{hashlib.sha256(data).hexdigest()}#fhirserver-{__version__}"


async def stored(server: Server, sources: Sequence[str]) -> dict[str, str]:
    """Of these sources those that a study was last imported from, with its Type/id."""
    wanted = {each: conditional.Criteria("ResearchStudy", f"_source={quote(each, safe='')}") for each in sources}
    found, _ = await conditional.matches(server, server.store, wanted.values())
    return {each: f"ResearchStudy/{found[one][0]}" for each, one in wanted.items() if found[one]}


def _changed(change: Change) -> Issue:
    """What changed in one resource, as an issue."""
    elements = ", ".join(dict.fromkeys(one.element.partition("[")[0].partition(".")[0] for one in change.differences))
    said = "is no longer in the record and was retired" if change.withdrawn else f"changed: {elements or 'meta, text'}"
    return Issue("information", "informational", f"{change.resource} {said}.", (change.resource,), "changed")


def merge(before: Resource, after: Resource) -> Resource:
    """What enrolment put into a study stays: the count of subjects, unless the record has one, and a site's roster."""
    told = after.get("recruitment", {})
    kept = {name: value for name, value in before.get("recruitment", {}).items() if name in _ENROLLED}
    if kept.keys() <= told.keys():
        return after
    both = kept | told
    return after | {"recruitment": {name: both[name] for name in _RECRUITMENT if name in both}}


async def _invoked(server: Server, call: Call, given: Arguments) -> Answer:
    # Records become R5, which a base of R4 serves as its own.
    return Answer((await import_record(server.seen_in("R5"), call.raw or b"")).response)


IMPORT_RECORD = Operation(
    code="import-record",
    title="Import a trial record",
    description=(
        "Takes a raw trial record as the request's body (a ClinicalTrials.gov API v2 study, a USDM v4 "
        "definition or a record of EU CTIS, EUCTR or ISRCTN as application/json, a classic study as application/xml, a "
        "registry page as text/plain or text/html), maps it to ResearchStudy, PlanDefinition, Group and the "
        "resources around them, and stores these in one transaction. The same record again changes nothing. The "
        "answer is a transaction-response Bundle; its last entry is an OperationOutcome of what changed in resources "
        "that were there, and of what was not mapped."
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
