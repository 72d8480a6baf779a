"""What a newer record no longer says: its resources are retired, and stay for those who refer to them and in history.

https://hl7.org/fhir/R5/valueset-publication-status.html. Parts of the study's own resources (criteria, comparison
groups, sites) need nothing of this: the next version simply lacks them. Sites that are studies of their own end by
`ended_sites`. Organizations, people and places belong to other studies as well, and rosters to who enrols: they stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions.server import Server
from fhirserver.mappers.identity import identifier, uri
from fhirserver.search.indexing import LIVE

RETIRED: dict[str, tuple[str, Any]] = {
    "ActivityDefinition": ("status", "retired"),
    "EvidenceVariable": ("status", "retired"),
    "Evidence": ("status", "retired"),
    "EvidenceReport": ("status", "retired"),
    "Group": ("active", False),
    "PractitionerRole": ("active", False),
}
"""By type, the element that says that a resource no longer counts, and what it then says."""

MOST = 5_000
"""Resources of one type that a study may have by itself."""


async def withdrawn(server: Server, bundle: Resource) -> list[Resource]:
    """Entries that retire what an import made for the stored study and the mapped Bundle lacks."""
    stem = bundle["entry"][0]["resource"]["id"]
    named = {(entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in bundle["entry"]}
    own = {"_id": {"$gte": f"{stem}-", "$lt": f"{stem}."}, "t": LIVE}
    gone: list[tuple[str, str]] = []
    for type_ in RETIRED:
        ids = await server.store.ids(type_, own, MOST)
        gone += [(type_, id_) for id_ in sorted(ids) if (type_, id_) not in named]
    versions = (await server.store.read_many(gone)).values() if gone else ()
    found = ((version, fhirjson.loads(version.body)) for version in versions if not version.gone)
    return [_retire(version.version, resource) for version, resource in found if _imported(resource)]


def _imported(resource: Resource) -> bool:
    """Whether an import made it and it still counts; a roster is left to who enrols."""
    type_ = resource["resourceType"]
    element, value = RETIRED[type_]
    if resource.get(element) == value or (type_ == "Group" and resource.get("membership") == "enumerated"):
        return False
    return identifier(type_, resource["id"]) in resource.get("identifier", ())


def _retire(version: int, resource: Resource) -> Resource:
    type_, id_ = resource["resourceType"], resource["id"]
    element, value = RETIRED[type_]
    over = {name: inner for name, inner in resource.items() if name != "meta"} | {element: value}
    return {
        "fullUrl": uri(type_, f"{id_}/withdrawn"),
        "resource": over,
        "request": {"method": "PUT", "url": f"{type_}/{id_}", "ifMatch": f'W/"{version}"'},
    }


def names(entries: Iterable[Resource]) -> tuple[str, ...]:
    """What the entries are about, as Type/id."""
    return tuple(f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in entries)
