"""Sponsors and people of a study: Organization, Practitioner, PractitionerRole, and their part in the study.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.associatedParty
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.codes import (
    AGENCY,
    CENTRAL,
    OFFICIAL,
    PARTY_ROLE,
    PHONE_EXTENSION,
    RESPONSIBLE,
    coded,
    unknown,
    words,
)
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
    responsible = _responsible(made, trial.responsible)
    for one in trial.officials:
        parts: tuple[str, ...] = (OFFICIAL,)
        if responsible and _same(responsible, one):
            one, parts, responsible = responsible, (OFFICIAL, RESPONSIBLE), None
        _add(made, person(made, one, parts, names, issues))
    if responsible:
        _add(made, person(made, responsible, (RESPONSIBLE,), names, issues))
    for one in trial.contacts:
        _add(made, person(made, one, (CENTRAL,), names, issues))
    return made


def _responsible(made: Parties, responsible: Person | None) -> Person | None:
    """Who is responsible, unless that is the sponsor, who stands first and is marked."""
    if responsible is None or responsible.role != "SPONSOR" or responsible.name:
        return responsible
    for entry in made.associated[:1]:
        if entry["role"]["text"] == words("LEAD_SPONSOR"):
            entry.setdefault("classifier", []).append({"text": RESPONSIBLE})
            return None
    return responsible


def _same(one: Person, other: Person) -> bool:
    return (one.role, one.name, one.affiliation) == (other.role, other.name, other.affiliation)


def _add(made: Parties, entry: Resource) -> None:
    if entry not in made.associated:
        made.associated.append(entry)


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
    _add(made, _entry(role, name, resource, [classifier] if classifier else [], path, issues))


def _entry(
    role: str, name: str | None, resource: Resource | None, classifiers: list[Resource], path: str, issues: list[Issue]
) -> Resource:
    if role not in PARTY_ROLE:
        issues.append(unknown(Value(role, f"{path}.role")))
    entry: Resource = {"role": _concept(role)}
    if name:
        entry["name"] = name
    if classifiers:
        entry["classifier"] = classifiers
    if resource:
        entry["party"] = link(resource, name)
    return entry


def _concept(role: str) -> Resource:
    """The role in the registry's words, which are its own for each."""
    return coded("research-study-party-role", PARTY_ROLE, Value(role), []) | {"text": words(role)}


def person(made: Parties, one: Person, parts: tuple[str, ...], names: Naming, issues: list[Issue]) -> Resource:
    """Somebody's entry in ResearchStudy.associatedParty, with what else they are besides their role."""
    known = one.name or one.affiliation or one.phone or one.email
    role = _person(made, one, names) if known else None
    return _entry(one.role, one.name or None, role, [{"text": part} for part in parts], one.path, issues)


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
    told: tuple[str | None, ...] = (person.name, person.affiliation, person.email or person.phone)
    id_ = f"{names.stem}-{slug(kind)}-{digest('|'.join(each or '' for each in told))}"
    role = _role(made, person, kind, id_, names)
    known = made.resources.get(f"PractitionerRole/{id_}")
    if known is not None and known != role:
        told = (*told, person.phone, person.extension, person.title)
        id_ = f"{names.stem}-{slug(kind)}-{digest('|'.join(each or '' for each in told))}"
        role = _role(made, person, kind, id_, names)
    return _keep(made, role)


def _role(made: Parties, person: Person, kind: str, id_: str, names: Naming) -> Resource:
    role: Resource = {
        "resourceType": "PractitionerRole",
        "id": id_,
        "identifier": [identifier("PractitionerRole", id_)],
    }
    # A name with a title, and of nobody knows whom, is no person.
    if person.name and person.role != "RESPONSIBLE_PARTY":
        known = practitioner(person.name, person.affiliation or names.stem)
        role["practitioner"] = link(_keep(made, known), person.name)
    if person.affiliation:
        role["organization"] = link(_keep(made, organization(person.affiliation)), person.affiliation)
    role["code"] = [{"text": person.title} if person.title else _concept(person.role)]
    telecom = []
    if person.phone:
        telecom.append(phone(person.phone, person.extension))
    elif person.extension:
        telecom.append(phone("", person.extension))
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
    return role


def phone(number: str, more: str | None) -> Resource:
    """A telephone with its extension, which is also in the number that people read."""
    if not more:
        return {"system": "phone", "value": number}
    extension = {"url": PHONE_EXTENSION, "valueString": more}
    return {"system": "phone", "value": f"{number} ext. {more}".strip(), "_value": {"extension": [extension]}}
