"""Whatever resources there are and whatever is asked: MongoDB finds exactly what the matcher says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shelf import Shelf

from fhirserver.errors import BadRequest
from fhirserver.resources.registry import Release
from fhirserver.search.indexing import entry
from fhirserver.search.match import matches
from fhirserver.search.order import HIGHEST, main_date
from fhirserver.search.parameters import parameters
from fhirserver.search.parse import parse
from fhirserver.search.plan import Sort

BASES = ["http://here.org/r5"]
SYSTEMS = st.sampled_from(
    ["http://loinc.org", "http://a|b", "urn:x", "https://clinicaltrials.gov/", "http://clinicaltrials.gov"]
)
CODES = st.sampled_from(["a", "A", "b", "a|b", "a%b", "8480-6", "a$b", "ä,b", "\\"])
WORDS = st.sampled_from(
    [
        "Eve",
        "eve",
        "Evelyn",
        "Carreño-Quiñones",
        "van der Wal",
        "O'Brien",
        "x" * 150,
        "x" * 149 + "y",
        ".*",
        "ß",
        "İx",
        "१२",
    ]
)
DATES = st.sampled_from(
    [
        "2013",
        "2013-01",
        "2013-01-14",
        "2013-01-15",
        "2013-01-14T10:00:00Z",
        "2013-01-14T23:30:00-05:00",
        "2013-01-14T10:00:00.5Z",
        "2012-12-31",
        "0001-01-01",
        "9999-12-31",
        "1969-12",
    ]
)
NUMBERS = st.sampled_from(
    [
        Decimal(each)
        for each in (
            "0",
            "5",
            "5.4",
            "5.40",
            "5.45",
            "-5.4",
            "100",
            "1E+2",
            "99.5",
            "0.000168",
            "1e-40",
            "12345678901234567890.123456789",
            "9e99",
        )
    ]
)
IDS = st.sampled_from(["1", "2", "a-b", "1.5"])
TYPES = st.sampled_from(["Patient", "Group", "Device"])


def some(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these properties."""
    return st.fixed_dictionaries({}, optional=parts)


CODING = some(system=SYSTEMS, code=CODES, display=WORDS)
CONCEPT = some(coding=st.lists(CODING, min_size=1, max_size=2), text=WORDS)
IDENTIFIER = some(system=SYSTEMS, value=CODES, type=CONCEPT)
PERIOD = some(start=DATES, end=DATES)
QUANTITY = some(
    value=NUMBERS,
    system=SYSTEMS,
    code=st.sampled_from(["mg", "g"]),
    unit=st.sampled_from(["mg", "milli|gram"]),
    comparator=st.sampled_from(["<", ">="]),
)
LITERAL = st.builds(
    "{}{}/{}{}".format,
    st.sampled_from(["", "", "http://here.org/r5/", "https://there.org/"]),
    TYPES,
    IDS,
    st.sampled_from(["", "", "/_history/2"]),
)
REFERENCE = some(
    reference=st.one_of(LITERAL, st.just("urn:uuid:1"), st.just("#c")), identifier=IDENTIFIER, display=WORDS
)
EFFECTIVE = st.one_of(
    some(effectiveDateTime=DATES),
    some(effectivePeriod=PERIOD),
    some(effectiveTiming=some(event=st.lists(DATES, min_size=1, max_size=2), repeat=some(boundsPeriod=PERIOD))),
)
VALUE = st.one_of(some(valueQuantity=QUANTITY), some(valueCodeableConcept=CONCEPT), some(valueString=WORDS))
COMPONENT = st.builds(lambda one, two: one | two, some(code=CONCEPT), VALUE)
META = some(
    tag=st.lists(CODING, min_size=1, max_size=2),
    profile=st.just(["http://p|1"]),
    lastUpdated=st.sampled_from(["2013-01-14T10:00:00.000Z", "2020-01-01T00:00:00.123Z"]),
)
OBSERVATION = st.builds(
    lambda one, two, three: {"resourceType": "Observation"} | one | two | three,
    some(
        status=st.sampled_from(["final", "amended"]),
        code=CONCEPT,
        category=st.lists(CONCEPT, min_size=1, max_size=2),
        subject=REFERENCE,
        identifier=st.lists(IDENTIFIER, min_size=1, max_size=2),
        component=st.lists(COMPONENT, min_size=1, max_size=2),
        meta=META,
        performer=st.lists(REFERENCE, min_size=1, max_size=2),
    ),
    EFFECTIVE,
    VALUE,
)
NAME = some(family=WORDS, given=st.lists(WORDS, min_size=1, max_size=2), text=WORDS)
PATIENT = st.builds(
    lambda one, two: {"resourceType": "Patient"} | one | two,
    some(
        name=st.lists(NAME, min_size=1, max_size=2),
        birthDate=st.sampled_from(["1974", "1974-12", "1974-12-25"]),
        active=st.booleans(),
        gender=st.sampled_from(["male", "female"]),
        telecom=st.lists(some(system=st.sampled_from(["phone", "email"]), value=CODES), min_size=1, max_size=2),
        generalPractitioner=st.lists(REFERENCE, min_size=1, max_size=2),
        meta=META,
    ),
    st.one_of(some(deceasedBoolean=st.booleans()), some(deceasedDateTime=DATES)),
)


