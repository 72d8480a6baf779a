"""Reads one study of ClinicalTrials.gov's API v2, as JSON.

https://clinicaltrials.gov/data-api/about-api/study-data-structure
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.parts import Eligibility, Event, Identifier, Moment, Value
from fhirserver.mappers.readers import (
    ctgov_design,
    ctgov_facts,
    ctgov_parties,
    ctgov_references,
    ctgov_registry,
    ctgov_results,
)
from fhirserver.mappers.readers.ages import age
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.study_facts import FLAGS
from fhirserver.mappers.trial import Trial

FORMAT = "ctgov-v2"
NCT = re.compile(r"NCT\d{8}")

_EVENTS = (
    # member of statusModule, whether it is a struct with a type, FHIR's registration activity
    ("primaryCompletionDateStruct", True, "primary-outcome-data-collection"),
    ("studyFirstSubmitDate", False, "registration-submission"),
    ("studyFirstSubmitQcDate", False, "registration-submission-qc"),
    ("studyFirstPostDateStruct", True, "registration-posting"),
    ("resultsFirstSubmitDate", False, "results-submission"),
    ("resultsFirstSubmitQcDate", False, "results-submission-qc"),
    ("resultsFirstPostDateStruct", True, "results-posting"),
    ("dispFirstSubmitDate", False, "disposition-submission"),
    ("dispFirstSubmitQcDate", False, "disposition-submission-qc"),
    ("dispFirstPostDateStruct", True, "disposition-posting"),
    ("lastUpdateSubmitDate", False, "update-submission"),
    ("lastUpdatePostDateStruct", True, "update-posting"),
)


def recognises(record: Any) -> bool:
    """Whether decoded JSON is such a study."""
    return isinstance(record, dict) and isinstance(record.get("protocolSection"), dict)


def read(record: dict[str, Any]) -> tuple[Trial, list[Issue]]:
    """The trial, and what of the record was odd or found no place."""
    issues: list[Issue] = []
    root = Node(record, "", issues)
    protocol = root.child("protocolSection")
    root.skip("hasResults")
    names = protocol.child("identificationModule")
    status = protocol.child("statusModule")
    people = ctgov_parties.read(protocol)
    arms = ctgov_design.arms(protocol)
    description = protocol.child("descriptionModule")
    topics = protocol.child("conditionsModule")
    derived = root.child("derivedSection")
    if derived.child("miscInfoModule").date("versionHolder"):
        version = derived.child("miscInfoModule").title("versionHolder")
    else:
        version = None
    identifiers = _identifiers(names, issues)
    oversight = protocol.child("oversightModule")
    sharing = ctgov_references.sharing(protocol)
    trial = Trial(
        identifiers=identifiers,
        title=names.title("briefTitle"),
        official_title=names.title("officialTitle"),
        acronym=names.title("acronym"),
        organisation=people.organisation,
        sponsor=people.sponsor,
        collaborators=people.collaborators,
        responsible=people.responsible,
        officials=people.officials,
        contacts=people.contacts,
        sites=people.sites,
        status=status.title("overallStatus"),
        last_known_status=status.title("lastKnownStatus"),
        why_stopped=status.text("whyStopped"),
        verified=_date(status, "statusVerifiedDate"),
        start=status.moment("startDateStruct"),
        completion=status.moment("completionDateStruct"),
        events=_events(status),
        version=version,
        fda_drug=oversight.flag("isFdaRegulatedDrug"),
        fda_device=oversight.flag("isFdaRegulatedDevice"),
        oversight=_oversight(oversight),
        facts=ctgov_facts.facts(protocol),
        record_facts=ctgov_facts.record_facts(protocol),
        summary=description.text("briefSummary"),
        description=description.text("detailedDescription"),
        conditions=topics.lines("conditions"),
        keywords=topics.lines("keywords"),
        condition_terms=ctgov_design.mesh(derived.child("conditionBrowseModule")),
        intervention_terms=ctgov_design.mesh(derived.child("interventionBrowseModule")),
        design=ctgov_design.design(protocol.child("designModule")),
        enrolment=ctgov_design.enrolment(protocol.child("designModule")),
        arms=arms.arms,
        interventions=arms.interventions,
        outcomes=ctgov_design.outcomes(protocol.child("outcomesModule")),
        eligibility=_eligibility(protocol.child("eligibilityModule"), issues),
        artifacts=ctgov_references.artifacts(protocol, identifiers),
        data_sharing=sharing[0],
        data_sharing_notes=sharing[1],
        results=ctgov_results.results(root),
        registered=ctgov_registry.registered(root),
    )
    return trial, issues + root.unread()


def _identifiers(module: Node, issues: list[Issue]) -> tuple[Identifier, ...]:
    found: list[Identifier] = []
    number = module.line("nctId")
    if number and NCT.fullmatch(number):
        found.append(Identifier("registry", number, path=module.at("nctId")))
    elif number:
        issues.append(
            Issue("warning", "value", f"'{number}' is no NCT number (NCT and 8 digits).", (module.at("nctId"),))
        )
    own = module.child("orgStudyIdInfo")
    if value := own.line("id"):
        found.append(Identifier("organisation", value, type=own.line("type"), link=own.line("link"), path=own.at("id")))
    found += [
        Identifier("secondary", value, node.line("type"), node.line("domain"), node.line("link"), path=node.at("id"))
        for node in module.children("secondaryIdInfos")
        if (value := node.line("id"))
    ]
    found += [Identifier("alias", alias.value, path=alias.path) for alias in module.lines("nctIdAliases")]
    return tuple(found)


def _date(node: Node, name: str) -> Moment | None:
    date = node.date(name)
    return Moment(date, True, node.at(name)) if date else None


def _events(status: Node) -> tuple[Event, ...]:
    found = []
    for name, struct, activity in _EVENTS:
        moment = status.moment(name) if struct else _date(status, name)
        if moment:
            found.append(Event(activity, moment))
    return tuple(found)


def _oversight(module: Node) -> tuple[Value[str], ...]:
    found = []
    for name, (yes, no) in FLAGS.items():
        # Drugs and devices under regulation have codes.
        if name not in ("isFdaRegulatedDrug", "isFdaRegulatedDevice") and (flag := module.flag(name)):
            found.append(Value(yes if flag.value else no, module.at(name)))
    return tuple(found)


def _eligibility(module: Node, issues: list[Issue]) -> Eligibility:
    # Derived by the registry from the age limits that stand beside them.
    module.skip("stdAges")
    return Eligibility(
        criteria=module.text("eligibilityCriteria"),
        sex=module.title("sex"),
        gender_based=module.flag("genderBased"),
        gender_description=module.text("genderDescription"),
        minimum_age=age(module.title("minimumAge"), issues),
        maximum_age=age(module.title("maximumAge"), issues),
        healthy_volunteers=module.flag("healthyVolunteers"),
        population=module.text("studyPopulation"),
        sampling=module.title("samplingMethod"),
    )
