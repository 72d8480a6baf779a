"""What R4 clients see of what R5 says otherwise, type by type, and what becomes of their changes."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.releases import converted

Json = dict[str, Any]
FUNCTIONS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
PHONE = {"system": "phone", "value": "1"}
MAIL = {"system": "email", "value": "a@b.c"}


def _by(function: str, who: str, **more: Any) -> Json:
    return {"function": {"coding": [{"system": FUNCTIONS, "code": function}]}, "actor": {"reference": who}} | more


SEEN: list[tuple[str, Json, Json]] = [
    (
        "Condition",
        {
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "participant": [_by("author", "Practitioner/a"), _by("informant", "Patient/p")],
            "evidence": [{"concept": {"text": "rash"}, "reference": {"reference": "Observation/o"}}],
        },
        {
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "recorder": {"reference": "Practitioner/a"},
            "asserter": {"reference": "Patient/p"},
            "evidence": [{"code": [{"text": "rash"}], "detail": [{"reference": "Observation/o"}]}],
        },
    ),
    (
        "Organization",
        {
            "contact": [
                {"telecom": [PHONE], "address": {"city": "X"}},
                {"address": {"city": "Y"}},
                {"name": [{"text": "Ann"}], "telecom": [MAIL]},
            ]
        },
        {
            "telecom": [PHONE],
            "address": [{"city": "X"}, {"city": "Y"}],
            "contact": [{"name": {"text": "Ann"}, "telecom": [MAIL]}],
        },
    ),
    (
        "Location",
        {
            "contact": [{"telecom": [PHONE]}],
            "form": {"text": "room"},
            "hoursOfOperation": [{"availableTime": [{"daysOfWeek": ["mon"], "availableStartTime": "08:00:00"}]}],
        },
        {
            "telecom": [PHONE],
            "physicalType": {"text": "room"},
            "hoursOfOperation": [{"daysOfWeek": ["mon"], "openingTime": "08:00:00"}],
        },
    ),
    (
        "PractitionerRole",
        {"availability": [{"availableTime": [{"allDay": True}], "notAvailableTime": [{"description": "holidays"}]}]},
        {"availableTime": [{"allDay": True}], "notAvailable": [{"description": "holidays"}]},
    ),
    (
        "Practitioner",
        {"communication": [{"language": {"coding": [{"code": "de"}]}}]},
        {"communication": [{"coding": [{"code": "de"}]}]},
    ),
    (
        "AuditEvent",
        {
            "category": [{"coding": [{"code": "rest"}]}],
            "code": {"coding": [{"code": "read"}]},
            "outcome": {
                "code": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-outcome", "code": "8"},
                "detail": [{"text": "no such patient"}],
            },
        },
        {"type": {"code": "rest"}, "subtype": [{"code": "read"}], "outcome": "8", "outcomeDesc": "no such patient"},
    ),
    (
        "Subscription",
        {
            "status": "active",
            "reason": "r",
            "filterBy": [
                {
                    "resourceType": "http://hl7.org/fhir/StructureDefinition/Observation",
                    "filterParameter": "code",
                    "value": "a|b",
                }
            ],
            "channelType": {
                "system": "http://terminology.hl7.org/CodeSystem/subscription-channel-type",
                "code": "rest-hook",
            },
            "endpoint": "http://x.org/",
            "contentType": "application/fhir+json",
            "parameter": [{"name": "Authorization", "value": "Bearer x"}],
        },
        {
            "status": "active",
            "reason": "r",
            "criteria": "Observation?code=a|b",
            "channel": {
                "type": "rest-hook",
                "endpoint": "http://x.org/",
                "payload": "application/fhir+json",
                "header": ["Authorization: Bearer x"],
            },
        },
    ),
    (
        "Questionnaire",
        {
            "status": "active",
            "item": [
                {"linkId": "1", "type": "coding"},
                {"linkId": "2", "type": "coding", "answerConstraint": "optionsOrString"},
            ],
        },
        {"status": "active", "item": [{"linkId": "1", "type": "choice"}, {"linkId": "2", "type": "open-choice"}]},
    ),
    (
        "Provenance",
        {"recorded": "2024-01-01T00:00:00Z", "authorization": [{"concept": {"text": "care"}}]},
        {"recorded": "2024-01-01T00:00:00Z", "reason": [{"text": "care"}]},
    ),
]


@pytest.mark.parametrize(("type_", "r5", "r4"), SEEN, ids=[row[0] for row in SEEN])
def test_each_release_says_it_in_its_words(type_: str, r5: Json, r4: Json) -> None:
    named = {"resourceType": type_}
    seen = converted(named | r5, "R5", "R4")
    assert {name: seen.get(name) for name in r4} == r4
    assert "extension" not in seen
    stored = converted(named | r4, "R4", "R5")
    assert {name: stored.get(name) for name in r5} == r5


def test_a_consent_of_r4_is_a_decision_and_its_provision() -> None:
    r4: Json = {
        "resourceType": "Consent",
        "status": "rejected",
        "scope": {"text": "research"},
        "category": [{"text": "study"}],
        "patient": {"reference": "Patient/p"},
        "dateTime": "2024-01-02T10:00:00Z",
        "policyRule": {"text": "opt-in"},
        "provision": {"type": "permit", "period": {"start": "2024"}, "provision": [{"type": "deny"}]},
    }
    stored = converted(r4, "R4", "R5")
    assert (stored["status"], stored["date"], stored["decision"]) == ("not-done", "2024-01-02", "permit")
    assert stored["subject"] == {"reference": "Patient/p"}
    assert stored["regulatoryBasis"] == [{"text": "opt-in"}]
    assert stored["provision"][0]["period"] == {"start": "2024"}
    assert converted(stored, "R5", "R4") == r4


def test_a_condition_that_goes_on_or_not_nobody_knows_has_no_status_in_r4() -> None:
    stored = converted({"resourceType": "Condition"}, "R4", "R5")
    assert stored["clinicalStatus"]["coding"][0]["code"] == "unknown"
    assert converted(stored, "R5", "R4") == {"resourceType": "Condition"}


def test_an_asserter_that_r4_changes_leaves_the_other_participants() -> None:
    stored = {
        "resourceType": "Condition",
        "participant": [
            _by("verifier", "Practitioner/v"),
            _by("informant", "Patient/p"),
            _by("author", "Practitioner/a"),
        ],
    }
    seen = converted(stored, "R5", "R4") | {"asserter": {"reference": "RelatedPerson/r"}}
    del seen["recorder"]
    changed = converted(seen, "R4", "R5")
    assert changed["participant"] == [_by("verifier", "Practitioner/v"), _by("informant", "RelatedPerson/r")]


def test_a_telecom_that_r4_adds_keeps_what_r5_says_of_the_contact() -> None:
    contact = {"purpose": {"text": "ward"}, "telecom": [PHONE]}
    seen = converted({"resourceType": "Location", "contact": [contact]}, "R5", "R4")
    changed = converted(seen | {"telecom": [PHONE, MAIL]}, "R4", "R5")
    assert changed["contact"] == [contact, {"telecom": [MAIL]}]


def test_a_reference_that_r4_does_not_take_there_travels_beside_it() -> None:
    stored = {"resourceType": "ResearchStudy", "status": "active", "site": [{"reference": "ResearchStudy/s"}]}
    seen = converted(stored, "R5", "R4")
    assert "site" not in seen
    assert converted(seen, "R4", "R5") == stored
    link = {"resourceType": "Provenance", "target": [{"reference": "EvidenceReport/e", "display": "results"}]}
    seen = converted(link, "R5", "R4")
    assert seen["target"][0]["display"] == "results"
    assert "reference" not in seen["target"][0]
    assert converted(seen, "R4", "R5") == link


def test_an_extension_of_a_phone_number_stands_where_the_release_has_it() -> None:
    part = {"url": "http://hl7.org/fhir/StructureDefinition/contactpoint-extension", "valueString": "12"}
    stored = {"resourceType": "Patient", "telecom": [PHONE | {"_value": {"extension": [part]}}]}
    seen = converted(stored, "R5", "R4")
    assert seen["telecom"] == [PHONE | {"extension": [part]}]
    assert converted(seen, "R4", "R5") == stored


def test_what_does_not_differ_is_the_same_object() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "x"}],
        "managingOrganization": {"display": "y"},
    }
    assert converted(patient, "R5", "R4") is patient
    assert converted(patient, "R4", "R5") is patient
