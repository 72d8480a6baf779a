"""Adverse events, agreements and the contact of a ClinicalTrials.gov study with posted results.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#AdverseEventsModule
"""

from __future__ import annotations

from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.results.parts import (
    AdverseEvent,
    AdverseEvents,
    Agreement,
    EventCount,
    EventGroup,
    EventTotals,
    ReportedGroup,
    ResultsContact,
)

_COUNT = {"groupId": str, "numEvents": int, "numAffected": int, "numAtRisk": int}


def adverse_events(module: Node) -> AdverseEvents | None:
    """What harm was seen, None where the record has no such module."""
    if module.empty:
        return None
    return AdverseEvents(
        threshold=module.said("frequencyThreshold"),
        time_frame=module.said("timeFrame"),
        description=module.prose("description"),
        mortality_comment=module.prose("allCauseMortalityComment"),
        groups=tuple(_group(node) for node in module.children("eventGroups")),
        serious=_events(module, "seriousEvents"),
        other=_events(module, "otherEvents"),
    )


def _group(node: Node) -> EventGroup:
    return EventGroup(
        ReportedGroup(node.said("id"), node.said("title"), node.prose("description")),
        EventTotals(node.count("deathsNumAffected"), node.count("deathsNumAtRisk")),
        EventTotals(node.count("seriousNumAffected"), node.count("seriousNumAtRisk")),
        EventTotals(node.count("otherNumAffected"), node.count("otherNumAtRisk")),
    )


def _events(module: Node, name: str) -> tuple[AdverseEvent, ...]:
    return tuple(
        AdverseEvent(
            node.said("term"),
            node.said("organSystem"),
            node.said("sourceVocabulary"),
            node.said("assessmentType"),
            node.prose("notes"),
            tuple(EventCount(*row) for row in node.rows("stats", _COUNT)),
        )
        for node in module.children(name)
    )


def agreement(node: Node) -> Agreement | None:
    """Whether the investigators may publish."""
    if node.empty:
        return None
    employee, restrictive = node.flag("piSponsorEmployee"), node.flag("restrictiveAgreement")
    return Agreement(
        employee.value if employee else None,
        restrictive.value if restrictive else None,
        node.said("restrictionType"),
        node.prose("otherDetails"),
        node.path,
    )


def contact(node: Node) -> ResultsContact | None:
    """Whom to ask about the results."""
    if node.empty:
        return None
    return ResultsContact(
        node.said("title"),
        node.said("organization"),
        node.said("email"),
        node.said("phone"),
        node.said("phoneExt"),
    )
