"""Batches and transactions over HTTP: https://hl7.org/fhir/R5/http.html#transaction"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

Json = dict[str, Any]


def bundle(kind: str, *entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: Json | None = None, **more: Any) -> Json:
    found: Json = {"request": {"method": method, "url": url}}
    for name, value in more.items():
        (found if name == "fullUrl" else found["request"])[name] = value
    return found | ({"resource": resource} if resource else {})


def patient(**content: Any) -> Json:
    return {"resourceType": "Patient", "name": [{"family": "Muster"}], **content}


def observation(subject: str) -> Json:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject},
        "text": {"status": "generated",
                 "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{subject}">who</a></div>'},
        "derivedFrom": [{"reference": "Observation/elsewhere"}],
        "instantiatesCanonical": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "extension": [{"url": "urn:example:link", "valueUri": subject},
                      {"url": "urn:example:text", "valueString": subject}],
    }  # fmt: skip


URN = "urn:uuid:00000000-0000-4000-8000-000000000001"


async def test_links_between_entries_become_links_between_resources(client: httpx.AsyncClient) -> None:
    sent = bundle(
        "transaction",
        entry("POST", "Observation", observation(URN)),
        entry("POST", "Patient", patient(), fullUrl=URN),
        entry("GET", "Patient?name=muster"),
    )
    answer = await client.post("/r5/", json=sent)
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert got["type"] == "transaction-response"
    assert [e["response"]["status"] for e in got["entry"]] == ["201 Created", "201 Created", "200 OK"]
    assert got["entry"][2]["resource"]["total"] == 1, "a read sees what the transaction wrote"
    where = got["entry"][1]["response"]["location"].partition("/_history")[0]
    stored = (await client.get("/r5/" + got["entry"][0]["response"]["location"])).json()
    assert stored["subject"]["reference"] == where
    assert f'href="{where}"' in stored["text"]["div"]
    assert stored["extension"][0]["valueUri"] == where
    assert stored["extension"][1]["valueString"] == URN, "a string is no link"
    assert stored["instantiatesCanonical"] == URN, "a canonical stays"
    assert stored["derivedFrom"] == [{"reference": "Observation/elsewhere"}]


async def test_a_transaction_that_fails_leaves_nothing(client: httpx.AsyncClient) -> None:
    await client.put("/r5/Patient/a", json=patient(id="a"))
    sent = bundle(
        "transaction",
        entry("PUT", "Patient/new", patient(id="new")),
        entry("PUT", "Patient/a", patient(id="a", active=True), ifMatch='W/"9"'),
    )
    answer = await client.post("/r5/", json=sent)
    assert answer.status_code == 412
    assert (await client.get("/r5/Patient/new")).status_code == 404
    assert (await client.get("/r5/Patient/a")).headers["etag"] == 'W/"1"'


async def test_a_read_that_fails_undoes_the_transaction(client: httpx.AsyncClient) -> None:
    sent = bundle("transaction", entry("PUT", "Patient/a", patient(id="a")), entry("GET", "Patient/none"))
    answer = await client.post("/r5/", json=sent)
    assert answer.status_code == 404
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert (await client.get("/r5/Patient/a")).status_code == 404


async def test_a_batch_answers_each_entry_for_itself(client: httpx.AsyncClient) -> None:
    sent = bundle(
        "batch",
        entry("PUT", "Patient/a", patient(id="a")),
        entry("PUT", "Patient/b", patient(id="b", gender="robot")),
        entry("GET", "Patient/a"),
        entry("GET", "Patient/none"),
        entry("DELETE", "Patient/none"),
        entry("PATCH", "Patient/a"),
        {"resource": patient()},
        entry("GET", "Patient/a/_history/1"),
    )
    answer = await client.post("/r5/", json=sent)
    assert answer.status_code == 200
    entries = answer.json()["entry"]
    statuses = [e["response"]["status"][:3] for e in entries]
    assert statuses == ["201", "422", "200", "404", "204", "400", "400", "200"]
    bad = entries[1]["response"]["outcome"]["issue"][0]
    assert bad["expression"] == ["Bundle.entry[1].resource.gender"]
    assert entries[2]["resource"]["id"] == "a"


@pytest.mark.parametrize(
    ("sent", "status", "expression"),
    [
        ({"resourceType": "Patient"}, 400, "Bundle.type"),
        (bundle("collection"), 400, "Bundle.type"),
        (bundle("transaction", entry("PUT", "Patient/a", patient(id="b"))), 400, "Bundle.entry[0].resource.id"),
        (bundle("transaction", entry("POST", "Patient", {"resourceType": "Group"})), 400,
         "Bundle.entry[0].resource.resourceType"),
        (bundle("transaction", entry("POST", "Nothing", patient())), 404, "Bundle.entry[0]"),
        (bundle("transaction", entry("POST", "https://other.example/Patient", patient())), 400,
         "Bundle.entry[0].request.url"),
        (bundle("transaction", entry("PUT", "Patient/a", patient(id="a")), entry("DELETE", "Patient/a")), 400,
         "Bundle.entry[1]"),
        (bundle("transaction", entry("POST", "Observation", observation("Patient?identifier=none|1"))), 412,
         "Bundle.entry[0].resource"),
        (bundle("transaction", entry("PUT", "Patient?", patient())), 400, "Bundle.entry[0].request.url"),
        (bundle("transaction", entry("PUT", "Patient?shoe-size=44", patient())), 400, "shoe-size"),
        (bundle("transaction", entry("PUT", "Patient?_count=1", patient())), 412, None),
        (bundle("transaction", entry("TRACE", "Patient/a")), 400, "Bundle.entry[0].request.method"),
        (bundle("transaction", entry("PUT", "Patient/a", patient(id="a"), ifNoneExist="_id=a")), 400,
         "Bundle.entry[0].request.ifNoneExist"),
        ({"resourceType": "Bundle", "type": "transaction", "entry": {}}, 400, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [7]}, 400, "Bundle.entry[0].request"),
    ],
)  # fmt: skip
async def test_a_bundle_that_makes_no_sense_is_refused_where_it_does_not(
    client: httpx.AsyncClient, sent: Json, status: int, expression: str | None
) -> None:
    answer = await client.post("/r5/", json=sent)
    assert answer.status_code == status, answer.text
    if expression:
        assert expression in answer.json()["issue"][0]["expression"], answer.text


async def test_conditional_entries_find_what_is_there(client: httpx.AsyncClient) -> None:
    identified = patient(identifier=[{"system": "urn:example:mrn", "value": "1"}])
    condition = "identifier=urn:example:mrn%7C1"
    sent = bundle("transaction", entry("POST", "Patient", identified, ifNoneExist=condition, fullUrl=URN),
                  entry("POST", "Observation", observation(URN)))  # fmt: skip
    first = (await client.post("/r5/", json=sent)).json()
    second = (await client.post("/r5/", json=sent)).json()
    assert [e["response"]["status"] for e in second["entry"]] == ["200 OK", "201 Created"]
    assert second["entry"][0]["response"]["location"] == first["entry"][0]["response"]["location"]
    update = bundle("transaction", entry("PUT", f"Patient?{condition}", identified | {"active": True}))
    third = (await client.post("/r5/", json=update)).json()
    assert third["entry"][0]["response"]["etag"] == 'W/"2"'
    reference = bundle("transaction", entry("POST", "Observation", observation(f"Patient?{condition}")))
    fourth = (await client.post("/r5/", json=reference)).json()
    stored = (await client.get("/r5/" + fourth["entry"][0]["response"]["location"])).json()
    assert stored["subject"]["reference"] == first["entry"][0]["response"]["location"].partition("/_history")[0]
    await client.put("/r5/Patient/twin", json=identified | {"id": "twin"})
    assert (await client.post("/r5/", json=update)).status_code == 412


async def test_conditional_creates_that_race_make_one_resource(client: httpx.AsyncClient) -> None:
    identified = patient(identifier=[{"system": "urn:example:mrn", "value": "7"}])
    sent = bundle("transaction", entry("POST", "Patient", identified, ifNoneExist="identifier=urn:example:mrn%7C7"))
    answers = await asyncio.gather(*(client.post("/r5/", json=sent) for _ in range(50)))
    statuses = sorted(answer.json()["entry"][0]["response"]["status"] for answer in answers)
    assert statuses == ["200 OK"] * 49 + ["201 Created"]
    assert (await client.get("/r5/Patient?identifier=7")).json()["total"] == 1


async def test_a_bundle_of_many_entries_is_stored_whole(client: httpx.AsyncClient) -> None:
    sent = bundle("transaction", *(entry("PUT", f"Patient/p{n}", patient(id=f"p{n}")) for n in range(2000)))
    answer = await client.post("/r5/", json=sent)
    assert answer.status_code == 200
    assert (await client.get("/r5/Patient?_summary=count")).json()["total"] == 2000


async def test_a_bundle_over_the_limit_is_refused_by_the_name_of_the_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/r5/", json=bundle("batch", *([entry("GET", "Patient")] * 10_001)))
    assert answer.status_code == 413
    assert "max_bundle_entries" in answer.json()["issue"][0]["diagnostics"]
