"""What an element definition says of a value: fixed[x], pattern[x], minValue[x], maxValue[x], maxLength, mustHaveValue.

https://hl7.org/fhir/R5/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.resources.findings import Finding, Findings, shown
from fhirserver.resources.profiles.run import Check, Item, Note, Notes, Run
from fhirserver.resources.profiles.snapshot import Node

_DATES = frozenset({"date", "dateTime", "instant"})
_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt", "integer64"})
_PRESENT = "this profile asks for a value, not only an extension: give it one"


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values say the same; 1.0 is 1.00, true is not 1."""
    if type(left) is dict and type(right) is dict:
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def fits(value: Any, pattern: Any) -> bool:
    """Whether all that a pattern holds is found in a value; each item of its arrays in some item of the value's."""
    if type(pattern) is dict:
        return type(value) is dict and all(key in value and fits(value[key], pattern[key]) for key in pattern)
    if type(pattern) is list:
        return type(value) is list and all(any(fits(one, part) for one in value) for part in pattern)
    return same(value, pattern)


def demand(node: Node) -> tuple[Any, Callable[[Any, Any], bool]] | None:
    """The fixed value or pattern of an element, with what compares a value to it."""
    if (found := node.value("fixed")) is not None:
        return found[1], same
    if (found := node.value("pattern")) is not None:
        return found[1], fits
    return None


def rules(node: Node, notes: Notes) -> list[Check]:
    """The checks of what a definition says of the value itself."""
    checks: list[Check] = []
    definition = node.definition
    if (wanted := demand(node)) is not None:
        checks.append(_demanded(*wanted))
    for prefix, sign in (("minValue", 1), ("maxValue", -1)):
        if (bound := node.value(prefix)) is not None:
            checks += _bounded(node, *bound, sign, notes)
    if type(most := definition.get("maxLength")) is int:
        checks.append(_short(most))
    if definition.get("mustHaveValue") is True:
        checks.append(_valued(frozenset()))
    elif isinstance(allowed := definition.get("valueAlternatives"), list):
        checks.append(_valued(frozenset(allowed)))
    return checks


def _demanded(wanted: Any, compare: Callable[[Any, Any], bool]) -> Check:
    exactly = compare is same
    said = wanted if isinstance(wanted, str) else fhirjson.dumps(wanted).decode()
    quoted = said if len(said) <= 200 else f"{said[:200]}…"
    remedy = f"{'exactly' if exactly else 'at least'} {quoted!r} goes here"

    def check(_run: Run, item: Item) -> Findings | None:
        value = item.value
        if compare(value, wanted) or (value is None and not exactly):
            return None
        return [Finding("", "value", f"{shown(value)} is not what the profile fixes: {remedy}.")]

    return check


def _valued(instead: frozenset[str]) -> Check:
    remedy = f"{_PRESENT}, or one of the extensions {', '.join(sorted(instead))}" if instead else _PRESENT

    def check(_run: Run, item: Item) -> Findings | None:
        if item.value is not None:
            return None
        given = {one.get("url") for one in item.content.get("extension", ())}
        return None if given & instead else [Finding("", "required", f"The value is missing: {remedy}.")]

    return check


def _short(most: int) -> Check:
    def check(_run: Run, item: Item) -> Findings | None:
        if type(item.value) is str and len(item.value) > most:
            return [Finding("", "too-long", f"The text has {len(item.value)} characters: {most} are allowed here.")]
        return None

    return check


def _bounded(node: Node, type_: str, bound: Any, sign: int, notes: Notes) -> list[Check]:
    """The check of a least (sign 1) or greatest (sign -1) value; a date that only may lie outside is let pass."""
    kind = type_[0].lower() + type_[1:]
    beyond: Callable[[Any], bool] | None = None
    if kind in _DATES and isinstance(bound, str):
        beyond = _date_beyond(bound, sign)
    elif kind in _NUMBERS:
        beyond = _number_beyond(Decimal(bound), sign)
    elif kind == "time":
        beyond = _time_beyond(bound, sign)
    elif kind == "quantity" and isinstance(bound, dict) and "value" in bound and not _DATES & _codes(node):
        beyond = _quantity_beyond(bound, sign)
        notes.append(Note(node.path, "The bound is compared only to values in its own unit."))
    if beyond is None:
        notes.append(Note(node.path, f"The bound, a {type_}, is not checked."))
        return []
    outside = beyond
    said = bound if isinstance(bound, str) else fhirjson.dumps(bound).decode()
    limit = f"at {'least' if sign > 0 else 'most'} {said}"

    def check(_run: Run, item: Item) -> Findings | None:
        if outside(item.value):
            return [Finding("", "value", f"{shown(item.value)} is outside the profile's bounds: it is {limit} here.")]
        return None

    return [check]


def _codes(node: Node) -> set[str]:
    return {type_.code for type_ in node.types}


def _date_beyond(bound: str, sign: int) -> Callable[[Any], bool] | None:
    try:
        limit = fhirjson.interval(bound)
    except BadRequest:
        return None

    def beyond(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            span = fhirjson.interval(value)
        except BadRequest:
            return False
        return span.high <= limit.low if sign > 0 else span.low >= limit.high

    return beyond


def _time_beyond(bound: Any, sign: int) -> Callable[[Any], bool]:
    def beyond(value: Any) -> bool:
        return isinstance(value, str) and (value < bound if sign > 0 else value > bound)

    return beyond


def _number_beyond(bound: Decimal, sign: int) -> Callable[[Any], bool]:
    def beyond(value: Any) -> bool:
        if type(value) is str and value.lstrip("+-").isdecimal():
            value = int(value)  # an integer64 is a string in JSON
        if type(value) is int or type(value) is Decimal:
            return bool(value < bound if sign > 0 else value > bound)
        return False

    return beyond


def _quantity_beyond(bound: dict[str, Any], sign: int) -> Callable[[Any], bool]:
    number = _number_beyond(Decimal(bound["value"]), sign)
    unit = {key: bound.get(key) for key in ("system", "code")} if "code" in bound else {"unit": bound.get("unit")}

    def beyond(value: Any) -> bool:
        alike = type(value) is dict and all(value.get(key) == part for key, part in unit.items())
        return alike and number(value.get("value"))

    return beyond
