"""Participant flow, baseline characteristics and outcomes of a ClinicalTrials.gov study with posted results.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ResultsSection
"""

from __future__ import annotations

from fhirserver.mappers.readers.ctgov_events import adverse_events, agreement, contact
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.results.parts import (
    Analysis,
    Baseline,
    Category,
    Denominator,
    Flow,
    FlowCount,
    FlowPeriod,
    FlowStep,
    GroupCount,
    Measure,
    MeasureClass,
    Measurement,
    ReportedGroup,
    Results,
)

_GROUP = {"id": str, "title": str, "description": str}
_FLOW_COUNT = {"groupId": str, "numSubjects": str, "numUnits": str, "comment": str}
_GROUP_COUNT = {"groupId": str, "value": str}
_MEASUREMENT = {"groupId": str, "value": str, "spread": str, "lowerLimit": str, "upperLimit": str, "comment": str}


def results(root: Node) -> Results | None:
    """The posted results, None where there are none."""
    section = root.child("resultsSection")
    if section.empty:
        return None
    more = section.child("moreInfoModule")
    return Results(
        flow=_flow(section.child("participantFlowModule")),
        baseline=_baseline(section.child("baselineCharacteristicsModule")),
        outcomes=tuple(_measure(node) for node in section.child("outcomeMeasuresModule").children("outcomeMeasures")),
        events=adverse_events(section.child("adverseEventsModule")),
        limitations=more.child("limitationsAndCaveats").prose("description"),
        agreement=agreement(more.child("certainAgreement")),
        contact=contact(more.child("pointOfContact")),
    )


def groups(module: Node) -> tuple[ReportedGroup, ...]:
    """The groups of a table."""
    return tuple(ReportedGroup(*row) for row in module.rows("groups", _GROUP, ("description",)))


def _flow(module: Node) -> Flow | None:
    if module.empty:
        return None
    return Flow(
        pre_assignment=module.prose("preAssignmentDetails"),
        recruitment=module.prose("recruitmentDetails"),
        units=module.said("typeUnitsAnalyzed"),
        groups=groups(module),
        periods=tuple(
            FlowPeriod(
                node.said("title"),
                _steps(node, "milestones", "achievements"),
                _steps(node, "dropWithdraws", "reasons"),
            )
            for node in module.children("periods")
        ),
    )


def _steps(period: Node, name: str, counts: str) -> tuple[FlowStep, ...]:
    return tuple(
        FlowStep(
            node.said("type"),
            node.prose("comment"),
            tuple(FlowCount(*row) for row in node.rows(counts, _FLOW_COUNT, ("comment",))),
        )
        for node in period.children(name)
    )


def _baseline(module: Node) -> Baseline | None:
    if module.empty:
        return None
    return Baseline(
        population=module.prose("populationDescription"),
        units=module.said("typeUnitsAnalyzed"),
        groups=groups(module),
        denominators=_denominators(module),
        measures=tuple(_measure(node) for node in module.children("measures")),
    )


def _measure(node: Node) -> Measure:
    percent = node.flag("calculatePct")
    return Measure(
        title=node.said("title"),
        kind=node.said("type"),
        description=node.prose("description"),
        population=node.prose("populationDescription"),
        time_frame=node.said("timeFrame"),
        reporting=node.said("reportingStatus"),
        expected=node.said("anticipatedPostingDate"),
        parameter=node.said("paramType"),
        dispersion=node.said("dispersionType"),
        unit=node.said("unitOfMeasure"),
        percent=percent.value if percent else None,
        units_analysed=node.said("typeUnitsAnalyzed"),
        denominator_units=node.said("denomUnitsSelected"),
        groups=groups(node),
        denominators=_denominators(node),
        classes=tuple(_class(one) for one in node.children("classes")),
        analyses=tuple(_analysis(one) for one in node.children("analyses")),
        path=node.path,
    )


def _denominators(node: Node) -> tuple[Denominator, ...]:
    return tuple(
        Denominator(one.said("units"), tuple(GroupCount(*row) for row in one.rows("counts", _GROUP_COUNT)))
        for one in node.children("denoms")
    )


def _class(node: Node) -> MeasureClass:
    return MeasureClass(
        node.said("title"),
        _denominators(node),
        tuple(
            Category(
                one.said("title"),
                tuple(Measurement(*row) for row in one.rows("measurements", _MEASUREMENT, ("comment",))),
            )
            for one in node.children("categories")
        ),
    )


def _analysis(node: Node) -> Analysis:
    tested = node.flag("testedNonInferiority")
    return Analysis(
        groups=tuple(value.value for value in node.lines("groupIds")),
        description=node.prose("groupDescription"),
        other=node.prose("otherAnalysisDescription"),
        parameter=node.said("paramType"),
        value=node.said("paramValue"),
        comment=node.prose("estimateComment"),
        dispersion=node.said("dispersionType"),
        dispersion_value=node.said("dispersionValue"),
        method=node.said("statisticalMethod"),
        method_comment=node.prose("statisticalComment"),
        p_value=node.said("pValue"),
        p_value_comment=node.prose("pValueComment"),
        sides=node.said("ciNumSides"),
        level=node.said("ciPctValue"),
        lower=node.said("ciLowerLimit"),
        upper=node.said("ciUpperLimit"),
        lower_comment=node.prose("ciLowerLimitComment"),
        upper_comment=node.prose("ciUpperLimitComment"),
        non_inferiority_tested=tested.value if tested else None,
        hypothesis=node.said("nonInferiorityType"),
        hypothesis_comment=node.prose("nonInferiorityComment"),
        path=node.path,
    )
