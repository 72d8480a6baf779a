"""The design of a study definition: arms and their cells, interventions, population, objectives, estimands.

https://github.com/cdisc-org/DDF-RA (USDM v4: StudyDesign)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhirserver.mappers import protocol_parts as parts
from fhirserver.mappers.parts import Arm, Eligibility, Enrolment, Intervention, Outcome, Stated, Text, Value
from fhirserver.mappers.protocol_parts import Coded
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import (
    Source,
    code_of,
    codes_of,
    count,
    in_order,
    joined,
    limits,
    quantity_words,
    references,
    words,
)

_ARMS = {
    "C174266": "EXPERIMENTAL",
    "C174267": "ACTIVE_COMPARATOR",
    "C174268": "PLACEBO_COMPARATOR",
    "C174269": "SHAM_COMPARATOR",
    "C174270": "NO_INTERVENTION",
    "C174226": "ACTIVE_COMPARATOR",
}
_INTERVENTIONS = {
    "C1909": "DRUG",
    "C307": "BIOLOGICAL",
    "C54696": "COMBINATION_PRODUCT",
    "C16830": "DEVICE",
    "C16203": "DIETARY_SUPPLEMENT",
    "C98769": "PROCEDURE",
    "C15313": "RADIATION",
    "C15238": "GENETIC",
    "C18020": "DIAGNOSTIC_TEST",
    "C15184": "BEHAVIORAL",
}
_LEVELS = {"primary": "PRIMARY", "secondary": "SECONDARY"}
_SEXES = {"C16576": "FEMALE", "C20197": "MALE", "C49636": "ALL", "female": "FEMALE", "male": "MALE", "both": "ALL"}


def interventions(version: Node, source: Source) -> tuple[dict[str, int], tuple[Intervention, ...]]:
    """What is given, with each one's position by its key."""
    positions: dict[str, int] = {}
    found: list[Intervention] = []
    for one in version.children("studyInterventions"):
        named = source.named(one)
        kind, role = code_of(one, "type"), code_of(one, "role")
        response = quantity_words(one.child("minimumResponseDuration"))
        said = [named.description]
        said += [_administration(each, source) for each in one.children("administrations")]
        said += [
            f"{label}: {told}"
            for label, told in (
                ("Role", words(role)),
                ("Type", words(kind)),
                ("Minimum response duration", response),
                *(("Code", _worded(code)) for code in codes_of(one, "codes")),
                *(("Note", note) for note in named.notes),
            )
            if told
        ]
        positions[named.key] = len(found)
        found.append(
            Intervention(
                _INTERVENTIONS.get(kind.code or "") if kind else None,
                named.title,
                "\n".join(part for part in said if part) or None,
                (named.name,) if named.label else (),
                one.path,
            )
        )
    return positions, tuple(found)


def _worded(code: Coded) -> str:
    """'Diabetes (44054006, SPONSOR 12)': for codes that are said in prose alone."""
    return f"{code.display} ({joined((code.code, code.version), ', version ')})" if code.code else code.display


def _administration(node: Node, source: Source) -> str:
    """How it is given, in one line."""
    named = source.named(node)
    node.skip("administrableProductId", "medicalDeviceId")
    duration = node.child("duration")
    duration.skip("id")
    vary = duration.flag("durationWillVary")
    dose, route, often = quantity_words(node.child("dose")), code_of(node, "route"), code_of(node, "frequency")
    lasts = quantity_words(duration.child("quantity"))
    text, reason = source.prose(duration), source.prose(duration, "reasonDurationWillVary")
    return f"{named.title}: " + joined(
        (
            named.description,
            named.name if named.label else None,
            f"dose {dose}" if dose else None,
            words(route),
            words(often),
            f"for {lasts}" if lasts else None,
            f"duration: {text}" if text else None,
            None if vary is None else "duration will vary" if vary.value else "duration will not vary",
            f"reason: {reason}" if reason else None,
        )
    )


def arms(design: Node, source: Source, given: Mapping[str, Sequence[int]]) -> tuple[dict[str, int], tuple[Arm, ...]]:
    """The arms, with each one's position by its key."""
    positions: dict[str, int] = {}
    found: list[Arm] = []
    for one in design.children("arms"):
        named = source.named(one)
        kind, origin = code_of(one, "type"), code_of(one, "dataOriginType")
        references(one, "populationIds")
        said = [named.description if named.description != named.title else None]
        said += [
            f"{label}: {told}"
            for label, told in (
                ("Type", words(kind)),
                ("Data", joined((words(origin), source.prose(one, "dataOriginDescription")))),
                ("Name", named.name if named.label else None),
                *(("Note", note) for note in named.notes),
            )
            if told
        ]
        positions[named.key] = len(found)
        found.append(
            Arm(
                named.title,
                _ARMS.get(kind.code or "", "OTHER") if kind else None,
                "\n".join(part for part in said if part) or None,
                tuple(dict.fromkeys(given.get(named.key, ()))),
                one.path,
            )
        )
    return positions, tuple(found)


