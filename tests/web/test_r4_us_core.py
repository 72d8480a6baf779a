"""The searches that US Core 6.1 and International Patient Access ask of a server, each parameter and combination.

https://hl7.org/fhir/us/core/STU6.1/CapabilityStatement-us-core-server.html, https://hl7.org/fhir/uv/ipa/STU1. The table
has one resource of each type that they use, and values by which it is found.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from fhirserver import fhirjson
from tests.web.conftest import Json

CASES: Json = fhirjson.loads(Path(__file__).parent.parent.joinpath("cases", "us_core_searches.json").read_bytes())
TYPES: dict[str, Json] = CASES["types"]
STRICT = {"Prefer": "handling=strict"}
RACE = {
    "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
    "extension": [
        {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2054-5"}},
        {"url": "text", "valueString": "Black"},
    ],
}


def name(type_: str, which: str) -> str:
    """The id of the resource that is to be found, m (of the patient p), or of the other one."""
    return {"m": "p", "o": "q"}[which] if type_ == "Patient" else which


def another(type_: str, row: Json) -> Json:
    """A resource that no search is to find: of another patient, or as the table says."""
    if "other" in row:
        return dict(row["other"])
    moved: Json = fhirjson.loads(fhirjson.dumps(row["resource"]).replace(b"Patient/p", b"Patient/q"))
    return moved


async def _stored(client: httpx.AsyncClient) -> None:
    for number, each in enumerate(CASES["parameters"]):
        definition = {
            "resourceType": "SearchParameter", "id": f"us-core-{number}", "status": "active", "description": "x",
            "url": f"http://example.org/SearchParameter/us-core-{each['code']}", "name": "Ours", **each,
        }  # fmt: skip
        made = await client.put(f"/r4/SearchParameter/{definition['id']}", json=definition)
        assert made.status_code in (200, 201), made.text
    for type_, row in TYPES.items():
        for which, body in (("m", row["resource"]), ("o", another(type_, row))):
            more = {"extension": [RACE]} if (type_, which) == ("Patient", "m") else {}
            resource = {"resourceType": type_, "id": name(type_, which), **body, **more}
            made = await client.put(f"/r4/{type_}/{resource['id']}", content=fhirjson.dumps(resource))
            assert made.status_code in (200, 201), made.text
    for type_ in ("CareTeam", "Condition", "Encounter", "Goal", "Patient"):
        for _ in range(100):
            found = (await client.get(f"/r4/{type_}/$reindex")).json()
            if next(each for each in found["parameter"] if each["name"] == "complete")["valueBoolean"]:
                break
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
async def stored(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    """A server with the resources of the table, and with the parameters that US Core defines itself."""
    await _stored(shared)
    return shared


def combinations() -> list[tuple[str, list[str]]]:
    wanted = {
        (type_, tuple(each)): None
        for type_, row in TYPES.items()
        for guide in ("us-core", "ipa")
        for each in row.get(guide, ())
    }
    return [(type_, list(names)) for type_, names in wanted]


async def found(
    client: httpx.AsyncClient, type_: str, params: list[tuple[str, str]], *, post: bool = False
) -> list[str]:
    if post:
        form = {"Content-Type": "application/x-www-form-urlencoded"} | STRICT
        answer = await client.post(f"/r4/{type_}/_search", content=urlencode(params), headers=form)
    else:
        answer = await client.get(f"/r4/{type_}?{urlencode(params)}", headers=STRICT)
    assert answer.status_code == 200, (type_, params, answer.text)
    entries: list[Any] = answer.json().get("entry", [])
    return [each["resource"]["id"] for each in entries if each["search"]["mode"] == "match"]


def wrong(parameter: str, value: str) -> str:
    """A value that the resource does not have."""
    if parameter == "_lastUpdated":
        return "lt2020"
    if value.startswith("ge"):
        return f"lt{value[2:]}"
    return "1901-01-01" if value[:4].isdecimal() and "-" in value else f"{value}x"


@pytest.mark.parametrize(
    ("type_", "names"), combinations(), ids=lambda value: "+".join(value) if isinstance(value, list) else value
)
async def test_what_a_guide_searches_by_finds_its_resource_alone(
    stored: httpx.AsyncClient, type_: str, names: list[str]
) -> None:
    values = TYPES[type_]["values"]
    params = [(each, values[each]) for each in names]
    expected = [name(type_, "m")]
    assert await found(stored, type_, params) == expected
    assert await found(stored, type_, params, post=True) == expected
    for at, (parameter, value) in enumerate(params):
        if parameter != "_include":
            other = [*params[:at], (parameter, wrong(parameter, value)), *params[at + 1 :]]
            assert await found(stored, type_, other) == [], other


async def test_included_are_the_medication_and_who_says_so(stored: httpx.AsyncClient) -> None:
    asked = "patient=p&intent=order&_include=MedicationRequest:medication"
    entries = (await stored.get(f"/r4/MedicationRequest?{asked}", headers=STRICT)).json()["entry"]
    assert [each["resource"]["resourceType"] for each in entries] == ["MedicationRequest", "Medication"]
    for type_ in TYPES:
        if type_ not in ("Provenance", "Medication"):
            asked = f"_id={name(type_, 'm')}&_revinclude=Provenance:target"
            entries = (await stored.get(f"/r4/{type_}?{asked}", headers=STRICT)).json()["entry"]
            said = [each["resource"]["resourceType"] for each in entries]
            assert said == [type_, "Provenance"] if type_ == "Observation" else [type_], type_


async def test_several_values_of_a_status_and_ranges_of_dates(stored: httpx.AsyncClient) -> None:
    for type_, query in (
        ("MedicationRequest", "patient=p&intent=order,plan&status=active,completed"),
        ("Encounter", "patient=p&date=ge2024-01-01&date=le2024-12-31"),
        ("Observation", "patient=p&code=http://loinc.org|29463-7,http://loinc.org|8302-2&date=gt2024-01-31"),
        ("Condition", "patient=p&recorded-date=ge2024-02-01&recorded-date=lt2024-02-03"),
        ("Patient", "race=2054-5,1002-5"),
        ("Patient", "race=2054-5&_revinclude=Observation:patient&_revinclude=Encounter:patient"),
    ):
        answer = await stored.get(f"/r4/{type_}?{query}", headers=STRICT)
        assert answer.status_code == 200, answer.text
        matches = [each for each in answer.json()["entry"] if each["search"]["mode"] == "match"]
        assert [each["resource"]["id"] for each in matches] == [name(type_, "m")], query


async def test_the_statement_claims_them(stored: httpx.AsyncClient) -> None:
    rows = {row["type"]: row for row in (await stored.get("/r4/metadata")).json()["rest"][0]["resource"]}
    for type_, names in combinations():
        claimed = {each["name"] for each in rows[type_]["searchParam"]}
        asked = {each.partition(".")[0] for each in names if each != "_include"}
        assert asked <= claimed, (type_, asked - claimed)
        assert "Provenance:target" in rows[type_]["searchRevInclude"] or type_ == "Provenance"
