"""Sites that a newer record no longer names: their studies end, and stay in history and for those enrolled there.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.progressStatus
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions import conditional
from fhirserver.interactions.gathering import MOST, STUDY, parts_of
from fhirserver.interactions.server import Server
from fhirserver.mappers.identity import identifier, uri
from fhirserver.store.documents import Version


async def ended(server: Server, bundle: Resource) -> list[Resource]:
    """Entries that end the sites of the stored study which the mapped Bundle lacks; none for a study that is new."""
    study = bundle["entry"][0]
    query = urlsplit(study["request"]["url"]).query
    criteria = conditional.Criteria(STUDY, query)
    found, _ = await conditional.matches(server, server.store, [criteria])
    entries: list[Resource] = []
    for id_ in found[criteria]:
        parts = await parts_of(server, server.store, id_, MOST)
        gone = sorted(set(parts) - set(_named(bundle)))
        versions = (await server.store.read_many([(STUDY, part) for part in gone])).values() if gone else ()
        on = study["resource"].get("date") or fhirjson.today()
        entries += [_entry(version, resource, on) for version, resource in _ours(versions)]
    return entries


def _named(bundle: Resource) -> Iterator[str]:
    """The ids of all studies of the Bundle."""
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == STUDY:
            yield entry["resource"]["id"]


def _ours(versions: Iterable[Version]) -> Iterator[tuple[Version, Resource]]:
    """Those that an import made and that have not ended: a part that somebody else made is theirs to end."""
    for version in versions:
        resource = fhirjson.loads(version.body)
        mine = identifier(STUDY, version.id)
        if mine in resource.get("identifier", ()) and resource.get("status") == "active":
            yield version, resource


def _entry(version: Version, resource: Resource, on: str) -> Resource:
    states = [_until(entry, on) for entry in resource.get("progressStatus", ())]
    over = resource | {"status": "retired"} | ({"progressStatus": states} if states else {})
    return {
        "fullUrl": uri(STUDY, f"{version.id}/ended"),
        "resource": {name: value for name, value in over.items() if name != "meta"},
        "request": {"method": "PUT", "url": f"{STUDY}/{version.id}", "ifMatch": f'W/"{version.version}"'},
    }


def _until(entry: Resource, on: str) -> Resource:
    period = entry.get("period", {})
    return entry if "end" in period else entry | {"period": period | {"end": on}}
