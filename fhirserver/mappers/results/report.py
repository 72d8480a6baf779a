"""The results of a study as one EvidenceReport: its sections lead to what was found.

https://hl7.org/fhir/R5/evidencereport.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirserver.mappers.codes import FHIR, concept
from fhirserver.mappers.identity import CLINICAL_TRIALS_GOV, identifier, link, reference
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.parties import phone
from fhirserver.mappers.results.evidence import labelled
from fhirserver.mappers.results.parts import Agreement, Measure, Results, ResultsContact
from fhirserver.mappers.results.words import KINDS, REPORTING

Resource = dict[str, Any]
Found = tuple[Resource, list[Resource]]
"""What was measured, and what was found."""
Analysed = tuple[Resource, list[Resource], list[Resource]]
"""What was measured, what was found, and its analyses."""

REPORT = "results"
LIMITATIONS = "Limitations and caveats"
AGREEMENT = "Agreement"
EXPECTED = "Results expected"
ORGANISATION = "organization"

FLOW_SECTION = "Participant flow"
BASELINE_SECTION = "Baseline characteristics"
OUTCOMES_SECTION = "Outcome measures"
EVENTS_SECTION = "Adverse events"
ANALYSES_SECTION = "Statistical analyses"
AGREEMENT_SECTION = "Agreements on publication"

EMPLOYEE = {
    True: "All principal investigators are employed by the sponsor",
    False: "Not all principal investigators are employed by the sponsor",
}
RESTRICTIVE = {
    True: "An agreement restricts what principal investigators may publish",
    False: "No agreement restricts what principal investigators may publish",
}
RESTRICTIONS = {
    "LTE60": "The sponsor may embargo results for up to 60 days",
    "GT60": "The sponsor may embargo results for more than 60 and up to 180 days",
    "OTHER": "Another restriction on publication",
}


def report(
    stem: str,
    title: str,
    results: Results,
    flow: Found | None,
    baseline: list[Found] | None,
    outcomes: list[Analysed],
    events: list[Found] | None,
) -> Resource:
    """The EvidenceReport of a study."""
    id_ = f"{stem}-{REPORT}"
    sections: list[Resource] = []
    if flow:
        sections.append(_section(FLOW_SECTION, None, flow))
    if baseline:
        sections.append(_part(BASELINE_SECTION, None, (_section(None, None, one) for one in baseline)))
    if outcomes:
        measures = zip(results.outcomes, outcomes, strict=True)
        sections.append(_part(OUTCOMES_SECTION, "EvidenceVariable-outcome", (_outcome(*one) for one in measures)))
    if events:
        sections.append(_part(EVENTS_SECTION, "Harms-outcomes", (_section(None, None, one) for one in events)))
    if results.agreement:
        sections.append({"title": AGREEMENT_SECTION, "entryClassifier": _agreement(results.agreement)})
    notes = labelled(
        (LIMITATIONS, results.limitations),
        (AGREEMENT, results.agreement.details if results.agreement else None),
    )
    found: Resource = {
        "resourceType": "EvidenceReport",
        "id": id_,
        "text": _text(title, results),
        "status": "active",
        "identifier": [identifier("EvidenceReport", id_)],
        "relatedIdentifier": [{"system": CLINICAL_TRIALS_GOV, "value": stem}],
        "type": concept("evidence-report-type", "resources-compiled", "Resource Compilation"),
    }
    if notes:
        found["note"] = notes
    found["subject"] = {
        "characteristic": [
            {"code": {"text": "Study"}, "valueReference": reference("ResearchStudy", stem, title)},
        ]
    }
    if results.contact and (contact := _contact(results.contact)):
        found["contact"] = contact
    if sections:
        found["section"] = sections
    return found


def _part(title: str, focus: str | None, sections: Iterable[Resource]) -> Resource:
    found: Resource = {"title": title}
    if focus:
        found["focus"] = {"coding": [{"system": f"{FHIR}evidence-report-section", "code": focus}], "text": title}
    return found | {"section": list(sections)}


def _section(title: str | None, focus: Resource | None, of: Found) -> Resource:
    measured, found = of
    section: Resource = {}
    if name := title or measured.get("title"):
        section["title"] = name
    if focus:
        section["focus"] = focus
    section["focusReference"] = link(measured, measured.get("title"))
    if found:
        section["entryReference"] = [link(one) for one in found]
    return section


def _outcome(measure: Measure, of: Analysed) -> Resource:
    kind = KINDS.get(measure.kind or "")
    focus = concept("research-study-objective-type", *kind) if kind else None
    if measure.kind and not kind:
        focus = {"text": measure.kind}
    section = _section(None, focus, of[:2])
    if of[2]:
        section["section"] = [{"title": ANALYSES_SECTION, "entryReference": [link(one) for one in of[2]]}]
    said = [REPORTING.get(measure.reporting, measure.reporting)] if measure.reporting else []
    if measure.expected:
        said.append(f"{EXPECTED}: {measure.expected}")
    if said:
        section["entryClassifier"] = [{"text": one} for one in said]
    return section


def _agreement(one: Agreement) -> list[Resource]:
    said = []
    if one.employee is not None:
        said.append(EMPLOYEE[one.employee])
    if one.restrictive is not None:
        said.append(RESTRICTIVE[one.restrictive])
    if one.restriction:
        said.append(RESTRICTIONS.get(one.restriction, one.restriction))
    return [{"text": text} for text in said] or [{"text": AGREEMENT}]


def _contact(one: ResultsContact) -> list[Resource]:
    """Whom to ask, then, under its own name, the organisation."""
    telecom: list[Resource] = []
    if one.phone or one.extension:
        telecom.append(phone(one.phone or "", one.extension))
    if one.email:
        telecom.append({"system": "email", "value": one.email})
    person: Resource = {"name": one.name} if one.name else {}
    if telecom:
        person["telecom"] = telecom
    found = [person] if person else []
    if one.organisation:
        found.append({"id": ORGANISATION, "name": one.organisation})
    return found


def _text(title: str, results: Results) -> Resource:
    measures = results.baseline.measures if results.baseline else ()
    return narrative(
        f"Results of {title}",
        [
            ("Limitations and caveats", results.limitations),
            ("Baseline characteristics", [one.title or "" for one in measures]),
            ("Outcome measures", [one.title or "" for one in results.outcomes]),
        ],
    )
