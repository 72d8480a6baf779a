"""Referential integrity over both releases: what one of them stores for itself refers to what they share."""

from __future__ import annotations

import httpx
import pytest

from tests.web.conftest import Json, Serve
from tests.web.test_bundles import bundle, entry

PATIENT = {"resourceType": "Patient", "id": "p"}
ENCOUNTER: dict[str, Json] = {
    "r4": {
        "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p"},
    },
    "r5": {"resourceType": "Encounter", "id": "e", "status": "completed", "subject": {"reference": "Patient/p"}},
}  # fmt: skip


async def put(client: httpx.AsyncClient, base: str, resource: Json) -> httpx.Response:
    return await client.put(f"/{base}/{resource['resourceType']}/{resource['id']}", json=resource)


@pytest.mark.parametrize(("written", "deleted"), [("r4", "r5"), ("r5", "r4"), ("r4", "r4"), ("r4", "fhir")])
async def test_a_referrer_of_either_release_keeps_what_they_share(serve: Serve, written: str, deleted: str) -> None:
    async with serve(referential_integrity="all") as client:
        assert (await put(client, "r5", PATIENT)).status_code == 201
        assert (await put(client, written, ENCOUNTER[written])).status_code == 201
        for answer in (
            await client.delete(f"/{deleted}/Patient/p"),
            await client.post(f"/{deleted}", json=bundle("transaction", entry("DELETE", "Patient/p"))),
        ):
            assert answer.status_code == 409, answer.text
            assert "Encounter/e" in answer.json()["issue"][0]["diagnostics"]
        assert (await client.delete(f"/{written}/Encounter/e")).status_code == 204
        assert (await client.delete(f"/{deleted}/Patient/p")).status_code == 204


async def test_a_reference_in_full_by_another_base_counts(serve: Serve) -> None:
    async with serve(referential_integrity="all") as client:
        await put(client, "r5", PATIENT)
        encounter = ENCOUNTER["r4"] | {"subject": {"reference": "http://test/r5/Patient/p"}}
        assert (await put(client, "r4", encounter)).status_code == 201
        assert (await client.delete("/r5/Patient/p")).status_code == 409
        nowhere = ENCOUNTER["r4"] | {"subject": {"reference": "http://test/r5/Patient/nobody"}}
        assert (await put(client, "r4", nowhere)).status_code == 422


async def test_what_the_other_release_stores_for_itself_is_another_resource(serve: Serve) -> None:
    async with serve(referential_integrity="all") as client:
        await put(client, "r5", PATIENT)
        assert (await put(client, "r5", ENCOUNTER["r5"])).status_code == 201
        procedure = {
            "resourceType": "Procedure", "id": "x", "status": "completed", "subject": {"reference": "Patient/p"},
            "encounter": {"reference": "Encounter/e"},
        }  # fmt: skip
        refused = await put(client, "r4", procedure)
        assert refused.status_code == 422
        assert "Encounter/e" in refused.json()["issue"][0]["diagnostics"]
        assert (await put(client, "r4", ENCOUNTER["r4"])).status_code == 201
        assert (await put(client, "r4", procedure)).status_code == 201
        assert (await client.delete("/r4/Encounter/e")).status_code == 409
        assert (await client.delete("/r5/Encounter/e")).status_code == 204


async def test_an_enrolment_keeps_its_subject_on_both(client: httpx.AsyncClient) -> None:
    await put(client, "r5", PATIENT)
    await put(client, "r4", {"resourceType": "ResearchStudy", "id": "s", "status": "active"})
    enrolment = {
        "resourceType": "ResearchSubject", "id": "rs", "status": "candidate", "study": {"reference": "ResearchStudy/s"},
        "individual": {"reference": "http://test/r5/Patient/p"},
    }  # fmt: skip
    answer = await put(client, "r4", enrolment)
    assert answer.status_code == 201, answer.text
    for base in ("r4", "r5"):
        for place in ("Patient/p", "ResearchStudy/s"):
            assert (await client.delete(f"/{base}/{place}")).status_code == 409, (base, place)
