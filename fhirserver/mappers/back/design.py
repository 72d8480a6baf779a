"""How the study is built: designModule and oversightModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#DesignModule
"""

from __future__ import annotations

from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.mappers import codes
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import after, classified, code_of, markup, notes, text_of, unworded
from fhirserver.mappers.study_facts import (
    ACCESS_TYPES,
    DURATION,
    FLAGS,
    POINTERS,
    REGISTRY,
    SPECIMENS,
    UNTYPED,
)

_OVERSIGHT = (
    "oversightHasDmc",
    "isFdaRegulatedDrug",
    "isFdaRegulatedDevice",
    "isUnapprovedDevice",
    "isPpsd",
    "isUsExport",
    "fdaaa801Violation",
)


def module(found: Gathered) -> Resource:
    """Type, phases, design, specimens, how many take part."""
    study = found.study
    said, prose = classified(study), notes(study)
    pointers = after(said, POINTERS)
    return {
        "studyType": _code(study, codes.STUDY_TYPE),
        "nPtrsToThisExpAccNctId": int(pointers) if pointers and pointers.isdecimal() else None,
        "expandedAccessTypes": {
            name: flag for name, words in ACCESS_TYPES.items() if (flag := flagged(said, words)) is not None
        },
        "patientRegistry": flagged(said, REGISTRY),
        "targetDuration": after(said, DURATION),
        "phases": _phases(study.get("phase")),
        "designInfo": {
            "allocation": _code(study, codes.ALLOCATION),
            "interventionModel": _code(study, codes.MODEL),
            "interventionModelDescription": markup(after(prose, "Intervention model")),
            "primaryPurpose": code_of(study.get("primaryPurposeType"), codes.PURPOSE),
            "observationalModel": _code(study, codes.OBSERVATIONAL_MODEL),
            "timePerspective": _code(study, codes.TIME_PERSPECTIVE),
            "maskingInfo": {
                "masking": _code(study, codes.MASKING),
                "maskingDescription": markup(after(prose, "Masking")),
                "whoMasked": _all(study, codes.MASKED),
            },
        },
        "bioSpec": {
            "retention": next((code for code, words in SPECIMENS.items() if words in said), None),
            "description": markup(after(prose, "Biospecimens")),
        },
        "enrollmentInfo": _enrolment(study, prose),
    }


def oversight(found: Gathered) -> Resource:
    """What is overseen, and by whom."""
    said = classified(found.study)
    return {name: flagged(said, FLAGS[name]) for name in _OVERSIGHT}


def flagged(said: list[str], words: tuple[str, str]) -> bool | None:
    """What was said of a fact that has words for yes and words for no."""
    return True if words[0] in said else False if words[1] in said else None


def _all(study: Resource, table: codes.Codes) -> list[str]:
    found = (code_of(one, table, known=True) for one in study.get("studyDesign", ()))
    return [code for code in found if code]


def _code(study: Resource, table: codes.Codes) -> str | None:
    return next(iter(_all(study, table)), None)


def _phases(concept: Any) -> list[str]:
    if not isinstance(concept, dict):
        return []
    found = {coding.get("code") for coding in concept.get("coding", ())}
    for phases, (code, _) in codes.PHASES.items():
        if code in found:
            return list(phases)
    return [unworded(one) for one in (text_of(concept) or "").split("/") if one]


def _enrolment(study: Resource, prose: list[str]) -> Resource | None:
    """The plan where there is one: the count of those enrolled here goes on beside it."""
    recruitment = study.get("recruitment", {})
    if (planned := recruitment.get("targetNumber")) is not None:
        return {"count": planned, "type": None if UNTYPED in prose else "ESTIMATED"}
    actual = recruitment.get("actualNumber")
    return None if actual is None else {"count": actual, "type": "ACTUAL"}
