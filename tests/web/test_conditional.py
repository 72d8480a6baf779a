"""Conditional interactions on one resource: https://hl7.org/fhir/R5/http.html#ccreate"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

Json = dict[str, Any]
MATCH = "identifier=urn:example:mrn%7C0017"


async def test_a_conditional_create_makes_one_resource_however_often_it_is_sent(
    client: httpx.AsyncClient, patient: Json
) -> None:
    sent = [client.post("/r5/Patient", json=patient, headers={"If-None-Exist": MATCH}) for _ in range(100)]
    answers = await asyncio.gather(*sent)
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [201]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert (await client.get(f"/r5/Patient?{MATCH}")).json()["total"] == 1


async def test_a_conditional_update_creates_then_updates(client: httpx.AsyncClient, patient: Json) -> None:
    made = await client.put(f"/r5/Patient?{MATCH}", json=patient)
    assert made.status_code == 201
    again = await client.put(f"/r5/Patient?{MATCH}", json=patient | {"active": True})
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"2"')
    assert again.json()["id"] == made.json()["id"]
    stale = await client.put(f"/r5/Patient?{MATCH}", json=patient, headers={"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    chosen = await client.put("/r5/Patient?identifier=other", json=patient | {"id": "chosen"})
    assert (chosen.status_code, chosen.json()["id"]) == (201, "chosen")
    wrong = await client.put("/r5/Patient?identifier=0017&_id=chosen", json=patient | {"id": "wrong"})
    assert wrong.status_code == 400
    assert wrong.json()["issue"][0]["expression"] == ["Patient.id"]


async def test_a_conditional_delete_deletes_the_one_that_matches(client: httpx.AsyncClient, patient: Json) -> None:
    made = await client.post("/r5/Patient", json=patient)
    assert (await client.delete(f"/r5/Patient?{MATCH}")).status_code == 204
    assert (await client.get(f"/r5/Patient/{made.json()['id']}")).status_code == 410
    assert (await client.delete(f"/r5/Patient?{MATCH}")).status_code == 204


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_criteria_that_match_several_are_refused(client: httpx.AsyncClient, patient: Json, method: str) -> None:
    for _ in range(2):
        await client.post("/r5/Patient", json=patient)
    headers = {"If-None-Exist": MATCH} if method == "POST" else {}
    url = "/r5/Patient" if method == "POST" else f"/r5/Patient?{MATCH}"
    answer = await client.request(method, url, json=None if method == "DELETE" else patient, headers=headers)
    assert answer.status_code == 412
    assert answer.json()["issue"][0]["code"] == "multiple-matches"


@pytest.mark.parametrize(
    ("method", "url", "headers", "status", "where"),
    [
        ("POST", "/r5/Patient", {"If-None-Exist": ""}, 400, "url"),
        ("POST", "/r5/Patient", {"If-None-Exist": "shoe-size=44"}, 400, "shoe-size"),
        ("PUT", "/r5/Patient", {}, 400, "url"),
        ("PUT", "/r5/Patient?_count=3", {}, 412, None),
        ("DELETE", "/r5/Patient", {}, 400, "url"),
        ("PUT", "/r5/Nothing?_id=1", {}, 404, None),
        ("PUT", "/r5/Patient/a", {"If-None-Match": "a b"}, 400, "If-None-Match"),
        ("PUT", "/r5/Patient/a", {"If-Match": ""}, 400, "If-Match"),
        ("PUT", "/r5/Patient/a", {"If-Match": "*", "If-None-Match": "*"}, 400, "If-Match"),
        ("POST", "/r5/Patient", {"If-Match": "*"}, 400, "If-Match"),
        ("POST", "/r5/Patient", {"If-None-Match": "*"}, 400, "If-None-Match"),
    ],
)
async def test_a_condition_that_selects_nothing_is_refused(
    client: httpx.AsyncClient,
    patient: Json,
    method: str,
    url: str,
    headers: dict[str, str],
    status: int,
    where: str | None,
) -> None:
    answer = await client.request(method, url, json=patient | {"id": "a"}, headers=headers)
    assert answer.status_code == status, answer.text
    if where:
        assert answer.json()["issue"][0]["expression"][0] == where


@pytest.mark.parametrize(
    ("there", "headers", "status"),
    [
        ("absent", {"If-Match": "*"}, 412),
        ("absent", {"If-Match": 'W/"1"'}, 412),
        ("absent", {"If-None-Match": "*"}, 201),
        ("absent", {"If-None-Match": 'W/"1"'}, 201),
        ("second", {"If-Match": "*"}, 200),
        ("second", {"If-Match": 'W/"2"'}, 200),
        ("second", {"If-Match": '"2"'}, 200),
        ("second", {"If-Match": "2"}, 200),
        ("second", {"If-Match": 'W/"1"'}, 412),
        ("second", {"If-Match": 'W/"1", W/"2"'}, 200),
        ("second", {"If-Match": 'W/"1", W/"3"'}, 412),
        ("second", {"If-Match": 'W/"of-another-server"'}, 412),
        ("second", {"If-None-Match": "*"}, 412),
        ("second", {"If-None-Match": 'W/"2"'}, 412),
        ("second", {"If-None-Match": 'W/"1"'}, 200),
        ("gone", {"If-Match": "*"}, 412),
        ("gone", {"If-Match": 'W/"3"'}, 201),
        ("gone", {"If-Match": 'W/"2"'}, 412),
        ("gone", {"If-None-Match": "*"}, 201),
    ],
)
async def test_a_write_is_done_only_on_the_version_that_its_headers_ask_for(
    client: httpx.AsyncClient, patient: Json, there: str, headers: dict[str, str], status: int
) -> None:
    if there != "absent":
        await client.put("/r5/Patient/a", json=patient | {"id": "a"})
        await client.put("/r5/Patient/a", json=patient | {"id": "a", "gender": "male"})
    if there == "gone":
        await client.delete("/r5/Patient/a")
    answer = await client.put("/r5/Patient/a", json=patient | {"id": "a", "active": True}, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 412:
        assert answer.json()["issue"][0]["code"] == "conflict"
        left = await client.delete("/r5/Patient/a", headers=headers)
        assert left.status_code == 412, "a deletion obeys the same conditions"


async def test_a_bad_resource_under_a_condition_is_named_as_itself(client: httpx.AsyncClient, patient: Json) -> None:
    answer = await client.put(f"/r5/Patient?{MATCH}", json=patient | {"gender": "robot"})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Patient.gender"]


async def test_a_client_that_has_the_version_is_told_so(client: httpx.AsyncClient, patient: Json) -> None:
    made = await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    for headers in (
        {"If-None-Match": 'W/"1"'},
        {"If-None-Match": '"7", W/"1"'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": made.headers["last-modified"]},
    ):
        answer = await client.get("/r5/Patient/a", headers=headers)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", 'W/"1"')
    for headers in (
        {"If-None-Match": 'W/"2"'},
        {"If-None-Match": 'W/"11"'},
        {"If-Modified-Since": "Sat, 01 Feb 2014 10:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert (await client.get("/r5/Patient/a", headers=headers)).status_code == 200


async def test_addresses_outside_the_bases_are_refused_in_kind(client: httpx.AsyncClient) -> None:
    answer = await client.get("/r3/Patient")
    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("there", ["never", "there", "gone"])
async def test_a_condition_may_be_an_id(client: httpx.AsyncClient, patient: Json, there: str) -> None:
    if there != "never":
        await client.put("/r5/Patient/mine", json=patient | {"id": "mine"})
    if there == "gone":
        await client.delete("/r5/Patient/mine")
    entry = {"resource": patient, "request": {"method": "POST", "url": "Patient", "ifNoneExist": "_id=mine"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answer = (await client.post("/r5", json=bundle)).json()["entry"][0]["response"]
    assert answer["status"] == ("200 OK" if there == "there" else "201 Created")
    assert answer["location"].startswith("Patient/mine/") is (there == "there")
