"""The resources of one study for the way back to its record: what it refers to, and the studies that are part of it.

The cost grows with the study alone: its parts come from one index, the rest by id, and who is enrolled is left out.
https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import TooCostly
from fhirserver.fhirjson import Resource
from fhirserver.interactions.read import read
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources.registry import resource_types
from fhirserver.search.ast import Param
from fhirserver.search.kinds import reference
from fhirserver.search.mongo import to_mongo

STUDY = "ResearchStudy"
MOST = 50_000
"""Resources that one study may have: the registry's largest has a few thousand sites, each with contacts."""
_AT_ONCE = 1000
_DIGEST = re.compile(r"nih:sha-256;([0-9a-f]{16})")
"""The first digits of a record's hash are in the id of its Provenance."""
_FOLLOWED = frozenset({STUDY, "EvidenceReport", "Evidence"})
"""Types whose references are followed."""
_ELSEWHERE = frozenset({"partOf", "actualGroup", "observedGroup", "subject"})
"""Elements that lead out of the record: other studies, and who is enrolled."""


async def gather(server: Server, reader: Reader, id_: str) -> list[Resource]:
    """The study first; NotFound or Gone where there is none, TooCostly beyond MOST."""
    study = await read(server, STUDY, id_, within=reader)
    parts = await parts_of(server, reader, id_, MOST + 1)
    found: dict[tuple[str, str], Resource] = {(STUDY, id_): fhirjson.loads(study.body)}
    asked = dict.fromkeys([(STUDY, part) for part in parts if part != id_])
    asked |= dict.fromkeys(_places(server, found.values()))
    asked |= dict.fromkeys(_source(found[(STUDY, id_)]))
    wanted = [place for place in asked if place not in found]
    while wanted:
        if len(asked) > MOST:
            raise TooCostly(f"{STUDY}/{id_} has more than {MOST} resources: they are too many for one record.")
        fresh: list[Resource] = []
        for at in range(0, len(wanted), _AT_ONCE):
            versions = await reader.read_many(wanted[at : at + _AT_ONCE])
            for place, version in versions.items():
                found[place] = fhirjson.loads(version.body)
                fresh.append(found[place])
        wanted = [place for place in dict.fromkeys(_places(server, fresh)) if place not in asked]
        asked |= dict.fromkeys(wanted)
    return list(found.values())


def _source(study: Resource) -> Iterator[tuple[str, str]]:
    """The Provenance of the record that the study was imported from, which no resource refers to."""
    if digest := _DIGEST.match(str(study.get("meta", {}).get("source"))):
        yield "Provenance", f"{study['id']}-{digest[1]}"


async def parts_of(server: Server, reader: Reader, id_: str, limit: int) -> list[str]:
    """The ids of the studies that are part of a study."""
    node = Param(STUDY, "part-of", reference.RefIn(STUDY, (id_,), (f"{server.base}/",)))
    return await reader.ids(STUDY, to_mongo(node, server.release), limit)


def _places(server: Server, resources: Iterable[Resource]) -> Iterator[tuple[str, str]]:
    """What these resources refer to on this server."""
    for resource in resources:
        if resource["resourceType"] not in _FOLLOWED:
            continue
        for text in _references(resource):
            literal = fhirjson.literal(text)
            if literal and literal.base in (None, f"{server.base}/") and literal.type in resource_types(server.release):
                yield literal.type, literal.id


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, child in value.items():
            if name == "reference" and isinstance(child, str):
                yield child
            elif name not in _ELSEWHERE:
                yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)
