"""Profiles over HTTP: claims are checked when a profile is stored, whoever stored it; $validate says all there is."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from fhirserver import fhirjson
from tests.profiles import BASE, TABLE, altered, definitions, structure_definition
from tests.web.conftest import Serve

Json = dict[str, Any]
OUTCOME = {"Prefer": "return=OperationOutcome"}
SUBJECT = TABLE["resources"]["encounter"]


def put(resource: Json) -> Json:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


def transaction(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def named(definition: Json) -> Json:
    return {"id": definition["url"].rpartition("/")[2], **definition}


async def store(client: httpx.AsyncClient, *found: Json) -> None:
    answer = await client.post("/r5", json=transaction(*(put(named(each)) for each in found)))
    assert answer.status_code == 200, answer.text


def profile(name: str, type_: str, *elements: Json, **more: Any) -> Json:
    rows = [{"path": type_}, *elements]
    return structure_definition({"name": name, "type": type_, "elements": rows}) | more


def issues(answer: httpx.Response) -> list[tuple[str, str, str]]:
    found = answer.json()
    assert found["resourceType"] == "OperationOutcome", found
    return [(i["severity"], i["code"], i.get("expression", [""])[0]) for i in found["issue"]]


def patient(name: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "meta": {"profile": [BASE + name]}, **more}


@pytest.fixture(scope="module")
async def trial(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    """A server that holds the definitions of the table."""
    await store(shared, *definitions())
    return shared


# --- claims ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", TABLE["cases"][::7], ids=lambda case: case["name"])
async def test_what_breaks_a_stored_profile_is_refused_and_what_conforms_is_stored(
    trial: httpx.AsyncClient, case: Json
) -> None:
    resource = altered(case)
    if resource["resourceType"] == "ResearchSubject":
        pytest.skip("rules of enrolment watch over it too")
    answer = await trial.post(f"/r5/{resource['resourceType']}", content=fhirjson.dumps(resource))
    assert answer.status_code == (422 if case["flaws"] else 201), answer.text
    if case["flaws"]:
        assert sorted([code, place] for _, code, place in issues(answer)) == sorted(case["flaws"])


async def test_an_unknown_profile_is_reported_as_information(client: httpx.AsyncClient) -> None:
    answer = await client.put("/r5/Patient/a", json=patient("none", id="a"), headers=OUTCOME)
    assert answer.status_code == 201
    assert "Warning" not in answer.headers
    assert issues(answer) == [("information", "not-found", "Patient.meta.profile[0]")]
    assert BASE + "none" in answer.json()["issue"][0]["diagnostics"]
    bundle = await client.post(
        "/r5", json=transaction(put(patient("none", id="b")), put({**patient("none"), "id": "c"}))
    )
    for entry in bundle.json()["entry"]:
        assert entry["response"]["outcome"]["issue"][0]["severity"] == "information"


async def test_a_profile_counts_from_its_storing_to_its_deletion(client: httpx.AsyncClient) -> None:
    claiming = patient("dated", id="a")
    assert (await client.put("/r5/Patient/a", json=claiming)).status_code == 201
    await store(client, profile("dated", "Patient", {"path": "Patient.birthDate", "min": 1}))
    refused = await client.put("/r5/Patient/a", json=claiming | {"active": True})
    assert (refused.status_code, issues(refused)) == (422, [("error", "required", "Patient.birthDate")])
    await store(client, profile("dated", "Patient", {"path": "Patient.gender", "min": 1}))
    refused = await client.put("/r5/Patient/a", json=claiming | {"active": True})
    assert issues(refused) == [("error", "required", "Patient.gender")]
    await client.delete("/r5/StructureDefinition/dated")
    assert (await client.put("/r5/Patient/a", json=claiming | {"active": True})).status_code == 200


async def test_a_value_set_that_is_stored_later_changes_what_a_profile_says(client: httpx.AsyncClient) -> None:
    binding = {"strength": "required", "valueSet": "http://example.org/fhir/ValueSet/arms"}
    await store(client, profile("arms", "Patient", {"path": "Patient.maritalStatus", "binding": binding}))
    other = patient("arms", maritalStatus={"coding": [{"system": "http://example.org/arms", "code": "C"}]})
    assert (await client.post("/r5/Patient", json=other)).status_code == 201
    await store(client, TABLE["valuesets"][0])
    assert issues(await client.post("/r5/Patient", json=other)) == [("error", "code-invalid", "Patient.maritalStatus")]


async def test_another_server_of_the_database_sees_a_new_profile_at_once(serve: Serve) -> None:
    async with serve() as one, serve() as other:
        assert (await other.post("/r5/Patient", json=patient("dated"))).status_code == 201
        await store(one, profile("dated", "Patient", {"path": "Patient.birthDate", "min": 1}))
        assert (await other.post("/r5/Patient", json=patient("dated"))).status_code == 422
        await one.delete("/r5/StructureDefinition/dated")
        assert (await other.post("/r5/Patient", json=patient("dated"))).status_code == 201


async def test_a_profile_and_what_claims_it_may_come_in_one_transaction(client: httpx.AsyncClient) -> None:
    definition = put(profile("dated", "Patient", {"path": "Patient.birthDate", "min": 1}))
    wrong = await client.post("/r5", json=transaction(put(patient("dated", id="a")), definition))
    assert wrong.status_code == 422
    assert issues(wrong) == [("error", "required", "Bundle.entry[0].resource.birthDate")]
    assert (await client.get("/r5/StructureDefinition/dated")).status_code == 404
    right = await client.post("/r5", json=transaction(put(patient("dated", id="a", birthDate="2000")), definition))
    assert right.status_code == 200


async def test_a_definition_that_is_wrong_is_refused_with_what_claims_it(client: httpx.AsyncClient) -> None:
    definition = profile("dated", "Patient") | {"snapshot": {"element": [7]}}
    answer = await client.post("/r5", json=transaction(put(patient("dated", id="a")), put(definition)))
    assert answer.status_code == 400
    assert issues(answer)[0][2].startswith("Bundle.entry[1].resource")


async def test_a_patch_is_held_to_the_profile_that_its_result_claims(trial: httpx.AsyncClient) -> None:
    encounter = {**SUBJECT, "id": "patched"}
    assert (await trial.put("/r5/Encounter/patched", json=encounter)).status_code == 201
    patch = [{"op": "replace", "path": "/priority/coding/0/code", "value": "unscheduled"}]
    answer = await trial.patch(
        "/r5/Encounter/patched", json=patch, headers={"Content-Type": "application/json-patch+json"}
    )
    assert (answer.status_code, issues(answer)) == (422, [("error", "code-invalid", "Encounter.priority")])


async def test_claims_of_the_specifications_own_types_are_compared_with_the_type(client: httpx.AsyncClient) -> None:
    own = "http://hl7.org/fhir/StructureDefinition/"
    for claimed in (f"{own}Patient", f"{own}DomainResource", f"{own}Patient|5.0.0"):
        resource = {"resourceType": "Patient", "meta": {"profile": [claimed]}}
        answer = await client.post("/r5/Patient", json=resource, headers=OUTCOME)
        assert (answer.status_code, len(issues(answer))) == (201, 1), claimed
    answer = await client.post("/r5/Patient", json={"resourceType": "Patient", "meta": {"profile": [f"{own}Group"]}})
    assert (answer.status_code, issues(answer)) == (422, [("error", "value", "Patient.meta.profile[0]")])


async def test_the_version_that_a_claim_names_is_the_one_that_counts(client: httpx.AsyncClient) -> None:
    old = profile("dated", "Patient", {"path": "Patient.birthDate", "min": 1}, id="old", version="1.9.0")
    new = profile("dated", "Patient", {"path": "Patient.gender", "min": 1}, id="new", version="1.10.0")
    await store(client, old, new)
    for version, place in (("", "gender"), ("|1.9.0", "birthDate"), ("|1.10.0", "gender")):
        answer = await client.post("/r5/Patient", json=patient(f"dated{version}"))
        assert issues(answer) == [("error", "required", f"Patient.{place}")], version
    answer = await client.post("/r5/Patient", json=patient("dated|3"), headers=OUTCOME)
    assert (answer.status_code, issues(answer)[0][0]) == (201, "information")


async def test_what_is_contained_or_bundled_is_held_to_its_own_claims(trial: httpx.AsyncClient) -> None:
    clinic = {"resourceType": "Organization", "id": "o", "meta": {"profile": [BASE + "clinic"]}, "name": "x"}
    reference = {"managingOrganization": {"reference": "#o"}}
    held = {"resourceType": "Patient", "contained": [{**clinic, "active": False}], **reference}
    assert issues(await trial.post("/r5/Patient", json=held)) == [("error", "value", "Patient.contained[0].active")]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:x:1", "resource": clinic}]}
    bundle["entry"].append({"fullUrl": "urn:x:2", "resource": held})
    places = [place for _, _, place in issues(await trial.post("/r5/Bundle", json=bundle))]
    assert places == ["Bundle.entry[1].resource.contained[0].active"]


async def test_a_profile_without_a_snapshot_is_reported(client: httpx.AsyncClient) -> None:
    bare = profile("bare", "Patient", differential={"element": [{"id": "Patient", "path": "Patient"}]})
    del bare["snapshot"]
    await store(client, bare)
    answer = await client.post("/r5/Patient", json=patient("bare"), headers=OUTCOME)
    assert (answer.status_code, issues(answer)) == (201, [("information", "informational", "Patient")])
    answer = await client.post(f"/r5/Patient/$validate?profile={BASE}bare", json={"resourceType": "Patient"})
    assert (answer.status_code, issues(answer)) == (422, [("error", "not-supported", "profile")])


async def test_profiles_that_refer_to_each_other_in_circles_end(client: httpx.AsyncClient) -> None:
    for name, other in (("left", "right"), ("right", "left")):
        target = {"code": "Reference", "targetProfile": [BASE + other]}
        await store(
            client,
            profile(
                name,
                "Observation",
                {"path": "Observation.hasMember", "min": 1, "type": [target]},
                {"path": "Observation.extension", "type": [{"code": "Extension", "profile": [BASE + "chain"]}]},
            ),
        )
    again = {"path": "Extension.extension", "type": [{"code": "Extension", "profile": [BASE + "chain"]}]}
    await store(client, profile("chain", "Extension", again, {"path": "Extension.url", "patternUri": "urn:x:chain"}))
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    inner = observation | {"id": "i", "hasMember": [{"reference": "#i"}, {"reference": "#"}]}
    nested: Json = {"url": "urn:x:chain", "valueBoolean": True}
    for _ in range(20):
        nested = {"url": "urn:x:chain", "extension": [nested, {"url": "urn:x:chain", "valueBoolean": True}]}
    whole = observation | {
        "meta": {"profile": [BASE + "left"]},
        "contained": [inner],
        "extension": [nested],
        "hasMember": [{"reference": "#i"}],
    }
    assert (await client.post("/r5/Observation", json=whole)).status_code == 201
    inner["hasMember"].clear()
    del inner["hasMember"]
    answer = await client.post("/r5/Observation", json=whole)
    assert (answer.status_code, issues(answer)) == (422, [("error", "value", "Observation.hasMember[0].reference")])


async def test_the_setting_structure_leaves_profiles_out(serve: Serve) -> None:
    async with serve(validation="structure") as client:
        await store(client, profile("dated", "Patient", {"path": "Patient.birthDate", "min": 1}))
        answer = await client.post("/r5/Patient", json=patient("dated"), headers=OUTCOME)
        assert (answer.status_code, issues(answer)) == (201, [("information", "informational", "")])


async def test_definitions_and_claims_that_race_are_all_answered(client: httpx.AsyncClient) -> None:
    definition = profile("dated", "Patient", {"path": "Patient.birthDate", "min": 1})
    writes = [
        client.put("/r5/StructureDefinition/dated", json=definition | {"title": str(number)})
        if number % 5 == 0
        else client.post("/r5/Patient", json=patient("dated"))
        for number in range(40)
    ]
    found = {answer.status_code for answer in await asyncio.gather(*writes)}
    assert found <= {200, 201, 422}
    assert (await client.post("/r5/Patient", json=patient("dated"))).status_code == 422


# --- $validate ------------------------------------------------------------------------------------------------------


async def validated(client: httpx.AsyncClient, place: str, body: Json | None = None) -> httpx.Response:
    answer = await client.post(f"/r5/{place}", json=body) if body is not None else await client.get(f"/r5/{place}")
    assert answer.status_code == 200, answer.text
    return answer


def wrapped(**parameters: Any) -> Json:
    rows = [
        {"name": name, "resource" if name == "resource" else "valueCode" if name == "mode" else "valueUri": value}
        for name, value in parameters.items()
    ]
    return {"resourceType": "Parameters", "parameter": rows}


@pytest.mark.parametrize("place", ["$validate", "Patient/$validate", "Patient/none/$validate"])
async def test_a_resource_is_validated_at_each_level(trial: httpx.AsyncClient, place: str, patient: Json) -> None:
    for body in (patient, wrapped(resource=patient)):
        found = issues(await validated(trial, place, body))
        assert found[0] == ("information", "informational", "")
        assert all(severity != "error" for severity, _, _ in found)
    found = issues(await validated(trial, place, patient | {"gender": "x", "birthDate": "1980-13-01"}))
    assert {("error", "code-invalid", "Patient.gender"), ("error", "value", "Patient.birthDate")} <= set(found)
    assert ("information", "informational", "") not in found


async def test_advice_of_invariants_is_a_warning(trial: httpx.AsyncClient) -> None:
    found = issues(await validated(trial, "Patient/$validate", {"resourceType": "Patient", "active": True}))
    assert ("warning", "invariant", "Patient") in found


@pytest.mark.parametrize("body", [{"resourceType": "Patiant"}, {"resourceType": "Patient", "foo": 1}])
async def test_what_is_no_resource_is_an_error_in_the_answer(trial: httpx.AsyncClient, body: Json) -> None:
    assert ("error", "structure") in [(s, c) for s, c, _ in issues(await validated(trial, "Patient/$validate", body))]


async def test_a_resource_without_a_type_in_the_parameters_is_an_error_in_the_answer(trial: httpx.AsyncClient) -> None:
    found = issues(await validated(trial, "Patient/$validate", wrapped(resource={"id": "x"})))
    assert found == [("error", "structure", "Resource.resourceType")]


async def test_a_resource_of_another_type_than_the_url_is_an_error(trial: httpx.AsyncClient) -> None:
    body = {"resourceType": "Basic", "code": {"text": "x"}}
    assert ("error", "invalid", "resourceType") in issues(await validated(trial, "Patient/$validate", body))


async def test_claims_and_a_nominated_profile_are_both_judged(trial: httpx.AsyncClient) -> None:
    body = altered({"base": "encounter", "set": {"priority.coding.0.code": "unscheduled"}})
    found = issues(await validated(trial, "Encounter/$validate", body))
    assert ("error", "code-invalid", "Encounter.priority") in found
    bare = {name: value for name, value in body.items() if name != "meta"}
    assert not any(
        severity == "error" for severity, _, _ in issues(await validated(trial, "Encounter/$validate", bare))
    )
    for request in (
        f"Encounter/$validate?profile={BASE}coded",
        f"Encounter/$validate?mode=profile&profile={BASE}coded",
    ):
        assert ("error", "code-invalid", "Encounter.priority") in issues(await validated(trial, request, bare))
    found = issues(await validated(trial, "Encounter/$validate", wrapped(resource=bare, profile=f"{BASE}coded")))
    assert ("error", "code-invalid", "Encounter.priority") in found


async def test_what_of_a_profile_is_not_checked_is_said_of_elements_that_are_there(trial: httpx.AsyncClient) -> None:
    place = f"Encounter/$validate?profile={BASE}coded"
    found = issues(await validated(trial, place, SUBJECT))
    assert ("information", "informational", "Encounter.dietPreference") not in found
    diet = {"dietPreference": [{"coding": [{"system": "http://example.org/x", "code": "1"}]}]}
    found = issues(await validated(trial, place, SUBJECT | diet))
    assert ("information", "informational", "Encounter.dietPreference") in found
    outside = altered({"base": "encounter", "set": {"serviceType.0.concept.coding.0.code": "C"}})
    assert ("warning", "code-invalid", "Encounter.serviceType[0]") in issues(await validated(trial, place, outside))


async def test_a_stored_resource_is_validated_where_it_is(trial: httpx.AsyncClient, patient: Json) -> None:
    await trial.put("/r5/Patient/stored", json=patient | {"id": "stored"})
    for method in ("get", "post"):
        answer = await getattr(trial, method)("/r5/Patient/stored/$validate")
        assert (answer.status_code, issues(answer)[0]) == (200, ("information", "informational", ""))
    answer = await trial.get(f"/r5/Patient/stored/$validate?mode=profile&profile={BASE}names")
    assert ("error", "required", "Patient.name") in issues(answer)
    for id_, status in (("never", 404), ("gone", 410)):
        if status == 410:
            await trial.put(f"/r5/Patient/{id_}", json=patient | {"id": id_})
            await trial.delete(f"/r5/Patient/{id_}")
        assert (await trial.get(f"/r5/Patient/{id_}/$validate")).status_code == status


async def test_create_and_update_are_tried_and_not_kept(trial: httpx.AsyncClient, patient: Json) -> None:
    count = (await trial.get("/r5/Patient?_summary=count")).json()["total"]
    for place, body in (
        ("Patient/$validate?mode=create", patient),
        ("Patient/tried/$validate?mode=update", patient | {"id": "tried"}),
    ):
        assert issues(await validated(trial, place, body))[0] == ("information", "informational", "")
    assert (await trial.get("/r5/Patient?_summary=count")).json()["total"] == count
    found = issues(await validated(trial, "Patient/tried/$validate?mode=update", patient))
    assert ("error", "invalid", "Patient.id") in found


async def test_the_rules_of_enrolment_are_asked_before_a_create(trial: httpx.AsyncClient) -> None:
    subject = TABLE["resources"]["subject"]
    found = (await validated(trial, "ResearchSubject/$validate?mode=create", subject)).json()["issue"]
    assert [(issue["code"], issue["details"]["text"]) for issue in found if issue["severity"] == "error"]
    assert (await trial.get("/r5/ResearchSubject?_summary=count")).json()["total"] == 0


async def test_delete_asks_what_refers_to_the_resource(serve: Serve, patient: Json) -> None:
    async with serve(referential_integrity="all") as client:
        await client.put("/r5/Patient/a", json=patient | {"id": "a"})
        assert issues(await validated(client, "Patient/a/$validate?mode=delete")) == [
            ("information", "informational", "")
        ]
        account = {"resourceType": "Account", "status": "active", "subject": [{"reference": "Patient/a"}]}
        await client.post("/r5/Account", json=account)
        found = issues(await validated(client, "Patient/a/$validate?mode=delete"))
        assert [severity for severity, _, _ in found] == ["error"]
        assert (await client.get("/r5/Patient/a")).status_code == 200


REFUSED = {
    "no resource": ("Patient/$validate", None, 400, "required", "resource"),
    "update without an id": ("Patient/$validate?mode=update", {"resourceType": "Patient"}, 400, "invalid", "mode"),
    "delete without an id": ("Patient/$validate?mode=delete", None, 400, "invalid", "mode"),
    "profile without a profile": ("Patient/$validate?mode=profile", None, 400, "required", "profile"),
    "an unknown mode": ("Patient/$validate?mode=x", {"resourceType": "Patient"}, 400, "code-invalid", "mode"),
    "an unknown profile": (
        "Patient/$validate?profile=urn:x:y",
        {"resourceType": "Patient"},
        404,
        "not-found",
        "profile",
    ),
    "an unknown parameter": ("Patient/$validate?x=y", {"resourceType": "Patient"}, 400, "invalid", "x"),
    "an unknown type": ("Patiant/$validate", {"resourceType": "Patient"}, 404, "not-supported", ""),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_validated_is_refused(trial: httpx.AsyncClient, name: str) -> None:
    place, body, status, code, expression = REFUSED[name]
    answer = await trial.post(f"/r5/{place}", json=body) if body else await trial.post(f"/r5/{place}")
    assert (answer.status_code, issues(answer)) == (status, [("error", code, expression)])
