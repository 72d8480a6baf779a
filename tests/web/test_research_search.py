"""Studies as a recruiter asks for them: of the seed, and of registry records as the records themselves say it."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
SEED = ROOT / "seed" / "trials" / "NCT02083731.json"
RECORDS = ROOT.parent / "shared" / "trials" / "ctgov_v2"
STRICT = {"Prefer": "handling=strict"}


async def import_(client: httpx.AsyncClient, record: bytes) -> None:
    answer = await client.post(
        "/r5/ResearchStudy/$import-record", content=record, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text


async def found(client: httpx.AsyncClient, query: str, type_: str = "ResearchStudy") -> set[str]:
    """The ids of all that a search finds, page by page."""
    url, ids = f"/r5/{type_}?{query}&_count=40&_elements=id", []
    while url:
        answer = await client.get(url, headers=STRICT)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        ids += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert len(ids) == len(set(ids))
    return set(ids)


# --- one trial --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def seeded(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    """The seed's trial, which takes who is 14 to 65 years old, and a study that says nothing."""
    await import_(shared, SEED.read_bytes())
    await shared.put("/r5/ResearchStudy/bare", json={"resourceType": "ResearchStudy", "id": "bare", "status": "active"})
    return shared


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("age=14", True), ("age=65", True), ("age=13", False), ("age=66", False), ("age=13.99", False),
        ("age=42|http://unitsofmeasure.org|a", True), ("age=168||mo", True), ("age=167||mo", False),
        ("age=5200||d", True), ("age=ge60", True), ("age=gt65", False), ("age=lt14", False), ("age=3,42", True),
        ("age=13&age=42", False), ("age=13,66", False), ("age:missing=false", True), ("age:missing=true", False),
        ("eligible-sex=female", True), ("eligible-sex=male&eligible-sex=female", True),
        ("eligible-sex:not=male", False), ("eligible-sex=http://hl7.org/fhir/administrative-gender|other", True),
        ("healthy-volunteers=false", True), ("healthy-volunteers=true", False), ("healthy-volunteers:not=true", True),
        ("age=42&eligible-sex=female&healthy-volunteers=false&condition:text=CMV", True),
        ("_filter=age eq 42 and not (age eq 70)", True), ("_filter=age eq 70", False), ("_filter=age pr true", True),
        ("eligibility.admits-age=42", True), ("eligibility:Group.admits-age=70", False),
    ],
)  # fmt: skip
async def test_the_first_trial_is_found_by_whom_it_takes(seeded: httpx.AsyncClient, query: str, wanted: bool) -> None:
    assert ("NCT02083731" in await found(seeded, query)) is wanted


async def test_a_study_that_names_no_group_is_found_by_none_and_by_missing(seeded: httpx.AsyncClient) -> None:
    for name in ("age", "eligible-sex", "healthy-volunteers"):
        assert "bare" in await found(seeded, f"{name}:missing=true")
        assert "bare" not in await found(seeded, f"{name}:missing=false")
    assert "bare" not in await found(seeded, "age=42")


async def test_a_study_is_found_by_its_group_as_it_is_now(seeded: httpx.AsyncClient) -> None:
    group = (await seeded.get("/r5/Group/NCT02083731-eligibility")).json()
    older = json.loads(json.dumps(group).replace('"value": 65', '"value": 75'))
    assert (await seeded.put("/r5/Group/NCT02083731-eligibility", json=older)).status_code == 200
    assert "NCT02083731" in await found(seeded, "age=70")
    assert (await seeded.put("/r5/Group/NCT02083731-eligibility", json=group)).status_code == 200
    assert "NCT02083731" not in await found(seeded, "age=70")


async def test_what_leads_to_studies_leads_to_whom_they_take(seeded: httpx.AsyncClient) -> None:
    subject = {
        "resourceType": "ResearchSubject",
        "status": "active",
        "study": {"reference": "ResearchStudy/NCT02083731"},
        "subject": {"reference": "Patient/p"},
        "progress": [
            {
                "subjectState": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/research-subject-state",
                            "code": "candidate",
                        }
                    ]
                }
            }
        ],
    }
    assert (await seeded.put("/r5/Patient/p", json={"resourceType": "Patient", "id": "p"})).status_code in (200, 201)
    answer = await seeded.post("/r5/ResearchSubject", json=subject)
    assert answer.status_code == 201, answer.text
    assert await found(seeded, "study.age=42", "ResearchSubject") == {answer.json()["id"]}
    assert await found(seeded, "study.age=70", "ResearchSubject") == set()
    assert await found(seeded, "_has:ResearchStudy:eligibility:recruiting=false", "Group") == {
        "NCT02083731-eligibility"
    }


