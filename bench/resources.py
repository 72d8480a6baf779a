"""Synthetic patients, observations and conditions, valid in R5, made from a seeded generator.

https://hl7.org/fhir/R5/patient.html, https://hl7.org/fhir/R5/observation.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from bench.elements import DAYS, FIRST_DAY, LOINC, SNOMED, Resource, concept, narrative, new_id, quantity
from bench.words import CITIES, CONDITIONS, FAMILIES, GIVENS, LABS, Lab

MRN = "https://hospital.example.org/mrn"
NATIONAL = "https://population-register.example.org/id"
ORDER = "https://lab.example.org/result"


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
        "text": narrative(f"{name}, born {facts.birth}, {street}, {city}"),
        "identifier": [
            {"use": "usual", "type": concept(_V2, "MR", "Medical record number"), "system": MRN, "value": facts.mrn},
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
        "maritalStatus": concept(_MARITAL, "M", "Married"),
        "contact": [
            {
                "relationship": [concept(_V2_CONTACT, "N", "Next-of-Kin")],
                "telecom": [{"system": "phone", "value": f"+47 {rng.randrange(10**8):08d}"}],
            }
        ],
        "communication": [{"language": concept("urn:ietf:bcp:47", "en", "English"), "preferred": True}],
    }


def finding(rng: Random, subject: str) -> Finding:
    """An observation's facts."""
    day = FIRST_DAY + timedelta(days=rng.randrange(DAYS))
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
        "text": narrative(f"{lab.display}: {value} {lab.unit} ({word})"),
        "identifier": [{"system": ORDER, "value": f"R{rng.getrandbits(48):014d}"}],
        "status": "final",
        "category": [concept(_CATEGORY, "laboratory", "Laboratory")],
        "code": concept(LOINC, lab.code, lab.display),
        "subject": {"reference": f"Patient/{facts.subject}"},
        "effectiveDateTime": time,
        "issued": time,
        "performer": [{"display": "Central laboratory of the trial unit"}],
        "valueQuantity": quantity(value, lab.unit),
        "interpretation": [concept(_INTERPRETATION, flag, word)],
        "note": [{"text": "Sample taken at the visit of the protocol, fasting, left arm; analysed within two hours."}],
        "method": concept(SNOMED, "702873001", "Calculation technique"),
        "referenceRange": [
            {
                "low": quantity(Decimal(str(lab.low)), lab.unit),
                "high": quantity(Decimal(str(lab.high)), lab.unit),
                "text": f"{lab.low} to {lab.high} {lab.unit}",
            }
        ],
    }


def condition(rng: Random, subject: str) -> Resource:
    """A Condition."""
    code, display = rng.choice(CONDITIONS)
    return {
        "resourceType": "Condition",
        "clinicalStatus": concept(_CLINICAL, "active", "Active"),
        "verificationStatus": concept(_VERIFICATION, "confirmed", "Confirmed"),
        "code": concept(SNOMED, code, display),
        "subject": {"reference": subject},
        "onsetDateTime": f"{rng.randrange(2000, 2023)}-{rng.randrange(1, 13):02d}",
        "note": [{"text": "Recorded at screening from the patient's own account and the referring letter."}],
    }


_V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
_V2_CONTACT = "http://terminology.hl7.org/CodeSystem/v2-0131"
_MARITAL = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
