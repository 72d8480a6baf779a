"""Rules of the specification's page on the RESTful API, each as a client meets it; docs/conformance.md lists them all.

https://hl7.org/fhir/R5/http.html
"""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.web.conftest import Serve

Json = dict[str, Any]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def client(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    return shared


@pytest.fixture
def id_() -> str:
    """An id, and a value of an identifier, that only this test uses."""
    return uuid.uuid4().hex


def person(value: str, **more: Any) -> Json:
    identifier = [{"system": "urn:example:mrn", "value": value}]
    return {"resourceType": "Patient", "identifier": identifier, "name": [{"family": "Muster"}], **more}


def observation(subject: str, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": subject},
        **more,
    }


def bundle(kind: str, *entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: Json | None = None, **more: Any) -> Json:
    found: Json = {"request": {"method": method, "url": url}} | more
    return found | ({"resource": resource} if resource else {})


def statuses(answer: httpx.Response) -> list[str]:
    return [each["response"]["status"][:3] for each in answer.json()["entry"]]


# --- addresses ------------------------------------------------------------------------------------------------------


async def test_a_slash_at_the_end_of_an_address_changes_nothing(client: httpx.AsyncClient, id_: str) -> None:
    made = await client.post("/r5/Patient/", json=person(id_))
    place = f"/r5/Patient/{made.json()['id']}"
    for path in ("/r5/metadata", place, f"{place}/_history", f"{place}/_history/1"):
        plain, slash = [await client.get(each) for each in (path, f"{path}/")]
        assert slash.status_code == 200, path
        assert slash.json() | {"timestamp": ""} == plain.json() | {"timestamp": ""}
    found = await client.get(f"/r5/Patient/?identifier={id_}")
    posted = await client.post("/r5/Patient/_search/", data={"identifier": id_}, headers=FORM)
    assert (found.json()["total"], posted.json()["total"]) == (1, 1)
    assert (await client.put(f"{place}/", json=person(id_, id=made.json()["id"], active=True))).status_code == 200
    assert (await client.post("/r5/", json=bundle("batch"))).status_code == 200
    assert (await client.delete(f"{place}/")).status_code == 204


async def test_a_resource_is_the_same_over_http_and_https_and_on_every_base(
    client: httpx.AsyncClient, id_: str
) -> None:
    made = await client.put(f"https://test/r5/Patient/{id_}", json=person(id_, id=id_))
    assert made.headers["location"] == f"https://test/r5/Patient/{id_}/_history/1"
    for base in ("http://test/r5", "https://test/r5", "http://test/fhir"):
        read = await client.get(f"{base}/Patient/{id_}")
        assert (read.json(), read.headers["etag"]) == (made.json(), 'W/"1"')


# --- versions -------------------------------------------------------------------------------------------------------


async def test_a_read_answers_with_the_id_and_a_vread_with_the_version_asked_for(
    client: httpx.AsyncClient, id_: str
) -> None:
    for number in (1, 2, 3):
        await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_, language=f"x-{number}"))
    current = await client.get(f"/r5/Patient/{id_}")
    assert (current.json()["id"], current.json()["meta"]["versionId"]) == (id_, "3")
    for number in (1, 2, 3):
        version = await client.get(f"/r5/Patient/{id_}/_history/{number}")
        assert version.json()["id"] == id_
        assert version.json()["meta"]["versionId"] == str(number)
        assert version.json()["language"] == f"x-{number}"
        assert version.headers["etag"] == f'W/"{number}"'


async def test_the_etag_of_an_answer_is_the_version_of_its_resource(client: httpx.AsyncClient, id_: str) -> None:
    place = f"/r5/Patient/{id_}"
    answers = [
        await client.put(place, json=person(id_, id=id_)),
        await client.put(place, json=person(id_, id=id_, active=True)),
        await client.get(place),
        await client.get(f"{place}/_history/1"),
        await client.post("/r5/Patient", json=person(id_)),
    ]
    for answer in answers:
        assert answer.headers["etag"] == f'W/"{answer.json()["meta"]["versionId"]}"'
        modified = datetime.strptime(answer.headers["last-modified"], "%a, %d %b %Y %H:%M:%S %Z")
        assert answer.json()["meta"]["lastUpdated"].startswith(modified.isoformat())


async def test_version_and_time_in_a_body_are_the_servers_to_say(client: httpx.AsyncClient, id_: str) -> None:
    claimed = {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "tag": [{"code": "kept"}]}
    made = await client.post("/r5/Patient", json=person(id_, id="mine", meta=claimed))
    put = await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_, meta=claimed))
    again = await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_, meta=claimed, active=True))
    assert made.json()["id"] != "mine"
    for answer, version in ((made, "1"), (put, "1"), (again, "2")):
        meta = answer.json()["meta"]
        assert meta["versionId"] == version
        assert not meta["lastUpdated"].startswith("1999")
        assert meta["tag"] == [{"code": "kept"}], "the rest of meta stays"


