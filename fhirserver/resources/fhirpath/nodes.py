"""Elements of a resource as FHIRPath sees them: a value with its type, its extensions and its place.

https://hl7.org/fhir/R5/fhirpath.html. A choice is one element ('value' finds valueQuantity), a primitive may have
extensions and no value (the sibling '_birthDate').
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from fhirserver.resources.registry import Release, is_primitive, resource_types, structure

Json = dict[str, Any]


class Node:
    """One element; `value` is its JSON, None for a primitive that has extensions alone, which are in `sibling`.

    `owner[key]`, or `owner[key][at]` of a repeated element, is where the value stands.
    """

    __slots__ = ("at", "key", "owner", "release", "sibling", "type", "value")

    def __init__(
        self,
        release: Release,
        value: Any,
        type_: str,
        sibling: Json | None = None,
        owner: Json | None = None,
        key: str = "",
        at: int | None = None,
    ) -> None:
        self.release, self.value, self.type, self.sibling = release, value, type_, sibling
        self.owner, self.key, self.at = owner, key, at


class Step(NamedTuple):
    """A JSON property that an element name leads to."""

    key: str
    under: str | None
    """Its sibling with the extensions; None where there is none."""
    type: str


@cache
def steps(release: Release, type_: str) -> Mapping[str, tuple[Step, ...]]:
    """Element name → the properties that may hold it, one for each type of a choice."""
    found: dict[str, tuple[Step, ...]] = {}
    for key, element in _elements(release, type_):
        simple = is_primitive(release, element.type)
        step = Step(key, f"_{key}" if simple and key != "id" else None, element.type)
        for name in dict.fromkeys((key, element.choice or key)):
            found[name] = (*found.get(name, ()), step)
    return found


@cache
def properties(release: Release, type_: str) -> Mapping[str, Step]:
    """JSON property → its step; a sibling '_name' leads to the step of 'name'."""
    found: dict[str, Step] = {}
    for key, _ in _elements(release, type_):
        step = next(s for s in steps(release, type_)[key] if s.key == key)
        found[key] = step
        if step.under:
            found[step.under] = step
    return found


def _elements(release: Release, type_: str) -> list[tuple[str, Any]]:
    known = structure(release, type_)
    return list(known.elements.items()) if known else []


@cache
def ancestry(release: Release, type_: str) -> frozenset[str]:
    """A type and all it derives from."""
    names: set[str] = set()
    name: str | None = type_
    while name:
        names.add(name)
        known = structure(release, name)
        name = known.base if known else None
    return frozenset(names)


def node(release: Release, value: Any, type_: str) -> Node:
    """An element that stands by itself; a resource takes the type that it says."""
    return Node(release, value, _type(release, value, type_))


def child(item: Node, name: str) -> list[Node]:
    """The elements of this name below an element."""
    found: list[Node] = []
    if type(item.value) is not dict and name == "value" and item.value is not None:
        return [item]  # a primitive's value is written so in the definitions
    for step in steps(item.release, item.type).get(name, ()):
        _collect(item, step, found)
    return found


def children(item: Node) -> list[Node]:
    """All elements right below an element, in the order of its JSON."""
    holder, type_ = item.value, item.type
    if type(holder) is not dict:
        holder, type_ = item.sibling, "Element"
    found: list[Node] = []
    if holder is None:
        return found
    release = item.release
    known = properties(release, type_)
    for key, value in holder.items():
        step = known.get(key)
        if step is None or (key != step.key and step.key in holder):
            continue  # a sibling is seen beside its value
        if step.under is None and type(value) is dict:
            found.append(Node(release, value, _type(release, value, step.type), None, holder, key))
        else:
            _collect(item, step, found)
    return found


def descendants(item: Node) -> Iterator[Node]:
    """All elements below an element, what contains before what it contains."""
    for below in children(item):
        yield below
        if type(below.value) is dict or below.sibling is not None:
            yield from descendants(below)


def _collect(item: Node, step: Step, found: list[Node]) -> None:
    """Adds what a property of an element holds; what has not the shape of its type is passed over."""
    holder = item.value
    if type(holder) is not dict:
        holder = item.sibling
        if holder is None:
            return
    release, key, under, type_ = item.release, step.key, step.under, step.type
    value = holder.get(key)
    beside = None if under is None else holder.get(under)
    if type(value) is list or type(beside) is list:
        values = value if type(value) is list else []
        siblings = beside if type(beside) is list else []
        for at in range(max(len(values), len(siblings))):
            one = values[at] if at < len(values) else None
            extra = siblings[at] if at < len(siblings) and type(siblings[at]) is dict else None
            if one is not None or extra is not None:
                found.append(Node(release, one, _type(release, one, type_), extra, holder, key, at))
    elif value is not None or type(beside) is dict:
        extra = beside if type(beside) is dict else None
        found.append(Node(release, value, _type(release, value, type_), extra, holder, key))


def _type(release: Release, value: Any, type_: str) -> str:
    if type(value) is dict and type(told := value.get("resourceType")) is str and told in resource_types(release):
        return told
    return type_
