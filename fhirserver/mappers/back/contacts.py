"""Whom to ask, and where the study runs: contactsLocationsModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ContactsLocationsModule
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back import parties
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import text_of
from fhirserver.mappers.back.status import state
from fhirserver.mappers.codes import CENTRAL, OFFICIAL, SITE
from fhirserver.mappers.location import place_of
from fhirserver.mappers.study_facts import TWICE


def module(found: Gathered) -> Resource:
    """Contacts, officials, places; a place's own state and contacts are those of the study that runs there."""
    study = found.study
    locations = sites(found)
    return {
        "centralContacts": [parties.contact(found, one) for one in parties.entries(study, part=CENTRAL)],
        "overallOfficials": [parties.official(found, one) for one in parties.entries(study, part=OFFICIAL)],
        "locations": locations,
        "locations_nested": locations if _twice(study) else None,
    }


def sites(found: Gathered) -> list[Resource]:
    """The places of the study, in its order."""
    children = {id(place): part for part in found.parts for place in found.all(part.get("site"))}
    return [_site(found, place, children.get(id(place))) for place in found.all(found.study.get("site"))]


def _site(found: Gathered, place: Resource, child: Resource | None) -> Resource:
    address = place.get("address", {})
    position = place.get("position", {})
    part: Resource = child or {}
    states = [one for one in part.get("progressStatus", ()) if "end" not in one.get("period", {})]
    return {
        "facility": place.get("name") if place.get("name") != place_of(address) else None,
        "status": state(states[0]) if states else None,
        "city": address.get("city"),
        "state": address.get("state"),
        "zip": address.get("postalCode"),
        "country": address.get("country"),
        "contacts": [parties.contact(found, one) for one in parties.entries(part, part=SITE)],
        "geoPoint": {"lat": position.get("latitude"), "lon": position.get("longitude")},
    }


def _twice(study: Resource) -> bool:
    """Whether the record lists its places a second time, as some collections of records have them."""
    return any(text_of(kind) == TWICE for one in study.get("relatedArtifact", ()) for kind in one.get("classifier", ()))
