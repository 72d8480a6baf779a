"""Synthetic studies and their subjects, valid in R5, made from a seeded generator.

https://hl7.org/fhir/R5/researchstudy.html, https://hl7.org/fhir/R5/researchsubject.html
"""

from __future__ import annotations

from datetime import timedelta
from random import Random

from bench.elements import DAYS, FIRST_DAY, SNOMED, Resource, concept, narrative, new_id
from bench.words import CONDITIONS

REGISTRY = "https://clinicaltrials.gov"
ENROLMENT = "https://trials.example.org/subject"


def study(rng: Random, id: str, nct: str) -> Resource:
    """A ResearchStudy that recruits and has no target number: any number of subjects may join."""
    code, display = rng.choice(CONDITIONS)
    title = f"Effect of early treatment on the course of {display.lower()}: a randomised trial, part {nct[-3:]}"
    return {
        "resourceType": "ResearchStudy",
        "id": id,
        "text": narrative(title),
        "identifier": [{"use": "official", "system": REGISTRY, "value": nct}],
        "title": title,
        "status": "active",
        "phase": concept(_PHASE, "phase-2", "Phase 2"),
        "condition": [concept(SNOMED, code, display)],
        "keyword": [{"text": "randomised"}, {"text": "early treatment"}],
        "descriptionSummary": "Adults are allotted to early or usual treatment and followed for two years. " * 4,
        "description": "Visits take place at weeks 0, 4, 12, 26, 52 and 104. Samples are kept for ten years. " * 6,
        "period": {"start": "2023-01-01"},
        "progressStatus": [
            {"state": concept(_STUDY_STATUS, "recruiting", "Recruiting"), "actual": True},
        ],
        "comparisonGroup": [
            {"linkId": "early", "name": "Early treatment", "description": "Treatment starts within a week."},
            {"linkId": "usual", "name": "Usual treatment", "description": "Treatment starts as the clinic decides."},
        ],
        "objective": [{"name": "Course at two years", "type": concept(_OBJECTIVE, "primary", "Primary")}],
    }


def subject(rng: Random, study: str, patient: str, number: int) -> Resource:
    """A ResearchSubject, a candidate."""
    day = (FIRST_DAY + timedelta(days=rng.randrange(DAYS))).date().isoformat()
    return {
        "resourceType": "ResearchSubject",
        "id": new_id(rng),
        "text": narrative(f"Subject S{number:06d}: candidate since {day}, referred by the outpatient clinic"),
        "identifier": [{"use": "official", "system": ENROLMENT, "value": f"S{number:06d}"}],
        "status": "active",
        "progress": [
            {
                "type": concept(_STATE_TYPE, "Enrollment", "Enrollment"),
                "subjectState": concept(_STATE, "candidate", "Candidate"),
                "startDate": day,
            }
        ],
        "period": {"start": day},
        "study": {"reference": f"ResearchStudy/{study}"},
        "subject": {"reference": f"Patient/{patient}"},
    }


_PHASE = "http://terminology.hl7.org/CodeSystem/research-study-phase"
_STUDY_STATUS = "http://hl7.org/fhir/research-study-status"
_OBJECTIVE = "http://terminology.hl7.org/CodeSystem/research-study-objective-type"
_STATE = "http://terminology.hl7.org/CodeSystem/research-subject-state"
_STATE_TYPE = "http://terminology.hl7.org/CodeSystem/research-subject-state-type"
