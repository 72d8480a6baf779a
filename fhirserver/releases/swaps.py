"""Extensions that stand at an object in R4 and at one of its elements in R5.

https://hl7.org/fhir/extensions/StructureDefinition-contactpoint-extension.html
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from fhirserver.releases.crossing import Converter
from fhirserver.releases.parts import Node, Swapped


def swapping(part: Swapped, convert: Converter) -> Converter:
    """A conversion after which the extensions have changed places: those of the object and those of the element."""
    name = "_" + part.name

    def converted(node: Any) -> Any:
        if type(node) is not dict or ("extension" not in node and name not in node):
            return convert(node)
        sibling = node.get(name)
        up, own = _parted(sibling, part.urls)
        down, left = _parted(node, part.urls)
        if not up and not down:
            return convert(node)
        made = _with(node, [*up, *left])
        inner = _with(sibling if type(sibling) is dict else {}, [*down, *own])
        made = {key: value for key, value in made.items() if key != name} | ({name: inner} if inner else {})
        return convert(made)

    return converted


def _parted(node: Any, urls: Container[str]) -> tuple[list[Any], list[Any]]:
    """(those that change places, the others) of an object's extensions."""
    found = node.get("extension") if type(node) is dict else None
    moved: list[Any] = []
    left: list[Any] = []
    for one in found if type(found) is list else ():
        url = one.get("url") if type(one) is dict else None
        (moved if type(url) is str and url in urls else left).append(one)
    return moved, left


def _with(node: Node, extensions: list[Any]) -> Node:
    made = {key: value for key, value in node.items() if key != "extension"}
    return made | ({"extension": extensions} if extensions else {})
