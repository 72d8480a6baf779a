"""Organization: telecom, address and contact persons are R5's contacts.

https://hl7.org/fhir/R5/organization.html, https://hl7.org/fhir/R4/organization.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.contacts import organization
from fhirserver.releases.parts import Rules

RULES: Rules = MappingProxyType({"Organization": (organization(),)})
