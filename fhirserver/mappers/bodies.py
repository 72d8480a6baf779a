"""Organisations of a study with all that its record says of them: numbers, kinds, addresses, whom to ask.

https://hl7.org/fhir/R5/organization.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirserver.errors import Issue
from fhirserver.fhirjson import dumps
from fhirserver.mappers.codes import PARTY_ROLE, coded, words
from fhirserver.mappers.concepts import codeable
from fhirserver.mappers.identity import hashed, identifier, link
from fhirserver.mappers.more_parts import Address, Body, Number, Reach
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.parts import Value

Resource = dict[str, Any]


def add_bodies(resources: list[Resource], study: Resource, bodies: Iterable[Body], issues: list[Issue]) -> None:
    """Adds each body to the study's parties; one that stands there by its name alone is given the rest."""
    parties: list[Resource] = study.setdefault("associatedParty", [])
    known = {one["id"] for one in resources if one["resourceType"] == "Organization"}
    for body in bodies:
        if not body.name:
            parties.append(_unnamed(body, issues))
            continue
        made = organization(body)
        if made["id"] not in known:
            known.add(made["id"])
            resources.append(made)
        entry: Resource = {"role": _role(body, issues), "name": body.name}
        if body.kinds:
            entry["classifier"] = [codeable(kind) for kind in body.kinds]
        entry["party"] = link(made, body.name)
        same = next((one for one in parties if _is(one, body)), None)
        if same is None:
            parties.append(entry)
        else:
            _drop(resources, study, same)
            same.update(entry | {"classifier": [*same.get("classifier", ()), *entry.get("classifier", ())]})
            if not same["classifier"]:
                del same["classifier"]
    if not parties:
        del study["associatedParty"]


def _role(body: Body, issues: list[Issue]) -> Resource:
    role = coded("research-study-party-role", PARTY_ROLE, Value(body.role, body.path), issues) if body.role else {}
    text = "; ".join(part for part in (words(body.role) if body.role else None, body.part) if part)
    return role | {"text": text or "Organisation"}


def _unnamed(body: Body, issues: list[Issue]) -> Resource:
    """Somebody of whom the record gives a number and nothing else: a link by that number."""
    numbers = [_number(number) for number in body.numbers[:1]]
    return {"role": _role(body, issues), **({"party": {"identifier": numbers[0]}} if numbers else {})}


def _number(number: Number) -> Resource:
    found: Resource = {"type": {"text": number.type}} if number.type else {}
    if number.system:
        found["system"] = number.system
    return found | {"value": number.value}


def _is(entry: Resource, body: Body) -> bool:
    return bool(body.role) and entry.get("name") == body.name and entry["role"].get("text") == words(body.role or "")


def _drop(resources: list[Resource], study: Resource, entry: Resource) -> None:
    """Takes away an Organization of the name alone that nothing else refers to."""
    url = entry.pop("party", {}).get("reference")
    if url is None or any(one.get("party", {}).get("reference") == url for one in study["associatedParty"]):
        return
    others = (one for one in resources if one["resourceType"] in ("PractitionerRole", "ResearchStudy"))
    if any(url.encode() in dumps(one) for one in others if one is not study):
        return
    for position, one in enumerate(resources):
        if one["resourceType"] == "Organization" and link(one)["reference"] == url:
            del resources[position]
            return


def organization(body: Body) -> Resource:
    """The organisation. All that is said of it is in its id, so that one id never has two contents."""
    said = dumps(
        [
            body.name,
            [[one.value, one.type] for one in body.numbers],
            [one.display for one in body.kinds],
            list(body.aliases),
            [_contact(one) for one in body.reach],
            body.active,
            body.description,
        ]
    ).decode()
    id_ = hashed(body.name, said)
    found: Resource = {
        "resourceType": "Organization",
        "id": id_,
        "text": narrative(
            body.name,
            [
                ("Also known as", list(body.aliases)),
                ("Kind", [one.display for one in body.kinds]),
                ("Numbers", [one.value for one in body.numbers]),
            ],
        ),
        "identifier": [identifier("Organization", id_)],
    }
    found["identifier"] += [_number(number) for number in body.numbers]
    if body.active is not None:
        found["active"] = body.active
    if body.kinds:
        found["type"] = [codeable(kind) for kind in body.kinds]
    found["name"] = body.name
    if body.aliases:
        found["alias"] = list(body.aliases)
    if body.description:
        found["description"] = body.description
    if contacts := [contact for one in body.reach if (contact := _contact(one))]:
        found["contact"] = contacts
    return found


def _contact(reach: Reach) -> Resource:
    found: Resource = {}
    if reach.purpose:
        found["purpose"] = {"text": reach.purpose}
    if reach.name:
        found["name"] = [{"text": reach.name}]
    telecom = [{"system": "phone", "value": one} for one in reach.phones]
    telecom += [{"system": "fax", "value": reach.fax}] if reach.fax else []
    telecom += [{"system": "email", "value": one} for one in reach.emails]
    telecom += [{"system": "url", "value": one} for one in reach.urls]
    if telecom:
        found["telecom"] = telecom
    if reach.address and (address := postal(reach.address)):
        found["address"] = address
    return found


def postal(address: Address) -> Resource:
    """An Address."""
    parts: list[tuple[str, Any]] = [
        ("text", address.text),
        ("line", list(address.lines)),
        ("city", address.city),
        ("district", address.district),
        ("state", address.state),
        ("postalCode", address.zip),
        ("country", address.country),
    ]
    return {name: value for name, value in parts if value}
