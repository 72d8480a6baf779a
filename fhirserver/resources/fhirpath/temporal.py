"""Dates, dateTimes and times of day with their precision: comparing two may have no answer.

https://hl7.org/fhirpath/N1/#datetime-equality and https://hl7.org/fhirpath/N1/#comparison
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?(Z|[+-]\d\d:\d\d)?)?)?"
)
_TIME = re.compile(r"T?(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?")
_LOWEST = (0, 1, 1, 0, 0, Decimal("0.000"))
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Moment:
    """`parts` are year, month, day, hour, minute, second, as many as are known; a time begins at the hour.

    `zone` is in minutes east of UTC; `floating` says that it is the outermost of all zones there are, for want of one.
    """

    kind: Literal["Date", "DateTime", "Time"]
    parts: tuple[int | Decimal, ...]
    zone: int | None = None
    text: str = ""
    floating: bool = False

    def __str__(self) -> str:
        return self.text

    @property
    def settled(self) -> Moment:
        """The same in UTC, when the zone is known and the minute is."""
        if not self.zone or len(self.parts) < 5:
            return self
        year, month, day, hour, minute, *rest = self.parts
        at = (date(int(year), int(month), int(day)).toordinal() * 24 + int(hour)) * 60 + int(minute) - self.zone
        days, minutes = divmod(at, 1440)
        if not 1 <= days <= date.max.toordinal():
            return self
        utc = date.fromordinal(days)
        return Moment(self.kind, (utc.year, utc.month, utc.day, minutes // 60, minutes % 60, *rest), 0, self.text)


@lru_cache(4096)
def moment(text: str, kind: str = "") -> Moment | None:
    """What a FHIR date, dateTime, instant or time, or the literal of one, says; None when it is none of them."""
    if text[:1] == "T" or text[2:3] == ":":
        match = _TIME.fullmatch(text)
        return Moment("Time", _parts(match.groups()), None, text.removeprefix("T")) if match else None
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    *parts, offset = match.groups()
    known = _parts(parts)
    if match[4] and not match[3]:
        return None
    try:
        date(int(known[0]), int(known[1]) if len(known) > 1 else 1, int(known[2]) if len(known) > 2 else 1)
    except ValueError:
        return None
    whole = kind in ("dateTime", "instant") or "T" in text
    return Moment("DateTime" if whole else "Date", known, _zone(offset), text.removesuffix("T"))


def _parts(texts: list[str | None] | tuple[str | None, ...]) -> tuple[int | Decimal, ...]:
    """The numbers that are there; the last that there may be is of seconds."""
    return tuple(
        Decimal(text) if at == len(texts) - 1 else int(text) for at, text in enumerate(texts) if text is not None
    )


def _zone(offset: str | None) -> int | None:
    if offset is None:
        return None
    if offset == "Z":
        return 0
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    return -minutes if offset[0] == "-" else minutes


def compare(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1; None where one is too coarse to tell, or says no zone and the other does."""
    if (left.kind == "Time") is not (right.kind == "Time"):
        return None
    if left.kind != "Time":
        if left.zone is not None and right.zone is not None:
            # What says no zone is taken to be of the same one as another that says none.
            if not (left.floating and right.floating):
                left, right = left.settled, right.settled
        elif left.zone is not right.zone and len(left.parts) > 3 and len(right.parts) > 3:
            return None
    for one, other in zip(left.parts, right.parts, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left.parts) == len(right.parts) else None


def boundary(of: Moment, *, high: bool) -> Moment:
    """The first or the last millisecond that it may mean, in the zone where that is."""
    if of.kind == "Time":
        ends: tuple[int | Decimal, ...] = (23, 59, Decimal("59.999")) if high else (0, 0, Decimal("0.000"))
        clock = _filled(of.parts, ends)
        return Moment("Time", clock, None, written(clock, None, time=True))
    parts = of.parts
    filled: tuple[int | Decimal, ...]
    if high:
        month = int(parts[1]) if len(parts) > 1 else 12
        last = _DAYS[month - 1] + (month == 2 and _leap(int(parts[0])))
        filled = _filled(parts, (9999, 12, last, 23, 59, Decimal("59.999")))
    else:
        filled = _filled(parts, _LOWEST)
    if of.kind == "Date":
        return Moment("Date", filled[:3], None, written(filled[:3], None))
    # The widest zones in use are fourteen hours east and twelve west of Greenwich.
    zone = of.zone if of.zone is not None else (-720 if high else 840)
    return Moment("DateTime", filled, zone, written(filled, of.zone), floating=of.zone is None)


def written(parts: Sequence[int | Decimal], zone: int | None, *, time: bool = False) -> str:
    """The text of a date, dateTime or, beginning at the hour, time."""
    known = [*("0001", "01", "01"), *map(_padded, parts)] if time else [f"{parts[0]:04}", *map(_padded, parts[1:])]
    day, clock = "-".join(known[:3]), ":".join(known[3:])
    if time or not clock:
        return clock if time else day
    sign, minutes = ("-", -zone) if zone is not None and zone < 0 else ("+", zone or 0)
    offset = "" if zone is None else "Z" if zone == 0 else f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    return f"{day}T{clock}{offset}"


def _padded(part: int | Decimal) -> str:
    whole, _, rest = str(part).partition(".")
    return f"{whole:0>2}.{rest}" if rest else f"{whole:0>2}"


def _filled(parts: tuple[int | Decimal, ...], ends: tuple[int | Decimal, ...]) -> tuple[int | Decimal, ...]:
    """The parts with those that are not known from `ends`, milliseconds included."""
    whole = (*parts, *ends[len(parts) :])
    second = whole[-1]
    if isinstance(second, Decimal) and second == second.to_integral_value() and ends[-1]:
        whole = (*whole[:-1], second + Decimal("0.999"))
    return whole


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
