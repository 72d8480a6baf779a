"""Logic with three values: true, false, and None for 'unknown', the empty collection.

https://hl7.org/fhirpath/N1/#boolean-logic
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.environment import Place
from fhirserver.resources.fhirpath.routes import Condition
from fhirserver.resources.fhirpath.syntax import Call, Infix, Literal, Path


def logic(operator: str, one: bool | None, other: bool | None) -> bool | None:
    """The three-valued 'and', 'or', 'xor' and 'implies'."""
    match operator:
        case "and":
            return False if one is False or other is False else True if one and other else None
        case "or":
            return True if one or other else False if one is False and other is False else None
        case "implies":
            return logic("or", None if one is None else not one, other)
    return None if one is None or other is None else one is not other


def is_boolean(tree: Path) -> bool:
    """Whether an expression gives a boolean, or nothing, by what it is."""
    match tree:
        case Call(_, "exists" | "empty" | "all" | "hasValue" | "not" | "startsWith" | "isDistinct", _):
            return True
        case Infix(operator, _, _):
            return operator not in ("|", "+", "-", "&", "*", "/", "div", "mod", "as")
        case Literal(bool()):
            return True
    return False


def is_definite(tree: Path) -> bool:
    """Whether an expression says true or false of everything, never nothing."""
    match tree:
        case Call(_, "exists" | "empty" | "all" | "hasValue" | "isDistinct", _):
            return True
        case Call(left, "not", ()) if left is not None:
            return is_definite(left)
        case Infix("and" | "or" | "implies" | "xor", left, right):
            return is_definite(left) and is_definite(right)
    return False


def negated(one: Condition) -> Condition:
    """The condition that says the contrary."""

    def check(value: Any, place: Place) -> bool | None:
        said = one(value, place)
        return None if said is None else not said

    return check


def _and(one: Condition, other: Condition) -> Condition:
    def check(value: Any, place: Place) -> bool | None:
        said = one(value, place)
        if said is False:
            return False
        also = other(value, place)
        return False if also is False else True if said and also else None

    return check


def _or(one: Condition, other: Condition) -> Condition:
    def check(value: Any, place: Place) -> bool | None:
        said = one(value, place)
        if said:
            return True
        also = other(value, place)
        return True if also else None if said is None or also is None else False

    return check


def _implies(one: Condition, other: Condition) -> Condition:
    def check(value: Any, place: Place) -> bool | None:
        said = one(value, place)
        if said is None:
            return True if other(value, place) else None
        return other(value, place) if said else True

    return check


def _xor(one: Condition, other: Condition) -> Condition:
    return lambda value, place: logic("xor", one(value, place), other(value, place))


def _same(one: Condition, other: Condition) -> Condition:
    return negated(_xor(one, other))


LOGIC: Mapping[str, Callable[[Condition, Condition], Condition]] = MappingProxyType(
    {"and": _and, "or": _or, "implies": _implies, "xor": _xor, "=": _same}
)
"""What becomes of two conditions."""
DEFINITE: Mapping[str, Callable[[Condition, Condition], Condition]] = MappingProxyType(
    {
        "and": lambda one, other: lambda value, place: one(value, place) and other(value, place),
        "or": lambda one, other: lambda value, place: one(value, place) or other(value, place),
        "implies": lambda one, other: lambda value, place: not one(value, place) or other(value, place),
        "xor": lambda one, other: lambda value, place: one(value, place) is not other(value, place),
    }
)
"""The same of two that always say something."""