def escaped(text: str) -> str:
    return "".join("\\" + sign if sign in "\\,$|" else sign for sign in text)


PREFIX = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
CODE = CODES.map(escaped)
SYSTEM = SYSTEMS.map(escaped)
TOKEN = st.one_of(CODE, CODE.map("|{}".format), st.builds("{}|{}".format, SYSTEM, CODE), SYSTEM.map("{}|".format))
WORD = st.one_of(WORDS, WORDS.map(lambda word: word[:3])).map(escaped)
DATE = st.builds("{}{}".format, PREFIX, DATES)
NUMBER = st.builds("{}{}".format, PREFIX, NUMBERS)
MEASURE = st.builds(
    "{}{}".format, NUMBER, st.sampled_from(["", "||mg", "|http://loinc.org|mg", "|urn:x|g", "||milli\\|gram"])
)
REF = st.one_of(LITERAL, IDS, st.just("urn:uuid:1"))
MISSING = st.sampled_from(["true", "false"])
COMPOSED = st.builds("{}${}".format, st.one_of(CODE, st.builds("{}|{}".format, SYSTEM, CODE)), MEASURE)


def asked(names: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.sampled_from(names), st.lists(values, min_size=1, max_size=2).map(",".join))


ALL = ["code", "category", "identifier", "combo-code", "value-concept"]
ON_OBSERVATION = st.one_of(
    asked([*ALL, "code:not", "_tag", "_tag:not", "subject:identifier", "combo-value-concept"], TOKEN),
    asked(["code:text", "identifier:text", "subject:text", "combo-code:text", "category:text"], WORD),
    asked(["code:code-text"], CODE),
    asked(
        ["status", "status:not"],
        st.sampled_from(["final", "amended", "http://hl7.org/fhir/observation-status|final", "Final"]),
    ),
    asked(["date", "_lastUpdated"], DATE),
    asked(["value-quantity", "combo-value-quantity"], MEASURE),
    asked(["subject", "patient", "performer", "subject:Patient"], REF).filter(
        lambda pair: ":" not in pair[0] or "Patient" in pair[1]
    ),
    asked(["code-value-quantity", "combo-code-value-quantity", "component-code-value-quantity"], COMPOSED),
    st.tuples(
        st.sampled_from(
            [
                f"{name}:missing"
                for name in [*ALL, "date", "value-quantity", "subject", "patient", "code-value-quantity", "_tag"]
            ]
        ),
        MISSING,
    ),
    asked(["_profile"], st.sampled_from(["http://p", "http://p|1", "http://p|2"])),
    st.tuples(
        st.just("_sort"),
        st.builds(
            "{}{}".format,
            st.sampled_from(["", "-"]),
            st.sampled_from(
                [
                    "date",
                    "code",
                    "category",
                    "status",
                    "subject",
                    "value-quantity",
                    "identifier",
                    "_lastUpdated",
                    "_id",
                    "performer",
                    "value-concept",
                    "component-code",
                    "component-value-quantity",
                    "_tag",
                    "date,-code",
                    "status,date,_lastUpdated",
                    "-_id,date",
                ]
            ),
        ),
    ),
)
ON_PATIENT = st.one_of(
    asked(["name", "family", "given", "name:contains", "family:exact", "name:exact", "given:contains"], WORD),
    asked(["birthdate", "death-date"], DATE),
    asked(["active", "deceased"], MISSING),
    asked(["phone", "email", "telecom", "phone:not"], TOKEN),
    asked(["general-practitioner"], REF),
    st.tuples(
        st.sampled_from(
            [f"{n}:missing" for n in ("name", "birthdate", "phone", "death-date", "general-practitioner", "active")]
        ),
        MISSING,
    ),
    asked(["_id", "_id:not"], st.sampled_from(["r0", "r1", "zz"])),
    st.tuples(
        st.just("_sort"),
        st.builds(
            "{}{}".format,
            st.sampled_from(["", "-"]),
            st.sampled_from(["name", "birthdate", "death-date", "phone", "family,given", "general-practitioner"]),
        ),
    ),
)


