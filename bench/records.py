"""Trial records to import: generated in the shape of ClinicalTrials.gov's API v2, or those of a folder.

https://clinicaltrials.gov/data-api/about-api/study-data-structure
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from bench.data import SEED
from bench.words import CITIES, CONDITIONS, FAMILIES, GIVENS

Record = dict[str, Any]
_COUNTRIES = {"NO": "Norway", "SE": "Sweden", "DK": "Denmark", "FI": "Finland", "DE": "Germany", "BE": "Belgium"}
_DRUGS = ("Abtinib", "Cortavir", "Delmumab", "Eflosartan", "Fimasone", "Glucanine", "Hepromide", "Ilvaxin")
_CRITERIA = (
    "Age of 18 years or more at the time of consent",
    "Written informed consent of the participant or a legal representative",
    "Diagnosis confirmed by a specialist within the last twelve months",
    "Stable medication for at least four weeks before the first visit",
    "Estimated glomerular filtration rate of at least 45 ml/min",
)
_NOT = (
    "Pregnant or breast-feeding",
    "Participation in another interventional trial within thirty days",
    "Known hypersensitivity to the study drug or to one of its constituents",
    "Any condition that in the investigator's judgement makes participation unsafe",
)


def from_folder(folder: Path) -> list[bytes]:
    """The JSON records of a folder, in the order of their names."""
    return [file.read_bytes() for file in sorted(folder.rglob("*.json"))]


def generate(number: int, start: int = 0) -> list[bytes]:
    """So many records; the same number gives the same record."""
    return [json.dumps(_record(start + at)).encode() for at in range(number)]


def _record(number: int) -> Record:
    rng = Random(f"{SEED} record {number}")
    _, disease = rng.choice(CONDITIONS)
    drug = rng.choice(_DRUGS)
    title = f"{drug} for {disease}: Protocol {number}"
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": f"NCT8{number:07d}",
                "orgStudyIdInfo": {"id": f"BENCH-{number}"},
                "organization": {"fullName": _sponsor(rng), "class": "OTHER"},
                "briefTitle": title,
                "officialTitle": f"A Randomised, Double-blind, Placebo-controlled Trial of {title}",
            },
            "statusModule": {
                "statusVerifiedDate": "2024-03",
                "overallStatus": rng.choice(("RECRUITING", "COMPLETED", "ACTIVE_NOT_RECRUITING")),
                "expandedAccessInfo": {"hasExpandedAccess": False},
                "startDateStruct": {"date": f"20{rng.randrange(10, 24)}-{rng.randrange(1, 13):02d}", "type": "ACTUAL"},
                "completionDateStruct": {"date": f"2026-{rng.randrange(1, 13):02d}", "type": "ESTIMATED"},
                "lastUpdatePostDateStruct": {"date": "2024-03-08", "type": "ACTUAL"},
            },
            "sponsorCollaboratorsModule": {
                "responsibleParty": {"type": "SPONSOR"},
                "leadSponsor": {"name": _sponsor(rng), "class": "INDUSTRY"},
                "collaborators": [{"name": _sponsor(rng), "class": "OTHER"}],
            },
            "oversightModule": {"oversightHasDmc": True, "isFdaRegulatedDrug": False},
            "descriptionModule": {
                "briefSummary": f"The trial asks whether {drug} slows {disease.lower()} in adults. " * 5,
                "detailedDescription": "Participants are seen at weeks 0, 4, 12, 26 and 52. " * 30,
            },
            "conditionsModule": {"conditions": [disease], "keywords": [disease.split()[0], drug, "randomised"]},
            "designModule": {
                "studyType": "INTERVENTIONAL",
                "phases": [rng.choice(("PHASE1", "PHASE2", "PHASE3"))],
                "designInfo": {
                    "allocation": "RANDOMIZED",
                    "interventionModel": "PARALLEL",
                    "primaryPurpose": "TREATMENT",
                    "maskingInfo": {"masking": "DOUBLE", "whoMasked": ["PARTICIPANT", "INVESTIGATOR"]},
                },
                "enrollmentInfo": {"count": rng.randrange(20, 900), "type": "ESTIMATED"},
            },
            "armsInterventionsModule": _arms(drug),
            "outcomesModule": {
                "primaryOutcomes": [_outcome("Change of the symptom score", at) for at in range(1)],
                "secondaryOutcomes": [_outcome("Secondary measure", at) for at in range(6)],
            },
            "eligibilityModule": {
                "eligibilityCriteria": _criteria(),
                "healthyVolunteers": False,
                "sex": "ALL",
                "minimumAge": "18 Years",
                "maximumAge": f"{rng.randrange(60, 90)} Years",
                "stdAges": ["ADULT", "OLDER_ADULT"],
            },
            "contactsLocationsModule": {
                "overallOfficials": [{"name": _name(rng), "affiliation": _sponsor(rng), "role": "STUDY_CHAIR"}],
                "locations": list(_sites(rng)),
            },
        },
        "derivedSection": {"miscInfoModule": {"versionHolder": "2024-03-08"}},
        "hasResults": False,
    }


def _arms(drug: str) -> Record:
    dose = "by mouth once a day for 52 weeks"
    return {
        "armGroups": [
            {
                "label": drug,
                "type": "EXPERIMENTAL",
                "description": f"{drug} 10 mg {dose}",
                "interventionNames": [f"Drug: {drug}"],
            },
            {
                "label": "Placebo",
                "type": "PLACEBO_COMPARATOR",
                "description": f"Placebo {dose}",
                "interventionNames": ["Drug: Placebo"],
            },
        ],
        "interventions": [
            {"type": "DRUG", "name": drug, "description": f"10 mg {dose}", "armGroupLabels": [drug]},
            {"type": "DRUG", "name": "Placebo", "description": dose, "armGroupLabels": ["Placebo"]},
        ],
    }


def _outcome(measure: str, number: int) -> Record:
    text = "Scored by a trained assessor who does not know the treatment; higher is worse."
    return {"measure": f"{measure} {number + 1}", "description": text, "timeFrame": f"{12 * (number + 1)} weeks"}


def _criteria() -> str:
    wanted, excluded = ("\n".join(f"* {one}" for one in part) for part in (_CRITERIA, _NOT))
    return f"Inclusion Criteria:\n\n{wanted}\n\nExclusion Criteria:\n\n{excluded}"


def _sites(rng: Random) -> Iterator[Record]:
    for at in range(rng.randrange(1, 8)):
        city, country = rng.choice(CITIES)
        yield {
            "facility": f"{rng.choice(FAMILIES)} Hospital, Unit {at + 1}",
            "status": "RECRUITING",
            "city": city,
            "country": _COUNTRIES.get(country, "Netherlands"),
            "geoPoint": {"lat": round(rng.uniform(50, 65), 5), "lon": round(rng.uniform(4, 28), 5)},
        }


def _sponsor(rng: Random) -> str:
    return f"{rng.choice(FAMILIES[:40])} Research"


def _name(rng: Random) -> str:
    return f"{rng.choice(GIVENS)} {rng.choice(FAMILIES)}"
