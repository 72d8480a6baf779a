"""The primitive types: JSON type, pattern and range of each.

https://hl7.org/fhir/R5/datatypes.html#primitive. The patterns are written here because the published ones have slips
(decimal's has a stray brace, dateTime's makes the zone optional that the text demands).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhirserver.resources.findings import Check, Findings, one, shown

MAX_STRING = 1024 * 1024
"""https://hl7.org/fhir/R5/datatypes.html#string: no string is longer than 1,048,576 characters."""
MAX_DIGITS = 34
"""Digits that a decimal keeps in the store (IEEE 754 decimal128); the specification asks for 18."""

_YEAR = r"(?!0000)[0-9]{4}"
_MONTH = r"(?:0[1-9]|1[0-2])"
_DAY = r"(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_PATTERNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "date": (f"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?", "write YYYY, YYYY-MM or YYYY-MM-DD"),
        "dateTime": (
            f"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?",
            "write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone (Z or +hh:mm)",
        ),
        "instant": (
            f"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}",
            "write YYYY-MM-DDThh:mm:ss with a time zone (Z or +hh:mm)",
        ),
        "time": (_CLOCK, "write hh:mm:ss, without a time zone"),
        "code": (r"\S+(?: \S+)*", "a code has no blanks at its ends and none doubled"),
        "id": (r"[A-Za-z0-9\-.]{1,64}", "an id is 1 to 64 of A-Z a-z 0-9 - and dot"),
        "uri": (r"\S+", "a uri has no white space"),
        "oid": (r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "write urn:oid: and the dotted numbers"),
        "uuid": (
            r"urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
            "write urn:uuid: and the 36 characters of the UUID",
        ),
        "integer64": (r"0|[+-]?[1-9][0-9]{0,18}", "write a whole number of 64 bits as a JSON string"),
    }
)
_PATTERN_OF: Mapping[str, str] = MappingProxyType({"url": "uri", "canonical": "uri"})

_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "integer": (-(2**31), 2**31 - 1),
        "unsignedInt": (0, 2**31 - 1),
        "positiveInt": (1, 2**31 - 1),
    }
)


def _not_text(kind: str, value: Any) -> Findings:
    return one("structure", f"A {kind} is a JSON string, not {shown(value)}: put it in quotes.")


def _patterned(kind: str, check_calendar: bool) -> Check:
    text, remedy = _PATTERNS[_PATTERN_OF.get(kind, kind)]
    match = re.compile(text).fullmatch

    def check(value: Any) -> Findings | None:
        if type(value) is str and match(value):
            if check_calendar and len(value) > 9 and value[8:10] > "28":
                try:
                    date(int(value[:4]), int(value[5:7]), int(value[8:10]))
                except ValueError:
                    return one("value", f"{shown(value)} is no date of the calendar.")
            return None
        if type(value) is not str:
            return _not_text(kind, value)
        return one("value", f"{shown(value)} is no {kind}: {remedy}.")

    return check


def _string(kind: str) -> Check:
    def check(value: Any) -> Findings | None:
        if type(value) is str:
            if value and len(value) <= MAX_STRING:
                return None
            if not value:
                return one("value", f"A {kind} is never empty: leave the element out.")
            return one("value", f"A {kind} has at most {MAX_STRING:,} characters; this one has {len(value):,}.")
        return _not_text(kind, value)

    return check


def _whole(kind: str) -> Check:
    low, high = _RANGES[kind]

    def check(value: Any) -> Findings | None:
        if type(value) is int:
            if low <= value <= high:
                return None
            return one("value", f"{shown(value)} is no {kind}: it goes from {low} to {high}.")
        if type(value) is Decimal:
            return one("value", f"{shown(value)} is no {kind}: write a whole number without point or exponent.")
        return one("structure", f"An {kind} is a JSON number, not {shown(value)}: write it without quotes.")

    return check


def _decimal(value: Any) -> Findings | None:
    if type(value) is Decimal:
        if -400 < value.adjusted() < 400 and len(str(value)) <= MAX_DIGITS:
            return None
        if value.is_finite() and len(value.as_tuple().digits) <= MAX_DIGITS and -6000 < value.adjusted() < 6000:
            return None
        return one("value", f"A decimal has at most {MAX_DIGITS} digits and an exponent between -6000 and 6000.")
    if type(value) is int:
        if -(2**63) <= value < 2**63:
            return None
        return one("value", "A decimal without a point fits in 64 bits: write a larger one with an exponent.")
    return one("structure", f"A decimal is a JSON number, not {shown(value)}: write it without quotes.")


def _boolean(value: Any) -> Findings | None:
    if value is True or value is False:
        return None
    return one("structure", f"A boolean is true or false without quotes, not {shown(value)}.")


_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}").fullmatch


def _base64(value: Any) -> Findings | None:
    if type(value) is not str:
        return _not_text("base64Binary", value)
    # Line breaks are allowed by RFC 2045 and met in R4 content.
    packed = "".join(value.split())
    if packed and len(packed) % 4 == 0 and _BASE64(packed):
        return None
    return one("value", "This is no base64: A-Z a-z 0-9 + / padded with = to a multiple of four.")


def _integer64() -> Check:
    pattern = _patterned("integer64", check_calendar=False)

    def check(value: Any) -> Findings | None:
        found = pattern(value)
        if found is None and not -(2**63) <= int(value) < 2**63:
            return one("value", f"{shown(value)} is outside the range of an integer64.")
        return found

    return check


_SPECIAL: Mapping[str, Callable[[], Check]] = MappingProxyType(
    {
        "boolean": lambda: _boolean,
        "decimal": lambda: _decimal,
        "base64Binary": lambda: _base64,
        "integer64": _integer64,
    }
)


def primitive(kind: str) -> Check:
    """The check of one value of a primitive type."""
    if kind in _SPECIAL:
        return _SPECIAL[kind]()
    if kind in _RANGES:
        return _whole(kind)
    if _PATTERN_OF.get(kind, kind) in _PATTERNS:
        return _patterned(kind, kind in ("date", "dateTime", "instant"))
    return _string(kind)
