""":above and :below on references follow what is part of what, level by level."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

Json = dict[str, Any]

PARTS = {"site": None, "a": "site", "a1": "a", "a101": "a1", "a102": "a1", "b": "site", "else": None}


def location(id_: str, above: str | None) -> Json:
    found: Json = {"resourceType": "Location", "id": id_, "name": id_}
    return found if above is None else found | {"partOf": {"reference": above}}


def study(id_: str, place: str) -> Json:
    return {"resourceType": "ResearchStudy", "id": id_, "status": "active", "site": [{"reference": place}]}


def procedure(id_: str, place: str) -> Json:
    return {
        "resourceType": "Procedure",
        "id": id_,
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "location": {"reference": place},
    }


async def put(client: httpx.AsyncClient, resource: Json) -> None:
    done = await client.put(f"/r5/{resource['resourceType']}/{resource['id']}", json=resource)
    assert done.status_code in (200, 201), done.text


@pytest.fixture(scope="module")
async def building(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    for id_, above in PARTS.items():
        await put(
            shared, location(id_, f"http://test/r5/Location/{above}" if id_ == "a1" else above and f"Location/{above}")
        )
    for id_ in PARTS:
        await put(shared, procedure(f"in-{id_}", f"Location/{id_}"))
    await put(shared, study("s-a101", "Location/a101"))
    await put(shared, location("ring1", "Location/ring2"))
    await put(shared, location("ring2", "Location/ring1"))
    return shared


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/r5/{query}")
    assert answer.status_code == 200, answer.text
    return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", []))


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Procedure?location:below=Location/a", ["in-a", "in-a1", "in-a101", "in-a102"]),
        ("Procedure?location:below=a", ["in-a", "in-a1", "in-a101", "in-a102"]),
        ("Procedure?location:below=http://test/r5/Location/a1", ["in-a1", "in-a101", "in-a102"]),
        ("Procedure?location:below=site", ["in-a", "in-a1", "in-a101", "in-a102", "in-b", "in-site"]),
        ("Procedure?location:below=a101,b", ["in-a101", "in-b"]),
        ("Procedure?location:above=a101", ["in-a", "in-a1", "in-a101", "in-site"]),
        ("Procedure?location:above=a101,else", ["in-a", "in-a1", "in-a101", "in-else", "in-site"]),
        ("Procedure?location:below=nothing", []),
        ("Location?partof:below=a", ["a1", "a101", "a102"]),
        ("Location?partof:above=a1", ["a", "a101", "a102", "a1", "b"]),
        ("Location?partof:below=ring1", ["ring1", "ring2"]),
        ("ResearchStudy?site:below=Location/site", ["s-a101"]),
        ("ResearchStudy?site:below=a", ["s-a101"]),
        ("Procedure?location:below=a&location:above=a101", ["in-a", "in-a1", "in-a101"]),
        ("Procedure?location.partof:below=a", ["in-a1", "in-a101", "in-a102"]),
    ],
)
async def test_what_is_above_and_below(building: httpx.AsyncClient, query: str, ids: list[str]) -> None:
    assert await found(building, query) == sorted(ids)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("Observation?subject:below=Patient/1", "no place in a hierarchy"),
        ("Observation?encounter:below=http://elsewhere.org/Encounter/1", "of this server"),
        ("Observation?performer:below=Location/a/_history/2", "of this server"),
        ("Patient?general-practitioner:above=Practitioner/1", "no place in a hierarchy"),
        ("Immunization?patient:below=1", "nothing that has parts"),
        ("QuestionnaireResponse?questionnaire:above=http://example.org/q|1", "has no meaning"),
        ("QuestionnaireResponse?questionnaire:below=q", "canonical URL"),
        ("Group?member:below=Patient/1", "member"),
    ],
)
async def test_what_has_no_hierarchy_is_refused(building: httpx.AsyncClient, query: str, says: str) -> None:
    answer = await building.get(f"/r5/{query}")
    assert answer.status_code == 400
    issue = answer.json()["issue"][0]
    assert says in issue["diagnostics"]
    assert issue["expression"] == [query.partition("?")[2].partition("=")[0]]


async def test_a_hierarchy_without_end_is_too_costly(building: httpx.AsyncClient) -> None:
    for number in range(55):
        await put(building, location(f"deep{number}", f"Location/deep{number - 1}" if number else None))
    answer = await building.get("/r5/Procedure?location:below=deep0")
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["code"] == "too-costly"
