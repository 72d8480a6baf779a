"""The rules of enrolment: facts in, issues out.

https://hl7.org/fhir/R5/researchsubject.html; docs/enrolment.md explains them. A rule is known by its name, which every
issue carries as details.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn

from fhirserver.enrolment.facts import Enrolment, Facts, Study
from fhirserver.enrolment.openness import openness
from fhirserver.enrolment.states import FINAL, TRANSITIONS, illegal_step
from fhirserver.errors import Issue, RuleConflict, RuleViolation


@dataclass(frozen=True, slots=True)
class Rule:
    """409: the present state forbids it. 422: the request itself is wrong. 200: a warning."""

    status: int
    sentence: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "study-not-local": Rule(422, "The study is a ResearchStudy of this server, referred to as ResearchStudy/id."),
        "study-not-found": Rule(422, "The study exists."),
        "subject-not-local": Rule(422, "The subject is a resource of this server, referred to as Type/id."),
        "subject-not-found": Rule(422, "The subject exists."),
        "study-changed": Rule(422, "A ResearchSubject stays with its study."),
        "subject-changed": Rule(422, "A ResearchSubject stays with its subject."),
        "unknown-comparison-group": Rule(422, "A comparison group is one of the study's, by its linkId or its name."),
        "illegal-initial-state": Rule(422, "$enroll begins with a state that goes on."),
        "illegal-transition": Rule(409, "The state follows from the one before by the state machine."),
        "study-closed": Rule(409, "A new enrolment needs a study that is open."),
        "already-enrolled": Rule(409, "A subject has one active enrolment in a study."),
        "target-reached": Rule(409, "The places taken never exceed recruitment.targetNumber."),
        "roster-not-local": Rule(409, "The study's groups of subjects are Groups of this server."),
        "study-status-unknown": Rule(200, "A study whose status is not known takes subjects, with this warning."),
        "target-exceeded": Rule(200, "With enforce_target_number off, places beyond the target are warned of."),
    }
)


def judge(facts: Facts) -> list[Issue]:
    """Every rule but the target's, which needs the count: errors and warnings."""
    after, before, study = facts.after, facts.before, facts.study
    if before is not None:
        moved = _moved(before, after)
        if moved:
            return moved
    # An enrolment that exists is carried on even where its study or its subject has been deleted since.
    found = [] if before is not None else _references(facts)
    if before is not None and (step := illegal_step(before.trail, after.trail)):
        found.append(_illegal(*step))
    if study is None:
        return found
    if after.active and not (before and before.active):
        found += _open(study)
        if any(other.active for other in facts.others):
            found.append(
                _error(
                    "already-enrolled",
                    f"{after.subject} has an active enrolment in {after.study} already: continue that one, or end it "
                    "before a new one begins.",
                    "ResearchSubject.subject",
                )
            )
    for name, group in (("assignedComparisonGroup", after.assigned), ("actualComparisonGroup", after.actual)):
        if group is not None and group not in study.groups:
            listed = ", ".join(sorted(study.groups)) or "none"
            found.append(
                _error(
                    "unknown-comparison-group",
                    f"'{group}' is no comparison group of {study.name}: use one of its own ({listed}).",
                    f"ResearchSubject.{name}",
                )
            )
    return found


def target(study: Study, counted: int, *, enforce: bool) -> list[Issue]:
    """Whether one more place may be taken when `counted` are."""
    if study.target is None or counted < study.target:
        return []
    said = f"{study.name} has {counted} of {study.target} places taken"
    if enforce:
        remedy = "raise ResearchStudy.recruitment.targetNumber before enrolling more"
        return [_error("target-reached", f"{said}: {remedy}.", "ResearchSubject.study")]
    return [_warning("target-exceeded", f"{said}; this enrolment goes beyond them.", "ResearchSubject.study")]


