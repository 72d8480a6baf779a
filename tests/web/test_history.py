"""Histories over HTTP, and what becomes of deleted resources: https://hl7.org/fhir/R5/http.html#history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from fhirserver import fhirjson
from tests.web.conftest import Json, Serve

JSON_PATCH = {"Content-Type": "application/json-patch+json"}


def fresh() -> str:
    return f"h-{uuid4().hex[:12]}"


def person(id_: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": id_, **more}


async def turns(client: httpx.AsyncClient, id_: str, count: int) -> list[datetime]:
    """Writes `count` versions, no two in one millisecond; their instants."""
    instants = []
    for turn in range(count):
        answer = await client.put(f"/r5/Patient/{id_}", json=person(id_, language=f"x-{turn}"))
        instants.append(datetime.fromisoformat(answer.json()["meta"]["lastUpdated"]))
        await asyncio.sleep(0.002)
    return instants


def versions(bundle: Json) -> list[int]:
    return [int(entry["response"]["etag"][3:-1]) for entry in bundle.get("entry", [])]


def link(bundle: Json, relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


async def walk(client: httpx.AsyncClient, url: str) -> AsyncIterator[Json]:
    following: str | None = url
    for _ in range(500):
        answer = await client.get(following or "")
        assert answer.status_code == 200, answer.text
        yield answer.json()
        following = link(answer.json(), "next")
        if following is None:
            return
    raise AssertionError("the pages do not end")


# --- entries --------------------------------------------------------------------------------------------------------


async def test_every_entry_says_what_made_its_version(shared: httpx.AsyncClient) -> None:
    made = await shared.post("/r5/Patient", json={"resourceType": "Patient", "active": True})
    id_ = made.json()["id"]
    name = f"Patient/{id_}"
    await shared.put(f"/r5/{name}", json=person(id_, active=False))
    patch = [{"op": "replace", "path": "/active", "value": True}]
    assert (await shared.patch(f"/r5/{name}", json=patch, headers=JSON_PATCH)).status_code == 200
    await shared.delete(f"/r5/{name}")
    await shared.put(f"/r5/{name}", json=person(id_))
    answer = await shared.get(f"/r5/{name}/_history")
    assert answer.status_code == 200
    assert not {"etag", "last-modified"} & set(answer.headers)
    bundle = answer.json()
    assert (bundle["type"], bundle["total"]) == ("history", 5)
    said = [
        (entry["request"]["method"], entry["request"]["url"], entry["response"]["status"], "resource" in entry)
        for entry in bundle["entry"]
    ]
    assert said == [
        ("PUT", name, "201 Created", True),
        ("DELETE", name, "204 No Content", False),
        ("PUT", name, "200 OK", True),
        ("PUT", name, "200 OK", True),
        ("POST", "Patient", "201 Created", True),
    ]
    for entry, version in zip(bundle["entry"], range(5, 0, -1), strict=True):
        assert entry["fullUrl"] == f"http://test/r5/{name}"
        assert entry["response"]["etag"] == f'W/"{version}"'
        if "resource" in entry:
            assert entry["response"]["location"] == f"{name}/_history/{version}"
            assert entry["response"]["lastModified"] == entry["resource"]["meta"]["lastUpdated"]
            read = await shared.get(f"/r5/{entry['response']['location']}")
            assert read.json() == entry["resource"]


async def test_writes_of_a_bundle_are_the_writes_they_became(shared: httpx.AsyncClient) -> None:
    one, two = fresh(), fresh()
    entries = [
        {"resource": person(one), "request": {"method": "PUT", "url": f"Patient/{one}"}},
        {"resource": person(two, identifier=[{"value": two}]), "request": {"method": "POST", "url": "Patient"}},
        {"resource": {"resourceType": "Patient", "identifier": [{"value": one}]},
         "request": {"method": "PUT", "url": f"Patient?identifier={one}"}},
    ]  # fmt: skip
    done = await shared.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    found = []
    for entry in done.json()["entry"]:
        place = entry["response"]["location"].removeprefix("http://test/r5/").partition("/_history")[0]
        history = (await shared.get(f"/r5/{place}/_history")).json()
        found.append((history["entry"][0]["request"], place))
    assert [request for request, _ in found] == [
        {"method": "PUT", "url": f"Patient/{one}"},
        {"method": "POST", "url": "Patient"},
        {"method": "POST", "url": "Patient"},
    ]


async def test_a_history_is_a_valid_bundle_in_json_and_in_xml(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    await turns(shared, id_, 2)
    await shared.delete(f"/r5/Patient/{id_}")
    for url in (f"/r5/Patient/{id_}/_history", "/r5/Patient/_history?_count=3&nothing=1"):
        bundle = (await shared.get(url)).json()
        kept = await shared.post("/r5/Bundle", json=bundle)
        assert kept.status_code == 201, kept.text
        as_xml = await shared.get(url, headers={"Accept": "application/fhir+xml"})
        assert as_xml.status_code == 200
        assert as_xml.text.count("<entry>") == len(bundle["entry"])
        assert ("<issues>" in as_xml.text) == ("issues" in bundle)


# --- pages ------------------------------------------------------------------------------------------------------------


async def test_every_page_is_there_and_no_version_twice(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    bodies = [person(id_, language=f"x-{turn}") for turn in range(130)]
    await asyncio.gather(*(shared.put(f"/r5/Patient/{id_}", json=body) for body in bodies))
    pages = [page async for page in walk(shared, f"/r5/Patient/{id_}/_history?_count=40")]
    assert [number for page in pages for number in versions(page)] == list(range(130, 0, -1))
    assert [len(page["entry"]) for page in pages] == [40, 40, 40, 10]
    assert {(page["total"], page["timestamp"]) for page in pages} == {(130, pages[0]["timestamp"])}
    unpaged = (await shared.get(f"/r5/Patient/{id_}/_history?_sort=_lastUpdated&_count=1000")).json()
    assert versions(unpaged) == list(range(1, 131))


@pytest.mark.parametrize("sort", ["-_lastUpdated", "_lastUpdated", "none"])
async def test_pages_of_all_types_hold_everything_once_in_order(serve: Serve, sort: str) -> None:
    async with serve() as client:
        for turn in range(4):
            for type_, id_ in (("Patient", "a"), ("Patient", "a-1"), ("Basic", "b"), ("Group", "g")):
                body: Json = {"resourceType": type_, "id": id_, "language": f"x-{turn}"}
                if type_ == "Basic":
                    body["code"] = {"text": "t"}
                if type_ == "Group":
                    body |= {"type": "person", "membership": "enumerated", "member": [
                        {"entity": {"reference": f"Patient/{n}"}} for n in range(turn)]}  # fmt: skip
                    if not turn:
                        del body["member"]
                assert (await client.put(f"/r5/{type_}/{id_}", json=body)).status_code in (200, 201)
        await client.delete("/r5/Basic/b")
        seen: list[tuple[str, str, str]] = []
        async for page in walk(client, f"/r5/_history?_count=3&_sort={sort}"):
            assert len(page["entry"]) <= 3
            assert "total" not in page
            for entry in page["entry"]:
                seen.append((entry["response"]["lastModified"], entry["fullUrl"], entry["response"]["etag"]))
                if entry.get("resource", {}).get("resourceType") == "Group":
                    turn = int(entry["resource"]["language"][2:])
                    assert len(entry["resource"].get("member", [])) == turn
        assert len(seen) == len(set(seen)) == 17
        assert [at for at, _, _ in seen] == sorted((at for at, _, _ in seen), reverse=sort != "_lastUpdated")
        of_type = (await client.get("/r5/Basic/_history")).json()
        assert [entry["request"]["method"] for entry in of_type["entry"]] == ["DELETE", *["PUT"] * 4]
        assert "entry" not in (await client.get("/r5/Observation/_history")).json()


async def test_links_name_the_page_itself_the_first_and_the_next(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    await turns(shared, id_, 3)
    place = f"http://test/r5/Patient/{id_}/_history"
    first = (await shared.get(f"{place}?_count=2&_sort=_lastUpdated")).json()
    assert link(first, "self") == link(first, "first") == f"{place}?_count=2&_sort=_lastUpdated"
    following = link(first, "next")
    assert following
    second = (await shared.get(following)).json()
    assert link(second, "self") == following
    assert link(second, "first") == link(first, "first")
    assert link(second, "next") is None
    assert versions(first) + versions(second) == [1, 2, 3]
    whole = (await shared.get(place)).json()
    assert [each["relation"] for each in whole["link"]] == ["self"]


async def test_a_page_of_another_history_is_refused(shared: httpx.AsyncClient) -> None:
    one, other = fresh(), fresh()
    await turns(shared, one, 3)
    await turns(shared, other, 3)
    token = (link((await shared.get(f"/r5/Patient/{one}/_history?_count=1")).json(), "next") or "").partition("=")[2]
    cursor = token.partition("_cursor=")[2]
    for url in (
        f"/r5/Patient/{other}/_history?_count=1&_cursor={cursor}",
        f"/r5/Patient/{one}/_history?_count=2&_cursor={cursor}",
        f"/r5/Patient/_history?_count=1&_cursor={cursor}",
        f"/r5/Patient/{one}/_history?_count=1&_cursor=2",
    ):
        refused = await shared.get(url)
        assert refused.status_code == 400
        assert refused.json()["issue"][0]["expression"] == ["_cursor"]


async def test_who_copies_by_timestamps_gets_every_version(serve: Serve) -> None:
    async with serve() as client:
        copied: set[tuple[str, str]] = set()
        since: str | None = None
        for turn in range(5):
            for id_ in ("a", "b"):
                await client.put(f"/r5/Patient/{id_}", json=person(id_, language=f"x-{turn}"))
            stamp = None
            async for page in walk(client, "/r5/_history?_count=1" + (f"&_since={since}" if since else "")):
                # What is written now is left to the next turn.
                await client.put(
                    "/r5/Basic/c", json={"resourceType": "Basic", "id": "c", "code": {"text": page["timestamp"]}}
                )
                stamp = stamp or page["timestamp"]
                assert page["timestamp"] == stamp
                copied |= {(entry["fullUrl"], entry["response"]["etag"]) for entry in page.get("entry", [])}
            since = stamp
        last = (await client.get(f"/r5/_history?_count=1000&_since={since}")).json()
        copied |= {(entry["fullUrl"], entry["response"]["etag"]) for entry in last.get("entry", [])}
        whole = (await client.get("/r5/_history?_count=1000")).json()
        assert copied == {(entry["fullUrl"], entry["response"]["etag"]) for entry in whole["entry"]}


@pytest.mark.parametrize("only", ["_summary=count", "_count=0"])
async def test_the_number_of_versions_alone(shared: httpx.AsyncClient, only: str) -> None:
    id_ = fresh()
    instants = await turns(shared, id_, 3)
    bundle = (await shared.get(f"/r5/Patient/{id_}/_history?{only}")).json()
    assert (bundle["total"], bundle.get("entry")) == (3, None)
    since = fhirjson.instant(instants[1])
    assert (await shared.get(f"/r5/Patient/{id_}/_history?{only}&_since={since}")).json()["total"] == 2
    refused = await shared.get(f"/r5/Patient/_history?{only}")
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == [only.partition("=")[0]]


# --- since and at -----------------------------------------------------------------------------------------------------


async def test_since_takes_what_was_written_at_the_instant_or_later(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    instants = await turns(shared, id_, 4)
    for place in (f"/r5/Patient/{id_}/_history", "/r5/Patient/_history"):

        async def found(instant: str, place: str = place) -> list[int]:
            bundle = (await shared.get(f"{place}?_count=1000&_since={quote(instant)}")).json()
            entries = [entry for entry in bundle.get("entry", []) if entry["fullUrl"].endswith(id_)]
            assert bundle.get("total") in (None, len(entries))
            return versions({"entry": entries})

        at = instants[2]
        assert await found(fhirjson.instant(at)) == [4, 3]
        assert await found(fhirjson.instant(at - timedelta(milliseconds=1))) == [4, 3]
        assert await found(fhirjson.instant(at + timedelta(milliseconds=1))) == [4]
        zone = at.astimezone(UTC) + timedelta(hours=2)
        assert await found(f"{zone.replace(tzinfo=None).isoformat('T', 'milliseconds')}+02:00") == [4, 3]
        zone = at.astimezone(UTC) - timedelta(hours=5, minutes=30)
        assert await found(f"{zone.replace(tzinfo=None).isoformat('T', 'milliseconds')}-05:30") == [4, 3]
        assert await found("9999-12-31T23:59:59Z") == []
        assert await found("0001-01-01T00:00:00+14:00") == [4, 3, 2, 1]


async def test_the_plus_of_a_time_zone_may_arrive_as_a_blank(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    await turns(shared, id_, 1)
    assert (await shared.get(f"/r5/Patient/{id_}/_history?_since=2020-01-01T00:00:00+01:00")).json()["total"] == 1
    assert (await shared.get(f"/r5/Patient/{id_}/_history?_at=2020-01-01T00:00:00+01:00")).json()["total"] == 0


async def test_at_takes_what_was_current_at_some_time_of_the_period(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    instants = await turns(shared, id_, 4)
    await shared.delete(f"/r5/Patient/{id_}")
    for place in (f"/r5/Patient/{id_}/_history", "/r5/Patient/_history"):

        async def found(period: str, place: str = place) -> list[int]:
            seen: list[int] = []
            async for page in walk(shared, f"{place}?_count=1000&_at={quote(period)}"):
                seen += versions({"entry": [e for e in page.get("entry", []) if e["fullUrl"].endswith(id_)]})
            return seen

        for number, at in enumerate(instants, 1):
            assert await found(fhirjson.instant(at)) == [number]
            assert await found(fhirjson.instant(at - timedelta(milliseconds=1))) == ([number - 1] if number > 1 else [])
        today, year = f"{instants[0]:%Y-%m-%d}", f"{instants[0]:%Y}"
        assert await found(today) == await found(year) == [5, 4, 3, 2, 1]
        assert await found(f"{int(year) - 1}") == []
        assert await found(f"{int(year) + 1}") == [5]
        assert await found("9999-12-31T23:59:59.999Z") == [5]
        assert await found("0001") == []


@pytest.mark.parametrize(
    ("query", "expression", "words"),
    [
        ("_since=2020", "_since", "instant with its time zone"),
        ("_since=2020-01-01", "_since", "instant with its time zone"),
        ("_since=2020-01-01T10:00:00", "_since", "instant with its time zone"),
        ("_since=2020-01-01T10:00Z", "_since", "instant with its time zone"),
        ("_since=ge2020-01-01T10:00:00Z", "_since", "instant with its time zone"),
        ("_since=2020-02-30T10:00:00Z", "_since", "no date of the calendar"),
        ("_since=2020-01-01T25:00:00Z", "_since", "no date of the calendar"),
        ("_since=2020-01-01T10:00:00%2B99:99", "_since", "time zone"),
        ("_since=", "_since", "instant with its time zone"),
        ("_since=%00", "_since", "instant"),
        ("_at=yesterday", "_at", "no FHIR date"),
        ("_at=ge2020", "_at", "no FHIR date"),
        ("_at=2020-13", "_at", "no date of the calendar"),
        ("_at=", "_at", "no FHIR date"),
        ("_at=2020&_at=2021", "_at", "twice"),
        ("_since:exact=2020-01-01T10:00:00Z", "_since:exact", "no modifier"),
        ("_sort=name", "_sort", "_lastUpdated"),
        ("_sort=", "_sort", "_lastUpdated"),
        ("_count=-1", "_count", "whole number"),
        ("_count=ten", "_count", "whole number"),
        ("_list=List/1", "_list", "not done"),
    ],
)
async def test_a_value_that_is_none_is_refused_by_the_parameters_name(
    shared: httpx.AsyncClient, query: str, expression: str, words: str
) -> None:
    id_ = fresh()
    await turns(shared, id_, 1)
    for place in (f"Patient/{id_}/_history", "Patient/_history", "_history"):
        refused = await shared.get(f"/r5/{place}?{query}")
        assert refused.status_code == 400, place
        issue = refused.json()["issue"][0]
        assert issue["expression"] == [expression]
        assert words in issue["diagnostics"]


async def test_what_a_history_does_not_know_is_reported_or_refused(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    await turns(shared, id_, 2)
    url = f"/r5/Patient/{id_}/_history?name=x&_count=1"
    bundle = (await shared.get(url)).json()
    assert versions(bundle) == [2]
    issue = bundle["issues"]["issue"][0]
    assert (issue["severity"], issue["expression"]) == ("warning", ["name"])
    assert link(bundle, "self") == f"http://test/r5/Patient/{id_}/_history?_count=1"
    strict = await shared.get(url, headers={"Prefer": "handling=strict"})
    assert strict.status_code == 400
    assert strict.json()["issue"][0]["expression"] == ["name"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/r5/Nothing/_history", 404),
        ("GET", "/r5/Patient/never/_history", 404),
        ("PUT", "/r5/Patient/_history", 405),
        ("DELETE", "/r5/Patient/_history", 405),
        ("POST", "/r5/_history", 405),
        ("POST", "/r5/Patient/_history", 405),
        ("DELETE", "/r5/Patient/a/_history", 405),
        ("HEAD", "/r5/Patient/_history", 200),
    ],
)
async def test_addresses_of_histories_are_no_others(
    shared: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await shared.request(method, path, json=person("_history") if method in ("PUT", "POST") else None)
    assert answer.status_code == status
    if status == 405:
        assert "GET" in answer.headers["allow"] or path.endswith("_search")


# --- deletion -------------------------------------------------------------------------------------------------------


async def test_a_deleted_resource_is_gone_and_each_version_is_read(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    await turns(shared, id_, 2)
    assert (await shared.delete(f"/r5/Patient/{id_}")).headers["etag"] == 'W/"3"'
    for place in (f"Patient/{id_}", f"Patient/{id_}/_history/3"):
        gone = await shared.get(f"/r5/{place}")
        assert gone.status_code == 410
        assert gone.headers["etag"] == 'W/"3"'
        assert f"Patient/{id_}/_history" in gone.json()["issue"][0]["diagnostics"]
    for version in (1, 2):
        read = await shared.get(f"/r5/Patient/{id_}/_history/{version}")
        assert (read.status_code, read.json()["language"]) == (200, f"x-{version - 1}")
    assert (await shared.get(f"/r5/Patient/{id_}/_history/4")).status_code == 404
    again = await shared.delete(f"/r5/Patient/{id_}")
    assert (again.status_code, again.headers["etag"]) == (204, 'W/"3"')
    assert (await shared.get(f"/r5/Patient/{id_}/_history")).json()["total"] == 3


async def test_creating_it_again_goes_on_with_the_numbers(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    await turns(shared, id_, 1)
    await shared.delete(f"/r5/Patient/{id_}")
    back = await shared.put(f"/r5/Patient/{id_}", json=person(id_, language="x-0"))
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"3"')
    assert back.headers["location"] == f"http://test/r5/Patient/{id_}/_history/3"
    assert (await shared.get(f"/r5/Patient/{id_}")).json()["meta"]["versionId"] == "3"
    assert (await shared.get(f"/r5/Patient/{id_}/_history/2")).status_code == 410
    await shared.delete(f"/r5/Patient/{id_}")
    entry = {"resource": person(id_), "request": {"method": "PUT", "url": f"Patient/{id_}"}}
    done = await shared.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert done.json()["entry"][0]["response"]["status"].startswith("201")
    history = (await shared.get(f"/r5/Patient/{id_}/_history")).json()
    assert versions(history) == [5, 4, 3, 2, 1]
    assert [entry["response"]["status"][:3] for entry in history["entry"]] == ["201", "204", "201", "204", "201"]


@pytest.mark.parametrize(
    ("etag", "put", "delete"), [('W/"2"', 201, 204), ('W/"1"', 412, 412), ("*", 412, 412), ('W/"3"', 412, 412)]
)
async def test_if_match_on_a_deleted_resource_is_about_the_deletion(
    shared: httpx.AsyncClient, etag: str, put: int, delete: int
) -> None:
    id_ = fresh()
    await turns(shared, id_, 1)
    await shared.delete(f"/r5/Patient/{id_}")
    headers = {"If-Match": etag}
    assert (await shared.delete(f"/r5/Patient/{id_}", headers=headers)).status_code == delete
    assert (await shared.put(f"/r5/Patient/{id_}", json=person(id_), headers=headers)).status_code == put


async def test_conditions_do_not_find_what_is_deleted(shared: httpx.AsyncClient) -> None:
    id_ = fresh()
    body = person(id_, identifier=[{"system": "urn:h", "value": id_}])
    await shared.put(f"/r5/Patient/{id_}", json=body)
    await shared.delete(f"/r5/Patient/{id_}")
    criteria = f"identifier=urn:h|{id_}"
    assert (await shared.delete(f"/r5/Patient?{criteria}")).status_code == 204
    made = await shared.post("/r5/Patient", json=body, headers={"If-None-Exist": criteria})
    assert made.status_code == 201
    assert made.json()["id"] != id_
    assert (await shared.get(f"/r5/Patient?{criteria}")).json()["total"] == 1
    await shared.delete(f"/r5/Patient/{made.json()['id']}")
    update = {key: value for key, value in body.items() if key != "id"}
    again = await shared.put(f"/r5/Patient?{criteria}", json=update)
    assert again.status_code == 201
    assert again.json()["id"] not in (id_, made.json()["id"])
    assert (await shared.get(f"/r5/Patient/{id_}/_history")).json()["total"] == 2
