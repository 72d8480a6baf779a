"""The narrative of a study: what a clinician asks first, on one screen.

https://hl7.org/fhir/R5/narrative.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.activity_definition import label
from fhirserver.mappers.codes import MODEL, PHASES, PURPOSE, STATUS, Codes, words
from fhirserver.mappers.group import ages
from fhirserver.mappers.narrative import Row, narrative
from fhirserver.mappers.parts import Text
from fhirserver.mappers.trial import Trial

_SEXES = {"ALL": "All", "FEMALE": "Female", "MALE": "Male"}


def text(trial: Trial, stem: str) -> dict[str, Any]:
    """Title, numbers, state, design, arms, outcomes."""
    facts = trial.eligibility
    phases = tuple(sorted(value.value for value in trial.design.phases))
    rows: list[Row] = [
        ("Identifiers", [one.value for one in trial.identifiers] or stem),
        ("Official title", trial.official_title.value if trial.official_title else None),
        ("Status", _status(trial)),
        ("Phase", PHASES[phases][1] if phases in PHASES else None),
        ("Purpose", _said(trial.design.purpose, PURPOSE)),
        ("Design", _said(trial.design.model, MODEL)),
        ("Conditions", [one.value for one in trial.conditions]),
        ("Interventions", [label(one) for one in trial.interventions]),
        ("Sponsor", trial.sponsor.name if trial.sponsor else None),
        ("Participants", _participants(trial)),
        ("Ages", ages(facts)),
        ("Sex", _SEXES.get(facts.sex.value, facts.sex.value) if facts.sex else None),
        ("Dates", _dates(trial)),
        ("Groups", [f"{arm.label}: {arm.description}" if arm.description else arm.label for arm in trial.arms]),
        ("Primary outcomes", [one.measure for one in trial.outcomes if one.kind == "PRIMARY"]),
        ("Sites", str(len(trial.sites)) if trial.sites else None),
    ]
    heading = trial.title.value if trial.title else stem
    return narrative(heading, rows, trial.summary.value if trial.summary else None)


def _said(value: Text | None, table: Codes) -> str | None:
    if value is None:
        return None
    return table[value.value][1] if value.value in table else words(value.value)


def _status(trial: Trial) -> str | None:
    present, earlier = _said(trial.status, STATUS), _said(trial.last_known_status, STATUS)
    if present and earlier:
        return f"{present} (last known: {earlier})"
    return present


def _participants(trial: Trial) -> str | None:
    if trial.enrolment is None:
        return None
    return f"{trial.enrolment.count} ({'actual' if trial.enrolment.actual else 'planned'})"


def _dates(trial: Trial) -> str | None:
    parts = [
        f"{name} {moment.date}{'' if moment.actual is None else ' (actual)' if moment.actual else ' (planned)'}"
        for name, moment in (("start", trial.start), ("completion", trial.completion))
        if moment
    ]
    return ", ".join(parts) or None
