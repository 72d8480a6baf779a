"""Resources that are refused, each with its status, code and place; and some that look odd and are right."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.errors import FhirError
from fhirserver.resources.findings import LIMIT
from fhirserver.resources.validation import check, validate

CASES: list[dict[str, Any]] = fhirjson.loads(
    (Path(__file__).parent.parent / "cases" / "validation_cases.json").read_bytes()
)
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_wrong_is_refused_with_its_place(case: dict[str, Any]) -> None:
    with pytest.raises(FhirError) as refused:
        check(case["release"], case["resource"])
    error = refused.value
    found = {(issue.code, issue.expression) for issue in error.issues}
    assert (case["code"], (case["expression"],)) in found
    assert error.status == case["status"]
    sentences = " ".join(issue.diagnostics for issue in error.issues)
    assert case.get("says", "") in sentences
    assert all(issue.diagnostics.endswith((".", "?")) for issue in error.issues)


def test_the_table_of_cases_names_each_once() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 60


RIGHT: dict[str, dict[str, Any]] = {
    "a type alone": {"resourceType": "Patient"},
    "an extension instead of a value": {"resourceType": "Patient", "_birthDate": ABSENT},
    "an extension instead of a required value": {"resourceType": "ResearchStudy", "_status": ABSENT},
    "an extension on one of several values": {
        "resourceType": "Patient",
        "name": [{"given": ["a", None], "_given": [None, ABSENT]}],
    },
    "only extensions in an array": {"resourceType": "Patient", "name": [{"_given": [ABSENT]}]},
    "an extension instead of an extension's value": {
        "resourceType": "Patient",
        "extension": [{"url": "http://x", "_valueString": ABSENT}],
    },
    "an extension instead of a choice": {"resourceType": "Patient", "_deceasedBoolean": ABSENT},
    "an id beside a value": {"resourceType": "Patient", "birthDate": "1990", "_birthDate": {"id": "a[x]"}},
    "an absent concept under a required binding": {
        "resourceType": "ResearchSubject",
        "status": "active",
        "study": {"reference": "urn:uuid:0b4e8a52-4a2a-4c37-a3a4-0d4cf9ea8d3e"},
        "subject": {"reference": "#p"},
        "progress": [{"subjectState": ABSENT}],
        "contained": [{"resourceType": "Patient", "id": "p"}],
    },
    "a logical reference": {"resourceType": "Patient", "managingOrganization": {"identifier": {"value": "1"}}},
    "a conditional reference": {
        "resourceType": "Patient",
        "managingOrganization": {"reference": "Organization?name=x"},
    },
    "a URL that names no type": {"resourceType": "Patient", "managingOrganization": {"reference": "https://x.org/a"}},
    "34 digits": {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "valueQuantity": {"value": Decimal("1." + "3" * 33)},
    },
    "a leap second": {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "effectiveInstant": "2016-12-31T23:59:60.123456789Z",
    },
    "attributes, and text that looks like some": {
        "resourceType": "Patient",
        "text": {
            "status": "generated",
            "div": DIV.replace(">x<", ' xml:lang=\'en\' class = "a"><a href="http://x?a=b">a ="b"</a><'),
        },
    },
    "29 February": {"resourceType": "Patient", "birthDate": "2024-02-29"},
    "a narrative with all its finery": {
        "resourceType": "Patient",
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml" style="a:b"><!-- c --><p class="x" title="one = 1">'
            'A &lt; B &#169; <img src="data:image/png;base64,AA==" alt="x"/></p></div>',
        },
    },
    "base64 in lines": {"resourceType": "Binary", "contentType": "text/plain; charset=utf-8", "data": "aGVs\nbG8="},
}


@pytest.mark.parametrize("resource", RIGHT.values(), ids=RIGHT.keys())
def test_what_is_right_passes(resource: dict[str, Any]) -> None:
    assert validate("R5", resource) == []


def test_all_that_is_wrong_is_listed_at_once() -> None:
    issues = validate("R5", {"resourceType": "Patient", "gender": "x", "birthDate": "x", "foo": 1, "active": "x"})
    assert {issue.expression[0] for issue in issues} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.foo",
        "Patient.active",
    }


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "name": [{"foo": 1}] * 10000},
        {"resourceType": "Patient", **{f"x{n}": n for n in range(10000)}},
        {"resourceType": "Patient", "name": [{"given": [None] * 100000}]},
        {"resourceType": "Patient", "name": [{"given": [1] * 100000}]},
    ],
    ids=["objects", "elements", "nulls", "values"],
)
def test_a_flood_of_mistakes_is_cut_off(resource: dict[str, Any]) -> None:
    assert len(validate("R5", resource)) == LIMIT + 1


def test_structure_alone_leaves_codes_and_targets_to_the_client() -> None:
    odd = {"resourceType": "ResearchSubject", "status": "bogus"}
    odd |= {"study": {"reference": "Patient/1"}, "subject": {"reference": "x y"}}
    assert validate("R5", odd, level="structure") == []
    assert len(validate("R5", odd)) == 3
    script = {"status": "generated", "div": DIV.replace("x<", "<script/><")}
    assert validate("R5", odd | {"text": script}, level="structure")[0].expression == ("ResearchSubject.text.div",)


def test_nesting_beyond_reason_is_refused() -> None:
    deep: dict[str, Any] = {"url": "a", "valueString": "b"}
    for _ in range(3000):
        deep = {"url": "a", "extension": [deep]}
    issues = validate("R5", {"resourceType": "Patient", "extension": [deep]})
    assert [issue.code for issue in issues] == ["structure"]


def test_a_validated_resource_is_left_as_it_was() -> None:
    resource = fhirjson.loads(
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}'
    )
    before = fhirjson.dumps(resource)
    assert validate("R5", resource) == []
    assert fhirjson.dumps(resource) == before
