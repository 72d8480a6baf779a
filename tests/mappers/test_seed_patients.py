import importlib
import json
from pathlib import Path

BUNDLE = json.loads((Path(__file__).parents[2] / "seed" / "fhir" / "patients.json").read_text())
RESOURCES = [entry["resource"] for entry in BUNDLE["entry"]]
PATIENTS = [one for one in RESOURCES if one["resourceType"] == "Patient"]


def test_patients_and_conditions_are_valid_and_put_by_id():
    for entry in BUNDLE["entry"]:
        one = entry["resource"]
        kind = one["resourceType"]
        getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind).model_validate(one)
        assert entry["request"] == {"method": "PUT", "url": f"{kind}/{one['id']}"}


def test_every_patient_is_marked_as_made_up():
    assert len(PATIENTS) >= 12
    for one in PATIENTS:
        assert one["id"].endswith("-synthetic")
        assert one["meta"]["security"][0]["code"] == "HTEST"
        assert "synthetic" in one["text"]["div"]


def test_some_are_too_young_some_too_old_and_some_without_refractory_infection():
    birth = {one["id"]: one.get("birthDate") for one in PATIENTS}
    refractory = {
        one["subject"]["reference"].removeprefix("Patient/")
        for one in RESOURCES
        if one["resourceType"] == "Condition" and "refractory" in one["code"]["text"]
    }
    young = {one for one in refractory if birth[one] and birth[one] > "2012-12-31"}
    old = {one for one in refractory if birth[one] and birth[one] < "1960-01-01"}
    assert len(young) >= 2
    assert len(old) >= 2
    assert len(refractory - young - old) >= 5
    assert len(birth.keys() - refractory) >= 3


def test_conditions_belong_to_the_patients():
    known = {f"Patient/{one['id']}" for one in PATIENTS}
    assert {one["subject"]["reference"] for one in RESOURCES if one["resourceType"] == "Condition"} == known
