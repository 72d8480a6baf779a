"""Every search parameter compiles, and finds what the full FHIRPath engine finds in the official examples."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fhirserver.resources import registry
from fhirserver.resources.fhirpath import syntax
from fhirserver.resources.registry import RELEASES, Release
from fhirserver.search import paths
from fhirserver.search.parameters import build, of_release
from tests.packages import examples
from tests.search.engine import evaluate


@pytest.mark.parametrize("release", RELEASES)
def test_every_expression_compiles(release: Release) -> None:
    count = 0
    for type_ in sorted(registry.resource_types(release)):
        for definition in registry.search_parameters(release, type_).values():
            # What the server works out itself has an expression for people.
            if definition.expression and definition.own is None:
                paths.compiled(release, type_, definition.expression)
                count += 1
    assert count > 2500


EMPTY = {
    ("R5", "CareTeam", "date"),
    ("R5", "Observation", "component-value-canonical"),
    ("R5", "Observation", "value-canonical"),
}
"""Official expressions that name elements which the type does not have."""


@pytest.mark.parametrize("release", RELEASES)
def test_every_parameter_leads_somewhere(release: Release) -> None:
    none = {
        (release, type_, code)
        for type_ in registry.resource_types(release)
        for code, parameter in of_release(release, type_).items()
        if not parameter.branches and not (parameter.definition.own and parameter.definition.own.chain)
    }
    assert none == {each for each in EMPTY if each[0] == release}


@pytest.mark.parametrize(("release", "step"), [("R5", 9), ("R4", 30)])
def test_compiled_expressions_equal_the_engine(release: Release, step: int) -> None:
    """All parameters on a spread of examples; narrative and extensions aside, which the engine walks slowly."""
    compared = 0
    for name, resource in examples(release, step):
        type_ = resource["resourceType"]
        if type_ not in registry.resource_types(release) or name.startswith(("StructureDefinition", "Bundle")):
            continue
        resource.pop("text", None)
        for code, definition in registry.search_parameters(release, type_).items():
            parameter = of_release(release, type_).get(code)
            if parameter is None or parameter.kind in ("composite", "special") or definition.own is not None:
                continue
            if "hasExtension" in definition.expression or not _worth(definition.expression, resource):
                continue
            ours = [value for _, value in parameter.values(resource)]
            theirs = evaluate(release, _for_engine(definition.expression, type_), resource)
            assert _same(ours) == _same(theirs), (name, code, definition.expression)
            compared += 1
    assert compared > 500


def _worth(expression: str, resource: dict[str, Any]) -> bool:
    """The engine takes long over what is not there; an expression without a name of the resource's gives nothing."""
    return any(name in expression for name in resource if name not in ("resourceType", "id", "meta"))


def _for_engine(expression: str, type_: str) -> str:
    """The engine starts at no abstract type, and takes 'as' on one item only, which ofType() does on many."""
    named = re.sub(r"\b(Resource|DomainResource|CanonicalResource|MetadataResource)\.", f"{type_}.", expression)
    return re.sub(r"([\w.\[\]]+) as (\w+)", r"\1.ofType(\2)", named)


def _same(values: list[Any]) -> set[str]:
    """A union gives equal items once; to a search it is all one."""
    return {repr(value) for value in values}


def test_what_the_compiler_does_not_know_is_left_to_the_engine() -> None:
    expression = "Patient.name.select(family | given)"
    with pytest.raises(syntax.NotUnderstood):
        paths.compiled("R5", "Patient", expression)
    definition = registry.SearchParameter("any-name", "string", expression, "urn:x")
    parameter = build("R5", "Patient", definition)
    patient = {"resourceType": "Patient", "name": [{"family": "Chalmers", "given": ["Peter", "James"]}]}
    assert sorted(value for _, value in parameter.values(patient)) == ["Chalmers", "James", "Peter"]


@pytest.mark.parametrize(
    ("expression", "patient", "found"),
    [
        ("Patient.telecom.where(system='email')", {"telecom": [{"system": "email", "value": "a"}, {"value": "b"}]}, 1),
        ("Patient.name[1].family", {"name": [{"family": "A"}, {"family": "B"}, {"family": "C"}]}, 1),
        (
            "(Patient.name | Patient.contact.name).family",
            {"name": [{"family": "A"}], "contact": [{"name": {"family": "B"}}]},
            2,
        ),
        (
            "Patient.extension('urn:e').value",
            {"extension": [{"url": "urn:e", "valueString": "x"}, {"url": "urn:f"}]},
            1,
        ),
        ("Patient.deceased.exists() and Patient.deceased != false", {"deceasedDateTime": "2020"}, 1),
        ("(Patient.deceased as dateTime)", {"deceasedDateTime": "2020"}, 1),
        ("Patient.deceased.ofType(boolean)", {"deceasedDateTime": "2020"}, 0),
        (
            "Patient.link.other.where(resolve() is Patient)",
            {"link": [{"other": {"reference": "#p"}}], "contained": [{"resourceType": "Patient", "id": "p"}]},
            1,
        ),
        (
            "Patient.link.other.where(resolve() is Patient)",
            {"link": [{"other": {"type": "Patient"}}, {"other": {"reference": "RelatedPerson/1"}}]},
            1,
        ),
    ],
)
def test_what_an_expression_selects(expression: str, patient: dict[str, Any], found: int) -> None:
    resource = {"resourceType": "Patient", **patient}
    values = [v for b in paths.compiled("R5", "Patient", expression) for v in paths.select(b, resource, resource)]
    assert len(values) == found
