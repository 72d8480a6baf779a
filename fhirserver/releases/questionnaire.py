"""Questionnaire: R4's choice and open-choice are one type in R5, with a constraint on the answers.

https://hl7.org/fhir/R5/questionnaire.html, https://hl7.org/fhir/R4/questionnaire.html
"""

from __future__ import annotations

from types import MappingProxyType

from fhirserver.releases.forms import moved
from fhirserver.releases.parts import Coded, Node, Reshaped, Rules, Walk
from fhirserver.releases.type_names import R4_TYPES, R5_TYPES

_FREE = "optionsOrString"


def _choice(form: Node, _old: Node, walk: Walk) -> Node:
    made = moved(form, "type", "type", walk)
    if made.get("type") == "coding":
        made["type"] = "open-choice" if form.get("answerConstraint") == _FREE else "choice"
    return made


def _coding(form: Node, old: Node, walk: Walk) -> Node:
    """A choice stays as narrow as it was where that was said."""
    made = moved(form, "type", "type", walk)
    if made.get("type") == "open-choice":
        made |= {"type": "coding", "answerConstraint": _FREE}
    elif made.get("type") == "choice":
        made["type"] = "coding"
        if old.get("answerConstraint", _FREE) != _FREE:
            made["answerConstraint"] = old["answerConstraint"]
    return made


RULES: Rules = MappingProxyType(
    {
        "Questionnaire": (Coded("subjectType", "subjectType", R4_TYPES, R5_TYPES),),
        "Questionnaire.item": (Reshaped(("type", "answerConstraint"), ("type",), _choice, _coding),),
    }
)
