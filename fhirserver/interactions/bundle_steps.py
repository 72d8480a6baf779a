"""What a transaction writes, once the places of its entries are known.

https://hl7.org/fhir/R5/http.html#trules
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, FhirError, Issue
from fhirserver.fhirjson import Resource
from fhirserver.interactions import write
from fhirserver.interactions.bundle_entry import Ask, inside, place
from fhirserver.interactions.bundle_places import Kept, Places, Same, Several, Target
from fhirserver.interactions.lens import served, taken
from fhirserver.interactions.rewrite import Links, rewrite, rewriting
from fhirserver.interactions.server import Server, present
from fhirserver.patch.formats import Change, from_resource
from fhirserver.patch.guard import notes as patch_notes
from fhirserver.store.store import Tx

Merge = Callable[[Resource, Resource], Resource]
"""What is written of a study, given what is there and what was sent."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operation and the number of the entry that asks for it."""

    at: int
    operation: write.Operation


async def steps_of(server: Server, tx: Tx, asks: Sequence[Ask], places: Places) -> list[Step]:
    """What is to be written, with the links between entries in place and the patches applied; each resource once."""
    patched = await _patched(server, tx, asks, places)
    steps: list[Step] = []
    become = rewriting(places.links)
    for asked in asks:
        match places.by_entry[asked.at]:
            case Several(ids):
                steps += [Step(asked.at, write.Remove(asked.type, id_)) for id_ in ids]
            case Target(id_, fresh):
                if asked.method == "DELETE":
                    steps.append(Step(asked.at, write.Remove(asked.type, id_, asked.expected)))
                    continue
                if asked.change is not None:
                    resource, notes = await _change(server, asked, id_, places.links, patched[asked.type, id_])
                else:
                    resource, notes = become(server.form(asked.type), asked.resource or {}), asked.notes
                steps.append(Step(asked.at, write.Put(asked.type, id_, resource, asked.expected, fresh, notes)))
            case Kept() | Same():
                pass
    _once(steps)
    return steps


async def _patched(server: Server, tx: Tx, asks: Sequence[Ask], places: Places) -> dict[tuple[str, str], Resource]:
    """The resources that patches are applied to; refuses what is not there."""
    found: dict[tuple[str, str], Resource] = {}
    for asked in asks:
        target = places.by_entry[asked.at]
        if asked.change is not None and isinstance(target, Target):
            try:
                version = present(server, await tx.read(asked.type, target.id), f"{asked.type}/{target.id}")
            except FhirError as error:
                raise inside(error, asked.where) from None
            found[asked.type, target.id] = fhirjson.loads(served(server, version).body)
    return found


async def _change(
    server: Server, asked: Ask, id_: str, links: Links, before: Resource
) -> tuple[Resource, tuple[Issue, ...]]:
    try:
        resource = _linked(server, asked, links)(before)
    except FhirError as error:
        raise inside(error, asked.where) from None
    try:
        notes = await write.accept(server, asked.type, resource)
        write.named(asked.type, id_, resource)
    except FhirError as error:
        # The place is one of the patched resource, which is not in the Bundle.
        issues = [replace(issue, expression=(asked.where, *issue.expression)) for issue in error.issues]
        raise type(error)(issues, headers=error.headers) from None
    return taken(server, resource), (*notes, *patch_notes(before, resource))


def _linked(server: Server, asked: Ask, links: Links) -> Change:
    """The patch, with what it says of other entries put in their place."""
    if asked.patch is not None:
        return from_resource(server.release, rewrite(server.release, asked.patch, links))
    assert asked.change is not None
    return asked.change


async def merged(tx: Tx, steps: Sequence[Step], merge: Merge) -> list[Step]:
    """Lets `merge` decide on every study that is there already."""
    studies = [
        (put.type, put.id)
        for step in steps
        if isinstance(put := step.operation, write.Put) and put.type == "ResearchStudy" and not put.create_only
    ]
    there = await tx.read_many(studies)
    found = []
    for step in steps:
        put = step.operation
        before = there.get((put.type, put.id))
        if before is not None and isinstance(put, write.Put):
            step = Step(step.at, structs.replace(put, resource=merge(fhirjson.loads(before.body), put.resource)))
        found.append(step)
    return found


def _once(steps: Sequence[Step]) -> None:
    """A transaction names each resource once."""
    seen: dict[tuple[str, str], int] = {}
    for step in steps:
        operation = step.operation
        key = (operation.type, operation.id)
        if key in seen:
            raise BadRequest(
                f"{operation.type}/{operation.id} is written by two entries: name it once in a transaction.",
                expression=(place(seen[key]), place(step.at)),
                code="duplicate",
            )
        seen[key] = step.at
