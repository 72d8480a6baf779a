"""The adverse events of an EU Clinical Trials Register record.

https://www.clinicaltrialsregister.eu/about.html (EudraCT results, schema 1.x, as JSON)
"""

from __future__ import annotations

from collections.abc import Mapping

from fhirserver.mappers.readers.euctr_parts import said_of, several, value, worded
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.results.parts import (
    AdverseEvent,
    AdverseEvents,
    EventCount,
    EventGroup,
    EventTotals,
    ReportedGroup,
)

ORGANS = {
    "100000004848": "Investigations",
    "100000004849": "Cardiac disorders",
    "100000004850": "Congenital, familial and genetic disorders",
    "100000004851": "Blood and lymphatic system disorders",
    "100000004852": "Nervous system disorders",
    "100000004853": "Eye disorders",
    "100000004854": "Ear and labyrinth disorders",
    "100000004855": "Respiratory, thoracic and mediastinal disorders",
    "100000004856": "Gastrointestinal disorders",
    "100000004857": "Renal and urinary disorders",
    "100000004858": "Skin and subcutaneous tissue disorders",
    "100000004859": "Musculoskeletal and connective tissue disorders",
    "100000004860": "Endocrine disorders",
    "100000004861": "Metabolism and nutrition disorders",
    "100000004862": "Infections and infestations",
    "100000004863": "Injury, poisoning and procedural complications",
    "100000004864": "Neoplasms benign, malignant and unspecified (incl cysts and polyps)",
    "100000004865": "Surgical and medical procedures",
    "100000004866": "Vascular disorders",
    "100000004867": "General disorders and administration site conditions",
    "100000004868": "Pregnancy, puerperium and perinatal conditions",
    "100000004869": "Social circumstances",
    "100000004870": "Immune system disorders",
    "100000004871": "Hepatobiliary disorders",
    "100000004872": "Reproductive system and breast disorders",
    "100000004873": "Psychiatric disorders",
}
"""System organ classes by their numbers in the European terminologies, EUTCT."""


def events(node: Node) -> AdverseEvents | None:
    """The adverse events by organ and term; None where none are told."""
    if node.empty:
        return None
    dictionary = node.child("dictionary")
    name = joined(
        (said_of(dictionary, "otherName"), worded(value(dictionary, "name")), dictionary.line("version")), " "
    )
    assessment = _assessed(value(node, "assessmentMethod"))
    groups = {}
    deaths = []
    for one in several(node, "reportingGroups", "reportingGroup"):
        key = one.line("id") or one.path
        exposed = _count(one, "subjectsExposed")
        title = one.line("title")
        dead, caused = one.line("deathsAllCauses"), one.line("deathsResultingFromAdverseEvents")
        if caused:
            deaths.append(f"{title or key}: {caused} deaths resulting from adverse events")
        groups[key] = EventGroup(
            ReportedGroup(key, title, one.prose("description")),
            deaths=EventTotals(int(dead) if dead and dead.isdigit() else None, exposed if dead else None),
            serious=EventTotals(_count(one, "subjectsAffectedBySeriousAdverseEvents"), exposed),
            other=EventTotals(_count(one, "subjectsAffectedByNonSeriousAdverseEvents"), exposed),
        )
    titles = {key: one.group.title or key for key, one in groups.items()}
    return AdverseEvents(
        threshold=node.line("nonSeriousEventFrequencyThreshold"),
        time_frame=node.prose("timeFrame"),
        description=node.prose("description"),
        mortality_comment="; ".join(deaths) or None,
        groups=tuple(groups.values()),
        serious=tuple(
            _event(one, name, assessment, titles)
            for one in several(node, "seriousAdverseEvents", "seriousAdverseEvent")
        ),
        other=tuple(
            _event(one, name, assessment, titles)
            for one in several(node, "nonSeriousAdverseEvents", "nonSeriousAdverseEvent")
        ),
    )


def _assessed(code: str | None) -> str | None:
    known = {"systematic": "SYSTEMATIC_ASSESSMENT", "nonSystematic": "NON_SYSTEMATIC_ASSESSMENT"}
    return known.get(code, code) if code else None


def _count(node: Node, name: str) -> int | None:
    said = node.line(name)
    return int(said) if said and said.isascii() and said.isdigit() and len(said) < 10 else None


def _event(node: Node, vocabulary: str, assessment: str | None, titles: Mapping[str, str]) -> AdverseEvent:
    organ = node.child("organSystem")
    number, version = organ.line("eutctId"), organ.line("version")
    eutct = joined((f"EUTCT {number}" if number else None, f"version {version}" if version else None), ", ")
    counts, notes = [], []
    for one in several(node, "values", "value"):
        key = one.line("reportingGroupId")
        counts.append(
            EventCount(
                key,
                _count(one, "occurrences"),
                _count(one, "subjectsAffected"),
                _count(one, "subjectsExposed"),
            )
        )
        fatal = one.child("fatalities")
        said = [
            f"{count} {words}"
            for count, words in (
                (one.line("occurrencesCausallyRelatedToTreatment"), "causally related to treatment"),
                (fatal.line("deaths"), "deaths"),
                (fatal.line("deathsCausallyRelatedToTreatment"), "deaths causally related to treatment"),
            )
            if count
        ]
        if said:
            notes.append(f"{titles.get(key or '', key)}: {', '.join(said)}")
    overridden = node.line("dictionaryOverridden")
    if overridden == "true":
        notes.append("the record names another dictionary for this event")
    organ_name = ORGANS.get(number or "")
    return AdverseEvent(
        node.line("term"),
        f"{organ_name} ({eutct})" if organ_name else eutct or None,
        vocabulary or None,
        _assessed(value(node, "assessmentMethod")) or assessment,
        "\n".join(notes) or None,
        tuple(counts),
    )
