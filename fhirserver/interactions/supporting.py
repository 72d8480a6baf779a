"""What the resources of a record refer to and a reader of it needs: practitioners, organizations, locations …

https://hl7.org/fhir/R5/patient-operation-everything.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fhirserver import fhirjson
from fhirserver.interactions.included import canonical
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources.registry import resource_types
from fhirserver.search.includes import Canonical
from fhirserver.store.documents import Version
from fhirserver.store.walks import Stretch

FURTHER = frozenset({"PractitionerRole", "PlanDefinition"})
"""Types that say little without what they refer to themselves: these references are followed once more."""

# Stored bodies are written without blanks, and inside a string every quotation mark has a backslash before it.
_REFERENCE = re.compile(rb'"reference":"([^"\\]+)"')
_ATTACHED = re.compile(rb'"url":"([^"\\]*Binary/[^"\\]+)"')
_DEFINED = re.compile(rb'"definition(?:Uri|Canonical)":"([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Place:
    """What a reference names; `version` is set for one that names a version."""

    type: str
    id: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Supporting:
    """The resources to add by the names they are known under in all pages, and whether there were too many."""

    found: Mapping[str, Version]
    cut: bool


def places(server: Server, versions: Iterable[Version], but: Collection[str]) -> dict[Place, None]:
    """What these resources refer to on this server, each once in their order; nothing of the types `but`."""
    found: dict[Place, None] = {}
    for version in versions:
        for text in _texts(version):
            if (place := _place(server, text)) and place.type not in but:
                found[place] = None
    return found


def _texts(version: Version) -> list[bytes]:
    body = version.body
    if version.type == "Group" and b'"member":' in body:
        # Who else is a member of a Group is not part of this record.
        group = fhirjson.loads(body)
        body = fhirjson.dumps({name: value for name, value in group.items() if name != "member"})
    found = _REFERENCE.findall(body) + _ATTACHED.findall(body)
    return found + _DEFINED.findall(body) if version.type in FURTHER else found


def _place(server: Server, text: bytes) -> Place | None:
    literal = fhirjson.literal(text.decode())
    if literal is None or literal.base not in (None, f"{server.base}/"):
        return None
    if literal.type not in resource_types(server.release):
        return None
    version = literal.version
    if version is None:
        return Place(literal.type, literal.id)
    return Place(literal.type, literal.id, int(version)) if version.isdecimal() and len(version) < 10 else None


def definitions(server: Server, versions: Iterable[Version]) -> list[Canonical]:
    """The activities that protocols define by their canonical URLs."""
    found: dict[Canonical, None] = {}
    for version in versions:
        if version.type == "PlanDefinition":
            for text in _DEFINED.findall(version.body):
                if _place(server, text) is None:
                    url, _, number = text.decode().partition("|")
                    found[Canonical(url, number or None, ("ActivityDefinition",))] = None
    return list(found)


async def supporting(
    server: Server, reader: Reader, page: Sequence[Version], record: Sequence[Stretch], but: Collection[str]
) -> Supporting:
    """What a page refers to and what that needs; what belongs to the `record` itself has its own place in it."""
    most = server.settings.max_included
    found: dict[str, Version] = {}
    cut = False
    fresh: Sequence[Version] = page
    for _ in range(2):
        wanted = places(server, fresh, but)
        cut = cut or len(wanted) > most
        added = await _fetched(server, reader, list(wanted)[:most], record)
        for each in definitions(server, fresh):
            added |= {_name(version): version for version in await canonical(server, reader, each)}
        fresh = [version for name, version in added.items() if name not in found and version.type in FURTHER]
        found = added | found
        if not fresh:
            break
    return Supporting(found, cut)


async def _fetched(
    server: Server, reader: Reader, wanted: Sequence[Place], record: Sequence[Stretch]
) -> dict[str, Version]:
    current = await reader.read_many([(place.type, place.id) for place in wanted])
    members = await _members(reader, current, record)
    found: dict[str, Version] = {}
    for place in wanted:
        now = current.get((place.type, place.id))
        if now is not None and place.version in (None, now.version):
            if (place.type, place.id) not in members:
                found[_name(now)] = now
        elif place.version is not None:
            then = await reader.read_version(place.type, place.id, place.version)
            if then is not None and not then.gone:
                found[f"{_name(then)}/_history/{then.version}"] = then
    return found


async def _members(
    reader: Reader, current: Collection[tuple[str, str]], record: Sequence[Stretch]
) -> set[tuple[str, str]]:
    """Which of these belong to the record: asked of the index, all types in one round trip."""
    ids: dict[str, list[str]] = {}
    for type_, id_ in current:
        ids.setdefault(type_, []).append(id_)
    asked = [
        Stretch(part.type, {"$and": [{"_id": {"$in": ids[part.type]}}, part.filter]})
        for part in record
        if part.type in ids
    ]
    met = await reader.steps(asked, 2 * len(current))
    return {(step.type, step.id) for step in met}


def _name(version: Version) -> str:
    return f"{version.type}/{version.id}"
