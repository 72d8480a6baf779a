"""Who takes part in a study: R4's sponsor, principal investigator and contacts are three views of R5's parties.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.associatedParty
"""

from __future__ import annotations

from typing import Any

from fhirserver.releases.crossing import PREFIX
from fhirserver.releases.parts import Node, Walk, unchanged
from fhirserver.releases.values import same

ROLES = "http://hl7.org/fhir/research-study-party-role"
_CONTACT = PREFIX["R4"] + "ResearchStudy.contact"
"""Keeps what a contact has beyond its name: R5's parties have no telecom."""

_SPONSORS = ("lead-sponsor", "sponsor")
_INVESTIGATORS = ("primary-investigator", "sponsor-investigator")
_CONTACTS = ("general-contact", "recruitment-contact", "study-chair", "study-director", "sub-investigator")


def views(form: Node, _old: Node, walk: Walk) -> Node:
    """The sponsor, the principal investigator and the contacts among the parties."""
    found = form.get("associatedParty", ())
    sponsor, investigator, contacts = _places(found)
    made: Node = {}
    if sponsor is not None:
        made["sponsor"] = walk("Reference", _reference(found[sponsor]))
    if investigator is not None:
        made["principalInvestigator"] = walk("Reference", _reference(found[investigator]))
    if contacts:
        made["contact"] = [_contact(found[at], walk) for at in contacts]
    return made


def parties(form: Node, old: Node, walk: Walk) -> Node:
    """The parties: those there were, with what was changed in the three views of them."""
    before = list(old.get("associatedParty", ()))
    sponsor, investigator, contacts = _places(before)
    made: list[Node | None] = list(before)
    for at, name, role in (
        (investigator, "principalInvestigator", _INVESTIGATORS[0]),
        (sponsor, "sponsor", _SPONSORS[0]),
    ):
        reference = walk("Reference", form[name]) if name in form else None
        if at is None:
            made[:0] = [] if reference is None else [_party(reference, role)]
            contacts = contacts if reference is None else [place + 1 for place in contacts]
            if reference is not None and sponsor is not None and name != "sponsor":
                sponsor += 1
        elif reference is None:
            made[at] = None
        elif not same(_reference(before[at]), reference):
            rest = {key: value for key, value in before[at].items() if key not in ("name", "party")}
            made[at] = rest | {key: value for key, value in _party(reference, role).items() if key != "role"}
    left = list(form.get("contact", ()))
    for place in contacts:
        at = next((at for at, one in enumerate(left) if same(one, _contact(made[place] or {}, unchanged))), None)
        if at is None:
            made[place] = None
        else:
            left.pop(at)
    made += [_from_contact(one, walk) for one in left]
    found = [one for one in made if one is not None]
    return {"associatedParty": found} if found else {}


def _places(found: Any) -> tuple[int | None, int | None, list[int]]:
    roles = [_role(one) for one in found]
    sponsor = next(
        (
            at
            for code in _SPONSORS
            for at, role in enumerate(roles)
            if role == code and _reference(found[at]) and not _is_person(found[at])
        ),
        None,
    )
    investigator = next(
        (
            at
            for code in _INVESTIGATORS
            for at, role in enumerate(roles)
            if role == code and _reference(found[at]) and _kind(found[at]) != "Organization"
        ),
        None,
    )
    contacts = [
        at
        for at, role in enumerate(roles)
        if (role in _CONTACTS or (role in _INVESTIGATORS and at != investigator)) and _named(found[at])
    ]
    return sponsor, investigator, contacts


def _role(party: Node) -> str:
    for coding in party.get("role", {}).get("coding", ()):
        if str(coding.get("system", ROLES)).rsplit("/", 1)[-1] == "research-study-party-role":
            return str(coding.get("code", ""))
    return ""


def _kind(party: Node) -> str:
    """The type of resource that a party's reference names, as far as the reference itself tells."""
    reference = party.get("party", {})
    if isinstance(reference.get("type"), str):
        return str(reference["type"])
    parts = str(reference.get("reference", "")).split("/")
    return parts[-2] if len(parts) > 1 else ""


def _is_person(party: Node) -> bool:
    return _kind(party) in ("Practitioner", "PractitionerRole")


def _reference(party: Node) -> Node:
    """The reference to a party, or its name as one."""
    found = party.get("party")
    if isinstance(found, dict) and found:
        return found
    return {"display": party["name"]} if "name" in party else {}


def _party(reference: Node, role: str) -> Node:
    made: Node = {"role": {"coding": [{"system": ROLES, "code": role}]}}
    if reference.keys() == {"display"}:
        return {"name": reference["display"]} | made
    return made | {"party": reference}


def _named(party: Node) -> str:
    name = party.get("name") or party.get("party", {}).get("display")
    return name if isinstance(name, str) else ""


def _contact(party: Node, walk: Walk) -> Node:
    for one in party.get("extension", ()):
        kept = one.get("valueContactDetail")
        if one.get("url") == _CONTACT and kept and kept.get("name", "") == party.get("name", ""):
            found: Node = walk("ContactDetail", kept)
            return found
    return {"name": _named(party)} if _named(party) else {}


def _from_contact(contact: Node, walk: Walk) -> Node:
    made: Node = {"name": contact["name"]} if "name" in contact else {}
    if contact.keys() != {"name"}:
        made["extension"] = [{"url": _CONTACT, "valueContactDetail": walk("ContactDetail", contact)}]
    return made | {"role": {"coding": [{"system": ROLES, "code": _CONTACTS[0]}]}}
