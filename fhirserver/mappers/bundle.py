"""One record as one transaction Bundle that may be sent again and again.

https://hl7.org/fhir/R5/http.html#transaction. What the record says is a conditional update. Rosters, which enrolment
fills, and the Provenance, which belongs to one reading, are conditional creates: they are never written over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from fhirserver import __version__
from fhirserver.errors import Issue
from fhirserver.fhirjson import instant, now
from fhirserver.mappers import group, more
from fhirserver.mappers.activity_definition import activities
from fhirserver.mappers.earlier import in_r4
from fhirserver.mappers.evidence_variable import exposures, outcomes
from fhirserver.mappers.identity import full_url, link
from fhirserver.mappers.location import placed
from fhirserver.mappers.naming import Naming, naming
from fhirserver.mappers.parties import parties
from fhirserver.mappers.plan_definition import protocol
from fhirserver.mappers.provenance import provenance
from fhirserver.mappers.research_study import research_study
from fhirserver.mappers.results.resources import Posted, posted
from fhirserver.mappers.site_study import site_studies
from fhirserver.mappers.trial import Reading, Trial
from fhirserver.resources.registry import Release

Resource = dict[str, Any]

_PLAIN = re.compile(r"[\w.:/~-]*", re.ASCII)

SOFTWARE = f"fhirserver {__version__}"


def transaction(reading: Reading, release: Release = "R5", at: str | None = None) -> tuple[Resource, tuple[Issue, ...]]:
    """The Bundle, and what reading and mapping could not place. `at` is the instant of the import, now if none."""
    issues = list(reading.issues)
    trial = reading.trial
    names = naming(reading)
    people = parties(trial, names, issues)
    sites = placed(trial.sites)
    parts = site_studies(trial, names, sites, people, issues)
    study = research_study(trial, names, people.associated, [place for _, place in sites], issues)
    results = _results(trial, names)
    if results:
        study["result"] = [link(results.report)]
    written = [
        study,
        group.eligibility(trial, names, issues),
        protocol(trial, names),
        *activities(trial, names),
        *exposures(trial, names),
        *outcomes(trial, names),
        *people.resources.values(),
        *(place for _, place in sites),
        *parts,
        *((*results.resources, results.report) if results else ()),
    ]
    more.add(written, trial, names, issues)
    rosters = group.rosters(trial, names)
    source = provenance(reading, names, [*written, *rosters], at or instant(now()), SOFTWARE)
    entries = [
        *(_update(resource) for resource in written),
        *(_create(roster, _criteria(roster)) for roster in rosters),
        _create(source, f"_id={source['id']}"),
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    if release == "R4":
        bundle, missing = in_r4(bundle)
        issues += missing
    return bundle, tuple(_once(issues))


def _results(trial: Trial, names: Naming) -> Posted | None:
    if trial.results is None:
        return None
    planned = {(one.kind, one.measure): names.outcome(position) for position, one in enumerate(trial.outcomes)}
    return posted(names.stem, trial.title.value if trial.title else names.stem, trial.results, planned)


def _once(issues: Iterable[Issue]) -> Iterable[Issue]:
    return dict.fromkeys(issues)


def _criteria(resource: Resource) -> str:
    known = resource["identifier"]
    # Of an ObservationDefinition there is but one.
    every = known if isinstance(known, list) else [known]
    first = next((one for one in every if one.get("use") == "official"), every[0])
    return f"identifier={_quoted(first['system'])}%7C{_quoted(first['value'])}"


def _quoted(text: str) -> str:
    # Of twenty thousand identifiers one in a hundred needs it.
    return text if _PLAIN.fullmatch(text) else quote(text, safe=":/")


def _update(resource: Resource) -> Resource:
    kind = resource["resourceType"]
    return {
        "fullUrl": full_url(kind, resource["id"]),
        "resource": resource,
        "request": {"method": "PUT", "url": f"{kind}?{_criteria(resource)}"},
    }


def _create(resource: Resource, criteria: str) -> Resource:
    kind = resource["resourceType"]
    return {
        "fullUrl": full_url(kind, resource["id"]),
        "resource": resource,
        "request": {"method": "POST", "url": kind, "ifNoneExist": criteria},
    }
