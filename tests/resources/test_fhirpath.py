"""FHIRPath: what expressions find, what they cannot be, and where what they find stands."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.resources.fhirpath import EvaluationError, Host, Node, NotUnderstood, Place, compile  # noqa: A004 - as re.compile
from fhirserver.resources.fhirpath.syntax import Measure, parse
from fhirserver.resources.fhirpath.temporal import Moment
from fhirserver.resources.registry import Release

TABLE: dict[str, Any] = fhirjson.loads((Path(__file__).parent.parent / "cases" / "fhirpath_cases.json").read_bytes())
PATIENT: dict[str, Any] = TABLE["resource"]


def _shown(item: Any) -> Any:
    match item:
        case Node():
            return "(no value)" if item.value is None else item.value
        case Moment():
            return f"@{item}"
        case Measure(number, unit):
            return f"{number} '{unit}'"
    return item


@pytest.mark.parametrize("case", TABLE["cases"], ids=[case["expression"] for case in TABLE["cases"]])
def test_what_an_expression_finds(case: dict[str, Any]) -> None:
    expression = compile("R5", "Patient", case["expression"])
    if case.get("error"):
        with pytest.raises(EvaluationError):
            expression.items(PATIENT)
        return
    found = [_shown(item) for item in expression.items(PATIENT)]
    assert found == case["result"]
    assert [type(value) for value in found] == [type(value) for value in case["result"]]


@pytest.mark.parametrize(
    "expression",
    [
        *("", "(", "a..b", "a.", "a b", "'open", '"double"', "@2020-1", "f(,)", "a[", "1 +", "$that", "%unknown"),
        *(
            "name.nonsense()",
            "name.where()",
            "name.first(1, 2)",
            "a is 1",
            "@2020-13-01",
            "(" * 5000 + "a" + ")" * 5000,
            "a" + ".a" * 20000,
            "a" + " and a" * 20000,
        ),
    ],
)
def test_what_is_no_fhirpath_is_not_understood(expression: str) -> None:
    with pytest.raises((NotUnderstood, EvaluationError)):
        compile("R5", "Patient", expression).items(PATIENT)


def test_what_the_compiler_does_not_know_the_full_engine_does() -> None:
    assert compile("R5", "Patient", "'abc'.encode('base64')").values(PATIENT) == ["YWJj"]
    assert compile("R5", "Patient", "name.select(given.count()).power(2)").items({"resourceType": "Patient"}) == []
    with pytest.raises(EvaluationError):
        compile("R5", "Patient", "name.encode('hex')").items(PATIENT)
    resolving = "managingOrganization.resolve().exists() and 'a'.encode('hex') = '61'"
    assert compile("R4", "Patient", resolving).holds(PATIENT)


def test_whether_a_condition_holds() -> None:
    assert compile("R5", "Patient", "active").holds(PATIENT) is True
    assert compile("R5", "Patient", "active.not()").holds(PATIENT) is False
    assert compile("R5", "Patient", "photo.hash = 'x'").holds(PATIENT) is None
    assert compile("R5", "Patient", "name.first()").holds(PATIENT) is True
    with pytest.raises(EvaluationError):
        compile("R5", "Patient", "name").holds(PATIENT)


def test_what_is_found_knows_its_place() -> None:
    family, given = compile("R5", "Patient", "name[2].family | name[1].given").items(PATIENT)
    assert (family.owner is PATIENT["name"][2], family.key, family.at) == (True, "family", None)
    assert (given.owner is PATIENT["name"][1], given.key, given.at) == (True, "given", 0)
    (deceased,) = compile("R5", "Patient", "deceased").items(PATIENT)
    assert (deceased.key, deceased.type) == ("deceasedBoolean", "boolean")
    (contact,) = compile("R5", "Patient", "contact").items(PATIENT)
    assert (contact.type, contact.at) == ("Patient.contact", 0)


BUNDLE = {"entry": [{"resource": {"resourceType": "Patient", "id": "a"}}]}


@pytest.mark.parametrize(
    ("type_", "expression", "value", "found"),
    [
        ("Quantity", "value * 2", {"value": Decimal("1.50")}, [Decimal("3.00")]),
        ("Patient.contact", "name.family & '!'", {"name": {"family": "A"}}, ["A!"]),
        ("ElementDefinition", "min.toString() + max", {"min": 0, "max": "*"}, ["0*"]),
        ("HumanName", "given", {"given": [None, "b"], "_given": [{"id": "x"}, None]}, ["b"]),
        ("HumanName", "given.count()", {"given": [None, "b"], "_given": [{"id": "x"}, None]}, [2]),
        ("HumanName", "given.id", {"given": [None, "b"], "_given": [{"id": "x"}, None]}, ["x"]),
        ("Extension", "value.exists()", {"_valueString": {"id": "x"}}, [True]),
        ("Extension", "value.hasValue()", {"_valueString": {"id": "x"}}, [False]),
        ("Attachment", "size > 5000000000", {"size": "5000000001"}, [True]),
        ("string", "$this.length() <= 3", "abc", [True]),
        ("Observation", "value.ofType(Quantity).unit", {"valueQuantity": {"unit": "kg"}}, ["kg"]),
        ("Observation", "value.ofType(string)", {"valueQuantity": {"unit": "kg"}}, []),
        ("Observation", "(value as Quantity).unit", {"valueQuantity": {"unit": "kg"}}, ["kg"]),
        (
            "Bundle",
            "entry.resource.ofType(Patient).id",
            {"entry": [{"resource": {"resourceType": "Patient", "id": "a"}}]},
            ["a"],
        ),
        ("Bundle", "entry.resource is Resource", {"entry": [{"resource": {"resourceType": "Patient"}}]}, [True]),
    ],
)
def test_parts_of_resources_are_read_by_their_types(type_: str, expression: str, value: Any, found: list[Any]) -> None:
    assert compile("R5", type_, expression).values(value) == found


def test_variables_are_of_the_resource_and_of_what_contains_it() -> None:
    inner = {"resourceType": "Organization", "id": "o", "partOf": {"reference": "#p"}}
    outer = {"resourceType": "Patient", "id": "a", "contained": [inner, {"resourceType": "Organization", "id": "p"}]}
    expression = compile("R5", "Reference", "%resource.id & '/' & %rootResource.id & '/' & resolve().id")
    assert expression.values(inner["partOf"], Place(inner, outer)) == ["o/a/p"]


@pytest.mark.parametrize("release", ["R5", "R4"])
def test_a_host_tells_what_is_outside_of_the_resource(release: Release) -> None:
    host = Host(
        member=lambda _release, url, code, system: (code, system) == ("x", None) if url == "http://v" else None,
        conforms=lambda _release, url, item: item.type == "Patient",
        find=lambda reference: {"resourceType": "Organization", "name": "Clinic"} if reference == "urn:a" else None,
    )
    patient = {"resourceType": "Patient", "gender": "x", "managingOrganization": {"reference": "urn:a"}}
    place = Place(patient, patient, host)
    for expression in (
        "gender.memberOf('http://v')",
        "gender.memberOf('http://w').empty()",
        "conformsTo('http://p')",
        "managingOrganization.resolve().name = 'Clinic'",
    ):
        assert compile(release, "Patient", expression).holds(patient, place) is True


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, {"name": 1}, {"name": [None, 1, "x"]}, {"birthDate": {}}, {"birthDate": "x"}]
)
def test_content_of_the_wrong_shape_ends_no_evaluation_in_anything_but_an_evaluation_error(value: Any) -> None:
    for expression in ("name.family", "descendants().count()", "birthDate > today()", "name.given.first() + 'x'"):
        try:
            compile("R5", "Patient", expression).items(value)
        except EvaluationError:
            continue


@pytest.mark.parametrize(
    ("concept", "member"),
    [
        ({"coding": [{"system": "http://hl7.org/fhir/administrative-gender", "code": "male"}]}, True),
        ({"coding": [{"code": "male"}]}, False),
        ({"coding": [{"system": "http://x", "code": "male"}]}, False),
        ({"text": "male"}, None),
    ],
)
def test_a_coding_is_a_member_by_its_system_too(concept: dict[str, Any], member: bool | None) -> None:
    expression = compile(
        "R5", "Patient", "maritalStatus.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"
    )
    assert expression.holds({"resourceType": "Patient", "maritalStatus": concept}) is member


@pytest.mark.parametrize(
    "expression",
    ["'x'.replaceMatches('x', '$3')", "'x'.matches('(')", "'%s'.matches('^(?:x|xx)+[yz]$')" % ("x" * 60)],
)
def test_a_regular_expression_that_fails_or_does_not_end_cannot_be_evaluated(expression: str) -> None:
    with pytest.raises(EvaluationError):
        compile("R5", "Patient", expression).items(PATIENT)


@pytest.mark.parametrize(
    "expression",
    [
        "name" + ".select(%resource.name)" * 8,
        "name.given" + ".select(%resource.descendants())" * 8,
        "%resource.descendants()" + ".select($this.combine($this))" * 40,
    ],
)
def test_an_expression_that_grows_and_grows_is_ended(expression: str) -> None:
    patient = {"resourceType": "Patient", "name": [{"given": ["a", "b"]}] * 20}
    with pytest.raises(EvaluationError, match="more than"):
        compile("R5", "Patient", expression).items(patient)


def test_regular_expressions_share_a_time() -> None:
    slow = "name.all(family.matches('^(?:x|xx)+[yz]$'))"
    patient = {"resourceType": "Patient", "name": [{"family": "x" * 60}] * 1000}
    place = Place(patient, patient)
    for _ in range(100):
        with pytest.raises(EvaluationError, match="too long"):
            compile("R5", "Patient", slow).items(patient, place)


def test_equal_trees_are_equal() -> None:
    assert parse("a.b and c = 'd'") == parse("(a.b) and (c='d')")
    assert parse("a or b and c") == parse("a or (b and c)")
    assert parse("a and b implies c or d") == parse("(a and b) implies (c or d)")
    assert parse("1 + 2 * -3") == parse("1 + (2 * (-3))")
