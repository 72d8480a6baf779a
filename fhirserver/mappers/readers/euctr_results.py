"""The posted results of an EU Clinical Trials Register record: flow of subjects, baseline, endpoints, harm.

https://www.clinicaltrialsregister.eu/about.html (EudraCT results, schema 1.x, as JSON)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fhirserver.mappers.readers import spoken
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.results.parts import (
    AdverseEvent,
    AdverseEvents,
    Analysis,
    Baseline,
    Category,
    Denominator,
    EventCount,
    EventGroup,
    EventTotals,
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

ORGANS = {
    "100000004848": "Investigations",
    "100000004849": "Cardiac disorders",
    "100000004850": "Congenital, familial and genetic disorders",
    "100000004851": "Blood and lymphatic system disorders",
    "100000004852": "Nervous system disorders",
    "100000004853": "Eye disorders",
    "100000004854": "Ear and labyrinth disorders",
    "100000004855": "Respiratory, thoracic and mediastinal disorders",
    "100000004856": "Gastrointestinal disorders",
    "100000004857": "Renal and urinary disorders",
    "100000004858": "Skin and subcutaneous tissue disorders",
    "100000004859": "Musculoskeletal and connective tissue disorders",
    "100000004860": "Endocrine disorders",
    "100000004861": "Metabolism and nutrition disorders",
    "100000004862": "Infections and infestations",
    "100000004863": "Injury, poisoning and procedural complications",
    "100000004864": "Neoplasms benign, malignant and unspecified (incl cysts and polyps)",
    "100000004865": "Surgical and medical procedures",
    "100000004866": "Vascular disorders",
    "100000004867": "General disorders and administration site conditions",
    "100000004868": "Pregnancy, puerperium and perinatal conditions",
    "100000004869": "Social circumstances",
    "100000004870": "Immune system disorders",
    "100000004871": "Hepatobiliary disorders",
    "100000004872": "Reproductive system and breast disorders",
    "100000004873": "Psychiatric disorders",
}
"""System organ classes by their numbers in the European terminologies, EUTCT."""
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


def results(root: Node) -> Results | None:
    """The posted results; None where the record has none."""
    names = ("subjectDisposition", "baselineCharacteristics", "endPoints", "adverseEvents", "subjectAnalysisSets")
    if all(root.child(name).empty for name in names if root.kind(name) is dict):
        return None
    sets = {key: one for one in several(root, "subjectAnalysisSets", "subjectAnalysisSet") if (key := one.line("id"))}
    known = {key: _set(key, one) for key, one in sets.items()}
    disposition = root.child("subjectDisposition")
    periods = several(disposition, "postAssignmentPeriods", "postAssignmentPeriod")
    before = several(disposition, "preAssignmentPeriods", "preAssignmentPeriod")
    arms: dict[str, ReportedGroup] = {}
    flow = _flow(disposition, [*before, *periods], arms)
    return Results(
        flow=flow,
        baseline=_baseline(root.child("baselineCharacteristics"), arms, known),
        outcomes=tuple(_endpoint(one, arms, known) for one in several(root, "endPoints", "endPoint")),
        events=_events(root.child("adverseEvents")),
    )


def several(node: Node, name: str, part: str) -> list[Node]:
    """The parts in a member: XML that became JSON has a list only where there were two."""
    if node.kind(name) is not dict:
        return []
    inner = node.child(name)
    return [inner.child(part)] if inner.kind(part) is dict else inner.children(part) if inner.kind(part) is list else []


def value(node: Node, name: str) -> str | None:
    """'ARM_TYPE.experimental' is experimental."""
    if node.kind(name) is not dict:
        return None
    said = node.child(name).line("value")
    return said.rpartition(".")[2] if said else None


def _set(key: str, node: Node) -> ReportedGroup:
    kind, subjects = value(node, "type"), node.line("subjects")
    said = joined((node.prose("description"), kind and spoken.label(kind), subjects and f"{subjects} subjects"), "\n")
    return ReportedGroup(key, node.line("title"), said or None)


def _flow(node: Node, periods: Iterable[Node], arms: dict[str, ReportedGroup]) -> Flow | None:
    if node.empty:
        return None
    reasons = {
        one.line("id"): joined((one.line("otherReason"), _spoken(value(one, "type"))), ": ")
        for name, part in (("reasonsNotCompleted", "reasonNotCompleted"), ("reasonsJoined", "reasonJoined"))
        for one in several(node, name, part)
    }
    found = [_period(one, arms, reasons) for one in periods]
    return Flow(
        pre_assignment=node.prose("screeningInformation"),
        recruitment=node.prose("recruitmentDetails"),
        groups=tuple(arms.values()),
        periods=tuple(found),
    )


def _spoken(code: str | None) -> str | None:
    return spoken.label(code) if code else None


def _period(node: Node, arms: dict[str, ReportedGroup], reasons: Mapping[str | None, str]) -> FlowPeriod:
    started, completed = node.child("startedMilestone"), node.child("completedMilestone")
    titles = {started.line("id"): "STARTED", completed.line("id"): "COMPLETED"}
    for one in several(node, "otherMilestones", "otherMilestone"):
        titles[one.line("id")] = one.line("title") or "Milestone"
    steps: dict[str | None, list[FlowCount]] = {key: [] for key in titles}
    left: dict[str | None, list[FlowCount]] = {}
    for arm in several(node, "arms", "arm"):
        key = arm.line("id") or arm.path
        reached = [arm.child("startedMilestoneAchievement"), arm.child("completedMilestoneAchievement")]
        reached += several(arm, "otherMilestoneAchievements", "otherMilestoneAchievement")
        for one in reached:
            milestone = (
                one.line("startedMilestoneId") or one.line("completedMilestoneId") or one.line("otherMilestoneId")
            )
            count = one.line("subjects")
            if milestone in steps and count:
                steps[milestone].append(FlowCount(key, count))
        for name in ("notCompletedReasonDetails", "joinedReasonDetails"):
            for one in several(arm, name, "reasonDetail"):
                reason = one.line("reasonNotCompletedId") or one.line("reasonJoinedId")
                if count := one.line("subjects"):
                    left.setdefault(reason, []).append(FlowCount(key, count))
        products = [
            joined([one.value for one in spoken.lines(product, _version)], "; ")
            for product in several(arm, "armProducts", "armProduct")
        ]
        kind = _spoken(value(arm, "type"))
        rest = [one.value for one in spoken.lines(arm, lambda name: name == "id")]
        said = joined((arm.prose("description"), kind and f"Type: {kind}", *products, *rest), "\n")
        arms.setdefault(key, ReportedGroup(key, arm.line("title"), said or None))
    node.skip("id")
    about = [one.value.removesuffix(" – ") for one in spoken.lines(node, _version)]
    title = joined((node.line("title"), *(_code(one) for one in about)))
    return FlowPeriod(
        title or None,
        tuple(FlowStep(titles[key], None, tuple(counts)) for key, counts in steps.items()),
        tuple(FlowStep(reasons.get(key) or "Reason", None, tuple(counts)) for key, counts in left.items()),
    )


def _version(name: str) -> bool:
    return name in ("id", "version")


def _code(line: str) -> str:
    """'Blinding type – Value: BLINDING.single' is 'Blinding type: single'."""
    name, _, said = line.partition(": ")
    return f"{name.removesuffix(' – Value')}: {said.rpartition('.')[2] if said.isascii() and ' ' not in said else said}"


def _baseline(node: Node, arms: Mapping[str, ReportedGroup], sets: Mapping[str, ReportedGroup]) -> Baseline | None:
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
    model = _spoken(value(node, "reportingModel"))
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
        low, high = _said(one, "value"), _said(one, "highRangeValue")
        category = one.line("categoryId")
        if low and high:
            yield category, "lower", low
            yield category, "upper", high
        elif low:
            yield category, "spread", low
        elif high:
            yield category, "upper", high


def _said(node: Node, name: str) -> str | None:
    """A value; XML's empty element has become an object."""
    return node.line(name) if node.kind(name) is str else None


