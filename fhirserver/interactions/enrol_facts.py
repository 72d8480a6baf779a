"""Gathers the facts of an enrolment inside its transaction, for the pure rules to judge.

https://hl7.org/fhir/R5/researchsubject.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fhirserver import fhirjson
from fhirserver.enrolment.facts import Enrolment, Study
from fhirserver.fhirjson import Resource
from fhirserver.resources import research_study, research_subject
from fhirserver.resources.registry import Release
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import parse
from fhirserver.settings import Settings
from fhirserver.store.documents import Query, Version
from fhirserver.store.operations import Operations

SUBJECT = "ResearchSubject"
STUDY = "ResearchStudy"
_PAGE = 1000


def local(settings: Settings, reference: str | None) -> str | None:
    """Type/id of a reference to this server; None for any other."""
    found = fhirjson.literal(reference) if reference else None
    if found is None:
        return None
    ours = found.base is None or (
        settings.base_url is not None and found.base.startswith(settings.base_url.rstrip("/") + "/")
    )
    return found.local if ours else None


def enrolment(settings: Settings, subject: Resource, joined: Resource | None = None) -> Enrolment:
    """What a ResearchSubject says; its comparison groups as the study `joined` knows them."""

    def group(name: str) -> str | None:
        word = research_subject.group(subject, name)
        return word if word is None or joined is None else research_study.arm_key(joined, word)

    study, about = research_subject.reference(subject, "study"), research_subject.reference(subject, "subject")
    return Enrolment(
        study,
        about,
        local(settings, study),
        local(settings, about),
        research_subject.trail(subject),
        group("assignedComparisonGroup"),
        group("actualComparisonGroup"),
        subject.get("status") == "retired",
    )


def study_facts(study: Resource, today: str) -> Study:
    """What a ResearchStudy says."""
    code, words = research_study.progress(study, today)
    keys = (each.get("linkId", each.get("name")) for each in study.get("comparisonGroup", ()))
    groups = frozenset(str(key) for key in keys if key is not None)
    target = research_study.recruitment(study).get("targetNumber")
    return Study(f"ResearchStudy/{study['id']}", str(study.get("status")), code, words, target, groups)


def content(version: Version | None) -> Resource | None:
    """The resource of a version that is there and not deleted."""
    return None if version is None or version.gone else fhirjson.loads(version.body)


async def read(tx: Operations, name: str) -> Resource | None:
    """The resource of Type/id."""
    type_, _, id_ = name.partition("/")
    return content(await tx.read(type_, id_))


async def exists(tx: Operations, name: str) -> bool:
    """Whether Type/id is there."""
    type_, _, id_ = name.partition("/")
    version = await tx.read(type_, id_)
    return version is not None and not version.gone


async def subjects(
    tx: Operations, settings: Settings, release: Release, study: Resource, *, but: str
) -> AsyncIterator[Enrolment]:
    """The enrolments in a study, without the ResearchSubject of id `but`."""
    where = to_mongo(parse(release, SUBJECT, [("study", f"{STUDY}/{study['id']}")], strict=True).filter, release)
    after = None
    while True:
        page = await tx.find(SUBJECT, Query(where, limit=_PAGE, after=after))
        for version in page.items:
            found = content(version)
            if found is not None and version.id != but:
                yield enrolment(settings, found, study)
        if not page.more:
            return
        after = page.last
