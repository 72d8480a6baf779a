"""Codes of required bindings: those that the other release's value set has too stay, the others are mapped.

https://hl7.org/fhir/R5/terminologies.html#required
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fhirserver.releases.bridges import Bridge
from fhirserver.releases.exchanges import Exchange
from fhirserver.releases.listing import listed
from fhirserver.releases.parts import Walk
from fhirserver.releases.values import Item
from fhirserver.resources.registry import Element, Release, codes, is_primitive

CODED_TYPES = frozenset({"code", "Coding", "CodeableConcept"})


def coded(
    source: Release,
    target: Release,
    mine: Element,
    theirs: Element,
    forward: Mapping[str, str],
    backward: Mapping[str, str],
) -> Exchange:
    """The exchange of an element with a required binding; a code that is neither known nor mapped is left out."""
    there = _bridge(source, target, mine, theirs, forward)
    back = _bridge(target, source, theirs, mine, backward)
    made = listed(source, target, mine, theirs, there, back)
    if (mine.name, mine.type, mine.many) != (theirs.name, theirs.type, theirs.many):
        return made
    ours, other = _codes(source, mine), _codes(target, theirs)
    both = ours & other if ours is not None and other is not None else ours or other or frozenset()
    return replace(made, settled=both - forward.keys() - backward.keys())


def _codes(release: Release, element: Element) -> frozenset[str] | None:
    return codes(release, element.valueset) if element.valueset else None


def _bridge(source: Release, target: Release, mine: Element, theirs: Element, mapped: Mapping[str, str]) -> Bridge:
    known = _codes(target, theirs)

    def fits(code: Any) -> bool:
        return known is None or (isinstance(code, str) and code in known)

    def code(item: Item, walk: Walk) -> Item | None:
        value, sibling = item
        if value is not None:
            value = mapped.get(value, value) if isinstance(value, str) else value
            if not fits(value):
                return None
        return value, sibling if sibling is None else walk("Element", sibling)

    def whole(item: Item, walk: Walk) -> Item | None:
        value = item[0]
        codings = [value] if mine.type == "Coding" else value.get("coding") if isinstance(value, dict) else None
        given = [one.get("code") for one in codings if isinstance(one, dict)] if isinstance(codings, list) else []
        if given and not any(fits(one) for one in given):
            return None
        return walk(mine.type, value), None

    return code if is_primitive(source, mine.type) else whole
