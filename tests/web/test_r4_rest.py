"""What a client of R4 meets beyond reads and writes: negotiation, patches, errors, terminology, parameters of its own.

https://hl7.org/fhir/R4/http.html, https://hl7.org/fhir/R4/versioning.html#mt-version
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhirserver.resources.registry import RELEASES, Release
from fhirserver.resources.validation import validate
from tests.web.conftest import Json
from tests.web.test_bundles import bundle, entry

STRICT = {"Prefer": "handling=strict"}
RECORD = Path(__file__).parents[2] / "seed" / "trials" / "NCT02083731.json"
STUDY = {
    "resourceType": "ResearchStudy", "id": "s", "status": "active", "title": "T", "category": [{"text": "c"}],
    "sponsor": {"reference": "Organization/o"}, "principalInvestigator": {"reference": "Practitioner/d"},
}  # fmt: skip
JSON_PATCH = {"Content-Type": "application/json-patch+json"}


async def put(client: httpx.AsyncClient, resource: Json, base: str = "r4") -> Json:
    answer = await client.put(f"/{base}/{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text
    found: Json = answer.json()
    return found


def said(answer: httpx.Response) -> str:
    return str(answer.json()["issue"][0]["diagnostics"])


# --- which release ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "accept", "release"),
    [
        ("/fhir/ResearchStudy/s", "application/fhir+json", None),
        ("/fhir/ResearchStudy/s", "application/fhir+json; fhirVersion=4.0", "4.0"),
        ("/fhir/ResearchStudy/s", "application/fhir+json; fhirVersion=4.0.1", "4.0"),
        ("/fhir/ResearchStudy/s", 'application/fhir+json; fhirVersion="4.0"', "4.0"),
        ("/fhir/ResearchStudy/s", "application/fhir+json; fhirVersion=5.0", "5.0"),
        ("/fhir/ResearchStudy/s", "application/json;fhirVersion=5.0;q=0.1, application/json;fhirVersion=4.0", "4.0"),
        ("/fhir/ResearchStudy/s?_format=application/fhir%2Bjson;fhirVersion=4.0", "*/*", "4.0"),
        ("/fhir/ResearchStudy/s?_format=application/json;fhirVersion=4.0", "application/json;fhirVersion=5.0", "4.0"),
        ("/r4/ResearchStudy/s", "application/fhir+json; fhirVersion=4.0", "4.0"),
        ("/r5/ResearchStudy/s", "application/fhir+json; fhirVersion=5.0", "5.0"),
    ],
)  # fmt: skip
async def test_the_release_is_the_one_that_is_asked_for(
    shared: httpx.AsyncClient, path: str, accept: str, release: str | None
) -> None:
    await put(shared, STUDY)
    answer = await shared.get(path, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    said = answer.headers["content-type"].partition("fhirVersion=")[2] or None
    assert said == release
    assert ("sponsor" in answer.json()) is (release == "4.0")


async def test_a_release_that_does_not_fit_is_refused(shared: httpx.AsyncClient) -> None:
    await put(shared, STUDY)
    for path, version in (("r4", "5.0"), ("r5", "4.0"), ("fhir", "3.0"), ("fhir", "4.3")):
        media = f"application/fhir+json; fhirVersion={version}"
        assert (await shared.get(f"/{path}/ResearchStudy/s", headers={"Accept": media})).status_code == 406
        sent = await shared.put(f"/{path}/ResearchStudy/s", json=STUDY, headers={"Content-Type": media})
        assert sent.status_code == 415
    media = "application/fhir+json; fhirVersion="
    both = {"Content-Type": f"{media}4.0", "Accept": f"{media}5.0"}
    refused = await shared.put("/fhir/ResearchStudy/s", json=STUDY, headers=both)
    assert (refused.status_code, said(refused)) == (
        406, "This address speaks FHIR 4.0.1, not 5.0: leave it out of Accept.",
    )  # fmt: skip


async def test_a_body_of_r4_is_taken_on_the_common_base(client: httpx.AsyncClient) -> None:
    sent = {"Content-Type": "application/fhir+json; fhirVersion=4.0"}
    made = await client.put("/fhir/ResearchStudy/s", json=STUDY, headers=sent)
    assert (made.status_code, made.json()["sponsor"]) == (201, {"reference": "Organization/o"})
    assert made.headers["location"].startswith("http://test/fhir/ResearchStudy/s/")
    assert (await client.put("/fhir/ResearchStudy/s", json=STUDY)).status_code in (400, 422)
    encounter = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}}
    assert (await client.put("/fhir/Encounter/e", json=encounter, headers=sent)).status_code == 201
    asked = {"Accept": "application/fhir+json; fhirVersion=4.0"}
    assert (await client.get("/fhir/Encounter/e", headers=asked)).json()["class"] == {"code": "AMB"}
    assert (await client.get("/fhir/Encounter/e")).status_code == 404


# --- writes -----------------------------------------------------------------------------------------------------------


async def test_patches_name_the_elements_of_r4(client: httpx.AsyncClient) -> None:
    await put(client, STUDY)
    patch: list[Json] = [
        {"op": "test", "path": "/sponsor/reference", "value": "Organization/o"},
        {"op": "replace", "path": "/status", "value": "completed"},
        {"op": "add", "path": "/reasonStopped", "value": {"text": "done"}},
    ]
    answer = await client.patch("/r4/ResearchStudy/s", json=patch, headers=JSON_PATCH)
    assert answer.status_code == 200, answer.text
    assert (await client.get("/r5/ResearchStudy/s")).json()["whyStopped"] == {"text": "done"}
    parts: list[Json] = [
        {"name": "type", "valueCode": "replace"}, {"name": "value", "valueString": "Practitioner/e"},
        {"name": "path", "valueString": "ResearchStudy.principalInvestigator.reference"},
    ]  # fmt: skip
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    answer = await client.patch("/r4/ResearchStudy?title=T", json=parameters)
    assert answer.json()["principalInvestigator"] == {"reference": "Practitioner/e"}
    parts[2]["valueString"] = "ResearchStudy.associatedParty"
    assert (await client.patch("/r4/ResearchStudy/s", json=parameters)).status_code == 422
    inside = bundle("transaction", entry("PATCH", "ResearchStudy/s", {
        "resourceType": "Binary", "contentType": "application/json-patch+json",
        "data": "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL3JlYXNvblN0b3BwZWQifV0=",
    }))  # fmt: skip
    answer = await client.post("/r4", json=inside)
    assert answer.status_code == 200, answer.text
    assert "reasonStopped" not in (await client.get("/r4/ResearchStudy/s")).json()
    versions = (await client.get("/r4/ResearchStudy/s/_history")).json()["entry"]
    assert [each["resource"]["status"] for each in versions] == ["completed"] * 3 + ["active"]
    assert (await client.get("/r4/ResearchStudy/s/_history/1")).json() == versions[-1]["resource"]


async def test_conditions_are_written_in_names_of_r4(client: httpx.AsyncClient) -> None:
    body = {name: value for name, value in STUDY.items() if name != "id"}
    condition = "principalinvestigator=Practitioner/d&status=active"
    assert (await client.put(f"/r4/ResearchStudy?{condition}", json=body)).status_code == 201
    again = await client.post("/r4/ResearchStudy", json=body, headers={"If-None-Exist": condition})
    assert again.status_code == 200
    subject = {
        "resourceType": "ResearchSubject", "status": "candidate", "individual": {"reference": "Patient?active=true"},
        "study": {"reference": f"ResearchStudy?{condition}"},
    }  # fmt: skip
    patient = {"resourceType": "Patient", "active": True}
    sent = bundle("transaction", entry("POST", "ResearchSubject", subject), entry("POST", "Patient", patient))
    answer = await client.post("/r4", json=sent)
    assert answer.status_code == 200, answer.text
    enrolled = (await client.get("/r4/ResearchSubject")).json()["entry"][0]["resource"]
    assert enrolled["individual"]["reference"].startswith("Patient/")
    assert (await client.delete(f"/r4/ResearchSubject?individual={enrolled['individual']['reference']}")).is_success


@pytest.mark.parametrize(
    ("resource", "where"),
    [
        ({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "triggeredBy": []}, "triggeredBy"),
        ({"resourceType": "EvidenceVariable", "status": "draft", "characteristic": []}, "characteristic"),
        ({"resourceType": "Medication", "definition": {"display": "x"}}, "definition"),
        ({"resourceType": "ResearchStudy", "status": "active", "progressStatus": []}, "progressStatus"),
        ({"resourceType": "ActivityDefinition", "status": "draft", "subjectCanonical": "http://x"}, "subjectCanonical"),
        ({"resourceType": "DeviceDefinition", "productRelatedContact": []}, "productRelatedContact"),
        ({"resourceType": "Patient", "gender": "f"}, "gender"),
        ({"resourceType": "Encounter", "status": "completed", "class": {"code": "AMB"}}, "status"),
    ],
)  # fmt: skip
async def test_what_only_later_releases_have_is_refused(shared: httpx.AsyncClient, resource: Json, where: str) -> None:
    type_ = resource["resourceType"]
    made = await shared.post(f"/r4/{type_}", json=resource)
    assert made.status_code in (400, 422), made.text
    assert made.json()["issue"][0]["expression"][0].startswith(f"{type_}.{where}")
    judged = (await shared.post(f"/r4/{type_}/$validate", json=resource)).json()
    assert judged["issue"][0]["severity"] == "error"


async def test_types_of_r4b_and_r5_are_not_there(shared: httpx.AsyncClient) -> None:
    for type_ in (
        "Citation",
        "EvidenceReport",
        "SubscriptionTopic",
        "ClinicalUseDefinition",
        "Ingredient",
        "Transport",
    ):
        answer = await shared.get(f"/r4/{type_}")
        assert (answer.status_code, "FHIR 4.0.1" in said(answer)) == (404, True), type_
    assert (await shared.get("/r5/MedicinalProduct")).status_code == 404
    assert (await shared.get("/r4/MedicinalProduct")).status_code == 200


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("ResearchSubject?subject=Patient/1", "ResearchSubject has no search parameter 'subject'"),
        ("ResearchSubject?individual:foo=Patient/1", "':foo' is no modifier of 'individual'"),
        ("ResearchSubject?individual:Encounter=1", "'individual' never refers to a Encounter"),
        ("ResearchSubject?status:foo=x", "':foo' is no modifier of 'status'"),
        ("ResearchSubject?_sort=subject", "ResearchSubject has no search parameter 'subject' to sort by"),
        ("ResearchSubject?_include=ResearchSubject:subject", "ResearchSubject has no search parameter 'subject'"),
        ("ResearchSubject?_include=ResearchSubject:status", "'status' of ResearchSubject is no reference"),
        ("ResearchStudy?_filter=status co active", "does not go with 'status', a parameter of kind token"),
        ("Patient?_has:ResearchSubject:subject:status=x", "ResearchSubject has no search parameter 'subject'"),
        ("Patient?_has:ResearchSubject:individual:foo=x", "ResearchSubject has no search parameter 'foo'"),
        ("Practitioner?family:foo=x", "':foo' is no modifier of 'family'"),
        ("PractitionerRole?date=xx", "'xx' is no prefix"),
        ("Patient?individual=x", "Patient has no search parameter 'individual'"),
    ],
)
async def test_errors_speak_of_the_names_that_were_asked(shared: httpx.AsyncClient, query: str, sentence: str) -> None:
    answer = await shared.get(f"/r4/{query}", headers=STRICT)
    assert answer.status_code == 400
    assert sentence in said(answer)
    assert "R4-" not in answer.text


# --- operations -------------------------------------------------------------------------------------------------------


async def test_terminology_answers_in_r4(shared: httpx.AsyncClient) -> None:
    system = {
        "resourceType": "CodeSystem", "id": "cs", "url": "http://x/cs", "status": "active", "content": "complete",
        "concept": [{"code": "a", "display": "Alpha"}, {"code": "b", "display": "Beta"}],
    }  # fmt: skip
    valueset = {
        "resourceType": "ValueSet", "id": "vs", "url": "http://x/vs", "status": "active",
        "compose": {"include": [{"system": "http://x/cs"}]},
    }  # fmt: skip
    await put(shared, system)
    await put(shared, valueset)
    newer = valueset | {"id": "new", "url": "http://x/new", "scope": {"inclusionCriteria": "all"}}
    await put(shared, newer, "r5")
    sent = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": valueset}]}
    for answer in (
        await shared.get("/r4/ValueSet/vs/$expand?includeDefinition=true"),
        await shared.get("/r4/ValueSet/new/$expand?includeDefinition=true"),
        await shared.get("/r4/ValueSet/$expand?url=http://x/vs"),
        await shared.post("/r4/ValueSet/$expand", json=sent),
    ):
        assert answer.status_code == 200, answer.text
        made = answer.json()
        assert [each["code"] for each in made["expansion"]["contains"]] == ["a", "b"]
        assert validate("R4", made) == []
    for path, name, value in (
        ("CodeSystem/$lookup?system=http://x/cs&code=b", "display", "Beta"),
        ("CodeSystem/$validate-code?url=http://x/cs&code=b", "result", True),
        ("ValueSet/$validate-code?url=http://x/vs&system=http://x/cs&code=c", "result", False),
    ):
        answer = await shared.get(f"/r4/{path}")
        assert validate("R4", answer.json()) == []
        values = {each["name"]: each for each in answer.json()["parameter"]}
        assert value in values[name].values(), answer.text
    await put(
        shared,
        {"resourceType": "Patient", "id": "t", "maritalStatus": {"coding": [{"system": "http://x/cs", "code": "b"}]}},
    )
    condition = {
        "resourceType": "Procedure", "id": "t", "status": "completed", "subject": {"reference": "Patient/t"},
        "code": {"coding": [{"system": "http://x/cs", "code": "b"}]},
    }  # fmt: skip
    await put(shared, condition)
    found = await shared.get("/r4/Procedure?code:in=http://x/vs", headers=STRICT)
    assert [each["resource"]["id"] for each in found.json()["entry"]] == ["t"]


async def test_everything_of_a_patient_and_of_a_study(client: httpx.AsyncClient) -> None:
    await put(client, {"resourceType": "Patient", "id": "p"})
    await put(client, {"resourceType": "Practitioner", "id": "d"})
    await put(client, STUDY)
    encounter = {
        "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p"}, "participant": [{"individual": {"reference": "Practitioner/d"}}],
    }  # fmt: skip
    await put(client, encounter)
    await put(
        client,
        {"resourceType": "Encounter", "id": "e5", "status": "completed", "subject": {"reference": "Patient/p"}},
        "r5",
    )
    await put(client, {"resourceType": "ResearchSubject", "id": "rs", "status": "candidate",
        "study": {"reference": "ResearchStudy/s"}, "individual": {"reference": "Patient/p"}})  # fmt: skip
    for path, matches in (
        ("Patient/p/$everything", {"Patient/p", "Encounter/e", "ResearchSubject/rs"}),
        ("Patient/$everything", {"Patient/p", "Encounter/e", "ResearchSubject/rs"}),
        ("ResearchStudy/s/$everything", {"ResearchStudy/s", "ResearchSubject/rs"}),
    ):
        made = (await client.get(f"/r4/{path}")).json()
        found = {f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in made["entry"]
                 if each["search"]["mode"] == "match"}  # fmt: skip
        assert matches <= found, path
        assert "Encounter/e5" not in found
        for each in made["entry"]:
            assert validate("R4", each["resource"]) == [], each


async def test_a_study_that_is_imported_is_served_as_r4(client: httpx.AsyncClient) -> None:
    trial_record = RECORD.read_bytes()
    answer = await client.post("/r4/ResearchStudy/$import-record", content=trial_record)
    assert answer.status_code == 200, answer.text
    assert validate("R4", answer.json()) == []
    study = (await client.get("/r4/ResearchStudy")).json()["entry"][0]["resource"]
    assert validate("R4", study) == []
    assert "principalInvestigator" in study or "sponsor" in study
    for each in ("protocol", "enrollment"):
        for reference in study[each]:
            assert (await client.get(f"/r4/{reference['reference']}")).status_code == 200
    again = await client.post("/r4/ResearchStudy/$import-record", content=trial_record)
    assert {each["response"]["status"] for each in again.json()["entry"]} == {"200 OK"}


@pytest.mark.parametrize("release", RELEASES)
async def test_a_parameter_that_is_defined_on_one_base_is_searched_by_there(
    client: httpx.AsyncClient, release: Release
) -> None:
    """On a type that both share and on one that each has of its own; the other base does not know it."""
    base, other = (release.lower(), "r5" if release == "R4" else "r4")
    element = "reasonStopped" if release == "R4" else "whyStopped"
    await put(client, STUDY | {"reasonStopped": {"text": "no money"}})
    encounter: dict[Any, Json] = {
        "r4": {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
               "priority": {"text": "high"}},
        "r5": {"resourceType": "Encounter", "id": "e", "status": "completed", "priority": {"text": "high"}},
    }  # fmt: skip
    await put(client, encounter["r4"])
    await put(client, encounter["r5"], "r5")
    for code, type_, path in (("stopped", "ResearchStudy", element), ("urgency", "Encounter", "priority")):
        definition = {
            "resourceType": "SearchParameter", "id": code, "url": f"http://example.org/{code}", "name": "Ours",
            "status": "active", "description": "x", "code": code, "base": [type_], "type": "token",
            "expression": f"{type_}.{path}",
        } | ({"processingMode": "normal"} if release == "R5" else {})  # fmt: skip
        await put(client, definition, base)
        query = f"{type_}?{code}:text={'no money' if code == 'stopped' else 'high'}"
        for _ in range(100):
            answer = await client.get(f"/{base}/{query}", headers=STRICT)
            if answer.status_code != 503:
                break
            assert "R4-" not in answer.text
            await asyncio.sleep(0.2)
        assert answer.json()["total"] == 1, answer.text
        assert (await client.get(f"/{other}/{query}", headers=STRICT)).status_code == 400
        rows = (await client.get(f"/{base}/metadata")).json()["rest"][0]["resource"]
        claimed = next(row for row in rows if row["type"] == type_)["searchParam"]
        assert code in [each["name"] for each in claimed]
        refused = await client.get(f"/{base}/{type_}?{code}:above=x", headers=STRICT)
        assert "R4-" not in refused.text


async def test_what_a_transaction_read_of_its_own_writes_is_forgotten_when_it_fails(client: httpx.AsyncClient) -> None:
    def patient(family: str) -> Json:
        return {"resourceType": "Patient", "id": "p", "name": [{"family": family}]}

    await put(client, patient("One"))
    ghost = bundle(
        "transaction",
        entry("PUT", "Patient/p", patient("Ghost")),
        entry("GET", "Patient/p"),
        entry("GET", "Patient/no"),
    )
    assert (await client.post("/r4", json=ghost)).status_code == 404
    assert (await put(client, patient("Two"), "r5"))["meta"]["versionId"] == "2"
    for base in ("r4", "r5"):
        assert (await client.get(f"/{base}/Patient/p")).json()["name"] == [{"family": "Two"}]