def _endpoint(node: Node, arms: Mapping[str, ReportedGroup], sets: Mapping[str, ReportedGroup]) -> Measure:
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
    relation, p = _said(test, "valueEqualityRelation"), _said(test, "value")
    groups = []
    for name in ("armComparisonGroupId", "subjectAnalysisSetComparisonGroupId"):
        if node.kind(name) is list:
            groups += [one.value for one in node.lines(name)]
        elif one := node.line(name):
            groups.append(one)
    specified = _spoken(value(node, "analysisSpecification"))
    return Analysis(
        groups=tuple(groups),
        description=joined((node.line("title"), node.prose("description"), specified), "\n") or None,
        parameter=joined((None if parameter == "other" else _spoken(parameter), _said(estimate, "otherType")), ": ")
        or _spoken(parameter),
        value=_said(estimate, "pointEstimate"),
        dispersion={"standardDeviation": "STANDARD_DEVIATION", "standardError": "STANDARD_ERROR_OF_MEAN"}.get(
            spread or ""
        ),
        dispersion_value=_said(variability, "dispersionValue") if variability else None,
        method=_said(test, "otherMethod") or _spoken(method),
        method_comment=test.prose("comment"),
        p_value=f"{relation or ''}{p}" if p else None,
        sides=_SIDES.get(value(interval, "sides") or "") if interval else None,
        level=_said(interval, "percentage") if interval else None,
        lower=_said(interval, "lowerLimit") if interval else None,
        upper=_said(interval, "upperLimit") if interval else None,
        hypothesis=_HYPOTHESES.get(kind or ""),
        path=node.path,
    )


