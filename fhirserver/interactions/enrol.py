"""Enrolment: the rules that every write of a ResearchSubject obeys, and what follows it in the same transaction.

https://hl7.org/fhir/R5/researchsubject.html; the rules are in docs/enrolment.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhirserver import fhirjson
from fhirserver.enrolment import rules
from fhirserver.enrolment.facts import Enrolment, Facts
from fhirserver.enrolment.following import GROUP_TYPES
from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource
from fhirserver.interactions import enrol_facts
from fhirserver.interactions.enrol_facts import STUDY, SUBJECT
from fhirserver.interactions.enrol_follow import Change, follow
from fhirserver.resources import research_subject
from fhirserver.resources.registry import Release
from fhirserver.settings import Settings
from fhirserver.store.store import Store, Tx


@dataclass(frozen=True, slots=True)
class EnrolmentEffect:
    """What a write of a ResearchSubject brought with it: warnings for the response."""

    warnings: list[Issue] = field(default_factory=list)


async def prepare(store: Store) -> None:
    """Makes the collections that an enrolment may write: a transaction cannot."""
    for type_ in (SUBJECT, STUDY, "Group", "Patient"):
        await store.ensure(type_)


def locks(before: Resource | None, after: Resource | None) -> list[str]:
    """Keys to be taken before the transaction: enrolments in one study happen one after the other."""
    found = set()
    for subject in (before, after):
        reference = research_subject.reference(subject, "study") if subject else None
        literal = fhirjson.literal(reference) if reference else None
        if literal:
            found.add(f"enrol/{literal.local}")
    return sorted(found)


def named(settings: Settings, subject: Resource) -> list[tuple[str, str]]:
    """Type and id of the study and of the subject that a ResearchSubject names, where they are of this server."""
    said = enrol_facts.enrolment(settings, subject)
    found = [local.partition("/") for local in (said.local_study, said.local_subject) if local]
    return [(type_, id_) for type_, _, id_ in found]


async def subject_written(
    tx: Tx, settings: Settings, release: Release, before: Resource | None, after: Resource | None, *, today: str
) -> EnrolmentEffect:
    """Judges a write of a ResearchSubject that is about to happen in `tx` and does all that follows from it.

    `after` is None for a deletion, which no rule refuses. RuleConflict or RuleViolation when a rule does.
    """
    said = after or before
    if said is None:
        return EnrolmentEffect()
    name = enrol_facts.enrolment(settings, said).local_study
    study = await enrol_facts.read(tx, name) if name and name.startswith(f"{STUDY}/") else None
    old = enrol_facts.enrolment(settings, before, study) if before else None
    new = enrol_facts.enrolment(settings, after, study) if after else None
    present = new or old
    assert present is not None
    facts = enrol_facts.study_facts(study, today) if study else None
    own_id = str(said.get("id", ""))
    others: tuple[Enrolment, ...] = ()
    if study and present.local_subject:
        listed = enrol_facts.subjects(tx, settings, release, study, present.local_subject, but=own_id)
        others = tuple([other async for other in listed])
    issues: list[Issue] = []
    if new is not None:
        found = old is not None or (new.local_subject is not None and await enrol_facts.exists(tx, new.local_subject))
        issues = rules.judge(Facts(old, new, facts, found, others))
        rules.refuse(issues)
    if study and facts and present.local_subject and present.local_subject.partition("/")[0] in GROUP_TYPES:
        day = (after or {}).get("period", {})
        change = Change(old, new, others, own_id, day.get("start", today), day.get("end", today))
        issues = issues + await follow(tx, settings, release, study, facts, change)
    return EnrolmentEffect([issue for issue in issues if issue.severity != "error"])
