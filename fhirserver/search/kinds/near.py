"""near: places within a distance of a point.

Postings: code|cell for the cells of search/globe.py that a position lies in; f[code] holds [longitude, latitude], which
a search tests exactly. https://hl7.org/fhir/R5/location.html#search
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.search import escapes, globe, ucum
from fhirserver.search.globe import Circle
from fhirserver.search.kinds import terms
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ()
CODE = "near"
DEFAULT_KM = 50
"""How far away is near, where a search does not say."""

_LEAST_KM = 1e-6
"""A millimetre: by rounding a circle without a radius may not hold its own centre."""

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,40})?([eE][+-]?\d{1,2})?")


@dataclass(frozen=True, slots=True)
class Near:
    """Within a circle."""

    circle: Circle


Test = Near


def searches(parameter: Parameter) -> bool:
    """Whether a parameter is one of places."""
    return parameter.kind == "special" and parameter.called == CODE


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value: latitude|longitude, with |distance and |units if wanted."""
    parts = [escapes.plain(part, given).strip() for part in escapes.split(value, "|")]
    if not 2 <= len(parts) <= 4 or (len(parts) == 4 and parts[3] and not parts[2]):
        raise BadRequest(
            f"'{parameter.called}' is written latitude|longitude|distance|units, as in 42.25|-83.69|11.2|km; distance "
            "and units may be left out.",
            expression=given,
        )
    latitude = _degrees(parts[0], 90, "latitude", given)
    longitude = _degrees(parts[1], 180, "longitude", given)
    written = parts[2] if len(parts) > 2 else ""
    distance = _number(written) if written else Decimal(DEFAULT_KM)
    if distance is None or distance < 0:
        raise BadRequest(f"'{written}' is no distance: give a number from 0 on, or leave it out.", expression=given)
    units = parts[3] if len(parts) > 3 and parts[3] else "km"
    metre = ucum.unit(units)
    if metre is None or metre.name != "m":
        raise BadRequest(
            f"'{units}' is no unit of length: give one of UCUM's, such as km, m, [mi_i], [mi_us] or [nmi_i].",
            expression=given,
        )
    km = float(metre.base(distance)) / 1000
    return Near(Circle(latitude, longitude, max(_LEAST_KM, min(km, globe.HALFWAY_KM))))


def _degrees(written: str, most: int, name: str, given: str) -> float:
    found = _number(written)
    if found is None or abs(found) > most:
        raise BadRequest(f"'{written}' is no {name}: give degrees from -{most} to {most}.", expression=given)
    return float(found)


def _number(written: str) -> Decimal | None:
    return Decimal(written) if _NUMBER.fullmatch(written) else None


def point(value: Any) -> tuple[float, float] | None:
    """(latitude, longitude) of a position; None where it is none on the globe."""
    if not isinstance(value, dict):
        return None
    latitude, longitude = _within(value.get("latitude"), 90), _within(value.get("longitude"), 180)
    return None if latitude is None or longitude is None else (latitude, longitude)


def _within(value: Any, most: int) -> float | None:
    if not isinstance(value, int | Decimal) or isinstance(value, bool) or not -most <= value <= most:
        return None
    return float(value)


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, prefix = parameter.code, f"{parameter.code}|"

    def index(value: Any, sink: Sink) -> None:
        found = point(value)
        if found:
            latitude, longitude = found
            sink.t += [prefix + cell for cell in globe.cells(latitude, longitude)]
            sink.f[code] = [longitude, latitude]

    return index


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test: the cells are read from the postings, the circle decides."""
    circle = test.circle
    if circle.km >= globe.HALFWAY_KM:
        return terms.present(code)
    sphere = {"$centerSphere": [[circle.longitude, circle.latitude], circle.angle]}
    return {"$and": [_cells(code, test), {f"f.{code}": {"$geoWithin": sphere}}]}


def spans(code: str, test: Test) -> tuple[terms.Span, ...] | None:
    """The parts of the postings that hold all that a test may find."""
    if test.circle.km >= globe.HALFWAY_KM:
        return terms.spans(terms.present(code))
    return terms.spans(_cells(code, test))


def _cells(code: str, test: Test) -> Filter:
    return {"t": {"$in": [f"{code}|{cell}" for cell in globe.cover(test.circle)]}}


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    found = point(value)
    return found is not None and globe.within(test.circle, *found)
