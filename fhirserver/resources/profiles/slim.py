"""Definitions without what no check reads: a profile is mostly prose, and many may be kept in memory.

https://hl7.org/fhir/R5/elementdefinition.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.fhirjson import Resource

_PROSE = frozenset(
    {
        *("id", "label", "code", "short", "definition", "comment", "requirements", "alias", "base", "example"),
        *("mapping", "condition", "meaningWhenMissing", "orderMeaning", "isModifier", "isModifierReason"),
        *("isSummary", "mustSupport", "extension", "representation"),
    }
)
_KEPT = ("resourceType", "url", "version", "type", "kind", "derivation", "content", "caseSensitive", "compose")


def slim(definition: Resource) -> Resource:
    """A StructureDefinition, ValueSet or CodeSystem with what profiles need of it."""
    found: Resource = {name: definition[name] for name in _KEPT if name in definition}
    match definition["resourceType"]:
        case "StructureDefinition" if definition.get("derivation") == "constraint" and "snapshot" in definition:
            rows = definition["snapshot"].get("element", ())
            found["snapshot"] = {"element": [{k: v for k, v in row.items() if k not in _PROSE} for row in rows]}
        case "ValueSet" if "expansion" in definition:
            found["expansion"] = definition["expansion"]
        case "CodeSystem" if "concept" in definition:
            found["concept"] = _concepts(definition["concept"])
    return found


def _concepts(rows: Any) -> list[Resource]:
    """The concepts with their codes alone, all on one level."""
    found: list[Resource] = []
    todo = list(rows)
    while todo:
        row = todo.pop()
        if "code" in row:
            found.append({"code": row["code"]})
        todo.extend(row.get("concept", ()))
    return found
