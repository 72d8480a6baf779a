"""What the study is about: descriptionModule and conditionsModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#DescriptionModule
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import markup, text_of


def module(found: Gathered) -> Resource:
    """Summary and description."""
    study = found.study
    return {
        "briefSummary": markup(study.get("descriptionSummary")),
        "detailedDescription": markup(study.get("description")),
    }


def conditions(found: Gathered) -> Resource:
    """Conditions and keywords; MeSH terms, which have codings, are the registry's own derivation."""
    study = found.study
    return {
        "conditions": [text_of(one) for one in study.get("condition", ()) if "coding" not in one],
        "keywords": [text_of(one) for one in study.get("keyword", ())],
    }
