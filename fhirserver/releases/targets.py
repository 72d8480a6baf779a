"""To what a reference may point: types differ between releases, and so do those that an element takes.

https://hl7.org/fhir/R5/references.html#literal
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fhirserver.releases.bridges import Bridge
from fhirserver.releases.parts import Walk
from fhirserver.releases.values import Item
from fhirserver.resources.registry import Element, resource_types


def limited(mine: Element, theirs: Element) -> bool:
    """Whether one takes references that the other does not take."""
    return mine.type == theirs.type == "Reference" and mine.targets != theirs.targets


def fits(targets: frozenset[str]) -> Callable[[Any], bool]:
    """Whether a reference points to one of these types, as far as it tells; no targets are all types."""

    def check(value: Any) -> bool:
        name = pointed(value) if targets else None
        return name is None or name in targets

    return check


def pointed(value: Any) -> str | None:
    """The type of resource that a reference names, None where it does not tell."""
    if type(value) is not dict:
        return None
    name = named(value.get("reference"))
    if name is not None:
        return name
    kind = value.get("type")
    return kind if type(kind) is str and kind in _known() else None


def named(text: Any) -> str | None:
    """The type that a literal reference names ('Patient' in 'Patient/7')."""
    if type(text) is not str:
        return None
    parts = text.split("/")
    at = -4 if "_history" in parts else -2
    return parts[at] if len(parts) >= -at and parts[at] in _known() else None


@cache
def _known() -> frozenset[str]:
    return resource_types("R4") | resource_types("R5")


def placed(theirs: Element) -> Bridge:
    """The bridge of references to an element that takes only some of them."""
    taken = fits(theirs.targets)

    def crossed(item: Item, walk: Walk) -> Item | None:
        return (walk("Reference", item[0]), None) if taken(item[0]) else None

    return crossed
