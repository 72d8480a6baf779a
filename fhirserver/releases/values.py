"""Values as lists of items, whatever way JSON writes them: one or many, and primitives in two properties.

https://hl7.org/fhir/R5/json.html#primitive
"""

from __future__ import annotations

from typing import Any

from fhirserver import fhirjson
from fhirserver.releases.parts import Node

Item = tuple[Any, Node | None]
"""A value and its sibling; a primitive may have only the sibling, nothing but primitives has one."""


class Odd(Exception):
    """Content that has no FHIR shape: it is left where it is."""


def items(node: Node, name: str, primitive: bool) -> list[Item]:
    """What an element holds; raises Odd where it is not of JSON's FHIR shape."""
    value, sibling = node.get(name), node.get("_" + name) if primitive else None
    if value is None and sibling is None:
        if name in node or "_" + name in node:
            raise Odd
        return []
    if not isinstance(value, list) and not isinstance(sibling, list):
        return [_item(value, sibling, primitive)]
    values = [] if value is None else value
    siblings = [] if sibling is None else sibling
    if not isinstance(values, list) or not isinstance(siblings, list):
        raise Odd
    if siblings and (all(one is None for one in siblings) or (values and len(siblings) != len(values))):
        raise Odd
    if values and all(one is None for one in values):
        raise Odd
    size = max(len(values), len(siblings))
    if not size:
        raise Odd
    values = values or [None] * size
    siblings = siblings or [None] * size
    return [_item(one, other, primitive) for one, other in zip(values, siblings, strict=True)]


def _item(value: Any, sibling: Any, primitive: bool) -> Item:
    if sibling is not None and not (isinstance(sibling, dict) and sibling):
        raise Odd
    if primitive:
        if isinstance(value, dict | list) or (value is None and sibling is None):
            raise Odd
    elif not isinstance(value, dict) or not value:
        raise Odd
    return value, sibling


def properties(name: str, found: list[Item], many: bool) -> Node:
    """The JSON properties of an element that holds these items; only the first of them unless it takes `many`."""
    if not found:
        return {}
    node: Node = {}
    if not many:
        value, sibling = found[0]
        if value is not None:
            node[name] = value
        if sibling is not None:
            node["_" + name] = sibling
        return node
    if any(value is not None for value, _ in found):
        node[name] = [value for value, _ in found]
    if any(sibling is not None for _, sibling in found):
        node["_" + name] = [sibling for _, sibling in found]
    return node


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON, digit by digit."""
    return bool(one == other) and fhirjson.canonical({"": one}) == fhirjson.canonical({"": other})