# --- create and update ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        (person("1"), "Patient.id"),
        (person("1", id="another"), "Patient.id"),
        ({"resourceType": "Group", "id": "ID", "type": "person", "membership": "actual"}, "Group.resourceType"),
    ],
)
async def test_an_update_that_is_not_of_its_url_is_refused(
    client: httpx.AsyncClient, id_: str, body: Json, expression: str
) -> None:
    answer = await client.put(f"/r5/Patient/{id_}", json=body | ({"id": id_} if body.get("id") == "ID" else {}))
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [expression]
    assert (await client.get(f"/r5/Patient/{id_}")).status_code == 404


async def test_a_create_takes_what_its_url_names(client: httpx.AsyncClient, id_: str) -> None:
    group = {"resourceType": "Group", "type": "person", "membership": "definitional"}
    refused = await client.post("/r5/Patient", json=group)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == ["Group.resourceType"]
    made = await client.post("/r5/Patient", json=person(id_))
    assert (made.status_code, made.json()["resourceType"]) == (201, "Patient")


async def test_only_what_is_created_is_answered_with_201_and_all_writes_with_their_location(
    client: httpx.AsyncClient, id_: str
) -> None:
    place = f"/r5/Patient/{id_}"
    mine = person(id_, id=id_)
    query, header = f"/r5/Patient?identifier={id_}", {"If-None-Exist": f"identifier={id_}"}
    steps = [
        (await client.put(place, json=mine), 201, 1),
        (await client.put(place, json=mine | {"active": True}), 200, 2),
        (await client.put(place, json=mine | {"active": True}), 200, 2),
        (await client.put(query, json=mine), 200, 3),
        (await client.put(query, json=person(id_, active=False)), 200, 4),
        (await client.post("/r5/Patient", json=mine, headers=header), 200, 4),
    ]
    assert (await client.delete(place)).status_code == 204
    steps.append((await client.put(place, json=mine), 201, 6))
    for answer, status, version in steps:
        assert answer.status_code == status
        assert answer.headers["location"] == f"http://test{place}/_history/{version}"
        assert answer.headers["etag"] == f'W/"{version}"'


async def test_conditional_writes_that_create_say_where(client: httpx.AsyncClient, id_: str) -> None:
    for number, answer in enumerate(
        [
            await client.put(f"/r5/Patient?identifier={id_}a", json=person(f"{id_}a")),
            await client.put(f"/r5/Patient?identifier={id_}b", json=person(f"{id_}b", id=id_)),
            await client.post("/r5/Patient", json=person(f"{id_}c"), headers={"If-None-Exist": f"identifier={id_}c"}),
        ]
    ):
        assert answer.status_code == 201
        assert answer.headers["location"] == f"http://test/r5/Patient/{answer.json()['id']}/_history/1"
        assert (answer.json()["id"] == id_) == (number == 1), "an id in an update is kept"


async def test_a_conditional_update_does_not_write_over_what_its_criteria_do_not_match(
    client: httpx.AsyncClient, id_: str
) -> None:
    await client.put(f"/r5/Patient/{id_}", json=person("before", id=id_))
    answer = await client.put(f"/r5/Patient?identifier=none-{id_}", json=person("after", id=id_))
    assert answer.status_code == 409
    assert (await client.get(f"/r5/Patient/{id_}")).headers["etag"] == 'W/"1"'


# --- searches -------------------------------------------------------------------------------------------------------


async def test_a_search_answers_with_a_searchset_that_says_what_was_searched(
    client: httpx.AsyncClient, id_: str
) -> None:
    await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_))
    for answer in (
        await client.get(f"/r5/Patient?identifier={id_}"),
        await client.post("/r5/Patient/_search", data={"identifier": id_}, headers=FORM),
        await client.post(f"/r5/Patient/_search?identifier={id_}"),
    ):
        assert answer.status_code == 200
        found = answer.json()
        assert (found["resourceType"], found["type"], found["total"]) == ("Bundle", "searchset", 1)
        links = {link["relation"]: link["url"] for link in found["link"]}
        assert links["self"] == f"http://test/r5/Patient?identifier={id_}"
        assert [each["search"]["mode"] for each in found["entry"]] == ["match"]
        assert found["entry"][0]["fullUrl"] == f"http://test/r5/Patient/{id_}"


