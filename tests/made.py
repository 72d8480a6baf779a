"""Small resources of every type, made from the definitions' tables: what is mandatory, and no more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fhirserver.resources.registry import Element, Release, codes, structure, valueset

Json = dict[str, Any]

PRIMITIVES: dict[str, Any] = {
    "boolean": True, "integer": 1, "positiveInt": 1, "unsignedInt": 1, "integer64": "1", "decimal": Decimal("1.0"),
    "date": "2024-01-01", "dateTime": "2024-01-01", "instant": "2024-01-01T00:00:00Z", "time": "10:00:00",
    "uri": "http://example.org/x", "url": "http://example.org/x", "canonical": "http://example.org/x",
    "oid": "urn:oid:1.2.3", "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "base64Binary": "eA==",
    "code": "x", "id": "x", "string": "x", "markdown": "x",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
}  # fmt: skip

BESIDES: dict[str, Json] = {
    "Appointment": {"status": "proposed", "participant": [{"status": "accepted", "type": [{"text": "x"}]}]},
    "AppointmentResponse": {"participantType": [{"text": "x"}]},
    "CapabilityStatement": {
        "kind": "requirements", "fhirVersion": "5.0.0", "description": "x", "rest": [{"mode": "server"}],
    },
    "EventDefinition": {"trigger": [{"type": "named-event", "name": "x"}]},
    "ExampleScenario": {"status": "draft"},
    "ImmunizationRecommendation": {
        "recommendation": [{"forecastStatus": {"text": "x"}, "vaccineCode": [{"text": "x"}]}],
    },
    "InsurancePlan": {"name": "x"},
    "Linkage": {"item": [{"type": "source", "resource": {"reference": f"Patient/{at}"}} for at in "ab"]},
    "Organization": {"name": "x"},
    "StructureDefinition": {
        "kind": "logical", "type": "http://example.org/x", "differential": {"element": [{"path": "x", "id": "x"}]},
    },
    "SearchParameter": {"status": "draft"},
    "SubscriptionStatus": {"type": "handshake"},
    "TerminologyCapabilities": {"kind": "requirements", "description": "x"},
}  # fmt: skip
"""By type, what invariants ask for beside mandatory elements."""

_R4: dict[str, Json] = {
    "AllergyIntolerance": {"clinicalStatus": {"coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}},
    "CapabilityStatement": {"fhirVersion": "4.0.1"},
    "Consent": {"policy": [{"uri": "http://example.org/x"}]},
}  # fmt: skip
"""The same of R4 alone."""


def resource(release: Release, type_: str) -> Json:
    """A resource of a type, without an id; of a ResearchSubject the study and the patient are the caller's."""
    more = BESIDES.get(type_, {}) | (_R4.get(type_, {}) if release == "R4" else {})
    return {"resourceType": type_} | _filled(release, type_, 0) | more


def _filled(release: Release, name: str, depth: int) -> Json:
    found = structure(release, name)
    assert found is not None, name
    chosen: dict[str, Element] = {}
    for element in found.elements.values():
        if element.min and not (element.choice and any(each.choice == element.choice for each in chosen.values())):
            chosen[element.name] = element
    return {key: _value(release, element, depth + 1) for key, element in chosen.items()}


def _value(release: Release, element: Element, depth: int) -> Any:
    one = _one(release, element, depth)
    return [one] * max(element.min, 1) if element.many else one


def _one(release: Release, element: Element, depth: int) -> Any:
    assert depth < 8, element
    if element.type == "code" and element.valueset:
        return min(codes(release, element.valueset) or {"x"})
    if element.type in PRIMITIVES:
        return PRIMITIVES[element.type]
    match element.type:
        case "Reference":
            return {"reference": f"{min(element.targets) if element.targets else 'Patient'}/walked"}
        case "CodeableReference" | "CodeableConcept":
            concept: Json = {"text": "x"}
            bound = valueset(release, element.valueset) if element.valueset else None
            if bound:
                system, known = next(iter(bound.items()))
                concept["coding"] = [{"system": system, "code": min(known)}]
            return {"concept": concept} if element.type == "CodeableReference" else concept
        case "Resource":
            return {"resourceType": "Basic", "code": {"text": "x"}}
    filled = _filled(release, element.type, depth)
    return filled or _sample(element.type)


def _sample(type_: str) -> Json:
    """A data type that has no mandatory element, and yet is never empty."""
    samples: dict[str, Json] = {
        "Quantity": {"value": 1}, "Period": {"start": "2024"}, "Identifier": {"value": "x"}, "HumanName": {"text": "x"},
        "Coding": {"code": "x"}, "Attachment": {"title": "x"}, "Range": {"low": {"value": 1}}, "Ratio": {},
        "Address": {"text": "x"}, "ContactPoint": {"value": "x"}, "Money": {"value": 1}, "Timing": {"event": ["2024"]},
    }  # fmt: skip
    return samples.get(type_, {"id": "x", "extension": [{"url": "http://example.org/x", "valueString": "x"}]})
