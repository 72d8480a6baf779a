"""How those who took part went through the study: one Evidence a group, a statistic for each step and reason to leave.

https://build.fhir.org/ig/HL7/ebm/StructureDefinition-participant-flow-report.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhirserver.mappers.results.evidence import Study, evidence, labelled, variable, what, whom
from fhirserver.mappers.results.names import group_parts
from fhirserver.mappers.results.numbers import odd, quantity
from fhirserver.mappers.results.parts import Flow, FlowCount, FlowStep, ReportedGroup
from fhirserver.mappers.results.words import statistic_type

Resource = dict[str, Any]

FLOW = "flow"
RECRUITMENT = "Recruitment"
PRE_ASSIGNMENT = "Before assignment"
UNITS = "Units"
SUBJECTS = "Participants as reported"

REACHED = statistic_type("COUNT_OF_PARTICIPANTS") | {"text": "Count of participants who reached the milestone"}
LEFT = statistic_type("COUNT_OF_PARTICIPANTS") | {"text": "Count of participants who left, by reason"}


def flow(study: Study, found: Flow) -> list[Resource]:
    """What was counted, first, then the counts of each group."""
    steps = list(_steps(found))
    measured = variable(
        study.id(FLOW),
        "Participant flow",
        None,
        None,
        labelled((RECRUITMENT, found.recruitment), (PRE_ASSIGNMENT, found.pre_assignment), (UNITS, found.units)),
    )
    if found.periods:
        measured["characteristic"] = _periods(found)
    resources = [measured]
    groups = list(_groups(found, steps))
    parts = group_parts(group.id for group in groups)
    for group in groups:
        statistics = [
            _statistic(id_ + (f"n{position}" if position else ""), period, step, count)
            for id_, period, step in steps
            for position, count in enumerate(one for one in step.counts if one.group == group.id)
        ]
        resources.append(
            evidence(
                study.id(FLOW, parts[group.id]),
                f"Participant flow: {group.title or group.id}",
                [whom(study, group), what(measured)],
                statistics,
            )
        )
    return resources


def _steps(found: Flow) -> Iterator[tuple[str, str | None, FlowStep]]:
    """Every step with its id, p1m2 or p1w3, and the period it is in."""
    for number, period in enumerate(found.periods, 1):
        for letter, steps in (("m", period.milestones), ("w", period.withdrawals)):
            for position, step in enumerate(steps, 1):
                yield f"p{number}{letter}{position}", period.title, step


def _groups(found: Flow, steps: list[tuple[str, str | None, FlowStep]]) -> Iterator[ReportedGroup]:
    known = {group.id: group for group in found.groups}
    counted = {count.group: None for _, _, step in steps for count in step.counts}
    for id_ in dict.fromkeys([*known, *counted]):
        yield known.get(id_) or ReportedGroup(id_)


def _periods(found: Flow) -> list[Resource]:
    """The periods, each with its steps: none has to be met by all."""
    periods = []
    for number, period in enumerate(found.periods, 1):
        one: Resource = {"linkId": f"p{number}"}
        if period.title:
            one["description"] = period.title
        steps = [
            _step(f"p{number}{letter}{position}", step)
            for letter, of in (("m", period.milestones), ("w", period.withdrawals))
            for position, step in enumerate(of, 1)
        ]
        if steps:
            one["definitionByCombination"] = {"code": "any-of", "characteristic": steps}
        periods.append(one)
    return periods


def _step(link_id: str, step: FlowStep) -> Resource:
    found: Resource = {"linkId": link_id}
    if step.type:
        found["description"] = step.type
    if step.comment:
        found["note"] = [{"text": step.comment}]
    return found


def _statistic(id_: str, period: str | None, step: FlowStep, count: FlowCount) -> Resource:
    found: Resource = {"id": id_}
    if period:
        found["description"] = period
    value = quantity(count.subjects, "Participants")
    notes = labelled((SUBJECTS, count.subjects if odd(value, count.subjects) else None), (UNITS, count.units))
    if count.comment:
        notes.append({"text": count.comment})
    if notes:
        found["note"] = notes
    found["statisticType"] = REACHED if "m" in id_ else LEFT
    if step.type:
        found["category"] = {"text": step.type}
    if "value" in value:
        found["quantity"] = value
    return found
