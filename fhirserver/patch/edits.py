"""Changing elements where they stand: a primitive with its extensions beside it, lists that become empty, choices.

https://hl7.org/fhir/R5/json.html#primitive
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.patch.values import Content, insert, length
from fhirserver.resources.fhirpath.nodes import properties
from fhirserver.resources.registry import Release


@dataclass(frozen=True, slots=True)
class Holder:
    """An object and its type, with the property and index at which the next object inwards stands."""

    value: Resource
    type: str
    key: str
    at: int | None = None


def holders(release: Release, resource: Resource, inner: Resource) -> tuple[list[Holder], str] | None:
    """The objects around `inner`, the outermost first, and its own type; None when it is not in the resource."""
    steps = _steps(resource, inner)
    if steps is None:
        return None
    found: list[Holder] = []
    kind = str(resource["resourceType"])
    for value, key, at in steps:
        found.append(Holder(value, kind, key, at))
        step = properties(release, kind).get(key)
        below = value[key] if at is None else value[key][at]
        kind = "Element" if key.startswith("_") or step is None else str(below.get("resourceType", step.type))
    return found, kind


def _steps(outer: Resource, inner: Resource) -> list[tuple[Resource, str, int | None]] | None:
    """By identity: of two equal objects only one is meant."""
    # An entry is an object with the way to it, as a chain that shares its beginnings.
    todo: list[tuple[Resource, Any]] = [(outer, None)]
    while todo:
        value, way = todo.pop()
        if value is inner:
            steps = []
            while way is not None:
                step, way = way
                steps.append(step)
            return steps[::-1]
        for key, item in value.items():
            if type(item) is dict:
                todo.append((item, ((value, key, None), way)))
            elif type(item) is list:
                todo += [(one, ((value, key, at), way)) for at, one in enumerate(item) if type(one) is dict]
    return None


def put(owner: Resource, new: Content) -> None:
    """Sets a property that is not a list."""
    for name, item in ((new.element.name, new.value), (f"_{new.element.name}", new.sibling)):
        if item is not None:
            owner[name] = item


def substitute(owner: Resource, key: str, at: int | None, new: Content) -> None:
    """Puts a value in the place of another; of a choice, the property may become another one in the same position."""
    if at is not None:
        size = length(owner, key)
        for name, item in ((key, new.value), (f"_{key}", new.sibling)):
            if name in owner or item is not None:
                listed = owner.setdefault(name, [])
                listed += [None] * (size - len(listed))
                listed[at] = item
        tidy(owner, key)
        return
    rest = dict(owner)
    first = key if key in owner else f"_{key}"
    owner.clear()
    for name, item in rest.items():
        if name == first:
            put(owner, new)
        elif name not in (key, f"_{key}"):
            owner[name] = item


def take(owner: Resource, key: str, at: int | None) -> tuple[Any, Resource | None]:
    """Removes an element and its extensions, and gives both; a list that becomes empty goes too."""
    if at is None:
        return owner.pop(key, None), owner.pop(f"_{key}", None)
    taken = [owner[name].pop(at) if at < len(owner.get(name, ())) else None for name in (key, f"_{key}")]
    tidy(owner, key)
    return taken[0], taken[1]


def tidy(owner: Resource, key: str) -> None:
    """Leaves out a list of nothing but nulls, which JSON does not have."""
    for name in (key, f"_{key}"):
        if name in owner and all(item is None for item in owner[name]):
            del owner[name]


def move(owner: Resource, key: str, source: int, destination: int) -> None:
    """Moves one value of a list, with its extensions."""
    value, sibling = take(owner, key, source)
    insert(owner, key, destination, value, sibling)


def prune(around: list[Holder], owner: Resource) -> None:
    """Removes an object that became empty, and what becomes empty by that: FHIR has no empty elements."""
    for holder in reversed(around):
        if owner:
            return
        name = holder.key.removeprefix("_")
        if name == holder.key or not _valued(holder, name):
            take(holder.value, name, holder.at)
        elif holder.at is None:
            del holder.value[holder.key]
        else:
            holder.value[holder.key][holder.at] = None
            tidy(holder.value, name)
        owner = holder.value


def _valued(holder: Holder, name: str) -> bool:
    """Whether a primitive stays when its last extension goes."""
    value = holder.value.get(name)
    if holder.at is None or not isinstance(value, list):
        return value is not None
    return holder.at < len(value) and value[holder.at] is not None
