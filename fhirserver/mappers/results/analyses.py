"""A statistical analysis of an outcome as an Evidence about the groups that it compares.

https://hl7.org/fhir/R5/evidence-definitions.html#Evidence.statistic.modelCharacteristic
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.results.evidence import EXPOSURE, POPULATION, Study, evidence, labelled, what, whom
from fhirserver.mappers.results.measures import VALUE, dispersion, intended
from fhirserver.mappers.results.numbers import level, odd, quantity
from fhirserver.mappers.results.parts import Analysis, Measure, ReportedGroup
from fhirserver.mappers.results.words import (
    HYPOTHESES,
    SIDES,
    TESTED,
    confidence,
    estimate_type,
    model,
    p_value,
    statistic_type,
)

Resource = dict[str, Any]

HYPOTHESIS = "Hypothesis"
METHOD_COMMENT = "Statistical method"
ESTIMATE_COMMENT = "Estimate"
OTHER_ANALYSIS = "Other analysis"
LOWER_COMMENT = "Lower limit"
UPPER_COMMENT = "Upper limit"
PERCENT = "Percentage as reported"


def analysis(study: Study, measured: Resource, measure: Measure, number: int) -> Resource:
    """The analysis in this position, from 1. Which of the groups is the reference a record does not say."""
    one = measure.analyses[number - 1]
    of_table = {group.id: group for group in measure.groups}
    compared = [of_table.get(id_, ReportedGroup(id_)) for id_ in one.groups]
    as_ = EXPOSURE if len(compared) > 1 else POPULATION
    names = [group.title or group.id or "" for group in compared]
    title = f"{measure.title or measured['id']}: analysis {number}" + (f" ({' vs '.join(names)})" if names else "")
    return evidence(
        f"{measured['id']}-analysis-{number}",
        title,
        [*(whom(study, group, as_) for group in compared), what(measured, intended(study, measure))],
        [found] if (found := _statistic(one)) else [],
        one.description,
    )


def _statistic(one: Analysis) -> Resource:
    value = quantity(one.value)
    notes = labelled(
        (VALUE, one.value if odd(value, one.value) else None),
        (ESTIMATE_COMMENT, one.comment),
        (METHOD_COMMENT, one.method_comment),
        (HYPOTHESIS, one.hypothesis_comment),
        (OTHER_ANALYSIS, one.other),
    )
    found: Resource = {"note": notes} if notes else {}
    if one.parameter:
        found["statisticType"] = statistic_type(one.parameter)
    if value:
        found["quantity"] = value
    if estimates := [part for part in (_p_value(one), _confidence(one), _dispersion(one)) if part]:
        found["attributeEstimate"] = estimates
    if characteristics := _model(one):
        found["modelCharacteristic"] = characteristics
    return found


def _p_value(one: Analysis) -> Resource | None:
    if not one.p_value and not one.p_value_comment:
        return None
    value = quantity(one.p_value)
    found: Resource = {"type": p_value()}
    notes = labelled((VALUE, one.p_value if odd(value, one.p_value) else None))
    if one.p_value_comment:
        notes.append({"text": one.p_value_comment})
    if notes:
        found["note"] = notes
    if value:
        found["quantity"] = value
    return found


def _confidence(one: Analysis) -> Resource | None:
    said = (one.sides, one.level, one.lower, one.upper, one.lower_comment, one.upper_comment)
    if not any(said):
        return None
    found: Resource = {}
    if one.sides:
        found["description"] = SIDES.get(one.sides, one.sides)
    found["type"] = confidence()
    share = level(one.level)
    if share is not None:
        found["level"] = share
    found = dispersion(found, None, one.lower, one.upper)
    notes = found.get("note", []) + labelled(
        (PERCENT, one.level if share is None else None),
        (LOWER_COMMENT, one.lower_comment),
        (UPPER_COMMENT, one.upper_comment),
    )
    if notes:
        found["note"] = notes
    return found


def _dispersion(one: Analysis) -> Resource | None:
    if not one.dispersion and not one.dispersion_value:
        return None
    kind = {"type": estimate_type(one.dispersion)[0]} if one.dispersion else {}
    return dispersion(kind, one.dispersion_value, None, None)


def _model(one: Analysis) -> list[Resource]:
    """The method first, then what was to be shown."""
    found: list[Resource] = []
    if one.method:
        found.append({"code": model(one.method)})
    if one.hypothesis:
        words = HYPOTHESES.get(one.hypothesis, one.hypothesis)
        found.append({"code": {"text": f"{HYPOTHESIS}: {words}"}})
    if one.non_inferiority_tested is not None:
        found.append({"code": {"text": TESTED[one.non_inferiority_tested]}})
    return found
