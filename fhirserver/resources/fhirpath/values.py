"""Items of a collection as values: reading, equality, order, and what is true.

https://hl7.org/fhirpath/N1/#operations. A collection is a list of Nodes (elements) and plain values: str, int, Decimal,
bool, Moment, Measure.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any

from fhirserver.resources.fhirpath.nodes import Node
from fhirserver.resources.fhirpath.syntax import Measure
from fhirserver.resources.fhirpath.temporal import Moment, compare, moment
from fhirserver.resources.fhirpath.units import common

Item = Any
"""A Node or a plain value."""
Items = list[Item]


class EvaluationError(Exception):
    """The expression cannot be evaluated on this content; the message says why."""


_MOMENTS = frozenset(("date", "dateTime", "instant", "time"))
_QUANTITIES = frozenset(("Quantity", "Age", "Distance", "Duration", "Count", "MoneyQuantity", "SimpleQuantity"))
_SYSTEM = {bool: "Boolean", str: "String", int: "Integer", Decimal: "Decimal", Measure: "Quantity"}


def plain(item: Item) -> Any:
    """The value of an item: of an element its System value, or its JSON when it has none; None when it has no value."""
    if type(item) is not Node:
        return item
    value = item.value
    if item.type in _MOMENTS and type(value) is str:
        return moment(value, item.type) or value
    if item.type in _QUANTITIES and type(value) is dict:
        return _measure(value) or value
    if item.type == "integer64" and type(value) is str and value.lstrip("+-").isdecimal():
        return int(value)
    return value


def _measure(value: dict[str, Any]) -> Measure | None:
    number = value.get("value")
    if type(number) is not int and type(number) is not Decimal:
        return None
    code, unit = value.get("code"), value.get("unit")
    return Measure(number, code if type(code) is str else unit if type(unit) is str else "1")


def single(items: Sequence[Item]) -> Any:
    """The value of a collection of one; None of an empty one."""
    if len(items) > 1:
        raise EvaluationError(f"one item is expected, {len(items)} are there")
    return plain(items[0]) if items else None


def text(items: Sequence[Item]) -> str | None:
    """The string of a collection of one."""
    value = single(items)
    if value is None or type(value) is str:
        return value
    if type(value) is Moment:
        return value.text
    raise EvaluationError("a string is expected")


def whole(items: Sequence[Item]) -> int | None:
    """The whole number of a collection of one."""
    value = single(items)
    if value is None or type(value) is int:
        return value
    raise EvaluationError("a whole number is expected")


def truth(items: Sequence[Item]) -> bool | None:
    """What a collection says as a condition: None when it is empty, true of any one item that is no boolean."""
    if not items:
        return None
    value = single(items)
    return value if type(value) is bool else None if value is None else True


def system_type(value: Any) -> str:
    """The System type of a plain value."""
    return value.kind if type(value) is Moment else _SYSTEM.get(type(value), "Any")


def identity(item: Item) -> Hashable:
    """What two items have the same exactly when they are equal."""
    return _identity(plain(item)) if type(item) is not Node or item.value is not None else _identity(item.sibling)


def _identity(value: Any) -> Hashable:
    match value:
        case bool():
            return ("boolean", value)
        case dict():
            return frozenset((key, _identity(each)) for key, each in value.items())
        case list():
            return tuple(_identity(each) for each in value)
        case Moment():
            settled = value.settled
            return (settled.kind == "Time", settled.parts, settled.zone)
        case Measure(number, unit):
            return ("quantity", number, unit)
    return value if isinstance(value, Hashable) else repr(value)


def equal(left: Items, right: Items) -> bool | None:
    """Whether two collections are equal, item by item; None when either is empty or precision does not tell."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        same = equal_items(one, other)
        if same is not True:
            return same
    return True


def equal_items(one: Item, other: Item) -> bool | None:
    """The same of two items."""
    if one is other:
        return True
    left, right = plain(one), plain(other)
    if type(left) is Moment or type(right) is Moment:
        pair = _moments(left, right)
        if pair is None or (pair[0].kind == "Time") is not (pair[1].kind == "Time"):
            return False
        found = compare(*pair)
        return None if found is None else found == 0
    if left is None or right is None:
        return identity(one) == identity(other)
    if type(left) is Measure and type(right) is Measure:
        numbers = common(left, right)
        return None if numbers is None else numbers[0] == numbers[1]
    return _identity(left) == _identity(right)


def _moments(left: Any, right: Any) -> tuple[Moment, Moment] | None:
    """Both as moments; a string beside one is read as one."""
    pair = tuple(moment(each) if type(each) is str else each for each in (left, right))
    one, other = pair
    return (one, other) if type(one) is Moment and type(other) is Moment else None


def order(left: Items, right: Items) -> int | None:
    """-1, 0 or 1 for two collections of one; None when either is empty or they do not compare."""
    one, other = single(left), single(right)
    if one is None or other is None:
        return None
    if type(one) is Moment or type(other) is Moment:
        pair = _moments(one, other)
        if pair is not None:
            return compare(*pair)
    elif type(one) is Measure and type(other) is Measure:
        numbers = common(one, other)
        return None if numbers is None else _sign(*numbers)
    elif (type(one) is str and type(other) is str) or (_number(one) and _number(other)):
        return _sign(one, other)
    raise EvaluationError("these values have no order")


def _number(value: Any) -> bool:
    return type(value) is int or type(value) is Decimal


def _sign(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def equivalent(left: Items, right: Items) -> bool:
    """Whether two collections are equivalent: order, case, blanks and trailing digits do not count."""
    if len(left) != len(right):
        return False
    rest = [plain(item) for item in right]
    for item in left:
        value = plain(item)
        found = next((at for at, other in enumerate(rest) if _alike(value, other)), None)
        if found is None:
            return False
        del rest[found]
    return True


def _alike(left: Any, right: Any) -> bool:
    if type(left) is str and type(right) is str:
        return left.casefold().split() == right.casefold().split()
    if _number(left) and _number(right):
        one, other = Decimal(left), Decimal(right)
        digits = max(int(one.normalize().as_tuple().exponent), int(other.normalize().as_tuple().exponent))
        try:
            return round(one, -min(digits, 0)) == round(other, -min(digits, 0))
        except ArithmeticError:
            return one == other
    if isinstance(left, dict) and isinstance(right, dict):
        names = left.keys() - {"id"}
        return names == right.keys() - {"id"} and all(_alike(left[name], right[name]) for name in names)
    if isinstance(left, list) and isinstance(right, list):
        return equivalent(left, right)
    return equal_items(left, right) is True
