"""What the server answers with is valid itself: Bundles, outcomes, statements, by structure, codes and invariants."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.resources.validation import validate

JSON = {"Content-Type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "active": True, "managingOrganization": {"reference": "Organization/here"}}


def _bundle(kind: str) -> dict[str, Any]:
    requests = [
        ("PUT", "Organization/here", {"resourceType": "Organization", "id": "here", "name": "Clinic"}),
        ("POST", "Patient", PATIENT),
        ("GET", "Patient?active=true", None),
        ("DELETE", "Patient/none", None),
    ]
    entries = [
        {"request": {"method": method, "url": url}} | ({"resource": resource} if resource else {})
        for method, url, resource in requests
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


@pytest.mark.parametrize(
    "path",
    [
        *("/metadata", "/OperationDefinition", "/_history", "/Patient/_history", "/Organization/here/_history"),
        *("/Patient?_include=Patient:organization", "/Patient?_summary=true", "/Patient?_summary=count"),
        *("/Patient?nonsense=1", "/Patient/none", "/Nonsense", "/Organization/here", "/Patient/$everything?_count=1"),
    ],
)
async def test_an_answer_is_valid(shared: httpx.AsyncClient, path: str) -> None:
    for kind in ("transaction", "batch"):
        answer = await shared.post("/r5", json=_bundle(kind), headers=JSON)
        assert answer.status_code == 200, answer.text
        assert validate("R5", fhirjson.loads(answer.content)) == []
    found = await shared.get(f"/r5{path}")
    assert validate("R5", fhirjson.loads(found.content)) == []


@pytest.mark.parametrize("path", ["/Patient", "/Patient/$validate"])
async def test_the_outcome_of_what_is_refused_is_valid(shared: httpx.AsyncClient, path: str) -> None:
    wrong = {"resourceType": "Patient", "gender": "x", "contact": [{"gender": "male"}], "foo": 1}
    refused = await shared.post(f"/r5{path}", json=wrong, headers=JSON)
    assert validate("R5", fhirjson.loads(refused.content)) == []


async def test_what_breaks_an_invariant_is_refused_over_http_with_its_key(shared: httpx.AsyncClient) -> None:
    wrong = {"resourceType": "Patient", "contact": [{"gender": "male"}]}
    refused = await shared.post("/r5/Patient", json=wrong, headers=JSON)
    assert refused.status_code == 422
    (issue,) = refused.json()["issue"]
    assert (issue["code"], issue["details"]["text"], issue["expression"]) == (
        "invariant",
        "pat-1",
        ["Patient.contact[0]"],
    )


@pytest.mark.parametrize("level", ["strict", "structure"])
async def test_a_server_that_checks_structure_alone_asks_no_invariants(serve: Any, level: str) -> None:
    async with serve(validation=level) as client:
        answer = await client.post("/r5/Patient", json={"resourceType": "Patient", "contact": [{"gender": "male"}]})
        assert answer.status_code == (201 if level == "structure" else 422)
