"""Definitions without what no check reads: a profile is mostly prose, and many may be kept in memory.

https://hl7.org/fhir/R5/elementdefinition.html
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource

_PROSE = frozenset(
    {
        *("id", "label", "code", "short", "definition", "comment", "requirements", "alias", "base", "example"),
        *("mapping", "condition", "meaningWhenMissing", "orderMeaning", "isModifier", "isModifierReason"),
        *("isSummary", "mustSupport", "extension", "representation"),
    }
)
_KEPT = ("resourceType", "url", "version", "type", "kind", "derivation")


def slim(definition: Resource) -> Resource:
    """A StructureDefinition with what profiles need of it."""
    found: Resource = {name: definition[name] for name in _KEPT if name in definition}
    if definition.get("derivation") == "constraint" and "snapshot" in definition:
        rows = definition["snapshot"].get("element", ())
        found["snapshot"] = {"element": [{k: v for k, v in row.items() if k not in _PROSE} for row in rows]}
    return found
