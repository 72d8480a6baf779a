"""Profiles: what is refused and what is let pass, by a table of cases; what of them is not checked is said."""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.resources.profiles.library import Library
from fhirserver.resources.profiles.paths import steps
from fhirserver.resources.profiles.slim import slim
from fhirserver.resources.profiles.values import fits, same
from fhirserver.resources.validation import validate
from fhirserver.terminology.bindings import Bound
from fhirserver.terminology.contents import Contents
from tests.packages import EXAMPLES, examples, package
from tests.profiles import BASE, TABLE, altered, definitions, structure_definition

Json = dict[str, Any]


@pytest.fixture(scope="module")
def library() -> Library:
    return library_of(definitions())


def library_of(resources: Iterable[Json]) -> Library:
    """A library of profiles, with the value sets and code systems among the resources."""
    known = list(resources)
    terms = Contents.of("R5", (each for each in known if each["resourceType"] != "StructureDefinition"))
    profiles = (slim(each) for each in known if each["resourceType"] == "StructureDefinition")
    return Library("R5", profiles, Bound(terms))


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_a_resource_is_held_to_its_profile(library: Library, case: Json) -> None:
    resource = altered(case)
    assert validate("R5", resource, level="structure") == []
    profile = library.profile(resource["meta"]["profile"][0])
    assert profile is not None
    found = [[issue.code, issue.expression[0]] for issue in profile.issues(resource)]
    assert sorted(found) == sorted(case["flaws"])


# --- what is not checked is said --------------------------------------------------------------------------------------


def notes(library: Library, name: str) -> dict[str, str]:
    profile = library.profile(BASE + name)
    assert profile is not None
    return {note.path: note.sentence for note in profile.unchecked}


def test_what_of_a_profile_is_not_checked_is_listed_with_its_reason(library: Library) -> None:
    found = notes(library, "coded")
    assert "'http://snomed.info/sct' is not loaded" in found["Encounter.reason.value"]
    assert "Encounter.class" not in found
    assert "ValueSet/absent' is not checked: it is not loaded" in found["Encounter.dietPreference"]
    assert "patient-birthTime" in notes(library, "names")["Patient.birthDate.extension"]
    assert "its own unit" in notes(library, "lab")["Observation.value[x]"]
    assert notes(library, "site") == notes(library, "resliced") == notes(library, "trial-subject") == {}


NOT_CHECKED: dict[str, list[Json]] = {
    "an element that the type does not have": [{"path": "Patient.brithDate", "min": 1}],
    "an element of another type": [{"path": "Group.type", "min": 1}],
    "a constraint without an expression": [{"path": "Patient.name", "constraint": [{"key": "x", "severity": "error"}]}],
    "an expression that is none": [
        {"path": "Patient.name", "constraint": [{"key": "x", "severity": "error", "expression": "((", "human": "x"}]}
    ],
    "a discriminator whose path is none": [
        {"path": "Patient.name", "slicing": {"discriminator": [{"type": "value", "path": "a b"}], "rules": "open"}},
        {"path": "Patient.name", "sliceName": "x", "min": 1},
    ],
    "a discriminator that the slice says nothing of": [
        {"path": "Patient.name", "slicing": {"discriminator": [{"type": "value", "path": "use"}], "rules": "closed"}},
        {"path": "Patient.name", "sliceName": "x", "max": "1"},
    ],
    "a discriminator of a kind of its own": [
        {"path": "Patient.name", "slicing": {"discriminator": [{"type": "mood", "path": "use"}], "rules": "open"}},
        {"path": "Patient.name", "sliceName": "x", "min": 1},
    ],
    "a slicing without a discriminator": [
        {"path": "Patient.name", "slicing": {"rules": "open"}},
        {"path": "Patient.name", "sliceName": "x", "max": "1"},
        {"path": "Patient.name.use", "patternCode": "official"},
    ],
    "a bound relative to today": [{"path": "Patient.birthDate", "minValueQuantity": {"value": 1, "unit": "a"}}],
    "a bound of a type that has no order": [{"path": "Patient.active", "maxValueBoolean": True}],
    "a binding without a value set": [{"path": "Patient.language", "binding": {"strength": "required"}}],
    "a binding that depends on the context": [
        {
            "path": "Patient.maritalStatus",
            "binding": {
                "strength": "example",
                "additional": [{"purpose": "required", "valueSet": "http://x", "usage": [{"code": {"code": "venue"}}]}],
            },
        }
    ],
    "a profile that is not loaded": [
        {"path": "Patient.extension", "type": [{"code": "Extension", "profile": ["http://example.org/none"]}]}
    ],
}


@pytest.mark.parametrize("name", NOT_CHECKED)
def test_what_cannot_be_checked_is_said_and_refuses_nothing(name: str) -> None:
    row = {"name": "odd", "type": "Patient", "elements": [{"path": "Patient"}, *NOT_CHECKED[name]]}
    profile = Library("R5", [structure_definition(row)]).profile(f"{BASE}odd")
    assert profile is not None
    assert profile.unchecked
    resource = TABLE["resources"]["names"]
    assert profile.issues(resource) == []


