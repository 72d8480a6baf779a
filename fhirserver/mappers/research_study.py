"""A trial as a ResearchStudy.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers import registry, study_design, study_progress
from fhirserver.mappers.activity_definition import label
from fhirserver.mappers.codes import ARM_TYPE, MESH, OUTCOME, coded, concept
from fhirserver.mappers.evidence_variable import TIME_FRAME, exposure
from fhirserver.mappers.identity import CLINICAL_TRIALS_GOV, identifier, link, reference
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.objectives import objectives
from fhirserver.mappers.parts import Artifact, Mesh, Outcome, Value
from fhirserver.mappers.study_text import text
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]


def research_study(
    trial: Trial, names: Naming, associated: list[Resource], sites: list[Resource], issues: list[Issue]
) -> Resource:
    """The study; `associated` are its parties and `sites` its Locations."""
    title = trial.title.value if trial.title else None
    elements: list[tuple[str, Any]] = [
        ("resourceType", "ResearchStudy"),
        ("id", names.stem),
        ("text", text(trial, names.stem)),
        ("extension", study_progress.registration(trial) + registry.steps(trial.registered)),
        ("identifier", identifiers(trial, names)),
        ("title", title),
        ("label", _labels(trial)),
        ("protocol", [reference("PlanDefinition", names.protocol)]),
        (
            "relatedArtifact",
            [_artifact(one, issues) for one in _artifacts(trial)]
            + registry.documents(trial.registered, trial.registry_id),
        ),
        ("date", next((e.moment.date for e in trial.events if e.activity == "update-submission"), None)),
        ("status", "active"),
        ("primaryPurposeType", study_design.purpose(trial, issues)),
        ("phase", study_design.phase(trial, issues)),
        ("studyDesign", study_design.study_design(trial, issues)),
        (
            "focus",
            [
                {"concept": {"text": label(one)}, "reference": exposure(names, position, label(one))}
                for position, one in enumerate(trial.interventions)
            ]
            + [{"concept": _mesh(term)} for term in trial.intervention_terms],
        ),
        (
            "condition",
            [{"text": one.value} for one in trial.conditions] + [_mesh(term) for term in trial.condition_terms],
        ),
        ("keyword", [{"text": one.value} for one in trial.keywords]),
        ("descriptionSummary", trial.summary.value if trial.summary else None),
        ("description", trial.description.value if trial.description else None),
        ("period", study_progress.period(trial, issues)),
        ("site", [link(site, site["name"]) for site in sites]),
        ("note", study_design.notes(trial) + registry.notes(trial.registered)),
        ("classifier", study_design.classifiers(trial) + registry.classifiers(trial.registered)),
        ("associatedParty", associated),
        ("progressStatus", study_progress.progress(trial, issues)),
        ("whyStopped", {"text": trial.why_stopped.value} if trial.why_stopped else None),
        ("recruitment", _recruitment(trial, names)),
        ("comparisonGroup", _groups(trial, names, issues)),
        ("objective", objectives(trial)),
        ("outcomeMeasure", [_outcome(one, names, position) for position, one in enumerate(trial.outcomes)]),
    ]
    return {name: value for name, value in elements if value not in (None, [], {})}


def identifiers(trial: Trial, names: Naming) -> list[Resource]:
    """The registry's number first: it makes the study one, whatever record it came from."""
    sponsor = trial.organisation or trial.sponsor
    found: list[Resource] = []
    if trial.registry_id is None:
        found.append({"use": "official", **identifier("ResearchStudy", names.stem)})
    for one in trial.identifiers:
        match one.kind:
            case "registry":
                found.append({"use": "official", "system": one.system or CLINICAL_TRIALS_GOV, "value": one.value})
            case "alias":
                found.append({"use": "old", "system": CLINICAL_TRIALS_GOV, "value": one.value})
            case "organisation":
                entry: Resource = {"use": "usual", "value": one.value}
                if one.type:
                    entry["type"] = {"text": one.type}
                if sponsor:
                    entry["assigner"] = {"display": sponsor.name}
                found.append(entry)
            case "secondary":
                entry = {"use": "secondary", "value": one.value}
                if one.type:
                    entry["type"] = {"text": one.type}
                if one.assigner:
                    entry["assigner"] = {"display": one.assigner}
                if one.system:
                    entry["system"] = one.system
                found.append(entry)
    return found


