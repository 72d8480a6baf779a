"""ActivityDefinition: who takes part has other codes.

https://hl7.org/fhir/R5/activitydefinition.html, https://hl7.org/fhir/R4/activitydefinition.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.parts import Rules
from fhirserver.releases.plan_definition import PARTICIPANT

RULES: Rules = MappingProxyType({"ActivityDefinition.participant": (PARTICIPANT,)})
