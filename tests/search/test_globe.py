"""A circle's cells hold every point of it, wherever on the globe it lies."""

from __future__ import annotations

from math import cos, degrees, radians

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.search import globe
from fhirserver.search.globe import Circle

LATITUDES = st.one_of(st.floats(-90, 90), st.sampled_from([90.0, -90.0, 0.0, 89.999, 45.0]))
LONGITUDES = st.one_of(st.floats(-180, 180), st.sampled_from([180.0, -180.0, 0.0, 179.999]))
KILOMETRES = st.one_of(st.floats(0, 21_000), st.sampled_from([0.0, 0.1, 1.0, 5.0, 50.0, 500.0, 10_007.5, 20_015.1]))


@settings(max_examples=500, deadline=None)
@given(LATITUDES, LONGITUDES, KILOMETRES, st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_points_of_a_circle_lie_in_its_cells(lat: float, lon: float, km: float, up: float, aside: float) -> None:
    circle = Circle(lat, lon, km)
    reach = degrees(circle.angle)
    other_lat = min(90.0, max(-90.0, lat + up * reach))
    other_lon = (lon + aside * reach / max(0.01, cos(radians(lat))) + 180) % 360 - 180
    cells = globe.cover(circle)
    assert 0 < len(cells) <= 32
    if globe.within(circle, other_lat, other_lon):
        assert set(cells) & set(globe.cells(other_lat, other_lon))


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((52.52, 13.405), (48.8566, 2.3522), 877.5),  # Berlin, Paris
        ((0, 179.9), (0, -179.9), 22.24),
        ((90, 0), (90, 120), 0.0),
        ((-90, 0), (90, 0), 20015.1),
        ((42.2565, -83.69481), (42.2565, -83.69481), 0.0),
    ],
)
def test_known_distances(one: tuple[float, float], other: tuple[float, float], km: float) -> None:
    assert globe.angle(*one, *other) * globe.RADIUS_KM == pytest.approx(km, abs=0.1)


def test_a_small_circle_has_few_cells() -> None:
    assert len(globe.cover(Circle(48.1, 11.6, 50))) <= 16
    assert len(globe.cover(Circle(48.1, 11.6, 0.2))) <= 4
