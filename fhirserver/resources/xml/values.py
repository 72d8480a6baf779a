"""The text of an XML attribute as the JSON value of its type.

https://hl7.org/fhir/R5/datatypes.html#primitive
"""

from __future__ import annotations

import re
from decimal import Decimal

from fhirserver import fhirjson
from fhirserver.errors import Malformed
from fhirserver.resources.findings import shown

_BLANKS = " \t\r\n"
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})").fullmatch
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_KEPT = frozenset(("string", "markdown"))
_WHOLE = frozenset(("integer", "unsignedInt", "positiveInt"))


class BadText(Exception):
    """The text is no value of the type; the message says why."""


def value_of(kind: str, text: str) -> str | int | bool | Decimal:
    """The value; blanks at the ends are a string's own and mean nothing elsewhere. An integer64 stays a string."""
    if kind in _KEPT:
        if not text:
            raise BadText("an attribute is never empty: leave it out")
        return text
    bare = text.strip(_BLANKS)
    if not bare:
        raise BadText("an attribute is never empty: leave it out")
    if kind == "boolean":
        if bare not in ("true", "false"):
            raise BadText(f"{shown(bare)} is no boolean: write true or false")
        return bare == "true"
    if kind in _WHOLE:
        if not _INTEGER(bare):
            raise BadText(f"{shown(bare)} is no {kind}: write a whole number, without zeros before it")
        return int(bare)
    if kind == "decimal":
        return _decimal(bare)
    return bare


def _decimal(text: str) -> int | Decimal:
    if _DECIMAL(text):
        try:
            # FHIR's decimals are written like JSON's numbers, and so both keep the same digits.
            number: int | Decimal = fhirjson.loads(text)
        except Malformed:
            raise BadText(f"{shown(text)} has too many digits or too large an exponent for a decimal") from None
        return number
    raise BadText(f"{shown(text)} is no decimal: write digits with a digit on both sides of the point")
