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
from fhirserver.interactions.enrol_books import Books
from fhirserver.interactions.enrol_facts import STUDY, SUBJECT
from fhirserver.interactions.enrol_follow import Change, follow
from fhirserver.resources import research_subject
from fhirserver.store.store import Store


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


async def subject_written(
    books: Books, before: Resource | None, after: Resource | None, *, today: str
) -> EnrolmentEffect:
    """Judges a write of a ResearchSubject that is about to happen, and notes in `books` all that follows from it.

    `after` is None for a deletion, which no rule refuses. RuleConflict or RuleViolation when a rule does.
    """
    said = after or before
    if said is None:
        return EnrolmentEffect()
    name = enrol_facts.enrolment(books.settings, said).local_study
    study = await books.study(name) if name and name.startswith(f"{STUDY}/") else None
    old = enrol_facts.enrolment(books.settings, before, study) if before else None
    new = enrol_facts.enrolment(books.settings, after, study) if after else None
    present = new or old
    assert present is not None
    facts = enrol_facts.study_facts(study, today) if study else None
    own_id = str(said.get("id", ""))
    others: tuple[Enrolment, ...] = ()
    if study and name and present.local_subject:
        others = await books.others(name, present.local_subject, but=own_id)
    issues: list[Issue] = []
    if new is not None:
        about = new.local_subject
        found = old is not None or (about is not None and await enrol_facts.exists(books.tx, about))
        issues = rules.judge(Facts(old, new, facts, found, others))
        rules.refuse(issues)
    if study and facts and present.local_subject and present.local_subject.partition("/")[0] in GROUP_TYPES:
        day = (after or {}).get("period", {})
        change = Change(old, new, others, own_id, day.get("start", today), day.get("end", today))
        issues = issues + await follow(books, study, facts, change)
    books.note(own_id, old, new)
    return EnrolmentEffect([issue for issue in issues if issue.severity != "error"])
