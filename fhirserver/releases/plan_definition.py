"""PlanDefinition: R5's actions point to each other's targetId, R4's to actionId; who takes part has other codes.

https://hl7.org/fhir/R5/plandefinition.html, https://hl7.org/fhir/R4/plandefinition.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.parts import Coded, Renamed, Rules

PARTICIPANT = Coded(
    "type",
    "type",
    MappingProxyType(
        {"relatedperson": "related-person", "location": "device"}
        | dict.fromkeys(("careteam", "group", "healthcareservice", "organization", "practitionerrole"), "practitioner")
    ),
    MappingProxyType({"related-person": "relatedperson"}),
)
"""R4 knows patients, practitioners, related persons and devices; it demands one of them."""

RULES: Rules = MappingProxyType(
    {
        "PlanDefinition.action.participant": (PARTICIPANT,),
        "PlanDefinition.action.relatedAction": (Renamed("targetId", "actionId"),),
    }
)
