"""The definitions of search parameters: whatever the CapabilityStatement names is there to be read and found."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.interactions import write
from fhirserver.interactions.server import Server
from fhirserver.interactions.standard_parameters import definitions, publish
from fhirserver.resources.validation import validate
from fhirserver.search.defined import standard
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.store.embedded import Mongod
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.web.conftest import Json, calling

BASE = "http://test/r5"


@pytest.fixture(scope="module")
async def published(mongod: Mongod, module_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that has stored its definitions."""
    settings = Settings(mongodb_uri=mongod.uri, database=module_database)
    store = await connect(settings, mongod.uri)
    await publish(Server(settings, store, "R5", BASE))
    await store.close()
    async with calling(settings, mongod.uri) as client:
        yield client


async def all_of(client: httpx.AsyncClient, query: str) -> list[Json]:
    url, found = f"/r5/SearchParameter?{query}&_count=1000", []
    while url:
        bundle = (await client.get(url)).json()
        found += [entry["resource"] for entry in bundle.get("entry", [])]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    return found


async def test_every_parameter_that_is_named_has_a_definition_that_says_the_same(published: httpx.AsyncClient) -> None:
    rest = (await published.get("/r5/metadata")).json()["rest"][0]
    stored = {each["url"]: each for each in await all_of(published, "status=active")}
    for row in rest["resource"]:
        for each in row["searchParam"]:
            one = stored[each["definition"]]
            assert (one["code"], one["type"]) == (each["name"], each["type"])
            assert {row["type"], "Resource", "DomainResource"} & set(one["base"]), (row["type"], one["base"])
    assert {each["definition"] for each in rest["searchParam"]} <= stored.keys()
    wrong = [issue for each in stored.values() for issue in validate("R5", each) if issue.severity == "error"]
    assert wrong == []
    assert all(standard("R5", each) for each in stored.values())


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("url=http://hl7.org/fhir/SearchParameter/clinical-code", ["clinical-code"]),
        ("code=name&base=Patient", ["Patient-name"]),
        ("code=age", ["ResearchStudy-age"]),
        (f"url={BASE}/SearchParameter/Group-admits-age", ["Group-admits-age"]),
        ("code=birthdate&base=Observation", []),
    ],
)
async def test_definitions_are_found_like_any_resource(
    published: httpx.AsyncClient, query: str, ids: list[str]
) -> None:
    assert [each["id"] for each in await all_of(published, query)] == ids


async def test_our_own_are_told_apart_and_explained(published: httpx.AsyncClient) -> None:
    own = [each for each in await all_of(published, "status=active") if each["url"].startswith(BASE)]
    assert {each["id"] for each in own} == {
        "Group-admits-age", "Group-admits-sex", "Group-admits-healthy", "ResearchStudy-age", "ResearchStudy-near",
        "ResearchStudy-eligible-sex", "ResearchStudy-healthy-volunteers", "ResearchStudy-recruiting",
    }  # fmt: skip
    assert all(each["processingMode"] == "other" and len(each["description"]) > 60 for each in own)


async def test_a_definition_may_be_sent_back_and_another_meaning_may_not(published: httpx.AsyncClient) -> None:
    for id_ in ("Patient-name", "Resource-id", "Observation-code-value-quantity", "ResearchStudy-age"):
        place = f"/r5/SearchParameter/{id_}"
        one = (await published.get(place)).json()
        assert (await published.put(place, json=one)).status_code == 200
        changed = one | {"expression": f"{one['base'][0]}.meta.tag"}
        answer = await published.put(place, json=changed)
        assert answer.status_code == 422, id_
        assert (await published.put(place, json=changed | {"status": "retired"})).status_code == 200
        assert (await published.put(place, json=one)).status_code == 200
    known = (await published.get("/r5/SearchParameter/$reindex")).json()
    assert [each["name"] for each in known["parameter"]] == ["complete"]


async def test_they_are_stored_once_and_what_others_wrote_in_their_place_stays(
    settings: Settings, store: Store, open_store: Opener
) -> None:
    server = Server(settings, store, "R5", BASE)
    assert await publish(server) == len(definitions(server)) > 1200
    assert await publish(server) == 0
    version = await store.read("SearchParameter", "Patient-name")
    assert version is not None
    assert (version.version, fhirjson.loads(version.body)["publisher"]) == (1, "fhirserver")
    richer = fhirjson.loads(version.body) | {"publisher": "HL7", "description": "A server defined search…"}
    entry = write.index(server, richer)
    await store.put(richer, type="SearchParameter", id="Patient-name", release="R5", entry=entry)
    # Another address makes other definitions of our own, which is when they are looked at again.
    elsewhere = Server(settings, await open_store(), "R5", "http://elsewhere/r5")
    assert await publish(elsewhere) == len(definitions(server)) - 1
    for id_, publisher, number in (("Patient-name", "HL7", 2), ("Patient-language", "fhirserver", 1)):
        found = await store.read("SearchParameter", id_)
        assert found is not None
        assert (fhirjson.loads(found.body)["publisher"], found.version) == (publisher, number)
    moved = await store.read("SearchParameter", "ResearchStudy-age")
    assert moved is not None
    assert fhirjson.loads(moved.body)["url"] == "http://elsewhere/r5/SearchParameter/ResearchStudy-age"
