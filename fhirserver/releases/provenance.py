"""Provenance: R4's reason is what authorises in R5; an entity plays other parts.

https://hl7.org/fhir/R5/provenance.html, https://hl7.org/fhir/R4/provenance.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.parts import Coded, Renamed, Rules

RULES: Rules = MappingProxyType(
    {
        "Provenance": (Renamed("authorization", "reason"),),
        "Provenance.entity": (
            Coded(
                "role", "role", MappingProxyType({"instantiates": "source"}), MappingProxyType({"derivation": "source"})
            ),
        ),
    }
)
