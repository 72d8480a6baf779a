"""Sponsors, people and sites of a ClinicalTrials.gov study.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#SponsorCollaboratorsModule
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.mappers.parts import Party, Person, Site
from fhirserver.mappers.readers.node import Node


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody named in the record."""

    organisation: Party | None
    sponsor: Party | None
    collaborators: tuple[Party, ...]
    responsible: Person | None
    officials: tuple[Person, ...]
    contacts: tuple[Person, ...]
    sites: tuple[Site, ...]


def read(protocol: Node) -> Parties:
    """Everybody named in the protocol section."""
    names = protocol.child("identificationModule")
    sponsors = protocol.child("sponsorCollaboratorsModule")
    places = protocol.child("contactsLocationsModule")
    collaborators = [_party(node, "name") for node in sponsors.children("collaborators")]
    officials = [_person(node) for node in places.children("overallOfficials")]
    contacts = [_person(node) for node in places.children("centralContacts")]
    return Parties(
        organisation=_party(names.child("organization"), "fullName"),
        sponsor=_party(sponsors.child("leadSponsor"), "name"),
        collaborators=tuple(party for party in collaborators if party),
        responsible=_responsible(sponsors.child("responsibleParty")),
        officials=tuple(person for person in officials if person),
        contacts=tuple(person for person in contacts if person),
        sites=tuple(_site(node) for node in places.children("locations")),
    )


def _party(node: Node, name: str) -> Party | None:
    value = node.line(name)
    agency = node.line("class")
    return Party(value, agency, node.path) if value else None


def _person(node: Node) -> Person | None:
    name = node.line("name")
    person = Person(
        name or "",
        node.line("role") or "CONTACT",
        affiliation=node.line("affiliation"),
        phone=node.line("phone"),
        extension=node.line("phoneExt"),
        email=node.line("email"),
        path=node.path,
    )
    return person if name or person.phone or person.email else None


def _responsible(node: Node) -> Person | None:
    # The old form (oldNameTitle, oldOrganization) does not say who is meant by it, and is reported.
    kind = node.line("type")
    name = node.line("investigatorFullName")
    affiliation = node.line("investigatorAffiliation")
    title = node.line("investigatorTitle")
    if not name or kind not in ("PRINCIPAL_INVESTIGATOR", "SPONSOR_INVESTIGATOR"):
        return None
    return Person(name, kind, affiliation, title, path=node.path)


def _site(node: Node) -> Site:
    point = node.child("geoPoint")
    return Site(
        facility=node.line("facility"),
        city=node.line("city"),
        state=node.line("state"),
        zip=node.line("zip"),
        country=node.line("country"),
        latitude=point.number("lat"),
        longitude=point.number("lon"),
        path=node.path,
    )
