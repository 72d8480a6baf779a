"""The occurrences of an element in a JSON object, with their types.

https://hl7.org/fhir/R5/json.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from fhirserver.fhirjson import Resource
from fhirserver.resources.profiles.run import Item
from fhirserver.resources.registry import Element, Release, is_primitive, structure

Reader = Callable[[Resource], list[Item]]
_CONTAINERS = frozenset({"Resource", "DomainResource"})


def children(release: Release, item: Item, name: str) -> list[Item]:
    """The children of an item by name, where value[x] goes by 'value'."""
    read = reader(release, item.type, name)
    return read(item.content) if read else []


@lru_cache(8192)
def reader(release: Release, owner: str, name: str) -> Reader | None:
    """What reads an element of a structure; None when there is no such element."""
    found = structure(release, owner)
    if found is None:
        return None
    if name in found.choices:
        return _choice([_plain(release, found.elements[each]) for each in found.choices[name]])
    element = found.elements.get(name)
    return None if element is None else _plain(release, element)


def _choice(each: Iterable[Reader]) -> Reader:
    readers = tuple(each)

    def read(content: Resource) -> list[Item]:
        return [item for one in readers for item in one(content)]

    return read


def _plain(release: Release, element: Element) -> Reader:
    name, under, type_ = element.name, f"_{element.name}", element.type
    step = f".{element.choice}.ofType({type_})" if element.choice else f".{name}"
    if type_ in _CONTAINERS:
        return _resources(name, step)
    if not is_primitive(release, type_) and type_ != "xhtml":
        return _complex(name, type_, step)
    if element.many:
        return _primitives(name, under, type_, step)

    def read(content: Resource) -> list[Item]:
        if name in content or under in content:
            return [Item(content.get(name), content.get(under), type_, step)]
        return []

    return read


def _complex(name: str, type_: str, step: str) -> Reader:
    def read(content: Resource) -> list[Item]:
        value = content.get(name)
        if value is None:
            return []
        if type(value) is list:
            return [Item(one, None, type_, f"{step}[{at}]") for at, one in enumerate(value)]
        return [Item(value, None, type_, step)]

    return read


def _resources(name: str, step: str) -> Reader:
    def read(content: Resource) -> list[Item]:
        value = content.get(name)
        if type(value) is list:
            return [Item(one, None, one["resourceType"], f"{step}[{at}]") for at, one in enumerate(value)]
        return [] if value is None else [Item(value, None, value["resourceType"], step)]

    return read


def _primitives(name: str, under: str, type_: str, step: str) -> Reader:
    def read(content: Resource) -> list[Item]:
        values, beside = content.get(name) or (), content.get(under) or ()
        return [
            Item(
                values[at] if at < len(values) else None,
                beside[at] if at < len(beside) else None,
                type_,
                f"{step}[{at}]",
            )
            for at in range(max(len(values), len(beside)))
        ]

    return read
