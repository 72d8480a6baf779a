"""Contained resources: quick answers to what dom-3 and ref-1 ask of almost every resource that has some.

https://hl7.org/fhir/R5/references.html#contained. These only ever say 'met'; else the invariant itself is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.environment import Place
from fhirserver.resources.fhirpath.nodes import Json
from fhirserver.resources.fhirpath.routes import Condition


def all_referred_to(value: Any, _place: Place) -> bool:
    """Whether each contained resource is what some Reference of the resource names."""
    found: set[str] = set()
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        if type(item) is dict:
            if type(text := item.get("reference")) is str and text[:1] == "#":
                found.add(text[1:])
            todo += item.values()
        elif type(item) is list:
            todo += item
    return all(type(each) is dict and each.get("id") in found for each in value.get("contained", ()))


def leads_somewhere(value: Any, place: Place) -> bool:
    """Whether a Reference is not to a contained resource, or is to one that is there."""
    text = value.get("reference")
    if type(text) is not str or text[:1] != "#":
        return text is not None
    ids = place.memory.get("contained")
    if ids is None:
        ids = place.memory["contained"] = _ids(place.root)
    return text[1:] in ids


def _ids(root: Json) -> frozenset[Any]:
    inside = root.get("contained")
    found = inside if type(inside) is list else ()
    return frozenset(each["id"] for each in found if type(each) is dict and type(each.get("id")) is str)


QUICK: Mapping[str, Condition] = MappingProxyType({"dom-3": all_referred_to, "ref-1": leads_somewhere})
"""By key: what is true only if the invariant is met."""