def status(code: str, **period: str) -> Json:
    system = "http://hl7.org/fhir/research-study-status"
    return {"state": {"coding": [{"system": system, "code": code}]}, **({"period": period} if period else {})}


@pytest.mark.parametrize(
    ("progress", "wanted"),
    [
        ([status("recruiting")], True),
        ([status("enrolling-by-invitation")], True),
        ([status("not-yet-recruiting")], False),
        ([status("recruiting", end="2020-01-01"), status("completed", start="2020-01-02")], False),
        ([status("recruiting", start="2020-01-01", end="2999-01-01")], True),
        ([status("not-yet-recruiting", end="2998-01-01"), status("recruiting", start="2999-01-01")], False),
        ([status("overall-study", start="2020-01-01")], False),
    ],
)
async def test_recruiting_is_what_holds_today(shared: httpx.AsyncClient, progress: list[Json], wanted: bool) -> None:
    study = {"resourceType": "ResearchStudy", "id": "now", "status": "active", "progressStatus": progress}
    assert (await shared.put("/r5/ResearchStudy/now", json=study)).status_code in (200, 201)
    assert ("now" in await found(shared, "recruiting=true")) is wanted
    assert ("now" in await found(shared, "recruiting=false")) is not wanted


# --- registry records -------------------------------------------------------------------------------------------------

YEARS = {"Year": 1.0, "Month": 1 / 12, "Week": 7 / 365.25, "Day": 1 / 365.25}
OPEN = ("RECRUITING", "ENROLLING_BY_INVITATION")
BERLIN = (52.52, 13.41)


def years(text: str | None) -> float | None:
    """'18 Months' of a record."""
    if text is None:
        return None
    number, unit = text.split()
    return int(number) * YEARS[unit.removesuffix("s")]


