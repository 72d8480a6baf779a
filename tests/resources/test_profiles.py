"""Profiles: what is refused and what is let pass, by a table of cases; what of them is not checked is said."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.resources.profiles.library import Library
from fhirserver.resources.validation import validate
from tests.profiles import TABLE, altered, definitions

Json = dict[str, Any]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library("R5", definitions())


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_a_resource_is_held_to_its_profile(library: Library, case: Json) -> None:
    resource = altered(case)
    assert validate("R5", resource, level="structure") == []
    profile = library.profile(resource["meta"]["profile"][0])
    assert profile is not None
    found = [[issue.code, issue.expression[0]] for issue in profile.issues(resource)]
    assert sorted(found) == sorted(case["flaws"])
