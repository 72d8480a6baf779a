"""Records that are stored in one transaction: as if each were imported by itself, whatever is wrong with others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver.interactions.import_record import Imported, import_record
from fhirserver.interactions.import_together import import_together
from fhirserver.interactions.server import Server
from fhirserver.settings import Settings
from fhirserver.store.client import connect

RECORD = (Path(__file__).parents[2] / "seed" / "trials" / "NCT02083731.json").read_text()

BASE = "http://test/r5"


@pytest.fixture
async def server(settings: Settings, mongodb_uri: str) -> AsyncIterator[Server]:
    store = await connect(settings, mongodb_uri)
    yield Server(settings, store, "R5", BASE)
    await store.close()


def record(number: int, **changed: Any) -> bytes:
    """A trial that shares its people and places with the others."""
    found = json.loads(RECORD.replace("NCT02083731", f"NCT{number:08d}"))
    found["protocolSection"]["identificationModule"] |= changed
    return json.dumps(found).encode()


def counted(done: Imported) -> dict[str, int]:
    return {name: number for name, number in done.counts.items() if number}


async def stored(server: Server) -> dict[tuple[str, str], tuple[int, dict[str, Any]]]:
    """Version and content of everything, but for what says when it was made."""
    found = {}
    for type_ in await server.store.types():
        for id_ in await server.store.ids(type_, {}, 1000):
            version = await server.store.read(type_, id_)
            assert version
            content = json.loads(version.body)
            meta = {name: value for name, value in content.pop("meta").items() if name != "lastUpdated"}
            if type_ == "Provenance":
                content = {"id": content["id"]}
            found[type_, id_] = version.version, content | {"meta": meta}
    return found


async def test_together_is_as_one_by_one(server: Server, settings: Settings, mongodb_uri: str) -> None:
    records = [record(number) for number in range(1, 6)]
    together = await import_together(server, records)
    assert sorted(together) == [0, 1, 2, 3, 4]
    other = settings.model_copy(update={"database": settings.database + "x"})
    store = await connect(other, mongodb_uri)
    try:
        alone = Server(other, store, "R5", BASE)
        one_by_one = [await import_record(alone, each) for each in records]
        assert [counted(together[number]) for number in range(5)] == [counted(each) for each in one_by_one]
        assert [together[number].study for number in range(5)] == [each.study for each in one_by_one]
        assert await stored(server) == await stored(alone)
    finally:
        await store._ctx.db.client.drop_database(other.database)
        await store.close()


async def test_what_is_stored_what_is_wrong_and_what_says_otherwise_is_left_for_alone(server: Server) -> None:
    await import_record(server, record(3))
    records = [record(1), b"{}", record(2), record(3), record(1, briefTitle="Another")]
    assert sorted(await import_together(server, records)) == [0, 2]
    study = await server.store.read("ResearchStudy", "NCT00000001")
    assert study
    assert study.version == 1
    assert (
        json.loads(study.body)["title"] == json.loads(RECORD)["protocolSection"]["identificationModule"]["briefTitle"]
    )


async def test_one_new_record_is_left_for_alone(server: Server) -> None:
    assert await import_together(server, [record(1), b"no record"]) == {}
    assert await server.store.types() == []


async def test_when_one_cannot_be_stored_nothing_is(server: Server) -> None:
    broken = json.loads(record(2))
    # It is legal as a record and as a resource, but MongoDB holds no document of that size.
    broken["protocolSection"]["identificationModule"]["briefTitle"] = "x" * (17 * 2**20)
    assert await import_together(server, [record(1), json.dumps(broken).encode()]) == {}
    assert not any([await server.store.ids(type_, {}, 1) for type_ in await server.store.types()])


async def test_groups_of_records_that_race_make_each_resource_once(settings: Settings, mongodb_uri: str) -> None:
    stores = [await connect(settings, mongodb_uri) for _ in range(3)]
    servers = [Server(settings, store, "R5", BASE) for store in stores]
    try:
        groups = [[record(10 * group + number) for number in range(4)] for group in range(6)]
        done = await asyncio.gather(
            *(import_together(servers[at % 3], group) for at, group in enumerate(groups)),
            *(import_together(servers[(at + 1) % 3], group) for at, group in enumerate(groups)),
        )
        created = [
            each for found in done for each in found.values() if each.entries[0].response.status == "201 Created"
        ]
        assert len(created) == 24
        assert all(version == 1 for version, _ in (await stored(servers[0])).values())
    finally:
        for store in stores:
            await store.close()