def test_a_profile_of_another_type_is_refused(library: Library) -> None:
    profile = library.profile(f"{BASE}lab")
    assert profile is not None
    assert [issue.code for issue in profile.issues(TABLE["resources"]["names"])] == ["value"]


def test_a_path_of_any_length_ends() -> None:
    deep = {"path": "Patient" + ".contact" * 5000, "min": 1}
    row = {"name": "deep", "type": "Patient", "elements": [{"path": "Patient"}, deep]}
    profile = Library("R5", [structure_definition(row)]).profile(f"{BASE}deep")
    assert profile is not None
    assert profile.unchecked
    assert profile.issues({"resourceType": "Patient"}) == []


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("$this", []),
        ("code.coding.code", ["name", "name", "name"]),
        ("resolve().code", ["resolve", "name"]),
        ("$this.resolve()", ["resolve"]),
        ("extension('http://x/y.z').value.ofType(code)", ["url", "name", "type"]),
        ("a b", None),
        ("where(use = 'x')", None),
        ("a..b", None),
    ],
)
def test_paths_of_discriminators_are_read(path: str, kinds: list[str] | None) -> None:
    found = steps(path)
    assert (None if found is None else [step.kind for step in found]) == kinds


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=3)


@settings(max_examples=50)
@given(st.recursive(leaves, lambda e: st.lists(e) | st.dictionaries(st.text(max_size=2), e), max_leaves=8))
def test_a_value_fits_itself_and_what_is_the_same_fits(value: Any) -> None:
    assert same(value, value)
    assert fits(value, value)
    assert fits({"a": [value, 1], "b": 2}, {"a": [value]})
    assert not same({"a": value}, {"a": value, "b": 1})
    assert not same(1, True)


# --- HL7's profiles and examples --------------------------------------------------------------------------------------

HL7 = "http://hl7.org/fhir/StructureDefinition/"
VITALS = {
    "Observation-blood-pressure.json": "bp",
    "Observation-bmi.json": "bmi",
    "Observation-body-height.json": "bodyheight",
    "Observation-body-temperature.json": "bodytemp",
    "Observation-head-circumference.json": "headcircum",
    "Observation-heart-rate.json": "heartrate",
    "Observation-respiratory-rate.json": "resprate",
    "Observation-satO2.json": "oxygensat",
}


@functools.cache
def published() -> Library:
    folder = package(EXAMPLES["R5"])
    kinds = ("StructureDefinition", "ValueSet", "CodeSystem")
    names = [path for kind in kinds for path in sorted(folder.rglob(f"{kind}-*.json"))]
    return library_of(fhirjson.loads(path.read_bytes()) for path in names)


def example(name: str) -> Json:
    found: Json = fhirjson.loads(next(package(EXAMPLES["R5"]).rglob(name)).read_bytes())
    return found


@pytest.mark.parametrize("name", VITALS)
def test_published_examples_conform_to_published_profiles_and_altered_ones_do_not(name: str) -> None:
    resource = example(name)
    for profile in (published().profile(HL7 + VITALS[name]), published().profile(f"{HL7}vitalsigns")):
        assert profile is not None
        assert profile.issues(resource) == []
        for altering in (
            {"category": [{"text": "x"}]},
            {"subject": {"reference": "Group/1"}},
            {"effectiveDateTime": "2020"},
        ):
            assert profile.issues(resource | altering), altering


def test_every_published_claim_is_met_but_those_known() -> None:
    """A code system nests its concepts without saying what that means: HL7's own validator says the same."""
    bad = set()
    for name, resource in examples("R5", 5):
        for canonical in resource.get("meta", {}).get("profile", ()):
            profile = published().profile(canonical)
            if profile is not None and profile.issues(resource):
                bad.add(name)
    assert bad <= {"CodeSystem-fhir-types.json"}


def test_a_definition_that_is_altered_in_any_way_is_compiled_or_said_to_be_wrong() -> None:
    chance = random.Random(7)
    values: list[Any] = ["", 0, "5", "$this", "resolve()", "a..b", "closed", "((", ["x"], {"value": 1}, [], True]
    names = ["fixedString", "patternCoding", "minValueDate", "slicing", "sliceName", "binding", "type", "max", "_path"]
    for _ in range(150):
        altered_ones = [_altered(each, chance, names, values) for each in definitions()]
        valid = [each for each in altered_ones if not validate("R5", each, level="structure")]
        library = library_of(valid)
        for resource in TABLE["resources"].values():
            for row in TABLE["profiles"]:
                profile = library.profile(BASE + row["name"])
                if profile is not None:
                    profile.issues(resource, warnings=True)
                    profile.notes(resource)


def _altered(definition: Json, chance: random.Random, names: list[str], values: list[Any]) -> Json:
    found = copy.deepcopy(definition)
    holder: Any = found["snapshot"]["element"] if "snapshot" in found else found
    while isinstance(holder, dict | list) and holder:
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        inner = holder[key]
        if isinstance(inner, dict | list) and chance.random() < 0.8:
            holder = inner
            continue
        if isinstance(holder, dict) and chance.random() < 0.5:
            key = chance.choice(names)
        holder[key] = copy.deepcopy(chance.choice(values))
        break
    return found
