"""The value of a FHIRPath Patch operation: a datatype, a resource, or parts that make an anonymous type.

https://hl7.org/fhir/R5/fhirpatch.html#anonymous
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fhirserver.errors import Malformed, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Element, Release, is_primitive, structure

_ALSO: Mapping[str, frozenset[str]] = MappingProxyType(
    {"xhtml": frozenset({"string"}), "dateTime": frozenset({"date"})}
)
"""Types that stand for another: a Parameters has no xhtml, and a date is a dateTime without a time."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A value[x]: its type, its JSON (None for a primitive without a value) and a primitive's extensions."""

    type: str
    value: Any
    sibling: Resource | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A resource, which may be contained."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Parts:
    """The elements of an anonymous type by name; `where` is the FHIRPath of each in the patch."""

    parts: tuple[tuple[str, Given, str], ...]


Given = Typed | Whole | Parts


@dataclass(frozen=True, slots=True)
class Content:
    """What is to stand in a property: the element that this property is, its JSON, and a primitive's extensions."""

    element: Element
    value: Any
    sibling: Resource | None = None


def given(release: Release, part: Mapping[str, Any], where: str) -> Given:
    """What a part of a Parameters resource that is valid brings as its value."""
    inner = part.get("part")
    typed = [
        element
        for element in _elements(release, "Parameters.parameter")
        if element.choice == "value" and (element.name in part or f"_{element.name}" in part)
    ]
    if len(typed) + (inner is not None) + ("resource" in part) != 1:
        raise Malformed(
            f"'{part.get('name')}' has one value: a value[x], a resource, or parts.", expression=where, code="required"
        )
    if typed:
        return Typed(typed[0].type, part.get(typed[0].name), part.get(f"_{typed[0].name}"))
    if inner is None:
        return Whole(part["resource"])
    places = [f"{where}.part[{at}]" for at in range(len(inner))]
    return Parts(
        tuple((one["name"], given(release, one, place), place) for one, place in zip(inner, places, strict=True))
    )


def named(release: Release, type_: str, name: str) -> tuple[Element, ...]:
    """The JSON properties that an element name stands for, several for a choice; none when the type has no such one."""
    known = structure(release, "Element" if is_primitive(release, type_) else type_)
    if known is None:
        return ()
    if name in known.elements:
        return (known.elements[name],)
    return tuple(known.elements[key] for key in known.choices.get(name, ()))


def content(release: Release, owner: str, name: str, found: Given, where: str) -> Content:
    """What goes into the element `name` of a type, as a copy; Unprocessable when the value is of a wrong type."""
    elements = named(release, owner, name)
    if not elements:
        raise Unprocessable(f"{owner} has no element '{name[:64]}'.", expression=where, code="structure")
    match found:
        case Whole(resource):
            fitting = [element for element in elements if element.type == "Resource"]
            if fitting:
                return Content(fitting[0], deepcopy(resource))
            said = "a resource"
        case Typed(type_, value, sibling):
            for accepts in (_is, _fits):
                fitting = [element for element in elements if accepts(release, element.type, type_)]
                if fitting and sibling is not None and name == "id":
                    raise Unprocessable("an id has no extensions.", expression=where)
                if fitting:
                    return Content(fitting[0], deepcopy(value), deepcopy(sibling))
            said = f"a {type_}"
        case Parts(parts):
            fitting = [e for e in elements if not is_primitive(release, e.type) and e.type != "Resource"]
            if len(fitting) == 1:
                return Content(fitting[0], _built(release, fitting[0].type, parts, where))
            said = "made of parts"
    wanted = ", ".join(element.type for element in elements[:12]) + (" …" if len(elements) > 12 else "")
    remedy = "give its parts" if "." in elements[0].type else f"give it as {wanted}"
    raise Unprocessable(
        f"the value for {owner}.{name} is {said}, which is the wrong type: {remedy}.", expression=where, code="value"
    )


def _built(release: Release, type_: str, parts: Sequence[tuple[str, Given, str]], where: str) -> Resource:
    made: Resource = {}
    for name, found, place in parts:
        one = content(release, type_, name, found, place)
        key = one.element.name
        if not one.element.many:
            taken = [e.name for e in named(release, type_, one.element.choice or key)]
            if any(other in made or f"_{other}" in made for other in taken):
                raise Unprocessable(f"'{name}' is not repeated in {type_}: give it once.", expression=place)
            if one.value is not None:
                made[key] = one.value
            if one.sibling is not None:
                made[f"_{key}"] = one.sibling
            continue
        append(made, key, one.value, one.sibling)
    if not made:
        raise Unprocessable("the value has no parts: an element is never empty.", expression=where)
    return made


def append(owner: Resource, key: str, value: Any, sibling: Resource | None) -> None:
    """Adds a value to a list of `owner`, which need not be there yet; extensions stand beside it in '_key'."""
    insert(owner, key, length(owner, key), value, sibling)


def insert(owner: Resource, key: str, at: int, value: Any, sibling: Resource | None) -> None:
    """Puts a value into a list of `owner`, before the one that is at `at` now."""
    size = length(owner, key)
    for name, item in ((key, value), (f"_{key}", sibling)):
        if name in owner or item is not None:
            listed = owner.setdefault(name, [])
            listed += [None] * (size - len(listed))
            listed.insert(at, item)


def length(owner: Resource, key: str) -> int:
    """How many values a list has, those that have extensions alone included."""
    return max(len(owner.get(key, ())), len(owner.get(f"_{key}", ())))


def _is(_release: Release, wanted: str, actual: str) -> bool:
    return wanted == actual


def _fits(release: Release, wanted: str, actual: str) -> bool:
    """Whether a type is a special one of that which is wanted (a code is a string), or may stand for it."""
    if actual in _ALSO.get(wanted, ()):
        return True
    name: str | None = actual
    while name and name != wanted:
        known = structure(release, name)
        name = known.base if known else None
    return name is not None


def _elements(release: Release, type_: str) -> Sequence[Element]:
    known = structure(release, type_)
    return tuple(known.elements.values()) if known else ()
