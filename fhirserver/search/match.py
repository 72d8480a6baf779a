"""A search tree against one resource, in Python: the same semantics as the filter, straight from the resource.

Chains, _has and Group members need other resources and must be resolved before. https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.resources.registry import Release
from fhirserver.search import within
from fhirserver.search.ast import (
    And,
    Chain,
    Concepts,
    Has,
    Ids,
    Kin,
    Listed,
    Member,
    Missing,
    Node,
    Not,
    Or,
    Param,
    Test,
    Updated,
    Within,
)
from fhirserver.search.kinds import (
    composite,
    date,
    fulltext,
    near,
    number,
    quantity,
    reference,
    simple,
    string,
    token,
)
from fhirserver.search.parameters import Parameter, parameters


def matches(node: Node, resource: dict[str, Any], release: Release) -> bool:
    """Whether a resource satisfies a search."""
    match node:
        case And(nodes):
            return all(matches(each, resource, release) for each in nodes)
        case Or(nodes):
            return any(matches(each, resource, release) for each in nodes)
        case Not(inner):
            return not matches(inner, resource, release)
        case Ids(ids):
            return resource.get("id") in ids
        case Updated(when):
            return date.matches(when, "instant", (resource.get("meta") or {}).get("lastUpdated"))
        case Param(type_, code, test):
            return resource["resourceType"] == type_ and _satisfies(parameters(release, type_)[code], test, resource)
        case Missing(type_, code, _, missing):
            return _has_value(parameters(release, type_)[code], resource) is not missing
        case Within(_, code, target, inner):
            every = within.contained(release, resource)
            return any(
                by == code and matches(inner, one, release) for by, one in every if one["resourceType"] == target
            )
        case Chain() | Concepts() | Has() | Kin() | Listed() | Member():
            raise TypeError(f"{type(node).__name__} must be resolved before it is matched (search/chains.py)")


def _satisfies(parameter: Parameter, test: Test, resource: dict[str, Any]) -> bool:
    if isinstance(test, composite.Composite):
        return composite.matches(parameter, test, resource)
    return any(simple.matches(test, type_, value) for type_, value in parameter.values(resource))


def _has_value(parameter: Parameter, resource: dict[str, Any]) -> bool:
    """Whether a parameter has a value that can be searched for."""
    match parameter.kind:
        case "token":
            found = any(token.findable(type_, value) for type_, value in parameter.values(resource))
        case "reference":
            found = any(reference.findable(type_, value) for type_, value in parameter.values(resource))
        case "string":
            found = any(True for type_, value in parameter.values(resource) for _ in string.strings(type_, value))
        case "date":
            found = any(date.span(type_, value) for type_, value in parameter.values(resource))
        case "number":
            found = any(number.span(type_, value) for type_, value in parameter.values(resource))
        case "quantity":
            found = any(quantity.measure(type_, value) for type_, value in parameter.values(resource))
        case "composite":
            found = composite.findable(parameter, resource)
        case "special" if fulltext.searches(parameter):
            found = any(fulltext.read(parameter.release, t, value).words for t, value in parameter.values(resource))
        case "special":
            found = any(near.point(value) for _, value in parameter.values(resource))
        case _:
            found = any(isinstance(value, str) for _, value in parameter.values(resource))
    return found
