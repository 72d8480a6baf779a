"""Where each JSON property of a structure goes in XML: the order of elements, and what is an attribute.

https://hl7.org/fhir/R5/xml.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from fhirserver.resources.registry import Element, Release, Structure, is_primitive, resource_types, structure

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

Kind = Literal["primitive", "complex", "container", "root", "xhtml"]
"""'container' holds one resource of any type, as Bundle.entry.resource does; 'root' is that resource."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one JSON property; those of one choice share their `order`. `step` is its FHIRPath."""

    name: str
    order: int
    kind: Kind
    type: str
    many: bool = False
    attribute: bool = False
    step: str = ""


@cache
def layout(release: Release, name: str) -> Mapping[str, Slot]:
    """JSON property → slot of a structure; empty for one that there is not."""
    found = structure(release, name)
    if found is None:
        return MappingProxyType({})
    orders: dict[str, int] = {}
    slots = {}
    for element in found.elements.values():
        order = orders.setdefault(element.choice or element.name, len(orders))
        slots[element.name] = _slot(release, found, element, order)
    return MappingProxyType(slots)


def _slot(release: Release, found: Structure, element: Element, order: int) -> Slot:
    step = f".{element.choice}.ofType({element.type})" if element.choice else f".{element.name}"
    # An element's id is any string; a resource's is an element.
    attribute = (element.name == "id" and found.kind != "resource") or (found.name, element.name) == (
        "Extension",
        "url",
    )
    return Slot(element.name, order, _kind(release, element.type), element.type, element.many, attribute, step)


def _kind(release: Release, type_: str) -> Kind:
    if type_ == "xhtml":
        return "xhtml"
    if type_ == "Resource":
        return "container"
    return "primitive" if is_primitive(release, type_) else "complex"


@cache
def children(release: Release, name: str) -> Mapping[str, Slot]:
    """Expanded XML name ('http://hl7.org/fhir given') → slot of a structure's child elements."""
    return MappingProxyType(
        {
            f"{XHTML if slot.kind == 'xhtml' else FHIR} {slot.name}": slot
            for slot in layout(release, name).values()
            if not slot.attribute
        }
    )


@cache
def roots(release: Release) -> Mapping[str, Slot]:
    """Expanded XML name → slot of every resource type: what a document or a container begins with."""
    return MappingProxyType(
        {f"{FHIR} {name}": Slot(name, 0, "root", name, step="") for name in resource_types(release)}
    )
