"""The posted results of a classic ClinicalTrials.gov record in the shape of the registry's API v2.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ResultsSection
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.readers.ctgov_xml_words import code, date, number
from fhirserver.mappers.readers.xml_element import Element, Found, turned

Record = dict[str, Any]


def results(root: Element) -> Record:
    """The resultsSection."""
    found = root.child("clinical_results")
    baseline = found.child("baseline")
    flow = found.child("participant_flow")
    return {
        "participantFlowModule": {
            "preAssignmentDetails": flow.one("pre_assignment_details"),
            "recruitmentDetails": flow.one("recruitment_details"),
            "typeUnitsAnalyzed": flow.one("units_analyzed"),
            "groups": _groups(flow),
            "periods": [_period(one) for one in flow.child("period_list").children("period")],
        },
        "baselineCharacteristicsModule": {
            "populationDescription": baseline.one("population"),
            "typeUnitsAnalyzed": baseline.one("units_analyzed"),
            "groups": _groups(baseline),
            "denoms": _denominators(baseline),
            "measures": [_measure(one, code) for one in baseline.child("measure_list").children("measure")],
        },
        "outcomeMeasuresModule": {
            "outcomeMeasures": [_outcome(one) for one in found.child("outcome_list").children("outcome")]
        },
        "adverseEventsModule": _events(found.child("reported_events")),
        "moreInfoModule": {
            "limitationsAndCaveats": {"description": found.one("limitations_and_caveats")},
            "certainAgreement": _agreement(found.child("certain_agreements")),
            "pointOfContact": _contact(found.child("point_of_contact")),
        },
    }


def _groups(module: Element) -> list[Found]:
    return [
        Found(
            {"id": one.attribute("group_id"), "title": one.one("title"), "description": one.one("description")},
            one.path,
        )
        for one in module.child("group_list").children("group")
    ]


def _period(period: Element) -> Found:
    steps = period.child("milestone_list").children("milestone")
    reasons = period.child("drop_withdraw_reason_list").children("drop_withdraw_reason")
    return Found(
        {
            "title": period.one("title"),
            "milestones": [
                Found({"type": one.one("title"), "comment": one.one("comment"), "achievements": _counts(one)}, one.path)
                for one in steps
            ],
            "dropWithdraws": [
                Found({"type": one.one("title"), "comment": one.one("comment"), "reasons": _counts(one)}, one.path)
                for one in reasons
            ],
        },
        period.path,
    )


def _counts(of: Element) -> list[Found]:
    return [
        Found(
            {
                "groupId": one.attribute("group_id"),
                "numSubjects": one.attribute("count"),
                "numUnits": one.attribute("count_units"),
                "comment": one.text(),
            },
            one.path,
        )
        for one in of.child("participants_list").children("participants")
    ]


def _denominators(of: Element) -> list[Found]:
    found = []
    for one in of.child("analyzed_list").children("analyzed"):
        # Where it stands says its scope.
        one.one("scope")
        counts = [
            Found({"groupId": count.attribute("group_id"), "value": count.attribute("value")}, count.path)
            for count in one.child("count_list").children("count")
        ]
        found.append(Found({"units": one.one("units"), "counts": counts}, one.path))
    return found


def _measure(measure: Element, dispersion: Any = None) -> Record:
    return {
        "title": measure.one("title"),
        "description": measure.one("description"),
        "populationDescription": measure.one("population"),
        "paramType": measure.one("param", code),
        "dispersionType": measure.one("dispersion", dispersion),
        "unitOfMeasure": measure.one("units"),
        "denoms": _denominators(measure),
        "classes": [
            Found(
                {
                    "title": group.one("title"),
                    "denoms": _denominators(group),
                    "categories": [
                        Found(
                            {"title": one.one("title"), "measurements": _measurements(one)},
                            one.path,
                        )
                        for one in group.child("category_list").children("category")
                    ],
                },
                group.path,
            )
            for group in measure.child("class_list").children("class")
        ],
    }


def _measurements(category: Element) -> list[Found]:
    return [
        Found(
            {
                "groupId": one.attribute("group_id"),
                "value": one.attribute("value"),
                "spread": one.attribute("spread"),
                "lowerLimit": one.attribute("lower_limit"),
                "upperLimit": one.attribute("upper_limit"),
                "comment": one.text(),
            },
            one.path,
        )
        for one in category.child("measurement_list").children("measurement")
    ]


def _outcome(outcome: Element) -> Found:
    measure = outcome.child("measure")
    title, description = outcome.one("title"), outcome.one("description")
    population = outcome.one("population")
    analyses = outcome.child("analysis_list").children("analysis")
    said = {
        "type": outcome.one("type", code),
        "title": title,
        "description": description,
        "populationDescription": population,
        "reportingStatus": Found("POSTED" if len(measure.element) else "NOT_POSTED", outcome.path),
        "anticipatedPostingDate": outcome.one("posting_date", date),
        "timeFrame": outcome.one("time_frame"),
        "typeUnitsAnalyzed": measure.one("units_analyzed"),
        "groups": _groups(outcome),
        "analyses": [_analysis(one) for one in analyses],
    }
    # The measure says again what its outcome says.
    again = {name: value for name, value in _measure(measure).items() if not said.get(name)}
    return Found({**said, **again}, outcome.path)


def _analysis(analysis: Element) -> Found:
    return Found(
        {
            "groupIds": analysis.child("group_id_list").all("group_id"),
            "groupDescription": analysis.one("groups_desc"),
            "testedNonInferiority": analysis.one("non_inferiority_type", _tested),
            "nonInferiorityType": analysis.one("non_inferiority_type", code),
            "nonInferiorityComment": analysis.one("non_inferiority_desc"),
            "pValue": analysis.one("p_value"),
            "pValueComment": analysis.one("p_value_desc"),
            "statisticalMethod": analysis.one("method"),
            "statisticalComment": analysis.one("method_desc"),
            "paramType": analysis.one("param_type"),
            "paramValue": analysis.one("param_value"),
            "dispersionType": analysis.one("dispersion_type", code),
            "dispersionValue": analysis.one("dispersion_value"),
            "ciPctValue": analysis.one("ci_percent"),
            "ciNumSides": analysis.one("ci_n_sides", code),
            "ciLowerLimit": analysis.one("ci_lower_limit"),
            "ciUpperLimit": analysis.one("ci_upper_limit"),
            "ciLowerLimitComment": analysis.one("ci_lower_limit_na_comment"),
            "ciUpperLimitComment": analysis.one("ci_upper_limit_na_comment"),
            "estimateComment": analysis.one("estimate_desc"),
            "otherAnalysisDescription": analysis.one("other_analysis_desc"),
        },
        analysis.path,
    )


def _tested(words: str) -> bool | None:
    return True if words.casefold().startswith(("non-inferiority", "equivalence")) else None


def _events(module: Element) -> Record:
    groups = {one.attribute("group_id"): one for one in module.child("group_list").children("group")}
    found: dict[str, Record] = {
        key.value: {
            "id": key,
            "title": one.one("title"),
            "description": one.one("description"),
        }
        for key, one in groups.items()
        if key
    }
    serious = _kind(module.child("serious_events"), "serious", found)
    other = _kind(module.child("other_events"), "other", found)
    return {
        "frequencyThreshold": module.child("other_events").one("frequency_threshold"),
        "timeFrame": module.one("time_frame"),
        "description": module.one("desc"),
        "eventGroups": [Found(found[key.value], one.path) for key, one in groups.items() if key],
        "seriousEvents": serious,
        "otherEvents": other,
    }


def _kind(module: Element, kind: str, groups: dict[str, Record]) -> list[Found]:
    """The events of a kind; the totals go to their groups."""
    vocabulary, assessment = module.one("default_vocab"), module.one("default_assessment", code)
    found = []
    for category in module.child("category_list").children("category"):
        system = category.one("title")
        for event in category.child("event_list").children("event"):
            name = event.child("sub_title")
            term = name.text()
            own, assessed = name.attribute("vocab"), event.one("assessment", code)
            notes = event.one("description")
            counts = event.children("counts")
            if system and system.value == "Total" and term and term.value.startswith("Total,"):
                _totals(counts, kind, groups)
                continue
            found.append(
                Found(
                    {
                        "term": term,
                        "organSystem": system,
                        "sourceVocabulary": own or vocabulary,
                        "assessmentType": assessed or assessment,
                        "notes": notes,
                        "stats": [_stats(one) for one in counts],
                    },
                    event.path,
                )
            )
    return found


def _stats(counts: Element) -> Found:
    return Found(
        {
            "groupId": counts.attribute("group_id"),
            "numEvents": turned(counts.attribute("events"), number),
            "numAffected": turned(counts.attribute("subjects_affected"), number),
            "numAtRisk": turned(counts.attribute("subjects_at_risk"), number),
        },
        counts.path,
    )


def _totals(counts: list[Element], kind: str, groups: dict[str, Record]) -> None:
    for one in counts:
        group = one.attribute("group_id")
        if group and group.value in groups:
            said = groups[group.value]
            said[f"{kind}NumAffected"] = turned(one.attribute("subjects_affected"), number)
            said[f"{kind}NumAtRisk"] = turned(one.attribute("subjects_at_risk"), number)


def _agreement(agreements: Element) -> Record:
    """Set sentences stand for codes; any other sentence is the agreement's own."""
    employed = agreements.one("pi_employee", lambda words: "NOT" not in words.split())
    said = agreements.one("restrictive_agreement")
    if said is None:
        return {"piSponsorEmployee": employed}
    found: Record = {"piSponsorEmployee": employed, "restrictiveAgreement": Found(True, said.path)}
    if said.value.startswith("There is NOT an agreement"):
        return {**found, "restrictiveAgreement": Found(False, said.path)}
    if "less than or equal to 60 days" in said.value and said.value.startswith("The only disclosure restriction"):
        return {**found, "restrictionType": Found("LTE60", said.path)}
    if "more than 60 days" in said.value and said.value.startswith("The only disclosure restriction"):
        return {**found, "restrictionType": Found("GT60", said.path)}
    return {**found, "restrictionType": Found("OTHER", said.path), "otherDetails": said}


def _contact(contact: Element) -> Record:
    return {
        "title": contact.one("name_or_title"),
        "organization": contact.one("organization"),
        "phone": contact.one("phone"),
        "phoneExt": contact.one("phone_ext"),
        "email": contact.one("email"),
    }
