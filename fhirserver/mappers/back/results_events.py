"""adverseEventsModule and moreInfoModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#AdverseEventsModule
"""

from __future__ import annotations

import re

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.parties import reached
from fhirserver.mappers.back.report import Statistic, Table, groups, report, section, statistics, tables, time_frame
from fhirserver.mappers.back.shape import after, markup, notes, text_of
from fhirserver.mappers.results.events import ASSESSMENTS, COMMENT, EVENT, THRESHOLD, TOTAL, UNNAMED, VOCABULARY
from fhirserver.mappers.results.report import (
    AGREEMENT,
    AGREEMENT_SECTION,
    EMPLOYEE,
    EVENTS_SECTION,
    LIMITATIONS,
    ORGANISATION,
    RESTRICTIONS,
    RESTRICTIVE,
)
from fhirserver.mappers.results.words import of

_ID = re.compile(r"(e\d+)(?:n\d+)?")


def module(found: Gathered) -> Resource:
    """What harm was seen: deaths, serious events, others."""
    kinds = tables(found, EVENTS_SECTION)
    if len(kinds) != len(_PREFIXES):
        return {}
    deaths, serious, other = kinds
    told = {str(group["id"]): group for group in groups(found, serious.found)}
    for prefix, kind in zip(_PREFIXES, kinds, strict=True):
        for one in statistics(kind.found):
            if one.id == TOTAL:
                told.setdefault(str(one.group), {"id": one.group}).update(
                    {
                        f"{prefix}NumAffected": one.said.get("numberAffected"),
                        f"{prefix}NumAtRisk": one.said.get("sampleSize", {}).get("knownDataCount"),
                    }
                )
    return {
        "frequencyThreshold": after(notes(other.measured), THRESHOLD),
        "timeFrame": time_frame(other.measured),
        "description": markup(other.measured.get("description")),
        "allCauseMortalityComment": markup(after(notes(deaths.measured), COMMENT)),
        "eventGroups": list(told.values()),
        "seriousEvents": _events(serious),
        "otherEvents": _events(other),
    }


_PREFIXES = ("deaths", "serious", "other")


def _events(kind: Table) -> list[Resource]:
    counts: dict[str, list[Statistic]] = {}
    for one in statistics(kind.found):
        if match := _ID.fullmatch(one.id):
            counts.setdefault(match[1], []).append(one)
    return [
        _event(event) | {"stats": [_count(one) for one in counts.get(event.get("linkId", ""), ())]}
        for combined in kind.measured.get("characteristic", ())
        for event in combined.get("definitionByCombination", {}).get("characteristic", ())
    ]


def _event(event: Resource) -> Resource:
    definition = event.get("definitionByTypeAndValue", {})
    term, system = text_of(definition.get("valueCodeableConcept")), text_of(definition.get("type"))
    methods = [said for one in definition.get("method", ()) if (said := text_of(one))]
    assessments = {display: code for code, (_, display) in ASSESSMENTS.items()}
    assessed = next((one for one in methods if not one.startswith(f"{VOCABULARY}: ")), None)
    return {
        "term": None if term == UNNAMED else term,
        "organSystem": None if system == EVENT else system,
        "sourceVocabulary": after(methods, VOCABULARY),
        "assessmentType": assessments.get(assessed, assessed) if assessed else None,
        "notes": markup(next(iter(notes(event)), None)),
    }


def _count(one: Statistic) -> Resource:
    return {
        "groupId": one.group,
        "numEvents": one.said.get("numberOfEvents"),
        "numAffected": one.said.get("numberAffected"),
        "numAtRisk": one.said.get("sampleSize", {}).get("knownDataCount"),
    }


def more(found: Gathered) -> Resource:
    """Limitations, agreements, and whom to ask."""
    told, prose = report(found), notes(report(found))
    agreed = [text_of(one) for one in section(found, AGREEMENT_SECTION).get("entryClassifier", ())]
    return {
        "limitationsAndCaveats": {"description": markup(after(prose, LIMITATIONS))},
        "certainAgreement": {
            "piSponsorEmployee": _flag(EMPLOYEE, agreed),
            "restrictiveAgreement": _flag(RESTRICTIVE, agreed),
            "restrictionType": _restriction(agreed),
            "otherDetails": markup(after(prose, AGREEMENT)),
        },
        "pointOfContact": _contact(told),
    }


def _flag(table: dict[bool, str], said: list[str | None]) -> bool | None:
    return next((flag for flag, words in table.items() if words in said), None)


def _restriction(said: list[str | None]) -> str | None:
    others = {*EMPLOYEE.values(), *RESTRICTIVE.values(), AGREEMENT}
    return next((of(RESTRICTIONS, one) for one in said if one not in others), None)


def _contact(told: Resource) -> Resource:
    person: Resource = {}
    for one in told.get("contact", ()):
        if one.get("id") == ORGANISATION:
            person["organization"] = one.get("name")
        else:
            person |= {"title": one.get("name")} | reached(one.get("telecom", ()))
    return person
