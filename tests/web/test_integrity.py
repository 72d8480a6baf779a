"""Referential integrity: https://hl7.org/fhir/R5/http.html#delete and the setting referential_integrity."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.web.conftest import Serve
from tests.web.test_bundles import bundle, entry, observation, patient

Json = dict[str, Any]
STUDY = {"resourceType": "ResearchStudy", "id": "s", "status": "active", "title": "A study"}
CONSENT = {"resourceType": "Consent", "id": "c", "status": "active"}
CANDIDATE = {"type": {"text": "x"}, "subjectState": {"coding": [{"code": "candidate", "system": "urn:x"}]}}


def subject(**more: Any) -> Json:
    return {
        "resourceType": "ResearchSubject", "id": "rs", "status": "active", "study": {"reference": "ResearchStudy/s"},
        "subject": {"reference": "Patient/p"}, "consent": [{"reference": "Consent/c"}], **more,
    }  # fmt: skip


async def prepare(client: httpx.AsyncClient) -> None:
    for resource in (STUDY, patient(id="p"), CONSENT, subject()):
        answer = await client.put(f"/r5/{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.is_success, answer.text


@pytest.mark.parametrize("name", ["ResearchStudy/s", "Patient/p", "Consent/c"])
async def test_what_an_enrolment_refers_to_is_not_deleted(client: httpx.AsyncClient, name: str) -> None:
    await prepare(client)
    type_, _, id_ = name.partition("/")
    for answer in (
        await client.delete(f"/r5/{name}"),
        await client.delete(f"/r5/{type_}?_id={id_}"),
        await client.post("/r5", json=bundle("transaction", entry("DELETE", name))),
    ):
        assert answer.status_code == 409, answer.text
        said = answer.json()["issue"][0]
        assert said["details"]["text"] == "referred-to"
        assert "ResearchSubject/rs" in said["diagnostics"]
    assert (await client.get(f"/r5/{name}")).status_code == 200


async def test_what_refers_is_deleted_first_or_in_the_same_transaction(client: httpx.AsyncClient) -> None:
    await prepare(client)
    gone = await client.post(
        "/r5",
        json=bundle(
            "transaction",
            entry("DELETE", "Consent/c"),
            entry("PUT", "ResearchSubject/rs", subject(consent=[{"display": "on paper"}])),
        ),
    )
    assert gone.status_code == 200, gone.text
    assert (await client.delete("/r5/ResearchSubject/rs")).status_code == 204
    assert (await client.delete("/r5/Patient/p")).status_code == 204
    assert (await client.delete("/r5/ResearchStudy/s")).status_code == 204


async def test_an_enrolment_under_a_consent_that_is_not_there_is_refused(client: httpx.AsyncClient) -> None:
    await client.put("/r5/ResearchStudy/s", json=STUDY)
    await client.put("/r5/Patient/p", json=patient(id="p"))
    dangling = await client.put("/r5/ResearchSubject/rs", json=subject())
    assert dangling.status_code == 422, dangling.text
    assert dangling.json()["issue"][0]["details"]["text"] == "dangling-reference"
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subject", "valueReference": {"reference": "Patient/p"}},
            {"name": "consent", "valueReference": {"reference": "Consent/none"}},
        ],
    }
    assert (await client.post("/r5/ResearchStudy/s/$enroll", json=parameters)).status_code == 422
    assert (await client.get("/r5/ResearchSubject?_summary=count")).json()["total"] == 0


async def test_references_elsewhere_may_lead_nowhere(client: httpx.AsyncClient) -> None:
    assert (await client.post("/r5/Observation", json=observation("Patient/p"))).status_code == 201
    await client.put("/r5/Patient/p", json=patient(id="p"))
    assert (await client.delete("/r5/Patient/p")).status_code == 204


async def test_with_the_setting_all_references_lead_somewhere(serve: Serve) -> None:
    seen: Json = {**observation("Patient/p"), "id": "o"}
    del seen["derivedFrom"]
    async with serve(referential_integrity="all") as client:
        dangling = await client.put("/r5/Observation/o", json=seen)
        assert dangling.status_code == 422, dangling.text
        assert "'Patient/p'" in dangling.json()["issue"][0]["diagnostics"]
        both = bundle("transaction", entry("PUT", "Observation/o", seen), entry("PUT", "Patient/p", patient(id="p")))
        assert (await client.post("/r5", json=both)).status_code == 200
        deleted = await client.delete("/r5/Patient/p")
        assert deleted.status_code == 409
        assert "Observation/o" in deleted.json()["issue"][0]["diagnostics"]
        cohort = {"resourceType": "Group", "type": "person", "membership": "enumerated", "id": "g",
                  "member": [{"entity": {"reference": "Patient/q"}}]}  # fmt: skip
        assert (await client.put("/r5/Group/g", json=cohort)).status_code == 422
        await client.put("/r5/Patient/q", json=patient(id="q"))
        assert (await client.put("/r5/Group/g", json=cohort)).status_code == 201
        member = await client.delete("/r5/Patient/q")
        assert member.status_code == 409
        assert "Group/g" in member.json()["issue"][0]["diagnostics"]
        away = seen | {"subject": {"reference": f"{client.base_url}/r5/Patient/none"}}
        assert (await client.put("/r5/Observation/o", json=away)).status_code == 422, "this server's own address"
        other = seen | {"subject": {"reference": "https://elsewhere.example/fhir/Patient/none"}}
        assert (await client.put("/r5/Observation/o", json=other)).status_code == 200
    async with serve(referential_integrity="none") as client:
        await prepare(client)
        assert (await client.delete("/r5/Patient/p")).status_code == 204


async def test_a_deletion_and_an_enrolment_that_race_leave_no_enrolment_without_its_patient(
    client: httpx.AsyncClient,
) -> None:
    await client.put("/r5/ResearchStudy/s", json=STUDY)

    async def race(number: int) -> None:
        who = f"Patient/p{number}"
        await client.put(f"/r5/{who}", json=patient(id=f"p{number}"))
        asked = {
            "resourceType": "Parameters",
            "parameter": [{"name": "subject", "valueReference": {"reference": who}}],
        }
        enrolled, deleted = await asyncio.gather(
            client.post("/r5/ResearchStudy/s/$enroll", json=asked), client.delete(f"/r5/{who}")
        )
        assert {enrolled.status_code, deleted.status_code} in ({201, 409}, {422, 204}), (enrolled.text, deleted.text)
        left = (await client.get(f"/r5/{who}")).status_code
        subjects = (await client.get(f"/r5/ResearchSubject?subject={who}&_summary=count")).json()["total"]
        assert (left, subjects) in ((200, 1), (410, 0))

    await asyncio.gather(*(race(number) for number in range(30)))
