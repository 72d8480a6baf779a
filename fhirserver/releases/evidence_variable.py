"""EvidenceVariable: R4's type is what R5 calls handling.

https://hl7.org/fhir/R5/evidencevariable.html, https://hl7.org/fhir/R4/evidencevariable.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.parts import Coded, Rules

RULES: Rules = MappingProxyType(
    {
        "EvidenceVariable": (Coded("handling", "type", MappingProxyType({}), MappingProxyType({})),),
    }
)
