"""fhirserver load and reindex: FHIR resources into the store, indexes built anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from fhirserver import fhirjson
from fhirserver.cli import common
from fhirserver.cli.common import Database, DataDir, Paths, Uri
from fhirserver.cli.ordering import Placed, files_in_order, stages
from fhirserver.errors import FhirError, Issue, Malformed
from fhirserver.fhirjson import Resource
from fhirserver.interactions import bundle, write
from fhirserver.interactions.lens import taken
from fhirserver.interactions.reindex import ask
from fhirserver.interactions.server import Server
from fhirserver.interactions.tending import Tender
from fhirserver.resources.registry import RELEASES, has_lens
from fhirserver.resources.xml import from_xml

TOGETHER = 250
"""Resources that go into one transaction."""

_POLL_S = 0.2


def load(
    paths: Paths,
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
    release: Annotated[str, typer.Option(help="FHIR release that they are written in, R5 or R4.")] = "R5",
) -> None:
    """Store FHIR resources in JSON or XML: Bundles, NDJSON or single resources, from files or folders."""
    named = common.release_named(release)
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    found = common.files(paths, (".json", ".ndjson", ".xml"))
    if common.with_server(chosen, lambda server: _load_all(server, found), named):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Group:
    """Resources of a file that are stored together, and where each stands in it."""

    place: str
    items: list[tuple[str, bytes]]


class _Tally:
    """How many resources were stored, and how many failures were said."""

    def __init__(self) -> None:
        self.stored = 0
        self.failed = 0
        self.notes: Counter[str] = Counter()

    def note(self, issues: Iterable[Issue]) -> None:
        """Counts what is to be said of resources that are stored."""
        self.notes.update(issue.diagnostics for issue in issues)

    def fail(self, place: object, sentence: object) -> None:
        self.failed += 1
        common.complain(place, sentence)


async def _load_all(server: Server, paths: list[Path]) -> int:
    """Loads every file and prints the sum; the number of failures."""
    tally = _Tally()
    with common.progress("loading", len(paths)) as advance:
        for path in files_in_order(paths):
            try:
                for group in _groups(path):
                    await _store(server, group, tally)
            except OSError as error:
                tally.fail(path, error.strerror or error)
            advance()
    for sentence, count in sorted(tally.notes.items()):
        common.out.print(f"{count} times: {sentence}", soft_wrap=True)
    common.out.print(f"{tally.stored} resources loaded from {len(paths)} files, {tally.failed} failures.")
    return tally.failed


def _groups(path: Path) -> Iterator[_Group]:
    """The resources of a file, as JSON, in groups that are stored together."""
    if path.suffix.lower() != ".ndjson":
        yield _Group(str(path), [(str(path), path.read_bytes())])
        return
    with path.open("rb") as lines:
        numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        while group := list(islice(numbered, TOGETHER)):
            place = f"{path}:{group[0][0]}-{group[-1][0]}"
            yield _Group(place, [(f"{path}:{number}", line) for number, line in group])


async def _store(server: Server, group: _Group, tally: _Tally) -> None:
    """Stores a group; what is wrong by itself is left out and named, the others are stored."""
    found: list[Placed] = []
    for place, data in group.items:
        try:
            resource = _resource(server, data)
            if resource["resourceType"] == "Bundle" and resource.get("type") in ("transaction", "batch"):
                await _process(server, place, resource, tally)
                continue
            found += [(place, each) for each in _collected(resource)]
        except FhirError as error:
            tally.fail(place, error)
    for resources in stages(found):
        for start in range(0, len(resources), TOGETHER):
            await _put(server, group.place, resources[start : start + TOGETHER], tally)


def _resource(server: Server, data: bytes) -> Resource:
    """The resource of a file or line: what begins with < is XML."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return from_xml(server.release, data)
    return fhirjson.loads_resource(data)


async def _process(server: Server, place: str, content: Resource, tally: _Tally) -> None:
    """A transaction succeeds or fails as a whole; of a batch each refused entry is named."""
    for at, entry in enumerate(await bundle.responses(server, content)):
        if entry.response and entry.response.status >= "400":
            tally.fail(f"{place} entry[{at}]", f"{entry.response.status}: {_said(entry.response.outcome)}")
        else:
            tally.stored += 1


def _collected(content: Resource) -> list[Resource]:
    """The resources of a collection; any other resource is itself."""
    if content["resourceType"] != "Bundle" or content.get("type") != "collection":
        return [content]
    entries = content.get("entry", [])
    if not isinstance(entries, list):
        raise Malformed("Bundle.entry is an array.", expression="Bundle.entry")
    found = []
    for at, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise Malformed(f"Bundle.entry[{at}] holds no resource: take it out.", expression=f"Bundle.entry[{at}]")
        found.append(resource)
    return found


async def _put(server: Server, place: str, resources: Sequence[Placed], tally: _Tally) -> None:
    """Stores resources in one transaction, those left out that are not valid."""
    operations: list[write.Operation] = []
    for where, resource in resources:
        try:
            type_, given = resource["resourceType"], resource.get("id")
            tally.note(await write.accept(server, type_, resource))
            stored = taken(server, resource)
            operations.append(write.Put(type_, given or write.new_id(), stored, create_only=not given))
        except FhirError as error:
            tally.fail(where, error)
    try:
        tally.stored += len(await write.apply(server, operations)) if operations else 0
    except FhirError as error:
        tally.fail(place, error)


def _said(outcome: Resource | None) -> str:
    issues = (outcome or {}).get("issue", [])
    return "; ".join(f"{' '.join(issue.get('expression', []))} {issue['diagnostics']}".strip() for issue in issues)


def reindex(
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Build the search terms of every stored resource anew; a server that runs goes on answering."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    count = common.with_server(chosen, lambda server: _reindex(server))
    common.out.print(f"{count} resources indexed anew.")


async def _reindex(server: Server) -> int:
    """Has everything indexed anew, by this process or by a server that is at it; the number of resources."""
    total = 0
    for release in RELEASES:
        seen = server.seen_in(release)
        await ask(seen, None)
        own = [type_ for type_ in await seen.store.types() if release == server.release or not has_lens(type_)]
        total += sum([await seen.store.count(type_, {}) for type_ in own])
    tender = Tender(server.settings, server.store)
    with common.progress("Resources", total) as advance:
        shown = 0
        while True:
            work = asyncio.create_task(tender.work())
            while True:
                await asyncio.wait([work], timeout=_POLL_S)
                jobs = [each.job for each in await server.store.passes.every() if each.job]
                for _ in range(sum(job.seen for job in jobs) - shown):
                    advance()
                    shown += 1
                if work.done():
                    break
            await work
            if all(job.ended for job in jobs):
                break
            await asyncio.sleep(_POLL_S)
    for job in jobs:
        for error in job.errors:
            common.complain(*error.split(": ", 1))
    if any(job.failed for job in jobs):
        raise typer.Exit(1)
    return sum(job.written for job in jobs)
