"""Invariants that are not evaluated as they were published, each with the reason.

https://hl7.org/fhir/R5/conformance-rules.html#constraints: an invariant must evaluate to true. Some published ones do
not on content that is right. A later publication of the same rule is what they are corrected to, where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from fhirserver.resources.registry import Release

Where = tuple[Release, str, str]
"""Release, element, key."""


class Correction(NamedTuple):
    """What is evaluated in place of the published expression, and why."""

    expression: str
    reason: str


COVERED: Mapping[str, str] = MappingProxyType(
    {
        "ele-1": "the structural check refuses empty objects and arrays, and objects with an id alone",
        "ext-1": "the structural check asks each extension for a value or extensions, not both",
        "dom-2": "the structural check refuses 'contained' within 'contained'",
        "txt-1": "the narrative's check reads its elements and attributes",
        "txt-2": "the narrative's check asks for something that can be seen",
    }
)
"""Invariants that another check makes sure of, by key."""

APART: Mapping[Where, str] = MappingProxyType(
    {
        ("R5", "DiagnosticReport", "dgr-1"): "it reads the Composition, which is a resource elsewhere",
    }
)
"""Invariants that are not evaluated."""

_DOM_6 = Correction("text.`div`.exists() or %rootResource != %resource", "a contained resource needs no narrative")
_REF_1 = (
    "reference.exists() implies (reference.startsWith('#').not() or (reference.substring(1) in"
    " %rootResource.contained.id) or (reference='#' and %rootResource!=%resource))"
)
_IN_R5 = "what R5 says; as published it is empty, so not true, where the element is absent"
_PRECISION = "as published it is empty, so not true, for dates of different precision that overlap"

CORRECTED: Mapping[Where, Correction] = MappingProxyType(
    {
        ("R5", "Bundle", "bdl-14"): Correction(
            "type = 'history' implies entry.where(request.method = 'PATCH').empty()",
            "as published it is empty for a history without entries, and true of any two",
        ),
        ("R5", "Bundle", "bdl-16"): Correction(
            "issues.issue.all(severity = 'information' or severity = 'warning')",
            "as published it refuses all outcomes of several issues",
        ),
        ("R5", "CareTeam.participant", "ctm-1"): Correction(
            "onBehalfOf.exists() implies (member.resolve().iif(empty(), true, ofType(Practitioner).exists()))",
            "what R4 says; as published it is empty for a member whose type is not known",
        ),
        ("R5", "DomainResource", "dom-6"): _DOM_6,
        ("R5", "ElementDefinition", "eld-11"): Correction(
            "binding.empty() or type.code.empty() or type.exists(code.contains(':')) or type.select((code = 'code') or"
            " (code = 'Coding') or (code='CodeableConcept') or (code = 'Quantity') or (code = 'string') or"
            " (code = 'uri') or (code = 'Duration')).exists()",
            'as published it quotes a string with ", which is no FHIRPath',
        ),
        ("R5", "MedicationDispense", "mdd-1"): Correction(
            "whenHandedOver.empty() or whenPrepared.empty() or"
            " whenHandedOver.highBoundary() >= whenPrepared.lowBoundary()",
            _PRECISION,
        ),
        ("R5", "Task", "inv-1"): Correction(
            "lastModified.exists().not() or authoredOn.exists().not() or"
            " lastModified.highBoundary() >= authoredOn.lowBoundary()",
            _PRECISION,
        ),
        ("R4", "Bundle.entry", "bdl-8"): Correction(
            "fullUrl.exists() implies fullUrl.contains('/_history/').not()", _IN_R5
        ),
        ("R4", "Condition", "con-3"): Correction(
            "clinicalStatus.exists() or verificationStatus.coding.where(system ="
            " 'http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists() or"
            " category.coding.where(system = 'http://terminology.hl7.org/CodeSystem/condition-category' and"
            " code = 'problem-list-item').empty()",
            "what R4B says; as published it compares concepts with a string and advises all that have a category",
        ),
        ("R4", "DomainResource", "dom-6"): _DOM_6,
        ("R4", "ElementDefinition", "eld-19"): Correction(
            "path.matches('^[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\.[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\[x\\\\])?(\\\\:[^\\\\s\\\\.]+)?)*$')",
            "what R5 says",
        ),
        ("R4", "MedicationDispense", "mdd-1"): Correction(
            "whenHandedOver.empty() or whenPrepared.empty() or"
            " whenHandedOver.highBoundary() >= whenPrepared.lowBoundary()",
            _PRECISION,
        ),
        ("R4", "Period", "per-1"): Correction(
            "start.hasValue().not() or end.hasValue().not() or (start.lowBoundary() <= end.highBoundary())",
            f"what R5 says; {_PRECISION}",
        ),
        ("R4", "Questionnaire.item", "que-12"): Correction(
            "enableWhen.count() > 1 implies enableBehavior.exists()", "what R4B and R5 say; R4 counts from three"
        ),
        ("R4", "Questionnaire.item.enableWhen", "que-7"): Correction(
            "operator = 'exists' implies (answer is boolean)", "what R4B and R5 say; a value has no type 'Boolean'"
        ),
        ("R4", "Range", "rng-2"): Correction(
            "low.value.empty() or high.value.empty() or low.comparable(high).not() or (low <= high)",
            "as published it is empty for limits in different units and for one without a value",
        ),
        ("R4", "Reference", "ref-1"): Correction(_REF_1, _IN_R5),
        ("R4", "RiskAssessment.prediction", "ras-2"): Correction(
            "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))", _IN_R5
        ),
        ("R4", "Task", "inv-1"): Correction(
            "lastModified.exists().not() or authoredOn.exists().not() or"
            " lastModified.highBoundary() >= authoredOn.lowBoundary()",
            _PRECISION,
        ),
        ("R4", "Timing.repeat", "tim-9"): Correction(
            "offset.empty() or (when.exists() and when.select($this in ('C' | 'CM' | 'CD' | 'CV')).allFalse())",
            "what R5 says; as published it cannot be evaluated for several 'when'",
        ),
    }
)
"""Invariants that are evaluated in another form than published."""

REWORDED: Mapping[tuple[Release, str], Correction] = MappingProxyType(
    {
        ("R4", "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')"): Correction(
            "name.exists() implies name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')", _IN_R5
        ),
    }
)
"""The same for an expression that many elements share."""
