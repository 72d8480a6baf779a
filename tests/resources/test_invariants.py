"""The specification's invariants: what breaks them is refused with its place, what only seems to is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.errors import Unprocessable
from fhirserver.resources.fhirpath import EvaluationError, NotUnderstood, Place, compile  # noqa: A004 - as re.compile
from fhirserver.resources.fhirpath.compiler import compiled
from fhirserver.resources.fhirpath.syntax import parse
from fhirserver.resources.findings import LIMIT
from fhirserver.resources.invariants.apart import APART, CORRECTED, COVERED, REWORDED
from fhirserver.resources.invariants.rules import rules, rules_of_element
from fhirserver.resources.invariants.table import invariants, published
from fhirserver.resources.registry import RELEASES, Release, structure
from fhirserver.resources.validation import check, validate

CASES: list[dict[str, Any]] = fhirjson.loads(
    (Path(__file__).parent.parent / "cases" / "invariant_cases.json").read_bytes()
)


@pytest.mark.parametrize("case", CASES, ids=[f"{case['key']} {case['name']}" for case in CASES])
def test_what_breaks_an_invariant_is_refused_with_its_place(case: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable) as refused:
        check(case["release"], case["resource"])
    issues = refused.value.issues
    broken = [issue for issue in issues if issue.details == case["key"]]
    assert [issue.expression for issue in broken] == [(case["expression"],)], issues
    assert broken[0].code == "invariant"
    assert broken[0].severity == "error"
    assert case["key"] in broken[0].diagnostics
    assert case.get("says", "") in broken[0].diagnostics
    assert broken[0].diagnostics.endswith(".")
    assert {issue.code for issue in issues} == {"invariant"}
    assert validate(case["release"], case["resource"], level="structure") == []


def test_the_table_of_cases_names_each_once() -> None:
    assert len({(case["key"], case["name"]) for case in CASES}) == len(CASES) >= 60


MASKED = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
CLINIC = {"resourceType": "Organization", "id": "o", "name": "Clinic"}
RIGHT: list[tuple[str, Release, dict[str, Any]]] = [
    ("a system that is only an extension", "R5", {"telecom": [{"value": "1", "_system": MASKED}]}),
    ("a contact known by the extension of its name alone", "R5", {"contact": [{"name": {"_family": MASKED}}]}),
    ("a logical reference", "R4", {"managingOrganization": {"identifier": {"value": "1"}}}),
    ("a reference that is only an extension", "R5", {"managingOrganization": MASKED}),
    ("a period within one month", "R4", {"name": [{"period": {"start": "2020-05", "end": "2020-05-02"}}]}),
    ("a period within one day", "R5", {"name": [{"period": {"start": "2020-05-02", "end": "2020-05-02"}}]}),
    (
        "a period across zones",
        "R5",
        {"name": [{"period": {"start": "2020-05-02", "end": "2020-05-01T20:00:00-05:00"}}]},
    ),
    ("a contained resource", "R5", {"contained": [CLINIC], "managingOrganization": {"reference": "#o"}}),
    (
        "a contained resource that refers to what contains it",
        "R5",
        {
            "contained": [
                {"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "#"}},
            ]
        },
    ),
    (
        "a contained resource named by another contained one",
        "R5",
        {
            "contained": [CLINIC | {"partOf": {"reference": "#p"}}, CLINIC | {"id": "p"}],
            "managingOrganization": {"reference": "#o"},
        },
    ),
    (
        "a contained resource named by a url",
        "R5",
        {
            "contained": [CLINIC],
            "extension": [{"url": "http://x", "valueUrl": "#o"}],
        },
    ),
]


@pytest.mark.parametrize(("name", "release", "patient"), RIGHT, ids=[name for name, _, _ in RIGHT])
def test_what_only_seems_to_break_an_invariant_passes(name: str, release: Release, patient: dict[str, Any]) -> None:
    assert validate(release, {"resourceType": "Patient", **patient}) == []


def test_a_string_that_looks_like_a_contained_resource_is_no_reference_to_it() -> None:
    patient = {"resourceType": "Patient", "contained": [CLINIC], "name": [{"text": "#o"}]}
    assert [issue.details for issue in validate("R5", patient)] == ["dom-3"]


def test_limits_in_units_that_do_not_compare_pass() -> None:
    limits = {"low": {"value": 5, "unit": "mg"}, "high": {"value": 1, "unit": "mL"}}
    for release in RELEASES:
        assert validate(release, OBSERVATION | {"valueRange": limits}) == []


def test_every_broken_invariant_is_listed_with_codes_that_are_wrong() -> None:
    wrong = {"resourceType": "Patient", "gender": "x", "contact": [{"gender": "male"}], "telecom": [{"value": "1"}]}
    found = {(issue.code, issue.details, issue.expression[0]) for issue in validate("R5", wrong)}
    assert found == {
        ("code-invalid", None, "Patient.gender"),
        ("invariant", "pat-1", "Patient.contact[0]"),
        ("invariant", "cpt-2", "Patient.telecom[0]"),
    }


def test_what_has_not_the_right_shape_is_asked_for_nothing_more() -> None:
    wrong = {"resourceType": "Patient", "contact": [{"gender": 1}, {"foo": "x"}]}
    assert {issue.code for issue in validate("R5", wrong)} == {"structure"}


def test_a_flood_of_broken_invariants_is_cut_off() -> None:
    many = [{**CLINIC, "id": f"o{at}"} for at in range(500)]
    for resource in (
        {"resourceType": "Patient", "contained": many},
        {"resourceType": "Patient", "telecom": [{"value": "1"}] * 500},
    ):
        issues = validate("R5", resource)
        assert len(issues) == LIMIT + 1
        assert issues[-1].code == "too-long"


def test_advice_is_given_when_it_is_asked_for() -> None:
    patient = {"resourceType": "Patient", "identifier": [{"system": "http://x"}]}
    assert validate("R5", patient) == []
    assert validate("R5", patient, level="structure", warnings=True) == []
    issues = validate("R5", patient, warnings=True)
    assert {(issue.severity, issue.details) for issue in issues} == {("warning", "ident-1"), ("warning", "dom-6")}
    odd = {"resourceType": "ValueSet", "status": "draft", "name": "some value set", "url": "http://x#y"}
    found = {(issue.details, issue.expression[0]) for issue in validate("R5", odd, warnings=True)}
    assert found == {("cnl-0", "ValueSet"), ("cnl-1", "ValueSet.url"), ("dom-6", "ValueSet")}
    assert [issue.details for issue in validate("R4", odd, warnings=True)] == ["dom-6", "vsd-0"]


def test_a_contained_resource_is_not_advised_to_have_a_narrative() -> None:
    patient = {"resourceType": "Patient", "contained": [CLINIC], "managingOrganization": {"reference": "#o"}}
    assert [issue.expression for issue in validate("R5", patient, warnings=True)] == [("Patient",)]


@pytest.mark.parametrize("release", RELEASES)
def test_every_invariant_is_compiled_or_known_to_be_apart(release: Release) -> None:
    asked = 0
    for path in published(release):
        for invariant in invariants(release, path):
            compiled(parse(invariant.expression))  # without the full engine
            asked += 1
        if structure(release, path):
            rules(release, path, warnings=True)
        else:
            rules_of_element(release, path, "string", warnings=True)
    assert asked > 200


def test_what_is_apart_is_in_the_published_tables() -> None:
    for release, path, key in [*APART, *CORRECTED]:
        expressions = {name: expression for name, _, expression in published(release)[path]}
        assert key in expressions
        corrected = CORRECTED.get((release, path, key))
        assert corrected is None or (corrected.expression != expressions[key] and corrected.reason)
    for release, expression in REWORDED:
        assert any(expression == row[2] for rows in published(release).values() for row in rows)
    keys = {row[0] for release in RELEASES for rows in published(release).values() for row in rows}
    assert set(COVERED) <= keys


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
ELSEWHERE: dict[str, dict[str, Any]] = {
    "ele-1": {"name": [{}]},
    "ext-1": {"extension": [{"url": "http://x"}]},
    "dom-2": {"contained": [{"resourceType": "Patient", "id": "a", "contained": [{"resourceType": "Patient"}]}]},
    "txt-1": {"text": {"status": "generated", "div": DIV.format("<script>x</script>")}},
    "txt-2": {"text": {"status": "generated", "div": DIV.format(" ")}},
}


@pytest.mark.parametrize("key", sorted(COVERED))
def test_what_another_check_covers_is_refused_by_it(key: str) -> None:
    assert validate("R5", {"resourceType": "Patient", **ELSEWHERE[key]}) != []


MONTH = {"whenPrepared": "2020-01-02", "whenHandedOver": "2020-01"}
NEEDED: dict[tuple[Release, str, str], tuple[dict[str, Any], bool]] = {
    ("R5", "Bundle", "bdl-14"): ({"type": "history"}, True),
    ("R5", "Bundle", "bdl-16"): ({"issues": {"issue": [{"severity": "information"}] * 2}}, True),
    ("R5", "CareTeam.participant", "ctm-1"): ({"onBehalfOf": {}, "member": {"reference": "urn:uuid:1"}}, True),
    ("R5", "DomainResource", "dom-6"): ({"id": "a"}, True),
    ("R5", "MedicationDispense", "mdd-1"): (MONTH, True),
    ("R5", "Task", "inv-1"): ({"authoredOn": "2020-01-02", "lastModified": "2020-01"}, True),
    ("R4", "Bundle.entry", "bdl-8"): ({"resource": {"resourceType": "Patient"}}, True),
    ("R4", "Condition", "con-3"): ({"category": [{"text": "x"}]}, True),
    ("R4", "DomainResource", "dom-6"): ({"id": "a"}, True),
    ("R4", "ElementDefinition", "eld-19"): ({"path": "a b"}, False),
    ("R4", "MedicationDispense", "mdd-1"): (MONTH, True),
    ("R4", "Period", "per-1"): ({"start": "2020-05", "end": "2020-05-02"}, True),
    ("R4", "Questionnaire.item", "que-12"): ({"enableWhen": [{"question": "a"}, {"question": "b"}]}, False),
    ("R4", "Questionnaire.item.enableWhen", "que-7"): ({"operator": "exists", "answerBoolean": True}, True),
    ("R4", "Range", "rng-2"): ({"low": {"value": 1, "unit": "mg"}, "high": {"value": 1, "unit": "mL"}}, True),
    ("R4", "Reference", "ref-1"): ({"display": "x"}, True),
    ("R4", "RiskAssessment.prediction", "ras-2"): ({"outcome": {"text": "x"}}, True),
    ("R4", "Task", "inv-1"): ({"authoredOn": "2020-01-02", "lastModified": "2020-01"}, True),
    ("R4", "Timing.repeat", "tim-9"): ({"offset": 1, "when": ["MORN", "ACM"]}, True),
}
"""For each correction an element, and whether it is right."""


@pytest.mark.parametrize("where", [where for where in CORRECTED if where[2] != "eld-11"], ids=" ".join)
def test_a_correction_says_what_the_published_form_does_not(where: tuple[Release, str, str]) -> None:
    release, path, key = where
    element, right = NEEDED[where]
    type_ = "Patient" if path == "DomainResource" else path
    place = Place(element, {"resourceType": "Patient"})
    expression = next(row[2] for row in published(release)[path] if row[0] == key)
    corrected = compile(release, type_, CORRECTED[where].expression)
    assert (corrected.holds(element, place) is True) is right
    try:
        assert (compile(release, type_, expression).holds(element, place) is True) is not right
    except EvaluationError:
        assert right


def test_a_string_in_double_quotes_is_no_fhirpath() -> None:
    with pytest.raises(NotUnderstood):
        parse(next(row[2] for row in published("R5")["ElementDefinition"] if row[0] == "eld-11"))
