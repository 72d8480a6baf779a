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


RULES: Rules = MappingProxyType(
    {
        "Group": (
            Reshaped(("membership",), ("actual",), _actual, _membership),
            # R4 has neither organisations nor places as members; a group of what it lacks is one of people or things.
            Coded("type", "type", {"relatedperson": "person", "careteam": "practitioner"}, {"substance": "specimen"}),
        ),
    }
)
