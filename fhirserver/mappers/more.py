"""What other registries and study definitions say beyond ClinicalTrials.gov's model, added to a trial's resources.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.bodies import add_bodies
from fhirserver.mappers.codes import OUTCOME, concept
from fhirserver.mappers.cohorts import characteristics, cohorts
from fhirserver.mappers.concepts import codeable
from fhirserver.mappers.estimands import estimands
from fhirserver.mappers.identity import reference
from fhirserver.mappers.more_parts import Aim, More
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.protocol_cells import cells
from fhirserver.mappers.protocol_document import documents
from fhirserver.mappers.protocol_goals import goals
from fhirserver.mappers.protocol_keys import keys
from fhirserver.mappers.protocol_parts import Protocol
from fhirserver.mappers.schedule import timelines
from fhirserver.mappers.schedule_activities import activities, observations
from fhirserver.mappers.study_progress import registered
from fhirserver.mappers.translations import translate
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]


def add(made: list[Resource], trial: Trial, names: Naming, issues: list[Issue]) -> None:
    """Adds it all to the resources of a trial, of which the study, its eligibility Group and its plan stand first."""
    more = trial.more
    if more is None:
        return
    study = made[0]
    _labels(study, more)
    _append(study, "studyDesign", [codeable(one) for one in more.design])
    _append(study, "condition", [codeable(one) for one in more.topics])
    _append(study, "region", [codeable(one) for one in more.regions])
    _append(study, "note", [{"text": one.value} for one in more.notes])
    _append(study, "classifier", [codeable(one) for one in more.classifiers])
    _append(study, "extension", [registered(one.activity, one.date) for one in more.decisions])
    add_bodies(made, study, more.bodies, issues)
    if more.target is not None:
        study["recruitment"] = {"targetNumber": more.target, **study["recruitment"]}
    for report in made:
        if report["resourceType"] == "EvidenceReport":
            report["relatedIdentifier"] = [{"system": trial.registry, "value": names.stem}]
    if more.aims:
        study["objective"] = [_aim(one, number) for number, one in enumerate(more.aims, 1)]
    if more.protocol:
        _protocol(made, more.protocol, trial, names, issues)
    left = translate(made, more.translations)
    # What is translated as a whole may stand here in parts.
    _append(study, "note", [{"text": f"In {one.language}, of {one.path}: {one.text}"} for one in left])
    _in_order(study)


def _labels(study: Resource, more: More) -> None:
    labels = [
        {"type": concept("title-type", one.code, one.type) if one.code else {"text": one.type}, "value": one.title}
        for one in more.titles
    ]
    _append(study, "label", labels)


def _append(study: Resource, name: str, values: Iterable[Resource]) -> None:
    for value in values:
        if value not in study.setdefault(name, []):
            study[name].append(value)
    if not study.get(name, True):
        del study[name]


def _aim(one: Aim, number: int) -> Resource:
    code, display = OUTCOME[one.kind]
    return {
        "name": one.name or f"Objective {number}",
        "type": concept("research-study-objective-type", code or "exploratory", display),
        "description": one.text,
    }


def _protocol(made: list[Resource], protocol: Protocol, trial: Trial, names: Naming, issues: list[Issue]) -> None:
    """The protocol's own resources, and what they add to the study, its Group and its plan."""
    study, group, plan = made[:3]
    ids = keys(protocol, names)
    plans = timelines(protocol, names, ids, issues)
    author = next(
        (one["party"] for one in study.get("associatedParty", ()) if "party" in one),
        {"display": "The record does not say"},
    )
    papers = documents(protocol, names, ids, author)
    made.extend(plans)
    made.extend(activities(protocol, names, ids))
    made.extend(observations(protocol, names, ids))
    made.extend(estimands(protocol, trial, names, ids))
    made.extend(cohorts(protocol, names, ids, issues))
    made.extend(papers)
    _append(study, "protocol", [reference("PlanDefinition", one["id"], one["title"]) for one in plans])
    _append(
        study,
        "relatedArtifact",
        [
            {
                "type": "documentation",
                "display": one["title"],
                "resourceReference": reference("Composition", one["id"], one["title"]),
            }
            for one in papers
        ],
    )
    if protocol.objectives:
        study["objective"] = [
            {
                "name": one.named.name,
                "type": concept("research-study-objective-type", *_kind(one.kind)),
                "description": one.text,
            }
            for one in protocol.objectives
        ]
        plan["goal"] = goals(protocol, trial)
    _append(group, "characteristic", characteristics(protocol, ids))
    cells(plan, protocol, names)
    for action in ("goal", "action"):
        if action in plan:
            plan[action] = plan.pop(action)


def _kind(kind: str) -> tuple[str, str]:
    code, display = OUTCOME[kind]
    return code or "exploratory", display


_ORDER = (
    *("resourceType", "id", "meta", "text", "contained", "extension", "identifier", "title", "_title", "label"),
    *("protocol", "partOf", "relatedArtifact", "date", "status", "primaryPurposeType", "phase", "studyDesign", "focus"),
    *("condition", "keyword", "region", "descriptionSummary", "_descriptionSummary", "description", "_description"),
    *("period", "site", "note", "classifier", "associatedParty", "progressStatus", "whyStopped", "recruitment"),
    *("comparisonGroup", "objective", "outcomeMeasure", "result"),
)


def _in_order(study: Resource) -> None:
    for name in _ORDER:
        if name in study:
            study[name] = study.pop(name)
