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
    return None if node.empty else person


def _responsible(node: Node) -> Person | None:
    kind = node.line("type")
    if kind is None:
        # The old form does not say what they are who are meant by it.
        name, at = node.line("oldNameTitle"), node.line("oldOrganization")
        return Person(name or "", "RESPONSIBLE_PARTY", at, path=node.path) if name or at else None
    return Person(
        node.line("investigatorFullName") or "",
        kind,
        node.line("investigatorAffiliation"),
        node.line("investigatorTitle"),
        path=node.path,
    )


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
        status=node.title("status"),
        contacts=tuple(person for each in node.children("contacts") if (person := _person(each))),
        path=node.path,
    )