def km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the law of haversines."""
    (a, b), (c, d) = (tuple(math.radians(each) for each in pair) for pair in (one, other))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(half))


@pytest.fixture(scope="module")
async def registry(shared: httpx.AsyncClient) -> dict[str, Json]:
    """Some registry records by number, all imported."""
    if not RECORDS.is_dir():
        pytest.skip("no registry records at hand (../shared/trials/ctgov_v2)")
    paths = sorted(RECORDS.glob("*.json"))
    chosen = set(paths[::7])
    # What is rare is among them.
    chosen |= {path for path in paths if b'Months"' in (text := path.read_bytes()) or b'"sex":"MALE"' in text}
    records = {path.stem: json.loads(path.read_bytes())["protocolSection"] for path in sorted(chosen)}
    waiting = sorted(chosen)

    async def worker() -> None:
        while waiting:
            await import_(shared, waiting.pop().read_bytes())

    await asyncio.gather(*(worker() for _ in range(4)))
    return records


@pytest.mark.parametrize("age", [0.1, 1, 6, 17, 18, 42, 65, 66, 90])
async def test_records_are_found_by_the_ages_that_they_name(
    shared: httpx.AsyncClient, registry: dict[str, Json], age: float
) -> None:
    def takes(record: Json) -> bool:
        limits = record.get("eligibilityModule", {})
        low, high = years(limits.get("minimumAge")), years(limits.get("maximumAge"))
        return (low is None or low <= age) and (high is None or age <= high)

    wanted = {number for number, record in registry.items() if takes(record)}
    assert await found(shared, f"age={age}") & registry.keys() == wanted
    assert wanted


@pytest.mark.parametrize(
    ("query", "takes"),
    [
        ("eligible-sex=female", lambda facts: facts.get("sex") != "MALE"),
        ("eligible-sex=female&eligible-sex:not=male", lambda facts: facts.get("sex") == "FEMALE"),
        ("healthy-volunteers=true", lambda facts: facts.get("healthyVolunteers") is True),
        ("healthy-volunteers=false", lambda facts: facts.get("healthyVolunteers") is False),
        ("healthy-volunteers:missing=true", lambda facts: "healthyVolunteers" not in facts),
    ],
)
async def test_records_are_found_by_whom_they_take(
    shared: httpx.AsyncClient, registry: dict[str, Json], query: str, takes: Any
) -> None:
    wanted = {number for number, record in registry.items() if takes(record.get("eligibilityModule", {}))}
    assert await found(shared, query) & registry.keys() == wanted


async def test_records_are_found_by_whether_they_recruit(shared: httpx.AsyncClient, registry: dict[str, Json]) -> None:
    wanted = {number for number, record in registry.items() if record["statusModule"]["overallStatus"] in OPEN}
    assert await found(shared, "recruiting=true") & registry.keys() == wanted
    assert await found(shared, "recruiting=false") & registry.keys() == registry.keys() - wanted


@pytest.mark.parametrize("distance", [30, 300, 1500])
async def test_records_are_found_by_their_sites_near_a_point(
    shared: httpx.AsyncClient, registry: dict[str, Json], distance: int
) -> None:
    def near(record: Json) -> bool:
        sites = record.get("contactsLocationsModule", {}).get("locations", [])
        points = [(site["geoPoint"]["lat"], site["geoPoint"]["lon"]) for site in sites if "geoPoint" in site]
        return any(km(BERLIN, point) <= distance for point in points)

    wanted = {number for number, record in registry.items() if near(record)}
    query = f"near={BERLIN[0]}|{BERLIN[1]}|{distance}|km"
    assert await found(shared, query) & registry.keys() == wanted
    narrow = await found(shared, f"{query}&age=42&recruiting=true&eligible-sex=female")
    each = [await found(shared, one) for one in (query, "age=42", "recruiting=true", "eligible-sex=female")]
    assert narrow == set.intersection(*each)


# --- sites ------------------------------------------------------------------------------------------------------------


ULM, OSLO = {"lat": 48.4, "lon": 9.9}, {"lat": 59.9, "lon": 10.7}
SITES = [
    {"facility": "Open", "city": "Ulm", "country": "Germany", "status": "RECRUITING", "geoPoint": ULM},
    {"facility": "Shut", "city": "Ulm", "country": "Germany", "status": "COMPLETED", "geoPoint": ULM},
    {"facility": "Far", "city": "Oslo", "country": "Norway", "status": "RECRUITING", "geoPoint": OSLO},
]


@pytest.fixture(scope="module")
async def sited(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    record = json.loads(SEED.read_text().replace("NCT02083731", "NCT90000041"))
    record["protocolSection"]["contactsLocationsModule"] = {"locations": SITES}
    record["protocolSection"]["statusModule"]["overallStatus"] = "RECRUITING"
    await import_(shared, json.dumps(record).encode())
    return shared


@pytest.mark.parametrize(
    ("query", "study", "sites"),
    [
        ("recruiting=true", True, set()),
        ("near=48.4|9.9|5|km", True, set()),
        ("recruiting=true&near=48.4|9.9|5|km&part-of:missing=false", False, {"Open"}),
        ("recruiting=false&part-of=ResearchStudy/NCT90000041", False, {"Shut"}),
        ("recruiting=true&part-of.age=42", False, {"Open", "Far"}),
        ("near=59.9|10.7|5|km&part-of:missing=true", True, set()),
        ("age=42", True, set()),
        ("status=active", True, {"Open", "Shut", "Far"}),
    ],
)
async def test_studies_are_found_and_sites_where_they_are_asked_for(
    sited: httpx.AsyncClient, query: str, study: bool, sites: set[str]
) -> None:
    ids = await found(sited, query)
    assert ("NCT90000041" in ids) == study
    assert {id_.split("-")[2].capitalize() for id_ in ids if id_.startswith("NCT90000041-site-")} == sites


async def test_r4_keeps_sites_apart_too(sited: httpx.AsyncClient) -> None:
    answer = await sited.get("/r4/ResearchStudy?recruiting=true&identifier=NCT90000041", headers=STRICT)
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["NCT90000041"]
    answer = await sited.get("/r4/ResearchStudy?recruiting=true&partof=ResearchStudy/NCT90000041", headers=STRICT)
    assert len(answer.json()["entry"]) == 2
