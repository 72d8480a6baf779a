"""What the registry adds to a record, as elements of the ResearchStudy.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhirserver.mappers.codes import MESH
from fhirserver.mappers.parts import Mesh
from fhirserver.mappers.registry_parts import Document, Leaf, Registered, Step
from fhirserver.mappers.registry_words import (
    BROADER,
    CHAPTER,
    CONDITION,
    DOCUMENT,
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
    UPLOADED,
    VIOLATION,
    VIOLATIONS,
)
from fhirserver.mappers.study_progress import REGISTRATION

Resource = dict[str, Any]

_DOCUMENTS = "https://cdn.clinicaltrials.gov/large-docs"
_DATE = len("2020-01-31")


def documents(found: Registered, number: str | None) -> list[Resource]:
    """The documents of the study as related artifacts; `number` is the study's in the registry."""
    return [_document(one, number) for one in found.documents]


def _document(one: Document, number: str | None) -> Resource:
    held = (one.protocol, one.analysis_plan, one.consent_form)
    kinds = [DOCUMENT, one.kind, *(words for words, holds in zip(HOLDS.values(), held, strict=True) if holds)]
    artifact: Resource = {"type": "documentation", "classifier": [{"text": kind} for kind in kinds if kind]}
    if one.label:
        artifact["display"] = one.label
    if one.uploaded:
        artifact["citation"] = f"{UPLOADED} {one.uploaded}"
    attachment: Resource = {}
    if one.file:
        if one.file.casefold().endswith(".pdf"):
            attachment["contentType"] = "application/pdf"
        if number and not any(letter.isspace() for letter in one.file):
            attachment["url"] = f"{_DOCUMENTS}/{number[-2:]}/{number}/{one.file}"
        attachment["title"] = one.file
    if one.size is not None:
        attachment["size"] = str(one.size)
    if one.date:
        attachment["creation"] = one.date
    if attachment:
        artifact["document"] = attachment
    return artifact


def steps(found: Registered) -> list[Resource]:
    """The course of submissions as steps of registration, in words: HL7 has no codes for them."""
    return [_step(one) for one in found.steps]


def _step(one: Step) -> Resource:
    parts: list[Resource] = [{"url": "activity", "valueCodeableConcept": {"text": one.words}}]
    if one.actual is not None:
        parts.append({"url": "actual", "valueBoolean": one.actual})
    if one.date:
        parts.append({"url": "period", "valuePeriod": {"start": one.date, "end": one.date}})
    return {"url": REGISTRATION, "extension": parts}


def notes(found: Registered) -> list[Resource]:
    """What is said in prose, each under its label."""
    return [{"text": text} for text in _notes(found)]


def _notes(found: Registered) -> Iterator[str]:
    if found.unposted_party:
        yield f"{RESPONSIBLE}: {found.unposted_party}"
    for number, one in enumerate(found.violations, 1):
        kind = VIOLATIONS.get(one.type or "", one.type or "")
        yield f"{VIOLATION} {number}: {kind}" + (f"\n\n{one.description}" if one.description else "")
    for country in found.removed_countries:
        yield f"{REMOVED}: {country}"
    for label, value in ((LOWEST, found.lowest_bmi), (HIGHEST, found.highest_bmi)):
        if value is not None:
            yield f"{label}: {value}"


def classifiers(found: Registered) -> list[Resource]:
    """Whether there is an analysis plan; broader terms of MeSH and the registry's own, to find the study by."""
    told: list[Resource] = []
    if found.no_analysis_plan is not None:
        told.append({"text": NO_PLAN[found.no_analysis_plan]})
    for kind, browse in ((CONDITION, found.conditions), (INTERVENTION, found.interventions)):
        told += [_broader(kind, term) for term in browse.ancestors]
        told += [{"text": _leaf(kind, leaf)} for leaf in browse.leaves]
        told += [{"text": f"{CHAPTER} {one.id or ''}, {kind}: {one.name or ''}"} for one in browse.branches]
    return told


def _broader(kind: str, term: Mesh) -> Resource:
    concept: Resource = {"coding": [{"system": MESH, "code": term.id, "display": term.term}]} if term.id else {}
    return concept | {"text": f"{BROADER} {kind}: {term.term}"}


def _leaf(kind: str, one: Leaf) -> str:
    relevance = RELEVANCE.get(one.relevance or "", one.relevance or "")
    found_as = f"{FOUND_AS}{one.found_as}" if one.found_as else ""
    return f"{LISTED} {one.id or ''}, {kind} {relevance}: {one.name or ''}{found_as}"
