"""A study's registry record, rebuilt from its resources over HTTP."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

CASES = Path(__file__).parents[1] / "cases"
RECORD = json.loads((CASES / "mappers_full_record.json").read_text())
ID = RECORD["protocolSection"]["identificationModule"]["nctId"]
ADDRESS = f"ResearchStudy/{ID}/$export-record"


async def stored(client: httpx.AsyncClient, record: dict[str, Any] = RECORD) -> httpx.Response:
    answer = await client.post("/r5/ResearchStudy/$import-record", content=json.dumps(record))
    assert answer.status_code == 200, answer.text[:2000]
    return answer


@pytest.fixture
async def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    await stored(client)
    return client


@pytest.mark.parametrize("query", ["", "?format=ctgov-v2"])
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
async def test_the_record_comes_back_as_it_was(client: httpx.AsyncClient, query: str, accept: str) -> None:
    answer = await client.get(f"/r5/{ADDRESS}{query}", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == RECORD


async def test_who_asks_for_fhir_gets_a_binary(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get(f"/r5/{ADDRESS}", headers={"Accept": "application/fhir+json"}),
        await client.get(f"/r5/{ADDRESS}?_format=json", headers={"Accept": "*/*"}),
    ):
        binary = answer.json()
        assert (binary["resourceType"], binary["contentType"]) == ("Binary", "application/json")
        assert json.loads(base64.b64decode(binary["data"])) == RECORD


async def test_it_comes_from_the_resources(client: httpx.AsyncClient) -> None:
    study = (await client.get(f"/r5/ResearchStudy/{ID}")).json()
    study["title"] = "Another title"
    study["progressStatus"][0]["state"] = {"coding": [{"system": "urn:x", "code": "completed"}]}
    await client.put(f"/r5/ResearchStudy/{ID}", json=study)
    section = (await client.get(f"/r5/{ADDRESS}", headers={"Accept": "*/*"})).json()["protocolSection"]
    assert section["identificationModule"]["briefTitle"] == "Another title"
    assert section["statusModule"]["overallStatus"] == "COMPLETED"


async def test_who_is_enrolled_is_no_part_of_it(client: httpx.AsyncClient) -> None:
    await client.put("/r5/Patient/p", json={"resourceType": "Patient", "id": "p"})
    parameters = {"resourceType": "Parameters", "parameter": [
        {"name": "subject", "valueReference": {"reference": "Patient/p"}}]}  # fmt: skip
    assert (await client.post(f"/r5/ResearchStudy/{ID}/$enroll", json=parameters)).status_code == 201
    assert (await client.get(f"/r5/{ADDRESS}", headers={"Accept": "*/*"})).json() == RECORD


async def test_who_is_enrolled_at_a_site_stays_enrolled_when_the_record_changes(client: httpx.AsyncClient) -> None:
    await client.put("/r5/Patient/p", json={"resourceType": "Patient", "id": "p"})
    found = (await client.get(f"/r5/ResearchStudy?part-of=ResearchStudy/{ID}&recruiting=true")).json()
    [site] = [entry["resource"]["id"] for entry in found["entry"]]
    parameters = {"resourceType": "Parameters", "parameter": [
        {"name": "subject", "valueReference": {"reference": "Patient/p"}}]}  # fmt: skip
    assert (await client.post(f"/r5/ResearchStudy/{site}/$enroll", json=parameters)).status_code == 201
    before = (await client.get(f"/r5/ResearchStudy/{site}")).json()["recruitment"]
    assert before["actualNumber"] == 1
    record = json.loads(json.dumps(RECORD))
    record["protocolSection"]["contactsLocationsModule"]["locations"][0]["status"] = "SUSPENDED"
    await stored(client, record)
    after = (await client.get(f"/r5/ResearchStudy/{site}")).json()
    assert after["progressStatus"][0]["state"]["text"] == "Temporarily Closed to Accrual"
    assert after["recruitment"] == before
    assert (await client.get(f"/r5/{ADDRESS}", headers={"Accept": "*/*"})).json() == record


async def test_a_base_of_r4_gives_the_same_record(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/r4/{ADDRESS}", headers={"Accept": "*/*"})).json() == RECORD


async def test_a_site_that_is_withdrawn_ends_and_stays_in_history(client: httpx.AsyncClient) -> None:
    record = json.loads(json.dumps(RECORD))
    sites = record["protocolSection"]["contactsLocationsModule"]["locations"]
    gone = sites.pop(0)
    await stored(client, record)
    assert (await client.get(f"/r5/{ADDRESS}", headers={"Accept": "*/*"})).json() == record
    found = (await client.get(f"/r5/ResearchStudy?part-of=ResearchStudy/{ID}&status=retired")).json()
    [entry] = found["entry"]
    site = entry["resource"]
    assert gone["facility"] in site["title"]
    assert site["progressStatus"][0]["period"]["end"]
    again = await stored(client, record)
    assert {each["response"]["status"] for each in again.json()["entry"]} == {"200 OK"}
    assert (await client.get(f"/r5/ResearchStudy/{site['id']}/_history")).json()["total"] == 2
    await stored(client)
    assert (await client.get(f"/r5/ResearchStudy/{site['id']}")).json()["status"] == "active"


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        (f"/r5/{ADDRESS}?format=pdf", 400, "format"),
        (f"/r5/{ADDRESS}?colour=red", 400, "colour"),
        ("/r5/ResearchStudy/none/$export-record", 404, "ResearchStudy/none"),
        ("/r5/ResearchStudy/$export-record", 404, "$export-record"),
        (f"/r5/Group/{ID}/$export-record", 404, "$export-record"),
    ],
)
async def test_what_cannot_be_exported_says_why(client: httpx.AsyncClient, url: str, status: int, said: str) -> None:
    answer = await client.get(url, headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")
    assert said in answer.text


async def test_a_study_that_is_gone_is_gone(client: httpx.AsyncClient) -> None:
    made = (await client.post("/r5/ResearchStudy", json={"resourceType": "ResearchStudy", "status": "active"})).json()
    address = f"/r5/ResearchStudy/{made['id']}"
    assert (await client.get(f"{address}/$export-record", headers={"Accept": "*/*"})).json() == {"hasResults": False}
    await client.delete(address)
    assert (await client.get(f"{address}/$export-record")).status_code == 410


async def test_it_is_a_binary_in_a_batch(client: httpx.AsyncClient) -> None:
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": ADDRESS}}]}
    [entry] = (await client.post("/r5", json=batch)).json()["entry"]
    assert json.loads(base64.b64decode(entry["resource"]["data"])) == RECORD
