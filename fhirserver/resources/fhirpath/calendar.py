"""Dates and times some years, days or minutes later.

https://hl7.org/fhirpath/N1/#datetime-arithmetic
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from fhirserver.resources.fhirpath.temporal import Moment, written
from fhirserver.resources.fhirpath.values import EvaluationError

_MONTHS = MappingProxyType({"year": 12, "years": 12, "a": 12, "month": 1, "months": 1, "mo": 1})
_DAYS = MappingProxyType({"week": 7, "weeks": 7, "wk": 7, "day": 1, "days": 1, "d": 1})
_SECONDS = MappingProxyType(
    {
        **dict.fromkeys(("hour", "hours", "h"), Decimal(3600)),
        **dict.fromkeys(("minute", "minutes", "min"), Decimal(60)),
        **dict.fromkeys(("second", "seconds", "s"), Decimal(1)),
        **dict.fromkeys(("millisecond", "milliseconds", "ms"), Decimal("0.001")),
    }
)
_DAY = 86400


def later(when: Moment, number: int | Decimal, unit: str) -> Moment:
    """The moment `number` units after `when`, as precise as that; the last day of a month stays within its month."""
    parts: tuple[int | Decimal, ...]
    if unit in _SECONDS and len(when.parts) > (1 if when.kind == "Time" else 4):
        parts = _by_clock(when, number * _SECONDS[unit])
    elif when.kind == "Time":
        raise EvaluationError(f"'{unit}' cannot be added to a time of this precision")
    elif unit in _MONTHS:
        parts = (*_by_months(when.parts, int(number) * _MONTHS[unit]), *when.parts[3:])
    elif unit in _DAYS and len(when.parts) > 2:
        parts = (*_by_days(when.parts, int(number) * _DAYS[unit]), *when.parts[3:])
    else:
        raise EvaluationError(f"'{unit}' cannot be added to a date of this precision")
    return Moment(when.kind, parts, when.zone, written(parts, when.zone, time=when.kind == "Time"))


def _by_months(parts: tuple[int | Decimal, ...], months: int) -> tuple[int, ...]:
    year, month, day = (int(part) for part in (*parts[:3], 1, 1)[:3])
    total = year * 12 + month - 1 + months
    year, month = total // 12, total % 12 + 1
    if not 1 <= year <= 9999:
        raise EvaluationError("the date leaves the calendar")
    return (year, month, min(day, monthrange(year, month)[1]))[: len(parts)]


def _by_days(parts: tuple[int | Decimal, ...], days: int) -> tuple[int, ...]:
    year, month, day = (int(part) for part in parts[:3])
    at = date(year, month, day).toordinal() + days
    if not 1 <= at <= date.max.toordinal():
        raise EvaluationError("the date leaves the calendar")
    moved = date.fromordinal(at)
    return moved.year, moved.month, moved.day


def _by_clock(when: Moment, seconds: Decimal) -> tuple[int | Decimal, ...]:
    clock = when.parts if when.kind == "Time" else when.parts[3:]
    hour, minute, second = (*clock, 0, 0)[:3]
    total = Decimal(int(hour) * 3600 + int(minute) * 60) + second + seconds
    days, rest = total // _DAY, total % _DAY
    if rest < 0:
        days, rest = days - 1, rest + _DAY
    moved = (int(rest // 3600), int(rest % 3600 // 60), rest % 60)[: len(clock)]
    # A time of day goes round.
    return moved if when.kind == "Time" else (*_by_days(when.parts, int(days)), *moved)
