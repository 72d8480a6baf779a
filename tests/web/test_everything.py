"""$everything: the whole record, each resource once however it is paged, and what a page costs."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from pymongo import MongoClient

from fhirserver.resources.registry import compartments
from fhirserver.search.includes import Local, references
from fhirserver.search.results import Include
from fhirserver.settings import Settings
from fhirserver.store.embedded import Mongod
from tests.web.conftest import Json, Serve

TEXT = {"text": "x"}
ACTIVE = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}


def ref(place: str) -> Json:
    return {"reference": place}


async def put(client: httpx.AsyncClient, *resources: Json) -> None:
    entry = [
        {"request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}, "resource": one}
        for one in resources
    ]
    answer = await client.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entry})
    assert answer.status_code == 200, answer.text


async def pages(client: httpx.AsyncClient, url: str) -> list[Json]:
    found: list[Json] = []
    while url:
        answer = await client.get(url)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        url = next((link["url"] for link in found[-1]["link"] if link["relation"] == "next"), "")
    return found


def names(bundles: list[Json], mode: str | None = None) -> list[str]:
    return [
        entry["fullUrl"].removeprefix("http://test/r5/")
        for bundle in bundles
        for entry in bundle.get("entry", ())
        if mode in (None, entry["search"]["mode"])
    ]


def made(type_: str, id_: str, **more: Any) -> Json:
    return {"resourceType": type_, "id": id_, **more}


def observation(id_: str, patient: str, **more: Any) -> Json:
    return made("Observation", id_, status="final", code=TEXT, subject=ref(f"Patient/{patient}"), **more)


def record(chance: random.Random) -> list[Json]:
    """Two patients' resources, mixed, and what they refer to."""
    found = [made("Patient", "a", generalPractitioner=[ref("Practitioner/p0")]), made("Patient", "b")]
    found.append(made("Patient", "linked", link=[{"other": ref("Patient/a"), "type": "seealso"}]))
    found += [made("Practitioner", f"p{at}") for at in range(6)]
    found += [made("Organization", f"o{at}", name="x") for at in range(4)]
    found += [
        made(
            "PractitionerRole",
            f"r{at}",
            practitioner=ref(f"Practitioner/p{at}"),
            organization=ref(f"Organization/o{at}"),
        )
        for at in range(3)
    ]
    found += [made("Location", f"l{at}") for at in range(3)]
    found.append(made("Binary", "scan", contentType="text/plain", data="eA=="))
    for at in range(12):
        who = chance.choice("ab")
        found.append(made(
            "Encounter", f"e{at}", status="completed", subject=ref(f"Patient/{who}"),
            location=[{"location": ref(f"Location/l{chance.randrange(3)}")}],
            serviceProvider=ref(f"Organization/o{chance.randrange(4)}"),
        ))  # fmt: skip
    for at in range(60):
        subject = chance.choice(["a", "a", "b"])
        more: Json = {
            "performer": [ref(chance.choice(["Practitioner/p", "PractitionerRole/r"]) + str(chance.randrange(3)))]
        }
        if chance.random() < 0.5:
            more["encounter"] = ref(f"Encounter/e{chance.randrange(12)}")
        if chance.random() < 0.2:
            more["performer"].append(ref("http://test/r5/Patient/a"))
        found.append(observation(f"{at:03}", subject, **more))
    found.append(observation("elsewhere", "c", performer=[ref("http://other.example.org/r5/Patient/a")]))
    found.append(made("Group", "g", type="person", membership="enumerated", managingEntity=ref("Organization/o3"),
                      member=[{"entity": ref(f"Patient/{who}")} for who in ("b", "a")]))  # fmt: skip
    found.append(made("DocumentReference", "d", status="current", subject=ref("Patient/a"),
                      content=[{"attachment": {"url": "Binary/scan"}}]))  # fmt: skip
    found.append(made("RelatedPerson", "rp", patient=ref("Patient/a")))
    chance.shuffle(found)
    return found


