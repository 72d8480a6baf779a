"""JSON with exact decimals, partial dates as half-open ranges, and references.

https://hl7.org/fhir/R5/json.html, https://hl7.org/fhir/R5/datatypes.html, https://hl7.org/fhir/R5/references.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec

from fhirserver.errors import BadRequest, Malformed

Resource = dict[str, Any]
"""A FHIR resource as decoded JSON: dict, list, str, int, Decimal, bool, None."""

MAX_DEPTH = 64
"""Levels of nesting: far beyond any real resource, below MongoDB's limit of 100."""

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")

_DEEP = b"\n" + b" " * MAX_DEPTH
"""What JSON with a blank a level holds where something stands at that depth, at least; no string holds a line's end."""

_SMALL = 16_384

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ESCAPED_CONTROL = re.compile(rb"\\(?:[bf]|u00[01])")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def loads(data: bytes | str) -> Any:
    """Decodes JSON; a number with a fraction or an exponent becomes a Decimal that keeps every digit."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise Malformed(f"The body is not JSON: {error}.") from None
    except (UnicodeDecodeError, ValueError, ArithmeticError) as error:
        raise Malformed(f"The body is not UTF-8 JSON: {error}.") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.", code="too-long") from None


def loads_resource(data: bytes) -> Resource:
    """Decodes a resource; refuses what JSON allows and FHIR does not: no object, a name twice, control characters."""
    value = loads(data)
    if not isinstance(value, dict):
        raise Malformed("The body is JSON but no object: send one FHIR resource.")
    kind = value.get("resourceType")
    if not isinstance(kind, str):
        raise Malformed("The body has no 'resourceType': send one FHIR resource.")
    _check_content(data, value, (kind,))
    return value


def loads_strict(data: bytes) -> Any:
    """Decodes JSON that is no resource, and refuses what would be refused in one."""
    value = loads(data)
    _check_content(data, value, ())
    return value


def _check_content(data: bytes, value: Any, where: tuple[str, ...]) -> None:
    written = dumps(value)
    # Of what is small it is told by its text, which is faster; a large one might become immense.
    if len(written) > _SMALL or _DEEP in msgspec.json.format(written, indent=1):
        check_depth(value)
    # Nearly every client writes as we do but for white space, and then nothing was lost in reading.
    if written != data and written != msgspec.json.format(data, indent=-1):
        _check_names(data, written, where)
    if _ESCAPED_CONTROL.search(data):
        _check_strings(value)


def check_depth(value: Any) -> None:
    """Refuses nesting beyond MAX_DEPTH, level by level, so that depth cannot hurt the check itself."""
    level: list[Any] = [value] if type(value) is dict or type(value) is list else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.", code="too-long")


def _check_names(data: bytes, written: bytes, where: tuple[str, ...]) -> None:
    """Refuses a name given twice: without the strings, a colon is left for each name."""
    sent, understood = _STRING.sub(b"", data), _STRING.sub(b"", written)
    if b"I" in understood or b"N" in understood:
        raise Malformed("A number is outside the range of a FHIR decimal.", code="value")
    if sent.count(b":") != understood.count(b":"):
        name = _repeated_name(data)
        raise Malformed(f"The property name '{name}' appears twice in one object: send it once.", expression=where)


def _check_strings(value: Any) -> None:
    """Refuses control characters: bare ones are no JSON, so this is asked only where an escape may hide one."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, str) and _CONTROL.search(item):
            raise Malformed(
                "A string holds a control character; FHIR allows tab, carriage return and line feed only.", code="value"
            )


def _repeated_name(data: bytes) -> str:
    """The first name that stands twice in one object."""
    found = ""

    def pairs(items: list[tuple[str, Any]]) -> None:
        nonlocal found
        seen: set[str] = set()
        for name, _ in items:
            if name in seen and not found:
                found = name
            seen.add(name)

    import json

    json.loads(data, object_pairs_hook=pairs)
    return found


def dumps(value: Any) -> bytes:
    """Encodes JSON compactly, decimals digit by digit."""
    return _encoder.encode(value)


