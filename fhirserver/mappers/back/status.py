"""Where the study stands and its dates: statusModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#StatusModule
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import classified, code_of, text_of, unworded
from fhirserver.mappers.codes import STATUS
from fhirserver.mappers.identity import CLINICAL_TRIALS_GOV
from fhirserver.mappers.study_facts import ACCESS, ACCESS_RECORD, DELAYED
from fhirserver.mappers.study_progress import REGISTRATION

_STRUCTS = {
    "primaryCompletionDateStruct": "primary-outcome-data-collection",
    "studyFirstPostDateStruct": "registration-posting",
    "resultsFirstPostDateStruct": "results-posting",
    "dispFirstPostDateStruct": "disposition-posting",
    "lastUpdatePostDateStruct": "update-posting",
}
_DATES = {
    "statusVerifiedDate": "record-verification",
    "studyFirstSubmitDate": "registration-submission",
    "studyFirstSubmitQcDate": "registration-submission-qc",
    "resultsFirstSubmitDate": "results-submission",
    "resultsFirstSubmitQcDate": "results-submission-qc",
    "dispFirstSubmitDate": "disposition-submission",
    "dispFirstSubmitQcDate": "disposition-submission-qc",
    "lastUpdateSubmitDate": "update-submission",
}
_ORDER = (
    "statusVerifiedDate",
    "overallStatus",
    "lastKnownStatus",
    "delayedPosting",
    "whyStopped",
    "expandedAccessInfo",
    "startDateStruct",
    "primaryCompletionDateStruct",
    "completionDateStruct",
    "studyFirstSubmitDate",
    "studyFirstSubmitQcDate",
    "studyFirstPostDateStruct",
    "resultsFirstSubmitDate",
    "resultsFirstSubmitQcDate",
    "resultsFirstPostDateStruct",
    "dispFirstSubmitDate",
    "dispFirstSubmitQcDate",
    "dispFirstPostDateStruct",
    "lastUpdateSubmitDate",
    "lastUpdatePostDateStruct",
)


def module(found: Gathered) -> Resource:
    """State, dates, steps of registration."""
    study = found.study
    states, whole = _progress(study)
    said = classified(study)
    told: Resource = {
        "overallStatus": state(states[0]) if states else None,
        "lastKnownStatus": state(states[1]) if len(states) > 1 and state(states[0]) == "UNKNOWN" else None,
        "delayedPosting": True if DELAYED in said else None,
        "whyStopped": text_of(study.get("whyStopped")),
        "expandedAccessInfo": _access(study, said),
        "startDateStruct": _side(study, whole, "start"),
        "completionDateStruct": _side(study, whole, "end"),
    }
    events = _events(study)
    for name, activity in _STRUCTS.items():
        if activity in events:
            told[name] = _struct(*events[activity])
    for name, activity in _DATES.items():
        if activity in events:
            told[name] = events[activity][0]
    return {name: told.get(name) for name in _ORDER}


def state(entry: Resource) -> str | None:
    """The registry's code of an entry of progressStatus."""
    return code_of(entry.get("state"), STATUS)


def _progress(study: Resource) -> tuple[list[Resource], list[Resource]]:
    """The states of recruitment, and the study as a whole with its dates."""
    states: list[Resource] = []
    whole: list[Resource] = []
    for entry in study.get("progressStatus", ()):
        codes = {coding.get("code") for coding in entry.get("state", {}).get("coding", ())}
        (whole if "overall-study" in codes else states).append(entry)
    return states, whole


def _side(study: Resource, whole: list[Resource], side: str) -> Resource | None:
    for entry in whole:
        if date := entry.get("period", {}).get(side):
            return _struct(date, entry.get("actual"))
    date = study.get("period", {}).get(side)
    return _struct(date, None) if date else None


def _struct(date: str, actual: bool | None) -> Resource:
    return {"date": date, "type": None if actual is None else "ACTUAL" if actual else "ESTIMATED"}


def _events(study: Resource) -> dict[str, tuple[str, bool | None]]:
    """The date of each step of registration, and whether it is actual."""
    found: dict[str, tuple[str, bool | None]] = {}
    for extension in study.get("extension", ()):
        if extension.get("url") != REGISTRATION:
            continue
        parts = {part.get("url"): part for part in extension.get("extension", ())}
        date = parts.get("period", {}).get("valuePeriod", {}).get("start")
        for coding in parts.get("activity", {}).get("valueCodeableConcept", {}).get("coding", ()):
            if date and isinstance(coding.get("code"), str):
                found.setdefault(coding["code"], (date, parts.get("actual", {}).get("valueBoolean")))
    return found


def _access(study: Resource, said: list[str]) -> Resource | None:
    """Whether the product is to be had outside the study, and by which record."""
    offered = next((flag for flag, words in ACCESS.items() if words in said), None)
    if offered is None:
        return None
    told: Resource = {"hasExpandedAccess": offered}
    for one in study.get("relatedArtifact", ()):
        kinds = [text_of(kind) or "" for kind in one.get("classifier", ())]
        number = one.get("resourceReference", {}).get("identifier", {})
        if ACCESS_RECORD in kinds and number.get("system") == CLINICAL_TRIALS_GOV:
            told["nctId"] = number.get("value")
            told["statusForNctId"] = unworded(one["display"]) if "display" in one else None
    return told
