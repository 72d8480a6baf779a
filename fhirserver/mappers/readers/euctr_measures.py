"""The measures of an EU Clinical Trials Register record: baseline characteristics, endpoints and their analyses.

https://www.clinicaltrialsregister.eu/about.html (EudraCT results, schema 1.x, as JSON)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fhirserver.mappers.readers.euctr_parts import said_of, several, value, worded
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.results.parts import (
    Analysis,
    Baseline,
    Category,
    Denominator,
    GroupCount,
    Measure,
    MeasureClass,
    Measurement,
    ReportedGroup,
)

_PARAMETERS = {
    "arithmetic": "MEAN",
    "median": "MEDIAN",
    "geometric": "GEOMETRIC_MEAN",
    "leastSquares": "LEAST_SQUARES_MEAN",
    "log": "LOG_MEAN",
    "number": "NUMBER",
}
_DISPERSIONS = {
    "standardDeviation": "STANDARD_DEVIATION",
    "standardError": "STANDARD_ERROR",
    "interQuartile": "INTER_QUARTILE_RANGE",
    "fullRange": "FULL_RANGE",
    "confidenceInterval": "CONFIDENCE_OTHER",
    "geometricCoefficientOfVariation": "GEOMETRIC_COEFFICIENT",
    "na": "NA",
}
_KINDS = {
    "primary": "PRIMARY",
    "secondary": "SECONDARY",
    "otherPreSpecified": "OTHER_PRE_SPECIFIED",
    "postHoc": "POST_HOC",
}
_HYPOTHESES = {
    "superiority": "SUPERIORITY",
    "nonInferiority": "NON_INFERIORITY",
    "equivalence": "EQUIVALENCE",
    "other": "OTHER",
}
_SIDES = {"twoSided": "TWO_SIDED", "oneSided": "ONE_SIDED"}
_PERCENT = re.compile(r"\d{1,3}(?:\.\d{1,3})?")


def baseline(node: Node, arms: Mapping[str, ReportedGroup], sets: Mapping[str, ReportedGroup]) -> Baseline | None:
    """The characteristics at baseline; None where there are none."""
    if node.empty:
        return None
    groups: dict[str, ReportedGroup] = {}
    counts = []
    for one in several(node, "baselineReportingGroups", "baselineReportingGroup"):
        key = one.line("id") or one.path
        arm = arms.get(one.line("armId") or "")
        groups[key] = ReportedGroup(key, one.line("title") or (arm.title if arm else None), one.prose("description"))
        counts.append(GroupCount(key, one.line("subjects")))
    for key, known in sets.items():
        groups.setdefault(key, known)
    measures = [
        _characteristic(one, groups)
        for name, part in (
            ("studyCategoricalCharacteristics", "studyCategoricalCharacteristic"),
            ("studyContinuousCharacteristics", "studyContinuousCharacteristic"),
        )
        for one in several(node, name, part)
    ]
    own = ("ageContinuousCharacteristic", "ageCategoricalCharacteristic", "genderCategoricalCharacteristic")
    measures += [_characteristic(node.child(name), groups) for name in own if node.kind(name) is dict]
    model = worded(value(node, "reportingModel"))
    node.skip("reportingModel")
    return Baseline(
        population=f"Reported by: {model}" if model else None,
        groups=tuple(groups.values()),
        denominators=(Denominator("Participants", tuple(counts)),) if counts else (),
        measures=tuple(measures),
    )


def _characteristic(node: Node, groups: dict[str, ReportedGroup]) -> Measure:
    tables = [
        (one.line(key) or one.path, one)
        for name, part, key in (
            ("reportingGroups", "reportingGroup", "baselineReportingGroupId"),
            ("subjectAnalysisSets", "subjectAnalysisSet", "subjectAnalysisSetId"),
        )
        for one in several(node, name, part)
    ]
    if node.kind("totalBaselineGroup") is dict:
        total = node.child("totalBaselineGroup")
        key = total.line("id") or "total"
        groups.setdefault(key, ReportedGroup(key, total.line("title") or "Total", total.prose("description")))
        tables.append((key, total))
    return _measure(node, tables, None)


def _measure(node: Node, tables: list[tuple[str, Node]], kind: str | None) -> Measure:
    """A table of categories by groups; a cell is a count, or a value with its dispersion."""
    names = {one.line("id"): one.line("name") for one in several(node, "categories", "category")}
    cells: dict[str | None, dict[str, dict[str, str | None]]] = {}
    counts = []
    for key, one in tables:
        if subjects := one.line("subjects"):
            counts.append(GroupCount(key, subjects))
        for category, part, said in _values(one):
            cells.setdefault(category, {}).setdefault(key, {}).update({part: said})
        if comment := one.prose("comment"):
            first = next(iter(cells), None)
            cells.setdefault(first, {}).setdefault(key, {})["comment"] = comment
    parameter, spread = value(node, "centralTendencyType"), value(node, "dispersionType")
    countable = node.line("countable")
    unready = "Not ready for values" if node.line("readyForValues") == "false" else None
    order = [*(key for key in names if key in cells), *(key for key in cells if key not in names)]
    level = node.line("percentage")
    return Measure(
        title=node.line("title"),
        kind=kind,
        description=joined((node.prose("description"), _level(spread, level), unready), "\n") or None,
        time_frame=node.prose("timeFrame"),
        parameter=_PARAMETERS.get(parameter or "", parameter)
        if parameter
        else "COUNT_OF_PARTICIPANTS"
        if countable == "true"
        else "NUMBER",
        dispersion=_dispersion(spread, level),
        unit=node.line("unit"),
        denominators=(Denominator("Participants", tuple(counts)),) if counts else (),
        classes=(
            MeasureClass(
                None,
                (),
                tuple(
                    Category(
                        names.get(category),
                        tuple(
                            Measurement(
                                key,
                                said.get("value"),
                                said.get("spread"),
                                said.get("lower"),
                                said.get("upper"),
                                said.get("comment"),
                            )
                            for key, said in cells[category].items()
                        ),
                    )
                    for category in order
                ),
            ),
        )
        if cells
        else (),
        path=node.path,
    )


def _level(spread: str | None, level: str | None) -> str | None:
    """A level of confidence that the dispersion does not say."""
    return f"Percentage: {level}" if level and spread != "confidenceInterval" else None


def _dispersion(spread: str | None, level: str | None) -> str | None:
    if spread == "confidenceInterval" and level and _PERCENT.fullmatch(level):
        return f"{level}% Confidence Interval"
    return _DISPERSIONS.get(spread, spread) if spread else None


def _values(group: Node) -> Iterable[tuple[str | None, str, str]]:
    """Category, part of the cell, value."""
    for name, part in (("countableValues", "countableValue"), ("tendencyValues", "tendencyValue")):
        for one in several(group, name, part):
            if said := one.line("value"):
                yield one.line("categoryId"), "value", said
    spreads = several(group, "dispersionValues", "dispersionValue")
    if group.kind("tendencyValue") is dict:
        said = group.child("tendencyValue").line("value")
        if said:
            yield None, "value", said
    if group.kind("dispersionValue") is dict:
        spreads = [*spreads, group.child("dispersionValue")]
    for one in spreads:
        low, high = said_of(one, "value"), said_of(one, "highRangeValue")
        category = one.line("categoryId")
        if low and high:
            yield category, "lower", low
            yield category, "upper", high
        elif low:
            yield category, "spread", low
        elif high:
            yield category, "upper", high


def endpoint(node: Node, arms: Mapping[str, ReportedGroup], sets: Mapping[str, ReportedGroup]) -> Measure:
    """An endpoint with its values and analyses."""
    tables: list[tuple[str, Node]] = []
    groups = []
    for name, part, ref, known in (
        ("armReportingGroups", "armReportingGroup", "armId", arms),
        ("subjectAnalysisSetReportingGroups", "subjectAnalysisSetReportingGroup", "subjectAnalysisSetId", sets),
    ):
        for one in several(node, name, part):
            key = one.line("id") or one.path
            of = known.get(one.line(ref) or "")
            groups.append(ReportedGroup(key, of.title if of else None, of.description if of else None))
            tables.append((key, one))
    kind = value(node, "type")
    measure = _measure(node, tables, _KINDS.get(kind or "", "OTHER_PRE_SPECIFIED"))
    analyses = tuple(_analysis(one) for one in several(node, "statisticalAnalyses", "statisticalAnalysis"))
    return Measure(
        **{
            name: getattr(measure, name)
            for name in ("title", "kind", "description", "time_frame", "parameter", "dispersion", "unit")
        },
        reporting="POSTED",
        groups=tuple(groups),
        denominators=measure.denominators,
        classes=measure.classes,
        analyses=analyses,
        path=node.path,
    )


def _analysis(node: Node) -> Analysis:
    test, estimate = node.child("statisticalHypothesisTest"), node.child("parameterEstimate")
    interval = estimate.child("confidenceInterval") if estimate.kind("confidenceInterval") is dict else None
    variability = estimate.child("variabilityEstimate") if estimate.kind("variabilityEstimate") is dict else None
    kind, method = value(node, "type"), value(test, "method")
    parameter, spread = value(estimate, "type"), value(variability, "type") if variability else None
    relation, p = said_of(test, "valueEqualityRelation"), said_of(test, "value")
    groups = []
    for name in ("armComparisonGroupId", "subjectAnalysisSetComparisonGroupId"):
        if node.kind(name) is list:
            groups += [one.value for one in node.lines(name)]
        elif one := node.line(name):
            groups.append(one)
    specified = worded(value(node, "analysisSpecification"))
    return Analysis(
        groups=tuple(groups),
        description=joined((node.line("title"), node.prose("description"), specified), "\n") or None,
        parameter=joined((None if parameter == "other" else worded(parameter), said_of(estimate, "otherType")), ": ")
        or worded(parameter),
        value=said_of(estimate, "pointEstimate"),
        dispersion={"standardDeviation": "STANDARD_DEVIATION", "standardError": "STANDARD_ERROR_OF_MEAN"}.get(
            spread or ""
        ),
        dispersion_value=said_of(variability, "dispersionValue") if variability else None,
        method=said_of(test, "otherMethod") or worded(method),
        method_comment=test.prose("comment"),
        p_value=f"{relation or ''}{p}" if p else None,
        sides=_SIDES.get(value(interval, "sides") or "") if interval else None,
        level=said_of(interval, "percentage") if interval else None,
        lower=said_of(interval, "lowerLimit") if interval else None,
        upper=said_of(interval, "upperLimit") if interval else None,
        hypothesis=_HYPOTHESES.get(kind or ""),
        path=node.path,
    )
