"""Search parameters defined while the server runs: checked when they are written, then indexed, then searched by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from fhirserver.interactions import in_force
from tests.web.conftest import Json, Serve

STRICT = {"Prefer": "handling=strict"}
_numbers = count(1)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Looks more often than in life, so that tests wait less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_force, "LOOK_S", 0.1)
        patch.setattr(in_force, "SETTLE_S", 0.3)
        yield


def definition(code: str, expression: str, **change: Any) -> Json:
    """An active definition for patients, with changes; None takes an element away."""
    made = {
        "resourceType": "SearchParameter",
        "url": f"http://example.org/SearchParameter/{code}",
        "name": "Own",
        "status": "active",
        "description": "A parameter of our own.",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": expression,
        "processingMode": "normal",
    } | change
    return {name: value for name, value in made.items() if value is not None}


def new(stem: str) -> str:
    """A name that no other test has."""
    return f"{stem}{next(_numbers)}"


async def created(client: httpx.AsyncClient, resource: Json) -> str:
    answer = await client.post(f"/r5/{resource['resourceType']}", json=resource)
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_


async def usable(client: httpx.AsyncClient, query: str) -> Json:
    """The answer to a search, once it is not put off any more."""
    for _ in range(300):
        answer = await client.get(f"/r5/{query}", headers=STRICT)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            found: Json = answer.json()
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{query} is put off for ever: {answer.text}")


def ids(bundle: Json) -> set[str]:
    return {each["resource"]["id"] for each in bundle.get("entry", []) if each["search"]["mode"] == "match"}


async def issue_of(client: httpx.AsyncClient, query: str, **headers: str) -> tuple[int, Json]:
    answer = await client.get(f"/r5/{query}", headers=headers)
    return answer.status_code, answer.json()["issue"][0]


async def listed(client: httpx.AsyncClient, type_: str = "Patient") -> dict[str, str]:
    """Name → definition of the parameters that the CapabilityStatement lists."""
    rest = (await client.get("/r5/metadata")).json()["rest"][0]
    row = next(each for each in rest["resource"] if each["type"] == type_)
    return {each["name"]: each["definition"] for each in row["searchParam"]}


async def test_a_new_parameter_is_put_off_until_what_was_there_is_indexed_then_finds_old_and_new(
    shared: httpx.AsyncClient,
) -> None:
    code = new("suffix")
    old = await created(shared, {"resourceType": "Patient", "name": [{"suffix": [f"{code} the elder"]}]})
    await created(shared, definition(code, "Patient.name.suffix"))
    answer = await shared.get(f"/r5/Patient?{code}={code}")
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["code"], issue["expression"]) == (503, "transient", [code])
    assert "indexed" in issue["diagnostics"]
    assert answer.headers["retry-after"].isdecimal()
    for query in (f"Patient?_sort={code}", f"Observation?subject:Patient.{code}=x", f"Patient?{code}:missing=true"):
        assert (await issue_of(shared, query))[0] == 503, query
    assert code not in await listed(shared)
    between = await created(shared, {"resourceType": "Patient", "name": [{"suffix": [f"{code} the other"]}]})
    assert ids(await usable(shared, f"Patient?{code}={code}")) == {old, between}
    new_ = await created(shared, {"resourceType": "Patient", "name": [{"suffix": [f"{code} the new"]}]})
    assert ids(await usable(shared, f"Patient?{code}={code}")) == {old, between, new_}
    sorted_ = await usable(shared, f"Patient?{code}={code}&_sort=-{code}")
    assert [each["resource"]["id"] for each in sorted_["entry"]] == [between, new_, old]
    assert (await listed(shared))[code] == f"http://example.org/SearchParameter/{code}"
    document = (await shared.get("/openapi.json?types=Patient")).json()
    assert f"search.Patient.{code}" in document["components"]["parameters"]


async def test_a_conditional_create_by_a_parameter_that_is_not_ready_makes_nothing(shared: httpx.AsyncClient) -> None:
    code = new("badge")
    await created(shared, definition(code, "Patient.identifier.value"))
    patient = {"resourceType": "Patient", "identifier": [{"value": code}]}
    answer = await shared.post("/r5/Patient", json=patient, headers={"If-None-Exist": f"{code}={code}"})
    assert answer.status_code == 503
    assert (await usable(shared, f"Patient?{code}={code}&_summary=count"))["total"] == 0


@pytest.mark.parametrize("status", ["draft", "retired", "unknown"])
async def test_what_is_not_active_is_not_in_use_and_need_not_be_usable(shared: httpx.AsyncClient, status: str) -> None:
    code = new("idle")
    await created(shared, definition(code, "Patient.nothing.here", status=status))
    status_, issue = await issue_of(shared, f"Patient?{code}=x", **STRICT)
    assert (status_, issue["code"]) == (400, "not-supported")


async def test_what_cannot_be_used_is_refused_with_its_reasons(shared: httpx.AsyncClient) -> None:
    bad = definition("fine", "Patient.nothing", type="date", base=["Patient", "Group"])
    answer = await shared.post("/r5/SearchParameter", json=bad | {"code": "a.b"})
    issues = answer.json()["issue"]
    assert (answer.status_code, [each["expression"] for each in issues]) == (422, [["SearchParameter.code"]])
    answer = await shared.post("/r5/SearchParameter", json=bad)
    assert answer.status_code == 422
    assert "In Group, Patient 'Patient.nothing' leads to nothing" in answer.json()["issue"][0]["diagnostics"]
    entry = {"resource": bad, "request": {"method": "POST", "url": "SearchParameter"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answer = await shared.post("/r5", json=bundle)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.expression"]
    answer = await shared.post("/r5/SearchParameter/$validate?mode=create", json=bad)
    assert "leads to nothing" in answer.text
    assert "fine" not in await listed(shared)


async def test_what_is_retired_or_deleted_is_unknown_at_once_and_indexed_again_when_it_returns(
    shared: httpx.AsyncClient,
) -> None:
    code = new("title")
    resource = definition(code, "Patient.name.prefix")
    id_ = await created(shared, resource)
    await usable(shared, f"Patient?{code}=x")
    place = f"/r5/SearchParameter/{id_}"
    assert (await shared.put(place, json=resource | {"id": id_, "status": "retired"})).status_code == 200
    assert (await issue_of(shared, f"Patient?{code}=x", **STRICT))[0] == 400
    assert code not in await listed(shared)
    meanwhile = await created(shared, {"resourceType": "Patient", "name": [{"prefix": [code]}]})
    assert (await shared.put(place, json=resource | {"id": id_})).status_code == 200
    assert ids(await usable(shared, f"Patient?{code}={code}")) == {meanwhile}
    assert (await shared.delete(place)).status_code == 204
    assert (await issue_of(shared, f"Patient?{code}=x", **STRICT))[0] == 400
    assert (await shared.put(place, json=resource | {"id": id_, "expression": "Patient.name.given"})).status_code == 201
    assert ids(await usable(shared, f"Patient?{code}={code}")) == set()


async def test_a_change_that_says_nothing_new_of_what_is_found_needs_no_indexing(shared: httpx.AsyncClient) -> None:
    code = new("same")
    resource = definition(code, "Patient.name.prefix")
    id_ = await created(shared, resource)
    await usable(shared, f"Patient?{code}=x")
    told = resource | {"id": id_, "description": "Said better."}
    assert (await shared.put(f"/r5/SearchParameter/{id_}", json=told)).headers["etag"] == 'W/"2"'
    assert (await shared.get(f"/r5/Patient?{code}=x")).status_code == 200


async def test_of_two_that_race_for_a_name_one_is_refused(shared: httpx.AsyncClient) -> None:
    code = new("race")
    one = definition(code, "Patient.name.prefix")
    other = definition(code, "Patient.name.suffix", url="http://example.org/SearchParameter/other")
    answers = await asyncio.gather(
        *(shared.post("/r5/SearchParameter", json=each) for each in (one, other, one, other))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 422, 422]
    refused = next(answer.json()["issue"][0] for answer in answers if answer.status_code == 422)
    assert (refused["code"], refused["expression"]) == ("duplicate", ["SearchParameter.code"])


async def test_a_composite_and_its_parts_come_in_one_transaction_and_the_parts_stay_while_it_does(
    shared: httpx.AsyncClient,
) -> None:
    one, two, joined = new("part"), new("part"), new("joined")
    parts = [
        {"definition": f"http://example.org/SearchParameter/{one}", "expression": "use"},
        {"definition": f"http://example.org/SearchParameter/{two}", "expression": "suffix"},
    ]
    resources = [
        definition(joined, "Patient.name", type="composite", component=parts),
        definition(one, "Patient.name.use", type="token"),
        definition(two, "Patient.name.suffix"),
    ]
    alone = await shared.post("/r5/SearchParameter", json=resources[0])
    assert (alone.status_code, alone.json()["issue"][0]["code"]) == (422, "not-found")
    entries = [{"resource": each, "request": {"method": "POST", "url": "SearchParameter"}} for each in resources]
    answer = await shared.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text
    made = [each["response"]["location"].split("/_history")[0] for each in answer.json()["entry"]]
    names = [{"use": "old", "suffix": ["MD"]}, {"use": "usual", "suffix": ["Jr"]}]
    patient = await created(shared, {"resourceType": "Patient", "name": names})
    assert ids(await usable(shared, f"Patient?{joined}=old$md&_id={patient}")) == {patient}
    assert ids(await usable(shared, f"Patient?{joined}=old$jr&_id={patient}")) == set()
    refused = await shared.delete(f"/r5/{made[1]}")
    assert (refused.status_code, made[0] in refused.text) == (409, True)
    together = [{"request": {"method": "DELETE", "url": place}} for place in made]
    answer = await shared.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": together})
    assert answer.status_code == 200, answer.text


async def test_references_are_chained_included_and_followed_backwards(shared: httpx.AsyncClient) -> None:
    code, group = new("doctor"), new("house")
    doctor = await created(shared, {"resourceType": "Practitioner", "name": [{"family": code}]})
    patient = await created(
        shared, {"resourceType": "Patient", "generalPractitioner": [{"reference": f"Practitioner/{doctor}"}]}
    )
    change = {"type": "reference", "target": ["Practitioner"]}
    await created(shared, definition(code, "Patient.generalPractitioner", **change))
    await created(shared, definition(group, "Practitioner.name.family", base=["Practitioner"]))
    await usable(shared, f"Practitioner?{group}=x")
    assert ids(await usable(shared, f"Patient?{code}.{group}={code}")) == {patient}
    assert ids(await usable(shared, f"Practitioner?_has:Patient:{code}:_id={patient}")) == {doctor}
    forward = await usable(shared, f"Patient?{code}={doctor}&_include=Patient:{code}")
    assert {each["resource"]["id"] for each in forward["entry"]} == {patient, doctor}
    backward = await usable(shared, f"Practitioner?_id={doctor}&_revinclude=Patient:{code}")
    assert {each["resource"]["id"] for each in backward["entry"]} == {patient, doctor}


async def test_what_is_contained_is_found_by_it_too(shared: httpx.AsyncClient) -> None:
    code = new("within")
    patient = {"resourceType": "Patient", "id": "p", "name": [{"suffix": [code]}]}
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "contained": [patient]}
    old = await created(shared, observation | {"subject": {"reference": "#p"}})
    await created(shared, definition(code, "Patient.name.suffix"))
    assert ids(await usable(shared, f"Observation?subject:Patient.{code}={code}")) == {old}
    fresh = await created(shared, observation | {"subject": {"reference": "#p"}})
    assert ids(await usable(shared, f"Observation?subject:Patient.{code}={code}")) == {old, fresh}


async def test_a_parameter_of_every_type(shared: httpx.AsyncClient) -> None:
    code = new("kept")
    rules = f"http://example.org/{code}"
    made = [await created(shared, {"resourceType": type_, "implicitRules": rules}) for type_ in ("Patient", "Person")]
    await created(shared, definition(code, "Resource.implicitRules", base=["Resource"], type="uri"))
    assert ids(await usable(shared, f"Patient?{code}={rules}")) == {made[0]}
    assert ids(await usable(shared, f"Person?{code}={rules}")) == {made[1]}
    assert ids(await usable(shared, f"Basic?{code}={rules}")) == set()
    assert ids(await usable(shared, f"?{code}={rules}")) == set(made)
    rest = (await shared.get("/r5/metadata")).json()["rest"][0]
    assert code in {each["name"] for each in rest["searchParam"]}


async def test_an_expression_that_fails_on_a_resource_does_not_keep_it_from_being_written(
    shared: httpx.AsyncClient,
) -> None:
    code = new("only")
    await created(shared, definition(code, "Patient.name.single().family & ''"))
    await usable(shared, f"Patient?{code}=x")
    two = await created(shared, {"resourceType": "Patient", "name": [{"family": code}, {"family": code}]})
    one = await created(shared, {"resourceType": "Patient", "name": [{"family": code}]})
    assert ids(await usable(shared, f"Patient?{code}={code}")) == {one}
    assert ids(await usable(shared, f"Patient?{code}:missing=true&_id={one},{two}")) == {two}


async def test_reindex_says_how_far_everything_is(shared: httpx.AsyncClient) -> None:
    code = new("state")
    await created(shared, {"resourceType": "Device"})
    id_ = await created(shared, definition(code, "Device.displayName", base=["Device"]))
    place = f"/r5/SearchParameter/{id_}/$reindex"
    state = (await shared.get(place)).json()
    assert rows(state, "parameter")[0]["state"] == "waiting"
    assert state["parameter"][0] == {"name": "complete", "valueBoolean": False}
    await usable(shared, f"Device?{code}=x")
    state = (await shared.get(place)).json()
    assert state["parameter"][0] == {"name": "complete", "valueBoolean": True}
    shown = rows(state, "parameter")[0]
    assert (shown["state"], shown["code"], shown["type"]) == ("usable", code, "Device")
    of_type = rows(state, "type")[0]
    assert (of_type["type"], of_type["state"], of_type["failed"]) == ("Device", "finished", 0)
    assert of_type["done"] == of_type["total"] >= 1
    asked = of_type["requested"]
    for where in (place, "/r5/Device/$reindex", "/r5/$reindex"):
        answer = await shared.post(where)
        assert answer.status_code == 200, answer.text
        for _ in range(200):
            state = (await shared.get(where)).json()
            if state["parameter"][0]["valueBoolean"]:
                break
            await asyncio.sleep(0.05)
        again = next(each for each in rows(state, "type") if each["type"] == "Device")
        assert (again["state"], again["done"]) == ("finished", of_type["done"])
        assert again["requested"] > asked
        asked = again["requested"]


def rows(state: Json, name: str) -> list[Json]:
    """The parts of a Parameters' parameter, each as an object."""
    return [
        {part["name"]: value for part in each["part"] for key, value in part.items() if key.startswith("value")}
        for each in state["parameter"]
        if each["name"] == name
    ]