def initial(state: str, expression: str) -> list[Issue]:
    """Whether $enroll may begin with `state`."""
    if state in TRANSITIONS and state not in FINAL:
        return []
    going_on = ", ".join(name for name in TRANSITIONS if name not in FINAL)
    return [_error("illegal-initial-state", f"'{state}' begins no enrolment: use one of {going_on}.", expression)]


def refuse(issues: Sequence[Issue]) -> None:
    """Raises when an issue is an error: RuleViolation if the request itself is wrong, RuleConflict else."""
    errors = [issue for issue in issues if issue.severity == "error"]
    if errors:
        _raise(errors)


def _raise(errors: Sequence[Issue]) -> NoReturn:
    wrong = any(RULES[issue.details or ""].status == 422 for issue in errors)
    raise (RuleViolation if wrong else RuleConflict)(errors)


def roster_not_local(element: str, reference: str) -> Issue:
    """A Group of the study that is not here to be written."""
    sentence = (
        f"{element} refers to '{reference}', which is no Group of this server: refer to a local Group, or to none."
    )
    return _error("roster-not-local", sentence, "ResearchSubject.study")


def _moved(before: Enrolment, after: Enrolment) -> list[Issue]:
    found = []
    if before.local_study != after.local_study:
        found.append(
            _error(
                "study-changed",
                f"This ResearchSubject belongs to {before.study}: create another one for {after.study}.",
                "ResearchSubject.study",
            )
        )
    if before.local_subject != after.local_subject:
        found.append(
            _error(
                "subject-changed",
                f"This ResearchSubject is about {before.subject}: create another one for {after.subject}.",
                "ResearchSubject.subject",
            )
        )
    return found


def _references(facts: Facts) -> list[Issue]:
    after = facts.after
    found = []
    if after.local_study is None or not after.local_study.startswith("ResearchStudy/"):
        sentence = f"'{after.study}' is no study of this server: refer to one as ResearchStudy/id."
        found.append(_error("study-not-local", sentence, "ResearchSubject.study"))
    elif facts.study is None:
        sentence = f"There is no {after.local_study}: create or import the study first."
        found.append(_error("study-not-found", sentence, "ResearchSubject.study"))
    if after.local_subject is None:
        sentence = f"'{after.subject}' is no resource of this server: refer to it as Patient/id."
        found.append(_error("subject-not-local", sentence, "ResearchSubject.subject"))
    elif not facts.subject_found:
        sentence = f"There is no {after.local_subject}: create it first."
        found.append(_error("subject-not-found", sentence, "ResearchSubject.subject"))
    return found


def _open(study: Study) -> list[Issue]:
    said = study.progress or study.words
    if study.status in ("draft", "retired"):
        return [
            _error(
                "study-closed",
                f"{study.name} has the status '{study.status}' and takes no subjects: it must be 'active'.",
                "ResearchSubject.study",
            )
        ]
    match openness(study.progress):
        case "closed":
            return [
                _error(
                    "study-closed",
                    f"{study.name} is '{said}' and takes no new subjects: enrol when its present "
                    "ResearchStudy.progressStatus is recruiting, enrolling-by-invitation or active.",
                    "ResearchSubject.study",
                )
            ]
        case "unknown":
            stands = f"'{said}'" if said else "not said"
            sentence = f"Where {study.name} stands is {stands}, so whether it recruits is not known: check it."
            return [_warning("study-status-unknown", sentence, "ResearchSubject.study")]
        case "open":
            return []


def _illegal(start: str, end: str) -> Issue:
    following = TRANSITIONS.get(start, ())
    remedy = f"from there it goes to {', '.join(following)}" if following else "that state is final"
    sentence = f"No subject goes from '{start}' to '{end}': {remedy}."
    return _error("illegal-transition", sentence, "ResearchSubject.progress")


def _error(rule: str, sentence: str, expression: str) -> Issue:
    return Issue("error", "business-rule", sentence, (expression,), rule)


def _warning(rule: str, sentence: str, expression: str) -> Issue:
    return Issue("warning", "business-rule", sentence, (expression,), rule)
