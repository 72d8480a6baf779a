"""The Groups of a study: who may take part, who does, and who is in each arm.

https://hl7.org/fhir/R5/group.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.codes import FHIR, LOINC, NCIT, SNOMED, UCUM, words
from fhirserver.mappers.eligibility import Criterion, all_criteria, whole_text
from fhirserver.mappers.identity import identifier
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import Row, narrative
from fhirserver.mappers.parts import Age, Eligibility, Value
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]

_SIDES = {False: ("C25532", "Inclusion Criteria"), True: ("C25370", "Exclusion Criteria")}
_GENDER = (LOINC, "76691-5", "Gender identity")
_HEALTHY = (NCIT, "C98737", "Healthy Subject Indicator")
_NOT_BY_CHANCE = (NCIT, "C127781", "Non-Probability Sampling Method")
SAMPLING = {"PROBABILITY_SAMPLE": "Probability sample", "NON_PROBABILITY_SAMPLE": "Non-probability sample"}


def eligibility(trial: Trial, names: Naming, issues: list[Issue]) -> Resource:
    """Who may take part: limits coded, criteria word for word, the whole text in the description."""
    facts = trial.eligibility
    found = all_criteria(facts)
    title = trial.title.value if trial.title else names.stem
    group: Resource = {
        "resourceType": "Group",
        "id": names.eligibility,
        "text": _text(title, facts, found),
        "identifier": [identifier("Group", names.eligibility)],
        "active": True,
        "type": "person",
        "membership": "definitional",
        "name": f"Eligible for {title}",
    }
    if text := whole_text(facts):
        group["description"] = text
    characteristics = [*limits(facts, issues), *(_criterion(one) for one in found)]
    if characteristics:
        group["characteristic"] = characteristics
    return group


def rosters(trial: Trial, names: Naming) -> list[Resource]:
    """The Groups that enrolment fills: all who take part, and those of each arm."""
    title = trial.title.value if trial.title else names.stem
    found = [_roster(names.enrolled, f"Enrolled in {title}", f"Everybody enrolled in the study {names.stem}.")]
    for position, arm in enumerate(trial.arms):
        found.append(
            _roster(
                names.arm(position),
                f"Enrolled in {title}: {arm.label}",
                f"Everybody in the group '{arm.label}' of the study {names.stem}.",
            )
        )
    return found


def _roster(id_: str, name: str, purpose: str) -> Resource:
    return {
        "resourceType": "Group",
        "id": id_,
        "text": narrative(name, lead=purpose),
        "identifier": [identifier("Group", id_)],
        "active": True,
        "type": "person",
        "membership": "enumerated",
        "name": name,
        "quantity": 0,
    }


def limits(facts: Eligibility, issues: list[Issue]) -> list[Resource]:
    """The coded facts, each a characteristic: age, sex, healthy volunteers, population, sampling."""
    found: list[Resource] = []
    found += _ages(facts.minimum_age, facts.maximum_age)
    sex = facts.sex.value if facts.sex else "ALL"
    if sex in ("FEMALE", "MALE"):
        coding = {"system": FHIR + "administrative-gender", "code": sex.casefold(), "display": sex.capitalize()}
        value = {"coding": [coding], "text": sex.capitalize()}
        found.append({"code": _code(LOINC, "46098-0", "Sex"), "valueCodeableConcept": value, "exclude": False})
    elif sex != "ALL" and facts.sex:
        issues.append(
            Issue("warning", "code-invalid", f"'{sex}' is no sex known here; it is kept as text.", (facts.sex.path,))
        )
        found.append(_said({"text": "Sex"}, {"text": sex}))
    if facts.gender_based is not None:
        found.append(_flag(_code(*_GENDER, "Gender-based eligibility"), facts.gender_based))
    if facts.gender_description:
        found.append(_said(_code(*_GENDER, "Gender eligibility"), {"text": facts.gender_description.value}))
    if facts.healthy_volunteers is not None:
        found.append(_flag(_code(*_HEALTHY, "Accepts healthy volunteers"), facts.healthy_volunteers))
    if facts.population:
        found.append(_said({"text": "Study population"}, {"text": facts.population.value}))
    if facts.sampling:
        found.append(_said({"text": "Sampling method"}, _sampling(facts.sampling.value)))
    return found


def _sampling(method: str) -> Resource:
    text = SAMPLING.get(method, words(method))
    return _code(*_NOT_BY_CHANCE, text) if method == "NON_PROBABILITY_SAMPLE" else {"text": text}


def _ages(low: Age | None, high: Age | None) -> list[Resource]:
    """One Range; two one-sided ones where the limits cannot be compared as they stand (18 months to 50 years)."""
    if low and high and low.unit == high.unit and low.value <= high.value:
        return [_age({"low": _quantity(low, plural=True), "high": _quantity(high, plural=True)})]
    return [_age({side: _quantity(age)}) for side, age in (("low", low), ("high", high)) if age]


def _age(limits: Resource) -> Resource:
    return {"code": _code(SNOMED, "397669002", "Age"), "valueRange": limits, "exclude": False}


def _quantity(age: Age, plural: bool = False) -> Resource:
    unit = age.word if age.value == 1 and not plural else f"{age.word}s"
    return {"value": age.value, "unit": unit, "system": UCUM, "code": age.unit}


def _code(system: str, code: str, display: str, text: str | None = None) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": text or display}


def _flag(code: Resource, flag: Value[bool]) -> Resource:
    return {"code": code, "valueBoolean": flag.value, "exclude": False}


def _said(code: Resource, value: Resource) -> Resource:
    return {"code": code, "valueCodeableConcept": value, "exclude": False}


def _criterion(one: Criterion) -> Resource:
    side = "Exclusion criterion" if one.exclude else "Inclusion criterion"
    return {
        "code": _code(NCIT, *_SIDES[one.exclude], f"{side} – {one.under}" if one.under else side),
        "valueCodeableConcept": {"text": one.text},
        "exclude": one.exclude,
    }


def ages(facts: Eligibility) -> str | None:
    """'14 to 65 years' for people."""
    low, high = (f"{age.value} {age.word}{'' if age.value == 1 else 's'}" if age else None for age in _both(facts))
    if low and high and facts.minimum_age and facts.maximum_age:
        same = facts.minimum_age.unit == facts.maximum_age.unit
        return f"{facts.minimum_age.value if same else low} to {high}"
    return f"{low} and over" if low else f"up to {high}" if high else None


def _both(facts: Eligibility) -> tuple[Age | None, Age | None]:
    return facts.minimum_age, facts.maximum_age


def _text(title: str, facts: Eligibility, found: tuple[Criterion, ...]) -> Resource:
    sexes = {"ALL": "All", "FEMALE": "Female", "MALE": "Male"}
    healthy = facts.healthy_volunteers
    rows: list[Row] = [
        ("Age", ages(facts)),
        ("Sex", sexes.get(facts.sex.value, facts.sex.value) if facts.sex else None),
        ("Healthy volunteers", None if healthy is None else "Accepted" if healthy.value else "Not accepted"),
        ("Inclusion criteria", [_shown(one) for one in found if not one.exclude]),
        ("Exclusion criteria", [_shown(one) for one in found if one.exclude]),
    ]
    return narrative(f"Eligible for {title}", rows)


def _shown(one: Criterion) -> str:
    return f"[{one.under}] {one.text}" if one.under else one.text