async def test_reindex_of_one_resource_is_done_at_once(shared: httpx.AsyncClient) -> None:
    id_ = await created(shared, {"resourceType": "Patient"})
    done = {"resourceType": "Parameters", "parameter": [{"name": "complete", "valueBoolean": True}]}
    for method in ("POST", "GET"):
        assert (await shared.request(method, f"/r5/Patient/{id_}/$reindex")).json() == done
    assert ids(await usable(shared, f"Patient?_id={id_}")) == {id_}
    assert (await shared.post("/r5/Patient/none/$reindex")).status_code == 404


async def test_reindex_is_refused_where_there_is_nothing_to_index_by(shared: httpx.AsyncClient) -> None:
    id_ = await created(shared, definition(new("draft"), "Patient.name.suffix", status="draft"))
    answer = await shared.post(f"/r5/SearchParameter/{id_}/$reindex")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "business-rule")
    assert (await shared.post("/r5/SearchParameter/none/$reindex")).status_code == 404
    assert (await shared.post("/r5/Nothing/$reindex")).status_code == 404
    assert (await shared.put("/r5/$reindex")).status_code == 405


@pytest.fixture
async def pair(serve: Serve) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of two servers on one database."""
    async with serve() as one, serve() as other:
        yield one, other


async def test_nothing_that_another_server_writes_meanwhile_is_missing_afterwards(
    pair: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    one, other = pair
    wanted: set[str] = set()

    async def write(client: httpx.AsyncClient, name: str, stop: asyncio.Event) -> None:
        """Creates and changes patients."""
        while not stop.is_set():
            patient = {"resourceType": "Patient", "name": [{"suffix": ["MD"], "family": name}]}
            id_ = await created(client, patient)
            wanted.add(id_)
            changed = {**patient, "id": id_, "name": [{"suffix": ["MD", "PhD"]}]}
            assert (await client.put(f"/r5/Patient/{id_}", json=changed)).status_code == 200
            await asyncio.sleep(0.01)

    stop = asyncio.Event()
    writers = [
        asyncio.create_task(write(client, name, stop)) for name, client in (("a", one), ("b", other), ("c", other))
    ]
    await asyncio.sleep(0.3)
    await created(one, definition("suffix", "Patient.name.suffix"))
    for _ in range(300):
        # Until it looks, the other server does not know the parameter, and says that it left it out.
        answer = await other.get("/r5/Patient?suffix=MD&_count=1", headers=STRICT)
        if answer.status_code == 200:
            break
        assert answer.status_code in (400, 503), answer.text
        await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*writers)
    for client in pair:
        found = await usable(client, "Patient?suffix=MD&_summary=count")
        assert found["total"] == len(wanted)
    assert len(wanted) > 10


async def test_what_was_begun_goes_on_after_a_restart(serve: Serve) -> None:
    entries = [
        {
            "resource": {"resourceType": "Patient", "name": [{"suffix": ["MD"]}]},
            "request": {"method": "POST", "url": "Patient"},
        }
        for _ in range(450)
    ]
    async with serve() as client:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert (await client.post("/r5", json=bundle)).status_code == 200
        await created(client, definition("suffix", "Patient.name.suffix"))
        for _ in range(300):
            shown = rows((await client.get("/r5/Patient/$reindex")).json(), "type")
            if shown and shown[0]["done"]:
                break
            await asyncio.sleep(0.005)
    async with serve() as client:
        again = rows((await client.get("/r5/Patient/$reindex")).json(), "type")[0]
        assert again["started"] == shown[0]["started"]
        assert again["done"] >= shown[0]["done"] >= 100
        found = await usable(client, "Patient?suffix=MD&_summary=count")
        assert found["total"] == 450
        ended = rows((await client.get("/r5/Patient/$reindex")).json(), "type")[0]
        assert (ended["started"], ended["done"], ended["state"]) == (again["started"], 450, "finished")