def expected(resources: list[Json], patient: str) -> tuple[set[str], set[str]]:
    """The compartment by the definitions' own words, and what it refers to, without any index."""
    by_name = {f"{one['resourceType']}/{one['id']}": one for one in resources}
    inside = {f"Patient/{patient}"}
    for name, one in by_name.items():
        type_ = one["resourceType"]
        for code in compartments("R5")["Patient"].get(type_, ()):
            if code != "{def}":
                found = references("R5", Include(type_, code), one, ["http://test/r5"])
                if any(isinstance(each, Local) and (each.type, each.id) == ("Patient", patient) for each in found):
                    inside.add(name)

    def outward(names_: set[str]) -> set[str]:
        found: set[str] = set()
        for name in names_ & by_name.keys():
            one = by_name[name]
            for each in references("R5", Include(one["resourceType"], "*"), one, ["http://test/r5"]):
                place = f"{each.type}/{each.id}" if isinstance(each, Local) else ""
                if place in by_name and place not in inside and each.type != "Patient":
                    found.add(place)
        return found

    around = outward(inside)
    around |= outward({name for name in around if name.startswith("PractitionerRole/")})
    if "DocumentReference/d" in inside:
        around.add("Binary/scan")
    return inside, around


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("count", [1, 7, 500])
async def test_every_page_size_gives_the_whole_compartment_once(
    client: httpx.AsyncClient, seed: int, count: int
) -> None:
    resources = record(random.Random(seed))
    await put(client, *resources)
    for patient in ("a", "b"):
        found = await pages(client, f"/r5/Patient/{patient}/$everything?_count={count}")
        inside, around = expected(resources, patient)
        assert Counter(names(found, "match")) == Counter(dict.fromkeys(inside, 1))
        assert Counter(names(found, "include")) == Counter(dict.fromkeys(around, 1))
        assert names(found)[0] == f"Patient/{patient}"
        assert {bundle["type"] for bundle in found} == {"searchset"}
        assert [bundle.get("total") for bundle in found] == ([len(inside)] if len(found) == 1 else [None] * len(found))
        assert all("timestamp" in bundle for bundle in found)


async def test_the_records_of_all_patients_give_each_resource_once(client: httpx.AsyncClient) -> None:
    resources = record(random.Random(3))
    resources.append(
        made("Group", "devices", type="device", membership="enumerated", member=[{"entity": ref("Device/x")}])
    )
    resources.append(made("Observation", "of-a-group", status="final", code=TEXT, subject=ref("Group/g")))
    await put(client, *resources)
    inside: set[str] = set()
    for patient in ("a", "b", "c", "linked"):
        inside |= expected(resources, patient)[0]
    inside.discard("Patient/c")
    for count in (3, 500):
        found = await pages(client, f"/r5/Patient/$everything?_count={count}")
        assert Counter(names(found, "match")) == Counter(dict.fromkeys(inside, 1))
        assert max(Counter(names(found)).values()) == 1


async def test_a_page_asked_for_again_is_the_same_and_writes_between_lose_nothing(client: httpx.AsyncClient) -> None:
    resources = record(random.Random(4))
    await put(client, *resources)
    first = (await client.get("/r5/Patient/a/$everything?_count=10")).json()
    link = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = (await client.get(link)).json()
    await put(client, observation("aaa", "a"), observation("zzz", "a"))
    again = (await client.get(link)).json()
    assert names([again]) == names([second])
    rest = names(await pages(client, link))
    assert set(names([first]) + rest) >= expected(resources, "a")[0] | {"Observation/zzz"}


async def test_what_is_asked_for_can_be_narrowed(client: httpx.AsyncClient) -> None:
    await put(
        client,
        made("Patient", "a"),
        made("Practitioner", "p"),
        observation("old", "a", effectiveDateTime="2019-12-31T23:59:59Z", performer=[ref("Practitioner/p")]),
        observation("new", "a", effectiveDateTime="2020-03"),
        observation("undated", "a"),
        made("Condition", "long", subject=ref("Patient/a"), clinicalStatus={"coding": [ACTIVE]},
             onsetPeriod={"start": "2018", "end": "2021"}),
    )  # fmt: skip

    async def ask(**given: str) -> set[str]:
        return set(names(await pages(client, f"/r5/Patient/a/$everything?{urlencode(given)}")))

    whole = {
        "Patient/a",
        "Practitioner/p",
        "Observation/old",
        "Observation/new",
        "Observation/undated",
        "Condition/long",
    }
    assert await ask() == whole
    assert await ask(start="2020") == whole - {"Observation/old", "Practitioner/p"}
    assert await ask(end="2019-12-31") == whole - {"Observation/new"}
    assert await ask(start="2020-04-01", end="2020-04-30") == {"Patient/a", "Observation/undated", "Condition/long"}
    assert await ask(_type="Observation,Patient") == {name for name in whole if name[0] in "OP"} - {"Practitioner/p"}
    assert await ask(_type="Practitioner") == {"Practitioner/p"}
    changed = (await client.put("/r5/Observation/new", json=observation("new", "a", note=[{"text": "y"}]))).json()
    assert await ask(_since=changed["meta"]["lastUpdated"]) == {"Observation/new"}
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "_type", "valueCode": "Condition"}, {"name": "_type", "valueCode": "Practitioner"},
        {"name": "_count", "valueInteger": 1}]}  # fmt: skip
    sent = (await client.post("/r5/Patient/a/$everything", json=body)).json()
    link = next(link["url"] for link in sent["link"] if link["relation"] == "self")
    assert names(await pages(client, link)) == ["Condition/long", "Practitioner/p"]


