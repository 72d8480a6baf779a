"""Points on the globe: distances, and the cells of a grid that a circle touches.

A grid has square cells of so many degrees; a point lies in one cell of every grid, and a circle is covered by few cells
of the grid that suits its size. Distances are great circles on a sphere of the earth's mean radius, within half a
percent of WGS84's. https://en.wikipedia.org/wiki/Great-circle_distance
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, asin, ceil, cos, degrees, floor, pi, radians, sin, sqrt

RADIUS_KM = 6371.0088
HALFWAY_KM = RADIUS_KM * pi
"""The distance between opposite points: no two are farther apart."""

GRIDS = (2, 4, 6, 8, 10, 12, 14)
"""Each has cells of 180 / 2ⁿ degrees: from 45° (5,000 km) to 0.011° (1.2 km)."""

_CELLS = 16
"""Cells that cover a circle, at most, where a coarser grid is left."""

_SLACK = 1e-9
"""Degrees added to each side of a circle's box, a tenth of a millimetre, against rounding."""


@dataclass(frozen=True, slots=True)
class Circle:
    """All within `km` of a point in degrees."""

    latitude: float
    longitude: float
    km: float

    @property
    def angle(self) -> float:
        """The radius as seen from the centre of the earth, in radians."""
        return min(self.km, HALFWAY_KM) / RADIUS_KM


def angle(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The angle between two points, in radians: the haversine formula, exact for near points and good for far ones."""
    one, other = radians(latitude), radians(other_latitude)
    across = radians(other_longitude - longitude)
    half = sin((other - one) / 2) ** 2 + cos(one) * cos(other) * sin(across / 2) ** 2
    if half > 0.5:  # beyond a quarter of the globe the cosine is the better conditioned
        return acos(max(-1.0, sin(one) * sin(other) + cos(one) * cos(other) * cos(across)))
    return 2 * asin(sqrt(half))


def within(circle: Circle, latitude: float, longitude: float) -> bool:
    """Whether a point lies in a circle."""
    return circle.km >= HALFWAY_KM or angle(circle.latitude, circle.longitude, latitude, longitude) <= circle.angle


def cells(latitude: float, longitude: float) -> list[str]:
    """The cell of each grid that a point lies in."""
    return [_name(grid, _row(grid, latitude), _column(grid, longitude)) for grid in GRIDS]


def cover(circle: Circle) -> list[str]:
    """Cells of one grid that together hold a circle."""
    found: list[str] = []
    for grid in GRIDS:
        finer = _cover(grid, circle)
        if found and len(finer) > _CELLS:
            return found
        found = finer
    return found


def _cover(grid: int, circle: Circle) -> list[str]:
    reach = degrees(circle.angle) + _SLACK
    south, north = circle.latitude - reach, circle.latitude + reach
    rows = range(_row(grid, max(south, -90.0)), _row(grid, min(north, 90.0)) + 1)
    columns = 2 << grid
    if south <= -90 or north >= 90:
        # The circle holds a pole, around which all longitudes lie.
        chosen = range(columns)
    else:
        # Meridians meet towards the poles: a circle is widest a little beyond its own latitude.
        aside = degrees(asin(min(1.0, sin(radians(reach)) / cos(radians(circle.latitude))))) + _SLACK
        size = _size(grid)
        first = floor((circle.longitude - aside + 180) / size)
        last = ceil((circle.longitude + aside + 180) / size)
        chosen = range(first, min(last, first + columns - 1) + 1)
    if len(rows) * len(chosen) > 64:
        return [""] * (_CELLS + 1)
    return list(dict.fromkeys(_name(grid, row, column % columns) for row in rows for column in chosen))


def _size(grid: int) -> float:
    return 180 / (1 << grid)


def _row(grid: int, latitude: float) -> int:
    return min(floor((latitude + 90) / _size(grid)), (1 << grid) - 1)


def _column(grid: int, longitude: float) -> int:
    return floor((longitude + 180) / _size(grid)) % (2 << grid)


def _name(grid: int, row: int, column: int) -> str:
    return f"{grid}:{row}:{column}"
