"""Parts of resources: what stays, what goes, and that a part is sound."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.resources.registry import Release
from fhirserver.resources.subsets import SUBSETTED, parse, refuse_subset
from fhirserver.resources.validation import validate
from tests.official import REFUSED
from tests.packages import examples

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "a",
    "meta": {"versionId": "1", "tag": [{"code": "mine"}]},
    "language": "en",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "contained": [
        {"resourceType": "Organization", "id": "o", "name": "O", "partOf": {"reference": "#p"}},
        {"resourceType": "Organization", "id": "p", "name": "P"},
        {"resourceType": "Practitioner", "id": "gp"},
    ],
    "extension": [{"url": "urn:x", "valueCode": "y"}],
    "modifierExtension": [{"url": "urn:x", "valueCode": "y"}],
    "name": [{"family": "F", "_family": {"extension": [{"url": "urn:x", "valueCode": "y"}]}, "id": "n"}],
    "birthDate": "1980",
    "_birthDate": {"extension": [{"url": "urn:x", "valueCode": "y"}]},
    "deceasedBoolean": False,
    "maritalStatus": {"text": "m"},
    "photo": [{"contentType": "image/png", "data": "eA=="}],
    "generalPractitioner": [{"reference": "#gp"}],
    "managingOrganization": {"reference": "#o"},
}


def part(resource: dict[str, Any], *, included: bool = False, type_: str | None = None, **asked: str) -> dict[str, Any]:
    subset = parse("R5", [(f"_{name}", value) for name, value in asked.items()], type_)
    assert subset is not None
    return subset.part(resource, included=included)


def test_a_summary_has_the_marked_elements_and_what_they_need() -> None:
    found = part(PATIENT, summary="true")
    assert set(found) == {
        "resourceType", "id", "meta", "modifierExtension", "name", "birthDate", "_birthDate", "deceasedBoolean",
        "managingOrganization", "contained",
    }  # fmt: skip
    assert list(found)[:3] == ["resourceType", "id", "meta"]
    assert [each["id"] for each in found["contained"]] == ["o", "p"]
    assert found["name"] == [{key: value for key, value in PATIENT["name"][0].items() if key != "id"}]
    assert found["meta"] == {"versionId": "1", "tag": [{"code": "mine"}, dict(SUBSETTED)]}
    assert "tag" in PATIENT["meta"]
    assert len(PATIENT["meta"]["tag"]) == 1


def test_the_summary_of_what_is_within_an_element_is_its_own() -> None:
    document = {
        "resourceType": "DocumentReference", "id": "d", "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "data": "eA==", "title": "t"}}],
    }  # fmt: skip
    assert part(document, summary="true")["content"] == [{"attachment": {"contentType": "text/plain", "title": "t"}}]
    study = {"resourceType": "ResearchStudy", "id": "s", "status": "active", "recruitment": {"targetNumber": 3}}
    assert "recruitment" not in part(study, summary="true")


def test_text_is_the_narrative_with_what_is_mandatory() -> None:
    assert set(part(PATIENT, summary="text")) == {"resourceType", "id", "meta", "modifierExtension", "text"}
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "c"}, "issued": "x"}
    assert set(part(observation, summary="text")) == {"resourceType", "id", "meta", "status", "code"}


def test_data_is_all_but_the_narrative() -> None:
    found = part(PATIENT, summary="data")
    assert set(PATIENT) - set(found) == {"text"}
    assert found["contained"] == PATIENT["contained"]


def test_elements_are_those_named_and_the_mandatory_ones() -> None:
    found = part(PATIENT, elements="birthDate,deceased,generalPractitioner")
    assert set(found) == {
        "resourceType", "id", "meta", "modifierExtension", "birthDate", "_birthDate", "deceasedBoolean",
        "generalPractitioner", "contained",
    }  # fmt: skip
    assert [each["id"] for each in found["contained"]] == ["gp"]
    assert "deceasedBoolean" in part(PATIENT, elements="deceased[x]")
    assert "deceasedBoolean" in part(PATIENT, elements="Patient.deceasedBoolean")
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "c"}, "issued": "x"}
    assert set(part(observation, elements="issued")) == {"resourceType", "meta", "status", "code", "issued"}


def test_elements_without_a_type_are_not_those_of_included_resources() -> None:
    group = {"resourceType": "Group", "id": "g", "type": "person", "membership": "definitional", "name": "x"}
    assert part(group, elements="birthDate", included=True) is group
    assert part(group, elements="Patient.birthDate") is group
    assert "name" not in part(group, elements="birthDate,Group.code", included=True)
    assert "name" in part(group, elements="Group.name", included=True)


@pytest.mark.parametrize(
    ("asked", "type_"),
    [
        ([("_summary", "yes")], None),
        ([("_summary", "")], None),
        ([("_elements", "")], "Patient"),
        ([("_elements", "name,")], "Patient"),
        ([("_elements", "name.family")], "Patient"),
        ([("_elements", "Patient.name.family")], None),
        ([("_elements", "Nothing.name")], None),
        ([("_elements", "value")], "Patient"),
        ([("_elements", "nothing-has-this")], None),
        ([("_elements", "name"), ("_summary", "text")], "Patient"),
    ],
)
def test_what_is_no_part_is_refused(asked: list[tuple[str, str]], type_: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        parse("R5", asked, type_)
    assert refused.value.issues[0].expression[0] in ("_summary", "_elements")


def test_whole_resources_are_asked_for_by_nothing_and_by_false() -> None:
    assert parse("R5", []) is None
    assert parse("R5", [("_summary", "false"), ("_format", "json")]) is None
    assert parse("R5", [("_summary", "count")]) is None


def test_a_part_is_not_written() -> None:
    with pytest.raises(Unprocessable) as refused:
        refuse_subset(part(PATIENT, summary="data"))
    assert refused.value.issues[0].expression == ("Patient.meta.tag[1]",)
    for sound in (PATIENT, {"resourceType": "Patient", "meta": {"tag": "x"}}, {"resourceType": "Patient", "meta": 1}):
        refuse_subset(sound)


@pytest.mark.parametrize("release", ["R5", "R4"])
def test_every_part_of_the_official_examples_is_a_valid_resource(release: Release) -> None:
    seen = 0
    for name, resource in examples(release, 11):
        if name in REFUSED[release] or validate(release, resource):
            continue
        for summary in ("true", "text", "data"):
            subset = parse(release, [("_summary", summary)])
            assert subset is not None
            found = fhirjson.loads(subset.of(fhirjson.dumps(resource)))
            wrong = [issue for issue in validate(release, found) if issue.code != "invariant"]
            assert wrong == [], (name, summary)
            assert found.keys() <= resource.keys() | {"meta"}
            seen += 1
    assert seen > 500
