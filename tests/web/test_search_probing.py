"""Chains that lead to many find, page by page, what the same chains find as values of a filter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import httpx
import pytest

from fhirserver.interactions import probing, resolve
from tests.web.conftest import Json, Serve

STRICT = {"Prefer": "handling=strict"}
STUDIES = 60


def group(number: int, random: Random) -> Json:
    low, high = random.randrange(0, 60), random.randrange(30, 90)
    limits = {"low": {"value": min(low, high), "code": "a"}, "high": {"value": max(low, high), "code": "a"}}
    age = {"coding": [{"system": "http://snomed.info/sct", "code": "397669002"}]}
    said = [{"code": age, "valueRange": limits, "exclude": False}] if number % 7 else []
    flag = {"code": {"text": "Accepts healthy volunteers"}, "valueBoolean": number % 3 == 0, "exclude": False}
    found = {"resourceType": "Group", "type": "person", "membership": "definitional", "characteristic": [*said, flag]}
    return found | {"id": f"g{number}"}


def study(number: int, random: Random) -> Json:
    """Most refer to a Group: to one that is stored, by its address or a version of it, or to one that they contain."""
    made: Json = {
        "resourceType": "ResearchStudy",
        "id": f"s{number}",
        "status": "active",
        "title": f"Study {number % 9}",
    }
    made["date"] = f"20{10 + number % 13}-05"
    made["site"] = [{"reference": f"Location/l{random.randrange(8)}"} for _ in range(random.randrange(3))]
    reference = {0: "#g", 1: f"http://test/r5/Group/g{number}", 2: f"Group/g{number}/_history/1"}.get(number % 11)
    if reference == "#g":
        made["contained"] = [group(number, random) | {"id": "g"}]
    if number % 5:
        made["recruitment"] = {"eligibility": {"reference": reference or f"Group/g{number}"}}
    elif reference == "#g":
        del made["contained"]
    return {name: value for name, value in made.items() if value != []}


@pytest.fixture
async def stocked(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with studies, their Groups and sites."""
    random = Random(5)
    made = [group(number, random) for number in range(STUDIES)]
    made += [{"resourceType": "Location", "id": f"l{number}", "name": f"Site {number % 2}"} for number in range(8)]
    made += [study(number, random) for number in range(STUDIES)]
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}} for each in made
    ]
    async with serve(validation="structure") as client:
        answer = await client.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert answer.status_code == 200, answer.text
        yield client


async def pages(client: httpx.AsyncClient, query: str, size: int) -> list[list[str]]:
    """The ids on each page, until there is no next one."""
    url, found = f"/r5/ResearchStudy?{query}&_count={size}", []
    while url:
        answer = await client.get(url, headers=STRICT)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found.append([entry["resource"]["id"] for entry in bundle.get("entry", [])])
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    return found


QUERIES = [
    "age=42",
    "age=3",
    "age=42&healthy-volunteers=true",
    "age=42&healthy-volunteers:not=true",
    "age:missing=true",
    "eligibility.admits-age=ge70&title=Study 3",
    "age=42&site.name=Site 1",
    "age=42&site.name=Site 1&healthy-volunteers=false",
    "site:Location.name=Site",
    "age=42&_sort=date",
    "age=42&_sort=-title,date",
    "_id=s1,s2,s3&age=42",
    '_filter=age eq 42 or title eq "Study 3"',
    "age=42,80",
]


@pytest.mark.parametrize("query", QUERIES)
async def test_pages_hold_the_same_once_each_and_are_full(
    stocked: httpx.AsyncClient, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = await pages(stocked, query, 1000)
    monkeypatch.setattr(resolve, "MANY", 1)
    monkeypatch.setattr(probing, "_SMALLEST", 2)
    for size in (1, 4, 7, 1000):
        found = await pages(stocked, query, size)
        ids = [id_ for page in found for id_ in page]
        assert sorted(ids) == sorted(whole), size
        assert all(len(page) == size for page in found[:-1])
        if "_sort" in query:
            assert ids == whole
    total = (await stocked.get(f"/r5/ResearchStudy?{query}&_total=accurate&_count=2", headers=STRICT)).json()["total"]
    assert total == len(whole)


async def test_a_chain_to_more_than_can_be_followed_is_answered_all_the_same(
    stocked: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    (whole,) = await pages(stocked, "age=42", 1000)
    monkeypatch.setattr(resolve, "MANY", 5)
    async with serve(max_chained=10) as small:
        found = await pages(small, "age=42", 6)
        assert sorted(id_ for page in found for id_ in page) == sorted(whole)
        refused = await small.get("/r5/ResearchStudy?age=42&_summary=count")
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly")


async def test_what_is_rare_among_many_is_found_by_pages_that_may_be_short(
    stocked: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    query = "age=ge85"
    (whole,) = await pages(stocked, query, 1000)
    assert 0 < len(whole) < 15
    monkeypatch.setattr(resolve, "MANY", 2)
    monkeypatch.setattr(probing, "RATE", 0.99)
    monkeypatch.setattr(probing, "_SMALLEST", 2)
    # The chain can be followed after all.
    assert len((await pages(stocked, query, 5))[0]) == 5
    monkeypatch.setattr(probing, "MOST", 6)
    async with serve(max_chained=2) as small:
        found = await pages(small, query, 5)
        assert sorted(id_ for page in found for id_ in page) == sorted(whole)
        assert any(len(page) < 5 for page in found[:-1])


async def test_what_is_written_between_two_pages_is_neither_repeated_nor_makes_a_gap(
    stocked: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = await pages(stocked, "age=42&_sort=_id", 1000)
    monkeypatch.setattr(resolve, "MANY", 1)
    first = (await stocked.get("/r5/ResearchStudy?age=42&_sort=_id&_count=5", headers=STRICT)).json()
    seen = [entry["resource"]["id"] for entry in first["entry"]]
    assert (await stocked.delete(f"/r5/ResearchStudy/{seen[2]}")).status_code == 204
    early = study(1, Random(1)) | {"id": "a-first"}
    assert (await stocked.put("/r5/ResearchStudy/a-first", json=early)).status_code == 201
    url = next(link["url"] for link in first["link"] if link["relation"] == "next")
    rest = (await stocked.get(url.replace("_count=5", "_count=1000"), headers=STRICT)).json()
    if "issue" in rest:  # the size of a page is part of what the position belongs to
        rest = (await stocked.get(url, headers=STRICT)).json()
    assert [entry["resource"]["id"] for entry in rest["entry"]][:5] == whole[5:10]


async def test_a_position_that_was_made_up_is_refused(stocked: httpx.AsyncClient) -> None:
    answer = await stocked.get("/r5/ResearchStudy?age=42&_count=5&_cursor=AAAA", headers=STRICT)
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["_cursor"])
