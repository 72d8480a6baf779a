"""participantFlowModule: groups, periods, milestones and reasons to leave.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ParticipantFlowModule
"""

from __future__ import annotations

import re

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.report import Statistic, groups, section, statistics, table, unlabelled, value_of
from fhirserver.mappers.back.shape import after, markup, notes
from fhirserver.mappers.results.flow import PRE_ASSIGNMENT, RECRUITMENT, SUBJECTS, UNITS
from fhirserver.mappers.results.report import FLOW_SECTION

_ID = re.compile(r"(p\d+[mw]\d+)(?:n\d+)?")


def module(found: Gathered) -> Resource:
    """How those who took part went through the study."""
    of = table(found, section(found, FLOW_SECTION))
    counts: dict[str, list[Statistic]] = {}
    for one in statistics(of.found):
        if match := _ID.fullmatch(one.id):
            counts.setdefault(match[1], []).append(one)
    prose = notes(of.measured)
    return {
        "preAssignmentDetails": markup(after(prose, PRE_ASSIGNMENT)),
        "recruitmentDetails": markup(after(prose, RECRUITMENT)),
        "typeUnitsAnalyzed": after(prose, UNITS),
        "groups": groups(found, of.found),
        "periods": [_period(one, counts) for one in of.measured.get("characteristic", ())],
    }


def _period(period: Resource, counts: dict[str, list[Statistic]]) -> Resource:
    told: Resource = {"title": period.get("description"), "milestones": [], "dropWithdraws": []}
    for step in period.get("definitionByCombination", {}).get("characteristic", ()):
        link = step.get("linkId", "")
        milestone = "m" in link
        told["milestones" if milestone else "dropWithdraws"].append(
            {
                "type": step.get("description"),
                "comment": markup(next(iter(notes(step)), None)),
                "achievements" if milestone else "reasons": [_count(one) for one in counts.get(link, ())],
            }
        )
    return told


def _count(one: Statistic) -> Resource:
    texts = notes(one.said)
    return {
        "groupId": one.group,
        "comment": markup(unlabelled(texts, SUBJECTS, UNITS)),
        "numSubjects": value_of(one.said.get("quantity"), texts, SUBJECTS),
        "numUnits": after(texts, UNITS),
    }
