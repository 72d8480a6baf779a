"""ISO 8601 durations as FHIR Durations.

https://hl7.org/fhir/R5/datatypes.html#Duration
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from fhirserver.mappers.codes import UCUM

_NUMBER = r"(\d{1,9}(?:[.,]\d{1,6})?)"
_DURATION = re.compile(
    rf"(?P<sign>-?)P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_UNITS = (
    ("a", "year"),
    ("mo", "month"),
    ("wk", "week"),
    ("d", "day"),
    ("h", "hour"),
    ("min", "minute"),
    ("s", "second"),
)
_SECONDS = {"wk": 604800, "d": 86400, "h": 3600, "min": 60, "s": 1}


def duration(text: str | None) -> dict[str, Any] | None:
    """A Duration; None where the text is none, or mixes months with days, which no number of one unit can say."""
    match = _DURATION.fullmatch(text or "")
    if not match:
        return None
    parts = [
        (Decimal(number.replace(",", ".")), code, word)
        for number, (code, word) in zip(match.groups()[1:], _UNITS, strict=True)
        if number
    ]
    sign = -1 if match["sign"] else 1
    if not parts:
        return None
    if len(parts) == 1:
        return _quantity(sign * parts[0][0], parts[0][1], parts[0][2])
    if any(code not in _SECONDS for _, code, _ in parts):
        return None
    total = sum((number * _SECONDS[code] for number, code, _ in parts), Decimal(0))
    last, word = parts[-1][1:]
    return _quantity(sign * total / _SECONDS[last], last, word)


def shifted(base: dict[str, Any], by: dict[str, Any], sign: int) -> dict[str, Any] | None:
    """A Duration earlier (-1) or later (1) by another, in the unit of the finer one; None where they do not compare."""
    if base["code"] == by["code"]:
        finer, word = base["code"], base["unit"]
    elif base["code"] in _SECONDS and by["code"] in _SECONDS:
        finest = min(base, by, key=lambda one: _SECONDS[one["code"]])
        finer, word = finest["code"], finest["unit"]
    else:
        return None
    scale = _SECONDS.get(finer, 1)
    seconds = Decimal(0)
    for one, factor in ((base, 1), (by, sign)):
        seconds += factor * one["value"] * (_SECONDS[one["code"]] if finer in _SECONDS else 1)
    return _quantity(seconds / scale, finer, word.removesuffix("s"))


def _quantity(value: Decimal, code: str, word: str) -> dict[str, Any]:
    whole: Decimal | int = int(value) if value == int(value) else value.normalize()
    return {"value": whole, "unit": word if whole == 1 else f"{word}s", "system": UCUM, "code": code}
