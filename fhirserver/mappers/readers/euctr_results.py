"""The posted results of an EU Clinical Trials Register record: flow of subjects, baseline, endpoints, harm.

https://www.clinicaltrialsregister.eu/about.html (EudraCT results, schema 1.x, as JSON)
"""

from __future__ import annotations

from fhirserver.mappers.readers import spoken
from fhirserver.mappers.readers.euctr_events import events
from fhirserver.mappers.readers.euctr_flow import flow
from fhirserver.mappers.readers.euctr_measures import baseline, endpoint
from fhirserver.mappers.readers.euctr_parts import several, value
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.results.parts import ReportedGroup, Results


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
    told = flow(disposition, [*before, *periods], arms)
    return Results(
        flow=told,
        baseline=baseline(root.child("baselineCharacteristics"), arms, known),
        outcomes=tuple(endpoint(one, arms, known) for one in several(root, "endPoints", "endPoint")),
        events=events(root.child("adverseEvents")),
    )


def _set(key: str, node: Node) -> ReportedGroup:
    kind, subjects = value(node, "type"), node.line("subjects")
    said = joined((node.prose("description"), kind and spoken.label(kind), subjects and f"{subjects} subjects"), "\n")
    return ReportedGroup(key, node.line("title"), said or None)
