"""Sponsors and people: sponsorCollaboratorsModule, and who is to be asked.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#SponsorCollaboratorsModule
"""

from __future__ import annotations

from collections.abc import Iterable

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import code_of, text_of, unworded
from fhirserver.mappers.codes import AGENCY, PARTY_ROLE, PHONE_EXTENSION, RESPONSIBLE


def module(found: Gathered) -> Resource:
    """Who is responsible, who sponsors, who works with them."""
    return {
        "responsibleParty": _responsible(found),
        "leadSponsor": organisation(found, "LEAD_SPONSOR"),
        "collaborators": [_agency(one, "name") for one in entries(found.study, role="COLLABORATOR")],
    }


def entries(study: Resource, *, role: str | None = None, part: str | None = None) -> list[Resource]:
    """The associated parties of a registry role, or with a part such as 'Central contact'."""
    return [
        one
        for one in study.get("associatedParty", ())
        if (role is None or role_of(one) == role) and (part is None or part in parts(one))
    ]


def parts(entry: Resource) -> list[str]:
    """The words of a party's classifiers."""
    return [said for one in entry.get("classifier", ()) if (said := text_of(one))]


def role_of(entry: Resource) -> str | None:
    """The registry's code of a party's role."""
    said = text_of(entry.get("role"))
    return unworded(said) if said else code_of(entry.get("role"), PARTY_ROLE)


def organisation(found: Gathered, role: str, name: str = "name") -> Resource | None:
    """The organisation in a role, its name under `name`."""
    return next((_agency(one, name) for one in entries(found.study, role=role)), None)


def _agency(entry: Resource, name: str) -> Resource:
    kinds = [one for one in entry.get("classifier", ()) if text_of(one) != RESPONSIBLE]
    return {name: entry.get("name"), "class": code_of(kinds[0], AGENCY) if kinds else None}


def _responsible(found: Gathered) -> Resource | None:
    entry = next(iter(entries(found.study, part=RESPONSIBLE)), None)
    if entry is None:
        return None
    role = role_of(entry)
    if role == "LEAD_SPONSOR":
        return {"type": "SPONSOR"}
    person = found.get(entry.get("party")) or {}
    if role == "RESPONSIBLE_PARTY":
        return {"oldNameTitle": entry.get("name"), "oldOrganization": _at(person)}
    # A code of its own stands for the role alone.
    title = next((text_of(one) for one in person.get("code", ()) if "coding" not in one), None)
    return {
        "type": role,
        "investigatorFullName": entry.get("name"),
        "investigatorTitle": title,
        "investigatorAffiliation": _at(person),
    }


def official(found: Gathered, entry: Resource) -> Resource:
    """One of overallOfficials."""
    person = found.get(entry.get("party")) or {}
    return {"name": entry.get("name"), "affiliation": _at(person), "role": role_of(entry)}


def contact(found: Gathered, entry: Resource) -> Resource:
    """One of centralContacts, or of a site's contacts."""
    person = found.get(entry.get("party")) or {}
    ways = (telecom for each in person.get("contact", ()) for telecom in each.get("telecom", ()))
    return {"name": entry.get("name"), "role": role_of(entry)} | reached(ways)


def reached(ways: Iterable[Resource]) -> Resource:
    """How somebody is reached: telephone with its extension, mail."""
    told: Resource = {}
    for one in ways:
        value = one.get("value", "")
        if one.get("system") == "email":
            told["email"] = value
        elif one.get("system") == "phone":
            extensions = one.get("_value", {}).get("extension", ())
            more: Resource = next((each for each in extensions if each.get("url") == PHONE_EXTENSION), {})
            told["phoneExt"] = more.get("valueString")
            told["phone"] = value.removesuffix(f"ext. {told['phoneExt']}").rstrip() if more else value
    return told


def _at(person: Resource) -> str | None:
    found = person.get("organization", {}).get("display")
    return found if isinstance(found, str) else None
