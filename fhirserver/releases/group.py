"""Group: R4 says whether it is of actual members, R5 on what membership rests.

https://hl7.org/fhir/R5/group.html, https://hl7.org/fhir/R4/group.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from fhirserver.releases.parts import Coded, Node, Reshaped, Rules, Walk


def _actual(form: Node, _old: Node, walk: Walk) -> Node:
    made: Node = {}
    if (value := form.get("membership")) in ("enumerated", "definitional"):
        made["actual"] = value == "enumerated"
    return made | _sibling(form.get("_membership"), "_actual", walk)


def _membership(form: Node, _old: Node, walk: Walk) -> Node:
    made: Node = {}
    if isinstance(value := form.get("actual"), bool):
        made["membership"] = "enumerated" if value else "definitional"
    return made | _sibling(form.get("_actual"), "_membership", walk)


def _sibling(value: Any, name: str, walk: Walk) -> Node:
    return {} if value is None else {name: walk("Element", value)}


# A group of what R4 lacks is one of those who give care, or of things; it demands one of its six codes.
_DOWN = MappingProxyType(
    {"relatedperson": "person", "specimen": "substance", "location": "device"}
    | dict.fromkeys(("careteam", "healthcareservice", "organization"), "practitioner")
)
_UP = MappingProxyType({"substance": "specimen", "medication": "device"})

RULES: Rules = MappingProxyType(
    {
        "Group": (
            Reshaped(("membership",), ("actual",), _actual, _membership),
            Coded("type", "type", _DOWN, _UP),
        ),
    }
)
