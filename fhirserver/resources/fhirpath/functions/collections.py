"""Choosing and joining: where, select, repeat, first, union and their kin.

https://hl7.org/fhirpath/N1/#filtering-and-projection
"""

from __future__ import annotations

from collections.abc import Hashable
from types import MappingProxyType
from typing import cast

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.existence import distinct
from fhirserver.resources.fhirpath.functions.table import Evaluate, Function, Macro, Table, each
from fhirserver.resources.fhirpath.nodes import Node, children, descendants
from fhirserver.resources.fhirpath.values import EvaluationError, Item, Items, identity, truth, whole


def _where(environment: Environment, items: Items, criteria: Evaluate) -> Items:
    kept = each(environment, items, criteria)
    return [item for item, found in zip(items, kept, strict=True) if truth(found)]


def _select(environment: Environment, items: Items, projection: Evaluate) -> Items:
    return [value for found in each(environment, items, projection) for value in found]


def _repeat(environment: Environment, items: Items, projection: Evaluate) -> Items:
    found: Items = []
    seen: set[Hashable] = set()
    todo = items
    while todo:
        fresh: Items = []
        for item in _select(environment, todo, projection):
            if (same := _identity(environment, item)) not in seen:
                seen.add(same)
                fresh.append(item)
        found += fresh
        todo = fresh
    return found


def _identity(environment: Environment, item: Item) -> Hashable:
    """The identity of an item, found once for each object of the resource: each is repeated from all above it."""
    if type(item) is not Node or type(item.value) is not dict:
        return identity(item)
    memory, known = environment.place.memory, ("identity", id(item.value))
    found = memory.get(known)
    if found is None or found[0] is not item.value:
        # The object is kept with it: no other can take its id meanwhile.
        found = memory[known] = (item.value, identity(item))
    return cast("Hashable", found[1])


def _iif(
    environment: Environment, items: Items, condition: Evaluate, then: Evaluate, otherwise: Evaluate | None = None
) -> Items:
    if truth(condition(items, environment)):
        return then(items, environment)
    return otherwise(items, environment) if otherwise else []


def _combine(environment: Environment, items: Items, other: Items) -> Items:
    environment.spend(len(items) + len(other))
    return [*items, *other]


def _children(environment: Environment, items: Items) -> Items:
    found: Items = [below for item in items if type(item) is Node for below in children(item)]
    environment.spend(len(found))
    return found


def _descendants(environment: Environment, items: Items) -> Items:
    found: Items = []
    for item in items:
        if type(item) is Node:
            before = len(found)
            found += descendants(item)
            environment.spend(len(found) - before)
    return found


def _single(_: Environment, items: Items) -> Items:
    if len(items) > 1:
        raise EvaluationError(f"single() has {len(items)} items")
    return items


def _intersect(_: Environment, items: Items, other: Items) -> Items:
    wanted = {identity(item) for item in other}
    return distinct([item for item in items if identity(item) in wanted])


def _exclude(_: Environment, items: Items, other: Items) -> Items:
    unwanted = {identity(item) for item in other}
    return [item for item in items if identity(item) not in unwanted]


def _skip(_: Environment, items: Items, number: Items) -> Items:
    return items[max(whole(number) or 0, 0) :]


def _take(_: Environment, items: Items, number: Items) -> Items:
    return items[: max(whole(number) or 0, 0)]


COLLECTIONS: Table = MappingProxyType(
    {
        "where": Macro(_where),
        "select": Macro(_select),
        "repeat": Macro(_repeat),
        "iif": Macro(_iif, 2, 3),
        "first": Function(lambda _, items: items[:1]),
        "last": Function(lambda _, items: items[-1:]),
        "tail": Function(lambda _, items: items[1:]),
        "single": Function(_single),
        "skip": Function(_skip, 1, 1),
        "take": Function(_take, 1, 1),
        "union": Function(lambda _, items, other: distinct([*items, *other]), 1, 1),
        "combine": Function(_combine, 1, 1),
        "intersect": Function(_intersect, 1, 1),
        "exclude": Function(_exclude, 1, 1),
        "children": Function(_children),
        "descendants": Function(_descendants),
    }
)
