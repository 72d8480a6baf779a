"""Sponsors and people of a study: Organization, Practitioner, PractitionerRole, and their part in the study.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.associatedParty
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.codes import AGENCY, PARTY_ROLE, coded, words
from fhirserver.mappers.identity import digest, hashed, identifier, link, slug
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.parts import Party, Person, Value
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]


@dataclass(slots=True)
class Parties:
    """The resources of everybody named, each once, and the entries of ResearchStudy.associatedParty."""

    resources: dict[str, Resource] = field(default_factory=dict)
    associated: list[Resource] = field(default_factory=list)


def parties(trial: Trial, names: Naming, issues: list[Issue]) -> Parties:
    """Everybody named in the record, sponsors first."""
    made = Parties()
    sponsors = [("LEAD_SPONSOR", trial.sponsor), ("SPONSOR", trial.organisation)]
    sponsors += [("COLLABORATOR", one) for one in trial.collaborators]
    for role, party in sponsors:
        if party:
            organisation = _keep(made, organization(party.name))
            _associate(made, role, party.name, organisation, _agency(party, issues), party.path, issues)
    if not any(party.agency for _, party in sponsors if party):
        # The record names the kinds of funders without saying which sponsor is of which kind.
        for funder in trial.funders:
            kind = coded("research-study-party-organization-type", AGENCY, funder, issues)
            _associate(made, "FUNDER", None, None, kind, funder.path, issues)
    people = list(trial.officials)
    if trial.responsible and not any(_same(trial.responsible, one) for one in people):
        people.append(trial.responsible)
    for person in (*people, *trial.contacts):
        if trial.responsible and person.title is None and _same(trial.responsible, person):
            person = trial.responsible
        role_of = _person(made, person, names)
        _associate(made, person.role, person.name or None, role_of, None, person.path, issues)
    return made


def _same(one: Person, other: Person) -> bool:
    return one.role == other.role and one.name.casefold() == other.name.casefold()


def _keep(made: Parties, resource: Resource) -> Resource:
    return made.resources.setdefault(f"{resource['resourceType']}/{resource['id']}", resource)


def _agency(party: Party, issues: list[Issue]) -> Resource | None:
    if not party.agency:
        return None
    return coded("research-study-party-organization-type", AGENCY, Value(party.agency, f"{party.path}.class"), issues)


def _associate(
    made: Parties,
    role: str,
    name: str | None,
    resource: Resource | None,
    classifier: Resource | None,
    path: str,
    issues: list[Issue],
) -> None:
    part = coded("research-study-party-role", PARTY_ROLE, Value(role, f"{path}.role"), issues)
    part["text"] = words(role)
    entry: Resource = {"role": part}
    if name:
        entry["name"] = name
    if classifier:
        entry["classifier"] = [classifier]
    if resource:
        entry["party"] = link(resource, name)
    if entry not in made.associated:
        made.associated.append(entry)


def organization(name: str) -> Resource:
    """An organisation, the same in every study: only its name is known of it."""
    id_ = hashed(name, name)
    return {
        "resourceType": "Organization",
        "id": id_,
        "text": narrative(name),
        "identifier": [identifier("Organization", id_)],
        "name": name,
    }


def practitioner(name: str, where: str) -> Resource:
    """A person. Two of one name are the same only at the same organisation, or in the same study."""
    id_ = hashed(name, f"{name}|{where}")
    return {
        "resourceType": "Practitioner",
        "id": id_,
        "text": narrative(name, [("Known from", where)]),
        "identifier": [identifier("Practitioner", id_)],
        "name": [{"text": name}],
    }


def _person(made: Parties, person: Person, names: Naming) -> Resource:
    """The role of a person in the study; it holds what may be said of them there and not elsewhere."""
    kind = words(person.role)
    said = "|".join((person.name, person.affiliation or "", person.email or person.phone or ""))
    id_ = f"{names.stem}-{slug(kind)}-{digest(said)}"
    role: Resource = {
        "resourceType": "PractitionerRole",
        "id": id_,
        "identifier": [identifier("PractitionerRole", id_)],
    }
    if person.name:
        known = practitioner(person.name, person.affiliation or names.stem)
        role["practitioner"] = link(_keep(made, known), person.name)
    if person.affiliation:
        role["organization"] = link(_keep(made, organization(person.affiliation)), person.affiliation)
    role["code"] = [{"text": person.title or kind}]
    telecom = []
    if person.phone:
        phone = f"{person.phone} ext. {person.extension}" if person.extension else person.phone
        telecom.append({"system": "phone", "value": phone})
    if person.email:
        telecom.append({"system": "email", "value": person.email})
    if telecom:
        role["contact"] = [{"telecom": telecom}]
    role["text"] = narrative(
        f"{person.title or kind} of {names.stem}",
        [
            ("Name", person.name),
            ("Organisation", person.affiliation),
            ("Contact", [one["value"] for one in telecom]),
        ],
    )
    return _keep(made, role)
