"""Which parameters have a value: exact for each parameter, whatever other parameters a resource has values of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.resources.registry import Release
from fhirserver.search import presence
from fhirserver.search.indexing import entry
from fhirserver.search.parameters import standard

INDEXED = sorted(
    code
    for code, each in standard("R5", "Observation").items()
    if presence.terms("R5", "Observation", code, missing=True) is not None
)


@given(st.sets(st.sampled_from(INDEXED)))
def test_each_parameter_has_a_value_or_none(there: set[str]) -> None:
    postings = set(presence.postings("R5", "Observation", frozenset(there)))
    for code in INDEXED:
        for missing in (True, False):
            terms = presence.terms("R5", "Observation", code, missing=missing)
            assert terms is not None
            assert len(postings & set(terms)) == ((code not in there) is missing)


@pytest.mark.parametrize(
    ("release", "type_", "code"),
    [
        ("R5", "Observation", "_id"),
        ("R5", "Observation", "combo-code"),
        ("R5", "Group", "member"),
        ("R4", "Basic", "x"),
    ],
)
def test_what_is_not_indexed_itself_has_no_postings(release: Release, type_: str, code: str) -> None:
    assert presence.terms(release, type_, code, missing=True) is None


def test_what_has_a_value_can_be_sorted_by_and_told_from_its_codes() -> None:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "code": {"text": "a"},
        "subject": {"identifier": {"value": "7"}},
        "category": [{"coding": [{"system": "http://x"}]}],
    }
    found = entry("R5", resource)
    assert {"code|", "code@", "subject|", "category|"} <= set(found.t)
    assert found.s["code"] == "a"
    assert found.s["subject"] == ""
    assert found.s["category"] == ""


def test_a_condition_names_few_terms() -> None:
    assert all(len(presence.terms("R5", "Observation", code, missing=True) or ()) <= 128 for code in INDEXED)
