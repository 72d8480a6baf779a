"""Whatever parameters are defined and whatever is asked by them: MongoDB finds exactly what the matcher says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import Shelf
from test_search_property import (
    CALM,
    CODE,
    COMPOSED,
    DATE,
    MEASURE,
    MISSING,
    NUMBER,
    OBSERVATION,
    PATIENT,
    REF,
    TOKEN,
    WORD,
    agree,
    asked,
)

from fhirserver.search import defined
from fhirserver.search.added import InForce, in_force
from fhirserver.search.defined import Definition, compiled

HL7 = "http://hl7.org/fhir/SearchParameter"
OWN = {
    "Observation": {
        "any-code": ("token", "Observation.code | Observation.component.code | Observation.value"),
        "first-category": ("token", "Observation.category.first().coding"),
        "shown": ("string", "Observation.code.coding.display | Observation.value.ofType(string)"),
        "joined": ("string", "Observation.component.select(code.text & ' ' & value.ofType(string))"),
        "done": ("date", "Observation.effective | Observation.meta.lastUpdated"),
        "amount": ("quantity", "Observation.value | Observation.component.value"),
        "figure": ("number", "Observation.value.ofType(Quantity).value | Observation.component.count()"),
        "who": ("reference", "Observation.subject | Observation.performer"),
        "of-system": ("uri", "Observation.code.coding.system"),
        "coded-amount": ("composite", "Observation.component"),
    },
    "Patient": {
        "official": ("string", "Patient.name.where(text.exists()).family"),
        "parts": ("string", "Patient.name.select(family | given)"),
        "is-dead": ("token", "Patient.deceased.exists() and Patient.deceased != false"),
        "names": ("number", "Patient.name.count()"),
        "call": ("token", "Patient.telecom.where(system = 'phone').value"),
        "doctor": ("reference", "Patient.generalPractitioner.where(resolve() is Group)"),
    },
}  # fmt: skip
PARTS = [
    {"definition": f"{HL7}/clinical-code", "expression": "code"},
    {"definition": f"{HL7}/Observation-value-quantity", "expression": "value.ofType(Quantity)"},
]


@cache
def these() -> InForce:
    """All of them, each of the resources indexed by them."""
    rows = [(type_, code, *row) for type_, by_code in OWN.items() for code, row in by_code.items()]
    definitions = [
        Definition(
            code,
            1,
            {"url": f"urn:{code}", "code": code, "base": [type_], "type": kind, "expression": expression}
            | ({"component": PARTS} if kind == "composite" else {}),
        )
        for type_, code, kind, expression in rows
    ]
    found = compiled("R5", definitions)
    assert not found.wrong
    return defined.in_force({"R5": found}, 1, dict.fromkeys(found.by_type, 1), {})


ON_OBSERVATION = st.one_of(
    asked(["any-code", "any-code:not", "first-category"], TOKEN),
    asked(["any-code:text"], WORD),
    asked(["any-code:code-text"], CODE),
    asked(["shown", "shown:exact", "joined", "joined:contains"], WORD),
    asked(["done"], DATE),
    asked(["amount"], MEASURE),
    asked(["figure"], NUMBER),
    asked(["who"], REF),
    asked(["who:identifier"], TOKEN),
    asked(["of-system"], st.sampled_from(["http://loinc.org", "urn:x", "http://a\\|b"])),
    asked(["coded-amount"], COMPOSED),
    st.tuples(st.sampled_from([f"{name}:missing" for name in OWN["Observation"]]), MISSING),
)
ON_PATIENT = st.one_of(
    asked(["official", "parts", "parts:exact", "parts:contains"], WORD),
    asked(["is-dead", "is-dead:not"], MISSING),
    asked(["names"], NUMBER),
    asked(["call", "call:not"], TOKEN),
    asked(["doctor"], REF),
    st.tuples(st.sampled_from([f"{name}:missing" for name in OWN["Patient"]]), MISSING),
)


@pytest.fixture(scope="module")
def shelf(shelves: Callable[[str], Shelf]) -> Shelf:
    return shelves("Defined")


@CALM
@given(
    resources=st.lists(OBSERVATION, min_size=4, max_size=10),
    searches=st.lists(st.lists(ON_OBSERVATION, min_size=1, max_size=2), min_size=12, max_size=12),
)
def test_observations(shelf: Shelf, resources: list[dict[str, Any]], searches: list[list[tuple[str, str]]]) -> None:
    with in_force(these()):
        agree(shelf, resources, searches)


@CALM
@given(
    resources=st.lists(PATIENT, min_size=4, max_size=10),
    searches=st.lists(st.lists(ON_PATIENT, min_size=1, max_size=2), min_size=12, max_size=12),
)
def test_patients(shelf: Shelf, resources: list[dict[str, Any]], searches: list[list[tuple[str, str]]]) -> None:
    with in_force(these()):
        agree(shelf, resources, searches)
