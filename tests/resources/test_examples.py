"""Validation held against HL7's official examples, and against fhir.resources on examples that were altered."""

from __future__ import annotations

import copy
import functools
import os
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.errors import FhirError
from fhirserver.resources.models import second_opinion
from fhirserver.resources.registry import Release
from fhirserver.resources.validation import check, validate
from tests.official import REFUSED
from tests.packages import examples

STEP = 1 if os.environ.get("FHIRSERVER_TEST_EVERY_EXAMPLE") else 3


@pytest.mark.parametrize("release", ["R5", "R4"])
def test_official_examples_are_accepted_or_known_to_be_wrong(release: Release) -> None:
    refused = {}
    names = set()
    for name, resource in examples(release, STEP):
        names.add(name)
        issues = validate(release, resource)
        if issues:
            refused[name] = issues[0]
    assert len(names) > 2500 / STEP
    assert {name: issue for name, issue in refused.items() if name not in REFUSED[release]} == {}
    assert sorted(names & REFUSED[release].keys()) == sorted(refused)


def test_fhir_resources_accepts_what_we_accept() -> None:
    for name, resource in examples("R5", 8):
        if name not in REFUSED["R5"]:
            assert second_opinion("R5", resource) == [], name


@functools.cache
def _some() -> list[dict[str, Any]]:
    heavy = ("StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter", "ConceptMap", "Bundle")
    found = [r for name, r in examples("R5", 3) if name not in REFUSED["R5"] and not name.startswith(heavy)]
    return [resource for resource in found if len(str(resource)) < 12000]


VALUES: list[Any] = [
    *(None, "", 0, 1, -1, True, False, [], {}, "x", "2020-13-01", "2020-01-01", "a b", Decimal("1.5"), 10**30),
    *(["x"], [None], {"a": 1}, "Patient/1", "  ", [[]], [{}], "10:00", "urn:oid:9", "#x", {"resourceType": 1}),
    {"extension": [{"url": "a", "valueString": "b"}]},
]
NAMES = ["foo", "value", "valueString", "_status", "extension", "id", "contained", "_id", "code", "resourceType", ""]


def _spots(value: Any) -> list[tuple[Any, Any]]:
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        found += _spots(item)
    return found


def _altered(chance: random.Random) -> dict[str, Any]:
    resource = copy.deepcopy(chance.choice(_some()))
    for _ in range(chance.choice((1, 1, 2))):
        holder, key = chance.choice(_spots(resource) or [(resource, "id")])
        match chance.randrange(4):
            case 0:
                holder.pop(key, None) if isinstance(holder, dict) else holder.pop(key)
            case 1:
                holder[key] = copy.deepcopy(chance.choice(VALUES))
            case 2 if isinstance(holder, dict):
                holder[chance.choice(NAMES)] = copy.deepcopy(chance.choice(VALUES))
            case _:
                holder[key] = [holder.get(key)] if isinstance(holder, dict) else [holder[key]]
    return resource


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_an_altered_example_gets_issues_or_a_refusal_and_nothing_else(seed: int) -> None:
    resource = _altered(random.Random(seed))
    issues = validate("R5", resource)
    if issues:
        with pytest.raises(FhirError):
            check("R5", resource)
    assert all(issue.expression and issue.diagnostics for issue in issues)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_fhir_resources_refuses_nothing_that_we_accept(seed: int) -> None:
    resource = _altered(random.Random(seed))
    if not validate("R5", resource):
        assert second_opinion("R5", resource) == []


def test_the_second_opinion_speaks_fhirpath_and_knows_its_own_mistakes() -> None:
    wrong = {"resourceType": "Encounter", "status": "planned", "class": [{"foo": 1}]}
    assert second_opinion("R5", wrong)[0].expression == ("Encounter.class[0].foo",)
    absent = {"extension": [{"url": "http://x", "valueCode": "unknown"}]}
    assert second_opinion("R5", {"resourceType": "Patient", "extension": [{"url": "a", "_valueString": absent}]}) == []
    assert second_opinion("R5", {"resourceType": "Patient", "contained": [{"resourceType": ["x"]}]}) != []
    assert second_opinion("R5", {"resourceType": "Patiant"}) == []
