"""EvidenceVariable: R4 defines a characteristic in one way, R5 in one of several that may stand side by side.

https://hl7.org/fhir/R5/evidencevariable.html, https://hl7.org/fhir/R4/evidencevariable.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.mappers.releases.parts import Coded, Node, Reshaped, Rules, Walk

_WAYS = MappingProxyType(
    {
        "definitionReference": "Reference",
        "definitionCanonical": "canonical",
        "definitionCodeableConcept": "CodeableConcept",
        "definitionExpression": "Expression",
    }
)


def _one(form: Node, _old: Node, walk: Walk) -> Node:
    """The first way in which a characteristic is defined."""
    for name, type_ in _WAYS.items():
        made: Node = {}
        if name in form:
            made[name] = form[name] if type_ == "canonical" else walk(type_, form[name])
        if "_" + name in form:
            made["_" + name] = walk("Element", form["_" + name])
        if made:
            return made
    return {}


RULES: Rules = MappingProxyType(
    {
        "EvidenceVariable": (Coded("handling", "type", MappingProxyType({}), MappingProxyType({})),),
        "EvidenceVariable.characteristic": (Reshaped((*_WAYS,), (*_WAYS,), _one, _one),),
    }
)
