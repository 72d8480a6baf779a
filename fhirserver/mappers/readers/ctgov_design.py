"""Design, arms, interventions and outcomes of a ClinicalTrials.gov study.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#DesignModule
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.mappers.parts import Arm, Design, Enrolment, Intervention, Mesh, Outcome
from fhirserver.mappers.readers.node import Node


def design(module: Node) -> Design:
    """How the study is built."""
    info = module.child("designInfo")
    masking = info.child("maskingInfo")
    specimens = module.child("bioSpec")
    return Design(
        study_type=module.title("studyType"),
        phases=module.lines("phases"),
        purpose=info.title("primaryPurpose"),
        allocation=info.title("allocation"),
        model=info.title("interventionModel"),
        model_description=info.text("interventionModelDescription"),
        masking=masking.title("masking"),
        masking_description=masking.text("maskingDescription"),
        masked=masking.lines("whoMasked"),
        observational_model=info.title("observationalModel"),
        time_perspective=info.title("timePerspective"),
        target_duration=module.title("targetDuration"),
        patient_registry=module.flag("patientRegistry"),
        specimens=specimens.title("retention"),
        specimen_description=specimens.text("description"),
    )


def enrolment(module: Node) -> Enrolment | None:
    """How many take part, planned or counted."""
    info = module.child("enrollmentInfo")
    count = info.count("count")
    kind = info.line("type")
    if count is None:
        return None
    return Enrolment(count, {"ACTUAL": True, "ESTIMATED": False}.get(kind or ""), info.at("count"))


@dataclass(frozen=True, slots=True)
class Arms:
    """Arms and the interventions they point to."""

    arms: tuple[Arm, ...]
    interventions: tuple[Intervention, ...]


def arms(protocol: Node) -> Arms:
    """Arms with their interventions, whichever side of the record names the link."""
    module = protocol.child("armsInterventionsModule")
    interventions: list[Intervention] = []
    positions: dict[str, list[int]] = {}
    given: dict[str, list[int]] = {}
    for node in module.children("interventions"):
        name = node.line("name")
        kind = node.line("type")
        labels = node.lines("armGroupLabels")
        if not name:
            continue
        position = len(interventions)
        interventions.append(
            Intervention(
                kind,
                name,
                _text(node, "description"),
                tuple(other.value for other in node.lines("otherNames")),
                node.path,
            )
        )
        positions.setdefault(key(f"{kind}:{name}"), []).append(position)
        for arm in labels:
            given.setdefault(key(arm.value), []).append(position)
    found = []
    for node in module.children("armGroups"):
        label = node.line("label")
        named = node.lines("interventionNames")
        if not label:
            continue
        linked = given.get(key(label), [])
        of: dict[int, None] = {}
        for name_of in named:
            meant = positions.get(key(name_of.value), ())
            # Of several interventions of one name, those that name the arm are meant.
            of |= dict.fromkeys([one for one in meant if one in linked] or meant)
        of |= dict.fromkeys(linked)
        found.append(Arm(label, node.line("type"), _text(node, "description"), tuple(of), node.path))
    return Arms(tuple(found), tuple(interventions))


def key(name: str) -> str:
    """Names compare without case and blanks: 'Dietary Supplement: X' is DIETARY_SUPPLEMENT:X."""
    return "".join(name.casefold().replace("_", " ").split())


def outcomes(module: Node) -> tuple[Outcome, ...]:
    """What is measured, primary first."""
    kinds = (("primaryOutcomes", "PRIMARY"), ("secondaryOutcomes", "SECONDARY"), ("otherOutcomes", "OTHER"))
    return tuple(
        Outcome(kind, measure, _text(node, "description"), _text(node, "timeFrame"), path=node.path)
        for name, kind in kinds
        for node in module.children(name)
        if (measure := node.line("measure"))
    )


def mesh(module: Node) -> tuple[Mesh, ...]:
    """The MeSH terms that the registry assigned; their ancestors follow from MeSH itself."""
    module.skip("ancestors", "browseLeaves", "browseBranches")
    found = []
    for node in module.children("meshes"):
        identifier, term = node.line("id"), node.line("term")
        if identifier and term:
            found.append(Mesh(identifier, term, node.path))
    return tuple(found)


def _text(node: Node, name: str) -> str | None:
    value = node.text(name)
    return value.value if value else None
