"""Reads a study definition of the Unified Study Definitions Model, version 4, as JSON.

https://github.com/cdisc-org/DDF-RA
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.more_parts import More, Titled
from fhirserver.mappers.parts import Text
from fhirserver.mappers.protocol_parts import Protocol
from fhirserver.mappers.readers import usdm_design, usdm_document, usdm_parties, usdm_schedule, usdm_study
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import Source, code_of, pruned
from fhirserver.mappers.readers.usdm_text import Texts
from fhirserver.mappers.trial import Trial

FORMAT = "usdm"
_TITLES = {"public": "plain-language", "scientific": "scientific", "short": "short-title"}
_STRUCTURE = (".id", ".previousId", ".nextId")
"""Keys by which objects name each other and stand in order."""


def recognises(record: Any) -> bool:
    """Whether decoded JSON is such a definition."""
    study = record.get("study") if isinstance(record, dict) else None
    return isinstance(study, dict) and isinstance(study.get("versions"), list)


def read(record: dict[str, Any]) -> tuple[Trial, list[Issue]]:
    """The trial, and what of the record was odd or found no place."""
    issues: list[Issue] = []
    record = pruned(record)
    source = Source(Texts(record), issues)
    root = Node(record, "", issues)
    study = root.child("study")
    study.skip("id", "name", "label")
    versions = study.children("versions")
    trial = _trial(root, study, versions[0] if versions else study.child("version"), source)
    issues += [_left("The first version of a definition is read", other) for other in versions[1:]]
    issues += [
        Issue(
            "warning", "value", f"'{name}' is referred to in prose but not there; its name stands for it.", ("study",)
        )
        for name in source.texts.missing
    ]
    return trial, issues + [one for one in root.unread() if not one.expression[0].endswith(_STRUCTURE)]


def _trial(root: Node, study: Node, version: Node, source: Source) -> Trial:
    designs = version.children("studyDesigns")
    for other in designs[1:]:
        source.issues.append(_left("The first design of a study is read", other))
    design = designs[0] if designs else version.child("design")
    # The organisation that documents it, and the study's interventions, are found by their own lists.
    version.skip("id", "documentVersionIds")
    design.skip("id", "documentVersionIds", "studyInterventionIds")
    organisations = usdm_parties.organisations(version, source)
    own, titles = _titles(version)
    given, interventions = usdm_design.interventions(version, source)
    cells = usdm_design.cells(design, usdm_design.elements(design, source, given))
    places, arms = usdm_design.arms(design, source, cells.given())
    positions, outcomes, objectives = usdm_design.objectives(design, source)
    eligibility, enrolment, cohorts, facts = usdm_design.population(design, version, source)
    topics, rare = usdm_study.topics(design, source)
    more = More(
        titles=titles,
        bodies=organisations.bodies,
        notes=usdm_study.notes(study, version, design, source),
        topics=topics,
        classifiers=usdm_study.classifiers(version, design),
        design=usdm_study.design_codes(design),
        protocol=Protocol(
            epochs=usdm_schedule.epochs(design, source),
            encounters=usdm_schedule.encounters(design, source),
            activities=usdm_schedule.activities(design, source, given),
            timelines=usdm_schedule.timelines(design, source),
            conditions=usdm_schedule.conditions(version, source),
            concepts=usdm_schedule.concepts(version, source),
            objectives=objectives,
            estimands=usdm_design.estimands(design, source, given, positions),
            cohorts=cohorts,
            cells=cells.placed(places),
            documents=usdm_document.documents(study, version, source),
        ),
    )
    # What the parameters in prose stand for was put in their place.
    version.skip("dictionaries")
    return Trial(
        identifiers=usdm_parties.identifiers(version, organisations),
        title=own.get("brief") or own.get("official") or _name(study),
        official_title=own.get("official"),
        acronym=own.get("acronym"),
        sponsor=organisations.sponsor,
        sites=organisations.sites,
        description=source.text(version, "rationale"),
        design=usdm_study.design(design),
        enrolment=enrolment,
        arms=arms,
        interventions=interventions,
        outcomes=outcomes,
        eligibility=eligibility,
        facts=(*facts, *rare, *usdm_study.facts(root, version)),
        more=more,
    )


def _left(read: str, node: Node) -> Issue:
    return Issue(
        "warning",
        "not-supported",
        f"{read}; this one was left out: send it as a record of its own.",
        (node.path,),
        "not-mapped",
    )


def _name(study: Node) -> Text | None:
    return study.title("label") or study.title("name")


def _titles(version: Node) -> tuple[dict[str, Text], tuple[Titled, ...]]:
    """The titles that a trial has by name, and the others."""
    own: dict[str, Text] = {}
    others = []
    for one in version.children("titles"):
        one.skip("id")
        title, kind = one.title("text"), code_of(one, "type")
        if title is None:
            continue
        word = (kind.display if kind else "Title").casefold()
        short = next((name for name in ("brief", "official", "acronym") if name in word), None)
        if short and short not in own:
            own[short] = title
        else:
            code = next((code for name, code in _TITLES.items() if name in word), None)
            others.append(Titled(title.value, kind.display if kind else "Title", code, title.path))
    return own, tuple(others)
