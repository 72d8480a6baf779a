"""What the study is called: identificationModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#IdentificationModule
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.parties import organisation
from fhirserver.mappers.identity import CLINICAL_TRIALS_GOV
from fhirserver.mappers.study_facts import IDENTIFIER_LINK


def module(found: Gathered) -> Resource:
    """Numbers, titles and the organisation."""
    study = found.study
    numbers = study.get("identifier", ())
    registry = [one for one in numbers if one.get("system") == CLINICAL_TRIALS_GOV]
    labels = {
        coding.get("code"): label.get("value")
        for label in study.get("label", ())
        for coding in label.get("type", {}).get("coding", ())
    }
    links = _links(study)
    own = next((one for one in numbers if one.get("use") == "usual"), None)
    return {
        "nctId": next((one.get("value") for one in registry if one.get("use") == "official"), None),
        "nctIdAliases": [one.get("value") for one in registry if one.get("use") == "old"],
        "orgStudyIdInfo": _number(own, links) if own else None,
        "secondaryIdInfos": [
            _number(one, links) | {"domain": one.get("assigner", {}).get("display")}
            for one in numbers
            if one.get("use") == "secondary"
        ],
        "organization": organisation(found, "SPONSOR", "fullName"),
        "briefTitle": study.get("title"),
        "officialTitle": labels.get("official"),
        "acronym": labels.get("acronym"),
    }


def _number(one: Resource, links: dict[str, str]) -> Resource:
    value = one.get("value", "")
    return {"id": value, "type": one.get("type", {}).get("text"), "link": links.get(value)}


def _links(study: Resource) -> dict[str, str]:
    """The address of each number that has one."""
    return {
        one.get("display", ""): one.get("document", {}).get("url") or one.get("citation")
        for one in study.get("relatedArtifact", ())
        if any(part.get("text") == IDENTIFIER_LINK for part in one.get("classifier", ()))
    }
