"""The schedule of a study definition: epochs, encounters, activities, timelines, conditions, biomedical concepts.

https://github.com/cdisc-org/DDF-RA (USDM v4: ScheduleTimeline, ScheduledActivityInstance, Timing)
"""

from __future__ import annotations

from collections.abc import Mapping

from fhirserver.mappers import protocol_parts as parts
from fhirserver.mappers.protocol_parts import Coded
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import (
    Source,
    code_of,
    coded,
    codes_of,
    in_order,
    joined,
    quantity_words,
    references,
)


def epochs(design: Node, source: Source) -> tuple[parts.Epoch, ...]:
    """The periods of the study, in order."""
    return tuple(parts.Epoch(source.named(one), code_of(one, "type")) for one in in_order(design.children("epochs")))


def encounters(design: Node, source: Source) -> tuple[parts.Encounter, ...]:
    """Planned contacts, in order."""
    return tuple(
        parts.Encounter(
            source.named(one),
            code_of(one, "type"),
            codes_of(one, "environmentalSettings"),
            codes_of(one, "contactModes"),
            source.rules(one),
            one.line("scheduledAtId"),
        )
        for one in in_order(design.children("encounters"))
    )


def activities(design: Node, source: Source, interventions: Mapping[str, int]) -> tuple[parts.Activity, ...]:
    """What is done, in order."""
    return tuple(
        parts.Activity(
            source.named(one),
            (
                *references(one, "biomedicalConceptIds"),
                *references(one, "bcSurrogateIds"),
                *references(one, "bcCategoryIds"),
            ),
            tuple(_procedure(each, source, interventions) for each in one.children("definedProcedures")),
            references(one, "childIds"),
            one.line("timelineId"),
        )
        for one in in_order(design.children("activities"))
    )


def _procedure(node: Node, source: Source, interventions: Mapping[str, int]) -> parts.Procedure:
    return parts.Procedure(
        source.named(node),
        node.line("procedureType"),
        code_of(node, "code"),
        interventions.get(node.line("studyInterventionId") or ""),
    )


def timelines(design: Node, source: Source) -> tuple[parts.Timeline, ...]:
    """The study's schedule first, then those of activities."""
    found = [_timeline(one, source) for one in design.children("scheduleTimelines")]
    return tuple(sorted(found, key=lambda one: not one.main))


def _timeline(node: Node, source: Source) -> parts.Timeline:
    timings: dict[str, list[parts.Timing]] = {}
    for one in node.children("timings"):
        timing = _timing(one, source)
        if timing:
            timings.setdefault(one.line("relativeFromScheduledInstanceId") or "", []).append(timing)
    # Where a timeline ends says only that nothing follows.
    for one in node.children("exits"):
        one.skip("id")
    main = node.flag("mainTimeline")
    duration = node.child("plannedDuration")
    duration.skip("id")
    vary = duration.flag("durationWillVary")
    said = joined(
        (
            source.prose(duration),
            quantity_words(duration.child("quantity")),
            "will vary" if vary and vary.value else None,
            source.prose(duration, "reasonDurationWillVary"),
        ),
        ", ",
    )
    return parts.Timeline(
        source.named(node),
        bool(main and main.value),
        source.prose(node, "entryCondition"),
        node.line("entryId"),
        said or None,
        tuple(_visit(one, source, timings) for one in _chained(node.children("instances"), node.line("entryId"))),
    )


def _chained(nodes: list[Node], entry: str | None) -> list[Node]:
    """The points of a timeline from its entry on, each before what follows it by default; the rest as listed."""
    by_key = {node.line("id"): node for node in nodes}
    found: dict[str | None, Node] = {}
    key = entry
    while key in by_key and key not in found:
        found[key] = by_key[key]
        key = by_key[key].line("defaultConditionId")
    return [*found.values(), *(node for other, node in by_key.items() if other not in found)]


def _timing(node: Node, source: Source) -> parts.Timing | None:
    kind = code_of(node, "type")
    named = source.named(node)
    return parts.Timing(
        named,
        kind or Coded("Fixed Reference"),
        node.line("value"),
        node.line("valueLabel"),
        code_of(node, "relativeToFrom"),
        node.line("relativeToScheduledInstanceId"),
        node.line("windowLower"),
        node.line("windowUpper"),
        node.line("windowLabel"),
    )


def _visit(node: Node, source: Source, timings: Mapping[str, list[parts.Timing]]) -> parts.Visit:
    node.skip("timelineExitId")
    named = source.named(node)
    branches = []
    for one in node.children("conditionAssignments"):
        one.skip("id")
        condition, target = source.prose(one, "condition"), one.line("conditionTargetId")
        if condition and target:
            branches.append(parts.Branch(condition, target))
    return parts.Visit(
        named,
        node.line("epochId"),
        node.line("encounterId"),
        references(node, "activityIds"),
        node.line("defaultConditionId"),
        tuple(timings.get(named.key, ())),
        tuple(branches),
        node.line("timelineId"),
    )


def conditions(version: Node, source: Source) -> tuple[parts.Applies, ...]:
    """Conditions on activities and procedures."""
    return tuple(
        parts.Applies(source.named(one), said, references(one, "contextIds"), references(one, "appliesToIds"))
        for one in version.children("conditions")
        if (said := source.prose(one))
    )


def concepts(version: Node, source: Source) -> tuple[parts.Concept, ...]:
    """Biomedical concepts, then surrogates and categories."""
    found = [
        parts.Concept(
            source.named(one),
            code_of(one, "code"),
            tuple(each.value for each in one.lines("synonyms")),
            one.line("reference"),
            tuple(_property(each, source) for each in one.children("properties")),
        )
        for one in version.children("biomedicalConcepts")
    ]
    found += [parts.Concept(source.named(one), link=one.line("reference")) for one in version.children("bcSurrogates")]
    found += [parts.Concept(source.named(one), code_of(one, "code")) for one in version.children("bcCategories")]
    return tuple(found)


def _property(node: Node, source: Source) -> parts.Property:
    required, enabled = node.flag("isRequired"), node.flag("isEnabled")
    responses = []
    for one in node.children("responseCodes"):
        code = coded(one.child("code"))
        allowed = one.flag("isEnabled")
        if code:
            responses.append(parts.Response(source.named(one), code, allowed.value if allowed else None))
    return parts.Property(
        source.named(node),
        code_of(node, "code"),
        node.line("datatype"),
        required.value if required else None,
        enabled.value if enabled else None,
        tuple(responses),
    )
