"""A trial record over HTTP: in, found, and in again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
SEED = ROOT / "seed" / "trials" / "NCT02083731.json"
PAGES = ROOT.parent / "shared" / "trials" / "pages"
RECORDS = {"seed": (SEED, "application/json")}
if PAGES.is_dir():
    RECORDS["page"] = (min(PAGES.glob("*.txt")), "text/plain")


async def imported(client: httpx.AsyncClient, name: str) -> Json:
    path, kind = RECORDS[name]
    answer = await client.post(
        "/r5/ResearchStudy/$import-record", content=path.read_bytes(), headers={"Content-Type": kind}
    )
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def one(client: httpx.AsyncClient, query: str) -> Json:
    found = (await client.get(f"/r5/ResearchStudy?{query}")).json()
    assert found["total"] == 1, (query, found)
    resource: Json = found["entry"][0]["resource"]
    return resource


@pytest.mark.parametrize("name", ["seed", "page"])
async def test_a_record_becomes_a_study_that_is_found_as_researchers_ask(client: httpx.AsyncClient, name: str) -> None:
    if name not in RECORDS:
        pytest.skip("the registry page is not at hand (../shared/trials/pages)")
    answer = await imported(client, name)
    assert answer["type"] == "transaction-response"
    assert answer["entry"][-1]["resource"]["resourceType"] == "OperationOutcome"
    for query in (
        "identifier=NCT02083731", "identifier=http://clinicaltrials.gov%7CNCT02083731", "condition:text=CMV",
        "identifier=https://clinicaltrials.gov/%7CNCT02083731", "title:contains=MSC", "phase=phase-2", "status=active",
        "recruitment-target=120",
    ):  # fmt: skip
        study = await one(client, query)
    assert study["recruitment"]["targetNumber"] == 120
    assert [group["type"]["coding"][0]["code"] for group in study["comparisonGroup"]] == ["experimental"]
    assert "1×10^6 cells/kg" in study["comparisonGroup"][0]["description"]

    with_protocol = (
        await client.get("/r5/ResearchStudy?identifier=NCT02083731&_include=ResearchStudy:protocol")
    ).json()
    assert [entry["resource"]["resourceType"] for entry in with_protocol["entry"]] == [
        "ResearchStudy",
        "PlanDefinition",
    ]

    group = (await client.get("/r5/" + study["recruitment"]["eligibility"]["reference"])).json()
    by_code: dict[str, list[Json]] = {}
    for characteristic in group["characteristic"]:
        by_code.setdefault(characteristic["code"]["text"], []).append(characteristic)
    age = by_code["Age"][0]["valueRange"]
    assert (age["low"]["value"], age["high"]["value"], age["low"]["code"]) == (14, 65, "a")
    assert "Sex" not in by_code, "both sexes are eligible"
    assert [c["valueCodeableConcept"]["text"] for c in by_code["Inclusion criterion"]] == [
        "A patient age of 14-65 years",
        "Refractory CMV infection or CMV-associated diseases",
        "Subjects (or their legally acceptable representatives) must have signed an informed consent document "
        "indicating that they understand the purpose of and procedures required for the study and are willing to "
        "participate in the study",
    ]
    assert [(c["valueCodeableConcept"]["text"], c["exclude"]) for c in by_code["Exclusion criterion"]] == [
        ("Any abnormality in a vital sign (e.g., heart rate, respiratory rate, or blood pressure)", True),
        ("Patients with any conditions not suitable for the trial (investigators' decision)", True),
    ]


async def test_the_same_record_again_changes_nothing(client: httpx.AsyncClient) -> None:
    first = await imported(client, "seed")
    second = await imported(client, "seed")
    assert {entry["response"]["status"] for entry in first["entry"][:-1]} == {"201 Created"}
    assert {entry["response"]["status"] for entry in second["entry"][:-1]} == {"200 OK"}
    assert {entry["response"]["etag"] for entry in second["entry"][:-1]} == {'W/"1"'}


async def test_page_and_record_are_one_study(client: httpx.AsyncClient) -> None:
    if "page" not in RECORDS:
        pytest.skip("the registry page is not at hand (../shared/trials/pages)")
    await imported(client, "seed")
    await imported(client, "page")
    study = await one(client, "identifier=NCT02083731")
    assert study["meta"]["versionId"] == "2"
    for kind in ("PlanDefinition", "ActivityDefinition"):
        assert (await client.get(f"/r5/{kind}?_summary=count")).json()["total"] == 1


async def test_a_study_that_is_there_under_another_id_is_the_one_updated(client: httpx.AsyncClient) -> None:
    mine = {
        "resourceType": "ResearchStudy", "status": "draft", "title": "Ours",
        "identifier": [{"system": "http://clinicaltrials.gov", "value": "NCT02083731"}],
    }  # fmt: skip
    made = (await client.post("/r5/ResearchStudy", json=mine)).json()
    await imported(client, "seed")
    study = await one(client, "identifier=NCT02083731")
    assert (study["id"], study["meta"]["versionId"], study["status"]) == (made["id"], "2", "active")


async def test_an_import_after_enrolments_keeps_who_is_enrolled(client: httpx.AsyncClient) -> None:
    await imported(client, "seed")
    await client.put("/r5/Patient/a", json={"resourceType": "Patient", "id": "a"})
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "subject", "valueReference": {"reference": "Patient/a"}}],
    }
    enrolled = await client.post("/r5/ResearchStudy/NCT02083731/$enroll", json=parameters)
    assert enrolled.status_code == 201, enrolled.text
    assert enrolled.json()["resourceType"] == "ResearchSubject"
    assert "unknown" in enrolled.headers["warning"].lower()
    before = await one(client, "identifier=NCT02083731")
    assert before["recruitment"]["actualNumber"] == 1
    again = await imported(client, "seed")
    assert {entry["response"]["status"] for entry in again["entry"][:-1]} == {"200 OK"}
    assert await one(client, "identifier=NCT02083731") == before
    roster = (await client.get("/r5/" + before["recruitment"]["actualGroup"]["reference"])).json()
    assert [member["entity"]["reference"] for member in roster["member"]] == ["Patient/a"]
    assert roster["quantity"] == 1


async def test_a_subject_may_be_named_by_this_servers_own_address(client: httpx.AsyncClient) -> None:
    await imported(client, "seed")
    for id_ in ("a", "b"):
        await client.put(f"/r5/Patient/{id_}", json={"resourceType": "Patient", "id": id_})
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "subject", "valueReference": {"reference": "http://test/r5/Patient/a"}}],
    }
    enrolled = await client.post("/r5/ResearchStudy/NCT02083731/$enroll", json=parameters)
    assert enrolled.json()["subject"] == {"reference": "Patient/a"}
    subject = enrolled.json() | {
        "study": {"reference": "http://test/r5/ResearchStudy/NCT02083731"},
        "subject": {"reference": "http://test/r5/Patient/b"},
    }
    assert (await client.post("/r5/ResearchSubject", json=subject)).status_code == 201
    assert (await client.post("/r5/ResearchSubject", json=subject)).status_code == 409
    assert (await one(client, "identifier=NCT02083731"))["recruitment"]["actualNumber"] == 2


async def test_a_bundle_may_bring_a_study_and_its_subjects(client: httpx.AsyncClient) -> None:
    study, patient = "urn:uuid:00000000-0000-4000-8000-000000000001", "urn:uuid:00000000-0000-4000-8000-000000000002"
    await imported(client, "seed")
    enrolled = {
        "resourceType": "ResearchSubject", "status": "active", "study": {"reference": study},
        "subject": {"reference": patient},
        "progress": [{"subjectState": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/research-subject-state", "code": "candidate"}]}}],
    }  # fmt: skip
    sent = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"request": {"method": "POST", "url": "ResearchSubject"}, "resource": enrolled},
            {"fullUrl": patient, "request": {"method": "POST", "url": "Patient"},
             "resource": {"resourceType": "Patient"}},
            {"fullUrl": study,
             "request": {"method": "POST", "url": "ResearchStudy", "ifNoneExist": "identifier=NCT02083731"},
             "resource": {"resourceType": "ResearchStudy", "status": "active"}},
        ],
    }  # fmt: skip
    answers = await asyncio.gather(*(client.post("/r5/", json=sent) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}, answers[0].text
    found = await one(client, "identifier=NCT02083731")
    assert found["recruitment"]["actualNumber"] == 10
    roster = (await client.get("/r5/" + found["recruitment"]["actualGroup"]["reference"])).json()
    assert (roster["quantity"], len(roster["member"])) == (10, 10)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{}", 400), (b"\x00\xff\x00", 400), (b"<html></html>", 400), (b'{"protocolSection": 7}', 400)],
)
async def test_what_is_no_trial_record_is_refused_with_what_was_expected(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post("/r5/ResearchStudy/$import-record", content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["issue"][0]["diagnostics"]


async def test_two_imports_of_one_record_at_a_time_make_one_study(client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(imported(client, "seed") for _ in range(8)))
    study = await one(client, "identifier=NCT02083731")
    assert study["meta"]["versionId"] == "1"
    assert (await client.get("/r5/Organization?_summary=count")).json()["total"] == 1
