"""Records of made patients, as Synthea writes them for R4: loaded as they are, and found by patient, code and date.

https://github.com/synthetichealth/synthea. Hospitals and practitioners come first, as the records
refer to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.cli.ordering import files_in_order
from tests.web.conftest import Json

PATIENTS = Path(__file__).parents[3] / "shared" / "patients"
pytestmark = pytest.mark.skipif(not PATIENTS.is_dir(), reason="no patients' bundles at hand (../shared/patients)")

CODED = {
    "AllergyIntolerance": ("code", "code"), "CarePlan": ("category", "category"), "Condition": ("code", "code"),
    "DiagnosticReport": ("code", "code"), "Encounter": ("type", "type"),
    "Immunization": ("vaccineCode", "vaccine-code"),
    "MedicationRequest": ("medicationCodeableConcept", "code"), "Observation": ("code", "code"),
    "Procedure": ("code", "code"),
}  # fmt: skip
"""Type → the element that says what it is, and the parameter that finds it."""
DATED = {
    "AllergyIntolerance": ("recordedDate", "date"), "CarePlan": ("period", "date"), "Claim": ("created", "created"),
    "Condition": ("onsetDateTime", "onset-date"), "DiagnosticReport": ("effectiveDateTime", "date"),
    "Encounter": ("period", "date"), "ExplanationOfBenefit": ("created", "created"),
    "ImagingStudy": ("started", "started"), "Immunization": ("occurrenceDateTime", "date"),
    "MedicationRequest": ("authoredOn", "authoredon"), "Observation": ("effectiveDateTime", "date"),
    "Procedure": ("performedPeriod", "date"),
}  # fmt: skip
"""The same of when it was."""


def bundles() -> list[Path]:
    return files_in_order(sorted(PATIENTS.glob("*.json")))


@pytest.fixture(scope="module")
async def loaded(shared: httpx.AsyncClient) -> tuple[httpx.AsyncClient, list[tuple[str, Json]]]:
    """A server with all bundles; what they hold, under the places that it was given."""
    found = []
    for path in bundles():
        content = path.read_bytes()
        answer = await shared.post("/r4", content=content)
        assert answer.status_code == 200, f"{path.name}: {answer.text[:500]}"
        sent = fhirjson.loads(content)["entry"]
        for asked, done in zip(sent, answer.json()["entry"], strict=True):
            assert done["response"]["status"].startswith("201"), f"{path.name}: {done['response']}"
            type_, id_ = done["response"]["location"].split("/")[:2]
            found.append((f"{type_}/{id_}", asked["resource"]))
    return shared, found


async def ids(client: httpx.AsyncClient, type_: str, *params: tuple[str, str]) -> set[str]:
    """The ids that a search finds, over all its pages."""
    url, known = f"/r4/{type_}?{urlencode([*params, ('_count', '1000'), ('_elements', 'id')])}", set()
    while url:
        answer = await client.get(url, headers={"Prefer": "handling=strict"})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        known |= {f"{type_}/{each['resource']['id']}" for each in page.get("entry", ())}
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return known


def codes(resource: Json) -> Iterator[str]:
    element, _ = CODED[resource["resourceType"]]
    value = resource.get(element, ())
    for concept in value if isinstance(value, list) else [value]:
        yield from (f"{coding['system']}|{coding['code']}" for coding in concept["coding"] if "system" in coding)


async def test_every_resource_is_found_by_its_patient(
    loaded: tuple[httpx.AsyncClient, list[tuple[str, Json]]],
) -> None:
    client, resources = loaded
    patient = ""
    wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
    for place, resource in resources:
        type_ = resource["resourceType"]
        if type_ == "Patient":
            patient = place
        elif "subject" in resource or "patient" in resource:
            wanted[type_, patient].add(place)
    assert len({patient for _, patient in wanted}) == 5
    assert sum(map(len, wanted.values())) > 700
    for (type_, patient), places in wanted.items():
        assert await ids(client, type_, ("patient", patient)) == places, (type_, patient)
    everything = 0
    for patient in {patient for _, patient in wanted}:
        bundle = (await client.get(f"/r4/{patient}/$everything?_count=1000")).json()
        everything += len([each for each in bundle["entry"] if each["search"]["mode"] == "match"])
    assert everything == sum(map(len, wanted.values())) + 5


async def test_every_resource_is_found_by_code_and_by_date(
    loaded: tuple[httpx.AsyncClient, list[tuple[str, Json]]],
) -> None:
    client, resources = loaded
    by_code: dict[tuple[str, str], set[str]] = defaultdict(set)
    by_date: dict[tuple[str, str], set[str]] = defaultdict(set)
    for place, resource in resources:
        type_ = resource["resourceType"]
        if type_ in CODED:
            for code in codes(resource):
                by_code[type_, code].add(place)
        if type_ in DATED and (said := resource.get(DATED[type_][0])):
            day = str(said["start"] if isinstance(said, dict) else said)[:7]
            by_date[type_, day].add(place)
    assert len(by_code) > 90
    assert {type_ for type_, _ in by_date} == {
        type_ for type_ in DATED if any(p.startswith(f"{type_}/") for p, _ in resources)
    }
    for (type_, code), places in by_code.items():
        assert await ids(client, type_, (CODED[type_][1], code)) == places, (type_, code)
    for (type_, day), places in by_date.items():
        found = await ids(client, type_, (DATED[type_][1], f"ap{day}"))
        assert places <= found, (type_, day)


async def test_what_came_in_is_what_comes_out(loaded: tuple[httpx.AsyncClient, list[tuple[str, Json]]]) -> None:
    """But for references between the entries, which are those that were given, and the id."""
    client, resources = loaded
    for place, resource in resources[::29]:
        answer = await client.get(f"/r4/{place}")
        shown = fhirjson.loads(answer.content)
        for name, value in resource.items():
            if (
                name not in ("id", "meta", "text")
                and b"urn:uuid" not in fhirjson.dumps(value)
                and b"?identifier" not in fhirjson.dumps(value)
            ):
                assert fhirjson.canonical({"x": shown[name]}) == fhirjson.canonical({"x": value}), (place, name)


async def test_roles_are_found_by_the_identifiers_of_who_has_them(
    loaded: tuple[httpx.AsyncClient, list[tuple[str, Json]]],
) -> None:
    client, resources = loaded
    roles = [(place, each) for place, each in resources if each["resourceType"] == "PractitionerRole"]
    assert len(roles) > 200
    for place, role in roles[::40]:
        for element in ("practitioner", "organization"):
            identifier = role[element]["identifier"]
            number = f"{identifier['system']}|{identifier['value']}"
            assert place in await ids(client, "PractitionerRole", (f"{element}:identifier", number))