def agree(
    shelf: Shelf, resources: list[dict[str, Any]], searches: list[list[tuple[str, str]]], release: Release = "R5"
) -> None:
    held = {f"r{number}": resource | {"id": f"r{number}"} for number, resource in enumerate(resources)}
    for resource in held.values():
        meta = resource.setdefault("meta", {})
        resource["meta"] = {"lastUpdated": "2020-01-01T00:00:00.000Z"} | meta
    shelf.fill(release, held.values())
    shelf.put([{"_id": "gone", "v": 2, "gone": True, "t": [], "x": [], "s": {}, "f": {}}])
    type_ = resources[0]["resourceType"]
    for params in searches:
        try:
            request = parse(release, type_, params, strict=True, base_urls=BASES)
        except BadRequest:
            continue  # a combination that has no meaning, and says so
        node, sort = request.filter, request.sort
        matched = sorted(id_ for id_, resource in held.items() if matches(node, resource, release))
        assert shelf.ids(node, release) == matched, params
        paged = shelf.paged(shelf.plan(type_, node, sort, release), len(params))
        assert sorted(paged) == matched, (params, sort)
        assert in_order(release, type_, [held[id_] for id_ in paged], sort), (params, sort, paged)


def in_order(release: Release, type_: str, found: list[dict[str, Any]], sort: Sort) -> bool:
    """Whether resources stand in the order of their sort keys, those without one before all others."""
    if len(sort) != 1:
        return True
    ((code, down),) = sort
    keys = []
    for resource in found:
        if code == "_lastUpdated":
            keys.append((True, resource["meta"]["lastUpdated"]))
        elif code == "_id":
            keys.append((True, resource["id"]))
        else:
            indexed = entry(release, resource)
            sorts = dict(indexed.s)
            if code == main_date(release, type_) and indexed.w:
                sorts[code] = indexed.o
            highest = sorts.get(code + HIGHEST) if down else None
            parts = parameters(release, type_)[code].union
            if parts:
                every = [sorts.get(part + HIGHEST if down else part) or sorts.get(part) for part in parts]
                least = (max if down else min)((each for each in every if each), default=None)
                keys.append((least is not None, least or ""))
                continue
            keys.append((code in sorts, highest or sorts.get(code, "")))
    return keys == sorted(keys, reverse=down)


CALM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module")
def shelf(shelves: Callable[[str], Shelf]) -> Shelf:
    return shelves("Property")


@CALM
@given(
    resources=st.lists(OBSERVATION, min_size=4, max_size=12),
    searches=st.lists(st.lists(ON_OBSERVATION, min_size=1, max_size=2), min_size=12, max_size=12),
)
def test_observations(shelf: Shelf, resources: list[dict[str, Any]], searches: list[list[tuple[str, str]]]) -> None:
    agree(shelf, resources, searches)


@CALM
@given(
    resources=st.lists(PATIENT, min_size=4, max_size=12),
    searches=st.lists(st.lists(ON_PATIENT, min_size=1, max_size=2), min_size=12, max_size=12),
)
def test_patients(shelf: Shelf, resources: list[dict[str, Any]], searches: list[list[tuple[str, str]]]) -> None:
    agree(shelf, resources, searches)
