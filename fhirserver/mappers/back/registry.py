"""documentSection, annotationSection and derivedSection.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#AnnotationSection
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import after, classified, markup, notes, text_of
from fhirserver.mappers.codes import MESH
from fhirserver.mappers.registry_words import (
    BROADER,
    CHAPTER,
    COMMENTS,
    CONDITION,
    DOCUMENT,
    ESTIMATED,
    FIRST_COMMENTS,
    FOUND_AS,
    HIGHEST,
    HOLDS,
    INTERVENTION,
    LISTED,
    LOWEST,
    NO_PLAN,
    RELEVANCE,
    REMOVED,
    RESPONSIBLE,
    SUBMISSION,
    SUBMITTED,
    UNKNOWN_DATE,
    UNPOSTED,
    UPLOADED,
    VIOLATION,
    VIOLATION_DATES,
    VIOLATIONS,
)
from fhirserver.mappers.results.numbers import number
from fhirserver.mappers.results.words import of
from fhirserver.mappers.study_progress import REGISTRATION

_LEAF = re.compile(
    rf"{LISTED} (?P<id>.*?), (?P<kind>{CONDITION}|{INTERVENTION}) (?P<relevance>.*?): (?P<name>.*)", re.DOTALL
)
_BRANCH = re.compile(rf"{CHAPTER} (?P<id>.*?), (?P<kind>{CONDITION}|{INTERVENTION}): (?P<name>.*)", re.DOTALL)
_NUMBERED = re.compile(r"(.+) (\d+): (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Told:
    """A step of registration that has no code."""

    words: str
    date: str | None
    actual: bool | None


def documents(found: Gathered) -> Resource:
    """largeDocumentModule."""
    said = classified(found.study)
    return {
        "noSap": next((flag for flag, words in NO_PLAN.items() if words in said), None),
        "largeDocs": [
            _document(one, kinds)
            for one in found.study.get("relatedArtifact", ())
            if DOCUMENT in (kinds := [text_of(kind) for kind in one.get("classifier", ())])
        ],
    }


def _document(one: Resource, kinds: list[str | None]) -> Resource:
    attachment = one.get("document", {})
    return {
        "typeAbbrev": next((kind for kind in kinds if kind not in (DOCUMENT, *HOLDS.values())), None),
        **{name: words in kinds for name, words in HOLDS.items()},
        "label": one.get("display"),
        "date": attachment.get("creation"),
        "uploadDate": one.get("citation", "").removeprefix(f"{UPLOADED} "),
        "filename": attachment.get("title"),
        "size": number(str(attachment.get("size"))),
    }


def annotation(found: Gathered) -> Resource:
    """annotationModule."""
    prose = notes(found.study)
    events = [event for one in _steps(found.study) if (event := _unposted(one))]
    return {
        "unpostedAnnotation": {"unpostedResponsibleParty": after(prose, RESPONSIBLE), "unpostedEvents": events},
        "violationAnnotation": {"violationEvents": _violations(found.study, prose)},
    }


def _unposted(one: Told) -> Resource | None:
    words = one.words.removesuffix(UNKNOWN_DATE)
    kind = next((code for code, said in UNPOSTED.items() if said == words), None)
    unknown = True if words != one.words else None
    return {"type": kind, "date": one.date, "dateUnknown": unknown} if kind else None


def _violations(study: Resource, prose: list[str]) -> list[Resource]:
    told = {}
    for text in prose:
        if (match := _NUMBERED.fullmatch(text)) and match[1] == VIOLATION:
            kind, _, description = match[3].partition("\n\n")
            code = next((code for code, words in VIOLATIONS.items() if words == kind), kind)
            told[match[2]] = {"type": code, "description": markup(description)}
    for one in _steps(study):
        if (match := _NUMBERED.fullmatch(one.words)) and match[1] == VIOLATION:
            name = next((name for name, words in VIOLATION_DATES.items() if words == match[3]), None)
            if name:
                told.setdefault(match[2], {})[name] = one.date
    return list(told.values())


def misc(found: Gathered) -> Resource:
    """miscInfoModule."""
    prose = notes(found.study)
    sources = sorted(found.of("Provenance"), key=lambda one: str(one.get("recorded")), reverse=True)
    version = (
        content.get("attachment", {}).get("creation")
        for source in sources
        for record in source.get("contained", ())
        for content in record.get("content", ())
    )
    return {
        "versionHolder": next((one for one in version if one), None),
        "removedCountries": [text.partition(": ")[2] for text in prose if text.startswith(f"{REMOVED}: ")],
        "submissionTracking": _tracking(found.study),
        "modelPredictions": {
            "bmiLimits": {
                "minBmi": number(after(prose, LOWEST)),
                "maxBmi": number(after(prose, HIGHEST)),
            }
        },
    }


def _tracking(study: Resource) -> Resource:
    told: Resource = {}
    submissions: dict[str, Resource] = {}
    names = {words: name for name, words in SUBMITTED.items()}
    for one in _steps(study):
        if one.words == ESTIMATED:
            told["estimatedResultsFirstSubmitDate"] = one.date
        elif one.words == FIRST_COMMENTS:
            kind = None if one.actual is None else "ACTUAL" if one.actual else "ESTIMATED"
            told["firstMcpInfo"] = {"postDateStruct": {"date": one.date, "type": kind}}
        elif (match := _NUMBERED.fullmatch(one.words)) and match[1] == SUBMISSION:
            submission = submissions.setdefault(match[2], {})
            words = match[3].removesuffix(UNKNOWN_DATE)
            if words.startswith(f"{COMMENTS} "):
                submission["mcpReleaseN"] = number(words.removeprefix(f"{COMMENTS} "))
            elif words != match[3]:
                submission["unreleaseDateUnknown"] = True
            elif words in names:
                submission[names[words]] = one.date
    return told | {"submissionInfos": list(submissions.values())}


def _steps(study: Resource) -> Iterator[Told]:
    for extension in study.get("extension", ()):
        if extension.get("url") == REGISTRATION:
            parts = {part.get("url"): part for part in extension.get("extension", ())}
            words = text_of(parts.get("activity", {}).get("valueCodeableConcept"))
            if words:
                date = parts.get("period", {}).get("valuePeriod", {}).get("start")
                yield Told(words, date, parts.get("actual", {}).get("valueBoolean"))


def conditions(found: Gathered) -> Resource:
    """conditionBrowseModule."""
    terms = [coding for one in found.study.get("condition", ()) for coding in one.get("coding", ())]
    return _browse(found.study, terms, CONDITION)


def interventions(found: Gathered) -> Resource:
    """interventionBrowseModule."""
    focus = (one.get("concept", {}) for one in found.study.get("focus", ()))
    return _browse(found.study, [coding for one in focus for coding in one.get("coding", ())], INTERVENTION)


def _browse(study: Resource, terms: list[Resource], kind: str) -> Resource:
    told: Resource = {
        "meshes": [_term(one) for one in terms if one.get("system") == MESH],
        "ancestors": [],
        "browseLeaves": [],
        "browseBranches": [],
    }
    for one in study.get("classifier", ()):
        said = text_of(one) or ""
        if said.startswith(f"{BROADER} {kind}: "):
            term = said.partition(": ")[2]
            told["ancestors"].append(_term(next(iter(one.get("coding", ())), {"display": term})))
        elif (leaf := _LEAF.fullmatch(said)) and leaf["kind"] == kind:
            told["browseLeaves"].append(_leaf(leaf))
        elif (branch := _BRANCH.fullmatch(said)) and branch["kind"] == kind:
            told["browseBranches"].append({"abbrev": branch["id"], "name": branch["name"]})
    return told


def _term(coding: Resource) -> Resource:
    return {"id": coding.get("code"), "term": coding.get("display")}


def _leaf(leaf: re.Match[str]) -> Resource:
    name, _, found_as = leaf["name"].partition(FOUND_AS)
    return {
        "id": leaf["id"],
        "name": name,
        "asFound": found_as,
        "relevance": of(RELEVANCE, leaf["relevance"]),
    }


DOCUMENTS: dict[str, Callable[[Gathered], Resource]] = {"largeDocumentModule": documents}
ANNOTATIONS: dict[str, Callable[[Gathered], Resource]] = {"annotationModule": annotation}
DERIVED: dict[str, Callable[[Gathered], Resource]] = {
    "miscInfoModule": misc,
    "conditionBrowseModule": conditions,
    "interventionBrowseModule": interventions,
}
