"""Operators between two collections.

https://hl7.org/fhirpath/N1/#operations. Booleans have three values: None is 'unknown', the empty collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.calendar import later
from fhirserver.resources.fhirpath.functions.existence import distinct
from fhirserver.resources.fhirpath.syntax import Measure
from fhirserver.resources.fhirpath.temporal import Moment
from fhirserver.resources.fhirpath.values import (
    EvaluationError,
    Items,
    equal,
    equivalent,
    identity,
    order,
    single,
    text,
)


def _said(value: bool | None) -> Items:
    return [] if value is None else [value]


def _ordered(test: Callable[[int], bool]) -> Callable[[Items, Items], Items]:
    def call(left: Items, right: Items) -> Items:
        found = order(left, right)
        return [] if found is None else [test(found)]

    return call


def _unequal(left: Items, right: Items) -> Items:
    same = equal(left, right)
    return [] if same is None else [not same]


def _in(left: Items, right: Items) -> Items:
    if len(left) > 1:
        raise EvaluationError(f"'in' takes one item at its left, {len(left)} are there")
    if not left:
        return []
    return [identity(left[0]) in {identity(item) for item in right}]


def _concatenated(left: Items, right: Items) -> Items:
    return [(text(left) or "") + (text(right) or "")]


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Items, Items], Items]:
    def call(left: Items, right: Items) -> Items:
        one, other = single(left), single(right)
        if one is None or other is None:
            return []
        found = compute(one, other)
        return [] if found is None else [found]

    return call


def _numbers(*values: Any) -> bool:
    return all(type(value) is int or type(value) is Decimal for value in values)


def _plus(one: Any, other: Any) -> Any:
    match one, other:
        case str(), str():
            return one + other
        case Moment(), Measure():
            return later(one, other.value, other.unit)
        case Measure(), Measure() if one.unit == other.unit:
            return Measure(one.value + other.value, one.unit)
    if _numbers(one, other):
        return one + other
    raise EvaluationError("these values cannot be added")


def _minus(one: Any, other: Any) -> Any:
    match one, other:
        case Moment(), Measure():
            return later(one, -other.value, other.unit)
        case Measure(), Measure() if one.unit == other.unit:
            return Measure(one.value - other.value, one.unit)
    if _numbers(one, other):
        return one - other
    raise EvaluationError("these values cannot be subtracted")


def _times(one: Any, other: Any) -> Any:
    if _numbers(one, other):
        return one * other
    raise EvaluationError("these values cannot be multiplied")


def _divided(one: Any, other: Any) -> Any:
    if _numbers(one, other):
        return Decimal(one) / other if other else None
    raise EvaluationError("these values cannot be divided")


def _whole_parts(one: Any, other: Any) -> Any:
    if _numbers(one, other):
        return int(Decimal(one) / other) if other else None
    raise EvaluationError("these values cannot be divided")


def _rest(one: Any, other: Any) -> Any:
    if _numbers(one, other):
        return one - other * int(Decimal(one) / other) if other else None
    raise EvaluationError("these values cannot be divided")


OPERATORS: Mapping[str, Callable[[Items, Items], Items]] = MappingProxyType(
    {
        "=": lambda left, right: _said(equal(left, right)),
        "!=": _unequal,
        "~": lambda left, right: [equivalent(left, right)],
        "!~": lambda left, right: [not equivalent(left, right)],
        "<": _ordered(lambda found: found < 0),
        "<=": _ordered(lambda found: found <= 0),
        ">": _ordered(lambda found: found > 0),
        ">=": _ordered(lambda found: found >= 0),
        "|": lambda left, right: distinct([*left, *right]),
        "in": _in,
        "contains": lambda left, right: _in(right, left),
        "&": _concatenated,
        "+": _arithmetic(_plus),
        "-": _arithmetic(_minus),
        "*": _arithmetic(_times),
        "/": _arithmetic(_divided),
        "div": _arithmetic(_whole_parts),
        "mod": _arithmetic(_rest),
    }
)
"""Operators whose operands are both evaluated; 'and', 'or', 'xor' and 'implies' are the compiler's."""
