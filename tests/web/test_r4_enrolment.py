"""One study and its enrolments, seen alike from both releases: rules, rosters, races.

https://hl7.org/fhir/R4/researchsubject.html; docs/enrolment.md has the rules.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.web.conftest import Json

STUDY = {
    "resourceType": "ResearchStudy", "id": "s", "status": "active", "title": "A study",
    "arm": [{"name": "Verum", "description": "With"}, {"name": "Placebo group", "description": "Without"}],
}  # fmt: skip


async def put(client: httpx.AsyncClient, base: str, resource: Json, **headers: str) -> httpx.Response:
    place = f"/{base}/{resource['resourceType']}/{resource['id']}"
    return await client.put(place, json=resource, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def get(client: httpx.AsyncClient, place: str) -> Any:
    answer = await client.get(place)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def prepare(client: httpx.AsyncClient, study: Json = STUDY, patients: int = 1) -> None:
    assert (await put(client, "r4", study)).status_code == 201
    for number in range(patients):
        assert (await put(client, "r4", {"resourceType": "Patient", "id": f"p{number}"})).status_code == 201


def subject(id_: str = "rs", **more: Any) -> Json:
    return {
        "resourceType": "ResearchSubject", "id": id_, "status": "candidate", "study": {"reference": "ResearchStudy/s"},
        "individual": {"reference": "Patient/p0"}, **more,
    }  # fmt: skip


def named(answer: httpx.Response) -> tuple[int, str, list[str], str]:
    issue = answer.json()["issue"][0]
    return answer.status_code, issue["details"]["text"], issue["expression"], issue["diagnostics"]


async def test_an_enrolment_of_r4_goes_through_the_states_and_is_seen_on_r5(client: httpx.AsyncClient) -> None:
    await prepare(client)
    made = await put(client, "r4", subject(assignedArm="Verum"))
    assert made.status_code == 201, made.text
    seen = await get(client, "/r5/ResearchSubject/rs")
    assert seen["subject"] == {"reference": "Patient/p0"}
    assert seen["progress"][0]["subjectState"]["coding"][0]["code"] == "candidate"
    for state in ("screening", "eligible", "pending-on-study", "on-study"):
        answer = await put(client, "r4", subject(status=state, assignedArm="Verum"))
        assert (answer.status_code, answer.json()["status"]) == (200, state), answer.text
    study = await get(client, "/r4/ResearchStudy/s")
    roster = study["enrollment"][-1]["reference"]
    for base in ("r4", "r5"):
        group = await get(client, f"/{base}/{roster}")
        assert [each["entity"]["reference"] for each in group["member"]] == ["Patient/p0"]
    shown = await get(client, "/r5/ResearchStudy/s")
    assert shown["recruitment"]["actualNumber"] == 1
    verum = shown["comparisonGroup"][0]["observedGroup"]["reference"]
    assert (await get(client, f"/r4/{verum}"))["quantity"] == 1
    for query in ("individual=Patient/p0", "individual:Patient.identifier:missing=true", "status=on-study", "study=s"):
        assert (await get(client, f"/r4/ResearchSubject?{query}"))["total"] == 1, query
    assert (await get(client, "/r5/ResearchSubject?subject=Patient/p0&subject_state=on-study"))["total"] == 1


async def test_rules_speak_of_the_elements_of_r4(client: httpx.AsyncClient) -> None:
    await prepare(client)
    assert named(await put(client, "r4", subject(individual={"reference": "Patient/nobody"}))) == (
        422, "subject-not-found", ["ResearchSubject.individual"], "There is no Patient/nobody: create it first.",
    )  # fmt: skip
    for arm in ("Unknown", "Unknown arm"):
        status, rule, where, said = named(await put(client, "r4", subject(assignedArm=arm)))
        assert (status, rule, where) == (422, "unknown-comparison-group", ["ResearchSubject.assignedArm"]), arm
        assert said == f"'{arm}' is no arm of ResearchStudy/s: use one of its own (Placebo group, Verum)."
    for arm in ("Placebo group", "Verum"):
        answer = await put(client, "r4", subject(assignedArm=arm, status="eligible"))
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["assignedArm"] == arm
    status, rule, where, _ = named(await put(client, "r4", subject(status="screening")))
    assert (status, rule, where) == (409, "illegal-transition", ["ResearchSubject.status"])
    status, rule, where, _ = named(await put(client, "r4", subject("other")))
    assert (status, rule, where) == (409, "already-enrolled", ["ResearchSubject.individual"])
    closed = STUDY | {"id": "closed", "status": "closed-to-accrual"}
    assert (await put(client, "r4", closed)).status_code == 201
    answer = await put(client, "r4", subject("late", study={"reference": "ResearchStudy/closed"}))
    status, rule, where, said = named(answer)
    assert (status, rule, where) == (409, "study-closed", ["ResearchSubject.study"])
    assert "progressStatus" not in said
    assert "its status is active" in said


async def test_the_arms_of_an_r5_study_are_known_by_name_and_link_id(client: httpx.AsyncClient) -> None:
    await prepare(client)
    arms = [{"linkId": "a", "name": "Arm A"}, {"linkId": "b", "name": "Arm B"}]
    study = {"resourceType": "ResearchStudy", "id": "s", "status": "active", "comparisonGroup": arms}
    assert (await put(client, "r5", study)).status_code == 200
    assert [each["name"] for each in (await get(client, "/r4/ResearchStudy/s"))["arm"]] == ["Arm A", "Arm B"]
    assert (await put(client, "r4", subject(status="on-study", assignedArm="Arm A"))).status_code == 201
    other = {"reference": "Patient/p1"}
    assert (await put(client, "r4", {"resourceType": "Patient", "id": "p1"})).status_code == 201
    enrolled = await put(client, "r4", subject("two", status="on-study", assignedArm="a", individual=other))
    assert enrolled.status_code == 201, enrolled.text
    shown = await get(client, "/r5/ResearchStudy/s")
    group = await get(client, f"/r5/{shown['comparisonGroup'][0]['observedGroup']['reference']}")
    assert (group["quantity"], "observedGroup" in shown["comparisonGroup"][1]) == (2, False)


@pytest.mark.parametrize("base", ["r4", "r5", "fhir"])
async def test_enroll_answers_in_the_release_of_its_base(client: httpx.AsyncClient, base: str) -> None:
    await prepare(client)
    parameters = {"resourceType": "Parameters", "parameter": [
        {"name": "subject", "valueReference": {"reference": "Patient/p0"}},
        {"name": "comparisonGroup", "valueString": "Verum"}, {"name": "state", "valueCode": "on-study"},
    ]}  # fmt: skip
    answer = await client.post(f"/{base}/ResearchStudy/s/$enroll", json=parameters)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    if base == "r4":
        assert (made["status"], made["assignedArm"]) == ("on-study", "Verum")
        assert made["individual"] == {"reference": "Patient/p0"}
    else:
        assert made["assignedComparisonGroup"] == "Verum"
    again = await client.post(f"/{base}/ResearchStudy/s/$enroll", json=parameters)
    assert named(again)[:2] == (409, "already-enrolled")
    parameters["parameter"][1]["valueString"] = "Nothing"  # type: ignore[index]
    other = {"reference": "Patient/p1"}
    await put(client, "r4", {"resourceType": "Patient", "id": "p1"})
    parameters["parameter"][0]["valueReference"] = other  # type: ignore[index]
    status, rule, where, said = named(await client.post(f"/{base}/ResearchStudy/s/$enroll", json=parameters))
    assert (status, rule) == (422, "unknown-comparison-group")
    assert where == ["Parameters.parameter[1]"]
    assert ("arm" in said) is (base == "r4")


async def test_a_transaction_of_r4_enrols_in_the_study_that_it_brings(client: httpx.AsyncClient) -> None:
    entries = [
        {"fullUrl": "urn:uuid:6f3e2b34-0d3e-4c07-8f0e-5a1d5a1f8a01", "resource": {
            key: value for key, value in STUDY.items() if key != "id"},
         "request": {"method": "POST", "url": "ResearchStudy"}},
        {"fullUrl": "urn:uuid:6f3e2b34-0d3e-4c07-8f0e-5a1d5a1f8a02", "resource": {"resourceType": "Patient"},
         "request": {"method": "POST", "url": "Patient"}},
        {"resource": {
            "resourceType": "ResearchSubject", "status": "on-study", "assignedArm": "Placebo group",
            "study": {"reference": "urn:uuid:6f3e2b34-0d3e-4c07-8f0e-5a1d5a1f8a01"},
            "individual": {"reference": "urn:uuid:6f3e2b34-0d3e-4c07-8f0e-5a1d5a1f8a02"}},
         "request": {"method": "POST", "url": "ResearchSubject"}},
    ]  # fmt: skip
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = await client.post("/r4", json=sent, headers={"Prefer": "return=representation"})
    assert answer.status_code == 200, answer.text
    study, patient, enrolled = (each["resource"] for each in answer.json()["entry"])
    assert enrolled["individual"]["reference"] == f"Patient/{patient['id']}"
    assert enrolled["study"]["reference"] == f"ResearchStudy/{study['id']}"
    found = await get(
        client, f"/r4/ResearchSubject?individual=Patient/{patient['id']}&_include=ResearchSubject:individual"
    )
    assert [each["resource"]["resourceType"] for each in found["entry"]] == ["ResearchSubject", "Patient"]


async def test_clients_of_both_releases_change_one_study_and_lose_nothing(client: httpx.AsyncClient) -> None:
    """Each adds its own to what it read, by If-Match; whoever comes too late reads again."""
    await prepare(client)
    rounds, writers = 6, 4

    async def write(number: int) -> int:
        base = ("r4", "r5")[number % 2]
        refused = 0
        for turn in range(rounds):
            while True:
                read = await client.get(f"/{base}/ResearchStudy/s")
                study = read.json()
                word = {"text": f"{base}-{number}-{turn}"}
                study["keyword"] = [*study.get("keyword", []), word]
                answer = await put(client, base, study, If_Match=read.headers["etag"])
                if answer.status_code == 200:
                    break
                assert answer.status_code in (409, 412), answer.text
                refused += 1
        return refused

    async def enrol() -> None:
        for number in range(8):
            base = ("r4", "r5")[number % 2]
            parameters = {"resourceType": "Parameters", "parameter": [
                {"name": "subject", "valueReference": {"reference": f"Patient/p{number}"}},
                {"name": "state", "valueCode": "on-study"}]}  # fmt: skip
            answer = await client.post(f"/{base}/ResearchStudy/s/$enroll", json=parameters)
            assert answer.status_code == 201, answer.text

    for number in range(1, 8):
        await put(client, "r4", {"resourceType": "Patient", "id": f"p{number}"})
    refused = await asyncio.gather(*map(write, range(writers)), enrol())
    assert sum(each or 0 for each in refused) > 0
    r4, r5 = await get(client, "/r4/ResearchStudy/s"), await get(client, "/r5/ResearchStudy/s")
    words = sorted(each["text"] for each in r4["keyword"])
    assert words == sorted(
        f"{('r4', 'r5')[number % 2]}-{number}-{turn}" for number in range(writers) for turn in range(rounds)
    )
    assert words == sorted(each["text"] for each in r5["keyword"])
    assert [arm["name"] for arm in r4["arm"]] == ["Verum", "Placebo group"]
    assert r5["recruitment"]["actualNumber"] == 8
    assert r4["meta"]["versionId"] == r5["meta"]["versionId"]
    before = (await client.get("/r4/ResearchStudy/s/_history?_count=1")).json()["total"]
    assert before == (await client.get("/r5/ResearchStudy/s/_history?_count=1")).json()["total"]
    # Who writes back on one base what the other shows changes nothing.
    for base, shown in (("r4", r4), ("r5", r5)):
        again = await put(client, base, shown)
        assert again.json()["meta"]["versionId"] == r4["meta"]["versionId"], base


async def test_enrolments_race_for_one_place_through_both_bases(client: httpx.AsyncClient) -> None:
    await prepare(client, patients=6)
    study = await get(client, "/r5/ResearchStudy/s")
    assert (await put(client, "r5", study | {"recruitment": {"targetNumber": 2}})).status_code == 200

    async def enrol(number: int) -> httpx.Response:
        patient = {"reference": f"Patient/p{number}"}
        if number % 2:
            one = subject(f"rs{number}", status="on-study", individual=patient)
            return await put(client, "r4", one)
        parameters = {"resourceType": "Parameters", "parameter": [
            {"name": "subject", "valueReference": patient}, {"name": "state", "valueCode": "on-study"}]}  # fmt: skip
        return await client.post("/r5/ResearchStudy/s/$enroll", json=parameters)

    answers = await asyncio.gather(*map(enrol, range(6)))
    assert sorted(each.status_code for each in answers) == [201, 201, 409, 409, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            assert named(answer)[1] == "target-reached"
    for base in ("r4", "r5"):
        assert (await get(client, f"/{base}/ResearchSubject?study=s&_summary=count"))["total"] == 2
