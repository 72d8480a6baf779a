"""The statistical analyses of an outcome.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#OutcomeAnalysis
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.report import reported, unlabelled, value_of
from fhirserver.mappers.back.shape import after, markup, notes, text_of
from fhirserver.mappers.results.analyses import (
    ESTIMATE_COMMENT,
    HYPOTHESIS,
    LOWER_COMMENT,
    METHOD_COMMENT,
    OTHER_ANALYSIS,
    PERCENT,
    UPPER_COMMENT,
)
from fhirserver.mappers.results.measures import LOWER, SPREAD, UPPER, VALUE
from fhirserver.mappers.results.numbers import percentage
from fhirserver.mappers.results.report import ANALYSES_SECTION
from fhirserver.mappers.results.words import DISPERSIONS, HYPOTHESES, SIDES, TESTED, confidence, of, p_value


def analyses(found: Gathered, section: Resource) -> list[Resource]:
    """The analyses of an outcome's section."""
    of_them = (one for one in section.get("section", ()) if one.get("title") == ANALYSES_SECTION)
    return [_analysis(one) for part in of_them for one in found.all(part.get("entryReference"))]


def _analysis(evidence: Resource) -> Resource:
    statistic: Resource = next(iter(evidence.get("statistic", ())), {})
    texts = notes(statistic)
    variables = evidence.get("variableDefinition", ())
    told: Resource = {
        "groupIds": [id_ for variable in variables if (id_ := reported(variable))],
        "groupDescription": markup(evidence.get("description")),
        "otherAnalysisDescription": markup(after(texts, OTHER_ANALYSIS)),
        "paramType": text_of(statistic.get("statisticType")),
        "paramValue": value_of(statistic.get("quantity"), texts, VALUE),
        "estimateComment": markup(after(texts, ESTIMATE_COMMENT)),
        "statisticalComment": markup(after(texts, METHOD_COMMENT)),
        "nonInferiorityComment": markup(after(texts, HYPOTHESIS)),
    }
    for one in statistic.get("attributeEstimate", ()):
        told |= _estimate(one)
    return told | _model(statistic)


def _estimate(one: Resource) -> Resource:
    """A p-value, a confidence interval or a dispersion."""
    kind, texts = one.get("type"), notes(one)
    if kind == p_value():
        return {
            "pValue": value_of(one.get("quantity"), texts, VALUE),
            "pValueComment": markup(unlabelled(texts, VALUE)),
        }
    if kind == confidence():
        between = one.get("range", {})
        return {
            "ciNumSides": of(SIDES, one.get("description")),
            "ciPctValue": after(texts, PERCENT) or percentage(one.get("level")),
            "ciLowerLimit": value_of(between.get("low"), texts, LOWER),
            "ciUpperLimit": value_of(between.get("high"), texts, UPPER),
            "ciLowerLimitComment": markup(after(texts, LOWER_COMMENT)),
            "ciUpperLimitComment": markup(after(texts, UPPER_COMMENT)),
        }
    return {
        "dispersionType": of(DISPERSIONS, text_of(kind)),
        "dispersionValue": value_of(one.get("quantity"), texts, SPREAD),
    }


def _model(statistic: Resource) -> Resource:
    """The method, and what was to be shown."""
    told: Resource = {}
    for one in statistic.get("modelCharacteristic", ()):
        said = text_of(one.get("code")) or ""
        if said.startswith(f"{HYPOTHESIS}: "):
            told["nonInferiorityType"] = of(HYPOTHESES, after([said], HYPOTHESIS))
        elif said in TESTED.values():
            told["testedNonInferiority"] = of(TESTED, said)
        else:
            told["statisticalMethod"] = said
    return told
