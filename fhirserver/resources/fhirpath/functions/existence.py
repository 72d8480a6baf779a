"""What there is: exists, all, count, distinct and their kin.

https://hl7.org/fhirpath/N1/#existence
"""

from __future__ import annotations

from collections.abc import Hashable
from types import MappingProxyType

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.table import Evaluate, Function, Macro, Table, each
from fhirserver.resources.fhirpath.nodes import Node
from fhirserver.resources.fhirpath.values import EvaluationError, Item, Items, identity, plain, truth


def _exists(environment: Environment, items: Items, criteria: Evaluate | None = None) -> Items:
    if criteria is None:
        return [bool(items)]
    return [any(truth(found) for found in each(environment, items, criteria))]


def _all(environment: Environment, items: Items, criteria: Evaluate) -> Items:
    return [all(truth(found) for found in each(environment, items, criteria))]


def _not(_: Environment, items: Items) -> Items:
    said = truth(items)
    return [] if said is None else [not said]


def distinct(items: Items) -> Items:
    """The items without those that equal an earlier one."""
    if len(items) < 2:
        return items
    found: dict[Hashable, Item] = {}
    for item in items:
        found.setdefault(identity(item), item)
    return list(found.values())


def _has_value(_: Environment, items: Items) -> Items:
    if len(items) != 1:
        return [False]
    value = items[0].value if type(items[0]) is Node else items[0]
    return [value is not None and type(value) is not dict]


def _get_value(environment: Environment, items: Items) -> Items:
    return [items[0].value] if _has_value(environment, items) == [True] and type(items[0]) is Node else []


def _booleans(items: Items) -> list[bool]:
    values = [plain(item) for item in items]
    found = [value for value in values if type(value) is bool]
    if len(found) != len(items):
        raise EvaluationError("booleans are expected")
    return found


def _identities(items: Items) -> set[object]:
    return {identity(item) for item in items}


EXISTENCE: Table = MappingProxyType(
    {
        "exists": Macro(_exists, 0, 1),
        "all": Macro(_all),
        "empty": Function(lambda _, items: [not items]),
        "not": Function(_not),
        "count": Function(lambda _, items: [len(items)]),
        "distinct": Function(lambda _, items: distinct(items)),
        "isDistinct": Function(lambda _, items: [len(items) < 2 or len(_identities(items)) == len(items)]),
        "allTrue": Function(lambda _, items: [all(_booleans(items))]),
        "anyTrue": Function(lambda _, items: [any(_booleans(items))]),
        "allFalse": Function(lambda _, items: [not any(_booleans(items))]),
        "anyFalse": Function(lambda _, items: [not all(_booleans(items))]),
        "subsetOf": Function(lambda _, items, other: [_identities(items) <= _identities(other)], 1, 1),
        "supersetOf": Function(lambda _, items, other: [_identities(items) >= _identities(other)], 1, 1),
        "hasValue": Function(_has_value),
        "getValue": Function(_get_value),
    }
)
