"""PractitionerRole: telecom and times of the week are R5's contact and availability.

https://hl7.org/fhir/R5/practitionerrole.html, https://hl7.org/fhir/R4/practitionerrole.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.contacts import hours, telecoms
from fhirserver.releases.parts import Rules

RULES: Rules = MappingProxyType(
    {
        "PractitionerRole": (
            telecoms(),
            hours("availability", ("availableTime", "notAvailable"), MappingProxyType({})),
        ),
    }
)
