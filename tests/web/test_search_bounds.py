"""What a search leads to on its way is bounded: each way answers up to max_chained, and says too-costly beyond it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from pymongo import MongoClient

from fhirserver.interactions import resolve
from fhirserver.settings import Settings
from fhirserver.store.embedded import Mongod
from tests.web.conftest import Json, calling

MOST = 6
CODED = {"coding": [{"system": "urn:c", "code": "1"}]}


def ref(text: str) -> Json:
    return {"reference": text}


def made(count: int, mark: str) -> list[Json]:
    """Patients, each with an Observation, of one doctor, in a Group, a List and a CareTeam, and with a Group each."""
    patients = [f"{mark}{n}" for n in range(count)]
    members = [ref(f"Patient/{id_}") for id_ in patients]
    coded = {"coding": [{"system": "urn:c", "code": mark}]}
    return [
        {"resourceType": "Practitioner", "id": mark, "identifier": [{"system": "urn:d", "value": mark}]},
        {"resourceType": "Patient", "id": f"{mark}-alone"},
        *(
            {"resourceType": "Patient", "id": id_, "identifier": [{"value": mark}], "gender": "female"}
            | {"generalPractitioner": [ref(f"Practitioner/{mark}")]}
            for id_ in patients
        ),
        *(
            {"resourceType": "Observation", "id": id_, "status": "final", "code": coded}
            | {"subject": ref(f"Patient/{id_}")}
            for id_ in patients
        ),
        {"resourceType": "Group", "id": mark, "type": "person", "membership": "enumerated", "code": coded}
        | {"member": [{"entity": each} for each in members]},
        *(
            {"resourceType": "Group", "id": id_, "type": "person", "membership": "enumerated"}
            | {"member": [{"entity": ref(f"Patient/{mark}-alone")}]}
            for id_ in patients
        ),
        {"resourceType": "List", "id": mark, "status": "current", "mode": "working"}
        | {"entry": [{"item": each} for each in members]},
        {"resourceType": "CareTeam", "id": mark, "participant": [{"member": each} for each in members]},
    ]  # fmt: skip


@pytest.fixture(scope="module")
async def bounded(mongod: Mongod, module_database: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(mongodb_uri=mongod.uri, database=module_database, max_chained=MOST)
    async with calling(settings, mongod.uri) as client:
        for count, mark in ((MOST, "fits"), (MOST + 1, "much")):
            entries = [
                {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
                for each in made(count, mark)
            ]
            answer = await client.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
            assert answer.status_code == 200, answer.text
        yield client


WAYS = [
    ("Group?member:Patient.identifier={}", "Patient"),
    ("Patient?_has:Observation:patient:code={}", "Observation"),
    ("Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code={}", "Observation"),
    ("Patient?_has:Group:member:code={}", "Group"),
    ("Patient?_has:Group:member:_id={}", "Group"),
    ("Group?member=Patient/{}-alone", "Group"),
    ("Patient?_list={}", "List"),
    ("Patient?_in=Group/{}", "Group"),
    ("Patient?_in=CareTeam/{}", "CareTeam"),
    ("Observation?patient._list={}", "List"),
    ("Observation?patient._in=Group/{}", "Group"),
    ("Observation?subject:in=Group/{}", "Group"),
    ("Observation?subject:not-in=List/{}", "List"),
    ('Observation?_filter=patient.identifier eq {0} or code eq "none"', "Patient"),
    ("Observation?_filter=patient._list eq {}", "List"),
    ("?_type=Observation,Encounter&patient.identifier={}", "Patient"),
    ("?_list={}", "List"),
    ("Patient/fits0/Observation?patient.identifier={}", "Patient"),
    ("Patient/{0}-alone/*?_type=Group", "Group"),
    ("Observation?patient.identifier={}&_summary=count", "Patient"),
    ("Observation?patient.identifier={}&_total=accurate&_count=3", "Patient"),
]
PROBED = [
    "Observation?patient.identifier={}",
    "Observation?subject:Patient.identifier={}",
    "Observation?patient.general-practitioner:Practitioner.identifier={}",
    "Observation?_filter=not (patient[identifier eq {0}].gender eq male)&patient.identifier={0}",
    "Observation?patient.identifier={}&_sort=-_lastUpdated",
    "Observation?patient.identifier={}&patient.gender=female",
]


@pytest.mark.parametrize(("search", "about"), WAYS)
async def test_every_way_to_other_resources_is_bounded(bounded: httpx.AsyncClient, search: str, about: str) -> None:
    fits = await bounded.get(f"/r5/{search.format('fits')}")
    assert fits.status_code == 200, fits.text
    assert fits.json()["total"] > 0 or "Patient/fits0/" in search
    much = await bounded.get(f"/r5/{search.format('much')}")
    (issue,) = much.json()["issue"]
    assert (much.status_code, issue["code"]) == (422, "too-costly")
    assert f"about {about} leads to more than {MOST} resources" in issue["diagnostics"]
    assert "max_chained" in issue["diagnostics"]


@pytest.mark.parametrize("search", PROBED)
async def test_a_chain_that_stands_for_itself_needs_no_bound(bounded: httpx.AsyncClient, search: str) -> None:
    for mark, count in (("fits", MOST), ("much", MOST + 1)):
        answer = await bounded.get(f"/r5/{search.format(mark)}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["total"] == count


async def test_all_ways_of_one_search_share_the_room(bounded: httpx.AsyncClient) -> None:
    both = "Observation?patient.identifier=fits&encounter.identifier=fits"
    assert (await bounded.get(f"/r5/{both}")).status_code == 200
    twice = "_filter=patient.identifier eq fits and patient.gender eq female&_summary=count"
    assert (await bounded.get(f"/r5/Observation?{twice}")).status_code == 422


async def test_conditions_of_writes_are_bounded_too(bounded: httpx.AsyncClient) -> None:
    for method, headers in (("DELETE", {}), ("PUT", {}), ("POST", {"If-None-Exist": "patient.identifier=much"})):
        url = "/r5/Observation" if headers else "/r5/Observation?patient.identifier=much"
        body = {"resourceType": "Observation", "status": "final", "code": CODED}
        answer = await bounded.request(method, url, json=None if method == "DELETE" else body, headers=headers)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-costly"), method


async def test_a_patient_in_many_groups_is_said_to_be(bounded: httpx.AsyncClient) -> None:
    assert (await bounded.get("/r5/Patient/fits-alone/$everything")).status_code == 200
    much = await bounded.get("/r5/Patient/much-alone/$everything")
    assert (much.status_code, much.json()["issue"][0]["code"]) == (422, "too-costly")


NAMES = ("Anna van der Berg", "Bo Bergman", "Cy Strand")


def person(number: int, name: str) -> Json:
    *given, family = name.split(" ", 1)
    return {
        "resourceType": "Patient",
        "id": f"n{number}",
        "name": [{"family": family, "given": given}],
        "address": [{"line": [f"{family} street {number}"], "city": "Oslo"}],
        "gender": "female",
    }


@pytest.fixture(scope="module")
async def crowded(mongod: Mongod) -> AsyncIterator[httpx.AsyncClient]:
    """A server with more Patients than it looks through one by one."""
    name = f"test_{uuid.uuid4().hex}"
    settings = Settings(mongodb_uri=mongod.uri, database=name, max_scanned=len(NAMES) - 1)
    async with calling(settings, mongod.uri) as client:
        for number, each in enumerate(NAMES):
            made = person(number, each)
            assert (await client.put(f"/r5/Patient/{made['id']}", json=made)).status_code == 201
        yield client
    with MongoClient[Json](mongod.uri) as mongo:
        mongo.drop_database(name)


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("name:contains=erg", ["n0", "n1"]),
        ("name:contains=an", ["n0", "n1", "n2"]),
        ("phonetic:contains=nn", ["n0"]),
        ("family:contains=d", ["n0", "n2"]),
        ("family:contains=er%20be", ["n0"]),
        ("family:text=berg", ["n0"]),
        ("name:text=der", ["n0"]),
        ("given:text=an*", ["n0"]),
        ("address:contains=stre", ["n0", "n1", "n2"]),
        ("address:contains=et%201", ["n1"]),
        ("address-city:contains=SL", ["n0", "n1", "n2"]),
        ("address-city:contains=x", []),
        ("address-city:text=slo", []),
        ("address:text=street", ["n0", "n1", "n2"]),
        ("address:text=street 2", ["n2"]),
        ("address:text=street&_sort=family", ["n0", "n1", "n2"]),
        ("address:contains=stre&gender:not=male", ["n0", "n1", "n2"]),
        ("address:contains=stre&gender=female", ["n0", "n1", "n2"]),
        ("address:contains=stre&name=strand", ["n2"]),
        ("address:contains=et 2,xyz", ["n2"]),
        ("_filter=address co strand", ["n2"]),
        ("_filter=address ew 2", None),
        ("_filter=address ew 2 and family eq strand", ["n2"]),
        ("general-practitioner.name:contains=e", []),
        ("_source:contains=x", []),
    ],
)
async def test_what_no_index_answers_is_refused_in_a_large_store(
    crowded: httpx.AsyncClient, search: str, ids: list[str] | None
) -> None:
    answer = await crowded.get(f"/r5/Patient?{search}")
    if ids is not None:
        assert answer.status_code == 200, answer.text
        assert sorted(entry["resource"]["id"] for entry in answer.json().get("entry", [])) == ids
        return
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["code"]) == (422, "too-costly")
    assert "more than 2 of Patient to look through" in issue["diagnostics"]


@pytest.mark.parametrize(
    "search",
    [
        "family:contains=d",
        "address:contains=stre",
        "address:text=street",
        "address:text=street&_sort=family",
        "address:contains=stre&gender:not=male",
        "address:contains=stre,xyz",
        "_filter=address co strand",
        "address:contains=stre&_summary=count",
    ],
)
async def test_many_different_values_are_not_sought_one_by_one(
    crowded: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    monkeypatch.setattr(resolve, "MOST_VALUES", len(NAMES) - 1)
    answer = await crowded.get(f"/r5/Patient?{search}")
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["code"]) == (422, "too-costly")
    assert "more than 2 of Patient to look through" in issue["diagnostics"]


async def test_values_that_are_sought_count_page_and_are_found_again(crowded: httpx.AsyncClient) -> None:
    counted = await crowded.get("/r5/Patient?address:contains=stre&_summary=count")
    assert counted.json()["total"] == len(NAMES)
    url, found = "http://test/r5/Patient?address:contains=stre&_count=1", []
    while url:
        bundle = (await crowded.get(url)).json()
        found += [entry["resource"]["id"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert sorted(found) == ["n0", "n1", "n2"]
    # What came since is found, also far behind the end of its posting.
    late = person(3, "Di Lund") | {"address": [{"line": ["long " * 40 + "strewn"], "city": "Strehlen"}]}
    try:
        assert (await crowded.put("/r5/Patient/n3", json=late)).status_code == 201
        for search in ("address:contains=strew", "address-city:contains=streh", "address:text=strewn"):
            (entry,) = (await crowded.get(f"/r5/Patient?{search}")).json()["entry"]
            assert entry["resource"]["id"] == "n3"
    finally:
        await crowded.delete("/r5/Patient/n3")


async def test_a_refusal_says_what_would_help(crowded: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "MOST_VALUES", 0)
    for search, remedy in (
        ("address:contains=stre", "have 'Patient.address' added to the setting contains_index"),
        ("name:contains=e", "ask for two letters and more"),
        ("_filter=address ew 2", "narrow the search down by another parameter"),
    ):
        (issue,) = (await crowded.get(f"/r5/Patient?{search}")).json()["issue"]
        assert remedy in issue["diagnostics"]
