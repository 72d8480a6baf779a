"""Words, places and quantities over HTTP: scores, the order of relevance, and what is not indexed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from fhirserver.interactions import ranking
from tests.web.conftest import Serve

Json = dict[str, Any]

STUDIES = {
    "much": {"title": "Lung cancer", "description": "Lung cancer, lung cancer and again lung cancer"},
    "some": {"title": "Lung cancer and other cancers", "description": "A trial of many words " * 20},
    "little": {"title": "Cancer", "description": "Not of the breast but, once, of the lung " + "and more " * 100},
    "none": {"title": "Breast cancer"},
}


def study(id_: str, rest: Json) -> Json:
    return {"resourceType": "ResearchStudy", "id": id_, "status": "active", **rest}


async def put(client: httpx.AsyncClient, resource: Json) -> None:
    done = await client.put(f"/r5/{resource['resourceType']}/{resource['id']}", json=resource)
    assert done.status_code in (200, 201), done.text


@pytest.fixture(scope="module")
async def library(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    for id_, rest in STUDIES.items():
        await put(shared, study(id_, rest | {"site": [{"reference": f"Location/{id_}"}]}))
        latitude = {"much": 48.1, "some": 48.2, "little": 52.5, "none": 0}[id_]
        place = {"latitude": latitude, "longitude": 11.6}
        await put(shared, {"resourceType": "Location", "id": id_, "name": id_, "position": place})
    return shared


def matches(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", []) if entry["search"]["mode"] == "match"]


async def test_matches_of_a_text_search_have_scores(library: httpx.AsyncClient) -> None:
    answer = await library.get("/r5/ResearchStudy?_content=lung cancer")
    scores = {entry["resource"]["id"]: entry["search"]["score"] for entry in answer.json()["entry"]}
    assert scores.keys() == {"much", "some", "little"}
    assert 1 > scores["much"] > scores["some"] > scores["little"] > 0
    again = await library.get("/r5/ResearchStudy?_content=lung cancer&_count=1&_sort=_id")
    assert again.json()["entry"][0]["search"] == {"mode": "match", "score": scores["little"]}
    without = await library.get("/r5/ResearchStudy?_content=lung cancer&_score=false")
    assert all(entry["search"] == {"mode": "match"} for entry in without.json()["entry"])
    plain = await library.get("/r5/ResearchStudy?title=lung")
    assert all(entry["search"] == {"mode": "match"} for entry in plain.json()["entry"])


@pytest.mark.parametrize(
    ("sort", "order"), [("_score", ["much", "some", "little"]), ("-_score", ["little", "some", "much"])]
)
async def test_the_best_comes_first_page_after_page(library: httpx.AsyncClient, sort: str, order: list[str]) -> None:
    assert matches(await library.get(f"/r5/ResearchStudy?_content=lung cancer&_sort={sort}")) == order
    url, found = f"http://test/r5/ResearchStudy?_content=lung cancer&_sort={sort}&_count=1", []
    while url:
        answer = await library.get(url)
        found += matches(answer)
        url = next((link["url"] for link in answer.json()["link"] if link["relation"] == "next"), "")
    assert found == order


async def test_a_score_is_of_the_version_that_is_served(serve: Serve) -> None:
    async with serve() as client:

        async def scored(release: str) -> float:
            entry = (await client.get(f"/{release}/ResearchStudy?_content=lung")).json()["entry"][0]
            return float(entry["search"]["score"])

        await put(client, study("changing", {"title": "Of the lung"}))
        first = await scored("r5")
        assert await scored("r5") == first == await scored("r4")
        await put(client, study("changing", {"title": "Of the lung, the lung"}))
        assert await scored("r5") > first < await scored("r4")


async def test_a_search_for_text_can_be_explained(library: httpx.AsyncClient) -> None:
    for query in (
        "_content=lung&_sort=_score",
        '_content="lung cancer" NOT breast',
        "title:contains=ung&title:text=lung",
    ):
        answer = await library.get(f"/r5/ResearchStudy?{query}", headers={"Prefer": "explain"})
        assert answer.status_code == 200
        assert answer.json()["entry"][-1]["search"]["mode"] == "outcome"


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("ResearchStudy?_sort=_score", 400, "needs a search for text"),
        ("ResearchStudy?_content=lung&_sort=_score,title", 400, "no other sort key"),
        ("ResearchStudy?_content=lung&_score=maybe", 400, "true or false"),
        ("Observation?_content=lung", 400, "full_text"),
        ("Observation?_text:missing=true", 400, "full_text"),
        ("Patient?_has:Observation:patient:_content=lung", 400, "full_text"),
    ],
)
async def test_what_has_no_score_or_no_text(library: httpx.AsyncClient, query: str, status: int, says: str) -> None:
    answer = await library.get(f"/r5/{query}")
    assert answer.status_code == status
    assert says in answer.json()["issue"][0]["diagnostics"]


async def test_too_many_matches_are_not_ranked(library: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "MOST", 2)
    answer = await library.get("/r5/ResearchStudy?_content=lung&_sort=_score")
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["code"] == "too-costly"


async def test_the_setting_says_which_types_are_read(serve: Serve) -> None:
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Body weight"}}
    async with serve(full_text=["Observation"]) as client:
        await put(client, observation)
        await put(client, study("s", {"title": "Weight"}))
        assert matches(await client.get("/r5/Observation?_content=weight")) == ["o"]
        assert (await client.get("/r5/ResearchStudy?_content=weight")).status_code == 400
        assert matches(await client.get("/r5/Observation?code:text-advanced=weight")) == ["o"]
    async with serve(full_text=[]) as client:
        assert (await client.get("/r5/Observation?_content=weight")).status_code == 400
        assert matches(await client.get("/r5/Observation?code:text-advanced=weight")) == ["o"]


async def test_strings_are_found_by_their_parts_with_and_without_their_index(serve: Serve) -> None:
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "Hendrikson"}]}
    for index in (["Patient"], []):
        async with serve(contains_index=index) as client:
            await put(client, patient)
            assert matches(await client.get("/r5/Patient?family:contains=DRIK")) == ["p"]
            assert matches(await client.get("/r5/Patient?family:contains=drink")) == []
            assert matches(await client.get("/r5/Patient?name:text=hendrik*")) == ["p"]


async def test_studies_near_a_point_are_found_by_their_sites(library: httpx.AsyncClient) -> None:
    near = "ResearchStudy?site:Location.near=48.15|11.6|30|km"
    assert sorted(matches(await library.get(f"/r5/{near}"))) == ["much", "some"]
    assert matches(await library.get(f"/r5/{near}&_content=again")) == ["much"]
    assert sorted(matches(await library.get("/r5/Location?near=48.15|11.6|30|km&_count=1&_total=accurate"))) != []
    assert (await library.get("/r5/Location?near=48.15|11.6|30|km&_summary=count")).json()["total"] == 2


async def test_quantities_are_found_in_any_unit(library: httpx.AsyncClient) -> None:
    for id_, value, unit in (("mg", 5400, "mg"), ("g", 5.4, "g"), ("odd", 5.4, "spoon")):
        quantity = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
        await put(
            library,
            {
                "resourceType": "Observation",
                "id": id_,
                "status": "final",
                "code": {"text": "x"},
                "valueQuantity": quantity,
            },
        )
    asked = "/r5/Observation?value-quantity="
    assert sorted(matches(await library.get(f"{asked}5.4|http://unitsofmeasure.org|g"))) == ["g", "mg"]
    assert matches(await library.get(f"{asked}5.4|http://unitsofmeasure.org|spoon")) == ["odd"]
    assert matches(await library.get(f"{asked}ge5.4|http://unitsofmeasure.org|g&_sort=value-quantity&_count=1"))
