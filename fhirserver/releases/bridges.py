"""Types that hold the same in other words: how a value of one is written as the other.

https://hl7.org/fhir/R5/datatypes.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fhirserver.releases.parts import Node, Walk
from fhirserver.releases.values import Item
from fhirserver.resources.primitives import primitive
from fhirserver.resources.registry import Release, is_primitive

Bridge = Callable[[Item, Walk], Item | None]
"""An item in the other type; None where that cannot hold any of it."""

_MOST = 2**31 - 1


def bridge(source: Release, target: Release, mine: str, theirs: str) -> Bridge | None:
    """The bridge between two types, None if there is none."""
    if is_primitive(source, mine) and is_primitive(target, theirs):
        return _primitives(mine, theirs)
    if mine == theirs or ("." in mine and "." in theirs):
        return _structures(mine, theirs)
    if (mine, theirs) in _STRINGS:
        return _text(_STRINGS[mine, theirs])
    inner = _BRIDGES.get((mine, theirs))
    if inner is None:
        return None
    found = inner

    def crossed(item: Item, walk: Walk) -> Item | None:
        value = found(item, walk)
        return None if value is None else (value, None)

    return crossed


def _structures(mine: str, theirs: str) -> Bridge:
    return lambda item, walk: (walk(mine, item[0], theirs), None)


def _primitives(mine: str, theirs: str) -> Bridge:
    fits = primitive(theirs)

    def crossed(item: Item, walk: Walk) -> Item | None:
        value, sibling = item
        if mine != theirs and value is not None:
            if theirs == "integer64":
                value = str(value) if type(value) is int else value
            elif mine == "integer64":
                plain = isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 11
                value = int(value) if plain and str(int(value)) == value and int(value) <= _MOST else None
            if value is None or fits(value) is not None:
                return None
        return value, sibling if sibling is None else walk("Element", sibling)

    return crossed


def _referring(item: Item, walk: Walk) -> Node | None:
    """A CodeableReference as a concept, or as a reference, that has the other in an extension."""
    return _halved(item, walk, "concept", "reference")


def _conceptual(item: Item, walk: Walk) -> Node | None:
    return _halved(item, walk, "reference", "concept")


def _halved(item: Item, walk: Walk, name: str, other: str) -> Node | None:
    whole = item[0] if isinstance(item[0], dict) else {}
    made: Node = walk(_HALVES[name], whole[name]) if isinstance(whole.get(name), dict) else {}
    if isinstance(whole.get(other), dict):
        half = {"url": _HALF + other, "value" + _HALVES[other]: walk(_HALVES[other], whole[other])}
        made = made | {"extension": [*made.get("extension", ()), half]}
    return made or None


def _joined(name: str, other: str) -> Callable[[Item, Walk], Any]:
    """The CodeableReference that a concept or a reference stands for, with the other from its extension."""

    def joined(item: Item, walk: Walk) -> Node | None:
        half = item[0]
        found = half.get("extension", ()) if isinstance(half, dict) else ()
        made: Node = {}
        for one in found:
            value = one.get("value" + _HALVES[other])
            if one.get("url") == _HALF + other and isinstance(value, dict) and other not in made:
                made[other] = walk(_HALVES[other], value)
        if made:
            rest = [one for one in found if one.get("url") != _HALF + other]
            half = {key: value for key, value in half.items() if key != "extension"} | (
                {"extension": rest} if rest else {}
            )
        return ({name: walk(_HALVES[name], half)} if half else {}) | made

    return joined


_HALVES: Mapping[str, str] = MappingProxyType({"concept": "CodeableConcept", "reference": "Reference"})
_HALF = "http://hl7.org/fhir/5.0/StructureDefinition/extension-CodeableReference."


def _wrapped(type_: str, name: str) -> Callable[[Item, Walk], Any]:
    return lambda item, walk: {name: walk(type_, item[0])}


def _taken(type_: str, name: str) -> Callable[[Item, Walk], Any]:
    def taken(item: Item, walk: Walk) -> Any:
        inner = item[0].get(name) if isinstance(item[0], dict) else None
        return walk(type_, inner) if isinstance(inner, dict) and inner else None

    return taken


def _concept(item: Item, walk: Walk) -> Node:
    return {"coding": [walk("Coding", item[0])]}


def _coding(item: Item, walk: Walk) -> Any:
    codings = item[0].get("coding") if isinstance(item[0], dict) else None
    return walk("Coding", codings[0]) if isinstance(codings, list) and codings else None


def _told(name: str) -> Callable[[Item, Walk], Any]:
    """Text becomes an object of which it is the only part."""

    def told(item: Item, walk: Walk) -> Node | None:
        value, sibling = item
        made: Node = {} if value is None else {name: value}
        if sibling is not None:
            made["_" + name] = walk("Element", sibling)
        return made or None

    return told


def _text(name: str) -> Bridge:
    def text(item: Item, walk: Walk) -> Item | None:
        whole = item[0] if isinstance(item[0], dict) else {}
        value, sibling = whole.get(name), whole.get("_" + name)
        if value is None and sibling is None:
            return None
        return value, sibling if sibling is None else walk("Element", sibling)

    return text


_BRIDGES: Mapping[tuple[str, str], Callable[[Item, Walk], Any]] = MappingProxyType(
    {
        ("CodeableConcept", "CodeableReference"): _joined("concept", "reference"),
        ("CodeableReference", "CodeableConcept"): _referring,
        ("Reference", "CodeableReference"): _joined("reference", "concept"),
        ("CodeableReference", "Reference"): _conceptual,
        ("Coding", "CodeableConcept"): _concept,
        ("CodeableConcept", "Coding"): _coding,
        ("DataRequirement", "PlanDefinition.action.input"): _wrapped("DataRequirement", "requirement"),
        ("PlanDefinition.action.input", "DataRequirement"): _taken("DataRequirement", "requirement"),
        ("DataRequirement", "PlanDefinition.action.output"): _wrapped("DataRequirement", "requirement"),
        ("PlanDefinition.action.output", "DataRequirement"): _taken("DataRequirement", "requirement"),
        ("CodeableConcept", "Practitioner.communication"): _wrapped("CodeableConcept", "language"),
        ("Practitioner.communication", "CodeableConcept"): _taken("CodeableConcept", "language"),
        ("string", "CodeableConcept"): _told("text"),
        ("string", "Reference"): _told("display"),
    }
)
_STRINGS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("CodeableConcept", "string"): "text", ("Reference", "string"): "display"}
)
"""Objects of which a string is taken."""
