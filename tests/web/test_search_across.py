"""Searches over all types, over some, and in compartments: what they find, page by page, and what they refuse."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import httpx
import pytest

from fhirserver.resources.registry import compartments
from tests.web.conftest import Json, Serve

STRICT = {"Prefer": "handling=strict"}
TAG = {"system": "urn:x", "code": "across"}
CODED = {"coding": [{"system": "urn:c", "code": "1"}]}
CLINICAL = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}


def ref(text: str) -> Json:
    return {"reference": text}


PATIENT = ref("Patient/p")
RESOURCES: list[Json] = [
    {"resourceType": "Patient", "id": "p", "gender": "female", "generalPractitioner": [ref("Practitioner/d")]},
    {"resourceType": "Patient", "id": "q", "link": [{"other": PATIENT, "type": "seealso"}]},
    {"resourceType": "Practitioner", "id": "d", "gender": "female"},
    *(
        {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": CODED, "subject": PATIENT}
        for n in range(5)
    ),
    {"resourceType": "Observation", "id": "elsewhere", "status": "final", "code": CODED, "subject": ref("Patient/q")},
    {"resourceType": "Observation", "id": "by", "status": "final", "code": CODED, "performer": [PATIENT]},
    {"resourceType": "Observation", "id": "p", "status": "amended", "code": {"text": "the same id"}},
    *(
        {"resourceType": "Condition", "id": f"c{n}", "clinicalStatus": CLINICAL, "code": CODED, "subject": PATIENT}
        for n in range(3)
    ),
    {"resourceType": "Encounter", "id": "e", "status": "completed", "subject": ref("http://test/r5/Patient/p")},
    {"resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated", "member": [{"entity": PATIENT}]},
    {"resourceType": "Medication", "id": "m", "code": CODED},
]  # fmt: skip
NAMES = {f"{each['resourceType']}/{each['id']}" for each in RESOURCES}


@pytest.fixture(scope="module")
async def filled(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    entries = [
        {
            "resource": each | {"meta": {"tag": [TAG]}},
            "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"},
        }
        for each in RESOURCES
    ]
    # Several in one transaction: many have the same instant.
    for some in (entries[:6], entries[6:]):
        answer = await shared.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": some})
        assert answer.status_code == 200, answer.text
    return shared


def names(bundle: Json, mode: str = "match") -> list[str]:
    return [
        f"{each['resource']['resourceType']}/{each['resource']['id']}"
        for each in bundle.get("entry", ())
        if each["search"]["mode"] == mode
    ]


def link(bundle: Json, relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


async def searched(client: httpx.AsyncClient, path: str, **params: str) -> Json:
    """By GET and by a form, which say the same."""
    query = urlencode(params)
    found = await client.get(f"/r5{path}?{query}", headers=STRICT)
    assert found.status_code == 200, found.text
    form = {"Content-Type": "application/x-www-form-urlencoded", **STRICT}
    place = path.removesuffix("/*")
    posted = await client.post(f"/r5{place}/_search", content=query, headers=form)
    assert posted.status_code == 200, posted.text
    bundle: Json = found.json()
    assert posted.json().get("entry") == bundle.get("entry")
    assert posted.json()["link"][0] == bundle["link"][0]
    return bundle


async def walked(client: httpx.AsyncClient, url: str) -> list[list[str]]:
    pages = []
    following: str | None = url
    while following is not None:
        answer = await client.get(following)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        pages.append(names(bundle))
        assert len(pages) < 50
        following = link(bundle, "next")
    return pages


# --- all types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"_tag": "urn:x|across"}, NAMES),
        ({}, NAMES),
        ({"_id": "p"}, {"Patient/p", "Observation/p"}),
        ({"_type": "Patient,Practitioner", "gender": "female"}, {"Patient/p", "Practitioner/d"}),
        ({"_type": "Condition,Observation", "code": "urn:c|1", "patient": "q"}, {"Observation/elsewhere"}),
        ({"_type": "Observation,Condition", "subject:Patient.gender": "female", "_id": "o1"}, {"Observation/o1"}),
        ({"_type": "Patient", "_has:Observation:patient:status": "final"}, {"Patient/p", "Patient/q"}),
        ({"_type": "Device"}, set()),
        ({"_id": "o1", "_lastUpdated": "gt2020"}, {"Observation/o1"}),
        ({"_id:not": "p", "_type": "Patient"}, {"Patient/q"}),
        ({"_filter": "_id eq p or _id eq m"}, {"Patient/p", "Observation/p", "Medication/m"}),
        ({"_in": "Group/g"}, {"Patient/p"}),
    ],
)  # fmt: skip
async def test_what_the_types_have_in_common_searches_them_all(
    filled: httpx.AsyncClient, params: dict[str, str], found: set[str]
) -> None:
    bundle = await searched(filled, "", **params)
    assert set(names(bundle)) == found
    assert bundle["total"] == len(found)
    assert (
        link(bundle, "self")
        == f"http://test/r5{'?' if params else ''}{urlencode(params, safe=':/,~*$', quote_via=quote)}"
    )


@pytest.mark.parametrize(
    ("sort", "count"),
    [
        *((sort, 4) for sort in ("", "_id", "-_id", "_lastUpdated", "-_lastUpdated", "-_lastUpdated,_id")),
        ("", 1),
        ("-_lastUpdated", 1),
        ("_lastUpdated,-_id", len(NAMES)),
    ],
)
async def test_pages_neither_repeat_nor_skip(filled: httpx.AsyncClient, sort: str, count: int) -> None:
    order = f"&_sort={sort}" if sort else ""
    pages = await walked(filled, f"/r5?_tag=urn:x|across&_count={count}{order}")
    assert all(len(page) == count for page in pages[:-1])
    assert pages[-1]
    whole = [name for page in pages for name in page]
    assert sorted(whole) == sorted(NAMES)
    first = (await filled.get(f"/r5?_tag=urn:x|across&_count=100{order}")).json()
    assert names(first) == whole
    keys = [(e["resource"]["meta"]["lastUpdated"], e["resource"]["id"]) for e in first["entry"]]
    match sort:
        case "":
            assert [name.partition("/")[0] for name in whole] == sorted(name.partition("/")[0] for name in whole)
        case "_id" | "-_id":
            assert [id_ for _, id_ in keys] == sorted((id_ for _, id_ in keys), reverse=sort[0] == "-")
        case "_lastUpdated" | "-_lastUpdated":
            assert keys == sorted(keys, reverse=sort[0] == "-")
        case _:
            times = [at for at, _ in keys]
            assert times == sorted(times, reverse=sort[0] == "-")


async def test_a_page_that_ends_with_its_type_leads_to_the_next_type(filled: httpx.AsyncClient) -> None:
    pages = await walked(filled, "/r5?_type=Condition,Encounter,Patient&_count=3")
    assert [len(page) for page in pages] == [3, 3]
    assert (await walked(filled, "/r5?_type=Condition,Device&_count=3")) == [
        ["Condition/c0", "Condition/c1", "Condition/c2"]
    ]


async def test_results_are_shaped_as_those_of_one_type(filled: httpx.AsyncClient) -> None:
    counted = await searched(filled, "", _tag="urn:x|across", _summary="count")
    assert (counted["total"], "entry" in counted, link(counted, "next")) == (len(NAMES), False, None)
    assert (await searched(filled, "", _tag="urn:x|across", _count="0"))["total"] == len(NAMES)
    first = await searched(filled, "", _tag="urn:x|across", _count="2", _total="accurate", _summary="true")
    assert first["total"] == len(NAMES)
    assert all(each["resource"]["meta"]["tag"][-1]["code"] == "SUBSETTED" for each in first["entry"])
    assert "total" not in await searched(filled, "", _tag="urn:x|across", _count="2")
    more = await searched(
        filled,
        "",
        _type="Observation,Encounter",
        _id="o1,e",
        _include="Observation:subject",
        _revinclude="Group:member",
    )
    assert names(more, "include") == ["Patient/p"]
    every = await searched(filled, "", _type="Patient,Practitioner", _id="p", _revinclude="*")
    assert set(names(every, "include")) >= {"Group/g", "Observation/o1", "Condition/c0", "Patient/q"}
    parts = await searched(filled, "", _type="Patient,Observation", _id="p", _elements="gender,status")
    assert [sorted(e["resource"].keys() - {"resourceType", "id", "meta"}) for e in parts["entry"]] == [
        ["code", "status"],
        ["gender"],
    ]


@pytest.mark.parametrize(
    ("query", "name", "says"),
    [
        ("code=1", "code", "name those to be searched, as in _type=Patient,Group"),
        ("nothing=1", "nothing", "no search parameter of every type"),
        ("_type=Observation,Patient&code=1", "code", "Patient has no search parameter 'code'"),
        ("_type=Patient,Practitioner&_include=Patient:nothing", "_include", "no search parameter 'nothing'"),
    ],
)
async def test_what_the_types_do_not_have_in_common_is_unknown(
    filled: httpx.AsyncClient, query: str, name: str, says: str
) -> None:
    refusal = await filled.get(f"/r5?{query}", headers=STRICT)
    (issue,) = refusal.json()["issue"]
    assert (refusal.status_code, issue["code"], issue["expression"]) == (400, "not-supported", [name])
    assert says in issue["diagnostics"]
    lenient = (await filled.get(f"/r5?{query}")).json()
    (issue,) = lenient["entry"][-1]["resource"]["issue"]
    assert (issue["severity"], issue["expression"]) == ("warning", [name])
    assert name not in str(link(lenient, "self"))


@pytest.mark.parametrize(
    ("path", "name", "says"),
    [
        ("?_type=Nonsense", "_type", "no resource type"),
        ("?_type=Patient&_type=Group", "_type", "write _type=Patient,Group"),
        ("?_type:not=Patient", "_type", "without modifiers"),
        ("?_sort=date&_type=Observation,Encounter", "_sort", "sort by _lastUpdated or _id"),
        ("?_id=a/b", "_id", "no id"),
        ("?_count=x", "_count", "whole number"),
        ("?_count=1&_count=2", "_count", "there twice"),
        ("?_cursor=abc", "_cursor", "page position"),
        ("?_query=x", "_query", "no named queries"),
        ("?_contained=true", "_contained", "by a chain"),
        ("?_include=Observation:subject&_type=Patient,Group", "_include", "begin there"),
        ("?_elements=nonsense", "_elements", "no such element"),
        ("/Patient?_type=Observation", "_type", "the address names the type"),
        ("/Patient/p/Observation?_type=Observation", "_type", "the address names the type"),
        ("/Patient/p/Observation?nothing=1", "nothing", "no search parameter"),
    ],
)
async def test_what_cannot_be_understood_is_refused(filled: httpx.AsyncClient, path: str, name: str, says: str) -> None:
    answer = await filled.get(f"/r5{path}", headers=STRICT)
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["expression"]) == (400, [name])
    assert says in issue["diagnostics"]


async def test_a_position_is_good_for_its_own_search_alone(filled: httpx.AsyncClient) -> None:
    first = (await filled.get("/r5?_tag=urn:x|across&_count=2")).json()
    token = str(link(first, "next")).partition("_cursor=")[2]
    for path in ("?_count=2", "/Patient?_tag=urn:x|across&_count=2", "/Patient/p/*?_tag=urn:x|across&_count=2"):
        answer = await filled.get(f"/r5{path}&_cursor={token}")
        assert answer.status_code == 400, path


async def test_an_empty_server_is_searched_too(serve: Serve) -> None:
    async with serve() as client:
        for path in ("", "?_type=Patient&name=x", "/Patient/p/*", "/Patient/p/Observation"):
            assert (await client.get(f"/r5{path}")).json()["total"] == 0


# --- compartments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "params", "found"),
    [
        ("/Patient/p/Observation", {}, {f"Observation/o{n}" for n in range(5)} | {"Observation/by"}),
        ("/Patient/p/Observation", {"_sort": "-_id", "_count": "2"}, {"Observation/o4", "Observation/o3"}),
        ("/Patient/p/Observation", {"code": "urn:c|1", "_id": "o1,elsewhere"}, {"Observation/o1"}),
        ("/Patient/p/Condition", {"code": "urn:c|2"}, set()),
        ("/Patient/p/Encounter", {}, {"Encounter/e"}),
        ("/Patient/p/Patient", {}, {"Patient/p", "Patient/q"}),
        ("/Patient/p/Group", {}, {"Group/g"}),
        ("/Patient/nobody/Observation", {}, set()),
        ("/Practitioner/d/Patient", {}, {"Patient/p"}),
        ("/Patient/p/*", {"_type": "Encounter,Medication,Patient"}, {"Encounter/e", "Patient/p", "Patient/q"}),
        ("/Patient/p/*", {"_id": "p,q,o1"}, {"Patient/p", "Patient/q", "Observation/o1"}),
        ("/Patient/q/*", {}, {"Patient/q", "Observation/elsewhere"}),
        ("/Patient/p/*", {"_type": "Medication"}, set()),
        ("/Patient/p/*", {"_type": "Condition,Observation", "code": "urn:c|1", "_id": "c0"}, {"Condition/c0"}),
    ],
)  # fmt: skip
async def test_a_compartment_is_searched(
    filled: httpx.AsyncClient, path: str, params: dict[str, str], found: set[str]
) -> None:
    bundle = await searched(filled, path, **params)
    assert set(names(bundle)) == found
    assert str(link(bundle, "self")).startswith(f"http://test/r5{path}")


async def test_a_whole_compartment_comes_in_pages(filled: httpx.AsyncClient) -> None:
    for order in ("", "&_sort=-_lastUpdated"):
        pages = await walked(filled, f"/r5/Patient/p/*?_count=4{order}")
        whole = [name for page in pages for name in page]
        assert [len(page) for page in pages] == [4, 4, 4, 1]
        assert sorted(whole) == sorted(
            {*NAMES} - {"Medication/m", "Observation/elsewhere", "Observation/p", "Practitioner/d"}
        )


@pytest.mark.parametrize("compartment", sorted(compartments("R5")))
async def test_every_compartment_of_the_definitions_is_there(filled: httpx.AsyncClient, compartment: str) -> None:
    for type_ in compartments("R5")[compartment]:
        answer = await filled.get(f"/r5/{compartment}/x/{type_}", headers=STRICT)
        assert answer.status_code == 200, (compartment, type_, answer.text)
    element = "encounter" if compartment == "Encounter" else "author"
    form = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "http://acme.org/q"}
    body = form | {"id": f"of-{compartment}", element: ref(f"{compartment}/x")}
    assert (await filled.put(f"/r5/QuestionnaireResponse/of-{compartment}", json=body)).status_code == 201
    for inner in ("*", "QuestionnaireResponse"):
        assert names((await filled.get(f"/r5/{compartment}/x/{inner}")).json()) == [
            f"QuestionnaireResponse/of-{compartment}"
        ]
    await filled.delete(f"/r5/QuestionnaireResponse/of-{compartment}")


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/Patient/p/Medication", 404, "holds no Medication"),
        ("GET", "/Patient/p/Nonsense", 404, "no resource type 'Nonsense'"),
        ("GET", "/Observation/o1/Patient", 404, "has no compartment: Device, Encounter"),
        ("GET", "/Nonsense/o1/Patient", 404, "no resource type 'Nonsense'"),
        ("GET", "/Patient/a%20b/Observation", 400, "no id"),
        ("PUT", "/Patient/p/Observation", 405, "GET, HEAD, OPTIONS"),
        ("POST", "/Observation/o1/_search", 404, "has no compartment"),
    ],
)
async def test_what_is_no_compartment_is_refused(
    filled: httpx.AsyncClient, method: str, path: str, status: int, says: str
) -> None:
    answer = await filled.request(method, f"/r5{path}")
    assert answer.status_code == status, answer.text
    assert says in answer.json()["issue"][0]["diagnostics"]


async def test_options_say_what_an_address_takes(filled: httpx.AsyncClient) -> None:
    rows = (
        ("", "GET, HEAD, OPTIONS, POST"),
        ("/Patient/p/Observation", "GET, HEAD, OPTIONS"),
        ("/Patient/p/*", "GET, HEAD, OPTIONS"),
        ("/Patient/p/_search", "OPTIONS, POST"),
        ("/_search", "OPTIONS, POST"),
    )
    for path, methods in rows:
        assert (await filled.options(f"/r5{path}")).headers["allow"] == methods, path
    for path in ("/Patient/p/Medication", "/Observation/o1/Patient", "/Observation/o1/_search"):
        assert (await filled.options(f"/r5{path}")).status_code == 404, path


async def test_a_bundle_may_hold_such_searches(filled: httpx.AsyncClient) -> None:
    urls = ["Patient/p/Observation?_id=o1", "Patient/p/*?_type=Condition", "?_type=Patient,Practitioner&gender=female"]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    for kind in ("batch", "transaction"):
        answer = await filled.post("/r5", json={"resourceType": "Bundle", "type": kind, "entry": entries})
        assert answer.status_code == 200, answer.text
        found = [names(entry["resource"]) for entry in answer.json()["entry"]]
        assert found[0] == ["Observation/o1"]
        assert found[1] == ["Condition/c0", "Condition/c1", "Condition/c2"]
        assert found[2] == ["Patient/p", "Practitioner/d"]
    sorted_ = [{"request": {"method": "GET", "url": "Patient/p/*?_sort=-_id&_count=2"}}]
    body = {"resourceType": "Bundle", "type": "transaction", "entry": sorted_}
    found = (await filled.post("/r5", json=body)).json()["entry"][0]["resource"]
    assert names(found) == ["Patient/q", "Patient/p"]


async def test_such_a_search_is_explained_type_by_type(filled: httpx.AsyncClient) -> None:
    for path in ("?_type=Observation,Patient&_id=p", "/Patient/p/*?_type=Observation,Patient&_id=p"):
        bundle = (await filled.get(f"/r5{path}&_explain=true")).json()
        issues = bundle["entry"][-1]["resource"]["issue"]
        trees = [each["diagnostics"] for each in issues if each["details"]["text"] == "explain-search"]
        assert [tree.split()[1] for tree in trees] == ["Observation", "Patient"], trees
        assert any(each["details"]["text"] == "explain-query" for each in issues)
