"""Patches of one resource by several servers at once: all are done, each on what the others made."""

from __future__ import annotations

import asyncio

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions import write
from fhirserver.interactions.patch import patch, patch_matching
from fhirserver.interactions.server import Server
from fhirserver.patch.formats import from_resource
from fhirserver.settings import Settings
from tests.conftest import Opener
from tests.enrolment.things import patient, put, study, subject
from tests.patch.parameters import parameters


async def servers(open_store: Opener, settings: Settings) -> list[Server]:
    return [Server(settings, await open_store(), "R5", "http://test/r5") for _ in range(3)]


async def test_patches_by_three_servers_are_all_done(open_store: Opener, settings: Settings) -> None:
    every = await servers(open_store, settings)
    await put(every[0].store, patient("p") | {"identifier": [{"system": "urn:s", "value": "0"}]})

    async def one(at: int) -> None:
        value = {"valueIdentifier": {"system": "urn:s", "value": str(at)}}
        change = from_resource(
            "R5", parameters([{"type": "add", "path": "Patient", "name": "identifier", "value": value}])
        )
        server = every[at % 3]
        if at % 2:
            await patch(server, "Patient", "p", change)
        else:
            await patch_matching(server, "Patient", "identifier=urn:s|0", change)

    await asyncio.gather(*(one(at) for at in range(1, 31)))
    found = await there(every[0], "Patient", "p")
    assert sorted(int(each["value"]) for each in found["identifier"]) == list(range(31))
    assert found["meta"]["versionId"] == "31"


async def test_patches_of_one_subject_obey_the_rules_one_after_the_other(
    open_store: Opener, settings: Settings
) -> None:
    every = await servers(open_store, settings)
    await put(every[0].store, study("s"))
    await put(every[0].store, patient("p"))
    made = await write.create(every[0], "ResearchSubject", subject("p"))
    assert made.version is not None
    id_ = made.version.id

    async def one(at: int) -> None:
        value = {"valueIdentifier": {"system": "urn:s", "value": str(at)}}
        operation = {"type": "add", "path": "ResearchSubject", "name": "identifier", "value": value}
        await patch(every[at % 3], "ResearchSubject", id_, from_resource("R5", parameters([operation])))

    await asyncio.gather(*(one(at) for at in range(12)))
    found = await there(every[1], "ResearchSubject", id_)
    assert len(found["identifier"]) == 12
    assert (await there(every[2], "ResearchStudy", "s"))["recruitment"]["actualNumber"] == 1


async def there(server: Server, type_: str, id_: str) -> Resource:
    version = await server.store.read(type_, id_)
    assert version is not None
    found: Resource = fhirjson.loads(version.body)
    return found