def _labels(trial: Trial) -> list[Resource]:
    return [
        {"type": concept("title-type", code, display), "value": value.value}
        for code, display, value in (
            ("official", "Official title", trial.official_title),
            ("acronym", "Acronym", trial.acronym),
        )
        if value
    ]


def _mesh(term: Mesh) -> Resource:
    if term.id is None:
        return {"coding": [{"system": MESH, "display": term.term}], "text": term.term}
    return {"coding": [{"system": MESH, "code": term.id, "display": term.term}], "text": term.term}


def _artifacts(trial: Trial) -> list[Artifact]:
    number = trial.registry_id if trial.registry == CLINICAL_TRIALS_GOV else None
    page = f"https://clinicaltrials.gov/study/{number}" if number else None
    said = trial.record_facts[0].value if trial.record_facts else None
    own = [Artifact("documentation", label="Registry record", url=page, classifier=said)] if number or said else []
    return [*own, *trial.artifacts]


def _artifact(one: Artifact, issues: list[Issue]) -> Resource:
    found: Resource = {"type": one.kind}
    if one.classifier:
        found["classifier"] = [{"text": one.classifier}]
    if one.label:
        found["display"] = one.label
    if one.text:
        found["citation"] = one.text
    if one.url and any(letter.isspace() for letter in one.url):
        issues.append(Issue("warning", "value", f"'{one.url}' is no URL; it is kept as text.", (one.path,)))
        # A data set's citation is its comment.
        found["citation" if "citation" not in found and one.kind != "supported-with" else "label"] = one.url
    elif one.url:
        found["document"] = {"url": one.url}
        if one.date:
            found["document"]["creation"] = one.date
    if one.registered:
        number = {"system": CLINICAL_TRIALS_GOV, "value": one.registered}
        found["resourceReference"] = {"type": "ResearchStudy", "identifier": number, "display": one.registered}
    return found


def _recruitment(trial: Trial, names: Naming) -> Resource:
    """A count that is not said to be actual is a plan."""
    found: Resource = {}
    if trial.enrolment:
        found["actualNumber" if trial.enrolment.actual else "targetNumber"] = trial.enrolment.count
    found["eligibility"] = reference("Group", names.eligibility)
    found["actualGroup"] = reference("Group", names.enrolled)
    return found


def _groups(trial: Trial, names: Naming, issues: list[Issue]) -> list[Resource]:
    found = []
    for position, arm in enumerate(trial.arms):
        group: Resource = {"linkId": names.arms[position], "name": arm.label}
        if arm.type:
            group["type"] = coded("research-study-arm-type", ARM_TYPE, Value(arm.type, f"{arm.path}.type"), issues)
        if arm.description:
            group["description"] = arm.description
        if arm.interventions:
            group["intendedExposure"] = [
                exposure(names, one, label(trial.interventions[one])) for one in arm.interventions
            ]
        group["observedGroup"] = reference("Group", names.arm(position))
        found.append(group)
    return found


def _outcome(one: Outcome, names: Naming, position: int) -> Resource:
    code, display = OUTCOME[one.kind]
    found: Resource = {
        "name": one.measure,
        "type": [concept("research-study-objective-type", code or "exploratory", display)],
    }
    # R5 has no element for it: the last paragraph of the description.
    parts = [one.description, TIME_FRAME + one.time_frame if one.time_frame else None]
    if said := "\n\n".join(part for part in parts if part):
        found["description"] = said
    found["reference"] = reference("EvidenceVariable", names.outcome(position))
    return found
