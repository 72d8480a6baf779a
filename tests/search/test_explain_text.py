"""A search told to people: its tree by lines, and commands that hold the client's values alone."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.search.explain import MOST, literals, shown, tree
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import parse

STORED = {"t": {"$in": ["subject|Patient/secret-1", "subject|Patient/secret-2"]}}


def asked(type_: str, *params: tuple[str, str]) -> Any:
    return parse("R5", type_, params, strict=True)


def test_a_tree_has_a_line_for_each_criterion() -> None:
    request = asked(
        "Observation",
        ("subject:Patient.name", "Eve"),
        ("code:not", "http://loinc.org|1-1"),
        ("value-quantity", "ge5.40"),
        ("_sort", "-date,code"),
        ("_include", "Observation:subject"),
    )
    assert tree(request).splitlines() == [
        "search Observation",
        "  all of",
        "    Observation subject: refers to Patient with",
        '      Patient name: Starts text="eve" parts',
        "    not",
        '      Observation code: Token system="http://loinc.org" code="1-1" fold',
        "    Observation value-quantity: Quantity "
        'number=Number prefix="ge" value=5.40 low=5.395 high=5.405 wide system=""',
        "sort by date descending, code",
        'include: Include source="Observation" code="subject"',
    ]


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ([], "  everything"),
        ([("_id:missing", "true")], "  nothing"),
        ([("birthdate:missing", "true")], "  Patient birthdate: has no value"),
        ([("birthdate:missing", "false")], "  Patient birthdate: has a value"),
        ([("_id", "a,b")], '  id: ["a", "b"]'),
        ([("_has:Observation:patient:status", "final")], "  Patient: Observation refers to it by patient, with"),
        ([("active", "true,false")], "  any of"),
    ],
)
def test_every_node_reads_as_a_sentence(params: list[tuple[str, str]], line: str) -> None:
    assert tree(asked("Patient", *params)).splitlines()[1] == line


def test_long_lists_are_cut() -> None:
    text = tree(asked("Patient", ("_id", ",".join(f"p{number}" for number in range(MOST + 5)))))
    assert text.endswith(f'"p{MOST - 1}", and 5 more]')
    assert shown({"$in": list("abcdefghijklm")}, frozenset("abcdefghijklm")).endswith('"j","and 3 more"]}')


@pytest.mark.parametrize(
    ("type_", "params"),
    [
        ("Observation", [("code", "http://loinc.org|1-1"), ("value-quantity", "5.4||mg")]),
        ("Patient", [("name", "Müller"), ("birthdate", "ge1980")]),
        ("Patient", [("name:contains", "ü.*")]),
        ("Patient", [("_id", "a"), ("_lastUpdated", "gt2020"), ("active:missing", "true")]),
    ],
)
def test_what_the_client_sent_is_shown(type_: str, params: list[tuple[str, str]]) -> None:
    request = asked(type_, *params)
    text = shown(to_mongo(request.filter, "R5"), literals(request))
    assert "…" not in text
    assert "$" in text


@pytest.mark.parametrize(
    "params",
    [
        [("subject:Patient.name", "Eve")],
        [("subject", "Patient/another")],
        [("subject:Patient.name", "Eve"), ("code", "a")],
        [("code:not", "a"), ("patient._has:Observation:patient:code", "b")],
    ],
)
def test_what_it_led_to_is_not(params: list[tuple[str, str]]) -> None:
    known = literals(asked("Observation", *params))
    assert shown(STORED, known) == '{"t":{"$in":["…","…"]}}'
    assert shown({"s.birthdate": {"$gt": "1980-01-01"}, "_id": {"$gt": "x"}, "n": {"$lt": 5}}, known) == (
        '{"s.birthdate":{"$gt":"…"},"_id":{"$gt":"…"},"n":{"$lt":"…"}}'
    )


def test_the_values_of_an_inner_search_are_the_clients_too() -> None:
    request = asked("Observation", ("subject:Patient._has:Condition:patient:code", "http://sct|1"))
    assert "code@http://sct|1" in literals(request)


def test_the_members_that_a_client_names_are_shown() -> None:
    request = asked("Group", ("member", "Patient/7"))
    assert shown([{"$match": {"e": "Patient/7", "g": {"$gt": "x"}}}, {"$limit": 5}], literals(request)) == (
        '[{"$match":{"e":"Patient/7","g":{"$gt":"…"}}},{"$limit":5}]'
    )
