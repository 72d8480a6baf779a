"""Parameters of the server's own: MongoDB finds exactly what the matcher says, and that is what the Group means."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import Shelf
from test_search_property import CALM, MISSING, agree, asked, some

from fhirserver.errors import BadRequest
from fhirserver.releases import converted
from fhirserver.search.ast import And, Chain, Node, Not, Or, Param
from fhirserver.search.explain import tree
from fhirserver.search.match import matches
from fhirserver.search.parse import parse

UNITS = st.sampled_from(["a", "mo", "wk", "d", "h", "min", "kg"])
VALUES = st.one_of(st.integers(0, 90), st.sampled_from([Decimal("1.5"), Decimal("17.99"), Decimal("1E+2")]))
MEASURE = st.builds(
    lambda value, unit, system: {"value": value, "code": unit} | system,
    VALUES,
    UNITS,
    st.sampled_from([{}, {"system": "http://unitsofmeasure.org"}, {"system": "urn:other"}]),
)
CODES = st.sampled_from(
    [
        ("http://snomed.info/sct", "397669002"),
        ("http://loinc.org", "46098-0"),
        ("http://loinc.org", "30525-0"),
        ("urn:x", "other"),
    ]
)
CODED = CODES.map(lambda pair: {"coding": [{"system": pair[0], "code": pair[1]}]})
NAMED = st.sampled_from(["Age", "sex", "Accepts healthy volunteers"]).map(lambda text: {"text": text})
SEX = st.sampled_from(["female", "male", "other", "x"])
VALUE = st.one_of(
    some(low=MEASURE, high=MEASURE).map(lambda each: {"valueRange": each}),
    MEASURE.map(lambda each: {"valueQuantity": each}),
    SEX.map(
        lambda code: {
            "valueCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/administrative-gender", "code": code}]}
        }
    ),
    st.booleans().map(lambda each: {"valueBoolean": each}),
)
CHARACTERISTIC = st.builds(
    lambda code, value, exclude: {"code": code, "exclude": exclude} | value,
    st.one_of(CODED, NAMED),
    VALUE,
    st.booleans(),
)
GROUP = st.builds(
    lambda more, type_, membership: {"resourceType": "Group", "type": type_, "membership": membership} | more,
    some(characteristic=st.lists(CHARACTERISTIC, min_size=1, max_size=4)),
    st.sampled_from(["person", "person", "device"]),
    st.sampled_from(["definitional", "definitional", "enumerated"]),
)
STATE = st.sampled_from(["recruiting", "completed", "overall-study"])
DAYS = st.sampled_from(["1999", "2020-06", "2020-06-15", "2999-01-01", "2999-01-01T12:00:00Z"])
ENTRY = st.builds(
    lambda code, period: {
        "state": {"coding": [{"system": "http://hl7.org/fhir/research-study-status", "code": code}]},
        "period": period,
    },
    STATE,
    some(start=DAYS, end=DAYS),
)
STUDY = some(progressStatus=st.lists(ENTRY, min_size=1, max_size=3)).map(
    lambda each: {"resourceType": "ResearchStudy", **each}
)
PREFIX = st.sampled_from(["", "", "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap"])
AGE = st.builds(
    "{}{}{}".format, PREFIX, VALUES, st.sampled_from(["", "||mo", "|http://unitsofmeasure.org|a", "||d", "||h"])
)
ON_GROUP = st.one_of(
    asked(["admits-age"], AGE),
    asked(
        ["admits-sex", "admits-sex:not"],
        st.sampled_from(["female", "male", "unknown", "http://hl7.org/fhir/administrative-gender|other", "urn:x|male"]),
    ),
    asked(["admits-healthy", "admits-healthy:not"], MISSING),
    st.tuples(st.sampled_from(["admits-age:missing", "admits-sex:missing", "admits-healthy:missing"]), MISSING),
)
ON_STUDY = st.one_of(
    st.tuples(st.just("recruiting"), MISSING),
    st.tuples(st.just("recruiting:missing"), MISSING),
)


@pytest.fixture(scope="module")
def shelf(shelves: Callable[[str], Shelf]) -> Shelf:
    return shelves("Own")


@CALM
@given(
    resources=st.lists(GROUP, min_size=4, max_size=10),
    searches=st.lists(st.lists(ON_GROUP, min_size=1, max_size=2), min_size=12, max_size=12),
)
def test_groups(shelf: Shelf, resources: list[dict[str, Any]], searches: list[list[tuple[str, str]]]) -> None:
    agree(shelf, resources, searches)


@CALM
@given(
    resources=st.lists(STUDY, min_size=4, max_size=10),
    searches=st.lists(st.lists(ON_STUDY, min_size=1, max_size=2), min_size=4, max_size=4),
)
def test_studies(shelf: Shelf, resources: list[dict[str, Any]], searches: list[list[tuple[str, str]]]) -> None:
    agree(shelf, resources, searches)


def group(low: int | None, high: int | None, unit: str = "a") -> dict[str, Any]:
    sides = {"low": low, "high": high}
    limits = {side: {"value": value, "code": unit} for side, value in sides.items() if value is not None}
    age = {"coding": [{"system": "http://snomed.info/sct", "code": "397669002"}]}
    said = {"code": age, "valueRange": limits, "exclude": False}
    return {
        "resourceType": "Group",
        "id": "g",
        "type": "person",
        "membership": "definitional",
        "characteristic": [said],
    }


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("18", True), ("65", True), ("17.99", False), ("65.01", False), ("17", False), ("42", True),
        ("216||mo", True), ("215||mo", False), ("780||mo", True), ("781||mo", False), ("6574.5||d", True),
        ("6574||d", False), ("42|http://unitsofmeasure.org|a", True), ("ge65", True), ("gt65", False), ("le18", True),
        ("lt18", False), ("sa17", True), ("eb66", True), ("eb65", False), ("1E1,40", True),
    ],
)  # fmt: skip
def test_ages_and_their_limits(value: str, wanted: bool) -> None:
    node = parse("R5", "Group", [("admits-age", value)], strict=True).filter
    assert matches(node, group(18, 65), "R5") is wanted


REFUSED = [
    ("ResearchStudy", "age", "young", "prefix"),
    ("ResearchStudy", "age", "-1", "below 0"),
    ("ResearchStudy", "age", "42|http://unitsofmeasure.org|kg", "unit of age"),
    ("ResearchStudy", "age", "42|urn:other|a", "unit of age"),
    ("ResearchStudy", "age", "42||years", "unit of age"),
    ("ResearchStudy", "age", "42|a", "no age"),
    ("ResearchStudy", "age:exact", "42", "takes :missing"),
    ("ResearchStudy", "age:not", "42", "takes :missing"),
    ("ResearchStudy", "age:missing", "maybe", "takes :missing"),
    ("ResearchStudy", "eligible-sex", "F", "female, male, other, unknown"),
    ("ResearchStudy", "eligible-sex:text", "female", ":not"),
    ("ResearchStudy", "healthy-volunteers", "yes", "true, false"),
    ("ResearchStudy", "recruiting", "yes", "true or false"),
    ("ResearchStudy", "recruiting:not", "true", "does not go with"),
    ("ResearchStudy", "near", "here", "latitude|longitude"),
    ("ResearchStudy", "_sort", "age", "cannot be sorted by"),
    ("Group", "admits-sex", "woman", "female, male, other, unknown"),
    ("Group", "admits-age:contains", "42", "does not go with"),
]


@pytest.mark.parametrize(("type_", "name", "value", "said"), REFUSED, ids=[f"{r[1]}={r[2]}" for r in REFUSED])
def test_what_has_no_meaning_is_refused(type_: str, name: str, value: str, said: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse("R5", type_, [(name, value)], strict=True)
    issue = refused.value.issues[0]
    assert said in issue.diagnostics
    assert issue.expression == (name,)


def links(node: Node) -> list[tuple[str, str, str]]:
    """The links of the chains in a tree."""
    match node:
        case Chain(type_, code, target, inner):
            return [(type_, code, target), *links(inner)]
        case Not(inner):
            return links(inner)
        case And(nodes) | Or(nodes):
            return [link for each in nodes for link in links(each)]
        case Param(type_, code, _):
            return [(type_, code, "")]
    return []


def test_a_study_is_found_by_way_of_what_its_release_calls_its_eligibility() -> None:
    r5 = parse("R5", "ResearchStudy", [("age", "42")], strict=True).filter
    r4 = parse("R4", "ResearchStudy", [("age", "42")], strict=True).filter
    assert links(r5) == [("ResearchStudy", "eligibility", "Group"), ("Group", "admits-age", "")]
    assert links(r4) == links(r5)
    near = parse("R5", "ResearchStudy", [("near", "52|13")], strict=True).filter
    assert links(near) == [("ResearchStudy", "site", "Location"), ("Location", "near", "")]
    through = parse("R5", "ResearchSubject", [("study.age", "42")], strict=True).filter
    assert len(links(through)) == 3
    assert "admits-age" in tree(parse("R5", "ResearchStudy", [("_filter", "age eq 42")], strict=True))


def test_r4_studies_recruit_while_they_are_active_and_are_found_by_their_enrollment() -> None:
    written = {
        "resourceType": "ResearchStudy",
        "id": "s",
        "status": "active",
        "enrollment": [{"reference": "Group/g"}],
    }
    study = converted(written, "R4", "R5")
    for name, value in (("recruiting", "true"), ("enrollment", "Group/g"), ("enrollment", "g")):
        assert matches(parse("R4", "ResearchStudy", [(name, value)], strict=True).filter, study, "R4"), name
    closed = converted(written | {"status": "completed"}, "R4", "R5")
    assert not matches(parse("R4", "ResearchStudy", [("recruiting", "true")], strict=True).filter, closed, "R4")
