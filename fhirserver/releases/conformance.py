"""CapabilityStatement, ValueSet, CodeSystem, OperationOutcome: required codes that one release lacks.

https://hl7.org/fhir/R5/diff.html
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

from fhirserver.releases.parts import Coded, Node, Reshaped, Rules, Walk
from fhirserver.releases.type_names import R4_TYPES, R5_TYPES
from fhirserver.resources.registry import codes, resource_types

_NONE: Mapping[str, str] = MappingProxyType({})
_VERSIONS = "http://hl7.org/fhir/ValueSet/FHIR-version"
_LATER = (codes("R5", _VERSIONS) or frozenset()) - (codes("R4", _VERSIONS) or frozenset())
_OPERATORS = MappingProxyType({"child-of": "descendent-of", "descendent-leaf": "descendent-of"})
_RESOURCE = "CapabilityStatement.rest.resource"


def _older(form: Node, _old: Node, walk: Walk) -> Node:
    """What a server does with the types that R4 has; a statement names a type once."""
    return _renamed(form, walk, R4_TYPES, resource_types("R4"))


def _newer(form: Node, _old: Node, walk: Walk) -> Node:
    return _renamed(form, walk, R5_TYPES, resource_types("R5"))


def _renamed(form: Node, walk: Walk, names: Mapping[str, str], known: Container[str]) -> Node:
    found = []
    for one in form.get("resource", ()):
        type_ = one.get("type")
        if type_ is None or names.get(type_, type_) in known:
            made = walk(_RESOURCE, one)
            found.append(made | {"type": names[type_]} if type_ in names else made)
    return {"resource": found} if found else {}


RULES: Rules = MappingProxyType(
    {
        "CapabilityStatement": (Coded("fhirVersion", "fhirVersion", dict.fromkeys(_LATER, "4.0.1"), _NONE),),
        "CapabilityStatement.rest": (Reshaped(("resource",), ("resource",), _older, _newer),),
        "ValueSet.compose.include.filter": (Coded("op", "op", _OPERATORS, _NONE),),
        "CodeSystem.filter": (Coded("operator", "operator", _OPERATORS, _NONE),),
        "OperationOutcome.issue": (
            Coded("severity", "severity", MappingProxyType({"success": "information"}), _NONE),
            Coded(
                "code", "code", MappingProxyType({"success": "informational", "limited-filter": "incomplete"}), _NONE
            ),
        ),
    }
)
