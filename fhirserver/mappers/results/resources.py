"""All that the posted results of a study become: Groups, EvidenceVariables, Evidence, and the report on them.

https://build.fhir.org/ig/HL7/ebm/, docs/mapping.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhirserver.mappers.identity import identifier, reference
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.results.analyses import analysis
from fhirserver.mappers.results.events import events
from fhirserver.mappers.results.evidence import Study, evidence, labelled, variable, what, whom
from fhirserver.mappers.results.flow import flow
from fhirserver.mappers.results.measures import ANALYSIS_POPULATION, UNITS_ANALYSED, found_in, measured, table_of
from fhirserver.mappers.results.names import all_groups, distinct, group_parts, key
from fhirserver.mappers.results.numbers import odd, quantity
from fhirserver.mappers.results.parts import Baseline, Denominator, ReportedGroup, Results
from fhirserver.mappers.results.report import Analysed, Found, report
from fhirserver.mappers.results.words import statistic_type

Resource = dict[str, Any]

BASELINE = "baseline"
ANALYSED = "analysed"
RESULT = "result"


@dataclass(frozen=True, slots=True)
class Posted:
    """The report, and the resources it leads to."""

    report: Resource
    resources: tuple[Resource, ...]


def posted(stem: str, title: str, results: Results, planned: Mapping[tuple[str, str], str]) -> Posted:
    """The resources of a study's results; `stem` is the id of its ResearchStudy, `planned` as in Study."""
    groups = all_groups(results)
    names = distinct((group.title for group in groups), 30)
    ids = {key(group): f"{stem}-group-{name}" for group, name in zip(groups, names, strict=True)}
    study = Study(stem, ids, planned)
    resources = [_group(study, group) for group in groups]
    of_flow: Found | None = None
    if results.flow:
        first, *rest = flow(study, results.flow)
        of_flow = (first, rest)
    baseline = list(_baseline(study, results.baseline)) if results.baseline else None
    outcomes = list(_outcomes(study, results))
    harms = events(study, results.events) if results.events else None
    for what_, found in [*([of_flow] if of_flow else []), *(baseline or []), *(harms or [])]:
        resources += [what_, *found]
    for what_, found, analyses in outcomes:
        resources += [what_, *found, *analyses]
    return Posted(report(stem, title, results, of_flow, baseline, outcomes, harms), tuple(resources))


def _group(study: Study, group: ReportedGroup) -> Resource:
    """A reported group: who was in it nobody says but the study."""
    id_ = study.groups[key(group)]
    name = group.title or id_
    found: Resource = {
        "resourceType": "Group",
        "id": id_,
        "text": narrative(name, lead=group.description),
        "identifier": [identifier("Group", id_)],
        "active": True,
        "type": "person",
        "membership": "definitional",
        "name": name,
    }
    if group.description:
        found["description"] = group.description
    found["characteristic"] = [
        {
            "code": {"text": "Reported group of the study"},
            "valueReference": reference("ResearchStudy", study.stem),
            "exclude": False,
        }
    ]
    return found


def _baseline(study: Study, found: Baseline) -> list[Found]:
    """Who was looked at, then each measure."""
    analysed = variable(
        study.id(ANALYSED),
        "Participants analysed at baseline",
        None,
        None,
        labelled((ANALYSIS_POPULATION, found.population), (UNITS_ANALYSED, found.units)),
    )
    tables: list[Found] = [(analysed, _analysed(study, analysed, found))]
    for name, measure in zip(distinct(one.title for one in found.measures), found.measures, strict=True):
        table = table_of(measure, found.groups)
        variable_ = measured(study.id(BASELINE, name), measure, not table)
        tables.append((variable_, list(found_in(study, variable_, measure, table, found.denominators))))
    return tables


def _analysed(study: Study, measured_: Resource, found: Baseline) -> list[Resource]:
    counted = [count.group for one in found.denominators for count in one.counts]
    known = {group.id: group for group in found.groups}
    parts = group_parts([*known, *counted])
    return [
        evidence(
            f"{measured_['id']}-{part}",
            f"Participants analysed at baseline: {(known.get(id_) or ReportedGroup(id_)).title or id_}",
            [whom(study, known.get(id_) or ReportedGroup(id_)), what(measured_)],
            [
                _count(f"d{number}", one, count.value)
                for number, one in enumerate(found.denominators, 1)
                for count in one.counts
                if count.group == id_
            ],
        )
        for id_, part in parts.items()
    ]


def _count(id_: str, denominator: Denominator, value: str | None) -> Resource:
    amount = quantity(value, denominator.units)
    found: Resource = {"id": id_}
    if odd(amount, value):
        found["note"] = labelled(("Value as reported", value))
    found["statisticType"] = statistic_type("COUNT_OF_PARTICIPANTS") | {"text": "Count"}
    if amount:
        found["quantity"] = amount
    return found


def _outcomes(study: Study, results: Results) -> list[Analysed]:
    tables: list[Analysed] = []
    for name, measure in zip(distinct(one.title for one in results.outcomes), results.outcomes, strict=True):
        table = table_of(measure, measure.groups)
        variable_ = measured(study.id(RESULT, name), measure, not table)
        found = list(found_in(study, variable_, measure, table, ()))
        analyses = [analysis(study, variable_, measure, number) for number in range(1, len(measure.analyses) + 1)]
        tables.append((variable_, found, analyses))
    return tables
