"""A site that has a state or contacts of its own, as a study that is part of the whole.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.partOf
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.codes import SITE, STATUS, coded
from fhirserver.mappers.identity import digest, identifier, link, reference, slug
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.parties import Parties, person
from fhirserver.mappers.parts import Site
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]


def site_studies(
    trial: Trial, names: Naming, sites: Iterable[tuple[Site, Resource]], people: Parties, issues: list[Issue]
) -> list[Resource]:
    """The sites that say something of their own; who is to be asked there is added to `people`."""
    seen: Counter[str] = Counter()
    found = []
    for site, location in sites:
        # Where it is, and no more: a position found later leaves the study the same.
        place = "|".join(part or "" for part in (site.facility, site.city, site.state, site.zip, site.country))
        seen[place] += 1
        if site.status or site.contacts:
            id_ = f"{names.stem}-site-{slug(location['name'], 20)}-{digest(f'{place}|{seen[place]}')}"
            found.append(_study(trial, names, id_, site, location, people, issues))
    return found


def _study(
    trial: Trial, names: Naming, id_: str, site: Site, location: Resource, people: Parties, issues: list[Issue]
) -> Resource:
    whole = trial.title.value if trial.title else names.stem
    title = f"{whole} ({location['name']})"
    state = coded("research-study-status", STATUS, site.status, issues) if site.status else None
    study: Resource = {
        "resourceType": "ResearchStudy",
        "id": id_,
        "text": narrative(
            title,
            [
                ("Study", names.stem),
                ("Status", state["text"] if state else None),
                ("Contacts", [one.name for one in site.contacts]),
            ],
        ),
        "identifier": [identifier("ResearchStudy", id_)],
        "title": title,
        "partOf": [reference("ResearchStudy", names.stem, whole)],
        "status": "active",
        "site": [link(location, location["name"])],
    }
    if parties := [person(people, one, (SITE,), names, issues) for one in site.contacts]:
        study["associatedParty"] = parties
    if state:
        study["progressStatus"] = [{"state": state}]
    return study