def elements(design: Node, source: Source, interventions: Mapping[str, int]) -> dict[str, parts.Element]:
    """What happens in cells, by key."""
    found = {}
    for one in design.children("elements"):
        named = source.named(one)
        given = [interventions[key] for key in references(one, "studyInterventionIds") if key in interventions]
        found[named.key] = parts.Element(named, source.rules(one), tuple(given))
    return found


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells with the keys of their arms, before arms have positions."""

    of: tuple[tuple[str, str, tuple[parts.Element, ...]], ...]

    def given(self) -> dict[str, list[int]]:
        """The interventions of each arm."""
        found: dict[str, list[int]] = {}
        for arm, _, within in self.of:
            for element in within:
                found.setdefault(arm, []).extend(element.interventions)
        return found

    def placed(self, arms: Mapping[str, int]) -> tuple[parts.Cell, ...]:
        """The cells by the positions of their arms."""
        return tuple(parts.Cell(arms[arm], epoch, within) for arm, epoch, within in self.of if arm in arms)


def cells(design: Node, made: Mapping[str, parts.Element]) -> Cells:
    """Which elements each arm has in each epoch."""
    found = []
    for one in design.children("studyCells"):
        one.skip("id")
        within = tuple(made[key] for key in references(one, "elementIds") if key in made)
        found.append((one.line("armId") or "", one.line("epochId") or "", within))
    return Cells(tuple(found))


def objectives(design: Node, source: Source) -> tuple[dict[str, int], tuple[Outcome, ...], tuple[parts.Objective, ...]]:
    """Objectives and, as outcomes, their endpoints; with each endpoint's position by its key."""
    positions: dict[str, int] = {}
    outcomes: list[Outcome] = []
    found = []
    for one in design.children("objectives"):
        named = source.named(one)
        level = code_of(one, "level")
        its = []
        for each in one.children("endpoints"):
            endpoint = source.named(each)
            positions[endpoint.key] = len(outcomes)
            its.append(len(outcomes))
            outcomes.append(_endpoint(each, endpoint, source))
        found.append(parts.Objective(named, source.prose(one) or named.title, _level(level), level, tuple(its)))
    return positions, tuple(outcomes), tuple(found)


def _endpoint(node: Node, named: parts.Named, source: Source) -> Outcome:
    purpose = source.prose(node, "purpose")
    said = source.prose(node)
    description = [
        named.description,
        f"Endpoint: {joined((named.name, named.label), ', ')}" if said else None,
        f"Purpose: {purpose}" if purpose else None,
        *named.notes,
    ]
    return Outcome(
        _level(code_of(node, "level")),
        " ".join((said or named.title).split()),
        "\n\n".join(part for part in description if part) or None,
        path=node.path,
    )


def _level(code: Coded | None) -> str:
    return _LEVELS.get(code.display.casefold().partition(" ")[0], "OTHER") if code else "OTHER"


def estimands(
    design: Node, source: Source, interventions: Mapping[str, int], outcomes: Mapping[str, int]
) -> tuple[parts.Estimand, ...]:
    """What is to be estimated."""
    populations: dict[str | None, parts.Population] = {}
    for one in design.children("analysisPopulations"):
        references(one, "subsetOfIds")
        named = source.named(one)
        populations[named.key] = parts.Population(named, source.prose(one))
    found = []
    for one in design.children("estimands"):
        events = tuple(
            parts.Intercurrent(source.named(each), source.prose(each), source.prose(each, "strategy"))
            for each in one.children("intercurrentEvents")
        )
        found.append(
            parts.Estimand(
                source.named(one),
                source.prose(one, "populationSummary"),
                populations.get(one.line("analysisPopulationId")),
                tuple(interventions[key] for key in references(one, "interventionIds") if key in interventions),
                outcomes.get(one.line("variableOfInterestId") or ""),
                events,
            )
        )
    return tuple(found)


def population(
    design: Node, version: Node, source: Source
) -> tuple[Eligibility, Enrolment | None, tuple[parts.Cohort, ...], tuple[Text, ...]]:
    """Who may take part, how many, in which cohorts, and what else is said of them."""
    node = design.child("population")
    named = source.named(node) if not node.empty else None
    items = {one.line("id"): one for one in version.children("eligibilityCriterionItems")}
    stated = tuple(
        found for one in in_order(design.children("eligibilityCriteria")) if (found := _criterion(one, items, source))
    )
    references(node, "criterionIds")
    planned, completing = node.child("plannedEnrollmentNumber"), count(node.child("plannedCompletionNumber"))
    number = count(planned)
    facts = [Value(f"Planned to complete: {completing}", node.at("plannedCompletionNumber"))] if completing else []
    if named:
        facts.append(Value(f"Population: {joined((named.name, named.label, named.description), ', ')}", node.path))
    cohorts = tuple(
        parts.Cohort(
            source.named(one),
            _limits(one),
            count(one.child("plannedEnrollmentNumber")),
            count(one.child("plannedCompletionNumber")),
        )
        for one in node.children("cohorts")
    )
    eligibility = _limits(node, stated, named.description if named else None, node.at("description"))
    return eligibility, Enrolment(number, False, planned.path) if number is not None else None, cohorts, tuple(facts)


def _limits(node: Node, stated: tuple[Stated, ...] = (), population: str | None = None, path: str = "") -> Eligibility:
    sexes = {_SEXES.get(code.code or "", _SEXES.get(code.display.casefold())) for code in codes_of(node, "plannedSex")}
    sexes.discard(None)
    sex = "ALL" if len(sexes) > 1 else next(iter(sexes), None)
    low, high = limits(node.child("plannedAge"))
    return Eligibility(
        stated=stated,
        sex=Value(sex, node.at("plannedSex")) if sex else None,
        minimum_age=low,
        maximum_age=high,
        healthy_volunteers=node.flag("includesHealthySubjects"),
        population=Value(population, path) if population else None,
    )


def _criterion(node: Node, items: Mapping[str | None, Node], source: Source) -> Stated | None:
    named = source.named(node)
    category = code_of(node, "category")
    item = items.get(node.line("criterionItemId"))
    number = node.line("identifier")
    said = None
    if item is not None:
        source.named(item)
        said = source.prose(item)
    text = said or named.description or named.label
    if not text:
        return None
    exclude = bool(category and "exclusion" in category.display.casefold())
    label = joined((one for one in (named.label, named.description) if one != text), ", ")
    return Stated(text, exclude, True, joined((named.name, number, label), ", ") or None, node.path)