def dumps_pretty(value: Any) -> bytes:
    """Encodes JSON for people, two blanks a level."""
    return msgspec.json.format(_encoder.encode(value), indent=2)


def canonical(resource: Resource) -> bytes:
    """Bytes that are equal exactly when two resources say the same (but for meta.versionId and meta.lastUpdated)."""
    meta = resource.get("meta")
    if isinstance(meta, dict):
        rest = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        resource = {name: value for name, value in resource.items() if name != "meta"}
        if rest:
            resource["meta"] = rest
    return _sorted_encoder.encode(resource)


# -- dates -----------------------------------------------------------------------------------------------------------

_DATE = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?"
)
_MIN = datetime(1, 1, 1, tzinfo=UTC)
_MAX = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open span of time [low, high), in UTC, to the millisecond."""

    low: datetime
    high: datetime


def interval(text: str, zone: timezone = UTC) -> Interval:
    """The span a FHIR date, dateTime or instant stands for: '2014-02' is all of February 2014.

    A time without a zone is read in `zone`. Milliseconds are the finest step; further digits are cut off.
    """
    match = _DATE.fullmatch(text)
    if not match:
        raise BadRequest(f"'{text}' is no FHIR date: write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz.")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        # A leap second reads as the last second of its minute: Python's clock has no 60.
        sec = min(int(second or 0), 59) if int(second or 0) <= 60 else int(second)
        millis = int(((fraction or "") + "000")[:3])
        low = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), sec, millis * 1000)
    except ValueError as error:
        raise BadRequest(f"'{text}' is no date of the calendar: {error}.") from None
    if month is None:
        high = low.replace(year=low.year + 1) if low.year < 9999 else None
    elif day is None:
        if low.month < 12:
            high = low.replace(month=low.month + 1)
        else:
            high = low.replace(year=low.year + 1, month=1) if low.year < 9999 else None
    else:
        if hour is None:
            step = timedelta(days=1)
        elif second is None:
            step = timedelta(minutes=1)
        elif fraction is None:
            step = timedelta(seconds=1)
        elif len(fraction) < 3:
            step = timedelta(milliseconds=10 ** (3 - len(fraction)))
        else:
            step = timedelta(milliseconds=1)
        try:
            high = low + step
        except OverflowError:
            high = None
    if offset and offset != "Z":
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        if minutes > 59 or hours * 60 + minutes > 14 * 60:
            raise BadRequest(f"'{text}' has no time zone of the world: they go from -14:00 to +14:00.")
        zone = timezone((-1 if offset[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))
    elif offset == "Z":
        zone = UTC
    return Interval(_utc(low, zone, _MIN), _utc(high, zone, _MAX) if high else _MAX)


def _utc(naive: datetime, zone: timezone, edge: datetime) -> datetime:
    try:
        return naive.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return edge


def instant(at: datetime) -> str:
    """A FHIR instant in UTC to the millisecond: 2014-02-01T10:00:00.000Z."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat("T", "milliseconds")[:-6] + "Z"


def now() -> datetime:
    """The present time in UTC, cut to the millisecond that MongoDB keeps."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def today() -> str:
    """Today's date in UTC, YYYY-MM-DD."""
    return date.fromtimestamp(datetime.now(UTC).timestamp()).isoformat()


# -- references ------------------------------------------------------------------------------------------------------

_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9\-.]{1,64}")
_REFERENCE = re.compile(
    r"(?P<base>(?:https?)://[^\s?#]+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)


def is_id(text: str) -> bool:
    """Whether `text` is a FHIR id: 1 to 64 of A-Z a-z 0-9 - and dot.

    '.' and '..' would be ids, but not in a URL, where they lead elsewhere.
    """
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class LiteralReference:
    """A literal reference taken apart: `base` is None for a relative one, else it ends in '/'."""

    type: str
    id: str
    version: str | None = None
    base: str | None = None

    @property
    def local(self) -> str:
        """Type/id."""
        return f"{self.type}/{self.id}"


def literal(reference: str) -> LiteralReference | None:
    """Takes 'Patient/7', 'Patient/7/_history/2' or an absolute URL of that shape apart; None for any other."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        return None
    return LiteralReference(match["type"], match["id"], match["version"], match["base"])
