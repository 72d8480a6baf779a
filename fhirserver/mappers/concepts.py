"""Codes with their words as CodeableConcepts.

https://hl7.org/fhir/R5/datatypes.html#CodeableConcept
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.protocol_parts import Coded

Resource = dict[str, Any]


def coding(code: Coded) -> Resource:
    """A coding; one of the sponsor's own has no system."""
    parts = (("system", code.system), ("version", code.version), ("code", code.code), ("display", code.display))
    return {name: value for name, value in parts if value}


def codeable(code: Coded, label: str | None = None) -> Resource:
    """The code with the other codes for the same, and its words; `label` says what it is a code of."""
    text = f"{label}: {code.display}" if label else code.display
    if code.code is None:
        return {"text": text}
    return {"coding": [coding(code), *(coding(other) for other in code.aliases)], "text": text}