async def test_what_a_search_has_to_say_is_an_outcome_without_errors(client: httpx.AsyncClient, id_: str) -> None:
    await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_))
    found = (await client.get(f"/r5/Patient?_id={id_}&shoe-size=44")).json()
    outcomes = [each for each in found["entry"] if each["resource"]["resourceType"] == "OperationOutcome"]
    assert [each["search"]["mode"] for each in outcomes] == ["outcome"]
    severities = {issue["severity"] for each in outcomes for issue in each["resource"]["issue"]}
    assert severities
    assert severities <= {"warning", "information"}


@pytest.mark.parametrize(
    "query", ["birthdate=x", "name:sounds=x", "_count=-1", "_cursor=x", "_include=nothing", "_has:x:y:z=1", "_filter=x"]
)
async def test_a_search_that_cannot_be_done_is_an_error_with_an_outcome(client: httpx.AsyncClient, query: str) -> None:
    for answer in (
        await client.get(f"/r5/Patient?{query}", headers={"Prefer": "handling=strict"}),
        await client.post(f"/r5/Patient/_search?{query}", headers={"Prefer": "handling=strict"}),
    ):
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json()["resourceType"] == "OperationOutcome"


async def test_pages_follow_their_links_and_hold_no_more_than_was_asked_for(
    client: httpx.AsyncClient, id_: str
) -> None:
    for number in range(5):
        await client.put(f"/r5/Patient/{id_}-{number}", json=person(id_, id=f"{id_}-{number}"))
    seen: list[str] = []
    url = f"http://test/r5/Patient?identifier={id_}&_count=2"
    while url:
        page = (await client.get(url)).json()
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert links["self"]
        assert len(page["entry"]) <= 2
        seen += [each["resource"]["id"] for each in page["entry"]]
        url = links.get("next", "")
    assert sorted(seen) == [f"{id_}-{number}" for number in range(5)]


# --- capabilities ---------------------------------------------------------------------------------------------------


async def test_the_statement_of_capabilities_is_the_one_that_mode_names(client: httpx.AsyncClient) -> None:
    full, normative, terminology = [
        (await client.get(f"/r5/metadata?mode={mode}")).json() for mode in ("full", "normative", "terminology")
    ]
    assert (await client.get("/r5/metadata")).json() == full
    assert full["resourceType"] == normative["resourceType"] == "CapabilityStatement"
    types = {each["type"] for each in normative["rest"][0]["resource"]}
    assert {"Patient", "Observation", "ValueSet"} <= types < {each["type"] for each in full["rest"][0]["resource"]}
    assert terminology["resourceType"] == "TerminologyCapabilities"
    assert terminology["implementation"]["url"] == "http://test/r5"
    refused = await client.get("/r5/metadata?mode=everything")
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (400, ["mode"])
    part = (await client.get("/r5/metadata?_elements=fhirVersion")).json()
    assert "rest" not in part or "resource" not in part["rest"][0]


async def test_the_etag_of_the_capabilities_changes_with_them(client: httpx.AsyncClient, serve: Serve) -> None:
    first, again = [await client.get("/r5/metadata") for _ in range(2)]
    etag = first.headers["etag"]
    assert etag.startswith('W/"')
    assert again.headers["etag"] == etag
    assert (await client.get("/r5/metadata", headers={"If-None-Match": etag})).status_code == 304
    assert (await client.get("/r5/metadata?mode=terminology")).headers["etag"] != etag
    async with serve(base_url="http://elsewhere.example") as other:
        assert (await other.get("/r5/metadata")).headers["etag"] != etag


# --- batch and transaction ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "expression"),
    [
        ({"resource": person("1")}, "Bundle.entry[1].request"),
        (entry("POST", "Patient"), "Bundle.entry[1].resource"),
        (entry("PUT", "Patient/x"), "Bundle.entry[1].resource"),
        ({"request": {"method": "GET"}}, "Bundle.entry[1].request.url"),
        ({"request": {"url": "Patient"}}, "Bundle.entry[1].request.method"),
    ],
)
async def test_an_entry_has_a_request_and_what_the_request_needs(
    client: httpx.AsyncClient, id_: str, wrong: Json, expression: str
) -> None:
    right = entry("PUT", f"Patient/{id_}", person(id_, id=id_))
    refused = await client.post("/r5", json=bundle("transaction", right, wrong))
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == [expression]
    assert (await client.get(f"/r5/Patient/{id_}")).status_code == 404
    batch = await client.post("/r5", json=bundle("batch", right, wrong))
    assert statuses(batch) == ["201", "400"]


