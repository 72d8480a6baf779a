"""Operations as they are called: which address, which method, which body, and what their definitions say."""

from __future__ import annotations

import httpx
import pytest

from fhirserver.errors import NotSupported
from fhirserver.interactions.operation import Call, Operation
from fhirserver.interactions.operations import OPERATIONS, find, invoke, publish
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import resource_types
from fhirserver.resources.validation import validate
from fhirserver.settings import Settings
from fhirserver.store.store import Store, Tx
from tests.web.conftest import Json

HL7 = "http://hl7.org/fhir/OperationDefinition/"


@pytest.fixture
def server(settings: Settings, store: Store) -> Server:
    return Server(settings, store, "R5", "http://test/r5")


@pytest.mark.parametrize(
    ("method", "path", "status", "said", "allow"),
    [
        ("POST", "$nothing", 404, "$meta", None),
        ("POST", "Patient/$nothing", 404, "$meta", None),
        ("POST", "Patient/a/$nothing", 404, "$meta-add", None),
        ("POST", "Nothing/$meta", 404, "Nothing", None),
        ("POST", "Patient/a%20b/$meta", 404, "FHIR id", None),
        ("POST", "Patient/a/$enroll", 404, "ResearchStudy/[id]/$enroll", None),
        ("POST", "$import-record", 404, "ResearchStudy/$import-record", None),
        ("GET", "ResearchStudy/s/$enroll", 405, "POST", "POST"),
        ("HEAD", "ResearchStudy/s/$enroll", 405, None, "POST"),
        ("PUT", "Patient/a/$meta", 405, "GET or POST", "GET, POST"),
        ("DELETE", "Patient/$meta", 405, "GET or POST", "GET, POST"),
        ("PATCH", "$meta", 405, "GET or POST", "GET, POST"),
        ("GET", "ResearchStudy/$import-record", 405, "POST", "POST"),
        ("GET", "Patient/a/$meta/x", 404, None, None),
        ("GET", "$", 404, None, None),
    ],
)
async def test_an_address_without_that_operation_says_what_there_is(
    client: httpx.AsyncClient, method: str, path: str, status: int, said: str | None, allow: str | None
) -> None:
    answer = await client.request(method, f"/r5/{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers.get("allow") == allow
    if said:
        issue = answer.json()["issue"][0]
        assert said in issue["diagnostics"]
        assert issue["code"] in ("not-supported", "not-found")


async def test_an_operation_on_a_stored_resource_that_looks_like_one_is_no_read(client: httpx.AsyncClient) -> None:
    answer = await client.get("/r5/Patient/%24meta")
    assert answer.json()["resourceType"] == "Parameters"


async def test_options_lists_the_methods_of_an_operation(client: httpx.AsyncClient) -> None:
    for path, methods in {
        "/r5/$meta": "GET, HEAD, OPTIONS, POST",
        "/r5/Patient/a/$meta": "GET, HEAD, OPTIONS, POST",
        "/r5/Patient/a/_history/1/$meta": "GET, HEAD, OPTIONS, POST",
        "/r5/ResearchStudy/s/$enroll": "OPTIONS, POST",
    }.items():
        assert (await client.options(path)).headers["allow"] == methods
        assert (await client.request("TRACE", path)).headers["allow"] == methods
    assert (await client.options("/r5/Patient/a/$enroll")).status_code == 404


async def test_a_body_is_read_as_other_bodies_are(client: httpx.AsyncClient) -> None:
    place = "/r5/ResearchStudy/s/$enroll"
    assert (await client.post(place, content=b"{")).status_code == 400
    assert (await client.post(place, content=b"[]")).status_code == 400
    assert (await client.post(place, content=b"x", headers={"Content-Type": "text/plain"})).status_code == 415
    assert (await client.post(place)).json()["issue"][0]["code"] == "required"
    assert (await client.post(place, json={"resourceType": "Patient"})).status_code == 400


async def test_every_definition_is_valid_and_served_as_the_capabilities_name_it(
    client: httpx.AsyncClient, server: Server
) -> None:
    await publish(server)
    await publish(server)
    statement = (await client.get("/r5/metadata")).json()["rest"][0]
    named = {each["definition"] for row in [statement, *statement["resource"]] for each in row.get("operation", ())}
    served = [each["resource"] for each in (await client.get("/r5/OperationDefinition")).json()["entry"]]
    assert len(served) == len(OPERATIONS)
    assert {definition["meta"]["versionId"] for definition in served} == {"1"}
    for definition in served:
        assert validate("R5", definition) == []
        assert definition["url"] in named or definition["base"] in named
    for url in named:
        if url.startswith(HL7):
            assert any(definition.get("base") == url for definition in served)
        else:
            assert (await client.get(url.removeprefix("http://test"))).json()["url"] == url


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_a_definition_says_where_the_operation_is_found(operation: Operation, server: Server) -> None:
    definition = operation.definition("R5", server.base)
    for type_ in resource_types("R5") if definition["resource"] == ["Resource"] else definition["resource"]:
        place = {"system": (None, None), "type": (type_, None), "instance": (type_, "a")}
        for level, (kind, id_) in place.items():
            call = Call("POST", operation.code, kind, id_)
            if definition[level]:
                assert find(server, call) is operation
            else:
                assert not operation.fits(call)


async def test_what_has_a_transaction_of_its_own_is_no_part_of_another(server: Server) -> None:
    async def work(tx: Tx) -> None:
        await invoke(server, Call("POST", "import-record", "ResearchStudy", raw=b"x", within=tx))

    with pytest.raises(NotSupported, match="in a batch"):
        await server.store.transact(work)


async def test_labels_change_within_a_transaction(server: Server, client: httpx.AsyncClient, patient: Json) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "urn:x", "code": "y"}]}}],
    }

    async def work(tx: Tx) -> None:
        await invoke(server, Call("POST", "meta-add", "Patient", "a", body=body, within=tx))
        answer = await invoke(server, Call("GET", "meta", "Patient", "a", within=tx))
        assert answer.value["parameter"][0]["valueMeta"]["versionId"] == "2"

    await server.store.transact(work)
    assert (await client.get("/r5/Patient?_tag=urn:x|y")).json()["total"] == 1
