"""_filter finds what it says: by a table of cases, and as the equal parameters of a URL do, in MongoDB and Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import Shelf, document
from test_search_property import BASES, CALM, DATES, LITERAL, OBSERVATION, PATIENT, TOKEN, WORDS

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.search.ast import Node
from fhirserver.search.match import matches
from fhirserver.search.parse import parse

CASES = fhirjson.loads((Path(__file__).parent.parent / "cases" / "search_filters.json").read_bytes())
Asked = tuple[str, tuple[tuple[str, str], ...] | None]
"""A filter, and the parameters that ask for the same if there are such."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_cases(case: dict[str, Any], shelves: Callable[[str], Shelf]) -> None:
    resources = {id_: {"resourceType": case["type"], "id": id_, **rest} for id_, rest in case["resources"].items()}
    shelf = shelves(f"filter{CASES.index(case)}")
    shelf.put(document("R5", resource) for resource in resources.values())
    wrong = []
    for asked in case["filters"]:
        node = read(case["type"], [("_filter", asked["filter"])], ["http://example.org/fhir"])
        stored = shelf.ids(node)
        matched = [id_ for id_, resource in resources.items() if matches(node, resource, "R5")]
        if not stored == matched == asked["finds"]:
            wrong.append((asked["filter"], {"wanted": asked["finds"], "mongod": stored, "matcher": matched}))
    assert not wrong


def read(type_: str, params: list[tuple[str, str]], bases: list[str] = BASES) -> Node:
    return parse("R5", type_, params, strict=True, base_urls=bases).filter


def text(value: str) -> str:
    return fhirjson.dumps(value).decode()


def literal(value: str) -> str:
    return "".join("\\" + sign if sign in "\\,$|" else sign for sign in value)


def asked(names: list[str], operators: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Asked]:
    """Tests that no parameter of a URL makes."""
    names_, operators_ = st.sampled_from(names), st.sampled_from(operators)
    return st.builds(
        lambda name, operator, value: (f"{name} {operator} {text(value)}", None), names_, operators_, values
    )


def same(
    names: list[str], operator: str, values: st.SearchStrategy[str], name: str, value: str, *, escaped: bool = True
) -> st.SearchStrategy[Asked]:
    """Tests that are a parameter: `name` and `value` say how it is written."""

    def both(code: str, asked_for: str) -> Asked:
        sent = literal(asked_for) if escaped else asked_for
        return f"{code} {operator} {text(asked_for)}", ((name.format(code), value.format(sent)),)

    return st.builds(both, st.sampled_from(names), values)


def joined(tests: st.SearchStrategy[Asked]) -> st.SearchStrategy[Asked]:
    """Filters of two tests, and negated ones."""

    def both(one: Asked, other: Asked) -> Asked:
        params = one[1] + other[1] if one[1] is not None and other[1] is not None else None
        return f"({one[0]}) and {other[0]}", params

    return st.one_of(
        tests,
        st.builds(both, tests, tests),
        st.builds(lambda one, other: (f"{one[0]} or not ({other[0]})", None), tests, tests),
    )


PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
CODED = ["code", "category", "identifier", "_tag", "status"]
ON_OBSERVATION = joined(
    st.one_of(
        same(CODED, "eq", TOKEN, "{}", "{}", escaped=False),
        asked(CODED, ["ne"], TOKEN),
        *(same(["date"], prefix, DATES, "{}", prefix + "{}") for prefix in PREFIXES),
        asked(["date"], ["co", "po"], DATES),
        *(
            same(
                ["value-quantity"],
                prefix,
                st.sampled_from(["5.4", "5.4||mg", "100"]),
                "{}",
                prefix + "{}",
                escaped=False,
            )
            for prefix in PREFIXES
        ),
        same(["subject", "performer"], "re", LITERAL, "{}", "{}"),
        *(
            same(["code", "date", "subject", "value-quantity"], "pr", st.just(given_), "{}:missing", missing)
            for given_, missing in (("true", "false"), ("false", "true"))
        ),
    )
)
ON_PATIENT = joined(
    st.one_of(
        same(["name", "family", "given"], "sw", WORDS, "{}", "{}"),
        same(["name", "family"], "co", WORDS.map(lambda word: word[1:3]), "{}:contains", "{}"),
        asked(["name", "family", "given"], ["eq", "ne", "ew", "gt", "lt", "ge", "le"], WORDS),
        asked(["name"], ["ew"], WORDS.map(lambda word: word[-3:])),
        asked(["birthdate"], ["co", "po", "ap"], DATES),
        asked(["gender", "active", "phone"], ["eq", "ne"], st.sampled_from(["male", "Male", "TRUE", "a", "A"])),
    )
)


def agree(shelf: Shelf, resources: list[dict[str, Any]], filters: list[Asked]) -> None:
    shelf.collection.delete_many({})
    held = {f"r{number}": resource | {"id": f"r{number}"} for number, resource in enumerate(resources)}
    shelf.put([document("R5", resource) for resource in held.values()])
    type_ = resources[0]["resourceType"]
    for written, params in filters:
        try:
            node = read(type_, [("_filter", written)])
        except BadRequest:
            continue  # of a value that the operator cannot compare with
        found = shelf.ids(node)
        assert found == sorted(id_ for id_, resource in held.items() if matches(node, resource, "R5")), written
        if params is not None:
            assert found == shelf.ids(read(type_, list(params))), (written, params)


@pytest.fixture(scope="module")
def shelf(shelves: Callable[[str], Shelf]) -> Shelf:
    return shelves("filtered")


@settings(CALM, max_examples=25)
@given(
    resources=st.lists(OBSERVATION, min_size=4, max_size=10), filters=st.lists(ON_OBSERVATION, min_size=8, max_size=8)
)
def test_filters_of_observations(shelf: Shelf, resources: list[dict[str, Any]], filters: list[Asked]) -> None:
    agree(shelf, resources, filters)


@settings(CALM, max_examples=25)
@given(resources=st.lists(PATIENT, min_size=4, max_size=10), filters=st.lists(ON_PATIENT, min_size=8, max_size=8))
def test_filters_of_patients(shelf: Shelf, resources: list[dict[str, Any]], filters: list[Asked]) -> None:
    agree(shelf, resources, filters)
