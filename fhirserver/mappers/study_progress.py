"""Where a study stands and when: progress, period, and the steps of its registration.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.progressStatus
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Issue
from fhirserver.fhirjson import interval
from fhirserver.mappers.codes import FHIR, STATUS, coded, concept
from fhirserver.mappers.parts import Event, Moment
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]

_WORDS_ONLY = {"update-submission-qc"}
REGISTRATION = "http://hl7.org/fhir/StructureDefinition/researchStudy-studyRegistration"


def period(trial: Trial, issues: list[Issue]) -> Resource:
    """Start and completion. A completion before the start is left out: no period may end before it begins."""
    start, end = trial.start, trial.completion
    if start and end and interval(start.date).low >= interval(end.date).high:
        issues.append(
            Issue(
                "warning",
                "business-rule",
                f"The study would end ({end.date}) before it starts ({start.date}); the period has no end.",
                (end.path,),
            )
        )
        end = None
    return _period(start, end)


def _period(start: Moment | None, end: Moment | None) -> Resource:
    found = {}
    if start:
        found["start"] = start.date
    if end:
        found["end"] = end.date
    return found


def progress(trial: Trial, issues: list[Issue]) -> list[Resource]:
    """The present state first; an earlier one has an end; then the study as a whole with its dates."""
    found: list[Resource] = []
    if trial.status:
        found.append({"state": coded("research-study-status", STATUS, trial.status, issues)})
    if trial.last_known_status:
        earlier: Resource = {"state": coded("research-study-status", STATUS, trial.last_known_status, issues)}
        if trial.verified:
            earlier["period"] = {"end": trial.verified.date}
        found.append(earlier)
    whole = period(trial, [])
    start, end = trial.start, trial.completion if "end" in whole else None
    if start and end and start.actual == end.actual:
        found.append(_overall(_period(start, end), start.actual))
    else:
        if start:
            found.append(_overall(_period(start, None), start.actual))
        # Also one that cannot end the period: a date of its own contradicts nothing.
        if trial.completion:
            found.append(_overall(_period(None, trial.completion), trial.completion.actual))
    return found


def _overall(when: Resource, actual: bool | None) -> Resource:
    entry: Resource = {"state": concept("research-study-status", "overall-study", "Overall study")}
    if actual is not None:
        entry["actual"] = actual
    entry["period"] = when
    return entry


def registration(trial: Trial) -> list[Resource]:
    """The steps of registration as HL7's extension."""
    events = list(trial.events)
    if trial.verified:
        events.insert(0, Event("record-verification", trial.verified))
    return [_event(event) for event in events]


def registered(activity: str, date: str) -> Resource:
    """A date in the life of the study that HL7 has no code for, as the same extension."""
    parts = [
        {"url": "activity", "valueCodeableConcept": {"text": activity}},
        {"url": "period", "valuePeriod": {"start": date, "end": date}},
    ]
    return {"url": REGISTRATION, "extension": parts}


def _event(event: Event) -> Resource:
    system = FHIR + "research-study-registration-activity"
    # A step that HL7 has no code for stands in words.
    concept_ = (
        {"text": event.activity.replace("-", " ").capitalize()}
        if event.activity in _WORDS_ONLY
        else {"coding": [{"system": system, "code": event.activity}]}
    )
    parts: list[Resource] = [{"url": "activity", "valueCodeableConcept": concept_}]
    if event.moment.actual is not None:
        parts.append({"url": "actual", "valueBoolean": event.moment.actual})
    # A single day or month: the step began and ended in it.
    parts.append({"url": "period", "valuePeriod": {"start": event.moment.date, "end": event.moment.date}})
    return {"url": REGISTRATION, "extension": parts}
