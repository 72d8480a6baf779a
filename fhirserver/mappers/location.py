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


def placed(sites: Iterable[Site]) -> list[tuple[Site, Resource]]:
    """Each site with its Location. A place that a record names twice stands twice: the number of sites is a fact."""
    seen: Counter[str] = Counter()
    found = []
    for site in sites:
        if id_ := _id(site):
            seen[id_] += 1
            found.append((site, _location(site, f"{id_}-{seen[id_]}" if seen[id_] > 1 else id_)))
    return found


def place_of(address: Resource) -> str | None:
    """'Ulm, Germany': the name of a place that has no other."""
    parts = (address.get(name) for name in ("city", "state", "postalCode", "country"))
    return ", ".join(part for part in parts if part) or None


def _address(site: Site) -> Resource:
    parts = (("city", site.city), ("state", site.state), ("postalCode", site.zip), ("country", site.country))
    lines = {"line": list(site.lines)} if site.lines else {}
    return lines | {name: value for name, value in parts if value}


def _id(site: Site) -> str | None:
    """All that is said of a place is in its id, so that one id never has two contents."""
    name = site.facility or place_of(_address(site))
    if not name:
        return None
    said = (name, site.city, site.state, site.zip, site.country, site.latitude, site.longitude)
    more = (*site.lines, site.number or "") if site.lines or site.number else ()
    return hashed(name, "|".join(str(part or "") for part in (*said, *more)))


def _location(site: Site, id_: str) -> Resource:
    address = _address(site)
    place = place_of(address)
    name = site.facility or place or ""
    location: Resource = {
        "resourceType": "Location",
        "id": id_,
        "text": narrative(name, [("Place", place)]),
        "identifier": [identifier("Location", id_), *([{"value": site.number}] if site.number else [])],
        "name": name,
        "mode": "instance",
    }
    if address:
        location["address"] = address
    if site.latitude is not None and site.longitude is not None:
        location["position"] = {"longitude": site.longitude, "latitude": site.latitude}
    return location
