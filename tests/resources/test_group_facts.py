"""Whom an eligibility Group admits, and when a study takes subjects: as the resources say it, and no more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.enrolment.openness import OPEN
from fhirserver.resources.group import MINUTES, SEXES, Facts, admitted, minutes
from fhirserver.resources.research_study import ACCRUING, accruing, progress

Json = dict[str, Any]
AGE = {"coding": [{"system": "http://snomed.info/sct", "code": "397669002"}]}
SEX = {"coding": [{"system": "http://loinc.org", "code": "46098-0"}]}
YEAR = MINUTES["a"]


def group(*characteristics: Json, **change: Any) -> Json:
    return {"resourceType": "Group", "type": "person", "membership": "definitional"} | change | {
        "characteristic": list(characteristics)
    }  # fmt: skip


def age(low: Any = None, high: Any = None, unit: str = "a", **change: Any) -> Json:
    sides = (("low", low), ("high", high))
    limits = {
        side: {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
        for side, value in sides
        if value is not None
    }
    return {"code": AGE, "valueRange": limits, "exclude": False} | change


def sex(code: str, system: str = "http://hl7.org/fhir/administrative-gender", **change: Any) -> Json:
    return {
        "code": SEX,
        "valueCodeableConcept": {"coding": [{"system": system, "code": code}]},
        "exclude": False,
    } | change


def facts(*characteristics: Json, **change: Any) -> Facts:
    found = admitted(group(*characteristics, **change))
    assert found is not None
    return found


def years(*characteristics: Json) -> list[tuple[Decimal, Decimal | None]] | None:
    found = facts(*characteristics).ages
    if found is None:
        return None
    return [(low / YEAR, None if high is None else high / YEAR) for low, high in found]


def test_limits_are_met_all_together_whatever_their_units() -> None:
    assert years() == [(0, None)]
    assert years(age(18, 65)) == [(18, 65)]
    assert years(age(low=18)) == [(18, None)]
    assert years(age(high=65)) == [(0, 65)]
    assert years(age(low=18, unit="mo"), age(high=50)) == [(Decimal("1.5"), 50)]
    assert years(age(18, 65), age(40, 80)) == [(40, 65)]
    assert years(age(18, 30), age(40, 80)) == []


def test_who_is_excluded_is_between_those_that_are_left() -> None:
    spans = facts(age(18, 65), age(30, 40, exclude=True)).ages
    assert spans is not None
    (low, below), (above, high) = spans
    assert (low / YEAR, high and high / YEAR) == (18, 65)
    assert below is not None
    assert 29 < below / YEAR < 30 < 40 < above / YEAR < 41
    assert years(age(low=60, exclude=True)) == [(0, pytest.approx(Decimal(60)))]


@pytest.mark.parametrize(
    ("quantity", "found"),
    [
        ({"value": 18, "code": "a", "system": "http://unitsofmeasure.org"}, [(18, 18)]),
        ({"value": 18, "code": "a", "comparator": ">="}, [(18, None)]),
        ({"value": Decimal("1.5"), "unit": "years", "comparator": "<="}, [(0, Decimal("1.5"))]),
        ({"value": 12, "unit": "Month", "comparator": ">="}, [(1, None)]),
        ({"value": 18, "code": "a", "comparator": "ad"}, None),
        ({"value": 18, "code": "kg"}, None),
        ({"value": 18, "code": "a", "system": "urn:other"}, None),
        ({"value": 18}, None),
        ({"unit": "years"}, None),
        ({"value": True, "code": "a"}, None),
        ({"value": Decimal("9e999999"), "code": "a"}, None),
    ],
)
def test_ages_as_quantities(quantity: Json, found: Any) -> None:
    assert years({"code": AGE, "valueQuantity": quantity, "exclude": False}) == found


@pytest.mark.parametrize(
    "value",
    [
        {"valueCodeableConcept": {"text": "18 Years and older"}},
        {"valueRange": {"low": {"value": 18, "code": "kg"}}},
        {"valueRange": {}},
        {"valueBoolean": True},
        {"valueReference": {"reference": "Observation/age"}},
    ],
)
def test_an_age_in_words_is_unknown_and_no_missing_limit(value: Json) -> None:
    assert years({"code": AGE, "exclude": False} | value) is None
    assert years(age(18, 65), {"code": {"text": "Age"}, "exclude": False} | value) is None


def test_a_characteristic_may_be_named_in_words() -> None:
    assert years(age(18, 65, code={"text": " age "})) == [(18, 65)]
    other = {"coding": [{"system": "urn:x", "code": "age"}], "text": "Age"}
    assert years(age(18, 65, code=other)) == [(0, None)]


@pytest.mark.parametrize(
    ("characteristics", "found"),
    [
        ([], SEXES),
        ([sex("female")], ("female",)),
        ([sex("male", exclude=True)], ("female", "other", "unknown")),
        ([sex("248153007", "http://snomed.info/sct")], ("male",)),
        ([sex("LA3-6", "http://loinc.org")], ("female",)),
        ([sex("female"), sex("male")], ()),
        ([{"code": SEX, "valueCodeableConcept": {"text": "Female"}, "exclude": False}], ("female",)),
        ([{"code": SEX, "valueCodeableConcept": {"text": "All"}, "exclude": False}], SEXES),
        ([{"code": SEX, "valueCodeableConcept": {"text": "Women who are not pregnant"}, "exclude": False}], None),
        ([{"code": SEX, "valueBoolean": True, "exclude": False}], None),
        ([sex("x", "urn:other")], None),
    ],
)
def test_sexes(characteristics: list[Json], found: Any) -> None:
    assert facts(*characteristics).sexes == found


@pytest.mark.parametrize(
    ("value", "exclude", "found"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_healthy_volunteers(value: bool, exclude: bool, found: bool) -> None:
    said = {"code": {"text": "Accepts healthy volunteers"}, "valueBoolean": value, "exclude": exclude}
    assert facts(said).healthy is found
    assert facts().healthy is None


def test_only_groups_that_are_defined_admit_anybody() -> None:
    assert admitted(group(age(18, 65), membership="enumerated")) is None
    assert admitted(group(age(18, 65), type="device")) is None
    r4 = {name: value for name, value in group(age(18, 65)).items() if name != "membership"}
    assert admitted(r4 | {"actual": True}) is None
    assert admitted(r4 | {"actual": False}) == facts(age(18, 65))
    assert admitted({"resourceType": "Group"}) is None


NUMBERS = st.integers(0, 12)
LIMITS = st.builds(
    lambda low, high, unit, exclude: age(
        *sorted((low, high)) if high is not None else (low, None), unit, exclude=exclude
    ),
    NUMBERS,
    st.one_of(st.none(), NUMBERS),
    st.sampled_from(["mo", "wk", "a"]),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(LIMITS, max_size=4), st.integers(0, 13), st.sampled_from(["mo", "wk", "a"]))
def test_an_age_is_admitted_when_every_characteristic_says_so(limits: list[Json], value: int, unit: str) -> None:
    asked = value * MINUTES[unit]

    def holds(one: Json) -> bool:
        low, high = (minutes(one["valueRange"].get(side)) for side in ("low", "high"))
        return (low is None or low <= asked) and (high is None or asked <= high)

    spans = facts(*limits).ages
    assert spans is not None
    found = any(low <= asked and (high is None or asked <= high) for low, high in spans)
    assert found == all(holds(one) is not one["exclude"] for one in limits)


# --- when a study takes subjects --------------------------------------------------------------------------------------


def test_the_states_of_accrual_are_those_that_enrolment_takes_for_open() -> None:
    assert {code for code, openness in OPEN.items() if openness == "open"} == ACCRUING


DAYS = st.dates(date(2024, 1, 1), date(2024, 2, 10))
MOMENTS = st.one_of(
    DAYS.map(str), DAYS.map("{}T13:30:00+02:00".format), st.sampled_from(["2024", "2024-01", "2024-02"])
)
STATES = st.sampled_from(["recruiting", "active", "completed", "not-yet-recruiting", "overall-study", None])
STATUS = "http://hl7.org/fhir/research-study-status"
ENTRY = st.builds(
    lambda code, start, end, actual: {
        "state": {"coding": [{"system": STATUS, "code": code}]} if code else {"text": "?"},
        "period": {name: value for name, value in (("start", start), ("end", end)) if value},
    }
    | ({} if actual is None else {"actual": actual}),
    STATES,
    st.one_of(st.none(), MOMENTS),
    st.one_of(st.none(), MOMENTS),
    st.sampled_from([None, None, True, False]),
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(ENTRY, max_size=4))
def test_a_study_accrues_on_just_the_days_on_which_its_progress_says_so(entries: list[Json]) -> None:
    study = {"resourceType": "ResearchStudy", "progressStatus": entries}
    periods = accruing(study)
    day = date(2023, 12, 25)
    while day < date(2025, 1, 5):
        today = day.isoformat()
        found = any((first or "") <= today and (last is None or today <= last) for first, last in periods)
        assert found == (progress(study, today)[0] in ACCRUING), today
        day += timedelta(days=1 if day.year == 2024 and day.month < 3 else 5)


def test_a_study_that_says_nothing_does_not_accrue_and_one_without_dates_always_does() -> None:
    assert accruing({"resourceType": "ResearchStudy"}) == []
    state = {"state": {"coding": [{"system": "http://hl7.org/fhir/research-study-status", "code": "recruiting"}]}}
    assert accruing({"resourceType": "ResearchStudy", "progressStatus": [state]}) == [(None, None)]