async def test_a_transaction_is_done_whole_or_refused_whole(client: httpx.AsyncClient, id_: str) -> None:
    right = entry("PUT", f"Patient/{id_}", person(id_, id=id_))
    for wrong in (
        entry("PUT", f"Patient/{id_}-b", person(id_, id=f"{id_}-b", gender="robot")),
        entry("GET", "Patient/none-such"),
        entry("DELETE", f"Patient?identifier={id_}-twice"),
        entry("PUT", f"Patient/{id_}-c", person(id_, id="other")),
    ):
        if "twice" in wrong["request"]["url"]:
            for _ in range(2):
                await client.post("/r5/Patient", json=person(f"{id_}-twice"))
        refused = await client.post("/r5", json=bundle("transaction", right, wrong))
        assert 400 <= refused.status_code < 500
        assert refused.json()["resourceType"] == "OperationOutcome", "one outcome and no Bundle"
        assert (await client.get(f"/r5/Patient/{id_}")).status_code == 404
    empty = await client.post("/r5", json={"resourceType": "Bundle", "type": "transaction"})
    assert (empty.status_code, empty.json()["type"]) == (200, "transaction-response")


async def test_the_order_of_the_entries_makes_no_difference(client: httpx.AsyncClient, id_: str) -> None:
    urn = "urn:uuid:00000000-0000-4000-8000-000000000001"
    for number, order in enumerate(itertools.permutations(range(4))):
        own = f"{id_}-{number}"
        await client.put(f"/r5/Patient/{own}-old", json=person(own, id=f"{own}-old"))
        entries = [
            entry("GET", f"Observation?subject=Patient/{own}"),
            entry("DELETE", f"Patient/{own}-old"),
            entry("POST", "Observation", observation(urn)),
            entry("PUT", f"Patient/{own}", person(own, id=own), fullUrl=urn),
        ]
        answer = await client.post("/r5", json=bundle("transaction", *(entries[at] for at in order)))
        assert [statuses(answer)[order.index(at)] for at in range(4)] == ["200", "204", "201", "201"], order
        assert answer.json()["entry"][order.index(0)]["resource"]["total"] == 1, "reads see the writes"
        assert (await client.get(f"/r5/Patient/{own}-old")).status_code == 410


@pytest.mark.parametrize(
    "pair",
    [
        ("PUT Patient/{id}", "DELETE Patient/{id}"),
        ("PUT Patient/{id}", "PUT Patient/{id}"),
        ("DELETE Patient/{id}", "DELETE Patient/{id}"),
        ("PUT Patient/{id}", "PUT Patient?identifier={id}"),
        ("DELETE Patient?identifier={id}", "PUT Patient/{id}"),
        ("DELETE Patient?identifier={id}", "DELETE Patient/{id}"),
    ],
)
async def test_a_resource_is_in_a_transaction_once(client: httpx.AsyncClient, id_: str, pair: tuple[str, str]) -> None:
    await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_))
    entries = []
    for each in pair:
        method, url = each.format(id=id_).split(" ", 1)
        entries.append(entry(method, url, person(id_, id=id_, active=True) if method == "PUT" else None))
    answer = await client.post("/r5", json=bundle("transaction", *entries))
    assert answer.status_code == 400, answer.text
    assert (await client.get(f"/r5/Patient/{id_}")).headers["etag"] == 'W/"1"'


