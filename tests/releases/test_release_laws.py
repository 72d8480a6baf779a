"""R5 → R4 → R5 and R4 → R5 → R4 give back what went in, and what comes out between is valid."""

from __future__ import annotations

import copy
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.errors import Issue
from fhirserver.releases import converted
from fhirserver.resources.registry import LENSES, Release, resource_types
from fhirserver.resources.validation import validate
from tests.packages import examples
from tests.releases.chance import resource

WAYS: list[tuple[Release, Release]] = [("R5", "R4"), ("R4", "R5")]
WHOLE = {"Bundle", "Parameters"}
"""They hold resources of any type, of which those without a lens stay as they are."""


def _back(value: dict[str, Any], source: Release, target: Release) -> dict[str, Any]:
    return converted(converted(value, source, target), target, source)


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_every_official_example_comes_back(source: Release, target: Release) -> None:
    different = []
    count = 0
    for name, value in examples(source, 4):
        if value["resourceType"] in LENSES and len(value) < 200:
            count += 1
            before = fhirjson.canonical({"": value})
            if fhirjson.canonical({"": _back(value, source, target)}) != before:
                different.append(name)
            assert fhirjson.canonical({"": value}) == before, f"{name} was changed itself"
    assert count > 300
    assert different == []


LAID_DOWN_SINCE = ("que-1",)
"""Invariants that a release changed: R5 lets a group of questions be empty."""


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_what_comes_out_has_no_error_that_did_not_go_in(source: Release, target: Release) -> None:
    found = []
    for name, value in examples(source, 15):
        if value["resourceType"] in (LENSES - WHOLE) & resource_types(target) and len(value) < 200:
            before = {_said(issue) for issue in validate(source, value)}
            after = {_said(issue) for issue in validate(target, converted(value, source, target))}
            found += [f"{name}: {said}" for said in after - before if not any(one in said for one in LAID_DOWN_SINCE)]
    assert found == []


def _said(issue: Issue) -> str:
    return re.sub(r"\[[0-9]+\]", "", issue.diagnostics)


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_what_chance_makes_comes_back_and_is_valid_between(source: Release, target: Release) -> None:
    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(sorted(LENSES - WHOLE)), st.integers(0, 10**9))
    def law(type_: str, seed: int) -> None:
        if type_ not in resource_types(source):
            return
        value = resource(source, type_, seed)
        assert validate(source, value, level="structure") == []
        between = converted(value, source, target)
        assert validate(target, between, level="structure") == []
        assert fhirjson.canonical({"": converted(between, target, source)}) == fhirjson.canonical({"": value})

    law()


ODD: list[Any] = [
    *(
        None,
        "",
        0,
        1,
        True,
        [],
        {},
        "x",
        "active",
        [None],
        [[]],
        [{}],
        ["x"],
        {"a": 1},
        {"coding": {}},
        {"coding": [1]},
    ),
    *({"extension": [{"url": "a"}]}, {"extension": "x"}, {"reference": 1}, [{"extension": {}}], {"period": 1}),
    {"extension": [{"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchStudy.label"}]},
    [{"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchStudy.associatedParty", "extension": [1]}],
    [{"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchSubject.progress", "valueCode": []}],
]


def _altered(value: Any, chance: random.Random) -> Any:
    spots: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        one = todo.pop()
        for key in list(one) if isinstance(one, dict) else range(len(one)):
            spots.append((one, key))
            if isinstance(one[key], dict | list):
                todo.append(one[key])
    for _ in range(chance.choice((1, 2, 3))):
        holder, key = chance.choice(spots)
        if isinstance(holder, dict) and chance.random() < 0.3:
            key = chance.choice(
                ("extension", "status", "progress", "associatedParty", "_status", "contained", "characteristic")
            )
        if isinstance(holder, list) and int(key) >= len(holder):
            continue
        holder[key] = copy.deepcopy(chance.choice(ODD))
    return value


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WAYS), st.sampled_from(sorted(LENSES)), st.integers(0, 10**9))
def test_content_without_shape_is_no_reason_to_fail(way: tuple[Release, Release], type_: str, seed: int) -> None:
    source, target = way
    value = resource(source, type_, seed)
    value["resourceType"] = type_
    value = _altered(value, random.Random(seed)) | {"resourceType": type_}
    before = copy.deepcopy(value)
    _back(value, source, target)
    assert value == before
