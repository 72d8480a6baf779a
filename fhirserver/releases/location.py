"""Location: telecom, physical type and opening hours have other names and shapes in R5.

https://hl7.org/fhir/R5/location.html, https://hl7.org/fhir/R4/location.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.contacts import hours, telecoms
from fhirserver.releases.parts import Renamed, Rules

_HOURS = MappingProxyType({"availableStartTime": "openingTime", "availableEndTime": "closingTime"})

RULES: Rules = MappingProxyType(
    {
        "Location": (
            telecoms(),
            Renamed("form", "physicalType"),
            hours("hoursOfOperation", ("hoursOfOperation",), _HOURS),
        ),
    }
)