async def test_links_to_what_gets_an_id_become_links_to_it_wherever_they_stand(client: httpx.AsyncClient) -> None:
    urn, other = (f"urn:uuid:00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{urn}#part">a</a><img src="{urn}" alt="b"/>{urn}</div>'
    holder = observation(
        urn,
        text={"status": "generated", "div": div},
        performer=[{"reference": other}],
        instantiatesCanonical=urn,
        extension=[
            {"url": "urn:example:a", "valueUri": urn},
            {"url": "urn:example:b", "valueUrl": f"{urn}#x"},
            {"url": "urn:example:c", "valueUuid": urn},
            {"url": "urn:example:d", "valueCanonical": urn},
            {"url": "urn:example:e", "valueString": urn},
        ],
    )
    known = {"resourceType": "Practitioner", "name": [{"family": "Elsewhere"}]}
    answer = await client.post(
        "/r5",
        json=bundle(
            "transaction",
            entry("POST", "Observation", holder),
            entry(
                "POST",
                "Patient",
                person("linked", link=[{"other": {"reference": urn}, "type": "seealso"}]),
                fullUrl=urn,
            ),
            entry("POST", "Practitioner", known, fullUrl=other),
        ),
    )
    assert answer.status_code == 200, answer.text
    places = [each["response"]["location"].partition("/_history")[0] for each in answer.json()["entry"]]
    stored = (await client.get(f"/r5/{places[0]}")).json()
    assert stored["subject"]["reference"] == places[1]
    assert stored["performer"][0]["reference"] == places[2]
    assert f'<a href="{places[1]}#part">' in stored["text"]["div"]
    assert f'<img src="{places[1]}"' in stored["text"]["div"]
    assert f">{urn}</div>" in stored["text"]["div"].replace("/>", ">", 1), "text is no link"
    values = [next(value for name, value in each.items() if name != "url") for each in stored["extension"]]
    assert values == [places[1], f"{places[1]}#x", places[1], urn, urn], "neither canonicals nor strings are links"
    assert stored["instantiatesCanonical"] == urn
    itself = (await client.get(f"/r5/{places[1]}")).json()
    assert itself["link"][0]["other"]["reference"] == places[1], "a resource may refer to itself"


async def test_a_conditional_reference_becomes_the_one_that_matches_or_fails_the_transaction(
    client: httpx.AsyncClient, id_: str
) -> None:
    async def send() -> httpx.Response:
        link = f"Patient?identifier=urn:example:mrn|{id_}"
        return await client.post("/r5", json=bundle("transaction", entry("POST", "Observation", observation(link))))

    none = await send()
    assert 400 <= none.status_code < 500
    await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_))
    one = await send()
    stored = (await client.get("/r5/" + one.json()["entry"][0]["response"]["location"])).json()
    assert stored["subject"]["reference"] == f"Patient/{id_}"
    await client.post("/r5/Patient", json=person(id_))
    several = await send()
    assert 400 <= several.status_code < 500
    assert {none.json()["resourceType"], several.json()["resourceType"]} == {"OperationOutcome"}


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_every_entry_has_its_answer_in_its_place(client: httpx.AsyncClient, id_: str, kind: str) -> None:
    await client.put(f"/r5/Patient/{id_}-b", json=person(id_, id=f"{id_}-b"))
    answer = await client.post(
        "/r5",
        json=bundle(
            kind,
            entry("GET", f"Patient/{id_}-b/_history/1"),
            entry("PUT", f"Patient/{id_}", person(id_, id=id_)),
            entry("DELETE", f"Patient/{id_}-none"),
            entry("POST", "Observation", observation(f"Patient/{id_}-b")),
        ),
    )
    assert (answer.status_code, answer.json()["type"]) == (200, f"{kind}-response")
    assert statuses(answer) == ["200", "201", "204", "201"]
    written = answer.json()["entry"][1]["response"]
    assert written["location"].endswith(f"Patient/{id_}/_history/1")
    assert written["etag"] == 'W/"1"'
    assert written["lastModified"]


# --- history --------------------------------------------------------------------------------------------------------


async def test_every_entry_of_a_history_says_how_it_came_and_what_it_was(client: httpx.AsyncClient, id_: str) -> None:
    made = await client.post("/r5/Patient", json=person(id_))
    place = f"/r5/Patient/{made.json()['id']}"
    await client.put(place, json=made.json() | {"active": True})
    await client.delete(place)
    await client.put(place, json=made.json())
    found = (await client.get(f"{place}/_history")).json()
    assert found["type"] == "history"
    assert [link["relation"] for link in found["link"]] == ["self"]
    methods = []
    for each in found["entry"]:
        methods.append(each["request"]["method"])
        assert each["response"]["status"]
        assert each["response"]["lastModified"]
        assert ("resource" in each) == (each["request"]["method"] != "DELETE")
    assert methods == ["PUT", "DELETE", "PUT", "POST"], "oldest last"


@pytest.mark.parametrize("query", ["_count=1&_count=2", "_since=2020-01-01T00:00:00Z&_since=2021-01-01T00:00:00Z"])
async def test_a_parameter_of_a_history_is_there_once(client: httpx.AsyncClient, id_: str, query: str) -> None:
    await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_))
    for path in (f"/r5/Patient/{id_}/_history", "/r5/Patient/_history", "/r5/_history"):
        answer = await client.get(f"{path}?{query}")
        assert answer.status_code == 400, path
        assert answer.json()["issue"][0]["expression"] == [query.partition("=")[0]]


# --- headers --------------------------------------------------------------------------------------------------------


async def test_stamps_of_intermediaries_change_nothing(client: httpx.AsyncClient, id_: str) -> None:
    stamps = {"X-Intermediary": "engine.example"}
    made = await client.put(f"/r5/Patient/{id_}", json=person(id_, id=id_), headers=stamps)
    assert (await client.get(f"/r5/Patient/{id_}", headers=stamps)).json() == made.json()
    assert "x-intermediary" not in made.headers
