"""Conversions between the System types, and arithmetic of one number.

https://hl7.org/fhirpath/N1/#conversion
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.table import Function, Table
from fhirserver.resources.fhirpath.syntax import Measure
from fhirserver.resources.fhirpath.temporal import Moment, moment
from fhirserver.resources.fhirpath.values import Items, single, whole

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_QUANTITY = re.compile(r"(?P<value>[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?)\s*(?:'(?P<code>[^']+)'|(?P<unit>[a-z]+))?")
_TRUE = frozenset(("true", "t", "yes", "y", "1", "1.0"))
_FALSE = frozenset(("false", "f", "no", "n", "0", "0.0"))


def _integer(value: Any) -> int | None:
    if type(value) is int or type(value) is bool:
        return int(value)
    return int(value) if type(value) is str and _INTEGER.fullmatch(value) else None


def _decimal(value: Any) -> Decimal | None:
    if type(value) is int or type(value) is bool or type(value) is Decimal:
        return Decimal(value)
    return Decimal(value) if type(value) is str and _DECIMAL.fullmatch(value) else None


def _boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    said = str(value).lower() if type(value) is str or type(value) is int or type(value) is Decimal else ""
    return True if said in _TRUE else False if said in _FALSE else None


def _string(value: Any) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | Moment():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case Measure(number, unit):
            return f"{number} '{unit}'"
    return None


def _moment(kind: str) -> Callable[[Any], Moment | None]:
    def convert(value: Any) -> Moment | None:
        found = value if type(value) is Moment else moment(value) if type(value) is str else None
        if found is None or (found.kind == "Time") is not (kind == "Time"):
            return None
        if kind == "Date" and found.kind == "DateTime":
            return Moment("Date", found.parts[:3], None, found.text[:10])
        return moment(found.text, "dateTime") if kind == "DateTime" else found

    return convert


def _quantity(value: Any) -> Measure | None:
    match value:
        case Measure():
            return value
        case bool():
            return None
        case int() | Decimal():
            return Measure(value, "1")
    match = _QUANTITY.fullmatch(value) if type(value) is str else None
    return Measure(Decimal(match["value"]), match["code"] or match["unit"] or "1") if match else None


def _to(convert: Callable[[Any], Any]) -> Callable[..., Items]:
    def call(_: Environment, items: Items) -> Items:
        value = convert(single(items)) if items else None
        return [] if value is None else [value]

    return call


def _converts(convert: Callable[[Any], Any]) -> Callable[..., Items]:
    def call(_: Environment, items: Items) -> Items:
        return [convert(single(items)) is not None] if items else []

    return call


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "Integer": _integer,
    "Decimal": _decimal,
    "Boolean": _boolean,
    "String": _string,
    "Date": _moment("Date"),
    "DateTime": _moment("DateTime"),
    "Time": _moment("Time"),
    "Quantity": _quantity,
}


def _on_number(change: Callable[[Decimal], Any]) -> Callable[[Any], Any]:
    return lambda value: change(Decimal(value)) if type(value) is int or type(value) is Decimal else None


def _abs(value: Any) -> Any:
    if isinstance(value, Measure):
        return Measure(value.value if value.value >= 0 else -value.value, value.unit)
    return abs(value) if type(value) is int or type(value) is Decimal else None


def _round(_: Environment, items: Items, digits: Items | None = None) -> Items:
    value = _decimal(single(items))
    if value is None:
        return []
    step = Decimal(1).scaleb(-(whole(digits or []) or 0))
    return [value.quantize(step, ROUND_HALF_UP)]


CONVERSIONS: Table = MappingProxyType(
    {f"to{name}": Function(_to(convert)) for name, convert in _CONVERSIONS.items()}
    | {f"convertsTo{name}": Function(_converts(convert)) for name, convert in _CONVERSIONS.items()}
    | {
        "abs": Function(_to(_abs)),
        "ceiling": Function(_to(_on_number(math.ceil))),
        "floor": Function(_to(_on_number(math.floor))),
        "truncate": Function(_to(_on_number(int))),
        "round": Function(_round, 0, 1),
    }
)
