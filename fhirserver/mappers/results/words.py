"""The registry's codes of results as FHIR concepts: kinds of statistics, of dispersion, of outcomes.

https://terminology.hl7.org/CodeSystem-statistic-type.html, https://terminology.hl7.org/CodeSystem-attribute-estimate-type.html,
https://hl7.org/fhir/R5/codesystem-statistic-model-code.html
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.mappers.codes import FHIR, THO

Resource = dict[str, Any]

PARAMETERS = {
    "MEAN": "Mean",
    "MEDIAN": "Median",
    "NUMBER": "Number",
    "COUNT_OF_PARTICIPANTS": "Count of Participants",
    "COUNT_OF_UNITS": "Count of Units",
    "GEOMETRIC_MEAN": "Geometric Mean",
    "LEAST_SQUARES_MEAN": "Least Squares Mean",
    "GEOMETRIC_LEAST_SQUARES_MEAN": "Geometric Least Squares Mean",
    "LOG_MEAN": "Log Mean",
}
DISPERSIONS = {
    "STANDARD_DEVIATION": "Standard Deviation",
    "STANDARD_ERROR": "Standard Error",
    "INTER_QUARTILE_RANGE": "Inter-Quartile Range",
    "FULL_RANGE": "Full Range",
    "GEOMETRIC_COEFFICIENT": "Geometric Coefficient of Variation",
    "CONFIDENCE_80": "80% Confidence Interval",
    "CONFIDENCE_90": "90% Confidence Interval",
    "CONFIDENCE_95": "95% Confidence Interval",
    "CONFIDENCE_975": "97.5% Confidence Interval",
    "CONFIDENCE_99": "99% Confidence Interval",
    "CONFIDENCE_OTHER": "Other Confidence Interval Level",
    "STANDARD_ERROR_OF_MEAN": "Standard Error of the mean",
    "NA": "Not Applicable",
}
KINDS = {
    "PRIMARY": ("primary", "Primary outcome"),
    "SECONDARY": ("secondary", "Secondary outcome"),
    "OTHER_PRE_SPECIFIED": ("exploratory", "Other pre-specified outcome"),
    "POST_HOC": ("exploratory", "Post-hoc outcome"),
}
REPORTING = {"POSTED": "Posted", "NOT_POSTED": "Not posted"}
HYPOTHESES = {
    "SUPERIORITY": "Superiority",
    "NON_INFERIORITY": "Non-inferiority",
    "EQUIVALENCE": "Equivalence",
    "OTHER": "Other hypothesis",
    "NON_INFERIORITY_OR_EQUIVALENCE": "Non-inferiority or equivalence",
    "SUPERIORITY_OR_OTHER": "Superiority or other",
    "NON_INFERIORITY_OR_EQUIVALENCE_LEGACY": "Non-inferiority or equivalence (legacy)",
    "SUPERIORITY_OR_OTHER_LEGACY": "Superiority or other (legacy)",
}
SIDES = {"ONE_SIDED": "One-sided", "TWO_SIDED": "Two-sided"}
TESTED = {True: "Non-inferiority or equivalence tested", False: "Non-inferiority or equivalence not tested"}
PERCENTAGES = {True: "calculated", False: "not calculated"}

_STATISTICS = {
    "mean": ("C53319", "Mean"),
    "median": ("C28007", "Median"),
    "count of participants": ("C25463", "Count"),
    "count of units": ("C25463", "Count"),
    "hazard ratio (hr)": ("C93150", "Hazard Ratio"),
    "odds ratio (or)": ("C16932", "Odds Ratio"),
    "risk ratio (rr)": ("C93152", "Relative Risk"),
    "risk difference (rd)": ("0000424", "Risk Difference"),
    "mean difference (final values)": ("0000457", "Mean Difference"),
    "mean difference (net)": ("0000457", "Mean Difference"),
    "mean difference": ("0000457", "Mean Difference"),
    "median difference (final values)": ("absolute-MedianDiff", "Absolute Median Difference"),
    "median difference (net)": ("absolute-MedianDiff", "Absolute Median Difference"),
}
_ESTIMATES = {
    "standard deviation": ("C53322", "Standard deviation"),
    "standard error of the mean": ("0000037", "Standard error of the mean"),
    "inter-quartile range": ("C53245", "Interquartile range"),
    "full range": ("C38013", "Range"),
}
_MODELS = {
    "anova": "anova",
    "cox proportional hazards": "coxProportionalHazards",
    "regression, cox": "coxProportionalHazards",
    "regression, logistic": "logisticRegression",
    "regression, linear": "linearRegression",
    "chi-squared": "chiSquareTest",
    "fisher exact": "fishersExactTest",
    "kruskal-wallis": "kruskalWallisTest",
    "mantel haenszel": "manteHaenszelMethod",
    "mcnemar": "mcnemarsTest",
    "wilcoxon (mann-whitney)": "mannWhitneyUTest",
    "sign test": "signTest",
}
_CONFIDENCE = re.compile(r"(\d{1,3}(?:\.\d{1,5})?) ?% (?:confidence interval|ci)", re.IGNORECASE)
_ANY_CONFIDENCE = re.compile(r"confidence interval|\bci\b", re.IGNORECASE)


def statistic_type(parameter: str) -> Resource:
    """The kind of a statistic, by a code of the registry or by its words."""
    text = PARAMETERS.get(parameter, parameter)
    return _concept(f"{THO}statistic-type", _STATISTICS.get(text.casefold()), text)


def estimate_type(dispersion: str) -> tuple[Resource, str | None]:
    """The kind of a dispersion, and the percentage of a confidence interval."""
    text = DISPERSIONS.get(dispersion, dispersion)
    if _ANY_CONFIDENCE.search(text):
        found = _CONFIDENCE.fullmatch(text)
        return confidence(text), found[1] if found else None
    return _concept(f"{THO}attribute-estimate-type", _ESTIMATES.get(text.casefold()), text), None


def confidence(text: str = "Confidence interval") -> Resource:
    """The kind of an estimate that is a confidence interval."""
    return _concept(f"{THO}attribute-estimate-type", ("C53324", "Confidence interval"), text)


def p_value() -> Resource:
    """The kind of an estimate that is a p-value."""
    return _concept(f"{THO}attribute-estimate-type", ("C44185", "P-value"), "P-value")


def model(method: str) -> Resource:
    """A statistical method in the record's words, coded where HL7 has the same."""
    code = _MODELS.get(method.casefold())
    return _concept(f"{FHIR}statistic-model-code", (code, None) if code else None, method)


def role(code: str) -> Resource:
    """What a variable is for a statistic."""
    display = {"measuredVariable": "measured variable"}.get(code, code)
    return {"coding": [{"system": f"{THO}variable-role", "code": code, "display": display}]}


def of(table: dict[Any, str], text: str | None) -> Any:
    """The registry's code of words from one of these tables; words of no table are codes not known here."""
    return next((code for code, words in table.items() if words == text), text)


def _concept(system: str, known: tuple[str | None, str | None] | None, text: str) -> Resource:
    if known is None:
        return {"text": text}
    code, display = known
    coding = {"system": system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding], "text": text}
