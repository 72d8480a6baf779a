"""Reported numbers, which are text in a record, as quantities: every digit kept, and what is no number kept as words.

https://hl7.org/fhir/R5/datatypes.html#decimal, https://hl7.org/fhir/R5/datatypes.html#Quantity
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

Resource = dict[str, Any]
Number = int | Decimal

_PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?", re.ASCII)
_LOOSE = re.compile(
    r"(?P<comparator><=|>=|[<>≤≥])?\s*\+?(?P<sign>-?)(?:0*(?P<whole>\d{1,17})(?:\.(?P<part>\d{0,17}))?|\.(?P<only>\d{1,17}))",
    re.ASCII,
)
_COMPARATORS = {"≤": "<=", "≥": ">="}
_UNITS = {
    "years": "a",
    "year": "a",
    "months": "mo",
    "weeks": "wk",
    "days": "d",
    "hours": "h",
    "minutes": "min",
    "percent": "%",
    "percentage": "%",
    "%": "%",
    "kg": "kg",
    "cm": "cm",
    "mmHg": "mm[Hg]",
    "mm Hg": "mm[Hg]",
    "mg/dL": "mg/dL",
    "mmol/L": "mmol/L",
    "kg/m^2": "kg/m2",
    "Kg/m^2": "kg/m2",
    "kg/m2": "kg/m2",
}
UCUM = "http://unitsofmeasure.org"


def number(text: str | None) -> Number | None:
    """A number written as FHIR writes it; None for every other text."""
    if text is None or not _PLAIN.fullmatch(text):
        return None
    return Decimal(text) if "." in text else int(text)


def whole(text: str | None) -> int | None:
    """A count that FHIR's unsignedInt holds and gives back as it was written."""
    value = number(text)
    return value if isinstance(value, int) and 0 <= value < 2**31 and str(value) == text else None


def quantity(text: str | None, unit: str | None = None, *, compared: bool = True) -> Resource:
    """A quantity, empty where the text is no number: '<0.001' has a comparator, unless `compared` forbids one."""
    found: Resource = {}
    value = number(text)
    if value is None and text and (loose := _LOOSE.fullmatch(text)):
        if loose["comparator"] and not compared:
            return found
        part = loose["part"] or loose["only"]
        value = number(f"{loose['sign']}{loose['whole'] or 0}" + (f".{part}" if part else ""))
        if value is not None and loose["comparator"]:
            found["comparator"] = _COMPARATORS.get(loose["comparator"], loose["comparator"])
    if value is not None:
        found["value"] = value
    if unit:
        found["unit"] = unit
        if value is not None and (code := _UNITS.get(unit)):
            found |= {"system": UCUM, "code": code}
    return found


def said(found: Resource | None) -> str | None:
    """What a quantity says, without its unit: the text it was made from, unless that was written in an odd way."""
    if not found or "value" not in found:
        return None
    value = found["value"]
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return f"{found.get('comparator', '')}{text}"


def odd(found: Resource | None, text: str | None) -> bool:
    """Whether a text is more than its quantity says."""
    return text is not None and said(found) != text


def level(percent: str | None) -> Decimal | None:
    """The level of a confidence interval, 0.95, from its percentage."""
    value = number(percent)
    return None if value is None or not 0 <= value <= 100 else Decimal(percent or "").scaleb(-2)


def percentage(found: Decimal | int | None) -> str | None:
    """The percentage of a level."""
    return None if found is None else format(Decimal(found).scaleb(2), "f")
