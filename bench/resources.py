"""Synthetic resources of one to three kilobytes, valid in R5, made from a seeded generator.

https://hl7.org/fhir/R5/patient.html, https://hl7.org/fhir/R5/observation.html, https://hl7.org/fhir/R5/researchsubject.html
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from bench.words import CITIES, CONDITIONS, FAMILIES, GIVENS, LABS, Lab

Resource = dict[str, Any]

MRN = "https://hospital.example.org/mrn"
NATIONAL = "https://population-register.example.org/id"
REGISTRY = "https://clinicaltrials.gov"
ENROLMENT = "https://trials.example.org/subject"
ORDER = "https://lab.example.org/result"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
_FIRST_DAY = datetime(2023, 1, 1)
_DAYS = 730


@dataclass(frozen=True, slots=True)
class Person:
    """What of a patient is searched for."""

    id: str
    mrn: str
    family: str
    givens: tuple[str, str]
    birth: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What of an observation is searched for."""

    id: str
    subject: str
    lab: Lab
    day: str


def new_id(rng: Random) -> str:
    """A random id in the form of a UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def person(rng: Random, number: int) -> Person:
    """A patient's facts."""
    birth = date(1940, 1, 1) + timedelta(days=rng.randrange(66 * 365))
    names = (rng.choice(GIVENS), rng.choice(GIVENS))
    return Person(new_id(rng), f"M{number:08d}", rng.choice(FAMILIES), names, birth.isoformat())


def patient(rng: Random, facts: Person) -> Resource:
    """A Patient."""
    city, country = rng.choice(CITIES)
    name = f"{' '.join(facts.givens)} {facts.family}"
    street = f"{rng.choice(FAMILIES)} street {rng.randrange(1, 200)}"
    return {
        "resourceType": "Patient",
        "id": facts.id,
        "text": _narrative(f"{name}, born {facts.birth}, {street}, {city}"),
        "identifier": [
            {"use": "usual", "type": _concept(_V2, "MR", "Medical record number"), "system": MRN, "value": facts.mrn},
            {"use": "official", "system": NATIONAL, "value": f"{facts.birth}-{rng.randrange(10**5):05d}"},
        ],
        "active": True,
        "name": [{"use": "official", "family": facts.family, "given": list(facts.givens)}],
        "telecom": [
            {"system": "phone", "value": f"+47 {rng.randrange(10**8):08d}", "use": "mobile", "rank": 1},
            {"system": "email", "value": f"{facts.mrn.lower()}@mail.example.org", "use": "home"},
        ],
        "gender": rng.choice(("female", "male")),
        "birthDate": facts.birth,
        "address": [
            {
                "use": "home",
                "line": [street],
                "city": city,
                "postalCode": f"{rng.randrange(10**4):04d}",
                "country": country,
            }
        ],
        "maritalStatus": _concept(_MARITAL, "M", "Married"),
        "contact": [
            {
                "relationship": [_concept(_V2_CONTACT, "N", "Next-of-Kin")],
                "telecom": [{"system": "phone", "value": f"+47 {rng.randrange(10**8):08d}"}],
            }
        ],
        "communication": [{"language": _concept("urn:ietf:bcp:47", "en", "English"), "preferred": True}],
    }


def finding(rng: Random, subject: str) -> Finding:
    """An observation's facts."""
    day = _FIRST_DAY + timedelta(days=rng.randrange(_DAYS))
    return Finding(new_id(rng), subject, rng.choice(LABS), day.date().isoformat())


def observation(rng: Random, facts: Finding) -> Resource:
    """An Observation of about 1.5 KB."""
    lab = facts.lab
    value = Decimal(f"{rng.uniform(lab.low * 0.7, lab.high * 1.3):.2f}")
    flag, word = ("H", "High") if value > lab.high else ("L", "Low") if value < lab.low else ("N", "Normal")
    time = f"{facts.day}T{rng.randrange(6, 20):02d}:{rng.randrange(60):02d}:00Z"
    return {
        "resourceType": "Observation",
        "id": facts.id,
        "text": _narrative(f"{lab.display}: {value} {lab.unit} ({word})"),
        "identifier": [{"system": ORDER, "value": f"R{rng.getrandbits(48):014d}"}],
        "status": "final",
        "category": [_concept(_CATEGORY, "laboratory", "Laboratory")],
        "code": _concept(LOINC, lab.code, lab.display),
        "subject": {"reference": f"Patient/{facts.subject}"},
        "effectiveDateTime": time,
        "issued": time,
        "performer": [{"display": "Central laboratory of the trial unit"}],
        "valueQuantity": _quantity(value, lab.unit),
        "interpretation": [_concept(_INTERPRETATION, flag, word)],
        "note": [{"text": "Sample taken at the visit of the protocol, fasting, left arm; analysed within two hours."}],
        "method": _concept(SNOMED, "702873001", "Calculation technique"),
        "referenceRange": [
            {
                "low": _quantity(Decimal(str(lab.low)), lab.unit),
                "high": _quantity(Decimal(str(lab.high)), lab.unit),
                "text": f"{lab.low} to {lab.high} {lab.unit}",
            }
        ],
    }


