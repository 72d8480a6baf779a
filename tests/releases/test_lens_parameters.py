"""What is said to be one parameter in both releases finds the same, in official examples and in what chance makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from fhirserver.releases import converted, origins
from fhirserver.resources.lens_parameters import DIRECT, EQUAL
from fhirserver.resources.registry import LENSES, RELEASES, Release, resource_types, search_parameters, structure

# The parts of the index that find what one parameter finds, which no caller needs apart from the others.
from fhirserver.search.indexing import _found, _maker, _Place, _plant
from fhirserver.search.kinds import composite
from fhirserver.search.parameters import Parameter, of_release
from fhirserver.search.sink import Sink
from tests.packages import examples
from tests.releases.chance import resource

Json = dict[str, Any]
MADE = 25
"""Resources of each type that chance makes in each release."""
WHOLE = {"Bundle", "Parameters"}
SHOWN_OTHERWISE = {
    # Of what R4 does not take as a member or a site, R4 shows an extension.
    ("Group", "member"),
    ("ResearchStudy", "site"),
    # R5 says that it finds patients alone, R4 that what it finds are patients.
    ("ResearchSubject", "patient"),
    ("Consent", "patient"),
}
TWO_SHAPES = {
    *("ActivityDefinition", "AuditEvent", "Bundle", "CapabilityStatement", "CodeSystem", "Condition", "Consent"),
    *("EvidenceVariable", "Group", "Location", "Observation", "Organization", "Parameters"),
    *("PlanDefinition", "Practitioner", "PractitionerRole", "Provenance", "Questionnaire"),
    *("QuestionnaireResponse", "ResearchStudy", "ResearchSubject", "Subscription", "ValueSet"),
}


@cache
def _pairs(type_: str) -> list[tuple[Json, Json]]:
    """(the stored form, R4's) of resources of a type."""
    given: dict[Release, list[Json]] = {
        release: [resource(release, type_, seed) for seed in range(MADE) if type_ in resource_types(release)]
        for release in RELEASES
    }
    for release, known in _examples().items():
        given[release] += known.get(type_, [])
    stored = [converted(one, "R4", "R5") for one in given["R4"]] + given["R5"]
    return [(one, converted(one, "R5", "R4")) for one in stored]


@cache
def _examples() -> dict[Release, dict[str, list[Json]]]:
    found: dict[Release, dict[str, list[Json]]] = {release: {} for release in RELEASES}
    for release in RELEASES:
        for _, value in examples(release, 3):
            if value["resourceType"] in LENSES and len(value) < 200:
                found[release].setdefault(value["resourceType"], []).append(value)
    return found


def _index(parameter: Parameter) -> _Place:
    """The way to what one parameter finds, under a name that says nothing."""
    plain = replace(parameter, code="x", union=(), definition=replace(parameter.definition, code="x"))
    root = _Place()
    if plain.kind == "composite":
        whole = composite.indexer(plain)
        root.indexers += [whole] if whole else []
    elif make := _maker(plain, texts=False):
        for branch in plain.branches:
            _plant(root, branch, make(plain, branch.type))
    return root


def _seen(index: _Place, value: Json) -> tuple[Any, ...]:
    sink = Sink(value)
    _found(index, sink)
    ranges = sorted(repr(sorted(one.items())) for one in sink.x)
    return set(sink.t), ranges, sink.s, sink.high, {name: set(map(repr, found)) for name, found in sink.f.items()}


def _said() -> Iterator[tuple[str, str, str]]:
    for type_ in sorted(LENSES - WHOLE):
        known = of_release("R4", type_)
        for code, other in EQUAL[type_].items():
            if not code.startswith("_") and known[code].definition.own is None:
                yield type_, code, other


@pytest.mark.parametrize("type_", sorted(LENSES - WHOLE))
def test_what_is_said_to_be_equal_finds_the_same(type_: str) -> None:
    r4, r5 = of_release("R4", type_), of_release("R5", type_)
    for name, code, other in _said():
        if name == type_ and (type_, code) not in SHOWN_OTHERWISE:
            mine, theirs = _index(r4[code]), _index(r5[other])
            for stored, view in _pairs(type_):
                assert _seen(mine, view) == _seen(theirs, stored), f"{type_} {code}: {stored}"


@pytest.mark.parametrize("type_", sorted(DIRECT))
def test_what_is_said_to_read_both_forms_alike_does(type_: str) -> None:
    known = of_release("R4", type_)
    for code in DIRECT[type_]:
        index = _index(known[code])
        for stored, view in _pairs(type_):
            assert _seen(index, view) == _seen(index, stored), f"{type_} {code}: {stored}"


@pytest.mark.parametrize("type_", sorted(LENSES - WHOLE))
def test_what_elements_are_made_from_makes_them_without_the_rest(type_: str) -> None:
    shape = structure("R4", type_)
    assert shape
    for name in shape.elements.keys() - {"extension"}:
        needed = origins(type_, "R5", "R4", [name])
        for stored, view in _pairs(type_):
            made = converted({key: stored[key] for key in stored if key in needed}, "R5", "R4")
            assert [made.get(key) for key in (name, f"_{name}")] == [view.get(key) for key in (name, f"_{name}")]


def test_parameters_said_to_be_equal_exist_and_are_of_one_kind() -> None:
    for type_, codes in EQUAL.items():
        r4, r5 = search_parameters("R4", type_), search_parameters("R5", type_)
        for code, other in codes.items():
            assert r4[code].kind == r5[other].kind, f"{type_} {code}"


def test_every_type_with_a_lens_has_two_shapes_or_one_in_both_releases() -> None:
    both = resource_types("R4") & resource_types("R5")
    assert {type_ for type_ in LENSES & both if _differences(type_, set())} == TWO_SHAPES


def _differences(name: str, known: set[str]) -> list[str]:
    """The elements of a type, in its own parts, that the tables of the releases tell differently."""
    known.add(name)
    r4, r5 = _elements("R4", name), _elements("R5", name)
    found = [f"{name}.{each}" for each in r4.keys() | r5.keys() if r4.get(each) != r5.get(each)]
    for type_, *_ in r5.values():
        if "." in type_ and type_ not in known:
            found += _differences(type_, known)
    return found


def _elements(release: Release, name: str) -> dict[str, tuple[str, bool, bool]]:
    shape = structure(release, name)
    elements = shape.elements.values() if shape else ()
    return {one.name: (one.type, one.many, one.min > 0) for one in elements if one.name != "id"}