def _events(node: Node) -> AdverseEvents | None:
    if node.empty:
        return None
    dictionary = node.child("dictionary")
    name = joined((_said(dictionary, "otherName"), _spoken(value(dictionary, "name")), dictionary.line("version")), " ")
    assessment = _assessed(value(node, "assessmentMethod"))
    groups = {}
    deaths = []
    for one in several(node, "reportingGroups", "reportingGroup"):
        key = one.line("id") or one.path
        exposed = _count(one, "subjectsExposed")
        title = one.line("title")
        dead, caused = one.line("deathsAllCauses"), one.line("deathsResultingFromAdverseEvents")
        if caused:
            deaths.append(f"{title or key}: {caused} deaths resulting from adverse events")
        groups[key] = EventGroup(
            ReportedGroup(key, title, one.prose("description")),
            deaths=EventTotals(int(dead) if dead and dead.isdigit() else None, exposed if dead else None),
            serious=EventTotals(_count(one, "subjectsAffectedBySeriousAdverseEvents"), exposed),
            other=EventTotals(_count(one, "subjectsAffectedByNonSeriousAdverseEvents"), exposed),
        )
    titles = {key: one.group.title or key for key, one in groups.items()}
    return AdverseEvents(
        threshold=node.line("nonSeriousEventFrequencyThreshold"),
        time_frame=node.prose("timeFrame"),
        description=node.prose("description"),
        mortality_comment="; ".join(deaths) or None,
        groups=tuple(groups.values()),
        serious=tuple(
            _event(one, name, assessment, titles)
            for one in several(node, "seriousAdverseEvents", "seriousAdverseEvent")
        ),
        other=tuple(
            _event(one, name, assessment, titles)
            for one in several(node, "nonSeriousAdverseEvents", "nonSeriousAdverseEvent")
        ),
    )


def _assessed(code: str | None) -> str | None:
    known = {"systematic": "SYSTEMATIC_ASSESSMENT", "nonSystematic": "NON_SYSTEMATIC_ASSESSMENT"}
    return known.get(code, code) if code else None


def _count(node: Node, name: str) -> int | None:
    said = node.line(name)
    return int(said) if said and said.isascii() and said.isdigit() and len(said) < 10 else None


def _event(node: Node, vocabulary: str, assessment: str | None, titles: Mapping[str, str]) -> AdverseEvent:
    organ = node.child("organSystem")
    number, version = organ.line("eutctId"), organ.line("version")
    eutct = joined((f"EUTCT {number}" if number else None, f"version {version}" if version else None), ", ")
    counts, notes = [], []
    for one in several(node, "values", "value"):
        key = one.line("reportingGroupId")
        counts.append(
            EventCount(
                key,
                _count(one, "occurrences"),
                _count(one, "subjectsAffected"),
                _count(one, "subjectsExposed"),
            )
        )
        fatal = one.child("fatalities")
        said = [
            f"{count} {words}"
            for count, words in (
                (one.line("occurrencesCausallyRelatedToTreatment"), "causally related to treatment"),
                (fatal.line("deaths"), "deaths"),
                (fatal.line("deathsCausallyRelatedToTreatment"), "deaths causally related to treatment"),
            )
            if count
        ]
        if said:
            notes.append(f"{titles.get(key or '', key)}: {', '.join(said)}")
    overridden = node.line("dictionaryOverridden")
    if overridden == "true":
        notes.append("the record names another dictionary for this event")
    organ_name = ORGANS.get(number or "")
    return AdverseEvent(
        node.line("term"),
        f"{organ_name} ({eutct})" if organ_name else eutct or None,
        vocabulary or None,
        _assessed(value(node, "assessmentMethod")) or assessment,
        "\n".join(notes) or None,
        tuple(counts),
    )
