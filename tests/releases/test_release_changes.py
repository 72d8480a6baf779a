"""What a client of one release changes counts, and what it could not see stays."""

from __future__ import annotations

from typing import Any

from fhirserver.releases import converted
from fhirserver.resources.research_subject import trail

STATUS = "http://hl7.org/fhir/research-study-status"
ROLES = "http://hl7.org/fhir/research-study-party-role"


def _state(code: str, **period: str) -> dict[str, Any]:
    return {"state": {"coding": [{"system": STATUS, "code": code}]}} | ({"period": period} if period else {})


def _party(role: str, **more: Any) -> dict[str, Any]:
    return {"role": {"coding": [{"system": ROLES, "code": role}]}} | more


STUDY: dict[str, Any] = {
    "resourceType": "ResearchStudy",
    "status": "active",
    "progressStatus": [_state("recruiting"), _state("not-yet-recruiting", end="2020")],
    "associatedParty": [
        _party("collaborator", party={"reference": "Organization/c"}),
        _party("lead-sponsor", party={"reference": "Organization/s"}),
        _party("primary-investigator", name="Ann", party={"reference": "Practitioner/a"}),
        _party("recruitment-contact", name="Bo"),
    ],
    "recruitment": {"targetNumber": 20, "eligibility": {"reference": "Group/g"}},
    "comparisonGroup": [{"linkId": "a", "name": "A"}, {"linkId": "b", "name": "B"}],
}
SUBJECT: dict[str, Any] = {
    "resourceType": "ResearchSubject",
    "status": "active",
    "progress": [
        {
            "type": {"coding": [{"code": "Enrollment"}]},
            "subjectState": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/research-subject-state", "code": "on-study"}
                ]
            },
            "startDate": "2024-01-01",
        }
    ],
    "study": {"reference": "ResearchStudy/s"},
    "subject": {"reference": "Patient/p"},
}


def _edited(resource: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What is stored after an R4 client read a resource, changed elements (None removes one) and wrote it back."""
    seen = converted(resource, "R5", "R4") | changes
    return converted({name: value for name, value in seen.items() if value is not None}, "R4", "R5")


def test_a_study_is_seen_in_r4_terms() -> None:
    seen = converted(STUDY, "R5", "R4")
    assert seen["status"] == "active"
    assert seen["sponsor"] == {"reference": "Organization/s"}
    assert seen["principalInvestigator"] == {"reference": "Practitioner/a"}
    assert seen["contact"] == [{"name": "Bo"}]
    assert seen["enrollment"] == [{"reference": "Group/g"}]
    assert [arm["name"] for arm in seen["arm"]] == ["A", "B"]


def test_a_status_that_r4_changes_wins_and_the_past_stays() -> None:
    stored = _edited(STUDY, status="completed")
    assert stored["progressStatus"] == [_state("completed"), _state("not-yet-recruiting", end="2020")]
    assert {name: value for name, value in stored.items() if name != "progressStatus"} == {
        name: value for name, value in STUDY.items() if name != "progressStatus"
    }
    assert converted(stored, "R5", "R4")["status"] == "completed"


def test_a_sponsor_that_r4_changes_leaves_the_other_parties() -> None:
    stored = _edited(STUDY, sponsor={"reference": "Organization/new"})
    parties = [dict(party) for party in STUDY["associatedParty"]]
    parties[1] = _party("lead-sponsor", party={"reference": "Organization/new"})
    assert stored["associatedParty"] == parties


def test_a_sponsor_and_contacts_that_r4_removes_are_gone() -> None:
    stored = _edited(STUDY, sponsor=None, contact=None)
    assert [party["role"]["coding"][0]["code"] for party in stored["associatedParty"]] == [
        "collaborator",
        "primary-investigator",
    ]


def test_a_contact_that_r4_adds_keeps_its_telecom() -> None:
    contact = {"name": "Cy", "telecom": [{"system": "phone", "value": "1"}]}
    stored = _edited(STUDY, contact=[{"name": "Bo"}, contact])
    assert stored["associatedParty"][:4] == STUDY["associatedParty"]
    assert stored["associatedParty"][4]["name"] == "Cy"
    assert converted(stored, "R5", "R4")["contact"] == [{"name": "Bo"}, contact]


def test_an_enrollment_that_r4_changes_keeps_the_numbers() -> None:
    stored = _edited(STUDY, enrollment=[{"reference": "Group/h"}])
    assert stored["recruitment"] == {"targetNumber": 20, "eligibility": {"reference": "Group/h"}}


def test_an_arm_that_r4_removes_takes_what_only_r5_knew_of_it_along() -> None:
    seen = converted(STUDY, "R5", "R4")
    assert _edited(STUDY, arm=seen["arm"][1:])["comparisonGroup"] == [{"linkId": "b", "name": "B"}]


def test_a_state_that_r4_changes_is_the_present_one() -> None:
    assert converted(SUBJECT, "R5", "R4")["status"] == "on-study"
    stored = _edited(SUBJECT, status="off-study")
    assert stored["progress"][0]["startDate"] == "2024-01-01"
    assert len(stored["progress"]) == 2
    assert trail(stored)[-1] == "off-study"
    assert converted(stored, "R5", "R4")["status"] == "off-study"


def test_an_arm_is_a_group_s_link_id_where_it_can_be_one() -> None:
    r4 = {"resourceType": "ResearchSubject", "status": "candidate", "assignedArm": "arm-1", "actualArm": "Arm one"}
    stored = converted(r4, "R4", "R5")
    assert stored["assignedComparisonGroup"] == "arm-1"
    assert "actualComparisonGroup" not in stored
    assert converted(stored, "R5", "R4")["actualArm"] == "Arm one"
