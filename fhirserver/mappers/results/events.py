"""Adverse events: for deaths, serious and other events one EvidenceVariable, and one Evidence for each group.

https://hl7.org/fhir/R5/evidence-definitions.html#Evidence.statistic.numberAffected
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhirserver.mappers.codes import FHIR
from fhirserver.mappers.results.evidence import Study, evidence, labelled, variable, what, whom
from fhirserver.mappers.results.names import group_parts
from fhirserver.mappers.results.parts import (
    AdverseEvent,
    AdverseEvents,
    EventGroup,
    EventTotals,
    ReportedGroup,
)

Resource = dict[str, Any]

DEATHS, SERIOUS, OTHER = "deaths", "serious-events", "other-events"
THRESHOLD = "Frequency threshold in percent"
COMMENT = "Comment"
TOTAL = "all"
EVENT = "Adverse event"
VOCABULARY = "Source vocabulary"
UNNAMED = "Not named"

ASSESSMENTS = {
    "SYSTEMATIC_ASSESSMENT": ("systematic-assessment", "Systematic Assessment"),
    "NON_SYSTEMATIC_ASSESSMENT": ("non-systematic-assessment", "Non-Systematic Assessment"),
}


@dataclass(frozen=True, slots=True)
class _Kind:
    id: str
    title: str
    notes: list[Resource]
    events: tuple[AdverseEvent, ...] = ()


def events(study: Study, found: AdverseEvents) -> list[tuple[Resource, list[Resource]]]:
    """(what was counted, the counts of each group) for deaths, serious and other events."""
    kinds = (
        _Kind(DEATHS, "All-cause mortality", labelled((COMMENT, found.mortality_comment))),
        _Kind(SERIOUS, "Serious adverse events", [], found.serious),
        _Kind(OTHER, "Other adverse events", labelled((THRESHOLD, found.threshold)), found.other),
    )
    return [_kind(study, found, kind) for kind in kinds]


def totals(group: EventGroup, kind: str) -> EventTotals:
    """The totals of a group for one of the three kinds."""
    match kind:
        case "deaths":
            return group.deaths
        case "serious-events":
            return group.serious
        case _:
            return group.other


def _kind(study: Study, found: AdverseEvents, kind: _Kind) -> tuple[Resource, list[Resource]]:
    measured = variable(study.id(kind.id), kind.title, found.description, found.time_frame, kind.notes)
    if kind.events:
        combined = {
            "definitionByCombination": {
                "code": "any-of",
                "characteristic": [_event(f"e{number}", event) for number, event in enumerate(kind.events, 1)],
            }
        }
        measured["characteristic"] = [*measured.get("characteristic", ()), combined]
    of_group: dict[str | None, list[Resource]] = {group.group.id: [] for group in found.groups}
    for group in found.groups:
        if any(value is not None for value in totals(group, kind.id)):
            of_group[group.group.id].append(_statistic(TOTAL, None, *totals(group, kind.id)))
    for number, event in enumerate(kind.events, 1):
        category = {"text": event.term} if event.term else None
        met: set[str | None] = set()
        for count in event.counts:
            id_ = f"e{number}" + (f"n{len(met)}" if count.group in met else "")
            met.add(count.group)
            of_group.setdefault(count.group, []).append(
                _statistic(id_, category, count.affected, count.at_risk, count.events)
            )
    return measured, list(_of_groups(study, measured, kind, found, of_group))


def _of_groups(
    study: Study, measured: Resource, kind: _Kind, found: AdverseEvents, of_group: dict[str | None, list[Resource]]
) -> Iterator[Resource]:
    """Deaths only of groups in which they were counted; the groups themselves stand with the other kinds."""
    known = {group.group.id: group.group for group in found.groups}
    parts = group_parts(of_group)
    for id_, statistics in of_group.items():
        group = known.get(id_) or ReportedGroup(id_)
        if statistics or kind.id != DEATHS:
            yield evidence(
                f"{measured['id']}-{parts[id_]}",
                f"{kind.title}: {group.title or group.id}",
                [whom(study, group), what(measured)],
                statistics,
            )


def _event(link_id: str, event: AdverseEvent) -> Resource:
    """An event by its term; its type is the organ system."""
    methods: list[Resource] = []
    if event.assessment:
        code, display = ASSESSMENTS.get(event.assessment, (None, event.assessment))
        methods.append(
            {"coding": [{"system": f"{FHIR}definition-method", "code": code, "display": display}], "text": display}
            if code
            else {"text": display}
        )
    if event.vocabulary:
        methods.append({"text": f"{VOCABULARY}: {event.vocabulary}"})
    found: Resource = {"linkId": link_id}
    if event.notes:
        found["note"] = [{"text": event.notes}]
    definition: Resource = {"type": {"text": event.organ_system or EVENT}}
    if methods:
        definition["method"] = methods
    definition["valueCodeableConcept"] = {"text": event.term or UNNAMED}
    found["definitionByTypeAndValue"] = definition
    return found


def _statistic(
    id_: str, category: Resource | None, affected: int | None, at_risk: int | None, happened: int | None = None
) -> Resource:
    found: Resource = {"id": id_}
    if category:
        found["category"] = category
    if happened is not None:
        found["numberOfEvents"] = happened
    if affected is not None:
        found["numberAffected"] = affected
    if at_risk is not None:
        found["sampleSize"] = {"knownDataCount": at_risk}
    return found