def condition(rng: Random, subject: str) -> Resource:
    """A Condition."""
    code, display = rng.choice(CONDITIONS)
    return {
        "resourceType": "Condition",
        "clinicalStatus": _concept(_CLINICAL, "active", "Active"),
        "verificationStatus": _concept(_VERIFICATION, "confirmed", "Confirmed"),
        "code": _concept(SNOMED, code, display),
        "subject": {"reference": subject},
        "onsetDateTime": f"{rng.randrange(2000, 2023)}-{rng.randrange(1, 13):02d}",
        "note": [{"text": "Recorded at screening from the patient's own account and the referring letter."}],
    }


def study(rng: Random, id: str, nct: str) -> Resource:
    """A ResearchStudy that recruits and has no target number: any number of subjects may join."""
    code, display = rng.choice(CONDITIONS)
    title = f"Effect of early treatment on the course of {display.lower()}: a randomised trial, part {nct[-3:]}"
    return {
        "resourceType": "ResearchStudy",
        "id": id,
        "text": _narrative(title),
        "identifier": [{"use": "official", "system": REGISTRY, "value": nct}],
        "title": title,
        "status": "active",
        "phase": _concept(_PHASE, "phase-2", "Phase 2"),
        "condition": [_concept(SNOMED, code, display)],
        "keyword": [{"text": "randomised"}, {"text": "early treatment"}],
        "descriptionSummary": "Adults are allotted to early or usual treatment and followed for two years. " * 4,
        "description": "Visits take place at weeks 0, 4, 12, 26, 52 and 104. Samples are kept for ten years. " * 6,
        "period": {"start": "2023-01-01"},
        "progressStatus": [
            {"state": _concept(_STUDY_STATUS, "recruiting", "Recruiting"), "actual": True},
        ],
        "comparisonGroup": [
            {"linkId": "early", "name": "Early treatment", "description": "Treatment starts within a week."},
            {"linkId": "usual", "name": "Usual treatment", "description": "Treatment starts as the clinic decides."},
        ],
        "objective": [{"name": "Course at two years", "type": _concept(_OBJECTIVE, "primary", "Primary")}],
    }


def subject(rng: Random, study: str, patient: str, number: int) -> Resource:
    """A ResearchSubject, a candidate."""
    day = (_FIRST_DAY + timedelta(days=rng.randrange(_DAYS))).date().isoformat()
    return {
        "resourceType": "ResearchSubject",
        "id": new_id(rng),
        "text": _narrative(f"Subject S{number:06d}: candidate since {day}, referred by the outpatient clinic"),
        "identifier": [{"use": "official", "system": ENROLMENT, "value": f"S{number:06d}"}],
        "status": "active",
        "progress": [
            {
                "type": _concept(_STATE_TYPE, "Enrollment", "Enrollment"),
                "subjectState": _concept(_STATE, "candidate", "Candidate"),
                "startDate": day,
            }
        ],
        "period": {"start": day},
        "study": {"reference": f"ResearchStudy/{study}"},
        "subject": {"reference": f"Patient/{patient}"},
    }


_V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
_V2_CONTACT = "http://terminology.hl7.org/CodeSystem/v2-0131"
_MARITAL = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_PHASE = "http://terminology.hl7.org/CodeSystem/research-study-phase"
_STUDY_STATUS = "http://hl7.org/fhir/research-study-status"
_OBJECTIVE = "http://terminology.hl7.org/CodeSystem/research-study-objective-type"
_STATE = "http://terminology.hl7.org/CodeSystem/research-subject-state"
_STATE_TYPE = "http://terminology.hl7.org/CodeSystem/research-subject-state-type"


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _quantity(value: Decimal, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def _narrative(text: str) -> Resource:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{text}</p></div>'}
