"""Some hundred requests of the kind that `make fuzz` sends by the ten thousand: none may upset the server."""

from __future__ import annotations

from itertools import chain, islice

import httpx

from tests.fuzz.asks import Ask, complaints
from tests.fuzz.generated import asks
from tests.fuzz.mutated import Mutator
from tests.fuzz.resources import older, own
from tests.fuzz.run import Report, send


def _good(report: Report) -> None:
    assert not report.bad, report.said("http://127.0.0.1:8000")


async def test_requests_made_of_the_document_are_answered_as_it_says(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    patient = {"resourceType": "Patient", "id": "a"}
    await client.put("/r5/Patient/a", json=patient)
    report = await send(client, asks(document, "/r5", [patient], 2, 1), at_once=1)
    assert report.sent > 150
    _good(report)


async def test_damaged_resources_bundles_and_addresses_are_refused_in_order(client: httpx.AsyncClient) -> None:
    for one in islice(own(), 30):
        await client.put(f"/r5/{one['resourceType']}/{one['id']}", json=one)
    report = await send(client, Mutator(own(), "/r5", 1).asks(500), at_once=1)
    assert report.sent > 400
    _good(report)
    assert {200, 201, 400, 404, 422} <= report.statuses.keys()


async def test_the_same_is_sent_to_r4(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json?release=R4")).json()
    for one in islice(older(), 30):
        await client.put(f"/r4/{one['resourceType']}/{one['id']}", json=one)
    patient = {"resourceType": "Patient", "id": "a"}
    made = asks(document, "/r4", [patient], 1, 2)
    report = await send(client, chain(islice(made, 40), Mutator(older(), "/r4", 2).asks(250)), at_once=1)
    assert report.sent > 220
    _good(report)
    assert {200, 201, 400, 404, 422} <= report.statuses.keys()


def test_what_is_wrong_with_an_answer_is_seen() -> None:
    ask = Ask("POST", "/r5/Patient", {"Content-Type": "application/fhir+json"}, b'{"a": 1}')
    outcome = b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x"}]}'
    kind = {"content-type": "application/fhir+json", "x-request-id": "1"}
    assert complaints(ask, httpx.Response(500, headers=kind, content=outcome)) == [
        "status 500",
        "an issue without diagnostics",
    ]
    assert complaints(ask, httpx.Response(400, text="no")) == [
        "no X-Request-Id",
        "a refusal as 'text/plain' that is no OperationOutcome (JSONDecodeError)",
    ]
    html = httpx.Response(200, html="<p>", headers={"x-request-id": "1"})
    assert complaints(ask, html) == ["content type 'text/html'"]
    assert ask.curl("http://h").startswith("curl -i -X POST http://h/r5/Patient -H ")