async def test_a_version_that_is_referred_to_is_sent_beside_the_present_one(client: httpx.AsyncClient) -> None:
    for name in ("One", "Two"):
        await put(client, made("Organization", "o", name=name))
    await put(
        client,
        made("Patient", "a", managingOrganization=ref("Organization/o")),
        observation("1", "a", performer=[ref("Organization/o/_history/1")]),
        observation("2", "a", performer=[ref("Organization/o/_history/2"), ref("Organization/o/_history/9")]),
    )
    for count in (1, 10):
        found = await pages(client, f"/r5/Patient/a/$everything?_count={count}")
        sent = [
            entry["resource"]["name"]
            for bundle in found
            for entry in bundle["entry"]
            if entry["resource"]["resourceType"] == "Organization"
        ]
        assert sorted(sent) == ["One", "Two"]


async def test_a_study_comes_with_all_that_makes_it_up(client: httpx.AsyncClient) -> None:
    await put(
        client,
        made("ResearchStudy", "s", status="active", protocol=[ref("PlanDefinition/plan")], site=[ref("Location/l")],
             recruitment={"eligibility": ref("Group/eligible"), "actualGroup": ref("Group/enrolled")},
             associatedParty=[{"role": TEXT, "party": ref("PractitionerRole/r")}]),
        made("PlanDefinition", "plan", status="active", action=[
            {"definitionCanonical": "http://example.org/ActivityDefinition/dose|1"},
            {"definitionUri": "ActivityDefinition/scan"}]),
        made("ActivityDefinition", "dose", status="active", version="1",
             url="http://example.org/ActivityDefinition/dose"),
        made("ActivityDefinition", "scan", status="active"),
        made("Location", "l"), made("Organization", "o", name="x"), made("Practitioner", "p"),
        made("PractitionerRole", "r", practitioner=ref("Practitioner/p"), organization=ref("Organization/o")),
        made("Group", "eligible", type="person", membership="definitional"),
        made("Group", "enrolled", type="person", membership="enumerated", member=[{"entity": ref("Patient/other")}]),
        made("Patient", "a"), made("Patient", "other"),
        made("Consent", "c", status="active"),
        observation("o", "a"),
        made("ResearchStudy", "part", status="active", partOf=[ref("ResearchStudy/s")]),
        made("ResearchStudy", "apart", status="active"),
        made("Provenance", "source", target=[ref("ResearchStudy/s"), ref("Group/eligible")],
             recorded="2024-01-01T00:00:00Z", agent=[{"who": ref("Organization/o")}]),
        made("AdverseEvent", "ae", status="completed", actuality="actual", subject=ref("Patient/a"),
             study=[ref("ResearchStudy/s")]),
    )  # fmt: skip
    enrolled = {
        "resourceType": "ResearchSubject", "id": "rs", "status": "active", "study": ref("ResearchStudy/s"),
        "subject": ref("Patient/a"), "consent": [ref("Consent/c")],
        "progress": [{"subjectState": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/research-subject-state", "code": "candidate"}]}}],
    }  # fmt: skip
    answer = await client.put("/r5/ResearchSubject/rs", json=enrolled)
    assert answer.status_code == 201, answer.text
    for count in (1, 2, 100):
        found = await pages(client, f"/r5/ResearchStudy/s/$everything?_count={count}")
        assert sorted(names(found, "match")) == [
            "AdverseEvent/ae", "Provenance/source", "ResearchStudy/part", "ResearchStudy/s", "ResearchSubject/rs",
        ]  # fmt: skip
        assert sorted(names(found, "include")) == [
            "ActivityDefinition/dose", "ActivityDefinition/scan", "Consent/c", "Group/eligible", "Group/enrolled",
            "Location/l", "Organization/o", "Patient/a", "PlanDefinition/plan", "Practitioner/p", "PractitionerRole/r",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "where"),
    [
        ("Patient/none/$everything", 404, None),
        ("ResearchStudy/none/$everything", 404, None),
        ("Observation/a/$everything", 404, None),
        ("ResearchStudy/$everything", 404, None),
        ("Patient/a/$everything?start=yesterday", 400, "start"),
        ("Patient/a/$everything?start=2021&end=2020", 400, "end"),
        ("Patient/a/$everything?_since=2020", 400, "_since"),
        ("Patient/a/$everything?_type=Nothing", 400, "_type"),
        ("Patient/a/$everything?_count=0", 400, "_count"),
        ("Patient/a/$everything?_count=many", 400, "_count"),
        ("Patient/a/$everything?page=2", 400, "page"),
        ("Patient/a/$everything?_cursor=abc", 400, "_cursor"),
        ("ResearchStudy/s/$everything?start=2020", 400, "start"),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    client: httpx.AsyncClient, path: str, status: int, where: str | None
) -> None:
    await put(client, made("Patient", "a"), made("ResearchStudy", "s", status="active"))
    answer = await client.get(f"/r5/{path}")
    assert answer.status_code == status, answer.text
    assert where is None or answer.json()["issue"][0]["expression"] == [where]


async def test_a_position_is_good_for_its_own_record_alone_and_for_a_day(
    client: httpx.AsyncClient, settings: Settings, mongod: Mongod
) -> None:
    await put(client, made("Patient", "a"), made("Patient", "b"), *(observation(str(at), "a") for at in range(4)))
    first = (await client.get("/r5/Patient/a/$everything?_count=2")).json()
    link: str = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert (await client.get(link.replace("/a/", "/b/"))).status_code == 400
    assert (await client.get(link.replace("_count=2", "_count=3"))).status_code == 400
    with MongoClient[Any](mongod.uri) as driver:
        driver[settings.database]["walks"].delete_many({})
    over = await client.get(link)
    assert (over.status_code, over.json()["issue"][0]["code"]) == (410, "expired")


async def test_a_deleted_patient_has_no_record(client: httpx.AsyncClient) -> None:
    await put(client, made("Patient", "a"))
    await client.delete("/r5/Patient/a")
    assert (await client.get("/r5/Patient/a/$everything")).status_code == 410
    assert names(await pages(client, "/r5/Patient/$everything")) == []


async def test_more_references_than_may_be_included_are_said_to_be_missing(serve: Serve) -> None:
    async with serve(max_included=2) as client:
        everyone = [made("Practitioner", f"p{at}") for at in range(5)]
        await put(
            client, *everyone, made("Patient", "a", generalPractitioner=[ref(f"Practitioner/p{at}") for at in range(5)])
        )
        (only,) = await pages(client, "/r5/Patient/a/$everything")
        assert len(names([only], "include")) == 2
        assert only["entry"][-1]["resource"]["issue"][0]["code"] == "too-costly"


async def test_a_page_costs_the_same_wherever_it_lies(
    client: httpx.AsyncClient, settings: Settings, mongod: Mongod
) -> None:
    await put(client, made("Patient", "a"), made("Practitioner", "p"))
    for start in range(0, 3000, 1000):
        await put(client, *(
            observation(f"{at:05}", "a" if at % 3 else "b", performer=[ref("Practitioner/p")])
            for at in range(start, start + 1000)
        ))  # fmt: skip
    url, seen = "/r5/Patient/a/$everything?_count=50", 0
    with MongoClient[Any](mongod.uri) as driver:
        database = driver[settings.database]
        database.command("profile", 2)
        costs: list[tuple[int, int, int]] = []
        while url:
            before = database["system.profile"].count_documents({})
            page = (await client.get(url)).json()
            rows = list(database["system.profile"].find({"ns": {"$not": {"$regex": "system"}}}).skip(before))
            costs.append((
                sum(row["op"] in ("query", "command", "insert") for row in rows),
                sum(row.get("keysExamined", 0) for row in rows),
                sum(row.get("docsExamined", 0) for row in rows),
            ))  # fmt: skip
            seen += len(page["entry"])
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        database.command("profile", 0)
    assert seen == 2002
    middle = costs[2:-2]
    assert len(middle) > 30
    for number in range(3):
        assert max(cost[number] for cost in middle) <= 1.5 * min(cost[number] for cost in middle) + 5, costs
    assert max(keys for _, keys, _ in middle) < 400


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_record_is_an_entry_of_a_bundle_too(client: httpx.AsyncClient, kind: str) -> None:
    await put(client, made("Patient", "a"), made("Practitioner", "p"))
    observed = observation("new", "a", performer=[ref("Practitioner/p")])
    answer = await client.post("/r5", json={"resourceType": "Bundle", "type": kind, "entry": [
        {"request": {"method": "PUT", "url": "Observation/new"}, "resource": observed},
        {"request": {"method": "GET", "url": "Patient/a/$everything?_count=1"}},
        {"request": {"method": "POST", "url": "Patient/a/$everything"},
         "resource": {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"}]}},
    ]})  # fmt: skip
    assert answer.status_code == 200, answer.text
    _, page, narrowed = (entry.get("resource", {}) for entry in answer.json()["entry"])
    assert names([narrowed]) == ["Observation/new"]
    link = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert names([page, *await pages(client, link)]) == ["Patient/a", "Observation/new", "Practitioner/p"]
