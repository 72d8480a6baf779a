"""The table of cases of profiles: definitions, resources that conform to them, and what is altered in each case."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from fhirserver import fhirjson

Json = dict[str, Any]
TABLE: Json = fhirjson.loads((Path(__file__).parent / "cases" / "profile_cases.json").read_bytes())
BASE = "http://example.org/fhir/StructureDefinition/"


def structure_definition(row: Json) -> Json:
    """The StructureDefinition of a row; its snapshot holds what it says, all else is as in the base type."""
    context = {"context": [{"type": "element", "expression": "Element"}]} if row["type"] == "Extension" else {}
    return context | {
        "resourceType": "StructureDefinition",
        "id": row["name"],
        "url": BASE + row["name"],
        "version": "1.0.0",
        "name": row["name"].title().replace("-", ""),
        "status": "active",
        "kind": "complex-type" if row["type"] == "Extension" else "resource",
        "abstract": False,
        "type": row["type"],
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{row['type']}",
        "derivation": "constraint",
        "snapshot": {"element": [_element(at, each) for at, each in enumerate(row["elements"])]},
    }


def _element(at: int, row: Json) -> Json:
    """What each element of a snapshot must have besides what it says."""
    base = {"path": row["path"], "min": 0, "max": "*"}
    return {"id": f"e{at}", "definition": "An element.", "min": 0, "max": "*", "base": base, **row}


def definitions() -> list[Json]:
    """All definitions of the table."""
    return [*map(structure_definition, TABLE["profiles"]), *TABLE["valuesets"], *TABLE["codesystems"]]


def altered(case: Json) -> Json:
    """The resource of a case."""
    resource: Json = copy.deepcopy(TABLE["resources"][case["base"]])
    for path, value in case["set"].items():
        *steps, last = (int(step) if step.isdecimal() else step for step in path.split("."))
        holder: Any = resource
        for step in steps:
            holder = holder[step]
        if value is None:
            del holder[last]
        elif isinstance(holder, list) and last == len(holder):
            holder.append(value)
        else:
            holder[last] = value
    return resource
