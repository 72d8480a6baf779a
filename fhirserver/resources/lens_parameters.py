"""Which search parameters of R4 mean the same as one of R5, where a type with a lens is stored as R5.

https://hl7.org/fhir/R4/searchparameter-registry.html. Listed is what holds for all content: the R4 parameter over the
R4 form finds what the R5 parameter over the stored form finds. Any other is evaluated on the R4 form. A quantity with
R5's comparator 'ad', which R4 shows without it, is found as R5 finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhirserver.resources.registry import LENSES

_EVERY = "_id _lastUpdated _security _source _tag"
_PUBLISHED = """
context context-quantity context-type context-type-quantity context-type-value date description identifier name
publisher status title url version
"""
# What leads over relatedArtifact is not listed: R4 knows eight relations where R5 has thirty-six.
_PLANNED = _PUBLISHED + " effective jurisdiction topic"

_SAME: Mapping[str, str] = MappingProxyType(
    {
        "ActivityDefinition": _PLANNED,
        "Condition": """abatement-age abatement-date abatement-string body-site category code encounter identifier
            onset-age onset-date onset-info patient recorded-date severity stage subject verification-status""",
        "EvidenceVariable": _PUBLISHED,
        "Group": """admits-age admits-healthy admits-sex characteristic characteristic-value code exclude identifier
            managing-entity member value""",
        "Location": "near",
        "Observation": """based-on category code code-value-concept code-value-date code-value-quantity
            code-value-string combo-code combo-code-value-concept combo-code-value-quantity combo-data-absent-reason
            combo-value-concept combo-value-quantity component-code component-code-value-concept
            component-code-value-quantity component-data-absent-reason component-value-concept component-value-quantity
            data-absent-reason date derived-from device encounter focus has-member identifier method part-of patient
            performer specimen status subject value-concept value-date value-quantity""",
        "Patient": """active address address-city address-country address-postalcode address-state address-use
            birthdate death-date deceased email family gender general-practitioner given identifier language link name
            organization phone phonetic telecom""",
        "PlanDefinition": _PLANNED + " definition type",
        "ResearchStudy": "date identifier keyword near protocol site title",
        "ResearchSubject": "date identifier patient study",
    }
)
_RENAMED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ResearchStudy": {"focus": "focus-code", "location": "region", "partof": "part-of"},
        "ResearchSubject": {"individual": "subject"},
    }
)

EQUAL: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        type_: MappingProxyType(
            {code: code for code in f"{_EVERY} {_SAME.get(type_, '')}".split()} | dict(_RENAMED.get(type_, {}))
        )
        for type_ in LENSES
    }
)
"""Type → R4 code → R5 code."""

DIRECT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Observation": frozenset(
            "amino-acid-change dna-variant gene-amino-acid-change gene-dnavariant gene-identifier value-string".split()
        ),
        "Patient": frozenset({"mothersMaidenName"}),
    }
)
"""Type → R4 codes that R5 has no parameter for, whose expressions find the same in the stored form as in R4's."""
