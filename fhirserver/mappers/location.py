"""A site of a study as a Location; a place in two studies is one Location.

https://hl7.org/fhir/R5/location.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fhirserver.mappers.identity import hashed, identifier
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.parts import Site

Resource = dict[str, Any]


def locations(sites: Iterable[Site]) -> list[Resource]:
    """One Location a site. A place that a record names twice stands twice: the number of sites is a fact."""
    seen: Counter[Site] = Counter()
    found = []
    for site in sites:
        seen[site] += 1
        if location := _location(site, seen[site]):
            found.append(location)
    return found


def _location(site: Site, number: int) -> Resource | None:
    place = [part for part in (site.city, site.state, site.zip, site.country) if part]
    name = site.facility or ", ".join(place)
    if not name:
        return None
    # All that is said of a place is in its id, so that one id never has two contents.
    said = "|".join(
        str(part or "") for part in (name, site.city, site.state, site.zip, site.country, site.latitude, site.longitude)
    )
    id_ = hashed(name, said) + (f"-{number}" if number > 1 else "")
    address = {
        key: value
        for key, value in (
            ("city", site.city),
            ("state", site.state),
            ("postalCode", site.zip),
            ("country", site.country),
        )
        if value
    }
    location: Resource = {
        "resourceType": "Location",
        "id": id_,
        "text": narrative(name, [("Place", ", ".join(place) or None)]),
        "identifier": [identifier("Location", id_)],
        "name": name,
        "mode": "instance",
    }
    if address:
        location["address"] = address
    if site.latitude is not None and site.longitude is not None:
        location["position"] = {"longitude": site.longitude, "latitude": site.latitude}
    return location
